//! The Docker engine over its API, as a client would use it.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::ssh::quote;
use crate::{Got, Lab, finish};

impl Lab {
    async fn engine(&self, method: Method, path: &str) -> reqwest::Result<Got> {
        let url = format!("{}{path}", self.running.ready.docker[0].url);
        finish(self.client.request(method, url).timeout(Duration::from_secs(20))).await
    }

    async fn docker(&self, path: &str) -> Value {
        let got = self.engine(Method::GET, path).await.unwrap();
        assert_eq!(got.status, 200, "{got:?}");
        got.json()
    }
}

fn named<'v>(list: &'v Value, name: &str) -> &'v Value {
    list.as_array().unwrap().iter().find(|c| c["Names"][0] == format!("/{name}")).unwrap()
}

#[tokio::test]
async fn containers_are_listed_and_inspected_secrets_included() {
    let lab = Lab::new(0.02).await;
    assert_eq!(lab.engine(Method::GET, "/_ping").await.unwrap().text, "OK");
    assert_eq!(lab.docker("/version").await["ApiVersion"], "1.51");
    let list = lab.docker("/v1.51/containers/json").await;
    assert_eq!(list.as_array().unwrap().len(), 16);
    let redis = named(&list, "redis");
    assert_eq!((&redis["State"], &redis["Labels"]["jarvis.restart"]), (&json!("running"), &json!("true")));
    assert!(redis["Status"].as_str().unwrap().ends_with("(healthy)"), "{redis}");
    assert_eq!(named(&list, "jarvisd")["Labels"].get("jarvis.restart"), None);
    let labelled =
        lab.docker("/containers/json?filters=%7B%22label%22%3A%5B%22jarvis.restart%3Dtrue%22%5D%7D").await;
    assert_eq!(labelled.as_array().unwrap().len(), 5);
    let id = redis["Id"].as_str().unwrap();
    let inspected = lab.docker(&format!("/containers/{}/json", &id[..12])).await;
    assert_eq!(
        (&inspected["Name"], &inspected["State"]["Health"]["Status"]),
        (&json!("/redis"), &json!("healthy"))
    );
    assert!(inspected["Config"]["Env"].to_string().contains("REDIS_PASSWORD=sim-secret-"), "{inspected}");
    let unknown = lab.engine(Method::GET, "/containers/nope/json").await.unwrap();
    assert_eq!((unknown.status, unknown.json()), (404, json!({"message": "No such container: nope"})));
    assert_eq!(lab.engine(Method::GET, "/images/json").await.unwrap().status, 404);
}

#[tokio::test]
async fn logs_come_in_frames_and_statistics_give_a_rate() {
    let lab = Lab::new(0.02).await;
    let url = format!(
        "{}/containers/n8n/logs?stdout=1&stderr=1&timestamps=1&tail=40",
        lab.running.ready.docker[0].url
    );
    let answer = lab.client.get(url).send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "application/vnd.docker.multiplexed-stream");
    let bytes = answer.bytes().await.unwrap();
    let (mut rest, mut lines, mut streams) = (&bytes[..], Vec::new(), [0; 3]);
    while let [stream, 0, 0, 0, a, b, c, d, body @ ..] = rest {
        let (line, more) = body.split_at(usize::try_from(u32::from_be_bytes([*a, *b, *c, *d])).unwrap());
        streams[usize::from(*stream)] += 1;
        lines.push(String::from_utf8(line.to_vec()).unwrap());
        rest = more;
    }
    assert!(rest.is_empty() && lines.len() == 40, "{} lines, {} bytes left", lines.len(), rest.len());
    assert!(streams[1] > streams[2] && streams[0] == 0, "{streams:?}");
    assert!(lines.windows(2).all(|w| w[0][..24] <= w[1][..24]), "oldest first");
    let none = lab.engine(Method::GET, "/containers/n8n/logs").await.unwrap();
    assert_eq!(none.status, 400);
    let stats = lab.docker("/containers/n8n/stats?stream=false").await;
    let of = |part: &str| stats[part]["cpu_usage"]["total_usage"].as_u64().unwrap();
    assert!(of("cpu_stats") > of("precpu_stats"), "{stats}");
    assert!(stats["memory_stats"]["usage"].as_u64() < stats["memory_stats"]["limit"].as_u64());
    // The stream goes on until its reader leaves.
    let url = format!("{}/containers/n8n/stats", lab.running.ready.docker[0].url);
    let mut streaming = lab.client.get(url).send().await.unwrap();
    for _ in 0..2 {
        let line = streaming.chunk().await.unwrap().unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&line).unwrap()["name"], "/n8n");
    }
}

