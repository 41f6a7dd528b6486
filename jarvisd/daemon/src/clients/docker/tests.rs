//! The client against an engine on a socket and on loopback that answers what each test tells it to.

use std::sync::{Arc, Mutex};

use serde_json::json;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::UnixListener,
};

use super::*;
use crate::clients::{
    sending::SendError,
    testing::{Lets, op, order},
};

const CANARY: &str = "c4n4ry-database-password";

/// Every request line it saw.
type Seen = Arc<Mutex<Vec<String>>>;

struct Stage {
    dir: tempfile::TempDir,
    seen: Seen,
}

impl Stage {
    /// Answers status and body by request line.
    fn new(answer: impl Fn(&str) -> (u16, Vec<u8>) + Send + Sync + 'static) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(dir.path().join("docker.sock")).unwrap();
        let (seen, answer) = (Seen::default(), Arc::new(answer));
        let stage = Self { dir, seen: Arc::clone(&seen) };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&seen), Arc::clone(&answer)));
            }
        });
        stage
    }

    fn docker(&self) -> Docker {
        let way = Way::Unix(self.dir.path().join("docker.sock"));
        let host = HostSettings { name: "management".parse().unwrap(), way, runs_on: None };
        Docker::new(Settings { hosts: vec![host], own_project: "jarvis".into() }, Clock).unwrap()
    }

    fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    seen: Seen,
    answer: Arc<impl Fn(&str) -> (u16, Vec<u8>)>,
) {
    let mut head = Vec::new();
    while let Ok(byte) = stream.read_u8().await {
        head.push(byte);
        if head.ends_with(b"\r\n\r\n") {
            let line = String::from_utf8_lossy(&head).lines().next().unwrap_or_default().to_owned();
            head.clear();
            seen.lock().unwrap().push(line.clone());
            let (status, body) = answer(&line);
            match status {
                0 => return,
                1 => std::future::pending().await,
                _ => {}
            }
            let head = format!("HTTP/1.1 {status} x\r\nContent-Length: {}\r\n\r\n", body.len());
            if stream.write_all(head.as_bytes()).await.is_err() || stream.write_all(&body).await.is_err() {
                return;
            }
        }
    }
}

fn host() -> HostName {
    "management".parse().unwrap()
}

fn inspect(labels: serde_json::Value) -> Vec<u8> {
    json!({
        "Id": "abc", "Name": "/redis", "Created": "2026", "RestartCount": 2,
        "State": {"Status": "running", "Running": true, "StartedAt": "x", "Health": {"Status": "healthy"}},
        "Config": {"Env": [format!("PASSWORD={CANARY}")], "Labels": labels, "Image": "redis"},
    })
    .to_string()
    .into_bytes()
}

#[tokio::test]
async fn containers_their_figures_and_logs_are_read_over_the_socket() {
    let stage = Stage::new(|line| {
        let list = json!([
            {"Id": "0123456789abcdef", "Names": ["/redis"], "Image": "redis:7", "State": "running", "Status": "Up",
             "Labels": {"jarvis.restart": "allow", "com.docker.compose.project": "tools"}},
            {"Id": "1", "Names": ["/daemon"], "Image": "j", "State": "exited", "Status": "Exited",
             "Labels": {"jarvis.restart": "allow", "com.docker.compose.project": "jarvis"}},
            {"odd": true},
        ]);
        let stats = json!({"cpu_stats": {"cpu_usage": {"total_usage": 300}, "system_cpu_usage": 2_000, "online_cpus": 4},
            "precpu_stats": {"cpu_usage": {"total_usage": 100}, "system_cpu_usage": 1_000},
            "memory_stats": {"usage": 1_000, "limit": 9_000, "stats": {"inactive_file": 200}}});
        let body = if line.contains("/containers/json") {
            list.to_string().into_bytes()
        } else if line.contains("/stats") {
            stats.to_string().into_bytes()
        } else {
            [&[1, 0, 0, 0, 0, 0, 0, 6][..], b"hello\n", &[2, 0, 0, 0, 0, 0, 0, 5], b"oops\n"].concat()
        };
        (200, body)
    });
    let docker = stage.docker();
    let all = docker.containers(&host()).await.unwrap();
    assert_eq!(
        all.iter().map(|c| (c.name.as_str(), c.may_change)).collect::<Vec<_>>(),
        [("redis", true), ("daemon", false)]
    );
    assert_eq!(
        all.iter().map(|c| docker.listed(&host(), c)).collect::<Vec<_>>(),
        [Listed::Yes, Listed::OwnStack]
    );
    let redis = "redis".parse().unwrap();
    let stats = docker.stats(&host(), &[redis]).await.unwrap();
    assert_eq!(
        (&stats["redis"]["cpu_percent"], &stats["redis"]["mem_used_bytes"]),
        (&json!(80.0), &json!(800))
    );
    assert_eq!(docker.logs(&host(), &"redis".parse().unwrap(), 100).await.unwrap(), ["hello", "oops"]);
    assert_eq!(
        stage.seen(),
        [
            "GET /containers/json?all=true HTTP/1.1",
            "GET /containers/redis/stats?stream=false HTTP/1.1",
            "GET /containers/redis/logs?stdout=true&stderr=true&timestamps=true&tail=100 HTTP/1.1",
        ]
    );
}

