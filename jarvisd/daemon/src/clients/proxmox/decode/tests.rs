//! The decoders against everything a real control plane said, and against rows nobody would send.

use jarvis_core::cluster::{GuestKind, GuestStatus, NodeName, NodeStatus, StorageStatus, TaskStatus, Vmid};
use proptest::prelude::*;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};

use super::*;

const RECORDED: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/pve/recorded.jsonl"));

struct Exchange {
    label: String,
    path: String,
    data: Value,
}

/// Every answered read whose path `wanted` accepts.
fn recorded(wanted: impl Fn(&str) -> bool) -> Vec<Exchange> {
    let all: Vec<Exchange> = RECORDED
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|x| x["method"] == "GET" && x["status_line"].as_str().unwrap().contains(" 200 "))
        .map(|x| Exchange {
            label: x["label"].as_str().unwrap().into(),
            path: x["path"].as_str().unwrap().into(),
            data: x["body"]["data"].clone(),
        })
        .filter(|x| wanted(&x.path))
        .collect();
    assert!(!all.is_empty());
    all
}

fn raw(value: &Value) -> Box<RawValue> {
    to_raw_value(value).unwrap()
}

/// What a field of a recorded row says, by the plainest reading possible.
fn number(row: &Value, name: &str) -> Option<f64> {
    match &row[name] {
        Value::Null => None,
        Value::Number(n) => n.as_f64(),
        Value::String(s) => Some(s.parse().unwrap()),
        other => panic!("{name}: {other}"),
    }
}

fn float(n: u64) -> f64 {
    n.to_string().parse().unwrap()
}

fn text(row: &Value, name: &str) -> Option<String> {
    row[name].as_str().filter(|s| !s.is_empty()).map(str::to_owned)
}

#[test]
fn every_recorded_resources_list_decodes_to_what_its_json_says() {
    let all = recorded(|p| p.starts_with("/cluster/resources"));
    assert!(all.len() > 30, "{}", all.len());
    for x in &all {
        let read = resources(&raw(&x.data)).unwrap();
        assert_eq!((read.odd_rows, &read.first_odd), (0, &None), "{} {}", x.label, x.path);
        let of = |kinds: &[&str]| -> Vec<&Value> {
            let rows = x.data.as_array().unwrap().iter();
            rows.filter(|r| kinds.contains(&r["type"].as_str().unwrap())).collect()
        };
        let (guests, nodes, storages) = (of(&["qemu", "lxc"]), of(&["node"]), of(&["storage"]));
        assert_eq!(read.value.guests.len(), guests.len());
        for (g, row) in read.value.guests.iter().zip(&guests) {
            assert_eq!(Some(f64::from(g.vmid.get())), number(row, "vmid"));
            assert_eq!(
                (g.node.as_str(), g.name.as_deref()),
                (row["node"].as_str().unwrap(), text(row, "name").as_deref())
            );
            assert_eq!(g.cpu, number(row, "cpu").map(|c| c.min(1.0)));
            for (ours, theirs) in [
                (g.mem_used_bytes, "mem"),
                (g.mem_total_bytes, "maxmem"),
                (g.mem_host_bytes, "memhost"),
                (g.disk_total_bytes, "maxdisk"),
                (g.uptime_s, "uptime"),
                (g.net_in_bytes, "netin"),
                (g.disk_write_bytes, "diskwrite"),
            ] {
                assert_eq!(ours.map(float), number(row, theirs), "{} {theirs}", x.label);
            }
            assert_eq!(g.disk_used_bytes, None, "a VM's inside is not known");
            let status = match row["status"].as_str().unwrap() {
                "running" => GuestStatus::Running,
                "stopped" => GuestStatus::Stopped,
                "paused" => GuestStatus::Paused,
                "unknown" => GuestStatus::Unknown,
                other => panic!("{other}"),
            };
            assert_eq!(g.status, status);
            assert_eq!(g.template, row.get("template").map(|t| t == 1));
        }
        assert_eq!(read.value.nodes.len(), nodes.len());
        for (n, row) in read.value.nodes.iter().zip(&nodes) {
            assert_eq!(n.name.as_str(), row["node"].as_str().unwrap());
            assert_eq!(n.cpu, number(row, "cpu"));
            assert_eq!(n.mem_used_bytes.map(float), number(row, "mem"));
            assert_eq!(n.cpu_cores.map(f64::from), number(row, "maxcpu"));
            let status = match row["status"].as_str().unwrap() {
                "online" => NodeStatus::Online,
                "offline" => NodeStatus::Offline,
                _ => NodeStatus::Unknown,
            };
            assert_eq!(n.status, status);
        }
        assert_eq!(read.value.storages.len(), storages.len());
        for (s, row) in read.value.storages.iter().zip(&storages) {
            assert_eq!(s.used_bytes.map(float), number(row, "disk"));
            assert_eq!(s.shared, number(row, "shared").map(|n| n == 1.0));
            assert_eq!(s.status == StorageStatus::Available, row["status"] == "available");
        }
    }
}

