//! Disks, pools, logical volumes: the same machines' parts that the API lists.

use serde_json::{Value, json};

use super::Says;
use crate::cluster::World;
use crate::cluster::model::{Guest, Node};
use crate::cluster::wave;
use crate::num;
use crate::pve::hardware::{self, Disk};

pub fn smart(world: &World, node: &Node, path: &str) -> Says {
    let Some(disk) = hardware::disks(node).into_iter().find(|d| d.path == path) else {
        let text = format!("Smartctl open device: {path} failed: No such device");
        let value = json!({"json_format_version": [1, 0], "smartctl": {"version": [7, 4], "argv": ["smartctl"],
            "messages": [{"string": text, "severity": "error"}], "exit_status": 2}});
        return Says { out: format!("{value}\n"), exit: 2, takes_ms: 60, ..Says::default() };
    };
    let failing = world.disk_failing(&node.name, path);
    let hours = 4_000 + disk.seed % 30_000 + world.now.unix_s().saturating_sub(node.boot_ms / 1000) / 3_600;
    let mut value = json!({
        "json_format_version": [1, 0],
        "smartctl": {"version": [7, 4], "platform_info": "x86_64-linux-6.18.44-2-pve", "exit_status": if failing { 8 } else { 0 }},
        "device": {"name": path, "info_name": path, "type": if disk.kind == "nvme" { "nvme" } else { "sat" },
            "protocol": if disk.kind == "nvme" { "NVMe" } else { "ATA" }},
        "model_name": disk.model, "serial_number": disk.serial, "firmware_version": "5B2QGXA7",
        "user_capacity": {"blocks": disk.size_bytes / 512, "bytes": disk.size_bytes},
        "smart_support": {"available": true, "enabled": true}, "smart_status": {"passed": !failing},
        "power_on_time": {"hours": hours}, "power_cycle_count": 40 + disk.seed % 300,
        "temperature": {"current": disk.degrees},
    });
    let (key, part) = match disk.kind {
        "nvme" => ("nvme_smart_health_information_log", nvme(&disk, hours)),
        _ => ("ata_smart_attributes", json!({"revision": 10, "table": attributes(&disk, hours)})),
    };
    if let Some(map) = value.as_object_mut() {
        map.insert(key.into(), part);
    }
    // The fourth bit of its status says that the disk fails.
    Says { exit: if failing { 8 } else { 0 }, ..Says::prints(format!("{value}\n")).taking(180) }
}

fn nvme(disk: &Disk, hours: u64) -> Value {
    json!({"critical_warning": 0, "temperature": disk.degrees, "available_spare": 100, "available_spare_threshold": 10,
        "percentage_used": disk.worn_percent, "data_units_read": 20_000_000 + disk.seed % 9_000_000,
        "data_units_written": 31_000_000 + disk.seed % 9_000_000, "power_cycles": 40 + disk.seed % 300,
        "power_on_hours": hours, "unsafe_shutdowns": 12, "media_errors": 0, "num_err_log_entries": 0,
        "warning_temp_time": 0, "critical_comp_time": 0})
}

fn attributes(disk: &Disk, hours: u64) -> Value {
    let row = |id: u64, name: &str, value: u64, thresh: u64, raw: u64| {
        json!({"id": id, "name": name, "value": value, "worst": value, "thresh": thresh, "when_failed": "",
            "flags": {"value": 51, "string": "PO--CK ", "prefailure": thresh > 0},
            "raw": {"value": raw, "string": raw.to_string()}})
    };
    json!([
        row(5, "Reallocated_Sector_Ct", 100, 10, 0),
        row(9, "Power_On_Hours", 78, 0, hours),
        row(194, "Temperature_Celsius", disk.degrees, 0, disk.degrees),
        row(197, "Current_Pending_Sector", 100, 0, 0),
        row(198, "Offline_Uncorrectable", 100, 0, 0),
        row(199, "UDMA_CRC_Error_Count", 200, 0, 0),
    ])
}

