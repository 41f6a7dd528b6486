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

/// Twenty seconds apart, which shapes a minute as ten do in half the time.
const EVERY_MS: usize = 20_000;
const DAYS: i64 = 8;

async fn fill(store: &Store, from_ms: i64, noise: &mut Noise) {
    let entities = entities();
    for hour_ms in (0..DAYS * 24).map(|hour| from_ms + hour * HOUR_MS) {
        let mut samples = Vec::new();
        for t_ms in (hour_ms..hour_ms + HOUR_MS).step_by(EVERY_MS) {
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
        store.history().retain().await.unwrap();
    }
}

/// Rows and bytes of their data.
async fn weigh(store: &Store, tier: i32) -> (i64, i64) {
    use crate::store::schema::history_chunks;
    use diesel::{dsl::sql, prelude::*, sql_types::BigInt};
    let work = move |conn: &mut SqliteConnection| {
        let of_tier = history_chunks::table.filter(history_chunks::tier.eq(tier));
        let sums = (sql::<BigInt>("count(*)"), sql::<BigInt>("coalesce(sum(length(data)), 0)"));
        Ok(of_tier.select(sums).first(conn)?)
    };
    store.read("test", work).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "fills eight days: minutes in a debug build"]
async fn ninety_days_of_a_small_cluster_fit_in_the_stated_size() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let now_ms = Clock.now_ms() / HOUR_MS * HOUR_MS;
    fill(&store, now_ms - DAYS * DAY_MS, &mut Noise(1)).await;
    let series = i64::try_from(store.history().series_count().await.unwrap()).unwrap();
    let history = store.history().size_bytes().await.unwrap();
    let (minute_rows, minute_bytes) = weigh(&store, 60).await;
    let (quarter_rows, quarter_bytes) = weigh(&store, 900).await;
    let raw = store.history().size_bytes().await.unwrap() - (minute_bytes + quarter_bytes);
    // A week of minutes is all there ever is; quarter hours go on for 90 days and a begun one.
    let full = minute_bytes + quarter_bytes / (quarter_rows / series) * 91;
    let pages = history * 100 / (minute_bytes + quarter_bytes);
    println!("series {series}, history {history}, of which not packed cells {raw}");
    println!(
        "an hour of minutes {}, a day of quarters {} bytes",
        minute_bytes / minute_rows,
        quarter_bytes / quarter_rows
    );
    let full = full * pages / 100;
    println!("full: {full} bytes, {} per series; pages cost {pages} %", full / series);

    let before = store.size_bytes().await.unwrap();
    for _ in 0..100 {
        let mut batch = vec![event("VM 103 (management) stopped on agent1"); 1_000];
        batch.iter_mut().for_each(|e| {
            e.detail = Some("task qmstop by root@pam, took 4 s".into());
            e.node = Some("agent1".parse().unwrap());
            e.vmid = Some("103".parse().unwrap());
            e.upid = Some("UPID:agent1:0001F2A3:0A1B2C3D:673F0000:qmstop:103:root@pam:".parse().unwrap());
        });
        store.events().append(batch).await.unwrap();
    }
    let per_event = (store.size_bytes().await.unwrap() - before) / 100_000;
    store.close().await.unwrap();
    println!("file {}, per event {per_event}", fs::metadata(dir.path().join("jarvis.db")).unwrap().len());
    assert!(full / series < 110_000, "docs/OPERATING.md states less than 110 kB a series");
    assert!(per_event < 350, "docs/OPERATING.md states less than 350 bytes an event");
}
