//! The daemon's own counters, which each room bumps where the thing happens.
//!
//! Labels are closed sets (route templates, methods, channels, reasons), so the number of series is bounded
//! whatever clients send.

use std::{sync::Arc, time::Duration};

use jarvis_core::protocol::{Event, event::word};
use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

/// Seconds; from a list in memory to a password hash on a slow machine.
const DURATION_BUCKETS_S: [f64; 12] = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Why the daemon closed a stream by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Eviction {
    /// Did not take a frame in time.
    Slow,
    /// Answered no heartbeat.
    Silent,
    /// Its session or token ended.
    Access,
    /// Sent too much.
    Flood,
    /// Too many streams at once.
    Full,
}

impl Eviction {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Slow => "slow",
            Self::Silent => "silent",
            Self::Access => "access",
            Self::Flood => "flood",
            Self::Full => "full",
        }
    }
}

impl EncodeLabelValue for Eviction {
    fn encode(&self, encoder: &mut LabelValueEncoder) -> std::fmt::Result {
        EncodeLabelValue::encode(&self.as_str(), encoder)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct HttpLabels {
    route: &'static str,
    method: &'static str,
    code: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabel {
    route: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ChannelLabel {
    channel: &'static str,
}

/// As the feed writes them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EventLabels {
    kind: String,
    severity: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabel {
    reason: Eviction,
}

/// Cheap to share; every method is lock-free or takes one short lock.
#[derive(Debug)]
pub struct Meter {
    http_requests: Family<HttpLabels, Counter>,
    http_duration: Family<RouteLabel, Histogram, fn() -> Histogram>,
    events: Family<EventLabels, Counter>,
    stream_clients: Gauge,
    stream_frames: Family<ChannelLabel, Counter>,
    stream_lags: Family<ChannelLabel, Counter>,
    stream_evictions: Family<ReasonLabel, Counter>,
}

fn durations() -> Histogram {
    Histogram::new(DURATION_BUCKETS_S)
}

impl Meter {
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            http_requests: Family::default(),
            http_duration: Family::new_with_constructor(durations),
            events: Family::default(),
            stream_clients: Gauge::default(),
            stream_frames: Family::default(),
            stream_lags: Family::default(),
            stream_evictions: Family::default(),
        })
    }

    /// One answered request; `route` is the template of the route table or `unlisted`.
    pub fn answered(&self, route: &'static str, method: &'static str, code: u16, took: Duration) {
        self.http_requests.get_or_create(&HttpLabels { route, method, code }).inc();
        self.http_duration.get_or_create(&RouteLabel { route }).observe(took.as_secs_f64());
    }

    /// One line of the activity feed: tasks that end or fail, guests that stop, nodes that go and come.
    pub fn happened(&self, event: &Event) {
        let labels = EventLabels { kind: word(&event.kind), severity: word(&event.severity) };
        self.events.get_or_create(&labels).inc();
    }

    pub fn stream_opened(&self) {
        self.stream_clients.inc();
    }

    pub fn stream_closed(&self) {
        self.stream_clients.dec();
    }

    pub fn streamed(&self, channel: &'static str) {
        self.stream_frames.get_or_create(&ChannelLabel { channel }).inc();
    }

    pub fn lagged(&self, channel: &'static str) {
        self.stream_lags.get_or_create(&ChannelLabel { channel }).inc();
    }

    pub fn evicted(&self, reason: Eviction) {
        self.stream_evictions.get_or_create(&ReasonLabel { reason }).inc();
    }

    /// Puts every family above under its public name.
    pub fn register(&self, registry: &mut Registry) {
        let r = registry;
        r.register("jarvis_http_requests", "Requests answered", self.http_requests.clone());
        r.register("jarvis_http_duration_seconds", "Time to answer a request", self.http_duration.clone());
        r.register("jarvis_events", "Lines of the activity feed since the start", self.events.clone());
        r.register("jarvis_stream_clients", "Streams open now", self.stream_clients.clone());
        r.register("jarvis_stream_frames", "Frames sent", self.stream_frames.clone());
        r.register("jarvis_stream_lags", "Times a stream fell behind", self.stream_lags.clone());
        r.register(
            "jarvis_stream_evictions",
            "Streams the daemon closed by itself",
            self.stream_evictions.clone(),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_appears_under_its_public_name() {
        let meter = Meter::new();
        meter.answered("/api/v1/nodes/{node}", "GET", 404, Duration::from_millis(2));
        meter.evicted(Eviction::Slow);
        let mut registry = Registry::default();
        meter.register(&mut registry);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        for line in [
            r#"jarvis_http_requests_total{route="/api/v1/nodes/{node}",method="GET",code="404"} 1"#,
            r#"jarvis_stream_evictions_total{reason="slow"} 1"#,
        ] {
            assert!(text.contains(line), "{line} is not in:\n{text}");
        }
    }
}
