//! Fills the hole that history has from before this start with what the nodes recorded themselves.
//!
//! Once after a start, one question a node, within what the poller's budget spares. So a first look at the charts
//! shows an hour, and a restart leaves no gap. Not here: guests' and storages' pasts, which would cost a question each.

use std::{collections::BTreeMap, time::Duration};

use jarvis_core::cluster::{NodeName, NodeStatus};

use crate::{
    clients::proxmox::{ErrorKind, PastMinute, Proxmox},
    clock::Clock,
    state::StateHub,
    store::{Sample, Store, StoreError},
    supervisor::Supervisor,
};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
/// What history keeps; a minute's average stands for each of its steps.
const STEP_MS: i64 = 10_000;
/// So far back every step is still known by itself, when the last node has answered or was given up, too.
const FINE_MS: i64 = 50 * MINUTE_MS;
/// Until the cluster is seen, and between tries of a node that did not answer or was not granted.
const PAUSE: Duration = Duration::from_secs(5);
/// A node that cannot be asked for this many pauses keeps its hole.
const TRIES_MAX: u32 = 60;

/// Starts it beside the loops; it ends by itself.
pub fn start(supervisor: &Supervisor, spare: Proxmox, state: StateHub, store: Store, clock: Clock) {
    let stop = supervisor.stop().clone();
    let started_ms = clock.now_ms();
    supervisor.beside(async move {
        tokio::select! {
            () = fill(&spare, &state, &store, started_ms) => {}
            () = stop.cancelled() => {}
        }
    });
}

async fn fill(spare: &Proxmox, state: &StateHub, store: &Store, started_ms: i64) {
    let mut done: BTreeMap<NodeName, Vec<PastMinute>> = BTreeMap::new();
    for _ in 0..TRIES_MAX {
        let (_, seen) = state.current();
        let online: Vec<NodeName> =
            seen.nodes.values().filter(|n| n.status == NodeStatus::Online).map(|n| n.name.clone()).collect();
        let open: Vec<&NodeName> = online.iter().filter(|n| !done.contains_key(*n)).collect();
        if !online.is_empty() && open.is_empty() {
            break;
        }
        for node in open {
            match spare.node_past(node).await {
                Ok(answer) => {
                    // At once: the last node may be minutes away.
                    keep(store, &format!("node/{node}"), &answer.value, started_ms).await;
                    done.insert(node.clone(), answer.value);
                }
                // It has no past to give; asked again and again it would take what the other questions need.
                Err(e)
                    if matches!(
                        e.kind,
                        ErrorKind::Absent { .. }
                            | ErrorKind::NotImplemented { .. }
                            | ErrorKind::Rejected { .. }
                            | ErrorKind::Forbidden { .. }
                            | ErrorKind::Odd { .. }
                    ) =>
                {
                    done.insert(node.clone(), Vec::new());
                }
                // A refusal of the budget and a silent node are the same here: later, or not at all.
                Err(_) => {}
            }
        }
        tokio::time::sleep(if online.is_empty() { PAUSE / 10 } else { PAUSE }).await;
    }
    keep(store, "cluster", &whole(&done), started_ms).await;
}

/// Stores what is older than this start and newer than what is known already.
async fn keep(store: &Store, entity: &str, minutes: &[PastMinute], started_ms: i64) {
    let stored = async {
        let hole = hole(store, entity, started_ms).await?;
        let samples: Vec<Sample> = minutes.iter().flat_map(|minute| of_node(entity, minute, hole)).collect();
        if !samples.is_empty() {
            store.history().append(samples).await?;
        }
        Ok::<(), StoreError>(())
    };
    if let Err(error) = stored.await {
        tracing::warn!(entity, %error, "a past could not be stored; its charts begin with this start");
    }
}

/// From the last sample of an earlier life, or an hour ago, to this start.
async fn hole(store: &Store, entity: &str, started_ms: i64) -> Result<(i64, i64), StoreError> {
    // This life's own samples are there by now; the first stands at the beginning of the step of its start.
    let live_ms = started_ms - started_ms.rem_euclid(STEP_MS);
    let hour_ms = started_ms - HOUR_MS;
    // A whole hour back there are minutes only, and the last one may have samples of both lives.
    for back_ms in [FINE_MS, HOUR_MS] {
        let known =
            store.history().query(entity, "cpu", started_ms - back_ms, live_ms, HOUR_MS / STEP_MS).await?;
        let ends_ms = known.buckets.iter().map(|bucket| bucket.t_ms + known.step_ms);
        if let Some(from_ms) = ends_ms.filter(|end_ms| *end_ms <= live_ms).max() {
            return Ok((from_ms.max(hour_ms), started_ms - STEP_MS));
        }
    }
    Ok((hour_ms, started_ms - STEP_MS))
}

