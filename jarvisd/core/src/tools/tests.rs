use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

/// A valid call of every tool.
pub(crate) fn examples() -> Vec<Operation> {
    let args = json!({
        "node": "pve", "vmid": 100, "storage": "local-zfs", "name": "before", "to": "pve2", "host": "nas",
        "unit": "smbd", "kind": "zfs", "entity": "guest/100", "metric": "cpu",
        "id": "act-1",
        "upid": "UPID:pve:0000ABCD:00112233:66000000:qmstart:100:root@pam:",
    });
    ALL.iter()
        .map(|tool| {
            let schema = tool.schema();
            let mut given = serde_json::Map::new();
            for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
                given.insert(name.to_owned(), args[name].clone());
            }
            Operation::parse(tool.name, &Value::Object(given)).unwrap()
        })
        .collect()
}

#[test]
fn names_are_unique_and_lower_case_and_every_tool_can_be_called() {
    let names: BTreeSet<_> = ALL.iter().map(|tool| tool.name).collect();
    assert_eq!(names.len(), ALL.len());
    for (tool, example) in ALL.iter().zip(examples()) {
        assert!(tool.name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{}", tool.name);
        assert!(
            !tool.title.is_empty() && tool.about.ends_with('.') && tool.about.len() <= 80,
            "{}",
            tool.name
        );
        assert_eq!(example.descriptor().name, tool.name);
        assert_eq!(black::why_not(tool.name), None, "{} is also said not to exist", tool.name);
    }
}

#[test]
fn every_capability_of_the_first_version_has_its_tool() {
    let map = BTreeMap::from([
        ("get_cluster_status", "cluster_status"),
        ("get_node_status", "node_status"),
        ("get_vms", "guests"),
        ("get_containers", "guests"),
        ("get_storage", "storages"),
        ("get_cluster_resources", "cluster_status"),
        ("get_node_temperature", "temperatures"),
        ("get_recent_tasks", "tasks"),
        ("get_backups", "backups"),
        ("start_vm", "start_guest"),
        ("stop_vm", "stop_guest"),
        ("restart_vm", "reboot_guest"),
        ("start_container", "start_guest"),
        ("stop_container", "stop_guest"),
        ("restart_container", "reboot_guest"),
        // Its free-form command is gone; what it was used for are these.
        ("execute_ssh", "journal"),
        ("restart_service", "restart_service"),
        ("wake_node", "wake_node"),
    ]);
    assert_eq!(map.len(), 18);
    for tool in map.values() {
        assert!(find(tool).is_some(), "{tool}");
    }
}

#[test]
fn no_tool_takes_a_confirmation_and_none_takes_unknown_keys() {
    for tool in ALL {
        let schema = tool.schema();
        assert_eq!(schema["additionalProperties"], false, "{}", tool.name);
        for word in ["confirm", "override", "force", "approved", "skiplock", "command", "token", "all"] {
            let named =
                schema["properties"].as_object().into_iter().flatten().any(|(name, _)| name.contains(word));
            assert!(!named, "{} takes {word}", tool.name);
        }
    }
    for example in examples() {
        let mut args = example.args();
        args["confirmed"] = json!(true);
        let error = Operation::parse(example.descriptor().name, &args).unwrap_err().to_string();
        assert!(error.contains("confirmed"), "{error}");
    }
}

/// I5: nothing that binds Jarvis can be changed by an operation, and asking for it says why.
#[test]
fn i5_no_operation_reaches_level_switch_tiers_budgets_or_protected_set() {
    for name in ["set_autonomy", "release_kill_switch", "approve", "set_tier", "set_budget", "unprotect"] {
        assert!(matches!(Operation::parse(name, &json!({})), Err(ParseError::Black { .. })), "{name}");
    }
    for tool in ALL.iter().filter(|tool| tool.effect.tier() > Tier::Green) {
        for word in ["autonomy", "level", "kill", "switch", "tier", "budget", "protect", "policy", "approv"] {
            assert!(!tool.name.contains(word), "{}", tool.name);
        }
    }
}

/// I17: every changing call of Proxmox's API that no operation makes stays out of reach.
#[test]
fn i17_black_operations_are_inexpressible() {
    // Every method and path of the API by which a homelab's cluster can be changed, of the PVE 9 schema.
    let api = include_str!("../../tests/fixtures/pve-changes.txt");
    let expressible: BTreeSet<_> = Effect::ALL
        .iter()
        .flat_map(|effect| [effect.change(), effect.ha_change()])
        .flatten()
        .map(|change| (change.method.text(), change.path))
        .collect();
    let mut seen = BTreeSet::new();
    let mut refused = 0;
    for line in api.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let (method, path) = line.split_once(' ').unwrap();
        match expressible.iter().find(|(m, p)| *m == method && *p == path) {
            Some(found) => {
                seen.insert(*found);
            }
            None => refused += 1,
        }
    }
    assert_eq!(seen, expressible, "an operation uses a call that is not in the schema");
    assert!(refused > 60, "{refused}");
    for (_, path) in &expressible {
        for black in
            ["rollback", "config", "resize", "clone", "unlock", "acl", "firewall", "network", "delete"]
        {
            assert!(!path.contains(black), "{path}");
        }
    }
}

