//! Each way in which things go wrong gives its own word and one line that says what, where and what to do.

use std::io::Write;
use std::time::{Duration, Instant};

use jarvis_core::cluster::{GuestKind, reading::Resources};
use tokio::net::TcpListener;

use super::server::{Ca, Reply, Server, bare, http, json};
use super::*;
use crate::clients::proxmox::{Answer, ProxmoxError};

/// What `GET /version` ends with at a server that answers so; the line must be whole and must not tell the token.
async fn failure(answer: impl Fn() -> Reply + Send + Sync + 'static) -> ProxmoxError {
    let ca = Ca::new("cluster");
    let server = Server::new(&ca, move |_, _| answer()).await;
    failure_of(&settings(&ca, &[("pve", &server)])).await
}

async fn failure_of(settings: &Settings) -> ProxmoxError {
    let error = client(settings).version().await.unwrap_err();
    sound(&error, &settings.nodes[0].url);
    error
}

fn sound(error: &ProxmoxError, url: &str) {
    let line = error.to_string();
    for part in ["GET /version at pve (", url, ";"] {
        assert!(line.contains(part), "{part:?} is missing in: {line}");
    }
    assert!(!line.contains('\n') && line.len() < 500, "{line}");
    for text in [line, format!("{error:?}"), format!("{:?}", anyhow::Error::new(error.clone()))] {
        assert!(!text.contains(CANARY), "{text}");
    }
}

