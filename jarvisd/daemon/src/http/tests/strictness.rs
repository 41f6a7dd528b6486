//! Statuses, headers and shapes of answers that are refusals.

use reqwest::{Method, header};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::harness::{Daemon, kind, read};
use crate::{
    access::Scope,
    http::{route::Need, routes::ROUTES},
};

#[tokio::test(flavor = "multi_thread")]
async fn an_unlisted_path_is_404_and_a_wrong_method_405_with_allow() {
    let daemon = Daemon::start().await;
    for path in
        ["/", "/api", "/api/v1", "/api/v1/nope", "/api/v1/nodes/", "/metrics", "/ws/", "/.env", "/healthz/x"]
    {
        let (status, body) = read(daemon.ask(Method::GET, path)).await;
        assert_eq!((status.as_u16(), kind(&body)), (404, "not_found"), "{path}");
    }
    for (path, method, allow) in [
        ("/api/v1/cluster", Method::POST, "GET, HEAD"),
        ("/api/v1/tokens", Method::PUT, "GET, HEAD, POST"),
        ("/api/v1/tokens/1", Method::GET, "DELETE"),
        ("/api/v1/login", Method::GET, "POST"),
        ("/healthz", Method::TRACE, "GET, HEAD"),
        ("/healthz", Method::OPTIONS, "GET, HEAD"),
        ("/healthz", Method::from_bytes(b"BREW").unwrap(), "GET, HEAD"),
    ] {
        let response = daemon.ask(method.clone(), path).send().await.unwrap();
        assert_eq!(response.status(), 405, "{method} {path}");
        assert_eq!(response.headers().get(header::ALLOW).unwrap(), allow, "{method} {path}");
        assert_eq!(kind(&response.json::<Value>().await.unwrap()), "method_not_allowed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_carries_the_security_headers() {
    let daemon = Daemon::start().await;
    for path in ["/healthz", "/nope", "/api/v1/cluster"] {
        let response = daemon.ask(Method::GET, path).send().await.unwrap();
        for (name, value) in [("x-content-type-options", "nosniff"), ("cache-control", "no-store")] {
            assert_eq!(response.headers().get(name).unwrap(), value, "{path}");
        }
        assert_eq!(response.headers().get("content-type").unwrap(), "application/json", "{path}");
    }
    let head = daemon.ask(Method::HEAD, "/healthz").send().await.unwrap();
    assert_eq!(head.status(), 200);
    assert_eq!(head.text().await.unwrap(), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_are_read_strictly() {
    let daemon = Daemon::start().await;
    let post = |body: &str, media: Option<&str>| {
        let request = daemon.ask(Method::POST, "/api/v1/login").body(body.to_owned());
        media.map(|m| request.try_clone().unwrap().header(header::CONTENT_TYPE, m)).unwrap_or(request)
    };
    let huge = format!("{{\"password\":\"{}\"}}", "x".repeat(70_000));
    for (body, media, status) in [
        ("{\"password\":\"x\"}", None, 415),
        ("{\"password\":\"x\"}", Some("text/plain"), 415),
        ("password=x", Some("application/x-www-form-urlencoded"), 415),
        ("{\"password\":", Some("application/json"), 400),
        ("", Some("application/json"), 400),
        ("{}", Some("application/json"), 422),
        ("[]", Some("application/json"), 422),
        ("{\"password\":1}", Some("application/json"), 422),
        ("{\"password\":\"x\",\"remember\":true}", Some("application/json; charset=utf-8"), 422),
        (&huge, Some("application/json"), 413),
        ("{\"password\":\"x\"}", Some("Application/JSON"), 401),
    ] {
        let (got, answer) = read(post(body, media)).await;
        assert_eq!(got, status, "{media:?} {:.40}: {answer}", body);
        assert!(answer["error"]["message"].is_string(), "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_refuses_a_query_key_it_does_not_know() {
    let daemon = Daemon::start().await;
    let token = daemon.token(&Scope::ALL).await;
    for route in ROUTES.iter().filter(|r| r.verb.as_str() == "GET" && r.need != Need::Session) {
        let path = route
            .path
            .replace("{node}", "pve")
            .replace("{vmid}", "100")
            .replace("{record}", "9999")
            .replace("{upid}", "UPID:a:b:c:d:e:f:g:");
        let (status, body) = daemon.get(&token, &format!("{path}?unheard_of=1")).await;
        assert_eq!((status.as_u16(), kind(&body)), (400, "bad_request"), "{path}: {body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_requests_on_the_wire_get_a_4xx_and_never_a_5xx() {
    let daemon = Daemon::start().await;
    let host = &daemon.authority;
    for (what, request) in [
        ("no host", "GET /healthz HTTP/1.1\r\n\r\n".to_owned()),
        ("two hosts", format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\nHost: evil.example\r\n\r\n")),
        ("absolute form", format!("GET http://evil.example/healthz HTTP/1.1\r\nHost: {host}\r\n\r\n")),
        ("userinfo", format!("GET /healthz HTTP/1.1\r\nHost: {host}@evil.example\r\n\r\n")),
        ("rubbish", "\u{1}\u{2}\u{3}\r\n\r\n".to_owned()),
        ("bad percent", format!("GET /api/v1/nodes/%ff%zz HTTP/1.1\r\nHost: {host}\r\n\r\n")),
        ("dots", format!("GET /../../etc/passwd HTTP/1.1\r\nHost: {host}\r\n\r\n")),
        (
            "two tokens",
            format!(
                "GET /api/v1/cluster HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer a\r\nAuthorization: Bearer b\r\n\r\n"
            ),
        ),
    ] {
        let mut socket = tokio::net::TcpStream::connect(host).await.unwrap();
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut answer = vec![0; 1_024];
        let n = tokio::time::timeout(std::time::Duration::from_secs(8), socket.read(&mut answer))
            .await
            .unwrap()
            .unwrap();
        let text = String::from_utf8_lossy(&answer[..n]).into_owned();
        assert!(text.starts_with("HTTP/1.1 4"), "{what}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn readiness_names_its_reasons_and_the_document_is_served() {
    let daemon = Daemon::start().await;
    let (status, body) = read(daemon.ask(Method::GET, "/readyz")).await;
    assert_eq!(status, 503);
    assert!(body["reasons"][0].as_str().unwrap().contains("[proxmox]"), "{body}");
    let (status, document) = read(daemon.ask(Method::GET, "/api/v1/openapi.json")).await;
    assert_eq!((status.as_u16(), &document["openapi"]), (200, &json!("3.1.0")));
    for route in ROUTES {
        let table = route.protocol.unwrap_or("paths");
        assert!(
            document[table][route.path][route.verb.as_str().to_lowercase()].is_object(),
            "{}",
            route.path
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_gzipped_when_asked_for() {
    let daemon = Daemon::start().await;
    let token = daemon.token(&[Scope::Read]).await;
    let ask = |encoding: &'static str| {
        daemon
            .ask(Method::GET, "/api/v1/cluster")
            .bearer_auth(&token)
            .header(header::ACCEPT_ENCODING, encoding)
            .send()
    };
    let response = ask("gzip").await.unwrap();
    assert_eq!(response.headers().get(header::CONTENT_ENCODING).unwrap(), "gzip");
    // Never refused over its encoding.
    let response = ask("br;q=1, identity;q=0").await.unwrap();
    assert_eq!((response.status().as_u16(), response.headers().get(header::CONTENT_ENCODING)), (200, None));
}
