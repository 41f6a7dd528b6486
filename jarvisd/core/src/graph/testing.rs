//! Records for tests.

use crate::cluster::{
    Guest, GuestKind, GuestStatus, Health, Node, NodeStatus, SourceId, Storage, StorageStatus, Vmid,
};

pub(crate) fn vmid(n: u32) -> Vmid {
    n.try_into().unwrap()
}

fn from_json<T: serde::de::DeserializeOwned>(value: serde_json::Value) -> T {
    serde_json::from_value(value).unwrap()
}

pub(crate) fn guest(n: u32, node: &str) -> Guest {
    from_json(serde_json::json!({
        "vmid": n, "kind": GuestKind::Qemu, "node": node, "status": GuestStatus::Running, "health": Health::Ok,
        "template": false, "tags": [], "src": SourceId::resources(), "name": format!("guest-{n}"),
    }))
}

pub(crate) fn node(name: &str) -> Node {
    from_json(serde_json::json!({
        "name": name, "status": NodeStatus::Online, "health": Health::Ok, "src": SourceId::resources(),
    }))
}

pub(crate) fn storage(node: &str, name: &str, shared: bool) -> Storage {
    from_json(serde_json::json!({
        "node": node, "storage": name, "status": StorageStatus::Available, "health": Health::Ok, "shared": shared,
        "content": ["images"], "src": SourceId::resources(),
    }))
}
