//! One node down, slow or talking nonsense costs little and once; an answer about a guest costs its node nothing.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use jarvis_core::cluster::GuestKind;
use tokio::net::TcpListener;

use super::server::{Ca, Reply, Server, bare, http, json};
use super::*;

const VERSION: &str = r#"{"data":{"version":"9.2.11"}}"#;

async fn nobody_there() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("https://{}", listener.local_addr().unwrap())
}

#[tokio::test]
async fn the_cluster_stays_visible_when_the_first_node_is_down() {
    let ca = Ca::new("cluster");
    let pve = Server::new(&ca, |_, _| json(VERSION)).await;
    let mut settings = settings(&ca, &[("pve", &pve)]);
    settings.nodes.insert(0, address("Home", &nobody_there().await));
    let proxmox = client(&settings);
    for _ in 0..5 {
        assert_eq!(proxmox.version().await.unwrap().via.as_str(), "pve");
    }
    let counts = proxmox.meter().counts();
    // Home was asked once, then left alone: pve is remembered.
    assert_eq!((proxmox.meter().requests_total(), counts.failovers), (6, 1));
    assert_eq!(counts.errors.values().sum::<u64>(), 1);
}

#[tokio::test]
async fn a_hung_node_costs_one_short_wait_and_is_remembered() {
    let ca = Ca::new("cluster");
    let home = Server::new(&ca, |_, _| Reply::Hang).await;
    let pve = Server::new(&ca, |_, _| json(VERSION)).await;
    let proxmox = client(&settings(&ca, &[("Home", &home), ("pve", &pve)]));
    let begun = Instant::now();
    assert_eq!(proxmox.version().await.unwrap().via.as_str(), "pve");
    let first = begun.elapsed();
    assert!(first > Duration::from_millis(1_400) && first < Duration::from_secs(3), "{first:?}");
    let begun = Instant::now();
    proxmox.version().await.unwrap();
    assert!(begun.elapsed() < Duration::from_millis(500), "{:?}", begun.elapsed());
    assert_eq!((home.seen().len(), proxmox.meter().counts().hedges), (1, 1));
}

