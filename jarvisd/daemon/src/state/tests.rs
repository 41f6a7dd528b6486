use std::collections::BTreeMap;

use jarvis_core::{
    cluster::{
        GuestKind, GuestStatus, NodeStatus, SourceId,
        reading::{GuestRow, NodeRow, Part, Resources},
    },
    protocol::Entities,
};
use proptest::prelude::*;
use tokio::sync::broadcast::error::TryRecvError;

use super::*;

const T0: i64 = 1_790_000_000_000;

/// A poll in which `bits` says which of ten guests are there, run, and how busy they are.
fn poll(at_ms: i64, bits: u64) -> Vec<Reading> {
    let node = NodeRow {
        name: "pve".parse().unwrap(),
        status: if bits.is_multiple_of(17) { NodeStatus::Offline } else { NodeStatus::Online },
        cpu: Some(f64::from(u32::try_from(bits % 100).unwrap()) / 100.0),
        cpu_cores: Some(4),
        mem_used_bytes: Some(bits % (1 << 34)),
        mem_total_bytes: Some(1 << 34),
        disk_used_bytes: None,
        disk_total_bytes: None,
        uptime_s: Some(bits % 1_000 + 1),
    };
    let guests = (0..10u32).filter(|i| bits >> i & 1 == 1).map(|i| GuestRow {
        vmid: (100 + i).try_into().unwrap(),
        kind: GuestKind::Qemu,
        node: "pve".parse().unwrap(),
        status: if bits >> (10 + i) & 1 == 1 { GuestStatus::Running } else { GuestStatus::Stopped },
        name: Some(format!("guest{i}").into()),
        template: Some(false),
        tags: None,
        cpu: Some(f64::from(u32::try_from(bits >> i & 7).unwrap()) / 8.0),
        cpu_cores: Some(1.0),
        mem_used_bytes: Some(1 << 28),
        mem_total_bytes: Some(1 << 30),
        mem_host_bytes: None,
        disk_used_bytes: None,
        disk_total_bytes: None,
        uptime_s: Some(bits >> i & 1023),
        lock: (bits >> (20 + i) & 1 == 1).then(|| "backup".into()),
        pool: None,
        ha_state: None,
        net_in_bytes: Some(bits >> i),
        net_out_bytes: None,
        disk_read_bytes: None,
        disk_write_bytes: None,
    });
    let answer = Resources { nodes: vec![node], guests: guests.collect(), storages: vec![] };
    let source = SourceId::resources();
    vec![Reading {
        source,
        at_ms,
        interval_ms: 1_000,
        via: None,
        part: Ok(Part::Resources(answer)),
        odd_rows: 0,
    }]
}

/// What a screen holds, by the rules of the stream alone.
#[derive(Default)]
struct Screen {
    at: Option<(String, i64)>,
    held: Entities,
}

impl Screen {
    /// `false` when a frame is missing.
    fn take(&mut self, text: &str) -> bool {
        match serde_json::from_str(text).unwrap() {
            ServerFrame::Snapshot { seq, entities, .. } => {
                self.held = entities.unwrap();
                let epoch = self.at.take().map(|(e, _)| e).unwrap_or_default();
                self.at = Some((epoch, seq));
            }
            ServerFrame::Change { seq, up, del, .. } => {
                let (_, last) = self.at.as_mut().unwrap();
                if seq <= *last {
                    return true;
                }
                if seq != *last + 1 {
                    return false;
                }
                *last = seq;
                self.held.apply(up, &del).unwrap();
            }
            other => panic!("{other:?}"),
        }
        true
    }

    /// Subscribes first, then catches up, as a socket does.
    fn join(&mut self, hub: &StateHub) -> broadcast::Receiver<Frame> {
        let live = hub.subscribe();
        let missed = self.at.as_ref().and_then(|(epoch, seq)| hub.since(epoch, *seq));
        match missed {
            Some(frames) => assert!(frames.iter().all(|f| self.take(&f.text))),
            None => {
                self.at = Some((hub.epoch().to_owned(), -1));
                assert!(self.take(&hub.snapshot_frame().text));
            }
        }
        live
    }
}

#[derive(Debug, Clone)]
enum Act {
    Poll(u64),
    Tick,
    /// Reads up to so many frames.
    Read(u8),
    /// The network swallows up to so many frames: the screen finds a hole and asks for a snapshot.
    Swallow(u8),
    Drop,
    Join,
    /// The daemon is started anew.
    Restart,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        6 => any::<u64>().prop_map(Act::Poll),
        1 => Just(Act::Tick),
        3 => (0u8..6).prop_map(Act::Read),
        1 => (1u8..4).prop_map(Act::Swallow),
        1 => Just(Act::Drop),
        2 => Just(Act::Join),
        1 => Just(Act::Restart),
    ];
    prop::collection::vec(act, 1..150)
}