/// Two guests; in the first something that is no JSON, or no text.
async fn two_guests(bad: &'static [u8]) -> Answer<Resources> {
    let ca = Ca::new("cluster");
    let server = Server::new(&ca, move |_, _| {
        let row = |vmid: u32, more: &[u8]| {
            let start =
                format!(r#"{{"type":"qemu","vmid":{vmid},"node":"pve","status":"running","maxmem":8,"cpu":"#);
            [start.as_bytes(), more, b"}"].concat()
        };
        let body = [br#"{"data":["#, &*row(100, bad), b",", &*row(101, b"0.5"), b"]}"].concat();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
        Reply::Bytes([head.as_bytes(), &body].concat())
    })
    .await;
    client(&settings(&ca, &[("pve", &server)])).resources().await.unwrap()
}

#[tokio::test]
async fn a_value_that_is_no_json_costs_only_itself() {
    for bad in [&b"NaN"[..], b"-Infinity", b"1e999", b"0.1,\"name\":\"\\ud800\"", b"[[[[1]]]]"] {
        let answer = two_guests(bad).await;
        let seen = String::from_utf8_lossy(bad);
        assert_eq!((answer.value.guests.len(), answer.odd_rows), (2, 1), "{seen}");
        assert_eq!(answer.value.guests[0].mem_total_bytes, Some(8), "{seen}");
    }
    let latin = two_guests(b"0.1,\"name\":\"caf\xe9\"").await;
    assert_eq!(latin.value.guests[0].name.as_deref(), Some("caf\u{fffd}"));
    let twice = two_guests(b"0.1,\"cpu\":0.25").await;
    assert_eq!((twice.value.guests[0].cpu, twice.odd_rows), (Some(0.25), 1));
}

#[tokio::test]
async fn a_list_from_which_everything_was_left_out_is_a_refusal() {
    for rows in ["", r#"{"type":"node","node":"pve","status":"online"}"#] {
        let ca = Ca::new("cluster");
        let body = format!(r#"{{"data":[{rows}]}}"#);
        let server = Server::new(&ca, move |_, _| json(&body)).await;
        let error = client(&settings(&ca, &[("pve", &server)])).resources().await.unwrap_err();
        assert_eq!(error.word(), "forbidden", "{rows}");
        assert!(error.to_string().contains("privilege separation"), "{error}");
    }
}

#[tokio::test]
async fn a_name_of_signs_that_hide_is_shown_for_what_it_is() {
    let long = format!("0.1,\"name\":\"a\\u001b[31m\u{202e}{}\"", "n".repeat(5_000));
    let answer = two_guests(Box::leak(long.into_bytes().into_boxed_slice())).await;
    let name = answer.value.guests[0].name.clone().unwrap();
    assert!(name.starts_with("a\u{fffd}[31m\u{fffd}nnn") && name.chars().count() == 256, "{name}");
    assert_eq!(answer.odd_rows, 1);
}

#[tokio::test]
async fn answers_that_are_none_have_their_own_words() {
    let page = "<html><head><title>nginx</title></head></html>";
    let refused = r#"{"data":null,"message":"Permission check failed (/nodes/pve, Sys.Audit)\n"}"#;
    let cases: Vec<(&str, &str, Reply)> = vec![
        ("not_json", "<html>", http("200 OK", "text/html", page)),
        ("not_json", "502", http("502 Bad Gateway", "text/html", page)),
        ("not_json", "begins ``", http("200 OK", "text/plain", "")),
        ("truncated", "after 12 bytes", json(r#"{"data":{"ve"#)),
        ("unauthorized", "No ticket", bare("401 No ticket")),
        ("unauthorized", "Authentication failed!", bare("401 Authentication failed!")),
        (
            "forbidden",
            "Permission check failed (/nodes/pve, Sys.Audit)",
            http("403 x", "application/json", refused),
        ),
        ("node_gone", "595 No route to host", bare("595 No route to host")),
        ("node_gone", "596", bare("596 Broken pipe")),
        ("not_implemented", "501", bare("501 501 Method 'GET /x' not implemented")),
        ("no_quorum", "cluster not ready", bare("500 cluster not ready - no quorum?")),
        ("server", "got timeout", bare("500 got timeout")),
        (
            "redirected",
            "https://h:8006/",
            Reply::Last(
                b"HTTP/1.1 301 Moved Permanently\r\nLocation: https://h:8006/\r\nContent-Length: 0\r\n\r\n"
                    .to_vec(),
            ),
        ),
        ("odd", "no version", json(r#"{"data":{}}"#)),
        ("odd", "not a version", json(r#"{"data":"x"}"#)),
    ];
    for (word, says, reply) in cases {
        let reply = std::sync::Mutex::new(Some(reply));
        // A retry or a second asking would panic here.
        let error = failure(move || reply.lock().unwrap().take().unwrap()).await;
        assert_eq!(error.word(), word, "{error}");
        assert!(error.to_string().contains(says), "{says:?} is missing in: {error}");
    }
}

#[tokio::test]
async fn what_breaks_off_is_asked_once_more_and_then_said() {
    let ca = Ca::new("cluster");
    let short = b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"data\":".to_vec();
    for reply in [None, Some(short)] {
        let broken = move || reply.clone().map_or(Reply::Drop, Reply::Last);
        let server = Server::new(&ca, move |_, _| broken()).await;
        let settings = settings(&ca, &[("pve", &server)]);
        let proxmox = client(&settings);
        let error = proxmox.version().await.unwrap_err();
        sound(&error, &settings.nodes[0].url);
        assert_eq!((error.word(), server.seen().len()), ("interrupted", 2), "{error}");
        assert_eq!(proxmox.meter().counts().retries, 1);
    }
}

#[tokio::test]
async fn a_connection_closed_while_idle_costs_nothing_but_one_retry() {
    let ca = Ca::new("cluster");
    let server = Server::new(&ca, |_, nth| match nth {
        2 => Reply::Drop,
        _ => json(r#"{"data":{"version":"9.2.11"}}"#),
    })
    .await;
    let proxmox = client(&settings(&ca, &[("pve", &server)]));
    for _ in 0..3 {
        assert_eq!(proxmox.version().await.unwrap().value, "9.2.11");
    }
    let counts = proxmox.meter().counts();
    assert_eq!((counts.retries, proxmox.meter().requests_total(), counts.failovers), (1, 4, 0));
}

#[tokio::test]
async fn an_endless_body_is_cut_off_at_the_limit() {
    let begun = Instant::now();
    let error = failure(|| Reply::Endless).await;
    assert_eq!(error.word(), "too_large", "{error}");
    assert!(error.to_string().contains("more than 32 MB"), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_zip_bomb_counts_by_what_comes_out() {
    let zeros = gzip_of_zeros(100 << 20);
    assert!(zeros.len() < 700_000, "{}", zeros.len());
    let mut reply = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
        zeros.len()
    )
    .into_bytes();
    reply.extend(zeros);
    let error = failure(move || Reply::Bytes(reply.clone())).await;
    assert_eq!(error.word(), "too_large", "{error}");
}

/// A gzip stream of `size` zeros, written by hand, since no compressor is at hand: one
/// fixed-Huffman block of longest matches.
fn gzip_of_zeros(size: usize) -> Vec<u8> {
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    let (mut bits, mut held) = (0_u32, 0_u32);
    let mut put = |value: u32, count: u32, out: &mut Vec<u8>| {
        bits |= value << held;
        held += count;
        while held >= 8 {
            out.push(bits.to_le_bytes()[0]);
            bits >>= 8;
            held -= 8;
        }
    };
    // Last block, fixed codes; literal 0 is 0b00110000 sent from its highest bit.
    put(0b011, 3, &mut out);
    put(0b0000_1100, 8, &mut out);
    // Length 258 is code 285 = 0b11000101 (highest bit first), distance 1 is code 0.
    for _ in 0..size / 258 {
        put(0b1010_0011, 8, &mut out);
        put(0, 5, &mut out);
    }
    put(0, 7, &mut out);
    put(0, 7, &mut out);
    out.write_all(&[0; 8]).unwrap();
    out
}

#[tokio::test]
async fn a_node_that_is_not_there_is_unreachable() {
    let ca = Ca::new("cluster");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    drop(listener);
    let mut settings = settings(&ca, &[]);
    settings.nodes = vec![address("pve", &url)];
    let error = failure_of(&settings).await;
    assert_eq!(error.word(), "unreachable");
    assert!(error.to_string().contains("connection refused"), "{error}");
    settings.nodes = vec![address("pve", "https://no-such-host.invalid:8006")];
    let error = failure_of(&settings).await;
    assert_eq!(error.word(), "unreachable");
    assert!(error.to_string().contains("name is not known"), "{error}");
}

#[tokio::test]
async fn a_port_that_accepts_and_says_nothing_is_given_up_after_two_seconds() {
    let ca = Ca::new("cluster");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut settings = settings(&ca, &[]);
    settings.nodes = vec![address("pve", &format!("https://{}", listener.local_addr().unwrap()))];
    let begun = Instant::now();
    let error = failure_of(&settings).await;
    assert_eq!(error.word(), "unreachable", "{error}");
    assert!(error.to_string().contains("2000 ms"), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(4));
}

#[tokio::test]
async fn plain_http_on_the_port_is_told_as_a_tls_failure() {
    let ca = Ca::new("cluster");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut settings = settings(&ca, &[]);
    settings.nodes = vec![address("pve", &format!("https://{}", listener.local_addr().unwrap()))];
    let plain = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let _ = tokio::io::AsyncWriteExt::write_all(&mut socket, b"HTTP/1.0 400 Bad Request\r\n\r\n").await;
    });
    assert_eq!(failure_of(&settings).await.word(), "tls");
    plain.await.unwrap();
}

#[tokio::test]
async fn silence_is_given_up_after_the_time_of_its_class() {
    let ca = Ca::new("cluster");
    let server = Server::new(&ca, |_, _| Reply::Hang).await;
    let settings = settings(&ca, &[("pve", &server)]);
    let proxmox = client(&settings);
    let pve = "pve".parse().unwrap();
    let begun = Instant::now();
    let (list, guest) =
        tokio::join!(async { (proxmox.version().await.unwrap_err(), begun.elapsed()) }, async {
            let vmid = "100".parse().unwrap();
            (proxmox.guest_now(&pve, GuestKind::Qemu, vmid).await.unwrap_err(), begun.elapsed())
        });
    sound(&list.0, &settings.nodes[0].url);
    assert_eq!((list.0.word(), guest.0.word()), ("timed_out", "timed_out"));
    assert!(list.0.to_string().contains("5000 ms") && guest.0.to_string().contains("8000 ms"));
    assert!(list.1 < Duration::from_secs(7) && guest.1 < Duration::from_secs(10), "{list:?} {guest:?}");
}

#[tokio::test]
async fn a_refusal_that_takes_three_seconds_is_still_a_refusal() {
    let error = failure(|| {
        let text = b"HTTP/1.1 401 Authentication failed!\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
        Reply::After(Duration::from_secs(3), text.to_vec())
    })
    .await;
    assert_eq!(error.word(), "unauthorized", "{error}");
}

#[tokio::test]
async fn certificates_are_believed_only_for_a_reason() {
    let (ca, other) = (Ca::new("cluster"), Ca::new("another"));
    let good = |_: &super::server::Request, _| json(r#"{"data":{"version":"9.2.11"}}"#);
    let server = Server::new(&ca, good).await;
    let mut wrong_ca = settings(&other, &[("pve", &server)]);
    assert_eq!(failure_of(&wrong_ca).await.word(), "tls_untrusted_ca");

    // The fingerprint speaks for the certificate, whoever signed it.
    wrong_ca.nodes[0].fingerprint = Some(server.fingerprint());
    client(&wrong_ca).version().await.unwrap();
    wrong_ca.ca_pem = None;
    client(&wrong_ca).version().await.unwrap();
    wrong_ca.nodes[0].fingerprint = Some("AA:".repeat(31) + "AA");
    let error = failure_of(&wrong_ca).await;
    assert_eq!(error.word(), "fingerprint_mismatch");
    assert!(error.to_string().contains(&server.fingerprint()), "{error}");

    // The certificate alone is public: whoever shows it must own its key.
    let thief = Server::thief(&ca, good).await;
    let mut by_ca = settings(&ca, &[("pve", &thief)]);
    for pin in [None, Some(thief.fingerprint())] {
        by_ca.nodes[0].fingerprint = pin;
        let error = failure_of(&by_ca).await;
        assert!(error.word() == "tls" && error.to_string().contains("does not own the key"), "{error}");
    }
    assert!(thief.seen().is_empty());

    let expired = Server::named(&ca, &["127.0.0.1"], Some((2020, 2, 29)), good).await;
    let error = failure_of(&settings(&ca, &[("pve", &expired)])).await;
    assert_eq!(error.word(), "tls_expired");
    assert!(error.to_string().contains("2020-02-29"), "{error}");
    assert!(server.seen().iter().all(|r| r.head.contains(CANARY)) && expired.seen().is_empty());
}

/// As `openssl req -x509` makes it: a CA that shows itself.
#[tokio::test]
async fn a_self_signed_certificate_is_told_with_the_fingerprint_to_pin() {
    let ca = Ca::new("homemade");
    let server = Server::as_the_ca(&ca, |_, _| json(r#"{"data":{"version":"9.2.11"}}"#)).await;
    let mut settings = settings(&ca, &[("pve", &server)]);
    let error = failure_of(&settings).await;
    assert_eq!(error.word(), "tls_uncheckable", "{error}");
    let line = error.to_string();
    assert!(line.contains(&server.fingerprint()) && line.contains("pin it"), "{line}");
    assert!(server.seen().is_empty());
    settings.nodes[0].fingerprint = Some(server.fingerprint());
    client(&settings).version().await.unwrap();
}

#[tokio::test]
async fn the_address_or_the_nodes_name_must_be_in_the_certificate() {
    let ca = Ca::new("cluster");
    let good = |_: &super::server::Request, _| json(r#"{"data":{"version":"9.2.11"}}"#);
    // As on a node behind another address: only its name is in the certificate.
    let server = Server::named(&ca, &["Home", "localhost"], None, good).await;
    client(&settings(&ca, &[("Home", &server)])).version().await.unwrap();
    let mut by_name = settings(&ca, &[("pve", &server)]);
    by_name.nodes[0].url = server.url_as("localhost");
    client(&by_name).version().await.unwrap();
    let error = failure_of(&settings(&ca, &[("pve", &server)])).await;
    assert_eq!(error.word(), "tls_wrong_name");
    assert!(error.to_string().contains("Home"), "{error}");
}

#[tokio::test]
async fn settings_that_cannot_work_are_refused_before_anything_is_sent() {
    let ca = Ca::new("cluster");
    let refused = |change: &dyn Fn(&mut Settings)| {
        let mut settings = settings(&ca, &[]);
        settings.nodes = vec![address("pve", "https://127.0.0.1:1")];
        change(&mut settings);
        let error = Proxmox::new(&settings, Clock, Arc::default()).unwrap_err();
        assert_eq!(error.word(), "misconfigured");
        assert!(!error.to_string().contains(CANARY));
        error.to_string()
    };
    assert!(refused(&|s| s.nodes.clear()).contains("proxmox.nodes"));
    assert!(refused(&|s| s.ca_pem = None).contains("proxmox.ca_file"));
    assert!(refused(&|s| s.ca_pem = Some("no pem".into())).contains("/etc/pve/pve-root-ca.pem"));
    assert!(refused(&|s| s.token = CANARY.to_owned().into()).contains("user@realm!tokenid=uuid"));
    assert!(refused(&|s| s.nodes[0].url = "http://127.0.0.1:8006".into()).contains("https://"));
    let mut settings = settings(&ca, &[]);
    settings.nodes = vec![address("pve", "https://127.0.0.1:1")];
    let proxmox = client(&settings);
    assert!(!format!("{proxmox:?} {settings:?}").contains(CANARY));
}
