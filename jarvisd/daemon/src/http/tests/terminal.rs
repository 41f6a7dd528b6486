//! Terminals, with real WebSockets on one side and a real sshd on the other.

use std::{path::Path, time::Duration};

use futures_util::{SinkExt, StreamExt};
use jarvis_core::audit::{Kind, Row};
use serde_json::{Value, json};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Error, Message, client::IntoClientRequest, http::HeaderValue},
};

use super::harness::Daemon;
use crate::{
    access::Scope,
    clients::ssh::{HostKeys, Settings, Shells, Ssh, Target},
    clock::Clock,
    config::Config,
};

#[path = "../../../tests/sshd/mod.rs"]
#[allow(dead_code)]
mod sshd;
use sshd::Sshd;

const WAIT: Duration = Duration::from_secs(20);

/// A browser's terminal. It acknowledges what it gets unless told not to.
struct Tty {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    acks: bool,
    /// The `ready` frame.
    ready: Value,
    /// Bytes of output so far, over all sockets of the shell.
    received: i64,
    output: Vec<u8>,
    frames: Vec<Value>,
}

#[derive(Debug)]
enum Got {
    Bytes,
    Frame(Value),
    Closed(u16),
}

impl Tty {
    async fn connect(daemon: &Daemon, cookie: &str, query: &str) -> Result<Self, u16> {
        let headers = [("cookie", cookie), ("origin", daemon.base.as_str())];
        Self::connect_with(daemon, "pve", query, &headers).await
    }

    async fn connect_with(
        daemon: &Daemon,
        node: &str,
        query: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, u16> {
        let url = format!("ws://{}/ws/terminal/{node}?{query}", daemon.authority);
        let mut request = url.into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, HeaderValue::from_str(value).unwrap());
        }
        match connect_async(request).await {
            Ok((socket, _)) => Ok(Self {
                socket,
                acks: true,
                ready: Value::Null,
                received: 0,
                output: Vec::new(),
                frames: Vec::new(),
            }),
            Err(Error::Http(response)) => Err(response.status().as_u16()),
            Err(other) => panic!("{other}"),
        }
    }

    /// A new shell, ready.
    async fn open(daemon: &Daemon, cookie: &str) -> Self {
        let mut tty = Self::connect(daemon, cookie, "cols=132&rows=43").await.unwrap();
        tty.ready = tty.frame("ready").await;
        tty
    }

    /// Back to a shell, with what was received of it.
    async fn back(daemon: &Daemon, cookie: &str, before: &Value, received: Option<i64>) -> Self {
        let mut tty = Self::connect(daemon, cookie, "cols=132&rows=43&resume=true").await.unwrap();
        tty.say(json!({ "type": "resume", "id": before["id"], "received": received })).await;
        tty.received = received.unwrap_or(0);
        tty
    }

    async fn say(&mut self, frame: Value) {
        self.socket.send(Message::text(frame.to_string())).await.unwrap();
    }

    async fn key(&mut self, keys: &str) {
        self.socket.send(Message::binary(keys.as_bytes().to_vec())).await.unwrap();
    }

    async fn got(&mut self) -> Got {
        loop {
            let next = timeout(WAIT, self.socket.next()).await;
            let next = next.unwrap_or_else(|_| panic!("nothing more after {:?}", tail(&self.output)));
            match next {
                Some(Ok(Message::Binary(bytes))) => {
                    self.output.extend_from_slice(&bytes);
                    self.received += i64::try_from(bytes.len()).unwrap();
                    if self.acks {
                        self.say(json!({ "type": "ack", "bytes": bytes.len() })).await;
                    }
                    return Got::Bytes;
                }
                Some(Ok(Message::Text(text))) => {
                    let frame: Value = serde_json::from_str(&text).unwrap();
                    self.frames.push(frame.clone());
                    return Got::Frame(frame);
                }
                Some(Ok(Message::Close(close))) => return Got::Closed(close.map_or(1005, |c| c.code.into())),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Got::Closed(1006),
            }
        }
    }

    /// The next frame of this type.
    async fn frame(&mut self, kind: &str) -> Value {
        loop {
            match self.got().await {
                Got::Frame(frame) if frame["type"] == kind => return frame,
                Got::Closed(code) => panic!("closed with {code} after {:?}", self.frames),
                _ => {}
            }
        }
    }

    /// Reads on until the output has this text; gives the output.
    async fn until(&mut self, want: &str) -> String {
        loop {
            let from = self.output.len().saturating_sub(70_000);
            if String::from_utf8_lossy(&self.output[from..]).contains(want) {
                return String::from_utf8_lossy(&self.output).into_owned();
            }
            if let Got::Closed(code) = self.got().await {
                panic!("closed with {code}: {:?} {:?}", self.frames, tail(&self.output));
            }
        }
    }

    /// What is sent until nothing is for a while.
    async fn until_quiet(&mut self) {
        while let Ok(got) = timeout(Duration::from_millis(700), self.got()).await {
            assert!(!matches!(got, Got::Closed(_)), "{got:?}");
        }
    }

    async fn closed(&mut self) -> u16 {
        loop {
            if let Got::Closed(code) = self.got().await {
                return code;
            }
        }
    }

    fn error(&self) -> &str {
        let error = self.frames.iter().find(|f| f["type"] == "error");
        error.and_then(|f| f["message"].as_str()).unwrap_or_default()
    }
}

