//! Every answer has the members and types of the recorded ones.

use serde_json::Value;

use crate::Lab;

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// Members whose own members are names, not a shape.
const FREE: [&str; 7] = [
    "not_allowed_nodes",
    "nics",
    "prune-backups",
    "mapped-resource-info",
    "proxmox-support",
    "local_disks",
    "blockstat",
];

pub fn compare(place: &str, recorded: &Value, ours: &Value, may_add: &[String], wrong: &mut Vec<String>) {
    if let (Value::Object(theirs), Value::Object(mine)) = (recorded, ours) {
        for (key, value) in theirs {
            match mine.get(key) {
                None => wrong.push(format!("{place}: '{key}' is missing")),
                // One reply holds both; see the test of tasks.
                Some(Value::Number(_) | Value::String(_)) if key == "saved" => {}
                Some(own) if FREE.contains(&key.as_str()) && type_of(own) == type_of(value) => {}
                Some(own) => compare(&format!("{place}.{key}"), value, own, may_add, wrong),
            }
        }
        for key in mine.keys().filter(|k| !theirs.contains_key(*k) && !may_add.contains(k)) {
            wrong.push(format!("{place}: '{key}' is not in a real answer"));
        }
    } else if type_of(recorded) != type_of(ours) {
        wrong.push(format!("{place}: {recorded} is recorded, {ours} is ours"));
    }
}

pub fn recorded() -> Value {
    serde_json::from_str(include_str!("../recorded-shapes.json")).unwrap()
}

#[tokio::test]
async fn every_recorded_shape_is_ours() {
    let lab = Lab::new(0.01).await;
    lab.post("/nodes/Home/lxc/102/status/start", &[]).await;
    tokio::time::sleep(std::time::Duration::from_millis(80)).await;
    let mut wrong = Vec::new();
    for shape in recorded()["shapes"].as_array().unwrap() {
        let data = lab.get(shape["path"].as_str().unwrap()).await.data();
        let select = shape["select"].as_object().unwrap();
        let row = match (&data, select.iter().next()) {
            (Value::Array(rows), Some((key, _))) if key == "last" => rows.last(),
            (Value::Array(rows), Some((key, _))) if key == "first" => rows.first(),
            (Value::Array(rows), Some((key, value))) => rows.iter().find(|r| r[key] == *value),
            _ => Some(&data),
        };
        let name = shape["name"].as_str().unwrap();
        let Some(row) = row else {
            wrong.push(format!("{name}: no such row in {data}"));
            continue;
        };
        let may_add: Vec<String> =
            shape["may_add"].as_array().unwrap().iter().map(|v| v.as_str().unwrap().to_owned()).collect();
        compare(name, &shape["recorded"], row, &may_add, &mut wrong);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn containers_have_their_own_members() {
    let lab = Lab::new(0.01).await;
    let row = lab.get("/nodes/Home/lxc").await.row("vmid", 102);
    assert_eq!(row["type"], "lxc");
    assert!(row["maxswap"].is_u64() && row["disk"].as_u64().unwrap() > 0 && row.get("memhost").is_none());
    let config = lab.get("/nodes/Home/lxc/102/config").await.data();
    assert!(config["memory"].is_u64(), "a container's memory is a number");
    assert_eq!(config["hostname"], "pihole");
}

#[tokio::test]
async fn the_cluster_is_the_homelab() {
    let lab = Lab::new(0.01).await;
    let rows = lab.get("/cluster/resources?type=vm").await.data();
    let rows = rows.as_array().unwrap();
    assert_eq!(rows.len(), 21);
    assert_eq!(rows.iter().filter(|r| r["status"] == "running").count(), 18);
    assert_eq!(rows.iter().filter(|r| r["type"] == "qemu").count(), 7);
    let management = rows.iter().find(|r| r["vmid"] == 103).unwrap();
    assert_eq!(management["node"], "agent1");
    assert_eq!(management["tags"], "docker;mgmt");
    let sizes = [("Home", 20, 24), ("pve", 6, 31), ("agent1", 14, 31), ("agent", 2, 4)];
    for (node, cpus, gib) in sizes {
        let row = lab.get("/nodes").await.row("node", node);
        assert_eq!((row["maxcpu"].as_u64(), row["maxmem"].as_u64().unwrap() >> 30), (Some(cpus), gib));
    }
    let storages = lab.get("/cluster/resources?type=storage").await;
    assert_eq!(storages.row("id", "storage/agent/nas-pool")["plugintype"], "nfs");
    assert_eq!(storages.row("id", "storage/Home/backup")["plugintype"], "cifs");
    let backups = lab.get("/nodes/Home/storage/backup/content?content=backup&vmid=103").await.data();
    assert!(backups.as_array().unwrap().len() >= 4, "{backups}");
}

#[tokio::test]
async fn figures_move_in_steps_of_a_push_and_state_reads_are_fresh() {
    let lab = Lab::new(1.0).await;
    let cpu = async |lab: &Lab| {
        lab.get("/cluster/resources").await.row("id", "lxc/101")["uptime"].as_u64().unwrap()
    };
    let first = cpu(&lab).await;
    assert_eq!(first, cpu(&lab).await, "nothing new within one push");
    lab.advance(10.0).await;
    assert_eq!(cpu(&lab).await, first + 10);
    let fresh = lab.get("/nodes/pve/lxc/101/status/current").await.data()["uptime"].as_u64().unwrap();
    assert!(fresh >= first + 10);
}

#[tokio::test]
async fn history_has_the_rows_of_its_frame_and_ends_now() {
    let lab = Lab::new(1.0).await;
    for (frame, rows, step) in [("hour", 60, 60), ("day", 1440, 60), ("week", 336, 1800)] {
        let data = lab.get(&format!("/nodes/pve/rrddata?timeframe={frame}")).await.data();
        let times: Vec<u64> = data.as_array().unwrap().iter().map(|r| r["time"].as_u64().unwrap()).collect();
        assert_eq!(times.len(), rows, "{frame}");
        assert!(times.windows(2).all(|w| w[1] - w[0] == step));
    }
    let day = lab.get("/nodes/pve/lxc/101/rrddata?timeframe=day").await.data();
    let cpu: Vec<f64> = day.as_array().unwrap().iter().filter_map(|r| r["cpu"].as_f64()).collect();
    let (low, high) = (cpu.iter().copied().fold(1.0, f64::min), cpu.iter().copied().fold(0.0, f64::max));
    assert!(
        high > 4.0 * low && high > 0.2,
        "a day of a media server has quiet and busy hours: {low} to {high}"
    );
}
