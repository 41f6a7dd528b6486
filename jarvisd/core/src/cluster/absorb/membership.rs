//! One answer of `membership`: quorum, and which nodes the cluster itself calls online.

use std::{collections::BTreeMap, sync::Arc};

use super::resources::empty_node;
use crate::cluster::{
    ClusterState, NodeName,
    memory::{Member, Members},
    reading::Membership,
};

pub(super) fn take(state: &mut ClusterState, answer: &Membership, at_ms: i64) {
    let mut nodes: BTreeMap<NodeName, Member> = BTreeMap::new();
    for m in &answer.nodes {
        // Named twice and said to be both: the worse word holds.
        let online = m.online && nodes.get(&m.name).is_none_or(|twin| twin.online);
        let (ip, nodeid, level) = (m.ip.clone(), m.nodeid, m.level.clone());
        nodes.insert(m.name.clone(), Member { online, ip, nodeid, level });
    }
    let mut members = Members {
        at_ms,
        since_ms: at_ms,
        cluster_name: answer.cluster_name.clone(),
        // A standalone node has no quorum to lose.
        quorate: answer.quorate.filter(|_| answer.cluster_name.is_some()),
        version: answer.version,
        nodes,
    };
    if let Some(was) = &state.memory.membership {
        let same = was.nodes == members.nodes && was.quorate == members.quorate;
        members.since_ms = if same { was.since_ms } else { at_ms };
        // An answer without nodes is no word on any node.
        if members.nodes.is_empty() {
            members.nodes.clone_from(&was.nodes);
        }
    }
    state.memory.quorate_known = members.quorate.or(state.memory.quorate_known);
    for (name, member) in &members.nodes {
        let node = state.nodes.entry(name.clone()).or_insert_with(|| Arc::new(empty_node(name)));
        state.memory.nodes.entry(name.clone()).or_default();
        if member.ip.is_some() && node.ip != member.ip {
            Arc::make_mut(node).ip.clone_from(&member.ip);
        }
    }
    state.memory.membership = Some(Arc::new(members));
}
