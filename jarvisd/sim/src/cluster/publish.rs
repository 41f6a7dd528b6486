//! What the cluster was last told: pvestatd's pushes, their age, and the rows of `/cluster/resources`.
//!
//! Every node pushes the figures of itself, its guests and its active storages every ten seconds; other
//! nodes keep them for five minutes. So figures move in steps, a dead node's guests stay `running` with
//! frozen numbers, and rows become bare when the push is too old. A push is computed when somebody
//! reads or something changes, with the state as it was at the push.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::{Map, Value};

use super::clock::Now;
use super::figures::Load;
use super::model::{Guest, Link, Node, Storage};
use super::{World, wave};
use crate::num;

/// pvestatd's period.
pub const PUSH_MS: u64 = 10_000;
/// How long a push is believed.
pub const EXPIRY_MS: u64 = 300_000;
/// From a machine's return until its first push reaches the others.
const FIRST_PUSH_MS: u64 = 11_000;

/// One push about one thing: when, and its part of the JSON row (without braces).
#[derive(Clone, Debug)]
pub struct Shown {
    pub at_ms: u64,
    pub text: String,
}

pub fn fresh(shown: Option<&Shown>, now: Now) -> Option<&Shown> {
    shown.filter(|s| now.sim_ms.saturating_sub(s.at_ms) < EXPIRY_MS)
}

impl World {
    /// Publishes what every live node has pushed by now.
    pub fn publish_due(&mut self, now: Now) {
        let mut due: BTreeMap<String, Now> = BTreeMap::new();
        for node in &self.nodes {
            let Some(at_ms) = last_push_ms(node, now.sim_ms, self.seed) else { continue };
            if node.shown.as_ref().is_none_or(|s| s.at_ms < at_ms) {
                due.insert(node.name.clone(), self.clock.at(now, at_ms));
            }
        }
        if due.is_empty() {
            return;
        }
        self.publish(&due);
    }

    fn publish(&mut self, due: &BTreeMap<String, Now>) {
        let mut load_of: BTreeMap<String, Load> = BTreeMap::new();
        let mut guests = std::mem::take(&mut self.guests);
        for guest in guests.values_mut() {
            let Some(at) = due.get(&guest.node) else { continue };
            let row = self.guest_figures(guest, *at);
            load_of.entry(guest.node.clone()).or_default().add(guest, &row);
            guest.shown = Some(Shown { at_ms: at.sim_ms, text: row.published(guest) });
        }
        self.guests = guests;
        let mut nodes = std::mem::take(&mut self.nodes);
        for node in &mut nodes {
            let Some(at) = due.get(&node.name) else { continue };
            let load = load_of.get(&node.name).copied().unwrap_or_default();
            let figures = self.node_figures(node, *at, load);
            let (moving, fixed) = figures.published(node);
            let text = format!("{}|{}", inner(&moving), inner(&fixed));
            node.shown = Some(Shown { at_ms: at.sim_ms, text });
        }
        self.nodes = nodes;
        for storage in &mut self.storages {
            for (node, at) in due {
                if storage.active_on(node) {
                    let row = storage_published(storage, node, *at);
                    storage.shown.insert(node.clone(), Shown { at_ms: at.sim_ms, text: row });
                }
            }
        }
    }

    /// Rows of `/cluster/resources` for a section (`vm`, `node`, `storage`, `sdn`, or all), as JSON text
    /// joined by commas, as `viewer` has them: ten thousand of them are written into one buffer.
    pub fn resource_rows(
        &self,
        viewer: &str,
        section: Option<&str>,
        sees: &dyn Fn(&str, &str) -> bool,
    ) -> String {
        let now = self.now;
        let wants = |name: &str| section.is_none_or(|s| s == name);
        let mut rows = String::new();
        if wants("vm") {
            let all = sees("/vms", "VM.Audit");
            for guest in self.guests.values() {
                if all || sees(&format!("/vms/{}", guest.vmid), "VM.Audit") {
                    guest_row(&mut rows, guest, now, self.ha_state(guest));
                    rows.push(',');
                }
            }
        }
        if wants("node") {
            for node in &self.nodes {
                let audit = sees(&format!("/nodes/{}", node.name), "Sys.Audit");
                rows.push_str(&self.node_row(viewer, node, audit, "\"cgroup-mode\":2,"));
                rows.push(',');
            }
        }
        if wants("storage") {
            for s in self.storages.iter().filter(|s| sees(&format!("/storage/{}", s.id), "Datastore.Audit")) {
                for node in self.nodes.iter().filter(|n| s.on(&n.name)) {
                    rows.push_str(&storage_row(s, &node.name, now));
                    rows.push(',');
                }
            }
        }
        if wants("sdn") && sees("/sdn/zones/localnetwork", "SDN.Audit") {
            for node in &self.nodes {
                rows.push_str(&network_row(&node.name));
                rows.push(',');
            }
        }
        rows.pop();
        rows
    }

