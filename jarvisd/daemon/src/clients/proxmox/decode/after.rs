//! What is looked at before and after an action: a node's units, a guest's snapshots and backups, a node's uptime.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Decoded, Oddities, Unreadable, field::Field, fields, rows, start};

/// `GET /nodes/{node}/services`: Proxmox's own units and whether each runs; missing where the node does not say.
pub(in super::super) fn services(
    data: &RawValue,
) -> Result<Decoded<BTreeMap<String, Option<bool>>>, Unreadable> {
    #[derive(Default, Deserialize)]
    #[serde(default, rename_all = "kebab-case")]
    struct Fields {
        service: Field<String>,
        name: Field<String>,
        active_state: Field<String>,
        state: Field<String>,
    }
    let mut value = BTreeMap::new();
    let row = |json: &str, odd: &mut Oddities| {
        let f: Fields = fields(json, odd)?;
        let name = f.service.read("service", odd).or(f.name.read("name", odd)).ok_or("no name of a unit")?;
        let runs = match (f.active_state.read("active-state", odd), f.state.read("state", odd)) {
            (Some(active), _) => Some(active == "active"),
            (None, Some(state)) => Some(state == "running"),
            (None, None) => None,
        };
        Ok(Some((name, runs)))
    };
    let read = rows(data, row, |(name, runs)| {
        value.insert(name, runs);
    })?;
    Ok(Decoded { value, odd_rows: read.odd_rows, first_odd: read.first_odd })
}

/// `GET /nodes/{node}/{kind}/{vmid}/snapshot`: names, without the present state, which Proxmox lists as well.
pub(in super::super) fn snapshots(data: &RawValue) -> Result<Decoded<Vec<String>>, Unreadable> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Fields {
        name: Field<String>,
    }
    let mut value = Vec::new();
    let row = |json: &str, odd: &mut Oddities| {
        let f: Fields = fields(json, odd)?;
        let name = f.name.read("name", odd).ok_or("no name of a snapshot")?;
        Ok((name != "current").then_some(name))
    };
    let read = rows(data, row, |name| value.push(name))?;
    Ok(Decoded { value, odd_rows: read.odd_rows, first_odd: read.first_odd })
}

/// `GET /nodes/{node}/storage/{storage}/content`: when each volume was made, UTC seconds.
pub(in super::super) fn made_s(data: &RawValue) -> Result<Decoded<Vec<i64>>, Unreadable> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Fields {
        ctime: Field<u64>,
    }
    let mut value = Vec::new();
    let row = |json: &str, odd: &mut Oddities| {
        let f: Fields = fields(json, odd)?;
        let made_s = f.ctime.read("ctime", odd).and_then(|s| i64::try_from(s).ok());
        Ok(Some(made_s.ok_or("no time of its making")?))
    };
    let read = rows(data, row, |made_s| value.push(made_s))?;
    Ok(Decoded { value, odd_rows: read.odd_rows, first_odd: read.first_odd })
}

/// `GET /nodes/{node}/status`: seconds since it was started.
pub(in super::super) fn uptime_s(data: &RawValue) -> Result<Decoded<Option<i64>>, Unreadable> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Fields {
        uptime: Field<u64>,
    }
    let f: Fields =
        serde_json::from_str(data.get()).map_err(|_| format!("not a node's status: {}", start(data)))?;
    let mut odd = Oddities::default();
    let value = f.uptime.read("uptime", &mut odd).and_then(|s| i64::try_from(s).ok());
    Ok(Decoded { value, odd_rows: u32::from(odd.first.is_some()), first_odd: odd.first })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn raw(value: &Value) -> Box<RawValue> {
        RawValue::from_string(value.to_string()).unwrap()
    }

    #[test]
    fn what_is_looked_at_after_an_action_is_read_row_by_row() {
        let units = services(&raw(&json!([
            {"service": "pveproxy", "name": "pveproxy", "state": "running", "active-state": "active"},
            {"service": "chrony", "state": "dead"},
            {"name": "syslog"},
            {"state": "running"},
        ])))
        .unwrap();
        let of = |name: &str| units.value[name];
        assert_eq!((of("pveproxy"), of("chrony"), of("syslog")), (Some(true), Some(false), None));
        assert_eq!((units.value.len(), units.odd_rows), (3, 1));
        let names =
            snapshots(&raw(&json!([{"name": "one", "snaptime": 1}, {"name": "current"}, {}]))).unwrap();
        assert_eq!((names.value, names.odd_rows), (vec!["one".to_owned()], 1));
        let made = made_s(&raw(&json!([{"ctime": 5}, {"ctime": "7"}, {"volid": "x"}, 3]))).unwrap();
        assert_eq!((made.value, made.odd_rows), (vec![5, 7], 2));
        assert_eq!(uptime_s(&raw(&json!({"uptime": "90"}))).unwrap().value, Some(90));
        assert_eq!(uptime_s(&raw(&json!({}))).unwrap().value, None);
        assert!(services(&raw(&json!({}))).is_err() && uptime_s(&raw(&json!("x"))).is_err());
    }
}