/// Reads what there is; a gap or a lag is answered with a snapshot. `swallow` frames are lost on the way.
fn read(
    screen: &mut Screen,
    live: &mut broadcast::Receiver<Frame>,
    hub: &StateHub,
    max: usize,
    swallow: usize,
) {
    for n in 0..max {
        let whole = match live.try_recv() {
            Ok(_) if n < swallow => true,
            Ok(frame) => screen.take(&frame.text),
            Err(TryRecvError::Lagged(_)) => false,
            Err(_) => return,
        };
        if !whole {
            assert!(screen.take(&hub.snapshot_frame().text));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn whatever_is_dropped_resumed_or_missed_the_screen_ends_with_the_servers_state(acts in acts()) {
        let mut lives = 0;
        let mut hub = StateHub::new("life 0".into());
        let mut screen = Screen::default();
        let mut live = Some(screen.join(&hub));
        let mut at_ms = T0;
        for act in acts {
            at_ms += 1_000;
            match act {
                Act::Poll(bits) => drop(hub.absorb(poll(at_ms, bits), at_ms)),
                Act::Tick => drop(hub.tick(at_ms + 1_000_000)),
                Act::Read(n) => if let Some(live) = &mut live { read(&mut screen, live, &hub, n.into(), 0) },
                Act::Swallow(n) => if let Some(live) = &mut live { read(&mut screen, live, &hub, n.into(), n.into()) },
                Act::Drop => live = None,
                Act::Join => if live.is_none() { live = Some(screen.join(&hub)) },
                Act::Restart => {
                    lives += 1;
                    hub = StateHub::new(format!("life {lives}"));
                    live = None;
                }
            }
        }
        // One more poll, so that a swallowed frame shows as a hole.
        hub.absorb(poll(at_ms + 1_000, 7), at_ms + 1_000);
        let mut live = live.unwrap_or_else(|| screen.join(&hub));
        read(&mut screen, &mut live, &hub, usize::MAX, 0);
        let (seq, state) = hub.current();
        prop_assert_eq!(screen.at.as_ref().map(|(_, s)| *s), Some(seq));
        prop_assert_eq!(&screen.held, &Entities::from(&*state));
    }
}

#[test]
fn one_change_is_one_number_and_one_text_for_all() {
    let hub = StateHub::new("e".into());
    let (mut one, mut two) = (hub.subscribe(), hub.subscribe());
    hub.absorb(poll(T0, 1_023), T0);
    hub.absorb(poll(T0 + 1_000, 1_023), T0 + 1_000);
    hub.tick(T0 + 1_500);
    assert_eq!(hub.current().0, 2, "a tick that changes nothing publishes nothing");
    for seq in [1, 2] {
        let (a, b) = (one.try_recv().unwrap(), two.try_recv().unwrap());
        assert_eq!((a.seq, b.seq), (seq, seq));
        assert_eq!(a.text.as_ptr(), b.text.as_ptr(), "the text is shared, not copied");
    }
}

#[test]
fn a_snapshot_is_written_once_for_each_number() {
    let hub = StateHub::new("e".into());
    hub.absorb(poll(T0, 1_023), T0);
    let (a, b) = (hub.snapshot_frame(), hub.snapshot_frame());
    assert_eq!((a.seq, a.text.as_ptr()), (1, b.text.as_ptr()));
    hub.absorb(poll(T0 + 1_000, 3), T0 + 1_000);
    assert_eq!(hub.snapshot_frame().seq, 2);
}

#[test]
fn only_this_life_can_be_resumed() {
    let hub = StateHub::new("e".into());
    for n in 0..10 {
        hub.absorb(poll(T0 + n * 1_000, 1 << n), T0 + n * 1_000);
    }
    assert_eq!(hub.since("e", 4).map(|f| f.len()), Some(6));
    assert!(hub.since("another", 4).is_none());
    assert!(hub.since("e", 11).is_none());
}

#[test]
fn viewers_are_counted_while_they_live() {
    let hub = StateHub::new("e".into());
    let count = hub.viewers();
    let guards: Vec<ViewerGuard> = (0..3).map(|_| hub.viewer()).collect();
    assert_eq!(*count.borrow(), 3);
    drop(guards);
    assert_eq!(*count.borrow(), 0);
}

#[test]
fn watchers_hold_the_newest_state() {
    let hub = StateHub::new("e".into());
    let mut watch = hub.watch();
    hub.absorb(poll(T0, 1_023), T0);
    assert!(watch.has_changed().unwrap());
    assert!(Arc::ptr_eq(&watch.borrow_and_update(), &hub.current().1));
    let names: BTreeMap<_, _> =
        hub.current().1.guests.iter().map(|(v, g)| (v.get(), g.name.clone())).collect();
    assert_eq!(names.len(), 10);
}
