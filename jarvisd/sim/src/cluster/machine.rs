//! Machines that are cut off, lose power, boot and come back.

use super::model::{Link, Run};
use super::task::{Asker, NewTask};
use super::work::{Act, Op};
use super::{Event, World};

/// How a node's own address behaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wire {
    #[default]
    Open,
    /// Packets vanish: connects and calls hang.
    Silent,
    /// Connects are refused, as soon as neighbours know the machine is gone.
    Gone,
}

/// The state of a node's listener; connections of an older `power` are reset when it opens again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Line {
    pub wire: Wire,
    pub power: u64,
}

/// After this, connects to a cut machine fail at once instead of hanging.
const SILENT_MS: u64 = 20_000;
/// Power button to network.
pub const BOOT_MS: u64 = 45_000;
/// From the command to the end of power: guests stop first.
const GUESTS_STOP_MS: u64 = 15_000;
/// A machine that reboots is away a moment before its firmware begins.
const OFF_MS: u64 = 5_000;
/// Between two guests that start with their host.
const STAGGER_MS: u64 = 1_500;

impl World {
    /// Cuts a node off; `dead` takes its power, too.
    pub fn cut_node(&mut self, name: &str, dead: bool) {
        let since_ms = self.now.sim_ms;
        let Some(node) = self.node_mut(name) else { return };
        if matches!(node.link, Link::Cut { dead: true, .. }) {
            return;
        }
        let was_cut = matches!(node.link, Link::Cut { .. });
        let since_ms = match node.link {
            Link::Cut { since_ms, .. } => since_ms,
            _ => since_ms,
        };
        node.link = Link::Cut { since_ms, dead };
        self.cut_ms.insert(name.to_owned(), since_ms);
        if dead {
            self.lose_tasks(name);
            let lost: Vec<u32> = self.guests.values().filter(|g| g.node == name).map(|g| g.vmid).collect();
            for vmid in lost {
                self.set_run(vmid, Run::Stopped);
            }
        }
        if !was_cut {
            self.set_line(name, |l| Line { wire: Wire::Silent, power: l.power + u64::from(dead) });
            self.at(since_ms + SILENT_MS, Event::LineGone(name.to_owned()));
        }
    }

    /// Plugs the cable in again; a machine without power boots first, for `boot_ms`.
    pub fn restore_node(&mut self, name: &str, boot_ms: u64) {
        let now_ms = self.now.sim_ms;
        let Some(node) = self.node_mut(name) else { return };
        match node.link {
            Link::Cut { dead: true, .. } => {
                node.link = Link::Booting { until_ms: now_ms + boot_ms };
                self.at(now_ms + boot_ms, Event::NodeReady(name.to_owned()));
            }
            Link::Cut { .. } => {
                node.link = Link::Up { since_ms: now_ms.max(1) };
                self.set_line(name, |l| Line { wire: Wire::Open, ..l });
            }
            Link::Up { .. } | Link::Booting { .. } => {}
        }
    }

    pub(super) fn node_ready(&mut self, name: &str) {
        let now = self.now;
        let Some(node) = self.node_mut(name) else { return };
        if !matches!(node.link, Link::Booting { .. }) {
            return;
        }
        node.link = Link::Up { since_ms: now.sim_ms.max(1) };
        node.boot_ms = now.unix_ms.saturating_sub(20_000);
        node.next_pid = 900;
        self.set_line(name, |l| Line { wire: Wire::Open, ..l });
        let wake = |g: &&super::model::Guest| g.node == name && g.onboot && !g.template;
        let vmids: Vec<u32> = self.guests.values().filter(wake).map(|g| g.vmid).collect();
        let mut at_ms = now.sim_ms + 8_000;
        for vmid in vmids {
            self.at(at_ms, Event::GuestOn(vmid));
            at_ms += STAGGER_MS;
        }
    }

    /// A guest marked `onboot` starts by a task of root, as `pve-guests` does it.
    pub(super) fn guest_on_boot(&mut self, vmid: u32) {
        let Some(guest) = self.guests.get(&vmid).filter(|g| !g.run.on()) else { return };
        let (node, kind, start_ms) = (guest.node.clone(), guest.kind, guest.start_ms);
        let task = format!("{}start", kind.prefix());
        self.spawn(NewTask {
            node: &node,
            kind: &task,
            id: &vmid.to_string(),
            asker: &Asker::root(),
            op: Op::Guest { vmid, kind: Some(kind), act: Act::Start },
            lasts_ms: start_ms,
        });
    }

    pub(super) fn line_gone(&mut self, name: &str) {
        let cut_ms = match self.node(name).map(|n| n.link) {
            Some(Link::Cut { since_ms, .. }) => since_ms,
            Some(Link::Booting { .. }) => 0,
            _ => return,
        };
        if self.now.sim_ms >= cut_ms + SILENT_MS {
            self.set_line(name, |l| Line { wire: Wire::Gone, ..l });
        }
    }

    /// A machine that was told to shut down: its guests are stopped first, as `pve-guests` does it.
    pub fn command_node(&mut self, name: &str, reboot: bool) {
        let on = |g: &&super::model::Guest| g.node == name && g.run.on();
        let vmids: Vec<u32> = self.guests.values().filter(on).map(|g| g.vmid).collect();
        self.spawn(NewTask {
            node: name,
            kind: "stopall",
            id: "",
            asker: &Asker::root(),
            op: Op::All { start: false, vmids },
            lasts_ms: GUESTS_STOP_MS - 2_000,
        });
        self.at(self.now.sim_ms + GUESTS_STOP_MS, Event::NodePower { node: name.to_owned(), reboot });
    }

    pub(super) fn node_power(&mut self, name: &str, reboot: bool) {
        self.cut_node(name, true);
        if reboot {
            self.at(self.now.sim_ms + OFF_MS, Event::NodeOn(name.to_owned()));
        }
    }

    /// A magic packet reached the cluster's network; the machine that was off and boots now.
    pub fn magic_packet(&mut self, mac: &str) -> Option<(String, bool)> {
        let owns = |n: &&super::model::Node| {
            n.mac.eq_ignore_ascii_case(mac) || n.wol.as_deref().is_some_and(|w| w.eq_ignore_ascii_case(mac))
        };
        let node = self.nodes.iter().find(owns)?;
        let (name, off) = (node.name.clone(), matches!(node.link, Link::Cut { dead: true, .. }));
        if off {
            self.restore_node(&name, BOOT_MS);
        }
        Some((name, off))
    }

    fn set_line(&mut self, name: &str, change: impl Fn(Line) -> Line) {
        if let Some(line) = self.lines.get(name) {
            line.send_modify(|l| *l = change(*l));
        }
    }
}