#[tokio::test]
async fn starts_stops_and_restarts_are_done_recorded_and_seen_on_every_side() {
    let lab = crate::ssh::lab(0.02).await;
    let state = async || {
        let (_, truth) = lab.control(Method::GET, "/docker", Value::Null).await;
        let all = truth["hosts"][0]["containers"].as_array().unwrap().clone();
        all.into_iter().find(|c| c["name"] == "redis").unwrap()
    };
    let post = async |path: &str| lab.engine(Method::POST, path).await.unwrap().status;
    assert_eq!(post("/v1.51/containers/redis/restart?t=5").await, 204);
    assert_eq!((&state().await["restarts"], &state().await["health"]), (&json!(1), &json!("starting")));
    assert_eq!(post("/containers/redis/stop").await, 204);
    assert_eq!(post("/containers/redis/stop").await, 304);
    assert_eq!(state().await["state"], "exited");
    assert_eq!(lab.docker("/containers/json").await.as_array().unwrap().len(), 15, "only those that run");
    let mut list: Vec<&str> = "/usr/bin/env -i LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin PAGER=cat SYSTEMD_PAGER=cat SYSTEMD_COLORS=0 TERM=dumb /usr/bin/docker container ls --all --no-trunc --format".split(' ').collect();
    list.push(r#"{"id":{{json .ID}},"name":{{json .Names}},"image":{{json .Image}},"state":{{json .State}},"status":{{json .Status}},"restart":{{json (.Label "jarvis.restart")}}}"#);
    let told = lab.run("management", &quote(&list)).await;
    let rows: Vec<Value> =
        String::from_utf8(told.stdout).unwrap().lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let redis = rows.iter().find(|r| r["name"] == "redis").unwrap();
    assert_eq!((&redis["state"], &redis["restart"]), (&json!("exited"), &json!("true")));
    assert!(redis["status"].as_str().unwrap().starts_with("Exited (0) "), "{redis}");
    assert_eq!(lab.run("Home", &quote(&list)).await.status.code(), Some(127), "no Docker on the nodes");
    assert_eq!(post("/containers/redis/start").await, 204);
    assert_eq!(post("/containers/nope/start").await, 404);
    assert_eq!(post("/containers/redis/kill").await, 404, "a call that does not exist here");
    let (_, seen) = lab.control(Method::GET, "/effects?side=docker", Value::Null).await;
    let short = |e: &Value| {
        (e["path"].as_str().unwrap().to_owned(), e["status"].as_u64().unwrap(), e["acted"] == true)
    };
    let rows: Vec<_> = seen["effects"].as_array().unwrap().iter().map(short).collect();
    let of = |verb: &str| format!("/containers/redis/{verb}");
    let expected = [
        (of("restart"), 204, true),
        (of("stop"), 204, true),
        (of("stop"), 304, false),
        (of("start"), 204, true),
        ("/containers/nope/start".to_owned(), 404, false),
        (of("kill"), 404, false),
    ];
    assert_eq!(rows, expected);
    assert_eq!(seen["effects"][0]["target"], "container/management/redis");
    assert_eq!(seen["acted"]["docker"], json!(3));
}

#[tokio::test]
async fn the_unix_socket_speaks_the_same_and_goes_with_its_guest() {
    let lab = Lab::new(0.02).await;
    let path = lab.running.ready.docker[0].socket.clone();
    let mut socket = tokio::net::UnixStream::connect(&path).await.unwrap();
    socket
        .write_all(b"GET /v1.51/_ping HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut text = String::new();
    socket.read_to_string(&mut text).await.unwrap();
    assert!(text.starts_with("HTTP/1.1 200 OK") && text.ends_with("\r\n\r\nOK"), "{text}");
    lab.fault(json!({"do": "guest_crash", "vmid": 103})).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(tokio::net::UnixStream::connect(&path).await.is_err());
    assert!(lab.engine(Method::GET, "/_ping").await.unwrap_err().is_connect());
    lab.fault(json!({"do": "guest_start_by_human", "vmid": 103})).await;
    lab.advance(10.0).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(lab.engine(Method::GET, "/_ping").await.unwrap().text, "OK");
    let list = lab.docker("/containers/json").await;
    assert!(
        named(&list, "redis")["Status"].as_str().unwrap().contains("second"),
        "{}",
        named(&list, "redis")
    );
}

#[tokio::test]
async fn engines_and_containers_fail_as_told() {
    let lab = Lab::new(0.02).await;
    lab.fault(json!({"do": "docker_lost_answer", "times": 1})).await;
    assert!(lab.engine(Method::POST, "/containers/redis/restart").await.is_err());
    let (_, seen) = lab.control(Method::GET, "/effects?side=docker", Value::Null).await;
    assert_eq!(seen["effects"][0]["acted"], json!(true), "done, though no answer came");
    lab.fault(json!({"do": "docker_hang", "path": "json", "times": 1})).await;
    let url = format!("{}/containers/json", lab.running.ready.docker[0].url);
    let hung = finish(lab.client.get(&url).timeout(Duration::from_millis(500))).await;
    assert!(hung.unwrap_err().is_timeout());
    lab.fault(
        json!([{"do": "container_crash", "name": "loki"}, {"do": "container_unhealthy", "name": "authelia"}]),
    )
    .await;
    let list = lab.docker("/containers/json?all=1").await;
    assert!(named(&list, "loki")["Status"].as_str().unwrap().starts_with("Exited (137)"));
    assert!(named(&list, "authelia")["Status"].as_str().unwrap().ends_with("(unhealthy)"));
    assert_eq!(
        lab.control(Method::POST, "/faults", json!({"do": "container_crash", "name": "nope"})).await.0,
        400
    );
    lab.fault(json!({"do": "docker_down"})).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(lab.engine(Method::GET, "/_ping").await.is_err());
}
