//! Membership and quorum: who the cluster believes is there, with corosync's delays.
//!
//! One view is kept, that of the nodes which can still be asked: a cut node cannot be asked at all. Only a node whose
//! corosync is apart has a view of its own, of itself.

use super::World;
use super::clock::Now;
use super::model::{Link, Node};
use crate::num;

/// Token timeout and consensus of a four-node cluster, as measured.
pub const LOSS_MS: u64 = 9_700;
/// From the cable's return to membership.
pub const RETURN_MS: u64 = 5_500;

/// A change of `votes_lost` and when (sim) it began.
#[derive(Clone, Copy, Debug, Default)]
pub struct VotesLost {
    pub since_ms: Option<u64>,
    pub back_ms: Option<u64>,
}

/// The node whose corosync has lost the others, and since when (sim). Its API goes on answering.
#[derive(Clone, Debug)]
pub struct Apart {
    pub node: String,
    pub since_ms: u64,
}

impl World {
    fn apart(&self, node: &str, now: Now) -> bool {
        self.apart.as_ref().is_some_and(|a| a.node == node && now.sim_ms >= a.since_ms + LOSS_MS)
    }

    /// Whether `viewer` counts this node as a member.
    pub fn member(&self, viewer: &str, node: &Node, now: Now) -> bool {
        self.online(node, now) && self.apart(viewer, now) == self.apart(&node.name, now)
    }

    /// Whether the others count this node as a member.
    pub fn online(&self, node: &Node, now: Now) -> bool {
        match node.link {
            // The very first instant: all were members before anybody asked.
            Link::Up { since_ms: 0 } => true,
            Link::Up { since_ms } => {
                now.sim_ms >= since_ms + RETURN_MS || node_was_never_lost(self, &node.name, since_ms)
            }
            Link::Cut { since_ms, .. } => now.sim_ms < since_ms + LOSS_MS,
            Link::Booting { .. } => false,
        }
    }

    /// By the view of the nodes that are not apart.
    pub fn quorate(&self, now: Now) -> bool {
        self.quorate_by("", now)
    }

    pub fn quorate_by(&self, viewer: &str, now: Now) -> bool {
        let members = num::len(self.nodes.iter().filter(|n| self.member(viewer, n, now)).count());
        let enough = members * 2 > num::len(self.nodes.len());
        let taken = self.votes.since_ms.is_some_and(|t| now.sim_ms >= t + LOSS_MS);
        let given = self.votes.back_ms.is_some_and(|t| now.sim_ms >= t + RETURN_MS);
        enough && (!taken || given)
    }
}

/// A cable pulled for less than the token timeout is never noticed.
fn node_was_never_lost(world: &World, node: &str, back_ms: u64) -> bool {
    world.cut_ms.get(node).is_some_and(|cut| back_ms.saturating_sub(*cut) < LOSS_MS)
}
