//! A real Prometheus takes the metrics.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use jarvis_tests::{daemon::Jarvisd, process::PATIENCE, prometheus::Prometheus, sim::Sim, socket::Socket};

#[tokio::test]
async fn prometheus_finds_the_target_up_and_the_clusters_series() -> Result<()> {
    let sim = Sim::start().await?;
    let jarvisd = Jarvisd::start(&sim.cluster()?).await?;
    let mut socket = Socket::open(&jarvisd.door()).await?;
    socket.until(PATIENCE, "guests", |s| s.records.get("guest").is_some_and(|g| g.len() > 20)).await?;
    let prometheus = Prometheus::start(&format!("127.0.0.1:{}", jarvisd.home.metrics_port)).await?;
    let deadline = Instant::now() + PATIENCE;
    while prometheus.target().await?["health"] != "up" {
        let target = prometheus.target().await?;
        ensure!(Instant::now() < deadline, "the target is not up: {target}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let up = prometheus.query("pve_up").await?;
    let of = |prefix: &str| {
        up.iter().filter(|s| s["metric"]["id"].as_str().is_some_and(|id| id.starts_with(prefix))).count()
    };
    ensure!(of("node/") == 4, "pve_up of {} nodes", of("node/"));
    ensure!(of("qemu/") + of("lxc/") > 20, "pve_up of {} guests", of("qemu/") + of("lxc/"));
    for name in [
        "pve_node_info",
        "pve_guest_info",
        "pve_storage_info",
        "pve_cpu_usage_ratio",
        "pve_cpu_usage_limit",
        "pve_memory_size_bytes",
        "pve_memory_usage_bytes",
        "pve_disk_size_bytes",
        "pve_uptime_seconds",
        "pve_network_receive_bytes_total",
        "pve_version_info",
        "pve_cluster_info",
    ] {
        ensure!(!prometheus.query(name).await?.is_empty(), "no series {name}");
    }
    Ok(())
}
