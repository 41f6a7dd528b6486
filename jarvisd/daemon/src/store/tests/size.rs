//! How large a full store is: the figures in docs/OPERATING.md come from here.

use std::fs;

use super::{event, open};
use crate::{
    clock::Clock,
    store::{
        Sample, Store,
        limits::{DAY_MS, HOUR_MS, MINUTE_MS},
    },
};

/// Numbers that move like a homelab's, the same on every run.
struct Noise(u64);

impl Noise {
    /// 0..1
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        f64::from(u32::try_from(self.0 >> 32).unwrap()) / f64::from(u32::MAX)
    }
}

const GUEST: [&str; 9] = [
    "cpu",
    "mem_used_bytes",
    "mem_total_bytes",
    "disk_used_bytes",
    "disk_total_bytes",
    "net_in_bps",
    "net_out_bps",
    "disk_read_bps",
    "disk_write_bps",
];
const NODE: [&str; 7] =
    ["cpu", "mem_used_bytes", "mem_total_bytes", "disk_used_bytes", "disk_total_bytes", "load1", "iowait"];
const STORAGE: [&str; 2] = ["disk_used_bytes", "disk_total_bytes"];

fn entities() -> Vec<(String, &'static [&'static str])> {
    let nodes = ["Home", "pve", "agent1", "agent"];
    let mut all: Vec<(String, &'static [&'static str])> = Vec::new();
    all.extend(nodes.iter().map(|n| (format!("node/{n}"), NODE.as_slice())));
    all.extend((100..121).map(|n| (format!("qemu/{n}"), GUEST.as_slice())));
    for node in nodes {
        all.extend(
            ["local", "local-lvm", "nas"].map(|s| (format!("storage/{node}/{s}"), STORAGE.as_slice())),
        );
    }
    all
}

fn value(metric: &str, t_ms: i64, entity: usize, noise: &mut Noise) -> f64 {
    let hour = f64::from(i32::try_from(t_ms / MINUTE_MS % 1_440).unwrap()) / 60.0;
    let busy = 0.5 + 0.4 * ((hour - 15.0) / 24.0 * std::f64::consts::TAU).cos();
    let own = 1.0 + f64::from(u32::try_from(entity).unwrap() % 7);
    match metric {
        "cpu" | "iowait" => 0.02 * own * busy * (0.5 + noise.next()),
        "load1" => own * busy * (0.8 + 0.4 * noise.next()),
        "mem_used_bytes" => (4e9 * own * (0.6 + 0.1 * busy + 0.01 * noise.next())).round(),
        "mem_total_bytes" | "disk_total_bytes" => 4_294_967_296.0 * own,
        "disk_used_bytes" => {
            (1e9 * own + f64::from(i32::try_from(t_ms / HOUR_MS % 100_000).unwrap()) * 1e5).round()
        }
        // Quiet most of the time, with bursts.
        _ if noise.next() < 0.3 => 0.0,
        _ => (2e4 * own * busy * noise.next() / (0.05 + noise.next())).round(),
    }
}

async fn fill(store: &Store, from_ms: i64, to_ms: i64, every_ms: usize, noise: &mut Noise) {
    let entities = entities();
    let mut hour_ms = from_ms;
    while hour_ms < to_ms {
        let mut samples = Vec::new();
        for t_ms in (hour_ms..(hour_ms + HOUR_MS).min(to_ms)).step_by(every_ms) {
            for (at, (entity, metrics)) in entities.iter().enumerate() {
                samples.extend(metrics.iter().map(|metric| Sample {
                    entity: entity.clone(),
                    metric,
                    t_ms,
                    value: value(metric, t_ms, at, noise),
                }));
            }
        }
        store.history().append(samples).await.unwrap();
        store.history().pack().await.unwrap();
        if hour_ms % (12 * HOUR_MS) == 0 {
            store.history().retain().await.unwrap();
        }
        hour_ms += HOUR_MS;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "fills 90 days: minutes in a debug build"]
async fn ninety_days_of_a_small_cluster_fit_in_the_stated_size() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let now_ms = Clock.now_ms() / HOUR_MS * HOUR_MS;
    let mut noise = Noise(1);
    // A sample a minute is enough to shape the quarter hours of what is older than a week.
    fill(&store, now_ms - 91 * DAY_MS, now_ms - 7 * DAY_MS - HOUR_MS, 60_000, &mut noise).await;
    let quarters = store.history().size_bytes().await.unwrap();
    fill(&store, now_ms - 7 * DAY_MS - HOUR_MS, now_ms, 10_000, &mut noise).await;
    store.maintain().await.unwrap();
    let series = store.history().series_count().await.unwrap();
    let history = store.history().size_bytes().await.unwrap();
    for _ in 0..100 {
        let mut batch = vec![event("VM 103 (management) stopped on agent1"); 1_000];
        batch.iter_mut().for_each(|e| e.detail = Some("task qmstop by root@pam, took 4 s".into()));
        store.events().append(batch).await.unwrap();
    }
    let all = store.size_bytes().await.unwrap();
    store.close().await.unwrap();
    let file = fs::metadata(dir.path().join("jarvis.db")).unwrap().len();
    println!(
        "series {series}, before the last week {quarters}, history {history}, with 100,000 events {all}, file {file}"
    );
    println!("history bytes per series {}", history / i64::try_from(series).unwrap());
    println!("bytes per event {}", (all - history) / 100_000);
    assert!(
        history / i64::try_from(series).unwrap() < 100_000,
        "docs/OPERATING.md states less than 100 kB a series"
    );
    assert!((all - history) / 100_000 < 400, "docs/OPERATING.md states less than 400 bytes an event");
}
