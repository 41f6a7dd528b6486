//! The metrics listener.

use jarvis_core::cluster::{
    NodeStatus, SourceId,
    reading::{Part, Reading},
};
use reqwest::{Method, header};

use super::harness::{Daemon, cluster};
use crate::{access::Scope, clock::Clock};

async fn scrape(daemon: &Daemon) -> String {
    let response = daemon.bare(Method::GET, &daemon.metrics).send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(
        response.headers().get(header::CONTENT_TYPE).unwrap(),
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    );
    response.text().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cluster_appears_under_the_names_of_the_pve_exporter() {
    let daemon = Daemon::start().await;
    let token = daemon.token(&[Scope::Read]).await;
    daemon.get(&token, "/api/v1/guests/100").await;
    daemon.get(&token, "/api/v1/guests/101").await;
    daemon.ask(Method::GET, "/never/heard/of").send().await.unwrap();
    let text = scrape(&daemon).await;
    for line in [
        r#"pve_up{id="node/pve"} 1"#,
        r#"pve_up{id="qemu/100"} 1"#,
        r#"pve_up{id="lxc/102"} 0"#,
        r#"pve_up{id="cluster/lab"} 1"#,
        r#"pve_node_info{id="node/pve",level="c",name="pve",nodeid="2"} 1"#,
        r#"pve_guest_info{id="qemu/100",node="pve",name="web",type="qemu",template="0",tags="prod"} 1"#,
        r#"pve_storage_info{id="storage/pve/local",node="pve",storage="local",plugintype="dir",content="iso,backup"} 1"#,
        r#"pve_storage_shared{id="storage/pve/local"} 0"#,
        r#"pve_cpu_usage_ratio{id="node/pve"} 0.25"#,
        r#"pve_memory_size_bytes{id="node/pve"} 17179869184"#,
        r#"pve_disk_size_bytes{id="qemu/100"} 34359738368"#,
        r#"pve_network_receive_bytes_total{id="qemu/100"} 1000"#,
        r#"pve_disk_written_bytes_total{id="qemu/100"} 4000"#,
        r#"pve_cluster_info{id="cluster/lab",nodes="2",quorate="1",version="7"} 1"#,
        r#"jarvis_build_info{version="3.1.0-test"} 1"#,
        r#"jarvis_http_requests_total{route="/api/v1/guests/{vmid}",method="GET",code="404"} 1"#,
        r#"jarvis_http_requests_total{route="unlisted",method="GET",code="404"} 1"#,
        "jarvis_store_writable 1",
        "# TYPE process_resident_memory_bytes gauge",
        "# TYPE process_cpu_seconds counter",
    ] {
        assert!(text.lines().any(|l| l == line), "`{line}` is not in:\n{text}");
    }
    let age = text.lines().find_map(|l| l.strip_prefix("jarvis_poll_age_seconds{source=\"resources\"} "));
    let age_s: f64 = age.unwrap().parse().unwrap();
    assert!((0.0..60.0).contains(&age_s), "{age_s}");
    assert!(text.ends_with("# EOF\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_node_is_down_and_its_figures_are_gone_not_frozen() {
    let daemon = Daemon::start().await;
    let mut readings = cluster(0.5);
    for Reading { part, .. } in &mut readings {
        match part {
            Ok(Part::Membership(m)) => m.nodes[0].online = false,
            Ok(Part::Resources(r)) => {
                r.nodes[0].status = NodeStatus::Offline;
                (r.nodes[0].cpu, r.nodes[0].mem_used_bytes, r.nodes[0].uptime_s) = (None, None, None);
            }
            _ => {}
        }
    }
    daemon.state.absorb(readings, Clock.now_ms());
    let text = scrape(&daemon).await;
    assert!(text.contains("pve_up{id=\"node/pve\"} 0"), "{text}");
    // Its guest's row is frozen by Proxmox: running with old figures. Nobody knows.
    for gone in [
        "pve_cpu_usage_ratio{id=\"node/pve\"}",
        "pve_cpu_usage_ratio{id=\"qemu/100\"}",
        "pve_up{id=\"qemu/100\"}",
    ] {
        assert!(!text.contains(gone), "{gone} is still in:\n{text}");
    }
    assert!(text.contains("pve_cpu_usage_ratio{id=\"node/Home\"} 0.05"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn when_sight_is_lost_only_the_ages_are_told() {
    let daemon = Daemon::start().await;
    // As if a long time had passed without an answer.
    daemon.state.tick(Clock.now_ms() + 3_600_000);
    let text = scrape(&daemon).await;
    assert!(!text.contains("pve_"), "{text}");
    assert!(
        text.contains(&format!("jarvis_poll_age_seconds{{source=\"{}\"}}", SourceId::resources())),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_asked_for_when_configured() {
    let daemon = Daemon::start_with(|c| c.metrics.token_required = true).await;
    let status = async |token: Option<&str>| {
        let request = daemon.bare(Method::GET, &daemon.metrics);
        let request = token.iter().fold(request, |r, t| r.bearer_auth(t));
        request.send().await.unwrap().status().as_u16()
    };
    let (right, narrow) = (daemon.token(&[Scope::Metrics]).await, daemon.token(&[Scope::Read]).await);
    assert_eq!(status(None).await, 401);
    assert_eq!(status(Some("jv_wrong")).await, 401);
    assert_eq!(status(Some(&narrow)).await, 403);
    assert_eq!(status(Some(&right)).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_other_sites_cannot_read_metrics_through_a_name_of_theirs() {
    let daemon = Daemon::start().await;
    let ask = |host: &str| daemon.bare(Method::GET, &daemon.metrics).header(header::HOST, host).send();
    assert_eq!(ask("evil.example").await.unwrap().status(), 403);
    assert_eq!(ask("jarvisd:9878").await.unwrap().status(), 200);
    let url = daemon.metrics.replace("/metrics", "/other");
    assert_eq!(daemon.bare(Method::GET, &url).send().await.unwrap().status(), 404);
    assert_eq!(daemon.bare(Method::POST, &daemon.metrics).send().await.unwrap().status(), 405);
}
