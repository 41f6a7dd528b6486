//! Nothing is changed in a cluster without quorum, and nothing that could take it away.

use super::{Case, Guard, Notes};
use crate::graph::QuorumAfter;

pub(super) const GUARD: Guard = Guard { name: "quorum", reads_too: false, check };

fn check(case: &Case<'_>, notes: &mut Notes) {
    if let Some(sight) = notes.known(&case.facts.sight, "the quorum")
        && sight.quorate == Some(false)
    {
        notes.refuse("the cluster has no quorum; bring nodes back first");
    }
    if let Some(blast) = case.facts.blast.known()
        && let QuorumAfter::Lost { online, needed } = blast.quorum
    {
        notes.refuse(format!(
            "{online} of the {needed} votes needed would be left, so the cluster would lose its quorum"
        ));
    }
}