#[test]
fn i14_an_operation_names_exactly_one_target() {
    for (tool, example) in ALL.iter().zip(examples()) {
        if tool.effect.tier() > Tier::Green {
            assert!(!matches!(example.target(), Target::Cluster | Target::Storage(_)), "{}", tool.name);
            for empty in [
                json!({}),
                json!({"vmid": null}),
                json!({"vmid": "*"}),
                json!({"node": ""}),
                json!({"vmid": [100, 101]}),
            ] {
                assert!(Operation::parse(tool.name, &empty).is_err(), "{} took {empty}", tool.name);
            }
        }
    }
}

#[test]
fn i32_every_operation_has_a_time_out_an_output_cap_and_a_concurrency_cap() {
    for tool in ALL {
        let bounds = tool.bounds;
        assert!(
            bounds.timeout_s > 0 && bounds.output_bytes_max > 0 && bounds.at_once_max > 0,
            "{}",
            tool.name
        );
        if tool.effect == Effect::Read {
            assert!(bounds.timeout_s <= 30, "{}", tool.name);
        }
    }
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|f| json!(f)),
        "\\PC{0,30}|[-;$`'\"|&\n\0\u{202e}/.a-z]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z]{1,8}", inner, 0..4)
                .prop_map(|m| Value::Object(m.into_iter().collect())),
        ]
    })
}

#[test]
fn a_wrong_argument_is_named() {
    for (tool, args, name) in [
        ("start_guest", json!({"vmid": "100"}), "`vmid`"),
        ("migrate_guest", json!({"vmid": 100, "to": 5}), "`to`"),
        ("migrate_guest", json!({"to": "pve", "vmid": 1.5}), "`vmid`"),
        ("tasks", json!({"failed": "yes", "limit": 5}), "`failed`"),
        ("stop_guest", json!({"vmid": 100, "confirmed": true}), "`confirmed`"),
        ("stop_guest", json!({}), "`vmid`"),
    ] {
        let error = Operation::parse(tool, &args).unwrap_err().to_string();
        assert!(error.contains(name), "{error}");
    }
}

proptest! {
    #[test]
    fn any_call_gives_an_operation_or_a_short_refusal(name in "\\PC{0,40}|[a-z_]{0,20}", args in any_value()) {
        if let Err(error) = Operation::parse(&name, &args) {
            prop_assert!(error.to_string().len() < 2_000);
        }
    }

    #[test]
    fn a_hostile_text_in_any_argument_is_refused_or_stays_one_plain_word(
        which in 0..ALL.len(), text in "\\PC{0,30}|[-;$`'\"|&<>*?\n\t\0\u{202e}/.a-z0-9 ]{0,14}",
    ) {
        let example = examples().swap_remove(which);
        for key in example.args().as_object().unwrap().keys() {
            let mut args = example.args();
            args[key] = json!(text);
            if let Ok(taken) = Operation::parse(example.descriptor().name, &args) {
                prop_assert!(!text.starts_with('-') && !text.chars().any(words::deceives));
                prop_assert!(!text.contains([';', '$', '`', '\'', '"', '|', '&', '<', '>', '*', '?', ' ']), "{taken:?}");
            }
        }
    }

    #[test]
    fn what_was_parsed_is_parsed_again_from_its_canonical_form(which in 0..ALL.len()) {
        let example = examples().swap_remove(which);
        let text = example.canonical();
        let back: Value = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(Operation::parse(back["tool"].as_str().unwrap(), &back["args"]).unwrap(), example);
    }
}