#[test]
fn a_lost_nodes_guest_keeps_only_what_its_bare_row_says() {
    let all = recorded(|p| p == "/cluster/resources");
    let last = all.iter().rfind(|x| x.label == "agent cut +305s").unwrap();
    let read = resources(&raw(&last.data)).unwrap().value;
    let lost = read.guests.iter().find(|g| g.vmid.get() == 130).unwrap();
    assert_eq!((lost.status, &lost.name, lost.template), (GuestStatus::Unknown, &None, None));
    assert_eq!((lost.mem_total_bytes, lost.uptime_s), (None, None));
    let template = read.guests.iter().find(|g| g.vmid.get() == 9000).unwrap();
    assert_eq!(template.template, Some(true));
    let live = read.guests.iter().find(|g| g.vmid.get() == 120).unwrap();
    assert_eq!(live.tags, Some("docker;mgmt".into()));
}

#[test]
fn every_recorded_membership_decodes_and_shows_the_cut() {
    let all = recorded(|p| p == "/cluster/status");
    assert!(all.len() > 20);
    for x in &all {
        let read = membership(&raw(&x.data)).unwrap();
        assert_eq!((read.odd_rows, read.value.nodes.len()), (0, 4), "{}", x.label);
        assert_eq!(read.value.cluster_name.as_deref(), Some("jarvis"));
        let online = x.data.as_array().unwrap().iter().filter(|r| r["online"] == 1).count();
        assert_eq!(read.value.nodes.iter().filter(|m| m.online).count(), online);
        assert_eq!(read.value.nodes.iter().filter(|m| m.local).count(), 1);
    }
    let at = |label: &str| {
        let x = all.iter().find(|x| x.label == label).unwrap();
        membership(&raw(&x.data)).unwrap().value
    };
    let cut = at("agent cut +13s");
    let offline: Vec<&str> = cut.nodes.iter().filter(|m| !m.online).map(|m| m.name.as_str()).collect();
    assert_eq!((offline, cut.quorate), (vec!["agent"], Some(true)));
    assert_eq!(at("agent1 and agent cut +12s").quorate, Some(false));
}

#[test]
fn every_recorded_task_decodes() {
    for x in recorded(|p| p == "/cluster/tasks") {
        let read = tasks(&raw(&x.data)).unwrap();
        assert_eq!((read.odd_rows, read.value.len()), (0, x.data.as_array().unwrap().len()));
        for (t, row) in read.value.iter().zip(x.data.as_array().unwrap()) {
            assert_eq!(t.start_ms, row["starttime"].as_i64().unwrap() * 1000);
            assert_eq!(t.exit.as_deref(), row["status"].as_str());
            assert_eq!((t.status, t.user.as_str()), (TaskStatus::Ok, "root@pam"));
        }
    }
    let ends = recorded(|p| p.contains("/tasks/UPID") && p.ends_with("/status"));
    assert!(ends.len() > 10);
    for x in ends {
        let (status, exit) = task_end(&raw(&x.data)).unwrap().value;
        assert_eq!(exit.as_deref(), x.data["exitstatus"].as_str(), "{}", x.label);
        let expected = match x.data["exitstatus"].as_str() {
            None => TaskStatus::Running,
            Some("OK") => TaskStatus::Ok,
            Some(_) => TaskStatus::Failed,
        };
        assert_eq!(status, expected, "{}", x.label);
    }
    for x in recorded(|p| p.contains("/tasks/UPID") && p.contains("/log?")) {
        let lines = log_lines(&raw(&x.data), 0, u32::MAX).unwrap();
        assert_eq!((lines.odd_rows, lines.value.len()), (0, x.data.as_array().unwrap().len()));
    }
}

