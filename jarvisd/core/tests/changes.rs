//! Merging what changed gives what is, for any two states, in our types and in plain JSON as a browser
//! merges it.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

use std::{collections::BTreeMap, sync::Arc};

use jarvis_core::{
    cluster::{
        Cluster, ClusterState, Guest, GuestKind, GuestStatus, Health, Node, NodeName, NodeStatus, Source,
        SourceId, SourceState, Storage, StorageId, StorageStatus, Task, TaskStatus, Upid, Vmid, diff,
    },
    protocol::{Entities, EntityKind, Removal, ServerFrame, Upsert},
};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// Draws fields from the bits of one number, so that shrinking the number simplifies the record.
struct Bits(u64);

impl Bits {
    fn take(&mut self, choices: u64) -> u64 {
        let n = self.0 % choices;
        self.0 /= choices;
        n
    }
    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        let n = self.take(u64::try_from(all.len()).unwrap());
        all[usize::try_from(n).unwrap()]
    }
    fn small(&mut self, choices: u32) -> u32 {
        u32::try_from(self.take(choices.into())).unwrap()
    }
    fn flag(&mut self) -> bool {
        self.take(2) == 1
    }
    fn maybe<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.flag().then(|| make(self))
    }
    fn size(&mut self) -> u64 {
        self.of(&[0, 1 << 20, (1 << 53) - 1])
    }
    fn share(&mut self) -> f64 {
        self.of(&[0.0, 0.001, 0.333, 1.0])
    }
    fn ms(&mut self) -> i64 {
        self.of(&[0, 1_790_000_000_123, -1])
    }
    fn text(&mut self) -> String {
        self.of(&["", "a", "ünï\"\\\u{1}", "null"]).to_owned()
    }
    fn health(&mut self) -> Health {
        self.of(&[Health::Ok, Health::Off, Health::Unknown, Health::Attention, Health::Critical])
    }
    fn node(&mut self) -> NodeName {
        self.of(&["Home", "pve"]).parse().unwrap()
    }
    fn vmid(&mut self) -> Vmid {
        self.of(&[100u32, 101, 999_999_999]).try_into().unwrap()
    }
}

fn cluster(b: &mut Bits) -> Cluster {
    Cluster {
        name: b.text(),
        nodes_total: b.small(3),
        nodes_online: b.small(3),
        guests_total: 0,
        guests_running: 0,
        health: b.health(),
        headline: b.text(),
        detail: b.text(),
        sight: b.of(&[SourceState::Fresh, SourceState::Lost]),
        quorate: b.maybe(Bits::flag),
        quorum: b.maybe(|b| b.small(5)),
        pve_version: b.maybe(Bits::text),
        contradiction: b.maybe(Bits::text),
    }
}

fn node(name: NodeName, b: &mut Bits) -> Node {
    Node {
        name,
        status: b.of(&[NodeStatus::Online, NodeStatus::Offline, NodeStatus::Unknown]),
        health: b.health(),
        src: SourceId::resources(),
        why: b.maybe(Bits::text),
        ip: None,
        cpu: b.maybe(Bits::share),
        cpu_cores: b.maybe(|b| b.small(64)),
        mem_used_bytes: b.maybe(Bits::size),
        mem_total_bytes: b.maybe(Bits::size),
        disk_used_bytes: None,
        disk_total_bytes: None,
        started_ms: b.maybe(Bits::ms),
        as_of_ms: b.maybe(Bits::ms),
        load1: b.maybe(Bits::share),
        load5: None,
        load15: None,
        iowait: None,
        swap_used_bytes: None,
        swap_total_bytes: None,
        cpu_model: b.maybe(Bits::text),
        kernel: None,
        pve_version: None,
        detail_as_of_ms: b.maybe(Bits::ms),
        temp_c: b.maybe(|b| b.of(&[0.0, 41.0, 99.0])),
        shares_mounted: b.maybe(|b| b.small(3)),
        shares_dead: b
            .maybe(|b| b.of(&[&[][..], &["/mnt/pve/nas"]]).iter().map(|s| (*s).to_owned()).collect()),
        units_failed: None,
        sensors_as_of_ms: b.maybe(Bits::ms),
    }
}