fn tail(output: &[u8]) -> String {
    String::from_utf8_lossy(&output[output.len().saturating_sub(300)..]).into_owned()
}

async fn start(change: impl FnOnce(&mut Config)) -> (Sshd, Daemon, String) {
    let server = Sshd::start();
    let daemon = Daemon::start_full(change, Some(server.shells())).await;
    let cookie = daemon.set_up().await;
    (server, daemon, cookie)
}

/// The rows about terminals, oldest first, once there are so many.
async fn rows(daemon: &Daemon, count: usize) -> Vec<Row> {
    for _ in 0..400 {
        let page = daemon.store.audit().page(None, 100).await.unwrap();
        let mut rows: Vec<Row> = page.rows;
        rows.retain(|r| matches!(r.kind, Kind::TerminalOpened | Kind::TerminalClosed));
        rows.sort_by_key(|r| r.seq);
        if rows.len() >= count {
            return rows;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("fewer than {count} rows");
}

async fn why(daemon: &Daemon) -> Value {
    let rows = rows(daemon, 2).await;
    assert_eq!((rows[0].kind, rows[1].kind), (Kind::TerminalOpened, Kind::TerminalClosed));
    serde_json::from_str(&rows[1].detail).unwrap()
}

/// Has the shell write its process id, and gives it.
async fn pid(tty: &mut Tty, dir: &Path) -> String {
    let file = dir.join("pid");
    tty.key(&format!("echo $$ > {0}.part; mv {0}.part {0}\r", file.display())).await;
    for _ in 0..200 {
        if let Ok(pid) = std::fs::read_to_string(&file) {
            return pid.trim().to_owned();
        }
        let _ = timeout(Duration::from_millis(50), tty.got()).await;
    }
    panic!("no pid after {:?}", tail(&tty.output));
}

async fn gone(pid: &str) {
    for _ in 0..200 {
        if !Path::new("/proc").join(pid).exists() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the shell {pid} lives");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shell_has_its_size_from_the_first_byte_and_says_how_it_ended_and_is_recorded() {
    let (_server, daemon, cookie) = start(|_| {}).await;
    let mut tty = Tty::open(&daemon, &cookie).await;
    assert_eq!(
        (&tty.ready["node"], &tty.ready["resumed"], &tty.ready["offset"]),
        (&json!("pve"), &json!(false), &json!(0))
    );
    tty.key("stty size; echo first-$((1+1))\r").await;
    assert!(tty.until("first-2").await.contains("43 132"));
    tty.say(json!({ "type": "resize", "cols": 90, "rows": 20 })).await;
    tty.key("stty size; echo second-$((1+1))\r").await;
    assert!(tty.until("second-2").await.contains("20 90"));
    tty.key("exit 3\r").await;
    assert_eq!(tty.frame("exit").await, json!({ "type": "exit", "code": 3 }));
    assert_eq!(tty.closed().await, 1000);
    let rows = rows(&daemon, 2).await;
    assert_eq!((rows[0].who.as_str(), rows[0].subject.as_str()), ("human/operator", "node/pve"));
    assert_eq!(rows[0].seq.to_string(), tty.ready["name"].as_str().unwrap());
    let detail = why(&daemon).await;
    assert_eq!(
        (&detail["opened"], &detail["why"], &detail["exit_code"]),
        (&json!(rows[0].seq), &json!("exited"), &json!(3))
    );
    assert_eq!(detail["shown_bytes"], tty.received);
    assert!(detail["typed_bytes"].as_i64().unwrap() > 60, "{detail}");
    assert!(!rows.iter().any(|r| r.detail.contains("stty")), "what is typed is not recorded");
    let feed = daemon.get(&daemon.token(&[Scope::Read]).await, "/api/v1/events").await.1;
    let titles: Vec<&str> =
        feed["items"].as_array().unwrap().iter().filter_map(|e| e["title"].as_str()).collect();
    assert!(
        titles.contains(&"Terminal opened on pve") && titles.contains(&"Terminal closed on pve"),
        "{titles:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_fresh_session_of_our_own_page_gets_a_shell() {
    let (_server, daemon, cookie) = start(|_| {}).await;
    let token = format!("Bearer {}", daemon.token(&Scope::ALL).await);
    let own = daemon.base.clone();
    for (node, headers, status) in [
        ("pve", vec![("authorization", token.as_str()), ("origin", own.as_str())], 403),
        ("pve", vec![("authorization", token.as_str())], 403),
        ("pve", vec![("cookie", cookie.as_str()), ("origin", "https://evil.example")], 403),
        ("pve", vec![("cookie", cookie.as_str()), ("origin", "null")], 403),
        ("pve", vec![("cookie", cookie.as_str())], 403),
        ("pve", vec![("origin", own.as_str())], 401),
        ("agent", vec![("cookie", cookie.as_str()), ("origin", own.as_str())], 404),
        ("..%2f", vec![("cookie", cookie.as_str()), ("origin", own.as_str())], 404),
    ] {
        let got = Tty::connect_with(&daemon, node, "cols=80&rows=24", &headers).await.err();
        assert_eq!(got, Some(status), "{node} {headers:?}");
    }
    for query in ["cols=0", "rows=1001", "cols=x", "colls=80", "cols=80&resume=1"] {
        assert_eq!(Tty::connect(&daemon, &cookie, query).await.err(), Some(400), "{query}");
    }
    assert!(
        daemon
            .store
            .audit()
            .page(None, 10)
            .await
            .unwrap()
            .rows
            .iter()
            .all(|r| r.kind != Kind::TerminalOpened)
    );

    let stale = Daemon::start_full(|c| c.access.fresh_minutes = 0, None).await;
    let cookie = stale.set_up().await;
    assert_eq!(Tty::connect(&stale, &cookie, "cols=80&rows=24").await.err(), Some(403));
    // Saying that one comes back opens nothing.
    let (_server, stale, cookie) = start(|c| c.access.fresh_minutes = 0).await;
    assert_eq!(Tty::connect(&stale, &cookie, "cols=80&rows=24&resume=false").await.err(), Some(403));
    for first in
        [json!({ "type": "resume", "id": "x".repeat(43) }), json!({ "type": "resize", "cols": 1, "rows": 1 })]
    {
        let mut tty = Tty::connect(&stale, &cookie, "resume=true").await.unwrap();
        tty.say(first).await;
        assert_eq!(tty.closed().await, 4404);
    }
    let rows = stale.store.audit().page(None, 10).await.unwrap().rows;
    assert!(rows.iter().all(|r| r.kind != Kind::TerminalOpened));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_socket_comes_back_to_the_same_shell_and_misses_nothing() {
    let (_server, daemon, cookie) = start(|_| {}).await;
    let mut tty = Tty::open(&daemon, &cookie).await;
    tty.key("PS1=; stty -echo; mine=42\r").await;
    tty.until_quiet().await;
    tty.key("for i in $(seq 1 40000); do echo line-$i; done; echo all-$mine\r").await;
    let (ready, mut whole) = (tty.ready.clone(), Vec::new());
    // Torn off in the middle, again and again, without a good-bye; some of what is under way is lost each time.
    for round in 0..6 {
        tty.acks = round % 2 == 0;
        for _ in 0..4 {
            tty.got().await;
        }
        whole.append(&mut tty.output);
        let received = tty.received;
        let MaybeTlsStream::Plain(tcp) = tty.socket.into_inner() else { panic!("plain") };
        drop(tcp);
        tty = Tty::back(&daemon, &cookie, &ready, Some(received)).await;
        let again = tty.frame("ready").await;
        assert_eq!(
            (&again["resumed"], &again["offset"], &again["name"]),
            (&json!(true), &json!(received), &ready["name"])
        );
        assert!(tty.output.is_empty());
    }
    tty.until("all-42").await;
    whole.append(&mut tty.output);
    let text = String::from_utf8(whole).unwrap();
    let from = text.find("line-1\r\n").unwrap();
    let told: Vec<&str> = text[from..].lines().take_while(|l| l.starts_with("line-")).collect();
    assert_eq!(told.len(), 40_000);
    assert!(told.iter().enumerate().all(|(i, l)| *l == format!("line-{}", i + 1)));
    // A page that was loaded anew has nothing: it gets the last of what was shown, from the start of a line.
    drop(tty);
    let mut tty = Tty::back(&daemon, &cookie, &ready, None).await;
    let again = tty.frame("ready").await;
    assert!(again["offset"].as_i64().unwrap() > 0, "{again}");
    let text = tty.until("all-42").await;
    assert!(text.starts_with("line-"), "{}", &text[..40]);
    tty.key("exit\r").await;
    tty.frame("exit").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_comes_back_to_a_shell_and_a_second_screen_takes_it_over() {
    let (_server, daemon, cookie) = start(|_| {}).await;
    let mut tty = Tty::open(&daemon, &cookie).await;
    let ready = tty.ready.clone();
    let other = daemon.log_in().await;
    let mut thief = Tty::back(&daemon, &other, &ready, Some(0)).await;
    assert_eq!(thief.closed().await, 4403);
    assert!(thief.output.is_empty(), "it saw {:?}", tail(&thief.output));
    tty.key("echo still-$((1+1))\r").await;
    tty.until("still-2").await;

    let mut second = Tty::back(&daemon, &cookie, &ready, None).await;
    second.until("still-2").await;
    assert_eq!(tty.closed().await, 4409);

    // A second log-in in the same browser goes on with the shell; the first cookie is no good any more.
    let login = daemon.ask(reqwest::Method::POST, "/api/v1/login").header("cookie", &cookie);
    let login = login.json(&json!({ "password": super::harness::PASSWORD })).send().await.unwrap();
    let renewed = super::harness::cookie_of(&login);
    second.key("echo under-$((2+1))\r").await;
    second.until("under-3").await;
    drop(second);
    assert_eq!(Tty::connect(&daemon, &cookie, "resume=true").await.err(), Some(401));
    let mut third = Tty::back(&daemon, &renewed, &ready, None).await;
    third.until("under-3").await;
    assert_eq!(rows(&daemon, 1).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shell_ends_with_its_log_in() {
    let (server, daemon, cookie) = start(|_| {}).await;
    let mut tty = Tty::open(&daemon, &cookie).await;
    let pid = pid(&mut tty, server.dir.path()).await;
    let left =
        daemon.ask(reqwest::Method::POST, "/api/v1/logout").header("cookie", &cookie).send().await.unwrap();
    assert_eq!(left.status(), 204);
    assert_eq!(tty.closed().await, 4401);
    gone(&pid).await;
    assert_eq!(why(&daemon).await["why"], "logged_out");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shell_nobody_types_into_is_warned_of_and_ended() {
    let (server, daemon, cookie) = start(|c| c.terminal.idle_s = 4).await;
    let mut tty = Tty::open(&daemon, &cookie).await;
    let pid = pid(&mut tty, server.dir.path()).await;
    // Output is no sign of life, nor is what a terminal answers by itself; a key is.
    tty.key("while sleep 0.2; do echo busy; done\r").await;
    let left = tty.frame("idle").await["left_ms"].as_i64().unwrap();
    assert!((1_000..=2_000).contains(&left), "{left}");
    tty.key("x").await;
    assert_eq!(tty.frame("idle").await["left_ms"], 0);
    tty.frame("idle").await;
    tty.key("\x1b[1;1R").await;
    assert_eq!(tty.closed().await, 4408);
    gone(&pid).await;
    assert_eq!(why(&daemon).await["why"], "idle");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shell_whose_screen_stays_away_is_ended_and_so_many_are_open_at_once() {
    let (server, daemon, cookie) = start(|c| (c.terminal.resume_s, c.terminal.sessions_max) = (1, 1)).await;
    let mut tty = Tty::open(&daemon, &cookie).await;
    let pid = pid(&mut tty, server.dir.path()).await;
    let mut second = Tty::connect(&daemon, &cookie, "cols=80&rows=24").await.unwrap();
    assert_eq!(second.closed().await, 4429);
    let ready = tty.ready.clone();
    drop(tty);
    gone(&pid).await;
    assert_eq!(why(&daemon).await["why"], "not_returned");
    let mut late = Tty::back(&daemon, &cookie, &ready, None).await;
    assert_eq!(late.closed().await, 4404);
    // Its seat is free again.
    let mut third = Tty::open(&daemon, &cookie).await;
    third.say(json!({ "type": "hangup" })).await;
    assert_eq!(third.closed().await, 1000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_ends_while_its_screen_is_away_is_told_of_on_return() {
    let (_server, daemon, cookie) = start(|_| {}).await;
    let mut tty = Tty::open(&daemon, &cookie).await;
    let ready = tty.ready.clone();
    tty.key("sleep 1; echo last-$((1+1)); exit 7\r").await;
    tty.until("exit 7").await;
    let received = tty.received;
    drop(tty);
    assert_eq!(why(&daemon).await["exit_code"], 7);
    let mut tty = Tty::back(&daemon, &cookie, &ready, Some(received)).await;
    tty.until("last-2").await;
    assert_eq!(tty.frame("exit").await["code"], 7);
    assert_eq!(tty.closed().await, 1000);
}

#[path = "terminal_flow.rs"]
mod flow;