#[tokio::test]
async fn a_node_that_talks_nonsense_is_passed_over() {
    let ca = Ca::new("cluster");
    for nonsense in [
        || http("200 OK", "text/html", "<html>"),
        || json(r#"{"data":"#),
        || http("502 Bad Gateway", "text/plain", "x"),
        // What a node answers whose pmxcfs has died, and what one answers that is just starting.
        || http("500 x", "application/json", r#"{"data":null,"message":"ipcc_send_rec[1] failed\n"}"#),
        || bare("500 internal error"),
        || bare("596 Connection timed out"),
        || Reply::Drop,
    ] {
        let home = Server::new(&ca, move |_, _| nonsense()).await;
        let pve = Server::new(&ca, |_, _| json(VERSION)).await;
        let proxmox = client(&settings(&ca, &[("Home", &home), ("pve", &pve)]));
        assert_eq!(proxmox.version().await.unwrap().via.as_str(), "pve");
    }
}

#[tokio::test]
async fn an_answer_about_one_guest_or_node_keeps_its_node_in_favour() {
    let ca = Ca::new("cluster");
    let home = Server::new(&ca, |request, _| match request.path.as_str() {
        p if p.contains("/999/") => {
            let text = r#"{"data":null,"message":"Configuration file 'nodes/pve/qemu-server/999.conf' does not exist\n"}"#;
            http("500 x", "application/json", text)
        }
        p if p.contains("/nodes/agent/") => bare("595 No route to host"),
        _ => json(VERSION),
    })
    .await;
    let pve = Server::new(&ca, |_, _| json(VERSION)).await;
    let proxmox = client(&settings(&ca, &[("Home", &home), ("pve", &pve)]));
    let (node, agent, vmid) = ("pve".parse().unwrap(), "agent".parse().unwrap(), "999".parse().unwrap());
    for _ in 0..3 {
        assert_eq!(proxmox.guest_now(&node, GuestKind::Qemu, vmid).await.unwrap_err().word(), "absent");
        let gone = proxmox.node_detail(&agent).await.unwrap_err();
        assert!(gone.to_string().contains("node agent does not answer the cluster (595 No route to host)"));
        assert_eq!(proxmox.version().await.unwrap().via.as_str(), "Home");
    }
    assert_eq!((pve.seen().len(), proxmox.meter().counts().failovers), (0, 0));
}

#[tokio::test]
async fn what_goes_wrong_behind_a_node_is_not_laid_at_its_door() {
    let ca = Ca::new("cluster");
    let home = Server::new(&ca, |request, _| match request.path.as_str() {
        p if p.contains("/nodes/agent/") => Reply::Drop,
        p if p.contains("/nodes/agent1/") => http("200 OK", "text/html", "<html>"),
        _ => json(VERSION),
    })
    .await;
    let pve = Server::new(&ca, |_, _| json(VERSION)).await;
    let proxmox = client(&settings(&ca, &[("Home", &home), ("pve", &pve)]));
    for _ in 0..3 {
        assert_eq!(proxmox.node_detail(&"agent".parse().unwrap()).await.unwrap_err().word(), "interrupted");
        assert_eq!(proxmox.node_detail(&"agent1".parse().unwrap()).await.unwrap_err().word(), "not_json");
        assert_eq!(proxmox.version().await.unwrap().via.as_str(), "Home");
    }
    assert!(pve.seen().is_empty());
}

#[tokio::test]
async fn a_refused_token_is_not_tried_at_every_node() {
    let ca = Ca::new("cluster");
    let home = Server::new(&ca, |_, _| bare("401 Authentication failed!")).await;
    let pve = Server::new(&ca, |_, _| json(VERSION)).await;
    let proxmox = client(&settings(&ca, &[("Home", &home), ("pve", &pve)]));
    assert_eq!(proxmox.version().await.unwrap_err().word(), "unauthorized");
    assert!(pve.seen().is_empty());
}

fn view(of: &str, online: [bool; 3], quorate: u8) -> Reply {
    let rows: Vec<String> = ["Home", "pve", "agent1"]
        .iter()
        .zip(online)
        .map(|(n, on)| {
            let (on, local) = (u8::from(on), u8::from(*n == of));
            format!(
                r#"{{"type":"node","name":"{n}","online":{on},"local":{local},"id":"node/{n}","nodeid":1}}"#
            )
        })
        .collect();
    let rows = rows.join(",");
    json(&format!(
        r#"{{"data":[{{"type":"cluster","name":"lab","quorate":{quorate},"version":3,"nodes":3}},{rows}]}}"#
    ))
}

fn figures(online: [bool; 3]) -> Reply {
    let row = |(n, on): (&&str, bool)| {
        let status = if on { "online" } else { "offline" };
        format!(r#"{{"type":"node","node":"{n}","id":"node/{n}","status":"{status}","cpu":0.1,"maxcpu":4}}"#)
    };
    let rows: Vec<String> = ["Home", "pve", "agent1"].iter().zip(online).map(row).collect();
    json(&format!(r#"{{"data":[{}]}}"#, rows.join(",")))
}

#[tokio::test]
async fn a_node_that_is_apart_is_not_believed_over_the_others() {
    let ca = Ca::new("cluster");
    let (alone, others) = ([true, false, false], [false, true, true]);
    let answer = |of: &'static str, online: [bool; 3], quorate: u8| {
        move |request: &super::server::Request, _: usize| match request.path.as_str() {
            "/api2/json/cluster/resources" => figures(online),
            _ => view(of, online, quorate),
        }
    };
    let home = Server::new(&ca, answer("Home", alone, 0)).await;
    let pve = Server::new(&ca, answer("pve", others, 1)).await;
    let proxmox = client(&settings(&ca, &[("Home", &home), ("pve", &pve)]));
    // As a round asks them: at the same time.
    let (rows, members) = tokio::join!(proxmox.resources(), proxmox.membership());
    let (rows, members) = (rows.unwrap(), members.unwrap());
    assert_eq!((members.via.as_str(), members.value.quorate), ("pve", Some(true)));
    assert_eq!(rows.via.as_str(), "pve");
    let before = home.seen().len();
    assert_eq!(proxmox.membership().await.unwrap().via.as_str(), "pve");
    assert_eq!(home.seen().len(), before, "it is left alone");
}

#[tokio::test]
async fn a_cluster_without_quorum_is_asked_for_a_second_view_once_in_a_while() {
    let ca = Ca::new("cluster");
    let lost = |_: &super::server::Request, _: usize| view("Home", [true, false, false], 0);
    let (home, pve) = (Server::new(&ca, lost).await, Server::new(&ca, lost).await);
    let proxmox = client(&settings(&ca, &[("Home", &home), ("pve", &pve)]));
    for _ in 0..5 {
        assert_eq!(proxmox.membership().await.unwrap().value.quorate, Some(false));
    }
    assert_eq!((home.seen().len(), pve.seen().len()), (5, 1));
}

#[tokio::test]
async fn when_every_node_fails_alike_it_is_said_once_with_what_the_server_said() {
    let ca = Ca::new("cluster");
    let fault = || http("500 x", "application/json", r#"{"data":null,"message":"no disk space left\n"}"#);
    let home = Server::new(&ca, move |_, _| fault()).await;
    let pve = Server::new(&ca, move |_, _| fault()).await;
    let proxmox = client(&settings(&ca, &[("Home", &home), ("pve", &pve)]));
    let line = proxmox.version().await.unwrap_err().to_string();
    assert!(line.contains("Home (") && line.contains("pve ("), "{line}");
    assert_eq!(line.matches("no disk space left").count(), 1, "{line}");
}

#[tokio::test]
async fn when_nobody_answers_each_is_named_and_the_first_to_return_is_found() {
    let ca = Ca::new("cluster");
    let up = Arc::new(AtomicBool::new(false));
    let now = Arc::clone(&up);
    let back =
        Server::new(&ca, move |_, _| if now.load(Ordering::Relaxed) { json(VERSION) } else { Reply::Drop })
            .await;
    let mut settings = settings(&ca, &[("pve", &back)]);
    settings.nodes.insert(0, address("Home", &nobody_there().await));
    let proxmox = client(&settings);
    for _ in 0..4 {
        let error = proxmox.version().await.unwrap_err();
        assert_eq!(error.word(), "nobody_answers");
        let line = error.to_string();
        assert!(
            line.contains("Home (") && line.contains("connection refused") && line.contains("pve ("),
            "{line}"
        );
    }
    // Both are in back-off by now; still the very next poll finds the one that is back.
    up.store(true, Ordering::Relaxed);
    assert_eq!(proxmox.version().await.unwrap().via.as_str(), "pve");
}

#[tokio::test]
async fn a_failed_node_is_asked_again_after_its_back_off() {
    let ca = Ca::new("cluster");
    let home_down = Arc::new(AtomicBool::new(true));
    let pve_down = Arc::new(AtomicBool::new(false));
    let server = |down: &Arc<AtomicBool>| {
        let down = Arc::clone(down);
        Server::new(&ca, move |_, _| if down.load(Ordering::Relaxed) { Reply::Drop } else { json(VERSION) })
    };
    let (home, pve, agent) = (server(&home_down).await, server(&pve_down).await, server(&pve_down).await);
    let proxmox = client(&settings(&ca, &[("Home", &home), ("pve", &pve), ("agent", &agent)]));
    assert_eq!(proxmox.version().await.unwrap().via.as_str(), "pve");
    home_down.store(false, Ordering::Relaxed);
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    assert_eq!(proxmox.version().await.unwrap().via.as_str(), "pve", "who answered last stays in favour");
    pve_down.store(true, Ordering::Relaxed);
    assert_eq!(proxmox.version().await.unwrap().via.as_str(), "Home");
    assert!(agent.seen().is_empty(), "Home's back-off was over, so its place in the list counted again");
}

#[tokio::test]
async fn many_callers_make_one_request() {
    let ca = Ca::new("cluster");
    let server = Server::new(&ca, |_, _| {
        let text = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{VERSION}", VERSION.len());
        Reply::After(Duration::from_millis(200), text.into())
    })
    .await;
    let proxmox = client(&settings(&ca, &[("pve", &server)]));
    let callers = (0..50).map(|_| proxmox.version());
    for answer in futures_util::future::join_all(callers).await {
        assert_eq!(answer.unwrap().value, "9.2.11");
    }
    assert_eq!((server.seen().len(), proxmox.meter().counts().shared), (1, 49));
    // Not a cache: the next caller asks anew.
    proxmox.version().await.unwrap();
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test]
async fn a_caller_who_goes_away_leaves_the_others_their_answer() {
    let ca = Ca::new("cluster");
    let server = Server::new(&ca, |_, _| {
        let text = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{VERSION}", VERSION.len());
        Reply::After(Duration::from_millis(300), text.into())
    })
    .await;
    let proxmox = client(&settings(&ca, &[("pve", &server)]));
    let first = tokio::spawn({
        let proxmox = proxmox.clone();
        async move { proxmox.version().await.map(|_| ()) }
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    let second = tokio::spawn({
        let proxmox = proxmox.clone();
        async move { proxmox.version().await }
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    first.abort();
    assert_eq!(second.await.unwrap().unwrap().value, "9.2.11");
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test]
async fn requests_under_way_are_bounded() {
    let ca = Ca::new("cluster");
    let server = Server::new(&ca, |_, _| Reply::Hang).await;
    let proxmox = client(&settings(&ca, &[("pve", &server)]));
    let mut callers = tokio::task::JoinSet::new();
    for i in 0..40 {
        let proxmox = proxmox.clone();
        callers
            .spawn(async move { proxmox.node_detail(&format!("n{i}").parse().unwrap()).await.map(|_| ()) });
    }
    // None of them is answered, so those that arrived within the first seconds are all that are let through.
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    assert_eq!(server.seen().len(), 8);
}

#[tokio::test]
async fn the_meter_counts_every_request_under_its_template() {
    let ca = Ca::new("cluster");
    let body = r#"{"data":{"loadavg":["1","2","3"]}}"#;
    let server = Server::new(&ca, move |_, _| json(body)).await;
    let proxmox = client(&settings(&ca, &[("pve", &server)]));
    for name in ["pve", "agent", "agent1"] {
        proxmox.node_detail(&name.parse().unwrap()).await.unwrap();
    }
    let counts = proxmox.meter().counts();
    let (key, count) = counts.endpoints.iter().next().unwrap();
    assert_eq!((key.template, key.via.as_str(), counts.endpoints.len()), ("/nodes/{node}/status", "pve", 1));
    assert_eq!((count.requests, count.errors, count.bytes), (3, 0, 3 * u64::try_from(body.len()).unwrap()));
    assert_eq!(count.buckets.iter().sum::<u64>(), 3);
    assert!(count.seconds > 0.0);
    assert!(server.seen().iter().all(|r| r.head.contains("accept-encoding: gzip")), "{:?}", server.seen());
}
