//! One scrape: the daemon's counters and the cluster, from one state.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, text},
    registry::Registry,
};

use super::{Meter, daemon, families::Families, process, pve};
use crate::{clients::proxmox::Proxmox, clock::Clock, state::StateHub, store::Store};

/// Not measured yet, or not measurable now.
const SIZE_UNKNOWN: i64 = -1;

pub struct Exposition {
    registry: Registry,
    store: Store,
    store_size_bytes: Arc<AtomicI64>,
}

impl Exposition {
    pub fn new(
        state: StateHub,
        store: Store,
        proxmox: Option<Proxmox>,
        meter: Arc<Meter>,
        clock: Clock,
        build: &'static str,
    ) -> Self {
        let store_size_bytes = Arc::new(AtomicI64::new(SIZE_UNKNOWN));
        let mut registry = Registry::default();
        meter.register(&mut registry);
        registry.register_collector(Box::new(Live {
            state,
            proxmox,
            clock,
            build,
            store: store.clone(),
            store_size_bytes: Arc::clone(&store_size_bytes),
        }));
        Self { registry, store, store_size_bytes }
    }

    /// The whole text of a scrape.
    pub async fn text(&self) -> Result<String, fmt::Error> {
        let size = self.store.size_bytes().await.unwrap_or(SIZE_UNKNOWN);
        self.store_size_bytes.store(size, Ordering::Relaxed);
        let mut text = String::new();
        text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

struct Live {
    state: StateHub,
    proxmox: Option<Proxmox>,
    clock: Clock,
    build: &'static str,
    store: Store,
    store_size_bytes: Arc<AtomicI64>,
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Live")
    }
}

impl Collector for Live {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let (_, state) = self.state.current();
        let now_ms = self.clock.now_ms();
        let mut out = Families::default();
        let version = vec![("version", self.build.to_owned())];
        out.gauge("jarvis_build_info", "The running version", version, Some(true));
        pve::collect(&mut out, &state, now_ms);
        daemon::sight(&mut out, &state, now_ms);
        if let Some(proxmox) = &self.proxmox {
            daemon::polls(&mut out, &proxmox.meter().counts());
        }
        let watching = u64::try_from(*self.state.viewers().borrow()).ok();
        out.gauge("jarvis_stream_viewers", "Streams that watch the cluster", Vec::new(), watching);
        let size = u64::try_from(self.store_size_bytes.load(Ordering::Relaxed)).ok();
        out.gauge("jarvis_store_size_bytes", "Size of the database", Vec::new(), size);
        let healthy = self.store.healthy().is_ok();
        out.gauge("jarvis_store_writable", "Whether the last write worked", Vec::new(), Some(healthy));
        process::collect(&mut out);
        out.encode(&mut encoder)
    }
}
