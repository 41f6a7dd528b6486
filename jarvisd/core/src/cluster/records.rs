//! The records themselves: what is known of each thing, rounded to what is shown.
//!
//! Units come last in names: `_bytes`, `_bps` (bytes a second), `_ms` (UTC milliseconds since 1970).
//! Ratios are 0..=1. A missing optional field means *not known*, never zero.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ids::{NodeName, SourceId, Upid, Vmid};
use super::record::record;
use super::tags::Tags;
use super::text::Text;

macro_rules! word {
    ($(#[$meta:meta])* $name:ident { $( $(#[$vm:meta])* $v:ident ),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[cfg_attr(test, derive(ts_rs::TS), ts(export))]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $( $(#[$vm])* $v ),* }
    };
}

word!(
    /// How a thing does, in one word. `unknown` is neither well nor down.
    Health { Ok, Off, Unknown, Attention, Critical }
);
word!(
    /// The cluster's own word on a node.
    NodeStatus { Online, Offline, Unknown }
);
word!(GuestKind { Qemu, Lxc });
word!(GuestStatus { Running, Stopped, Paused, Suspended, Prelaunch, Unknown });
word!(StorageStatus { Available, Unavailable, Unknown });
word!(
    /// `warnings` is success with warnings; `unknown` is a worker that vanished.
    TaskStatus { Running, Ok, Warnings, Failed, Unknown }
);
word!(
    /// How far a source can be trusted now: `fresh` within twice its interval, `late` within five
    /// times, `lost` after that, `waiting` before its first answer.
    SourceState { Waiting, Fresh, Late, Lost }
);

record! {
    /// The cluster as a whole; its id is `cluster`.
    Cluster, ClusterPatch;
    required {
        /// Cluster name; empty for a standalone node.
        name: String,
        nodes_total: u32,
        nodes_online: u32,
        guests_total: u32,
        guests_running: u32,
        health: Health,
        /// One sentence that answers: is everything all right, does anything need me?
        headline: String,
        /// One or two sentences of evidence for it.
        detail: String,
        /// The worse state of the sources `resources` and `membership`.
        sight: SourceState,
    }
    optional {
        /// Whether the cluster has quorum; missing on a standalone node and while not known.
        quorate: bool,
        /// Votes needed for quorum.
        quorum: u32,
        pve_version: String,
        /// Set while sources contradict each other: nothing acts on such a state.
        contradiction: String,
    }
}

record! {
    Node, NodePatch;
    required {
        name: NodeName,
        status: NodeStatus,
        health: Health,
        src: SourceId,
    }
    optional {
        /// Why `health` is not `ok`.
        why: String,
        ip: String,
        /// Share of all cores, 0..=1.
        cpu: f64,
        cpu_cores: u32,
        mem_used_bytes: u64,
        mem_total_bytes: u64,
        disk_used_bytes: u64,
        disk_total_bytes: u64,
        /// When it was started.
        started_ms: i64,
        /// Since when the figures above are no longer renewed (the node is lost); missing while live.
        as_of_ms: i64,
        load1: f64,
        load5: f64,
        load15: f64,
        /// Share of time waiting for disks, 0..=1.
        iowait: f64,
        swap_used_bytes: u64,
        swap_total_bytes: u64,
        cpu_model: String,
        kernel: String,
        pve_version: String,
        /// When load, swap and kernel were read; they come from `node/{name}`, on a slower loop.
        detail_as_of_ms: i64,
        /// Of its processors, the hottest; without any, the hottest sensor there is.
        temp_c: f64,
        /// Network shares it has mounted.
        shares_mounted: u32,
        /// Mount points of those that do not answer.
        shares_dead: Vec<String>,
        /// Units of systemd that have failed.
        units_failed: Vec<String>,
        /// When temperature, shares and units were read; they come from `sensors/{name}`, by commands on the node.
        sensors_as_of_ms: i64,
    }
}

record! {
    /// A VM (`qemu`) or container (`lxc`).
    Guest, GuestPatch;
    required {
        vmid: Vmid,
        kind: GuestKind,
        node: NodeName,
        status: GuestStatus,
        health: Health,
        template: bool,
        tags: Tags,
        src: SourceId,
    }
    optional {
        name: Text,
        why: String,
        cpu: f64,
        cpu_cores: f64,
        mem_used_bytes: u64,
        mem_total_bytes: u64,
        /// What the guest costs its node, the emulator included.
        mem_host_bytes: u64,
        /// Containers only: Proxmox does not know a VM's inside and answers 0.
        disk_used_bytes: u64,
        disk_total_bytes: u64,
        started_ms: i64,
        /// `backup`, `migrate`, `snapshot` … while Proxmox holds the configuration.
        lock: String,
        pool: Text,
        ha_state: String,
        net_in_bps: u64,
        net_out_bps: u64,
        disk_read_bps: u64,
        disk_write_bps: u64,
        /// Since when the figures are frozen (its node is lost); missing while live.
        as_of_ms: i64,
    }
}

record! {
    /// A storage as one node sees it; a shared one appears once per node.
    Storage, StoragePatch;
    required {
        node: NodeName,
        storage: String,
        status: StorageStatus,
        health: Health,
        shared: bool,
        content: Vec<String>,
        src: SourceId,
    }
    optional {
        why: String,
        plugin: String,
        used_bytes: u64,
        total_bytes: u64,
        as_of_ms: i64,
    }
}

record! {
    Task, TaskPatch;
    required {
        upid: Upid,
        node: NodeName,
        /// Proxmox's task type: `qmstart`, `vzdump` …
        kind: String,
        user: String,
        status: TaskStatus,
        start_ms: i64,
    }
    optional {
        /// What it works on: a VMID, a storage, a service …
        target: String,
        vmid: Vmid,
        end_ms: i64,
        /// The task's own last word: `OK`, `WARNINGS: 2`, or the error.
        exit: String,
    }
}

record! {
    /// A place facts come from, and how current it is.
    Source, SourcePatch;
    required {
        id: SourceId,
        state: SourceState,
        interval_ms: i64,
    }
    optional {
        /// When the last good answer was read.
        seen_ms: i64,
        /// The node that answered.
        via: NodeName,
        /// What went wrong last, while it does.
        error: String,
        error_since_ms: i64,
        /// Rows of the last answer that could not be read.
        odd_rows: u32,
    }
}
