//! The stream, with real WebSockets.

use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Error, Message, client::IntoClientRequest, http::HeaderValue},
};

use super::harness::Daemon;
use crate::access::Scope;

pub(super) struct Screen(WebSocketStream<MaybeTlsStream<TcpStream>>);

#[derive(Debug, PartialEq)]
pub(super) enum Said {
    Frame(Value),
    Closed(u16, String),
    Broken,
}

impl Screen {
    pub async fn open(daemon: &Daemon, token: &str, query: &str) -> Self {
        Self::try_open(daemon, query, &[("authorization", &format!("Bearer {token}"))]).await.unwrap()
    }

    pub async fn try_open(
        daemon: &Daemon,
        query: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, u16> {
        let mut request = format!("ws://{}/ws?{query}", daemon.authority).into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, HeaderValue::from_str(value).unwrap());
        }
        match connect_async(request).await {
            Ok((socket, _)) => Ok(Self(socket)),
            Err(Error::Http(response)) => Err(response.status().as_u16()),
            Err(other) => panic!("{other}"),
        }
    }

    /// The next frame or the end; pings are answered by the library.
    pub async fn next(&mut self) -> Said {
        loop {
            let next = tokio::time::timeout(Duration::from_secs(10), self.0.next()).await;
            match next.expect("the stream says something within ten seconds") {
                Some(Ok(Message::Text(text))) => return Said::Frame(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Close(close))) => {
                    let close = close.unwrap();
                    return Said::Closed(close.code.into(), close.reason.to_string());
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Said::Broken,
            }
        }
    }

    pub async fn frame(&mut self) -> Value {
        match self.next().await {
            Said::Frame(frame) => frame,
            other => panic!("{other:?}"),
        }
    }

    /// The next frame of this type on this channel; others are passed over.
    pub async fn until(&mut self, kind: &str, channel: &str) -> Value {
        loop {
            let frame = self.frame().await;
            if frame["type"] == kind && (frame["channel"] == channel || channel.is_empty()) {
                return frame;
            }
        }
    }

    pub async fn end(&mut self) -> (Value, u16) {
        let mut bye = Value::Null;
        loop {
            match self.next().await {
                Said::Frame(frame) if frame["type"] == "bye" => bye = frame,
                Said::Frame(_) => {}
                Said::Closed(code, _) => return (bye, code),
                Said::Broken => panic!("broken off without a close"),
            }
        }
    }

    pub async fn say(&mut self, frame: Value) {
        self.0.send(Message::text(frame.to_string())).await.unwrap();
    }
}

