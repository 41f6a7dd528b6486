//! Frames of the stream, with the state they must give, as files: the dashboard's reducer replays the same
//! ones. `WRITE_FIXTURES=1 cargo test -p jarvis-tests --test fixtures` writes them anew.

use std::{fs, path::PathBuf};

use jarvis_core::{
    cluster::{
        ClusterState, GuestKind, GuestStatus, NodeName, NodeStatus, SourceId, StorageStatus, TaskStatus,
        activity, diff,
        reading::{GuestRow, Member, Membership, NodeRow, Part, Reading, Resources, StorageRow, TaskRow},
    },
    protocol::{Entities, Event, NewEvent, PROTO, ServerFrame},
};
use jarvis_tests::screen::Screen;
use serde_json::{Value, json};

const T0: i64 = 1_790_000_000_000;
const GIB: u64 = 1 << 30;

/// A daemon in small: it absorbs and numbers, and what it says is the fixture.
struct Daemon {
    epoch: &'static str,
    seq: i64,
    at_ms: i64,
    state: ClusterState,
    world: Resources,
    online: Vec<(&'static str, bool)>,
    tasks: Vec<TaskRow>,
    events: Vec<Event>,
    frames: Vec<Value>,
}

impl Daemon {
    fn new(epoch: &'static str) -> Self {
        let world = Resources {
            nodes: vec![node("Home", NodeStatus::Online), node("agent1", NodeStatus::Online)],
            guests: vec![guest(100, "Home"), guest(102, "agent1"), guest(107, "Home")],
            storages: vec![storage("Home"), storage("agent1")],
        };
        let mut daemon = Self {
            epoch,
            seq: 0,
            at_ms: T0,
            state: ClusterState::default(),
            world,
            online: vec![("Home", true), ("agent1", true)],
            tasks: Vec::new(),
            events: Vec::new(),
            frames: Vec::new(),
        };
        let _ = daemon.step();
        daemon
    }

    /// One poll: the frame that tells what changed, already numbered but not yet said.
    fn step(&mut self) -> Value {
        self.at_ms += 1_000;
        let at_ms = self.at_ms;
        let reading = |source, part| Reading {
            source,
            at_ms,
            interval_ms: 1_000,
            via: Some(name("Home")),
            part: Ok(part),
            odd_rows: 0,
        };
        let member = |(n, online): &(&str, bool)| Member::named(name(n), *online);
        let members = Membership {
            cluster_name: Some("homelab".into()),
            quorate: Some(true),
            version: None,
            nodes: self.online.iter().map(member).collect(),
        };
        let readings = [
            reading(SourceId::membership(), Part::Membership(members)),
            reading(SourceId::resources(), Part::Resources(self.world.clone())),
            reading(SourceId::tasks(), Part::Tasks(self.tasks.clone())),
        ];
        let next = self.state.absorb(&readings, at_ms);
        let (up, del) = diff(&self.state, &next);
        for new in activity(&self.state, &next, at_ms) {
            let id = i64::try_from(self.events.len()).unwrap() + 1;
            self.events.push(numbered(id, new));
        }
        self.state = next;
        self.seq += 1;
        json(&ServerFrame::Change { channel: "cluster".into(), seq: self.seq, ts_ms: at_ms, up, del })
    }

    fn say(&mut self, frame: Value) -> &mut Self {
        self.frames.push(frame);
        self
    }

    fn hello(&mut self) -> &mut Self {
        let frame = ServerFrame::Hello {
            proto: PROTO,
            epoch: self.epoch.into(),
            build: "test".into(),
            server_time_ms: self.at_ms,
            heartbeat_ms: 15_000,
        };
        self.say(json(&frame))
    }

    fn snapshot(&mut self) -> &mut Self {
        let entities = Some(Entities::from(&self.state));
        let frame = ServerFrame::Snapshot {
            channel: "cluster".into(),
            seq: self.seq,
            ts_ms: self.at_ms,
            entities,
            events: None,
            acting: None,
        };
        self.say(json(&frame))
    }

    fn change(&mut self) -> &mut Self {
        let frame = self.step();
        self.say(frame)
    }