pub fn zpool(world: &World, node: &Node) -> Says {
    let Some(pool) = hardware::pool(world, node) else { return Says::prints("no pools available\n") };
    let name = &pool.name;
    if world.pool_degraded(&node.name) {
        return Says::prints(format!(
            "  pool: {name}\n state: DEGRADED\nstatus: One or more devices could not be used because the label is missing or\n\tinvalid.  Sufficient replicas exist for the pool to continue\n\tfunctioning in a degraded state.\naction: Replace the device using 'zpool replace'.\nconfig:\n\n\tNAME        STATE     READ WRITE CKSUM\n\t{name:<12}DEGRADED     0     0     0\n\t  mirror-0  DEGRADED     0     0     0\n\t    sda     ONLINE       0     0     0\n\t    sdb     UNAVAIL      3     0     0\n\nerrors: No known data errors\n"
        ))
        .taking(90);
    }
    let rows = ["sda", "sdb"].map(|d| format!("\t    {d:<8}ONLINE       0     0     0\n")).concat();
    Says::prints(format!(
        "  pool: {name}\n state: ONLINE\n  scan: scrub repaired 0B in 03:12:44 with 0 errors on Sun Nov  8 03:36:45 2026\nconfig:\n\n\tNAME        STATE     READ WRITE CKSUM\n\t{name:<12}ONLINE       0     0     0\n\t  mirror-0  ONLINE       0     0     0\n{rows}\nerrors: No known data errors\n"
    ))
    .taking(90)
}

pub fn zpool_list(world: &World, node: &Node) -> Says {
    let Some(pool) = hardware::pool(world, node) else { return Says::prints("") };
    let share = num::whole(100.0 * num::real(pool.alloc_bytes) / num::real(pool.size_bytes));
    let free = pool.size_bytes - pool.alloc_bytes;
    Says::prints(format!(
        "{}\t{}\t{}\t{free}\t-\t-\t{}\t{share}\t1.00\t{}\t-\n",
        pool.name, pool.size_bytes, pool.alloc_bytes, pool.frag_percent, pool.health
    ))
}

pub fn lvs(world: &World, node: &Node) -> Says {
    let row = |name: &str, attr: &str, size: u64, data: &str, meta: &str| {
        json!({"lv_name": name, "vg_name": "pve", "lv_attr": attr, "lv_size": size.to_string(), "data_percent": data,
            "metadata_percent": meta, "lv_health_status": ""})
    };
    let mut rows = Vec::new();
    if let Some(thin) = world.storages.iter().find(|s| s.plugin == "lvmthin" && s.on(&node.name)) {
        let used = thin.used_bytes(&node.name, num::real(world.now.unix_s()));
        let percent = 100.0 * num::real(used) / num::real(thin.total_bytes.max(1));
        rows.push(row(
            "data",
            "twi-aotz--",
            thin.total_bytes,
            &format!("{percent:.2}"),
            &format!("{:.2}", 0.6 + percent / 30.0),
        ));
        let here = |g: &&Guest| g.node == node.name && g.storage == thin.id;
        for guest in world.guests.values().filter(here) {
            let base = if guest.template { "base" } else { "vm" };
            let share = 20.0 + 50.0 * wave::unit(guest.how.seed, 31);
            let attr = if guest.run.on() { "Vwi-aotz--" } else { "Vwi---tz--" };
            let data = if guest.run.on() { format!("{share:.2}") } else { String::new() };
            rows.push(row(&format!("{base}-{}-disk-0", guest.vmid), attr, guest.disk_bytes, &data, ""));
        }
    }
    rows.push(row("root", "-wi-ao----", node.root_bytes, "", ""));
    rows.push(row("swap", "-wi-ao----", 8_589_934_592, "", ""));
    let value = json!({"report": [{"lv": rows}]});
    Says::prints(serde_json::to_string_pretty(&value).unwrap_or_default() + "\n").taking(110)
}
