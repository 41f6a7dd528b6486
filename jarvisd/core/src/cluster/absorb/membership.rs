//! One answer of `membership`: quorum, and which nodes the cluster itself calls online.

use std::sync::Arc;

use super::resources::empty_node;
use crate::cluster::{
    ClusterState,
    memory::{Member, Members},
    reading::Membership,
};

pub(super) fn take(state: &mut ClusterState, answer: &Membership, at_ms: i64) {
    let nodes = answer
        .nodes
        .iter()
        .map(|m| (m.name.clone(), Member { online: m.online, ip: m.ip.clone() }))
        .collect();
    let mut members = Members {
        at_ms,
        since_ms: at_ms,
        cluster_name: answer.cluster_name.clone(),
        // A standalone node has no quorum to lose.
        quorate: answer.quorate.filter(|_| answer.cluster_name.is_some()),
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
