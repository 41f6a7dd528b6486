//! Faults on the wire and the control listener itself.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::{Lab, client_of, finish, options};

#[tokio::test]
async fn answers_can_be_spoiled_in_every_way() {
    let lab = Lab::new(0.02).await;
    let spoil = async |variant: &str| {
        lab.fault(json!({"do": "bad_json", "variant": variant, "path": "/cluster/resources", "times": 1}))
            .await;
        let url = format!("{}/api2/json/cluster/resources", lab.url("Home"));
        lab.client.get(url).header("Authorization", lab.token("read")).send().await
    };
    let html = spoil("html").await.unwrap();
    assert_eq!(html.status(), 200);
    assert!(html.text().await.unwrap().starts_with("<!DOCTYPE html>"));
    assert!(spoil("truncated").await.unwrap().bytes().await.is_err());
    let odd: Value = serde_json::from_str(&spoil("odd_row").await.unwrap().text().await.unwrap()).unwrap();
    let rows = odd["data"].as_array().unwrap();
    assert!(
        rows[0].is_null() && rows.iter().any(|r| r["id"] == "qemu/103"),
        "odd rows first, then the real ones"
    );
    let mut huge = spoil("huge").await.unwrap();
    let mut seen = 0;
    while let Some(chunk) = huge.chunk().await.unwrap() {
        seen += chunk.len();
    }
    assert!(seen >= 100_000_000, "{seen}");
    assert_eq!(lab.get("/cluster/resources").await.status, 200, "each struck once");
}

#[tokio::test]
async fn calls_can_fail_hang_crawl_and_be_cut_off() {
    let lab = Lab::new(0.02).await;
    lab.fault(json!({"do": "http_error", "status": 596, "message": "Connection timed out", "path": "/version", "times": 1})).await;
    let failed = lab.get("/version").await;
    assert_eq!(
        (failed.status, failed.reason.as_str(), failed.text.as_str()),
        (596, "Connection timed out", "")
    );
    lab.fault(json!({"do": "reset", "path": "/version", "times": 1})).await;
    let url = format!("{}/api2/json/version", lab.url("Home"));
    let ask = || lab.client.get(&url).header("Authorization", lab.token("read"));
    assert!(finish(ask()).await.is_err());
    lab.fault(json!({"do": "hang", "path": "/version", "times": 1})).await;
    let hung = finish(ask().timeout(Duration::from_millis(600))).await;
    assert!(hung.unwrap_err().is_timeout());
    lab.fault(json!({"do": "slow", "by_s": 20, "node": "Home", "times": 1})).await;
    assert!(finish(ask()).await.unwrap().took >= Duration::from_millis(400));
    assert!(finish(ask()).await.unwrap().took < Duration::from_millis(300));
}

#[tokio::test]
async fn certificates_can_expire_and_tokens_be_refused() {
    let lab = Lab::new(0.02).await;
    lab.fault(json!({"do": "cert_expired", "node": "pve"})).await;
    let ca = std::fs::read(&lab.running.ready.ca_file).unwrap();
    let url = format!("{}/api2/json/version", lab.url("pve"));
    let failed = client_of(&ca).get(&url).send().await.unwrap_err();
    assert!(format!("{failed:?}").contains("xpired"), "{failed:?}");
    lab.fault(json!({"do": "auth_fail", "kind": "read"})).await;
    assert_eq!(lab.ask("Home", "read", Method::GET, "/version", &[]).await.status, 401);
    assert_eq!(lab.ask("Home", "act", Method::GET, "/version", &[]).await.status, 200);
    let (status, report) = lab.control(Method::DELETE, "/faults", json!(null)).await;
    assert_eq!((status, &report["active"]), (200, &json!([])));
    assert_eq!(lab.ask("Home", "read", Method::GET, "/version", &[]).await.status, 200);
    assert_eq!(client_of(&ca).get(&url).send().await.unwrap().status(), 401);
}

#[tokio::test]
async fn a_node_signed_by_another_authority_is_not_trusted() {
    let mut other = options(0.02);
    other.other_ca = true;
    let lab = Lab::with(other).await;
    let failed = lab.client.get(lab.url("Home")).send().await.unwrap_err();
    assert!(
        format!("{failed:?}").contains("UnknownIssuer") || format!("{failed:?}").contains("BadSignature"),
        "{failed:?}"
    );
}

