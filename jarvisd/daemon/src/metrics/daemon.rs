//! The daemon about itself: how old its sight is, what it asks of Proxmox, what it stores.

use std::collections::BTreeMap;

use jarvis_core::cluster::{ClusterState, TaskStatus};

use super::families::{Durations, Families};
use crate::clients::proxmox::meter::{BUCKET_BOUNDS_MS, Counts};

/// How old each source is, whatever the families of the cluster leave out.
pub fn sight(out: &mut Families, state: &ClusterState, now_ms: i64) {
    for source in state.sources.values() {
        let labels = || vec![("source", source.id.to_string())];
        let age_ms = source.seen_ms.and_then(|seen| u32::try_from(now_ms.saturating_sub(seen).max(0)).ok());
        out.gauge(
            "jarvis_poll_age_seconds",
            "Time since the source last answered",
            labels(),
            age_ms.map(|ms| f64::from(ms) / 1_000.0),
        );
        out.gauge(
            "jarvis_poll_interval_seconds",
            "How often the source is asked",
            labels(),
            u32::try_from(source.interval_ms).ok().map(|ms| f64::from(ms) / 1_000.0),
        );
    }
    let running = state.tasks.values().filter(|t| t.status == TaskStatus::Running).count();
    out.gauge(
        "jarvis_tasks_running",
        "Tasks running in the cluster",
        Vec::new(),
        u64::try_from(running).ok(),
    );
}

#[derive(Default)]
struct Endpoint {
    ok: u64,
    failed: u64,
    durations: Durations,
}

/// What was asked of Proxmox, by endpoint template.
pub fn polls(out: &mut Families, counts: &Counts) {
    let mut endpoints: BTreeMap<&'static str, Endpoint> = BTreeMap::new();
    for (key, count) in &counts.endpoints {
        let endpoint = endpoints.entry(key.template).or_default();
        let answered: u64 = count.buckets.iter().sum();
        endpoint.ok += answered.saturating_sub(count.errors);
        endpoint.failed += count.errors;
        endpoint.durations.sum_s += count.seconds;
        let bounds = BUCKET_BOUNDS_MS.iter().filter_map(|ms| u32::try_from(*ms).ok());
        let bounds = bounds.map(|ms| f64::from(ms) / 1_000.0).chain([f64::INFINITY]);
        if endpoint.durations.buckets.is_empty() {
            endpoint.durations.buckets = bounds.map(|bound| (bound, 0)).collect();
        }
        for (sum, n) in endpoint.durations.buckets.iter_mut().zip(count.buckets) {
            sum.1 += n;
        }
    }
    for (template, endpoint) in endpoints {
        let label = ("endpoint", template.to_owned());
        for (outcome, n) in [("ok", endpoint.ok), ("error", endpoint.failed)] {
            let labels = vec![label.clone(), ("outcome", outcome.to_owned())];
            out.counter("jarvis_poll_requests", "Requests to Proxmox that ended", labels, n);
        }
        let help = "Time of requests to Proxmox";
        out.histogram("jarvis_poll_duration_seconds", help, vec![label], endpoint.durations);
    }
    for ((node, kind), n) in &counts.errors {
        let labels = vec![("node", node.to_string()), ("kind", (*kind).to_owned())];
        out.counter("jarvis_poll_errors", "Requests to Proxmox that failed", labels, *n);
    }
    for (name, help, n) in [
        ("jarvis_poll_retries", "Requests sent again over a new connection", counts.retries),
        ("jarvis_poll_failovers", "Requests sent to another node because one failed", counts.failovers),
        ("jarvis_poll_hedges", "Requests also sent to another node because one was slow", counts.hedges),
        ("jarvis_poll_shared", "Readers served by a request already under way", counts.shared),
        ("jarvis_poll_odd_rows", "Rows that could not be read in full", counts.odd_rows),
    ] {
        out.counter(name, help, Vec::new(), n);
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::{
        collector::Collector,
        encoding::{DescriptorEncoder, text},
        registry::Registry,
    };

    use super::*;
    use crate::clients::proxmox::meter::{EndpointCount, EndpointKey};

    #[derive(Debug)]
    struct Polls(Counts);

    impl Collector for Polls {
        fn encode(&self, mut encoder: DescriptorEncoder) -> std::fmt::Result {
            let mut out = Families::default();
            polls(&mut out, &self.0);
            out.encode(&mut encoder)
        }
    }

    #[test]
    fn the_last_bucket_takes_everything_by_the_name_that_readers_look_for() {
        let key = EndpointKey { method: "GET", template: "/version", via: "pve".parse().unwrap() };
        let mut count = EndpointCount { requests: 3, seconds: 60.0, ..EndpointCount::default() };
        count.buckets[0] = 2;
        *count.buckets.last_mut().unwrap() = 1;
        let mut registry = Registry::default();
        let counts = Counts { endpoints: [(key, count)].into(), ..Counts::default() };
        registry.register_collector(Box::new(Polls(counts)));
        let mut said = String::new();
        text::encode(&mut said, &registry).unwrap();
        for (bound, n) in [("0.025", 2), ("30.0", 2), ("+Inf", 3)] {
            let line = format!("_bucket{{le=\"{bound}\",endpoint=\"/version\"}} {n}\n");
            assert!(said.contains(&line), "{bound}: {said}");
        }
        assert_eq!(said.matches("_bucket{").count(), BUCKET_BOUNDS_MS.len() + 1, "{said}");
    }
}