fn guest(vmid: Vmid, b: &mut Bits) -> Guest {
    let running = GuestStatus::Running;
    Guest {
        vmid,
        kind: b.of(&[GuestKind::Qemu, GuestKind::Lxc]),
        node: b.node(),
        status: b.of(&[running, GuestStatus::Stopped, GuestStatus::Unknown]),
        health: b.health(),
        template: b.flag(),
        tags: (0..b.take(3)).map(|n| format!("tag{n}")).collect(),
        src: SourceId::resources(),
        name: b.maybe(|b| b.text().into()),
        why: b.maybe(Bits::text),
        cpu: b.maybe(Bits::share),
        cpu_cores: b.maybe(Bits::share),
        mem_used_bytes: b.maybe(Bits::size),
        mem_total_bytes: b.maybe(Bits::size),
        mem_host_bytes: None,
        disk_used_bytes: None,
        disk_total_bytes: None,
        started_ms: b.maybe(Bits::ms),
        lock: b.maybe(Bits::text),
        pool: b.maybe(|b| b.text().into()),
        ha_state: None,
        net_in_bps: b.maybe(Bits::size),
        net_out_bps: b.maybe(Bits::size),
        disk_read_bps: None,
        disk_write_bps: None,
        as_of_ms: b.maybe(Bits::ms),
    }
}

fn storage(id: &StorageId, b: &mut Bits) -> Storage {
    let (node, name) = id.as_str().split_once('/').unwrap();
    Storage {
        node: node.parse().unwrap(),
        storage: name.to_owned(),
        status: b.of(&[StorageStatus::Available, StorageStatus::Unavailable, StorageStatus::Unknown]),
        health: b.health(),
        shared: b.flag(),
        content: (0..b.take(3)).map(|_| b.text()).collect(),
        src: SourceId::resources(),
        why: b.maybe(Bits::text),
        plugin: b.maybe(Bits::text),
        used_bytes: b.maybe(Bits::size),
        total_bytes: b.maybe(Bits::size),
        as_of_ms: b.maybe(Bits::ms),
    }
}

fn task(upid: Upid, b: &mut Bits) -> Task {
    Task {
        node: upid.node().unwrap(),
        upid,
        kind: b.text(),
        user: b.text(),
        status: b.of(&[TaskStatus::Running, TaskStatus::Ok, TaskStatus::Warnings, TaskStatus::Failed]),
        start_ms: b.ms(),
        target: b.maybe(Bits::text),
        vmid: b.maybe(Bits::vmid),
        end_ms: b.maybe(Bits::ms),
        exit: b.maybe(Bits::text),
    }
}

fn source(id: SourceId, b: &mut Bits) -> Source {
    Source {
        id,
        state: b.of(&[SourceState::Waiting, SourceState::Fresh, SourceState::Late, SourceState::Lost]),
        interval_ms: b.ms(),
        seen_ms: b.maybe(Bits::ms),
        via: b.maybe(Bits::node),
        error: b.maybe(Bits::text),
        error_since_ms: b.maybe(Bits::ms),
        odd_rows: b.maybe(|b| b.small(9)),
    }
}

fn state(seeds: Vec<(u8, u64)>) -> ClusterState {
    let mut state = ClusterState::default();
    for (which, seed) in seeds {
        let b = &mut Bits(seed);
        match which % 6 {
            0 => state.cluster = Some(Arc::new(cluster(b))),
            1 => {
                let name = b.node();
                state.nodes.insert(name.clone(), Arc::new(node(name, b)));
            }
            2 => {
                let vmid = b.vmid();
                state.guests.insert(vmid, Arc::new(guest(vmid, b)));
            }
            3 => {
                let id: StorageId = b.of(&["pve/local", "Home/nas.1", "pve/nas.1"]).parse().unwrap();
                let record = storage(&id, b);
                state.storages.insert(id, Arc::new(record));
            }
            4 => {
                let upid: Upid = b
                    .of(&["UPID:pve:1:2:3:qmstart:100:root@pam:", "UPID:Home:1:2:3:vzdump::root@pam!full:"])
                    .parse()
                    .unwrap();
                state.tasks.insert(upid.clone(), Arc::new(task(upid, b)));
            }
            _ => {
                let id = b.of(&[0, 1, 2]);
                let id = match id {
                    0 => SourceId::resources(),
                    1 => SourceId::tasks(),
                    _ => SourceId::node(&b.node()),
                };
                state.sources.insert(id.clone(), Arc::new(source(id, b)));
            }
        }
    }
    state
}

