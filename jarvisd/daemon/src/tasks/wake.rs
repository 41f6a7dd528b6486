//! Learns by which hardware address each node is woken, while it is up: afterwards nobody can tell.
//!
//! Proxmox's own setting counts first; else the card beneath the bridge that holds the node's address, when the node
//! can be asked by command. Kept in the store. Not here: sending anything.

use std::time::Duration;

use jarvis_core::{
    cluster::{NodeName, NodeStatus},
    shapes::NodeRead,
};
use serde_json::Value;

use crate::{
    clients::{
        proxmox::Proxmox,
        ssh::{Ssh, reads::links},
        wake::{LEARNT_KEY, Learnt, Mac},
    },
    state::StateHub,
    store::Store,
    supervisor::{Loop, OnStop, Supervisor},
};

/// Network cards are changed by hand and seldom.
const EVERY: Duration = Duration::from_secs(3_600);
/// A node that could not be asked, for want of a grant or of an answer, is asked again so much later.
const AGAIN: Duration = Duration::from_secs(60);
/// Until the cluster is seen for the first time.
const FIRST: Duration = Duration::from_secs(20);

/// Starts it; `spare` asks only what polling leaves of its budget.
pub fn start(supervisor: &Supervisor, spare: Proxmox, ssh: Option<Ssh>, state: StateHub, store: Store) {
    let (period, watch) = tokio::sync::watch::channel(FIRST);
    let this = Loop { name: "wake", period: watch, poke: Default::default(), on_stop: OnStop::Drop };
    let period = std::sync::Arc::new(period);
    supervisor.start(this, move || {
        let (spare, ssh, state, store) = (spare.clone(), ssh.clone(), state.clone(), store.clone());
        let period = std::sync::Arc::clone(&period);
        async move {
            let missing_only = *period.borrow() == AGAIN;
            if let Some(next) = learn(&spare, ssh.as_ref(), &state, &store, missing_only).await {
                period.send_replace(next);
            }
        }
    });
}

/// One round; says when the next one is due, once there is a cluster to look at.
async fn learn(
    spare: &Proxmox,
    ssh: Option<&Ssh>,
    state: &StateHub,
    store: &Store,
    missing_only: bool,
) -> Option<Duration> {
    let (_, seen) = state.current();
    let online = seen.nodes.values().filter(|node| node.status == NodeStatus::Online);
    let nodes: Vec<NodeName> = online.map(|node| node.name.clone()).collect();
    if nodes.is_empty() {
        return None;
    }
    let known: Learnt = match store.settings().get(LEARNT_KEY).await {
        Ok(known) => known.unwrap_or_default(),
        Err(error) => {
            tracing::warn!(%error, "what was learnt about waking nodes cannot be read");
            return Some(EVERY);
        }
    };
    let (mut learnt, mut next) = (known.clone(), EVERY);
    for node in nodes.into_iter().filter(|node| !missing_only || !known.contains_key(node)) {
        match of_node(spare, ssh, &node).await {
            Heard::Mac(mac) => _ = learnt.insert(node, mac),
            Heard::Nothing => {}
            Heard::Unasked => next = AGAIN,
        }
    }
    if learnt != known
        && let Err(error) = store.settings().put(LEARNT_KEY, &learnt).await
    {
        tracing::warn!(%error, "what was learnt about waking nodes cannot be kept");
    }
    Some(next)
}

/// What a node could be heard to say of its card.
enum Heard {
    Mac(Mac),
    /// It answered, and there is nothing to learn from that.
    Nothing,
    Unasked,
}

async fn of_node(spare: &Proxmox, ssh: Option<&Ssh>, node: &NodeName) -> Heard {
    let Ok(set) = spare.wake_mac(node).await else { return Heard::Unasked };
    if let Some(mac) = set.value.and_then(|text| text.parse().ok()) {
        return Heard::Mac(mac);
    }
    let Some(ssh) = ssh.filter(|ssh| ssh.knows(node)) else { return Heard::Nothing };
    let Ok(network) = spare.get_raw(&["nodes", node.as_str(), "network"], &[]).await else {
        return Heard::Unasked;
    };
    let card = serde_json::from_str(network.value.get()).ok().and_then(|network| card(&network));
    let Some(card) = card else { return Heard::Nothing };
    let Ok(said) = ssh.read_well(node, &NodeRead::Links).await else { return Heard::Unasked };
    let mac = links(&said.text).ok().and_then(|all| all.get(&card)?.parse().ok());
    mac.map_or(Heard::Nothing, Heard::Mac)
}

/// The card beneath the bridge through which the node is reached, or the card itself.
fn card(network: &Value) -> Option<String> {
    let rows: Vec<&Value> = network.as_array()?.iter().collect();
    let word = |row: &Value, name: &str| row.get(name).and_then(Value::as_str).map(str::to_owned);
    let reached = rows.iter().find(|row| row.get("gateway").is_some())?;
    let ports = word(reached, "bridge_ports").or_else(|| word(reached, "slaves"));
    match ports.and_then(|ports| ports.split_whitespace().next().map(str::to_owned)) {
        // A bond beneath a bridge: one step further down.
        Some(port) => {
            let below = rows.iter().find(|row| word(row, "iface").as_deref() == Some(port.as_str()));
            let slaves = below.and_then(|row| word(row, "slaves"));
            slaves.and_then(|all| all.split_whitespace().next().map(str::to_owned)).or(Some(port))
        }
        None => word(reached, "iface"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_card_beneath_the_bridge_is_found() {
        let bridged = json!([{"iface": "eno1", "type": "eth"}, {"iface": "vmbr0", "type": "bridge", "gateway": "10.0.0.1", "bridge_ports": "eno1"}]);
        assert_eq!(card(&bridged).as_deref(), Some("eno1"));
        let bonded = json!([{"iface": "vmbr0", "gateway": "10.0.0.1", "bridge_ports": "bond0"}, {"iface": "bond0", "slaves": "eno1 eno2"}]);
        assert_eq!(card(&bonded).as_deref(), Some("eno1"));
        assert_eq!(card(&json!([{"iface": "eno1", "gateway": "10.0.0.1"}])).as_deref(), Some("eno1"));
        assert_eq!(card(&json!([{"iface": "vmbr1", "bridge_ports": "eno2"}])), None);
        assert_eq!(card(&json!({})), None);
    }
}