    fn is(&self) -> Value {
        json!({ "frames": self.frames, "entities": Entities::from(&self.state), "seq": self.seq })
    }
}

fn json(frame: &ServerFrame) -> Value {
    serde_json::to_value(frame).unwrap()
}

fn numbered(id: i64, new: NewEvent) -> Event {
    Event {
        id,
        ts_ms: new.ts_ms,
        kind: new.kind,
        severity: new.severity,
        source: new.source,
        title: new.title,
        detail: new.detail,
        node: new.node,
        vmid: new.vmid,
        upid: new.upid,
    }
}

fn name(n: &str) -> NodeName {
    n.parse().unwrap()
}

fn node(n: &str, status: NodeStatus) -> NodeRow {
    let live = status == NodeStatus::Online;
    NodeRow {
        name: name(n),
        status,
        cpu: live.then_some(0.123),
        cpu_cores: Some(14),
        mem_used_bytes: live.then_some(9 * GIB),
        mem_total_bytes: Some(31 * GIB),
        disk_used_bytes: live.then_some(20 * GIB),
        disk_total_bytes: Some(100 * GIB),
        uptime_s: live.then_some(86_400),
    }
}

fn guest(vmid: u32, on: &str) -> GuestRow {
    GuestRow {
        vmid: vmid.try_into().unwrap(),
        kind: if vmid == 102 { GuestKind::Lxc } else { GuestKind::Qemu },
        node: name(on),
        status: GuestStatus::Running,
        name: Some(format!("guest{vmid} <b>ünï</b>").into()),
        template: Some(false),
        tags: Some("docker".into()),
        cpu: Some(0.05),
        cpu_cores: Some(4.0),
        mem_used_bytes: Some(2 * GIB),
        mem_total_bytes: Some(4 * GIB),
        mem_host_bytes: None,
        disk_used_bytes: Some(if vmid == 102 { 3 * GIB } else { 0 }),
        disk_total_bytes: Some(32 * GIB),
        uptime_s: Some(3_600),
        lock: None,
        pool: None,
        ha_state: None,
        net_in_bytes: Some(1_000_000),
        net_out_bytes: Some(2_000_000),
        disk_read_bytes: Some(0),
        disk_write_bytes: Some(0),
    }
}

fn storage(on: &str) -> StorageRow {
    StorageRow {
        node: name(on),
        storage: "local".into(),
        status: StorageStatus::Available,
        shared: Some(false),
        plugin: Some("dir".into()),
        content: Some(vec!["backup".into(), "iso".into()]),
        used_bytes: Some(40 * GIB),
        total_bytes: Some(100 * GIB),
    }
}

/// A guest stops (fields become null), another moves on, one is removed, a node is lost and comes back.
fn changes() -> Value {
    let mut d = Daemon::new("a");
    d.hello().snapshot();
    let stopped =
        GuestRow { status: GuestStatus::Stopped, uptime_s: Some(0), cpu: Some(0.0), ..guest(100, "Home") };
    d.world.guests[0] = stopped;
    d.change();
    d.world.guests[1].net_in_bytes = Some(11_000_000);
    d.world.guests[1].uptime_s = Some(3_610);
    d.world.guests[1].lock = Some("backup".into());
    d.tasks.push(TaskRow {
        upid: "UPID:agent1:00001234:00005678:66B0C0DE:vzdump:102:root@pam:".parse().unwrap(),
        node: name("agent1"),
        kind: "vzdump".into(),
        target: Some("102".into()),
        user: "root@pam".into(),
        start_ms: T0,
        end_ms: None,
        status: TaskStatus::Running,
        exit: None,
    });
    d.change();
    d.world.guests[1].lock = None;
    d.world.guests.remove(2);
    d.tasks[0].status = TaskStatus::Ok;
    d.tasks[0].end_ms = Some(T0 + 3_000);
    d.tasks[0].exit = Some("OK".into());
    d.change();
    d.online[1].1 = false;
    d.world.nodes[1] = node("agent1", NodeStatus::Offline);
    d.change();
    d.is()
}

fn snapshot() -> Value {
    let mut d = Daemon::new("a");
    d.hello().snapshot();
    d.is()
}

/// A frame is lost on the way: what follows is not merged; the snapshot asked for puts it right.
fn gap() -> Value {
    let mut d = Daemon::new("a");
    d.hello().snapshot().change();
    let _lost = d.step();
    d.world.guests.remove(0);
    d.change().snapshot().change();
    d.is()
}

/// A cut and a return within the same life of the daemon.
fn resume() -> Value {
    let mut d = Daemon::new("a");
    d.hello().snapshot().change();
    let seq = d.seq;
    d.world.guests[0].cpu = Some(0.9);
    d.world.guests[0].uptime_s = Some(3_610);
    let missed = d.step();
    d.hello();
    d.say(json(&ServerFrame::Resumed { channel: "cluster".into(), seq })).say(missed).change();
    d.is()
}

/// The daemon was started anew: numbers begin again, only its snapshot counts.
fn epoch() -> Value {
    let mut old = Daemon::new("a");
    old.hello().snapshot().change().change();
    let mut new = Daemon::new("b");
    new.frames = old.frames;
    new.world.guests.pop();
    let _ = new.step();
    new.hello().snapshot().change();
    new.is()
}

/// Frames and kinds that this version does not know are passed over; `unknown` gives their places.
fn unknown() -> Value {
    let mut d = Daemon::new("a");
    d.hello().snapshot();
    d.say(json!({ "type": "hologram", "channel": "cluster", "seq": 99 }));
    let mut change = d.step();
    change["up"].as_array_mut().unwrap().push(json!(["temperature", "Home/cpu", { "celsius": 41 }]));
    change["later"] = json!({ "field": true });
    d.say(change);
    let mut file = d.is();
    file["unknown"] = json!([2]);
    file
}

/// The feed has its own numbers; lines come once each, oldest first.
fn events() -> Value {
    let mut d = Daemon::new("a");
    d.world.guests[1].lock = Some("snapshot".into());
    let _ = d.step();
    d.hello().snapshot();
    let seq = i64::try_from(d.events.len()).unwrap();
    d.say(json(&ServerFrame::Snapshot {
        channel: "events".into(),
        seq,
        ts_ms: d.at_ms,
        entities: None,
        events: Some(d.events.clone()),
        acting: None,
    }));
    d.world.guests[1].lock = None;
    d.world.guests[2].node = name("agent1");
    d.change();
    for event in d.events.clone().into_iter().filter(|e| e.id > seq) {
        d.say(json(&ServerFrame::Event { channel: "events".into(), seq: event.id, event }));
    }
    let mut file = d.is();
    file["events"] = serde_json::to_value(&d.events).unwrap();
    file
}

fn all() -> [(&'static str, Value); 7] {
    [
        ("snapshot", snapshot()),
        ("changes", changes()),
        ("gap", gap()),
        ("resume", resume()),
        ("epoch", epoch()),
        ("unknown", unknown()),
        ("events", events()),
    ]
}

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/stream").join(format!("{name}.json"))
}

#[test]
fn the_committed_files_are_current() {
    let write = std::env::var_os("WRITE_FIXTURES").is_some();
    for (name, file) in all() {
        let text = serde_json::to_string_pretty(&file).unwrap() + "\n";
        if write {
            fs::create_dir_all(path(name).parent().unwrap()).unwrap();
            fs::write(path(name), text).unwrap();
        } else {
            let there = fs::read_to_string(path(name)).unwrap_or_default();
            assert_eq!(there, text, "{name}.json is not current: run with WRITE_FIXTURES=1");
        }
    }
}

#[test]
fn every_file_gives_the_state_it_states() {
    for (name, file) in all() {
        let mut screen = Screen::default();
        for frame in file["frames"].as_array().unwrap() {
            screen.take(&frame.to_string()).unwrap_or_else(|e| panic!("{name}: {e} in {frame}"));
        }
        assert_eq!(screen.seq, file["seq"].as_i64(), "{name}");
        for (kind, records) in file["entities"].as_object().unwrap() {
            let held =
                screen.records.get(kind).map(|of| serde_json::to_value(of).unwrap()).unwrap_or(json!({}));
            assert_eq!(&held, records, "{name}: {kind}");
        }
        if let Some(events) = file["events"].as_array() {
            let held: Vec<&Value> = screen.events.values().collect();
            assert_eq!(held, events.iter().collect::<Vec<_>>(), "{name}");
        }
    }
}

#[test]
fn the_files_show_what_they_are_for() {
    let text = |name: &str| all().into_iter().find(|(n, _)| *n == name).unwrap().1.to_string();
    let changes = text("changes");
    assert!(changes.contains("null"), "a field that goes away");
    assert!(changes.contains(r#"["guest","107"]"#), "a removal");
    assert!(changes.contains("node agent1 is offline"), "a lost node");
    assert!(text("resume").contains("resumed"));
    assert!(text("events").contains("guest_moved"));
}
