//! What stands around guests: the cluster's storages, what HA wants, where a node is woken.

use std::collections::BTreeMap;

use jarvis_core::{cluster::Vmid, graph::StorageConfig};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Decoded, Oddities, Unreadable, config::is_mac, field::Field, rows, start};

/// `GET /storage`: by name, without the node.
pub(in super::super) fn storage_configs(
    data: &RawValue,
) -> Result<Decoded<BTreeMap<String, StorageConfig>>, Unreadable> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Fields {
        storage: Field<String>,
        server: Field<String>,
        portal: Field<String>,
        monhost: Field<String>,
    }
    let mut value = BTreeMap::new();
    let row = |json: &str, odd: &mut Oddities| {
        let f: Fields = serde_json::from_str(json).map_err(|e| format!("not a row ({e})"))?;
        let name = f.storage.read("storage", odd).ok_or("no storage name")?;
        let server = f.server.read("server", odd).or(f.portal.read("portal", odd));
        // Several monitors do not go down with one machine.
        let server = server.or(f.monhost.read("monhost", odd).filter(|m| !m.contains([' ', ',', ';'])));
        let server = server.map(|s| bare_host(&s));
        Ok(Some((name, StorageConfig { server })))
    };
    let read = rows(data, row, |(name, config)| {
        value.insert(name, config);
    })?;
    Ok(Decoded { value, odd_rows: read.odd_rows, first_odd: read.first_odd })
}

/// Without a port.
fn bare_host(text: &str) -> String {
    match text.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') && port.bytes().all(|b| b.is_ascii_digit()) => {
            host.to_owned()
        }
        _ => text.to_owned(),
    }
}

/// What the HA manager says of one guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HaState {
    /// `started`, `stopped`, `error`, `fence`, `recovery`, `migrate`, `relocate`, `ignored` …
    pub state: String,
    /// What it was asked for.
    pub wanted: Option<String>,
}

/// `GET /cluster/ha/status/current`: the guests under HA; others are not there.
pub(in super::super) fn ha_states(data: &RawValue) -> Result<Decoded<BTreeMap<Vmid, HaState>>, Unreadable> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Fields {
        #[serde(rename = "type")]
        kind: Field<String>,
        sid: Field<String>,
        state: Field<String>,
        request_state: Field<String>,
    }
    let mut value = BTreeMap::new();
    let row = |json: &str, odd: &mut Oddities| {
        let f: Fields = serde_json::from_str(json).map_err(|e| format!("not a row ({e})"))?;
        if f.kind.read("type", odd).as_deref() != Some("service") {
            return Ok(None);
        }
        let sid = f.sid.read("sid", odd).ok_or("no sid")?;
        let vmid = sid.split_once(':').and_then(|(_, n)| n.parse::<Vmid>().ok()).ok_or("no usable sid")?;
        // A guest under HA without a state: it was just added, and the manager has not looked yet.
        let state = f.state.read("state", odd).unwrap_or_else(|| "queued".into());
        Ok(Some((vmid, HaState { state, wanted: f.request_state.read("request_state", odd) })))
    };
    let read = rows(data, row, |(vmid, ha)| {
        value.insert(vmid, ha);
    })?;
    Ok(Decoded { value, odd_rows: read.odd_rows, first_odd: read.first_odd })
}

/// `GET /nodes/{node}/config`: the hardware address that wakes it, when one is set there.
pub(in super::super) fn wake_mac(data: &RawValue) -> Result<Decoded<Option<String>>, Unreadable> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Fields {
        wakeonlan: Field<String>,
    }
    // Perl writes an empty hash as a list at times.
    if matches!(data.get().trim(), "[]" | "null") {
        return Ok(Decoded::default());
    }
    let f: Fields = serde_json::from_str(data.get())
        .map_err(|_| format!("not a node's configuration: {}", start(data)))?;
    // `AA:BB:CC:DD:EE:FF`, or `mac=…,bind-interface=…`
    let value = f.wakeonlan.value().and_then(|text| {
        let words = text.split(',').map(|p| p.strip_prefix("mac=").unwrap_or(p).trim().to_owned());
        words.into_iter().find(|word| is_mac(word)).map(|mac| mac.to_ascii_lowercase())
    });
    Ok(Decoded { value, ..Decoded::default() })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn raw(value: &Value) -> Box<RawValue> {
        RawValue::from_string(value.to_string()).unwrap()
    }

    #[test]
    fn servers_of_storages_are_read() {
        let read = storage_configs(&raw(&json!([
            {"storage": "local", "type": "dir", "path": "/var/lib/vz"},
            {"storage": "nas", "type": "nfs", "server": "10.0.0.9", "export": "/tank"},
            {"storage": "san", "type": "iscsi", "portal": "10.0.0.8:3260"},
            {"storage": "ceph", "type": "rbd", "monhost": "10.0.0.1 10.0.0.2"},
            {"type": "dir"},
        ])))
        .unwrap();
        let server = |name: &str| read.value[name].server.as_deref();
        assert_eq!(
            (server("local"), server("nas"), server("san"), server("ceph")),
            (None, Some("10.0.0.9"), Some("10.0.0.8"), None)
        );
        assert_eq!(read.odd_rows, 1);
    }

    #[test]
    fn only_guests_under_ha_have_a_state() {
        let read = ha_states(&raw(&json!([
            {"quorate": 1, "status": "OK", "type": "quorum", "node": "Home", "id": "quorum"},
            {"id": "master", "type": "master", "node": "Home", "status": "Home (active)"},
            {"id": "service:vm:100", "type": "service", "sid": "vm:100", "state": "started", "request_state": "started", "node": "pve"},
            {"id": "service:ct:105", "type": "service", "sid": "ct:105", "node": "pve"},
        ])))
        .unwrap();
        assert_eq!(read.value.len(), 2);
        assert_eq!(read.value[&100.try_into().unwrap()].state, "started");
        assert_eq!(read.value[&105.try_into().unwrap()].state, "queued");
    }

    #[test]
    fn the_address_that_wakes_a_node_is_read_in_both_spellings() {
        let mac = |value: Value| wake_mac(&raw(&value)).unwrap().value;
        assert_eq!(mac(json!({"wakeonlan": "AA:BB:CC:DD:EE:0F"})).as_deref(), Some("aa:bb:cc:dd:ee:0f"));
        assert_eq!(
            mac(json!({"wakeonlan": "mac=AA:BB:CC:DD:EE:0F,bind-interface=eno1"})).as_deref(),
            Some("aa:bb:cc:dd:ee:0f")
        );
        assert_eq!(mac(json!({"digest": "x"})), None);
        assert_eq!(mac(json!([])), None);
    }
}
