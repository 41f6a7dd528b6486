//! ZFS, LVM and Ceph as their own programs tell of them.

use serde_json::{Map, Value, json};

use super::Odd;

/// `zpool list -Hp`: columns without a header.
pub fn zpool_list(text: &str) -> Vec<Value> {
    let row = |line: &str| {
        let columns: Vec<&str> = line.split('\t').collect();
        let number = |i: usize| columns.get(i).and_then(|c| c.trim_end_matches('%').parse::<u64>().ok());
        Some(json!({
            "pool": columns.first().filter(|name| !name.is_empty())?,
            "size_bytes": number(1)?, "used_bytes": number(2), "free_bytes": number(3),
            "fragmented_percent": number(6), "used_percent": number(7), "health": columns.get(9),
        }))
    };
    text.lines().filter_map(row).collect()
}

/// `zpool status -p`: the words that matter of each pool.
pub fn zpool_status(text: &str) -> Vec<Value> {
    let (mut pools, mut pool) = (Vec::new(), Map::new());
    for line in text.lines() {
        let Some((name, value)) = line.trim_start().split_once(": ") else { continue };
        if name == "pool" && !pool.is_empty() {
            pools.push(Value::Object(std::mem::take(&mut pool)));
        }
        if matches!(name, "pool" | "state" | "status" | "scan" | "errors") {
            pool.insert(name.to_owned(), json!(value.trim()));
        }
    }
    if !pool.is_empty() {
        pools.push(Value::Object(pool));
    }
    pools
}

/// `lvs --reportformat json`
pub fn lvm(text: &str) -> Result<Vec<Value>, Odd> {
    let value: Value = serde_json::from_str(text).map_err(|_| "not the JSON of lvs")?;
    let rows = value.pointer("/report/0/lv").and_then(Value::as_array).ok_or("no list of volumes")?;
    let volume = |row: &Value| {
        let word = |name: &str| row.get(name).and_then(Value::as_str).unwrap_or_default();
        let percent = |name: &str| word(name).parse::<f64>().ok();
        json!({
            "volume": word("lv_name"), "group": word("vg_name"), "attributes": word("lv_attr"),
            "size_bytes": word("lv_size").parse::<u64>().ok(),
            "data_percent": percent("data_percent"), "metadata_percent": percent("metadata_percent"),
            "health": word("lv_health_status"),
        })
    };
    Ok(rows.iter().map(volume).collect())
}

/// `ceph status --format json`, also as Proxmox's API passes it on.
pub fn ceph(value: &Value) -> Value {
    let at = |pointer: &str| value.pointer(pointer).cloned().unwrap_or_default();
    let checks = value.pointer("/health/checks").and_then(Value::as_object);
    let check = |(name, check): (&String, &Value)| {
        json!({
            "check": name,
            "severity": check.get("severity"),
            "message": check.pointer("/summary/message"),
        })
    };
    json!({
        "health": at("/health/status"),
        "checks": checks.into_iter().flatten().map(check).collect::<Vec<_>>(),
        "osds": at("/osdmap/num_osds"), "osds_up": at("/osdmap/num_up_osds"), "osds_in": at("/osdmap/num_in_osds"),
        "used_bytes": at("/pgmap/bytes_used"), "available_bytes": at("/pgmap/bytes_avail"), "total_bytes": at("/pgmap/bytes_total"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pools_are_read() {
        let list = "tank\t1000\t900\t100\t-\t-\t12\t90\t1.00\tDEGRADED\t-\n\nbad line\n";
        let pools = zpool_list(list);
        assert_eq!(pools.len(), 1);
        assert_eq!((&pools[0]["used_percent"], &pools[0]["health"]), (&json!(90), &json!("DEGRADED")));
        let status = "  pool: tank\n state: DEGRADED\nstatus: One or more devices has been removed.\n  scan: scrub repaired 0B\nconfig:\n\n\tNAME  STATE\n\nerrors: No known data errors\n\n  pool: rpool\n state: ONLINE\n";
        let pools = zpool_status(status);
        assert_eq!(pools.len(), 2);
        assert_eq!((&pools[0]["state"], &pools[1]["state"]), (&json!("DEGRADED"), &json!("ONLINE")));
    }

    #[test]
    fn volumes_and_ceph_are_read() {
        let text = r#"{"report":[{"lv":[{"lv_name":"data","vg_name":"pve","lv_attr":"twi-aotz--","lv_size":"100","data_percent":"81.50","metadata_percent":"","lv_health_status":""}]}]}"#;
        let all = lvm(text).unwrap();
        assert_eq!(
            (&all[0]["data_percent"], &all[0]["metadata_percent"], &all[0]["size_bytes"]),
            (&json!(81.5), &Value::Null, &json!(100))
        );
        assert!(lvm("{}").is_err());
        let value = json!({"health": {"status": "HEALTH_WARN", "checks": {"OSD_DOWN": {"severity": "HEALTH_WARN", "summary": {"message": "1 osds down"}}}}, "osdmap": {"num_osds": 3}});
        let seen = ceph(&value);
        assert_eq!(
            (&seen["health"], &seen["checks"][0]["message"], &seen["osds"]),
            (&json!("HEALTH_WARN"), &json!("1 osds down"), &json!(3))
        );
    }
}
