//! Is a node there? Two places say so, and they can be late, silent or of two minds.
//!
//! | membership | row | the node is |
//! |---|---|---|
//! | online | online | live |
//! | online | unknown, or none | starting: the cluster sees it, no figures yet |
//! | online | offline | the newer word: offline, or starting |
//! | offline | any | offline; the row is slower |
//! | silent | its word | what the row says |
//!
//! Opposite words that last are a contradiction, and so is quorum without a single node online.

use std::collections::BTreeMap;

use crate::cluster::{
    ClusterState, NodeName, NodeStatus, SourceId, SourceState,
    memory::{Members, NodeMemory},
};

use super::sources;

/// How long membership and a node's row may say opposite things before that is a contradiction: two of
/// the slowest polls, and the ten seconds the cluster needs to notice.
pub const DISAGREE_MS: i64 = 30_000;

/// What can be believed of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Liveness {
    Live,
    /// In the cluster, but without figures: booting, or just made known.
    Starting,
    Offline,
    /// Sources contradict each other.
    Contradiction,
    /// Nobody says anything.
    Silent,
}

/// All that is said of the nodes now, and what it comes to.
pub(super) struct Liveliness {
    pub nodes: BTreeMap<NodeName, Liveness>,
    pub contradiction: Option<String>,
}

pub(super) fn judge(state: &mut ClusterState, now_ms: i64) -> Liveliness {
    let lost = |id: &SourceId| sources::of(&state.sources, id) == SourceState::Lost;
    let members = state.memory.membership.clone().filter(|_| !lost(&SourceId::membership()));
    let rows_lost = lost(&SourceId::resources());
    let mut out = Liveliness { nodes: BTreeMap::new(), contradiction: None };
    if let Some(members) = members.as_deref().filter(|m| quorate_with_nobody(m)) {
        let moving = state.memory.guests.values().any(|g| g.moved_ms > members.since_ms)
            || state.memory.nodes.values().any(|n| n.moved_ms > members.since_ms);
        let also = if moving { ", while figures go on moving" } else { "" };
        out.contradiction = Some(format!("the cluster claims quorum with every node offline{also}"));
        out.nodes = state.nodes.keys().map(|n| (n.clone(), Liveness::Contradiction)).collect();
        return out;
    }
    let rows_at_ms = state.memory.resources_at_ms;
    for (name, memory) in &mut state.memory.nodes {
        let member = members.as_ref().and_then(|m| Some((m.nodes.get(name)?.online, m.at_ms)));
        let row = if rows_lost { None } else { memory.row };
        let said = one(member, row.map(|r| (r, rows_at_ms)), rows_lost);
        let mind = disagree(memory, member.map(|m| m.0), row, now_ms);
        if let Some(text) = mind {
            out.contradiction.get_or_insert_with(|| format!("{name}: {text}"));
            out.nodes.insert(name.clone(), Liveness::Contradiction);
        } else {
            out.nodes.insert(name.clone(), said);
        }
    }
    out
}

fn quorate_with_nobody(members: &Members) -> bool {
    members.quorate == Some(true) && !members.nodes.is_empty() && members.nodes.values().all(|m| !m.online)
}

fn one(member: Option<(bool, i64)>, row: Option<(NodeStatus, i64)>, rows_lost: bool) -> Liveness {
    match (member, row) {
        (Some((true, _)), Some((NodeStatus::Online, _))) => Liveness::Live,
        (Some((true, at)), Some((NodeStatus::Offline, row_at))) if row_at > at => Liveness::Offline,
        // The figures are not to be had, the node is.
        (Some((true, _)), None) if rows_lost => Liveness::Live,
        (Some((true, _)), _) => Liveness::Starting,
        (Some((false, _)), _) => Liveness::Offline,
        (None, Some((NodeStatus::Online, _))) => Liveness::Live,
        (None, Some((NodeStatus::Offline, _))) => Liveness::Offline,
        (None, Some((NodeStatus::Unknown, _))) => Liveness::Starting,
        (None, None) => Liveness::Silent,
    }
}

fn disagree(
    memory: &mut NodeMemory,
    member: Option<bool>,
    row: Option<NodeStatus>,
    now_ms: i64,
) -> Option<&'static str> {
    let text = match (member, row) {
        (Some(true), Some(NodeStatus::Offline)) => "membership says online, its row says offline",
        (Some(false), Some(NodeStatus::Online)) => "membership says offline, its row says online",
        _ => {
            memory.disagree_since_ms = None;
            return None;
        }
    };
    let since = *memory.disagree_since_ms.get_or_insert(now_ms);
    (now_ms.saturating_sub(since) >= DISAGREE_MS).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_of_words_has_one_meaning() {
        use Liveness::*;
        use NodeStatus as S;
        let table = [
            (Some((true, 5)), Some((S::Online, 4)), Live),
            (Some((true, 5)), Some((S::Unknown, 9)), Starting),
            (Some((true, 5)), None, Starting),
            (Some((true, 5)), Some((S::Offline, 4)), Starting),
            (Some((true, 5)), Some((S::Offline, 6)), Offline),
            (Some((false, 5)), Some((S::Online, 9)), Offline),
            (Some((false, 5)), Some((S::Unknown, 9)), Offline),
            (Some((false, 5)), Some((S::Offline, 4)), Offline),
            (Some((false, 5)), None, Offline),
            (None, Some((S::Online, 1)), Live),
            (None, Some((S::Offline, 1)), Offline),
            (None, Some((S::Unknown, 1)), Starting),
            (None, None, Silent),
        ];
        for (member, row, expected) in table {
            assert_eq!(one(member, row, false), expected, "{member:?} {row:?}");
        }
        assert_eq!(one(Some((true, 1)), None, true), Live);
        assert_eq!(one(Some((false, 1)), None, true), Offline);
    }
}