fn states() -> impl Strategy<Value = ClusterState> {
    prop::collection::vec((any::<u8>(), any::<u64>()), 0..14).prop_map(state)
}

/// RFC 7396, as the dashboard does it.
fn merge(into: &mut Map<String, Value>, patch: &Map<String, Value>) {
    for (key, value) in patch {
        if value.is_null() {
            into.remove(key);
        } else {
            into.insert(key.clone(), value.clone());
        }
    }
}

proptest! {
    #[test]
    fn merging_the_difference_of_any_two_states_gives_the_second(a in states(), b in states()) {
        let (up, del) = diff(&a, &b);
        let mut merged = Entities::from(&a);
        prop_assert!(merged.apply(up.clone(), &del).is_ok());
        prop_assert_eq!(&merged, &Entities::from(&b));
        let (up, del) = diff(&a, &a.clone());
        prop_assert!(up.is_empty() && del.is_empty(), "no difference with itself");
    }

    #[test]
    fn a_browser_that_merges_plain_json_ends_the_same(a in states(), b in states()) {
        let json = |s: &ClusterState| serde_json::to_value(Entities::from(s)).unwrap();
        let (up, del) = diff(&a, &b);
        let frame = serde_json::to_value(ServerFrame::Change { channel: "cluster".into(), seq: 1, ts_ms: 2, up, del }).unwrap();
        let mut held = json(&a);
        for row in frame["up"].as_array().unwrap() {
            let kind = held[row[0].as_str().unwrap()].as_object_mut().unwrap();
            let record = kind.entry(row[1].as_str().unwrap()).or_insert_with(|| json!({}));
            merge(record.as_object_mut().unwrap(), row[2].as_object().unwrap());
        }
        for row in frame["del"].as_array().unwrap() {
            held[row[0].as_str().unwrap()].as_object_mut().unwrap().remove(row[1].as_str().unwrap());
        }
        prop_assert_eq!(held, json(&b));
    }

    #[test]
    fn frames_survive_being_written_and_read(a in states(), b in states(), seq in any::<i32>(), ts_ms in any::<i32>()) {
        let (up, del) = diff(&a, &b);
        let (seq, ts_ms) = (seq.into(), ts_ms.into());
        let snapshot = ServerFrame::Snapshot {
            channel: "cluster".into(), seq, ts_ms, entities: Some(Entities::from(&b)), events: None, acting: None,
        };
        let change = ServerFrame::Change { channel: "cluster".into(), seq, ts_ms, up, del };
        for frame in [snapshot, change] {
            let text = serde_json::to_string(&frame).unwrap();
            let read: ServerFrame = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(read, frame);
        }
    }
}

#[test]
fn a_patch_that_cannot_create_its_record_is_told() {
    let patch = serde_json::from_value::<Upsert>(json!(["guest", "100", { "status": "running" }])).unwrap();
    let error = Entities::default().apply(vec![patch], &[]).unwrap_err();
    assert_eq!((error.kind, error.id.as_str()), (EntityKind::Guest, "100"));
    assert!(error.to_string().contains("snapshot"), "{error}");
}

#[test]
fn removing_what_is_not_there_is_nothing() {
    let mut held = Entities::default();
    let kinds = [
        EntityKind::Cluster,
        EntityKind::Node,
        EntityKind::Guest,
        EntityKind::Storage,
        EntityKind::Task,
        EntityKind::Source,
    ];
    let gone: Vec<Removal> = kinds.into_iter().map(|k| Removal(k, "x".into())).collect();
    held.apply(Vec::new(), &gone).unwrap();
    assert_eq!(held, Entities { cluster: BTreeMap::new(), ..Entities::default() });
}
