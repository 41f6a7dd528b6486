//! What the store costs: durable events, a tick of history, packing an hour, and reading both back.
//!
//! The disk decides the first figures: every append waits for a sync.
#![allow(clippy::unwrap_used, reason = "a bench that cannot open its store has nothing to measure")]

use std::sync::LazyLock;

use divan::{Bencher, black_box};
use jarvis_core::protocol::{EventKind, EventSource, Severity, event::NewEvent};
use jarvisd::{
    clock::Clock,
    store::{EventFilter, Limits, Sample, Store},
};
use tempfile::TempDir;
use tokio::runtime::Runtime;

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

fn main() {
    divan::main();
}

fn store() -> (TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), Clock, Limits::default()).unwrap();
    (dir, store)
}

fn event() -> NewEvent {
    NewEvent {
        ts_ms: Clock.now_ms(),
        kind: EventKind::GuestStopped,
        severity: Severity::Notice,
        source: EventSource::Sys,
        title: "VM 103 (management) stopped on agent1".into(),
        detail: Some("task qmstop by root@pam, took 4 s".into()),
        node: Some("agent1".parse().unwrap()),
        vmid: Some("103".parse().unwrap()),
        upid: None,
    }
}

/// One moment of this many series.
fn tick(series: u32, t_ms: i64) -> Vec<Sample> {
    (0..series)
        .map(|n| Sample {
            entity: format!("qemu/{}", 100 + n / 8),
            metric: ["cpu", "mem_used_bytes", "mem_total_bytes", "disk_used_bytes", "a", "b", "c", "d"]
                .get(usize::try_from(n % 8).unwrap())
                .unwrap(),
            t_ms,
            value: f64::from(n) + f64::from(i32::try_from(t_ms / 10_000 % 97).unwrap()),
        })
        .collect()
}

#[divan::bench(args = [1, 100])]
fn append_events_durably(bencher: Bencher, count: usize) {
    let (_dir, store) = store();
    bencher
        .with_inputs(|| vec![event(); count])
        .bench_values(|batch| RUNTIME.block_on(store.events().append(batch)).unwrap());
}

#[divan::bench]
fn append_from_64_callers_at_once(bencher: Bencher) {
    let (_dir, store) = store();
    bencher.bench(|| {
        RUNTIME.block_on(async {
            let calls: Vec<_> = (0..64)
                .map(|_| {
                    let store = store.clone();
                    tokio::spawn(async move { store.events().append(vec![event()]).await.unwrap() })
                })
                .collect();
            for call in calls {
                call.await.unwrap();
            }
        });
    });
}

#[divan::bench]
fn page_of_50_among_100_000_events(bencher: Bencher) {
    let (_dir, store) = store();
    for _ in 0..100 {
        RUNTIME.block_on(store.events().append(vec![event(); 1_000])).unwrap();
    }
    let filter = EventFilter { severity_min: Some(Severity::Notice), ..EventFilter::default() };
    bencher.bench(|| RUNTIME.block_on(store.events().page(filter.clone(), Some(50_000), 50)).unwrap());
}

#[divan::bench(args = [600, 17_000])]
fn append_a_tick_of_history(bencher: Bencher, series: u32) {
    let (_dir, store) = store();
    let mut t_ms = Clock.now_ms() - DAY_MS;
    bencher
        .with_inputs(|| {
            t_ms += 10_000;
            tick(series, t_ms)
        })
        .bench_local_values(|batch| RUNTIME.block_on(store.history().append(batch)).unwrap());
}

#[divan::bench(args = [600, 17_000], sample_count = 5, sample_size = 1)]
fn pack_an_hour_of_history(bencher: Bencher, series: u32) {
    let (_dir, store) = store();
    let mut hour_ms = (Clock.now_ms() / HOUR_MS - 100) * HOUR_MS;
    bencher
        .with_inputs(|| {
            hour_ms += HOUR_MS;
            // Ten seconds apart for ten minutes: packing costs by cells as much as by samples.
            for n in 0..60 {
                RUNTIME.block_on(store.history().append(tick(series, hour_ms + n * 10_000))).unwrap();
            }
        })
        .bench_local_values(|()| assert_eq!(RUNTIME.block_on(store.history().pack()).unwrap(), 1));
}

/// A store of 130 series over 20 days, a sample every two minutes, and the last hour every ten seconds.
static FILLED: LazyLock<(TempDir, Store)> = LazyLock::new(|| {
    let (dir, store) = store();
    let this_hour_ms = Clock.now_ms() / HOUR_MS * HOUR_MS;
    for hour in (1..20 * 24).rev() {
        let every_ms = if hour == 1 { 10_000 } else { 120_000 };
        let hour_ms = this_hour_ms - hour * HOUR_MS;
        let batch = (hour_ms..hour_ms + HOUR_MS).step_by(every_ms).flat_map(|t_ms| tick(130, t_ms)).collect();
        RUNTIME.block_on(store.history().append(batch)).unwrap();
        RUNTIME.block_on(store.history().pack()).unwrap();
    }
    RUNTIME.block_on(store.history().retain()).unwrap();
    (dir, store)
});

#[divan::bench(args = [1, 24, 24 * 7, 24 * 20])]
fn query_hours_of_history(bencher: Bencher, hours: i64) {
    let (_dir, store) = &*FILLED;
    let now_ms = Clock.now_ms();
    bencher.bench(|| {
        let range = store.history().query("qemu/110", "cpu", now_ms - hours * HOUR_MS, now_ms, 300);
        black_box(RUNTIME.block_on(range).unwrap())
    });
}

#[divan::bench]
fn open_a_store_that_was_closed_in_order(bencher: Bencher) {
    let (dir, store) = store();
    RUNTIME.block_on(store.events().append(vec![event(); 10_000])).unwrap();
    RUNTIME.block_on(store.close()).unwrap();
    bencher.bench(|| {
        let store = Store::open(dir.path(), Clock, Limits::default()).unwrap();
        RUNTIME.block_on(store.close()).unwrap();
    });
}