#[tokio::test]
async fn a_restarted_simulator_is_trusted_with_the_old_files() {
    let dir = tempfile::tempdir().unwrap();
    let mut kept = options(0.02);
    kept.state_dir = Some(dir.path().to_owned());
    let first = Lab::with(kept.clone()).await;
    let addresses =
        first.running.ready.nodes.iter().map(|n| n.url.trim_start_matches("https://").parse().unwrap());
    kept.pve_listen = addresses.collect();
    let (ready, client) = (first.running.ready.clone(), first.client.clone());
    first.running.stop().await;
    let second = Lab::with(kept).await;
    let urls = |r: &jarvis_sim::Ready| r.nodes.iter().map(|n| n.url.clone()).collect::<Vec<_>>();
    assert_eq!(urls(&ready), urls(&second.running.ready));
    assert_eq!(ready.tokens, second.running.ready.tokens);
    let url = format!("{}/api2/json/version", second.url("pve"));
    let old = client.get(url).header("Authorization", format!("PVEAPIToken={}", ready.tokens["read"]));
    assert_eq!(finish(old).await.unwrap().status, 200);
}

#[tokio::test]
async fn wrong_faults_are_refused_with_the_reason() {
    let lab = Lab::new(1.0).await;
    let cases = [
        (json!({"do": "earthquake"}), "unknown fault 'earthquake'"),
        (json!({"do": "node_down"}), "needs 'node'"),
        (json!({"do": "node_down", "node": "home"}), "no node 'home'"),
        (json!({"do": "node_down", "node": "Home", "vmid": 100}), "takes no 'vmid'"),
        (json!({"do": "guest_crash", "vmid": 7}), "no guest 7"),
        (json!({"do": "bad_json", "variant": "pink"}), "html, truncated, odd_row or huge"),
        (json!({"do": "slow", "spice": 1}), "unknown field `spice`"),
        (json!([{"do": "contradiction"}, {"do": "nope"}]), "unknown fault 'nope'"),
    ];
    for (fault, reason) in cases {
        let (status, answer) = lab.control(Method::POST, "/faults", fault.clone()).await;
        assert_eq!(status, 400, "{fault}");
        assert!(answer["error"].as_str().unwrap().contains(reason), "{fault}: {answer}");
    }
    let (_, report) = lab.control(Method::GET, "/faults", json!(null)).await;
    assert_eq!(report["active"], json!([]));
    assert_eq!(report["known"].as_array().unwrap().len(), 54);
    assert_eq!(lab.control(Method::GET, "/nothing", json!(null)).await.0, 404);
    assert_eq!(lab.control(Method::POST, "/clock", json!({"scale": 0})).await.0, 400);
}

#[tokio::test]
async fn faults_strike_at_their_time_and_end_by_themselves() {
    let lab = Lab::new(1.0).await;
    lab.fault(json!([
        {"at_s": 5, "do": "guest_crash", "vmid": 101},
        {"at_s": 20, "do": "storage_offline", "storage": "nas-pool", "for_s": 30},
        {"at_s": 1, "do": "guest_stop_by_human", "vmid": 102},
        {"at_s": 1, "do": "load", "vmid": 103, "amount": 0.7, "for_s": 60},
    ]))
    .await;
    let on = async |vmid: u64| {
        let truth = lab.truth().await;
        truth["guests"].as_array().unwrap().iter().find(|g| g["vmid"] == vmid).unwrap()["status"] == "running"
    };
    let nas = async || lab.get("/nodes/Home/storage").await.row("storage", "nas-pool")["active"].clone();
    assert!(on(101).await);
    lab.advance(6.0).await;
    assert!(!on(101).await && !on(102).await);
    let stop = lab.get("/cluster/tasks").await.row("type", "vzstop");
    assert_eq!((&stop["user"], &stop["status"]), (&json!("operator@pam"), &json!("OK")));
    let cpu = lab.get("/nodes/agent1/qemu/103/status/current").await.data()["cpu"].as_f64().unwrap();
    assert!(cpu > 0.7, "{cpu}");
    lab.advance(16.0).await;
    assert_eq!(nas().await, json!(0));
    lab.advance(30.0).await;
    assert_eq!(nas().await, json!(1));
}

#[tokio::test]
async fn requests_are_counted_per_endpoint() {
    let lab = Lab::new(0.02).await;
    for _ in 0..3 {
        lab.get("/cluster/resources?type=vm").await;
    }
    lab.get("/nodes/pve/status").await;
    lab.get("/nodes/agent1/status").await;
    let (_, report) = lab.control(Method::GET, "/requests?reset=1", json!(null)).await;
    assert_eq!(report["total"], 5);
    assert_eq!(report["endpoints"], json!({"GET /cluster/resources": 3, "GET /nodes/{node}/status": 2}));
    assert_eq!(report["by"], json!({"root@pam!full": 5}));
    let (_, report) = lab.control(Method::GET, "/requests", json!(null)).await;
    assert_eq!(report["total"], 0);
}