    /// A node's row; without the audit privilege only what everyone sees.
    pub fn node_row(&self, viewer: &str, node: &Node, audit: bool, extra: &str) -> String {
        let name = &node.name;
        let online = self.member(viewer, node, self.now) && !self.contradiction;
        let known = fresh(node.shown.as_ref(), self.now);
        let status = match (online, known) {
            (false, _) => "offline",
            (true, Some(_)) => "online",
            (true, None) => "unknown",
        };
        let mut row =
            format!(r#"{{"id":"node/{name}","node":"{name}","type":"node",{extra}"status":"{status}""#);
        if let Some(shown) = known {
            row.push_str(r#","level":"""#);
            let (moving, fixed) = shown.text.split_once('|').unwrap_or_default();
            for (wanted, part) in [(audit, fixed), (audit && online, moving)] {
                if wanted {
                    row.push(',');
                    row.push_str(part);
                }
            }
        }
        row.push('}');
        row
    }
}

/// When (sim) a node last pushed, if it could; each node has its own phase within the ten seconds.
fn last_push_ms(node: &Node, now_ms: u64, seed: u64) -> Option<u64> {
    let Link::Up { since_ms } = node.link else { return None };
    let phase = wave::hash(seed, wave::key_of(&node.name)) % PUSH_MS;
    let first = if since_ms == 0 { 0 } else { since_ms + FIRST_PUSH_MS };
    let last = (now_ms + PUSH_MS - phase) / PUSH_MS * PUSH_MS + phase;
    let last = last.saturating_sub(PUSH_MS);
    match last >= first && last <= now_ms {
        true => Some(last),
        false if since_ms == 0 || now_ms >= first => Some(first),
        false => None,
    }
}

fn guest_row(row: &mut String, guest: &Guest, now: Now, hastate: Option<&str>) {
    let (kind, vmid, node) = (guest.kind.name(), guest.vmid, &guest.node);
    // Writing to a String cannot fail.
    let _ = write!(row, r#"{{"id":"{kind}/{vmid}","vmid":{vmid},"type":"{kind}","node":"{node}""#);
    match fresh(guest.shown.as_ref(), now) {
        Some(shown) => {
            row.push(',');
            row.push_str(&shown.text);
        }
        None => row.push_str(r#","status":"unknown""#),
    }
    let optional = [
        ("tags", Some(guest.tags.as_str()).filter(|t| !t.is_empty())),
        ("lock", guest.lock.as_deref()),
        ("pool", guest.pool.as_deref()),
        ("hastate", hastate),
    ];
    for (key, value) in optional {
        if let Some(value) = value {
            let _ = write!(row, r#","{key}":{}"#, Value::from(value));
        }
    }
    row.push('}');
}

fn storage_published(storage: &Storage, node: &str, at: Now) -> String {
    let used = storage.used_bytes(node, num::real(at.unix_s()));
    format!(r#""disk":{used},"maxdisk":{}"#, storage.total_bytes)
}

fn storage_row(s: &Storage, node: &str, now: Now) -> String {
    let shared = u8::from(s.shared);
    let mut row = format!(
        r#"{{"id":"storage/{node}/{id}","storage":"{id}","node":"{node}","type":"storage","plugintype":"{}","content":"{}","shared":{shared}"#,
        s.plugin,
        s.content,
        id = s.id,
    );
    match fresh(s.shown.get(node), now) {
        Some(shown) => {
            row.push_str(r#","status":"available","#);
            row.push_str(&shown.text);
        }
        None => row.push_str(r#","status":"unknown""#),
    }
    row.push('}');
    row
}

fn network_row(node: &str) -> String {
    format!(
        r#"{{"id":"network/{node}/zone/localnetwork","network":"localnetwork","network-type":"zone","node":"{node}","status":"ok","type":"network"}}"#
    )
}

/// The members of a map as JSON text without the braces.
pub fn inner(map: &Map<String, Value>) -> String {
    let text = Value::Object(map.clone()).to_string();
    let body = text.get(1..text.len().saturating_sub(1)).unwrap_or_default();
    body.to_owned()
}
