//! A cluster of one's own from a TOML or JSON file.

use std::path::Path;

use anyhow::{Context, bail, ensure};
use serde::Deserialize;
use serde_json::{Map, json};

use super::Inventory;
use super::clock::now_s;
use super::generate::{node, plain_guest};
use super::model::{Kind, Run, Storage};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default = "default_name")]
    name: String,
    nodes: Vec<FileNode>,
    #[serde(default)]
    guests: Vec<FileGuest>,
    #[serde(default)]
    storages: Vec<FileStorage>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileNode {
    name: String,
    ip: Option<String>,
    cpus: u64,
    mem_gib: f64,
    model: Option<String>,
    /// MAC address for Wake-on-LAN.
    wol: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileGuest {
    vmid: u32,
    kind: String,
    name: String,
    node: String,
    cores: Option<u64>,
    mem_mib: Option<u64>,
    disk_gib: Option<u64>,
    #[serde(default)]
    tags: String,
    #[serde(default)]
    template: bool,
    running: Option<bool>,
    onboot: Option<bool>,
    storage: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileStorage {
    id: String,
    plugin: String,
    content: String,
    #[serde(default)]
    shared: bool,
    #[serde(default)]
    nodes: Vec<String>,
    total_gib: u64,
    used_share: Option<f64>,
}

fn default_name() -> String {
    "homelab".into()
}

/// Reads and checks an inventory file; the ending `.json` decides its format.
pub fn load(path: &Path, seed: u64) -> anyhow::Result<Inventory> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read inventory {}", path.display()))?;
    let what = || format!("inventory {} is not usable", path.display());
    let file: File = match path.extension().is_some_and(|e| e == "json") {
        true => serde_json::from_str(&text).with_context(what)?,
        false => toml::from_str(&text).with_context(what)?,
    };
    build(file, seed).with_context(what)
}

/// Names end up in paths, certificates and JSON text.
fn plain(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    !name.is_empty() && name.len() <= 63 && name.chars().all(fits)
}

fn build(file: File, seed: u64) -> anyhow::Result<Inventory> {
    ensure!(!file.nodes.is_empty(), "it has no nodes");
    let mut nodes = Vec::new();
    for (i, n) in (1_u64..).zip(&file.nodes) {
        ensure!(plain(&n.name), "node name '{}' has characters that do not fit a host name", n.name);
        let ip = n.ip.clone().unwrap_or_else(|| format!("10.20.0.{}", 9 + i));
        let mem_bytes = crate::num::whole(n.mem_gib * f64::from(1 << 30));
        let model = n.model.as_deref().unwrap_or("Simulated CPU");
        let mut made = node(seed, i, &n.name, &ip, n.cpus.max(1), mem_bytes, model);
        made.wol.clone_from(&n.wol);
        nodes.push(made);
    }
    let storages = match file.storages.is_empty() {
        true => super::seed::storages(&[], Vec::new()),
        false => file.storages.iter().map(storage).collect::<anyhow::Result<_>>()?,
    };
    let mut guests = Vec::new();
    for g in &file.guests {
        let Some(kind) = Kind::of(&g.kind) else { bail!("guest {}: kind must be qemu or lxc", g.vmid) };
        ensure!(g.vmid >= 100, "guest {}: numbers begin at 100", g.vmid);
        ensure!(plain(&g.name), "guest {}: name '{}' does not fit a host name", g.vmid, g.name);
        ensure!(nodes.iter().any(|n| n.name == g.node), "guest {}: there is no node '{}'", g.vmid, g.node);
        let mut made = plain_guest(seed, g.vmid, kind, &g.name, &g.node);
        made.cores = g.cores.unwrap_or(made.cores).max(1);
        made.mem_bytes = g.mem_mib.map_or(made.mem_bytes, |m| m << 20);
        made.disk_bytes = g.disk_gib.map_or(made.disk_bytes, |d| d << 30);
        made.tags.clone_from(&g.tags);
        made.template = g.template;
        made.storage = g.storage.clone().unwrap_or(made.storage);
        let on = g.running.unwrap_or(!g.template);
        made.onboot = g.onboot.unwrap_or(on);
        if on {
            made.run = Run::Running {
                since_ms: (now_s() - 86_400) * 1000,
                pid: 1_000 + u64::from(g.vmid),
                paused: false,
            };
        }
        guests.push(made);
    }
    let mut ids: Vec<u32> = guests.iter().map(|g| g.vmid).collect();
    ids.sort_unstable();
    ensure!(ids.windows(2).all(|w| w.first() != w.last()), "a guest number is used twice");
    let job = json!({"id": "backup-all", "type": "vzdump", "enabled": 1, "schedule": "03:00", "storage": "backup", "mode": "snapshot", "all": 1});
    Ok(Inventory { name: file.name, nodes, guests, storages, backup_jobs: vec![job] })
}

fn storage(s: &FileStorage) -> anyhow::Result<Storage> {
    ensure!(plain(&s.id), "storage name '{}' is not usable", s.id);
    Ok(Storage {
        id: s.id.clone(),
        plugin: s.plugin.clone(),
        content: s.content.clone(),
        shared: s.shared,
        nodes: s.nodes.clone(),
        total_bytes: s.total_gib << 30,
        used_share: s.used_share.unwrap_or(0.4),
        offline: Vec::new(),
        options: Map::new(),
        volumes: Vec::new(),
        shown: Default::default(),
    })
}