#[test]
fn a_task_of_megabytes_is_cut() {
    let long = || "x ".repeat(1 << 20);
    let upid = "UPID:pve:00000001:00000001:6B0330F7:vzdump:101:root@pam:";
    let row = json!({"upid": upid, "node": "pve", "starttime": 1, "endtime": 2, "type": long(), "id": long(),
        "user": long(), "status": long()});
    let task = tasks(&raw(&json!([row]))).unwrap().value.remove(0);
    let texts = [task.kind, task.target.unwrap(), task.user, task.exit.unwrap()];
    assert!(texts.iter().all(|text| text.len() < 5_000 && text.ends_with('…')));
    assert_eq!(task.status, TaskStatus::Failed);
    let end = task_end(&raw(&json!({"status": "stopped", "exitstatus": long()}))).unwrap().value;
    assert!(end.0 == TaskStatus::Failed && end.1.unwrap().len() < 5_000);
}

#[test]
fn a_log_line_of_megabytes_is_cut_between_words_and_only_the_lines_asked_for_are_kept() {
    let long = format!("{} password=canary-4711 {}", "x".repeat(8_180), "y".repeat(1 << 20));
    let read =
        log_lines(&raw(&json!([{"n": 1, "t": long}, {"n": 2, "t": "ä".repeat(9_000)}])), 0, 50).unwrap();
    assert_eq!(read.value[0].text, format!("{} …", "x".repeat(8_180)));
    assert_eq!(read.value[1].text, format!("{} …", "ä".repeat(4_096)));

    let whole: Vec<Value> = (1..=1_000).map(|n| json!({"n": n, "t": format!("line {n}")})).collect();
    let asked = log_lines(&raw(&json!(whole)), 980, 20).unwrap().value;
    assert_eq!((asked.len(), asked[0].number, asked[19].number), (20, 981, 1_000));
}

#[test]
fn every_recorded_node_and_guest_status_decodes() {
    let nodes =
        recorded(|p| p.starts_with("/nodes/") && p.ends_with("/status") && p.matches('/').count() == 3);
    for x in nodes {
        let name: NodeName = x.path.split('/').nth(2).unwrap().parse().unwrap();
        let read = node_detail(&raw(&x.data), &name).unwrap();
        assert_eq!((read.odd_rows, &read.first_odd), (0, &None), "{}", x.path);
        let load: Vec<f64> = x.data["loadavg"]
            .as_array()
            .unwrap()
            .iter()
            .map(|l| l.as_str().unwrap().parse().unwrap())
            .collect();
        assert_eq!(read.value.load.unwrap().to_vec(), load);
        assert_eq!(read.value.iowait, x.data["wait"].as_f64());
        assert_eq!(read.value.swap_used_bytes, x.data["swap"]["used"].as_u64());
        assert_eq!(read.value.pve_version.as_deref(), Some("9.2.11"));
        assert_eq!(read.value.kernel.as_deref(), x.data["current-kernel"]["release"].as_str());
    }
    let guests = recorded(|p| p.starts_with("/nodes/") && p.ends_with("/status/current"));
    assert!(guests.len() >= 8);
    for x in guests {
        let part = |i: usize| x.path.split('/').nth(i).unwrap();
        let (node, vmid): (NodeName, Vmid) = (part(2).parse().unwrap(), part(4).parse().unwrap());
        let read = guest_now(&raw(&x.data), &node, GuestKind::Qemu, vmid).unwrap();
        assert_eq!((read.odd_rows, &read.first_odd), (0, &None), "{}", x.path);
        assert_eq!(read.value.cpu_cores, number(&x.data, "cpus"));
        assert_eq!(read.value.mem_used_bytes, x.data["mem"].as_u64());
        let paused = x.label == "while paused";
        assert_eq!(read.value.status == GuestStatus::Paused, paused, "{} {}", x.label, x.path);
    }
}