fn of_node(entity: &str, minute: &PastMinute, (from_ms, to_ms): (i64, i64)) -> Vec<Sample> {
    let figures = [
        ("cpu", minute.cpu),
        ("mem_used_bytes", minute.mem_used_bytes),
        ("mem_total_bytes", minute.mem_total_bytes),
        ("disk_used_bytes", minute.disk_used_bytes),
        ("load1", minute.load1),
        ("iowait", minute.iowait),
    ];
    let steps = (0..MINUTE_MS / STEP_MS).map(|i| minute.end_ms - MINUTE_MS + i * STEP_MS);
    steps
        .filter(|t_ms| (from_ms..=to_ms).contains(t_ms))
        .flat_map(|t_ms| {
            figures.iter().filter_map(move |(metric, value)| {
                Some(Sample { entity: entity.to_owned(), metric, t_ms, value: (*value)? })
            })
        })
        .collect()
}

/// The cluster's minutes: only those in which every node has figures, or the sum would jump.
fn whole(pasts: &BTreeMap<NodeName, Vec<PastMinute>>) -> Vec<PastMinute> {
    let mut sums: BTreeMap<i64, (usize, Sum)> = BTreeMap::new();
    for minute in pasts.values().flatten() {
        let (Some(cpu), Some(cores), Some(used), Some(total)) =
            (minute.cpu, minute.cpu_cores, minute.mem_used_bytes, minute.mem_total_bytes)
        else {
            continue;
        };
        let (nodes, sum) = sums.entry(minute.end_ms).or_default();
        *nodes += 1;
        sum.busy += cpu * cores;
        sum.cores += cores;
        sum.used += used;
        sum.total += total;
    }
    sums.into_iter()
        .filter(|(_, (nodes, sum))| *nodes == pasts.len() && sum.cores > 0.0)
        .map(|(end_ms, (_, sum))| PastMinute {
            end_ms,
            cpu: Some(sum.busy / sum.cores),
            cpu_cores: Some(sum.cores),
            mem_used_bytes: Some(sum.used),
            mem_total_bytes: Some(sum.total),
            disk_used_bytes: None,
            load1: None,
            iowait: None,
        })
        .collect()
}

#[derive(Default)]
struct Sum {
    busy: f64,
    cores: f64,
    used: f64,
    total: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minute(end_ms: i64, cpu: f64, cores: f64) -> PastMinute {
        PastMinute {
            end_ms,
            cpu: Some(cpu),
            cpu_cores: Some(cores),
            mem_used_bytes: Some(1.0),
            mem_total_bytes: Some(4.0),
            disk_used_bytes: None,
            load1: None,
            iowait: None,
        }
    }

    #[test]
    fn a_minute_fills_its_six_steps_and_only_the_hole() {
        let all = of_node("node/pve", &minute(120_000, 0.5, 4.0), (0, 1_000_000));
        let times: Vec<i64> = all.iter().filter(|s| s.metric == "cpu").map(|s| s.t_ms).collect();
        assert_eq!(times, [60_000, 70_000, 80_000, 90_000, 100_000, 110_000]);
        let part = of_node("node/pve", &minute(120_000, 0.5, 4.0), (85_000, 105_000));
        let times: Vec<i64> = part.iter().filter(|s| s.metric == "cpu").map(|s| s.t_ms).collect();
        assert_eq!(times, [90_000, 100_000]);
        assert!(part.iter().all(|s| s.metric != "load1"), "what was not recorded is not made up");
    }

    #[tokio::test]
    async fn the_hour_before_the_start_is_filled_although_this_life_has_samples_already() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), Clock, crate::store::Limits::default()).unwrap();
        let started_ms = Clock.now_ms();
        let live_ms = started_ms - started_ms.rem_euclid(STEP_MS);
        let sample = |entity: &str, t_ms| Sample { entity: entity.into(), metric: "cpu", t_ms, value: 0.9 };
        let live = ["node/new", "node/old"].map(|entity| sample(entity, live_ms));
        // The old one was last seen five minutes ago, in an earlier life.
        let seen_ms = live_ms - 5 * MINUTE_MS;
        store.history().append([live.as_slice(), &[sample("node/old", seen_ms)]].concat()).await.unwrap();
        let minutes: Vec<PastMinute> = (0..70).map(|n| minute(live_ms - n * MINUTE_MS, 0.5, 4.0)).collect();
        for (entity, steps) in [("node/new", 298..=302), ("node/old", 29..=33)] {
            keep(&store, entity, &minutes, started_ms).await;
            let from_ms = started_ms - FINE_MS;
            let known = store.history().query(entity, "cpu", from_ms, started_ms, 400).await.unwrap();
            assert!(steps.contains(&known.buckets.len()), "{entity}: {} steps", known.buckets.len());
            assert!(known.buckets.last().unwrap().mean > 0.8, "what was seen stays");
        }
    }

    #[test]
    fn the_cluster_weighs_by_cores_and_leaves_out_minutes_without_every_node() {
        let pasts = BTreeMap::from([
            ("a".parse().unwrap(), vec![minute(60_000, 1.0, 2.0), minute(120_000, 0.5, 2.0)]),
            ("b".parse().unwrap(), vec![minute(60_000, 0.0, 6.0)]),
        ]);
        let minutes = whole(&pasts);
        assert_eq!(minutes.len(), 1);
        assert_eq!((minutes[0].cpu, minutes[0].mem_used_bytes), (Some(0.25), Some(2.0)));
    }
}