pub(super) async fn read_token(daemon: &Daemon) -> String {
    daemon.token(&[Scope::Read]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_begins_with_hello_and_snapshots_and_goes_on_with_what_changes() {
    let daemon = Daemon::start().await;
    let first = daemon.event("before").await;
    let mut screen = Screen::open(&daemon, &read_token(&daemon).await, "channels=cluster,events").await;
    let hello = screen.frame().await;
    assert_eq!(
        (&hello["type"], &hello["proto"], &hello["epoch"]),
        (&json!("hello"), &json!(1), &json!("epoch-1"))
    );
    assert_eq!((&hello["heartbeat_ms"], &hello["build"]), (&json!(15_000), &json!("3.1.0-test")));
    let cluster = screen.frame().await;
    let (seq, _) = daemon.state.current();
    assert_eq!(
        (&cluster["type"], &cluster["channel"], &cluster["seq"]),
        (&json!("snapshot"), &json!("cluster"), &json!(seq))
    );
    assert_eq!(cluster["entities"]["node"]["pve"]["cpu"], 0.25);
    let events = screen.frame().await;
    assert_eq!((&events["channel"], &events["seq"]), (&json!("events"), &json!(first)));
    assert_eq!(events["events"][0]["title"], "before");

    daemon.change(0.5);
    let change = screen.until("change", "cluster").await;
    assert_eq!(change["seq"], seq + 1);
    let id = daemon.event("after").await;
    let event = screen.until("event", "events").await;
    assert_eq!((&event["seq"], &event["event"]["title"]), (&json!(id), &json!("after")));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_viewer_is_counted_only_while_the_cluster_is_watched() {
    let daemon = Daemon::start().await;
    let viewers = daemon.state.viewers();
    let mut screen = Screen::open(&daemon, &read_token(&daemon).await, "channels=events").await;
    screen.until("snapshot", "events").await;
    assert_eq!(*viewers.borrow(), 0);
    screen.say(json!({ "type": "subscribe", "channel": "cluster" })).await;
    screen.until("snapshot", "cluster").await;
    assert_eq!(*viewers.borrow(), 1);
    screen.say(json!({ "type": "unsubscribe", "channel": "cluster" })).await;
    wait(|| *viewers.borrow() == 0).await;
    screen.say(json!({ "type": "subscribe", "channel": "cluster" })).await;
    screen.until("snapshot", "cluster").await;
    drop(screen);
    wait(|| *viewers.borrow() == 0).await;
}

async fn wait(mut until: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !until() {
        assert!(Instant::now() < deadline, "it did not come about within ten seconds");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_comes_back_gets_exactly_what_it_missed() {
    let daemon = Daemon::start().await;
    let token = read_token(&daemon).await;
    let (seq, _) = daemon.state.current();
    let event = daemon.event("seen").await;
    for n in 1..=3 {
        daemon.change(0.25 + f64::from(n) / 100.0);
        daemon.event(&format!("missed {n}")).await;
    }
    let query = format!("channels=cluster,events&epoch=epoch-1&cluster_seq={seq}&events_seq={event}");
    let mut screen = Screen::open(&daemon, &token, &query).await;
    let resumed = screen.until("resumed", "cluster").await;
    assert_eq!(resumed["seq"], seq);
    for n in 1..=3 {
        assert_eq!(screen.frame().await["seq"], seq + n);
    }
    assert_eq!(screen.until("resumed", "events").await["seq"], event);
    for n in 1..=3 {
        assert_eq!(screen.frame().await["event"]["title"], format!("missed {n}"));
    }
    // Another life of the daemon, or a place that never was: a snapshot. Events keep their numbers.
    for (query, channel) in [
        (format!("channels=cluster&epoch=epoch-0&cluster_seq={seq}"), "cluster"),
        ("channels=cluster&epoch=epoch-1&cluster_seq=999999".to_owned(), "cluster"),
        ("channels=cluster&epoch=epoch-1&cluster_seq=-1".to_owned(), "cluster"),
        ("channels=events&events_seq=999999".to_owned(), "events"),
        ("channels=events&events_seq=-5".to_owned(), "events"),
    ] {
        let mut screen = Screen::open(&daemon, &token, &query).await;
        screen.frame().await;
        let frame = screen.frame().await;
        assert_eq!((&frame["type"], &frame["channel"]), (&json!("snapshot"), &json!(channel)), "{query}");
    }
    let query = format!("channels=events&epoch=epoch-0&events_seq={event}");
    Screen::open(&daemon, &token, &query).await.until("resumed", "events").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resync_brings_a_snapshot_and_not_more_than_one_in_two_seconds() {
    let daemon = Daemon::start().await;
    let mut screen = Screen::open(&daemon, &read_token(&daemon).await, "channels=cluster").await;
    screen.until("snapshot", "cluster").await;
    let began = Instant::now();
    for _ in 0..10 {
        screen.say(json!({ "type": "resync", "channel": "cluster" })).await;
    }
    // A way around would be to subscribe anew each time.
    screen.say(json!({ "type": "unsubscribe", "channel": "cluster" })).await;
    screen.say(json!({ "type": "subscribe", "channel": "cluster" })).await;
    screen.until("snapshot", "cluster").await;
    assert!(began.elapsed() > Duration::from_millis(1_800), "{:?}", began.elapsed());
    let seq = daemon.change(0.9);
    // The next frame is the change and not a second snapshot.
    let frame = screen.frame().await;
    assert_eq!((&frame["type"], &frame["seq"]), (&json!("change"), &json!(seq)));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_open_a_stream() {
    let daemon = Daemon::start().await;
    let cookie = daemon.set_up().await;
    let token = read_token(&daemon).await;
    let narrow = daemon.token(&[Scope::Metrics]).await;
    let (bearer, narrow) = (format!("Bearer {token}"), format!("Bearer {narrow}"));
    let own = daemon.base.clone();
    let evil = "https://evil.example";
    for (headers, status) in [
        (vec![], 401),
        (vec![("authorization", "Bearer jv_wrong")], 401),
        (vec![("authorization", narrow.as_str())], 403),
        (vec![("cookie", cookie.as_str())], 403),
        (vec![("cookie", cookie.as_str()), ("origin", evil)], 403),
        (vec![("authorization", bearer.as_str()), ("origin", evil)], 403),
        (vec![("authorization", bearer.as_str()), ("host", "evil.example")], 403),
        (vec![("authorization", bearer.as_str())], 101),
        (vec![("cookie", cookie.as_str()), ("origin", own.as_str())], 101),
    ] {
        let opened = Screen::try_open(&daemon, "channels=cluster", &headers).await;
        assert_eq!(opened.err().unwrap_or(101), status, "{headers:?}");
    }
    let bad = Screen::try_open(&daemon, "channels=everything", &[("authorization", &bearer)]).await;
    assert_eq!(bad.err(), Some(400));
    let all =
        Screen::try_open(&daemon, "channels=cluster,events,chat,approvals", &[("authorization", &bearer)])
            .await;
    assert!(all.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_at_once_with_its_session_or_token() {
    let daemon = Daemon::start().await;
    let cookie = daemon.set_up().await;
    let open = async |cookie: &str| {
        let headers = [("cookie", cookie), ("origin", daemon.base.as_str())];
        let mut screen = Screen::try_open(&daemon, "channels=cluster", &headers).await.unwrap();
        screen.until("snapshot", "cluster").await;
        screen
    };
    let other = daemon.log_in().await;
    let (mut mine, mut theirs) = (open(&cookie).await, open(&other).await);
    let post = |path: &str| daemon.ask(reqwest::Method::POST, path).header("cookie", &cookie);
    assert_eq!(post("/api/v1/logout").send().await.unwrap().status(), 204);
    assert_eq!(mine.end().await.1, 4401);
    // Another session goes on …
    let seq = daemon.change(0.7);
    assert_eq!(theirs.frame().await["seq"], seq);
    // … until the password is changed.
    let new = json!({ "current": super::harness::PASSWORD, "new": "another good password" });
    let change = daemon.ask(reqwest::Method::POST, "/api/v1/password").header("cookie", &other).json(&new);
    assert_eq!(change.send().await.unwrap().status(), 204);
    let (bye, code) = theirs.end().await;
    assert_eq!(code, 4401);
    assert!(bye["reason"].as_str().unwrap().contains("log in"), "{bye}");

    let token = read_token(&daemon).await;
    let mut script = Screen::open(&daemon, &token, "channels=events").await;
    script.until("snapshot", "events").await;
    let id = daemon.keeper.list_tokens().await.unwrap()[0].id;
    daemon.keeper.revoke_token(id, &crate::store::By::cli(0)).await.unwrap();
    assert_eq!(script.end().await.1, 4401);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_stream_says_good_bye_within_a_second_of_the_stop() {
    let daemon = Daemon::start().await;
    let token = read_token(&daemon).await;
    let mut screens = Vec::new();
    for _ in 0..20 {
        let mut screen = Screen::open(&daemon, &token, "channels=cluster,events").await;
        screen.until("snapshot", "events").await;
        screens.push(screen);
    }
    // One that does not read must not hold up the others.
    let stuck = Screen::open(&daemon, &token, "channels=cluster").await;
    let began = Instant::now();
    daemon.shutdown.cancel();
    for screen in &mut screens {
        let (bye, code) = screen.end().await;
        assert_eq!((&bye["type"], code), (&json!("bye"), 1012));
    }
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    tokio::time::timeout(Duration::from_secs(5), daemon.served).await.unwrap().unwrap().unwrap();
    drop(stuck);
}

#[tokio::test(flavor = "multi_thread")]
async fn floods_large_frames_and_too_many_streams_are_closed_with_their_code() {
    let daemon = Daemon::start_with(|c| c.server.sockets_max = 6).await;
    let token = read_token(&daemon).await;
    let mut flood = Screen::open(&daemon, &token, "channels=").await;
    for _ in 0..60 {
        // The daemon may hang up before the last one.
        let _ = flood.0.send(Message::text(r#"{"type":"pong"}"#)).await;
    }
    assert_eq!(flood.end().await.1, 4429);
    drop(flood);
    let mut large = Screen::open(&daemon, &token, "channels=").await;
    large.0.send(Message::text("x".repeat(70_000))).await.unwrap();
    assert_eq!(large.end().await.1, 1009);
    drop(large);

    let mut seated = Vec::new();
    for _ in 0..5 {
        let mut screen = Screen::open(&daemon, &token, "channels=").await;
        screen.until("hello", "").await;
        seated.push(screen);
    }
    let mut one_too_many = Screen::open(&daemon, &token, "channels=").await;
    assert_eq!(one_too_many.end().await.1, 4429);
    // Another credential still gets in.
    let other = read_token(&daemon).await;
    Screen::open(&daemon, &other, "channels=").await.until("hello", "").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_and_broken_messages_are_ignored() {
    let daemon = Daemon::start().await;
    let mut screen = Screen::open(&daemon, &read_token(&daemon).await, "channels=cluster").await;
    screen.until("snapshot", "cluster").await;
    for text in ["", "{", "[]", r#"{"type":"dance"}"#, r#"{"type":"subscribe","channel":"nope"}"#] {
        screen.0.send(Message::text(text)).await.unwrap();
    }
    screen.0.send(Message::binary(vec![1, 2, 3])).await.unwrap();
    let seq = daemon.change(0.6);
    assert_eq!(screen.frame().await["seq"], seq);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_reads_nothing_is_dropped_and_others_do_not_notice() {
    let daemon = Daemon::start().await;
    let token = read_token(&daemon).await;
    let mut good = Screen::open(&daemon, &token, "channels=events").await;
    good.until("snapshot", "events").await;
    let mut stuck = Screen::open(&daemon, &token, "channels=events").await;
    stuck.until("snapshot", "events").await;
    // Large events fill its buffers; it reads none of them.
    let text = "x".repeat(4_000);
    let mut slowest = Duration::ZERO;
    let mut evicted = false;
    for n in 0..20_000_u32 {
        let event = jarvis_core::protocol::NewEvent {
            ts_ms: i64::from(n),
            kind: jarvis_core::protocol::EventKind::System,
            severity: jarvis_core::protocol::Severity::Info,
            source: jarvis_core::protocol::EventSource::Sys,
            title: "large".into(),
            detail: Some(text.clone()),
            node: None,
            vmid: None,
            upid: None,
        };
        let stored = daemon.store.events().append(vec![event; 20]).await.unwrap();
        let began = Instant::now();
        for event in stored {
            assert_eq!(good.until("event", "events").await["seq"], event.id);
        }
        slowest = slowest.max(began.elapsed());
        let mut text = String::new();
        let mut registry = prometheus_client::registry::Registry::default();
        daemon.meter.register(&mut registry);
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        if text.contains("jarvis_stream_evictions_total{reason=\"slow\"} 1") {
            evicted = true;
            break;
        }
    }
    assert!(evicted, "the silent reader was never dropped");
    assert!(slowest < Duration::from_secs(3), "another stream waited {slowest:?}");
    // Not only the stream is gone, the connection is too: who never reads holds nothing for ever.
    let MaybeTlsStream::Plain(tcp) = stuck.0.get_ref() else { panic!("plain") };
    let (mine, daemons) = (tcp.local_addr().unwrap().port(), tcp.peer_addr().unwrap().port());
    let server_side = format!(":{daemons:04X} 0100007F:{mine:04X} 01 ");
    let deadline = Instant::now() + Duration::from_secs(40);
    while std::fs::read_to_string("/proc/net/tcp").unwrap().contains(&server_side) {
        assert!(Instant::now() < deadline, "the connection is still held");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_event_is_lost_over_many_drops_while_events_pour_in() {
    let daemon = Daemon::start().await;
    let token = read_token(&daemon).await;
    let mut seen = 0_i64;
    let store = daemon.store.clone();
    let pour = tokio::spawn(async move {
        for n in 0..600_i64 {
            let event = jarvis_core::protocol::NewEvent {
                ts_ms: n,
                kind: jarvis_core::protocol::EventKind::System,
                severity: jarvis_core::protocol::Severity::Info,
                source: jarvis_core::protocol::EventSource::Sys,
                title: format!("event {n}"),
                detail: None,
                node: None,
                vmid: None,
                upid: None,
            };
            store.events().append(vec![event]).await.unwrap();
        }
    });
    for drop_after in (1..=12).cycle() {
        let mut screen = Screen::open(&daemon, &token, &format!("channels=events&events_seq={seen}")).await;
        screen.until("resumed", "events").await;
        for _ in 0..drop_after * 3 {
            if seen == 600 {
                break;
            }
            let event = screen.until("event", "events").await;
            assert_eq!(event["seq"], seen + 1);
            seen += 1;
        }
        if seen == 600 {
            break;
        }
    }
    pour.await.unwrap();
}