#[test]
fn recorded_version_and_permissions_decode() {
    let x = recorded(|p| p == "/version").remove(0);
    assert_eq!(version(&raw(&x.data)).unwrap().value, "9.2.11");
    let x = recorded(|p| p == "/access/permissions").remove(0);
    let held = permissions(&raw(&x.data)).unwrap().value;
    assert!(held["/"].contains("Sys.Audit") && held["/vms"].contains("VM.Audit"));
    for none in ["{}", "[]", "null"] {
        let none = RawValue::from_string(none.into()).unwrap();
        assert!(permissions(&none).unwrap().value.is_empty());
    }
}

#[test]
fn tasks_tell_running_failed_warned_and_vanished_apart() {
    let upid = "UPID:pve:000000CF:00086D09:6B032D34:vzdump:101:root@pam!full:";
    let task = |more: Value| {
        let mut row = json!({"upid": upid, "node": "pve", "starttime": "1795370292", "user": "root@pam", "tokenid": "full"});
        row.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        tasks(&raw(&json!([row]))).unwrap().value.remove(0)
    };
    assert_eq!(task(json!({})).status, TaskStatus::Running);
    assert_eq!(task(json!({"status": "RUNNING"})).exit, None);
    assert_eq!(task(json!({"endtime": 1795370299, "status": "WARNINGS: 2"})).status, TaskStatus::Warnings);
    assert_eq!(task(json!({"endtime": 1795370299, "status": "job errors"})).status, TaskStatus::Failed);
    assert_eq!(
        task(json!({"endtime": 1795370299, "status": "unexpected status"})).status,
        TaskStatus::Unknown
    );
    assert_eq!(task(json!({"endtime": 1795370299})).status, TaskStatus::Unknown);
    let read = task(json!({}));
    assert_eq!((read.user.as_str(), read.kind.as_str(), read.target), ("root@pam!full", "vzdump", None));
}

fn good_rows() -> Vec<Value> {
    vec![
        json!({"type":"qemu","id":"qemu/100","vmid":"100","node":"Home","status":"running","name":"a","maxmem":"8","tags":"x;y","cpu":"0.5"}),
        json!({"type":"node","node":"Home","status":"online","maxcpu":"4","mem":12.0}),
        json!({"type":"storage","node":"Home","storage":"local","status":"available","shared":"0","content":"images,backup"}),
    ]
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".*".prop_map(Value::from),
        "[a-zA-Z0-9;,.-]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(".{0,6}", inner, 0..4).prop_map(Value::from_iter),
        ]
    })
}

const FIELDS: &[&str] = &[
    "type",
    "vmid",
    "node",
    "status",
    "name",
    "template",
    "tags",
    "cpu",
    "maxcpu",
    "mem",
    "maxmem",
    "disk",
    "maxdisk",
    "uptime",
    "lock",
    "netin",
    "storage",
    "shared",
    "content",
    "plugintype",
    "hastate",
    "nonsense",
];

proptest! {
    #[test]
    fn one_row_of_anything_costs_no_other_row(
        at in 0..4_usize,
        kind in prop::sample::select(vec!["qemu", "lxc", "node", "storage", "pool"]),
        fields in prop::collection::btree_map(prop::sample::select(FIELDS), any_json(), 0..8),
        bare in any_json(),
        whole in any::<bool>(),
    ) {
        let mut odd = json!({"type": kind, "node": "pve", "vmid": 101, "storage": "x"});
        for (name, value) in fields {
            odd[name] = value;
        }
        let mut list = good_rows();
        list.insert(at.min(list.len()), if whole { odd } else { bare });
        let alone = resources(&raw(&json!(good_rows()))).unwrap().value;
        let read = resources(&raw(&json!(list))).unwrap();
        prop_assert!(read.odd_rows <= 1);
        for g in &alone.guests { prop_assert!(read.value.guests.contains(g)); }
        for n in &alone.nodes { prop_assert!(read.value.nodes.contains(n)); }
        for s in &alone.storages { prop_assert!(read.value.storages.contains(s)); }
    }

    #[test]
    fn no_answer_makes_a_decoder_panic(data in any_json(), upid in ".{0,40}") {
        let node: NodeName = "pve".parse().unwrap();
        let vmid: Vmid = "100".parse().unwrap();
        for data in [&data, &json!([data]), &json!([{"type": data, "upid": upid, "online": data, "name": data}])] {
            let data = raw(data);
            let _ = (resources(&data), membership(&data), tasks(&data), task_end(&data), log_lines(&data, 0, 50));
            let _ = (version(&data), permissions(&data), node_detail(&data, &node));
            let _ = guest_now(&data, &node, GuestKind::Lxc, vmid);
        }
    }
}

