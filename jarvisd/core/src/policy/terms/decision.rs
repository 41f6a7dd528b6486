//! What policy answers: permit, ask or refuse, with every reason.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{identity::Identity, permit::Permit};
use crate::{
    graph::Blast,
    tools::{Digest, Operation, Tier},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Permit,
    Ask,
    Refuse,
}

/// One guard's reason against going ahead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Objection {
    pub guard: &'static str,
    /// `ask`: a person may decide otherwise; `refuse`: nobody may.
    pub verdict: Verdict,
    /// What it is about, and what to do.
    pub reason: String,
}

/// What is decided, without anything that could be acted on: for plans, dry runs and cards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Weighing {
    pub verdict: Verdict,
    pub tier: Tier,
    /// Every objection, in the order of the guards; those an approval has met are among them.
    pub objections: Vec<Objection>,
}

/// What must be put to a person before the action may go ahead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// Binds an approval to exactly this.
    pub hash: Digest,
    pub operation: Operation,
    pub identity: Identity,
    pub blast: Option<Blast>,
    pub objections: Vec<Objection>,
}

impl Ask {
    /// The guards whose objections an approval of this would meet.
    pub fn guards(&self) -> BTreeSet<&'static str> {
        self.objections.iter().map(|objection| objection.guard).collect()
    }
}

/// The answer. A permit in it is for one call.
#[derive(Debug)]
pub enum Answer {
    Permit(Permit),
    Ask(Ask),
    Refuse,
}

#[derive(Debug)]
pub struct Decision {
    pub answer: Answer,
    pub tier: Tier,
    pub objections: Vec<Objection>,
}

impl Decision {
    pub fn verdict(&self) -> Verdict {
        match self.answer {
            Answer::Permit(_) => Verdict::Permit,
            Answer::Ask(_) => Verdict::Ask,
            Answer::Refuse => Verdict::Refuse,
        }
    }

    /// The reasons as lines for a person.
    pub fn reasons(&self) -> impl Iterator<Item = String> {
        self.objections.iter().map(|objection| format!("{}: {}", objection.guard, objection.reason))
    }
}
