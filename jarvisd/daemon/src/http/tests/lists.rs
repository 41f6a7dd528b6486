//! Lists over the state, the feed and the history.

use serde_json::{Value, json};

use super::harness::{Daemon, UPID, kind};
use crate::access::Scope;

fn ids(body: &Value, key: &str) -> Vec<String> {
    body["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|i| i[key].to_string().trim_matches('"').to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_state_comes_with_its_place_on_the_stream_and_every_age() {
    let daemon = Daemon::start().await;
    let token = daemon.token(&[Scope::Read]).await;
    let (_, body) = daemon.get(&token, "/api/v1/cluster").await;
    assert_eq!((&body["epoch"], &body["seq"]), (&json!("epoch-1"), &json!(daemon.state.current().0)));
    assert_eq!(body["cluster"]["name"], "lab");
    for list in ["nodes", "guests", "storages", "tasks", "sources"] {
        let items = body[list].as_array().unwrap();
        assert!(!items.is_empty(), "{list}");
        for item in items {
            assert!(item["age_ms"].as_i64().unwrap() < 60_000 && item["stale"] == false, "{list}: {item}");
        }
    }
    assert!(body["nodes"][0]["started_at"].as_str().unwrap().ends_with('Z'), "{}", body["nodes"][0]);
    assert_eq!(body["tasks"][0]["ended_at"], "2025-11-22T08:26:43Z");
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_filter_sort_and_page() {
    let daemon = Daemon::start().await;
    let token = daemon.token(&[Scope::Read]).await;
    for (path, key, expected) in [
        ("/api/v1/nodes", "name", vec!["Home", "pve"]),
        ("/api/v1/nodes?sort=-cpu", "name", vec!["pve", "Home"]),
        ("/api/v1/nodes?status=offline", "name", vec![]),
        ("/api/v1/nodes?status=offline,online", "name", vec!["Home", "pve"]),
        ("/api/v1/guests", "vmid", vec!["100", "102"]),
        ("/api/v1/guests?sort=name", "vmid", vec!["102", "100"]),
        ("/api/v1/guests?kind=lxc", "vmid", vec!["102"]),
        ("/api/v1/guests?status=running&tag=prod", "vmid", vec!["100"]),
        ("/api/v1/guests?q=WE", "vmid", vec!["100"]),
        ("/api/v1/guests?template=true", "vmid", vec![]),
        ("/api/v1/storages?node=pve", "id", vec!["pve/local"]),
        ("/api/v1/tasks?vmid=100&status=ok", "upid", vec![UPID]),
        ("/api/v1/tasks?kind=vzdump", "upid", vec![]),
    ] {
        let (status, body) = daemon.get(&token, path).await;
        assert_eq!(status, 200, "{path}: {body}");
        assert_eq!(ids(&body, key), expected, "{path}");
        assert_eq!(body["total"], expected.len(), "{path}");
    }
    let (_, first) = daemon.get(&token, "/api/v1/guests?limit=1").await;
    let cursor = first["next_cursor"].as_str().unwrap();
    let (_, second) = daemon.get(&token, &format!("/api/v1/guests?limit=1&cursor={cursor}")).await;
    assert_eq!((ids(&first, "vmid"), ids(&second, "vmid")), (vec!["100".into()], vec!["102".into()]));
    assert_eq!(second["next_cursor"], Value::Null);
    let (status, body) = daemon.get(&token, &format!("/api/v1/guests?sort=name&cursor={cursor}")).await;
    assert_eq!((status.as_u16(), kind(&body)), (404, "not_found"), "a cursor of another order");
    for bad in [
        "guests?vmid=1",
        "guests?limit=0",
        "guests?sort=age",
        "guests?status=loud",
        "guests?cursor=",
        "tasks?vmid=1",
    ] {
        let (status, body) = daemon.get(&token, &format!("/api/v1/{bad}")).await;
        assert_eq!((status.as_u16(), kind(&body)), (400, "bad_request"), "{bad}: {body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn single_records_are_found_by_id_or_are_404() {
    let daemon = Daemon::start().await;
    let token = daemon.token(&[Scope::Read]).await;
    for (path, status) in [
        ("nodes/pve".to_owned(), 200),
        ("nodes/PVE".to_owned(), 404),
        ("nodes/..".to_owned(), 404),
        ("nodes/a%2Fb".to_owned(), 404),
        ("guests/100".to_owned(), 200),
        ("guests/101".to_owned(), 404),
        ("guests/abc".to_owned(), 404),
        (format!("tasks/{UPID}"), 200),
        ("tasks/UPID:x".to_owned(), 404),
        (format!("tasks/{UPID}/log"), 503),
        ("tasks/UPID:a:b:c:d:e:f:g:/log".to_owned(), 404),
    ] {
        let (got, body) = daemon.get(&token, &format!("/api/v1/{path}")).await;
        assert_eq!(got, status, "{path}: {body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_feed_pages_without_holes_while_new_events_arrive() {
    let daemon = Daemon::start().await;
    let token = daemon.token(&[Scope::Read]).await;
    for n in 1..=7 {
        daemon.event(&format!("event {n}")).await;
    }
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let (_, page) = daemon.get(&token, &format!("/api/v1/events?limit=3{cursor}")).await;
        seen.extend(page["items"].as_array().unwrap().iter().map(|e| e["id"].as_i64().unwrap()));
        daemon.event("late").await;
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen, (1..=7).rev().collect::<Vec<i64>>());
    for (query, found) in [
        ("q=event%207", 1),
        ("type=node_offline", 0),
        ("severity=info&source=sys", 10),
        ("since=2999-01-01T00:00:00Z", 0),
    ] {
        let (_, page) = daemon.get(&token, &format!("/api/v1/events?{query}")).await;
        assert_eq!(page["items"].as_array().unwrap().len(), found, "{query}");
    }
    let (_, page) = daemon.get(&token, "/api/v1/events?limit=1").await;
    assert!(page["items"][0]["at"].as_str().unwrap().ends_with('Z'));
}

#[tokio::test(flavor = "multi_thread")]
async fn history_is_asked_for_with_care() {
    let daemon = Daemon::start().await;
    let token = daemon.token(&[Scope::Read]).await;
    let (status, body) = daemon.get(&token, "/api/v1/history?entity=node/pve&metric=cpu").await;
    assert_eq!((status.as_u16(), &body["buckets"]), (200, &json!([])));
    for bad in [
        "",
        "entity=node/pve",
        "entity=node/pve&metric=love",
        "entity=disk/1&metric=cpu",
        "entity=node/pve&metric=cpu&points=0",
        "entity=node/pve&metric=cpu&points=1001",
        "entity=node/pve&metric=cpu&from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z",
        "entity=node/pve&metric=cpu&from=yesterday",
    ] {
        let (status, body) = daemon.get(&token, &format!("/api/v1/history?{bad}")).await;
        assert_eq!((status.as_u16(), kind(&body)), (400, "bad_request"), "{bad}: {body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_widget_is_flat() {
    let daemon = Daemon::start().await;
    let token = daemon.token(&[Scope::Read]).await;
    let (_, body) = daemon.get(&token, "/api/v1/widget").await;
    assert!(body.as_object().unwrap().values().all(|v| !v.is_object() && !v.is_array()), "{body}");
    assert_eq!(
        (&body["nodes_online"], &body["guests_running"], &body["cpu"]),
        (&json!(2), &json!(1), &json!(0.15))
    );
}