#[tokio::test]
async fn figures_that_never_come_cost_neither_the_list_nor_the_figures_that_do() {
    let stage = Stage::new(|line| match line.contains("/hung") {
        true => (1, Vec::new()),
        false => (200, json!({"pids_stats": {"current": 7}}).to_string().into_bytes()),
    });
    let running: Vec<ContainerName> = (0..40)
        .map(|n| format!("{}-{n}", if n % 8 == 0 { "hung" } else { "well" }).parse().unwrap())
        .collect();
    let wait = Duration::from_millis(700);
    let told = tokio::time::timeout(wait * 5, stage.docker().stats_within(&host(), &running, wait)).await;
    let told = told.unwrap().unwrap();
    assert_eq!(told.len(), 35, "{:?}", told.keys());
    assert!(told.values().all(|figures| figures["processes"] == 7));
}

#[tokio::test]
async fn i30_environment_values_never_leave_the_decoder() {
    let stage = Stage::new(|_| (200, inspect(json!({"jarvis.restart": "allow"}))));
    let seen = stage.docker().inspect(&host(), &"redis".parse().unwrap()).await.unwrap();
    assert!(!format!("{seen:?}{}", serde_json::to_string(&seen).unwrap()).contains(CANARY));
    let odd = Stage::new(|_| (200, format!("{{\"Env\": [\"{CANARY}\"], oops").into_bytes()));
    let error = odd.docker().inspect(&host(), &"redis".parse().unwrap()).await.unwrap_err();
    assert!(!format!("{error:?}{error}").contains(CANARY), "{error}");
}

#[tokio::test]
async fn only_labelled_containers_that_are_not_ours_are_changed() {
    for (labels, sent) in [
        (json!({"jarvis.restart": "allow"}), true),
        (json!({"jarvis.restart": "true", "com.docker.compose.project": "tools"}), true),
        (json!({}), false),
        (json!(null), false),
        (json!({"jarvis.restart": "no"}), false),
        (json!({"jarvis.restart": "allow", "com.docker.compose.project": "jarvis"}), false),
    ] {
        let told = labels.clone();
        let stage =
            Stage::new(
                move |line| {
                    if line.starts_with("GET") { (200, inspect(told.clone())) } else { (204, vec![]) }
                },
            );
        for (tool, path) in
            [("docker_start", "start"), ("docker_restart", "restart"), ("docker_stop", "stop")]
        {
            let operation = op(tool, json!({"host": "management", "name": "redis"}));
            let shown = exact(&operation).unwrap();
            assert_eq!(
                (shown.method.as_str(), shown.path.as_str()),
                ("POST", format!("/containers/redis/{path}").as_str())
            );
            let outcome = stage.docker().send(order(&operation, false)).await;
            assert_eq!(outcome.is_ok(), sent, "{labels} {tool}");
            let posts = stage
                .seen()
                .iter()
                .filter(|l| **l == format!("POST /containers/redis/{path} HTTP/1.1"))
                .count();
            assert_eq!(posts, usize::from(sent), "{labels} {tool}");
            if let Err(error) = outcome {
                assert!(matches!(error, SendError::NotSent(_)), "{error}");
            }
        }
    }
}

#[tokio::test]
async fn a_failed_change_says_whether_it_may_have_been_made_and_is_never_repeated() {
    for (status, word) in [(404, "refused"), (409, "refused"), (500, "unknown"), (0, "unknown")] {
        let stage = Stage::new(move |line| {
            if line.starts_with("GET") {
                (200, inspect(json!({"jarvis.restart": "allow"})))
            } else {
                (status, br#"{"message":"No such container: redis"}"#.to_vec())
            }
        });
        let operation = op("docker_restart", json!({"host": "management", "name": "redis"}));
        let error = stage.docker().send(order(&operation, false)).await.unwrap_err();
        let is = match &error {
            SendError::NotSent(_) => "not sent",
            SendError::Refused(_) => "refused",
            SendError::Unknown(_) => "unknown",
        };
        assert_eq!(is, word, "{error}");
        assert_eq!(stage.seen().iter().filter(|line| line.starts_with("POST")).count(), 1, "{status}");
    }
}

#[tokio::test]
async fn i01_a_switch_thrown_while_the_label_is_read_keeps_the_change_here() {
    let stage = Stage::new(|line| match line.starts_with("GET") {
        true => (200, inspect(json!({"jarvis.restart": "allow"}))),
        false => (204, vec![]),
    });
    let operation = op("docker_restart", json!({"host": "management", "name": "redis"}));
    let error = stage.docker().guarded(Lets::leave(0)).send(order(&operation, false)).await.unwrap_err();
    assert!(matches!(error, SendError::NotSent(_)) && error.to_string().contains("kill switch"), "{error}");
    assert!(!stage.seen().iter().any(|line| line.starts_with("POST")));
    stage.docker().guarded(Lets::leave(1)).send(order(&operation, false)).await.unwrap();
}

#[tokio::test]
async fn a_host_that_is_not_there_is_named() {
    let stage = Stage::new(|_| (200, vec![]));
    let docker = stage.docker();
    let error = docker.containers(&"other".parse().unwrap()).await.unwrap_err().to_string();
    assert!(error.contains("`other`") && error.contains("management"), "{error}");
    std::fs::remove_file(stage.dir.path().join("docker.sock")).unwrap();
    let error = stage.docker().containers(&host()).await.unwrap_err();
    assert!(
        matches!(error, DockerError::Unreachable { .. }) && error.to_string().contains("no such socket"),
        "{error}"
    );
    let operation = op("docker_restart", json!({"host": "management", "name": "redis"}));
    let error = stage.docker().send(order(&operation, false)).await.unwrap_err();
    assert!(matches!(error, SendError::NotSent(_)), "{error}");
}
