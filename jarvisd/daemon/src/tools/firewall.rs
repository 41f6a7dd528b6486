//! `firewall`: options and rules of the cluster, a node or a guest, from the API.

use jarvis_core::tools::Firewall;
use serde_json::{Map, Value, json};

use super::{
    Parts, Read, ToolError, rows,
    sources::{kind_path, put},
};

pub(super) async fn firewall(call: &Firewall, parts: &Parts) -> Result<Read, ToolError> {
    let mut answer = Map::new();
    let vmid = call.vmid.map(|vmid| vmid.to_string());
    let mut base: Vec<String> = match (&call.node, call.vmid, &vmid) {
        (_, Some(number), Some(text)) => {
            let guest = parts.guest(number)?;
            answer.insert("of".into(), json!(format!("guest {number}")));
            vec!["nodes".into(), guest.node.to_string(), kind_path(guest.kind).into(), text.clone()]
        }
        (Some(node), ..) => {
            parts.known_node(node)?;
            answer.insert("of".into(), json!(format!("node {node}")));
            vec!["nodes".into(), node.to_string()]
        }
        _ => {
            answer.insert("of".into(), json!("cluster"));
            vec!["cluster".into()]
        }
    };
    base.push("firewall".into());
    let path =
        |last: &'static str| -> Vec<String> { base.iter().cloned().chain([last.to_owned()]).collect() };
    let (options_path, rules_path) = (path("options"), path("rules"));
    let (options_path, rules_path): (Vec<&str>, Vec<&str>) =
        (options_path.iter().map(String::as_str).collect(), rules_path.iter().map(String::as_str).collect());
    let (options, rules) = tokio::join!(parts.get(&options_path, &[]), parts.get(&rules_path, &[]));
    if let (Err(_), Err(_)) = (&options, &rules) {
        return Err(options.err().unwrap_or(ToolError::NotYet));
    }
    let enabled = options.as_ref().ok().map(|options| rows::flag(options, "enable"));
    if let Some(enabled) = enabled {
        // What is not set holds its default: off for cluster and guests, on for nodes once the cluster's is.
        answer.insert("enabled".into(), json!(enabled));
    }
    put(&mut answer, "options", options);
    put(&mut answer, "rules", rules.map(|all| rows::list(&all).map(rule).collect()));
    Ok(Read { value: Value::Object(answer), as_of_ms: parts.now_ms() })
}

fn rule(row: &Value) -> Value {
    let names = [
        ("pos", "position"),
        ("enable", "enabled"),
        ("type", "direction"),
        ("action", "action"),
        ("macro", "macro"),
        ("iface", "interface"),
        ("source", "source"),
        ("dest", "destination"),
        ("proto", "protocol"),
        ("sport", "source_port"),
        ("dport", "destination_port"),
        ("comment", "comment"),
    ];
    Value::Object(rows::pick(row, &names))
}
