//! Answers permit, ask or refuse to an action, with every reason; the only place where a permit is made.
//!
//! One guard a file. Every guard is asked, all objections are collected, the strictest wins. A guard sees plain
//! facts and the request and answers with sentences; it reads nothing, keeps nothing, and a fact it needs that is
//! unknown is an objection. Not here: gathering facts and sending anything (the daemon's executor).

mod autonomy;
mod blast;
mod budget;
mod caller;
mod credential;
pub mod evidence;
mod flapping;
mod freshness;
mod ha;
mod hands_off;
mod identity;
mod intent_log;
mod kill_switch;
mod lanes;
mod listed;
mod locks;
mod maintenance;
mod meant_off;
mod protected;
mod quorum;
mod rate;
mod scopes;
mod state;
mod storage;
mod storm;
mod taint;
mod target;
mod terms;
mod wake;
mod weigh;

pub use ha::route;
pub use lanes::{Lane, Lanes};
pub use terms::{
    decision::{Answer, Ask, Decision, Objection, Verdict, Weighing},
    facts::{
        Autonomy, Condition, Destination, Fact, Facts, Listed, PolicyVersion, RunBudget, Sight, StorageNow,
        TargetFacts, Trouble, Window,
    },
    identity::Identity,
    ledger::{Entry, Flaps, Full, Ledger},
    level::{Level, NoSuchLevel, Trust},
    limits::{Limits, Loosens},
    moment::Moment,
    permit::{LastLook, Order, Permit, Route, Void},
    request::{Caller, Request, Scopes},
    rules::Rules,
};
use weigh::{Case, Guard, Notes};
pub use weigh::{action_hash, decide, weigh};

/// Every guard, in the order in which objections are told: what stops everything first.
const GUARDS: &[Guard] = &[
    kill_switch::GUARD,
    intent_log::GUARD,
    scopes::GUARD,
    credential::GUARD,
    caller::GUARD,
    autonomy::GUARD,
    budget::GUARD,
    taint::GUARD,
    target::GUARD,
    identity::GUARD,
    protected::GUARD,
    blast::GUARD,
    quorum::GUARD,
    freshness::GUARD,
    state::GUARD,
    locks::GUARD,
    ha::GUARD,
    listed::GUARD,
    storage::GUARD,
    wake::GUARD,
    hands_off::GUARD,
    maintenance::GUARD,
    meant_off::GUARD,
    rate::GUARD,
    flapping::GUARD,
    storm::GUARD,
];

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
