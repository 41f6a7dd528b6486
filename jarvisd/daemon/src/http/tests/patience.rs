//! What the stream does with clients that are too slow, silent, or no longer allowed. The waits are the real
//! ones: what is promised is a time.

use std::time::{Duration, Instant};

use jarvis_core::cluster::{
    SourceId,
    reading::{NodeDetail, Part, Reading},
};
use serde_json::json;

use super::{
    harness::Daemon,
    streams::{Said, Screen, read_token},
};
use crate::{access::Plain, clock::Clock};

/// What the daemon counts, as it would be scraped.
fn counted(daemon: &Daemon, line: &str) -> bool {
    let mut registry = prometheus_client::registry::Registry::default();
    daemon.meter.register(&mut registry);
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
    text.lines().any(|l| l == line)
}

/// One change of about this size: a processor with a very long name.
fn large_change(daemon: &Daemon, n: usize, bytes: usize) {
    let name = "pve".parse().unwrap();
    let source = SourceId::node(&name);
    let at_ms = Clock.now_ms();
    let part = Ok(Part::NodeDetail(NodeDetail {
        node: name,
        load: None,
        iowait: None,
        swap_used_bytes: None,
        swap_total_bytes: None,
        cpu_model: Some(format!("{n} {}", "x".repeat(bytes))),
        kernel: None,
        pve_version: None,
    }));
    daemon
        .state
        .absorb(vec![Reading { source, at_ms, interval_ms: 10_000, via: None, part, odd_rows: 0 }], at_ms);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_falls_behind_the_changes_is_told_so_and_gets_a_snapshot() {
    let daemon = Daemon::start().await;
    let mut slow = Screen::open(&daemon, &read_token(&daemon).await, "channels=cluster").await;
    let first = slow.until("snapshot", "cluster").await;
    // More than the connection holds, so that the stream has to wait for its reader …
    for n in 0..40 {
        large_change(&daemon, n, 400_000);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    // … and more changes than are kept for whoever is behind.
    for n in 0..300_u32 {
        daemon.change(f64::from(n % 7) / 10.0 + 0.1);
    }
    let last = daemon.change(0.99);
    let mut seq = first["seq"].as_i64().unwrap();
    let (mut lags, mut owed) = (0, false);
    while seq < last {
        let frame = slow.frame().await;
        let of = frame["seq"].as_i64();
        match frame["type"].as_str().unwrap() {
            "change" => {
                assert!(!owed, "a change between a lag and its snapshot");
                assert_eq!(of, Some(seq + 1), "changes follow each other without a hole");
                seq += 1;
            }
            "lag" => {
                assert_eq!((&frame["channel"], owed), (&json!("cluster"), false), "told once");
                (lags, owed) = (lags + 1, true);
            }
            "snapshot" => {
                assert!(owed, "no snapshot unasked");
                assert!(of > Some(seq), "it goes on from further ahead");
                (seq, owed) = (of.unwrap(), false);
                assert!(frame["entities"]["node"]["pve"]["cpu_model"].as_str().unwrap().starts_with("39 x"));
                if seq == last {
                    assert_eq!(frame["entities"]["node"]["pve"]["cpu"], 0.99);
                }
            }
            _ => {}
        }
    }
    assert_eq!(seq, last);
    assert!(lags >= 1, "it was never behind");
    let line = format!("jarvis_stream_lags_total{{channel=\"cluster\"}} {lags}");
    assert!(counted(&daemon, &line), "{line}");
    let next = daemon.change(0.5);
    let frame = slow.until("change", "cluster").await;
    assert_eq!(frame["seq"], next, "and then it goes on as before");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_never_answers_the_heartbeat_is_let_go() {
    let daemon = Daemon::start().await;
    let token = read_token(&daemon).await;
    let viewers = daemon.state.viewers();
    let mut silent = Screen::open(&daemon, &token, "channels=cluster").await;
    let mut lively = Screen::open(&daemon, &token, "channels=cluster").await;
    lively.until("snapshot", "cluster").await;
    let began = Instant::now();
    // One reads, and its library answers; the other does not even look.
    let mut n = 0;
    while !counted(&daemon, "jarvis_stream_evictions_total{reason=\"silent\"} 1") {
        assert!(began.elapsed() < Duration::from_secs(45), "it was never let go");
        tokio::time::sleep(Duration::from_millis(500)).await;
        n += 1;
        let seq = daemon.change(if n % 2 == 0 { 0.3 } else { 0.6 });
        assert_eq!(lively.until("change", "cluster").await["seq"], seq);
    }
    assert!(began.elapsed() > Duration::from_secs(33), "after {:?}, before two heartbeats", began.elapsed());
    assert_eq!(*viewers.borrow(), 1, "it counts no longer as somebody who looks");
    let (bye, code) = silent.end().await;
    assert_eq!((code, &bye["reason"]), (4408, &json!("no answer to the heartbeat")));
    let seq = daemon.change(0.9);
    assert_eq!(lively.until("change", "cluster").await["seq"], seq, "the other goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_that_ended_without_a_word_ends_its_stream_at_the_next_look() {
    let daemon = Daemon::start().await;
    let cookie = daemon.set_up().await;
    let headers = [("cookie", cookie.as_str()), ("origin", daemon.base.as_str())];
    let mut by_session = Screen::try_open(&daemon, "channels=cluster", &headers).await.unwrap();
    let token = read_token(&daemon).await;
    let mut by_token = Screen::open(&daemon, &token, "channels=cluster").await;
    let other = read_token(&daemon).await;
    let mut kept = Screen::open(&daemon, &other, "channels=cluster").await;
    for screen in [&mut by_session, &mut by_token, &mut kept] {
        screen.until("snapshot", "cluster").await;
    }
    let began = Instant::now();
    // Straight in the store, as when their time is over: nobody calls out.
    let secret = Plain::parse(cookie.split_once('=').unwrap().1).unwrap();
    assert!(daemon.store.sessions().end(secret.hash()).await.unwrap());
    let id =
        daemon.store.tokens().find(Plain::parse_token(&token).unwrap().hash()).await.unwrap().unwrap().id;
    assert!(daemon.store.tokens().revoke(id, &crate::store::By::cli(0)).await.unwrap());
    let mut ended = [None, None];
    let mut n = 0;
    while ended.contains(&None) {
        assert!(began.elapsed() < Duration::from_secs(45), "{ended:?}");
        tokio::time::sleep(Duration::from_millis(500)).await;
        n += 1;
        let seq = daemon.change(if n % 2 == 0 { 0.3 } else { 0.6 });
        assert_eq!(kept.until("change", "cluster").await["seq"], seq);
        for (screen, end) in [&mut by_session, &mut by_token].into_iter().zip(&mut ended) {
            while end.is_none() {
                match screen.next().await {
                    Said::Frame(frame) if frame["seq"] == seq => break,
                    Said::Frame(_) => {}
                    Said::Closed(code, _) => *end = Some((code, began.elapsed().as_secs())),
                    Said::Broken => panic!("broken off without a close"),
                }
            }
        }
    }
    for (code, after_s) in ended.into_iter().flatten() {
        assert_eq!(code, 4401);
        assert!((28..40).contains(&after_s), "after {after_s} s");
    }
    assert!(counted(&daemon, "jarvis_stream_evictions_total{reason=\"access\"} 2"));
}