#[test]
fn a_row_without_identity_is_left_out_and_an_odd_value_is_unknown() {
    let mut list = good_rows();
    list.push(json!({"type":"qemu","vmid":"abc","node":"Home"}));
    list.push(json!({"type":"qemu","vmid":102,"node":"Home","name":"b","cpu":["odd"],"mem":-5}));
    list.push(json!({"type":"network","network":"localnetwork","status":"ok"}));
    let read = resources(&raw(&json!(list))).unwrap();
    assert_eq!(read.odd_rows, 2);
    assert!(read.first_odd.unwrap().starts_with("vmid in {"));
    assert_eq!(read.value.guests.len(), 2);
    let odd = &read.value.guests[1];
    assert_eq!((odd.vmid.get(), odd.cpu, odd.mem_used_bytes), (102, None, None));
}

#[test]
fn i15_a_cluster_that_is_not_named_is_a_cluster_all_the_same() {
    let read = |row| membership(&raw(&json!([row]))).unwrap().value;
    for name in [json!(null), json!(""), json!({})] {
        let seen = read(json!({"type":"cluster","name":name,"quorate":0}));
        assert!(seen.cluster_name.is_some() && seen.quorate == Some(false), "{name}: {seen:?}");
    }
    let alone = read(json!({"type":"node","name":"pve","online":1}));
    assert_eq!((alone.cluster_name, alone.quorate), (None, None));
}

#[test]
fn i18_i19_what_holds_a_guest_holds_it_also_when_it_cannot_be_read() {
    let node = "pve".parse().unwrap();
    let now = |more: Value| {
        let mut row = json!({"vmid": 100, "status": "running", "maxmem": 1});
        row.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        guest_now(&raw(&row), &node, GuestKind::Qemu, 100.try_into().unwrap()).unwrap().value
    };
    for odd in [json!(true), json!({"a": 1}), json!(["backup"])] {
        assert_eq!(now(json!({"lock": odd})).lock.as_deref(), Some("unreadable"), "{odd}");
        assert_eq!(now(json!({"ha": {"managed": 1, "state": odd}})).ha_state.as_deref(), Some("unreadable"));
    }
    assert_eq!(now(json!({"ha": {"managed": "1"}})).ha_state.as_deref(), Some("managed"));
    for free in [json!({}), json!({"lock": null, "ha": {"managed": 0}}), json!({"lock": "", "ha": null})] {
        let now = now(free);
        assert_eq!((now.lock, now.ha_state), (None, None));
    }
    let file = |lock: Value| guest_file(&raw(&json!({"lock": lock})), GuestKind::Qemu).unwrap().value.lock;
    assert_eq!(file(json!(["backup"])).as_deref(), Some("unreadable"));
    assert_eq!(
        (file(json!("backup")).as_deref(), file(json!(null)), file(json!(" "))),
        (Some("backup"), None, None)
    );
}

#[test]
fn i15_rows_of_the_cluster_that_contradict_each_other_mean_no_quorum() {
    let row = |quorate| json!({"type":"cluster","name":"c","quorate":quorate});
    for (rows, says) in [
        (vec![row(json!(0)), row(json!(1))], Some(false)),
        (vec![row(json!(1)), row(json!(0))], Some(false)),
        (vec![row(json!(1)), row(json!(null))], Some(true)),
        (vec![row(json!(null))], None),
    ] {
        assert_eq!(membership(&raw(&json!(rows))).unwrap().value.quorate, says, "{rows:?}");
    }
}
