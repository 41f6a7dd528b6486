//! Everything a decision looks at, as plain data. What could not be read is said to be unknown, with the reason.
//!
//! Whoever gathers the facts does not judge them: an unreadable one is passed on as it is, and the guards refuse.

use std::{borrow::Cow, collections::BTreeSet};

use super::{
    identity::Identity,
    ledger::{Flaps, Ledger},
    level::{Level, Trust},
    limits::Limits,
    moment::Moment,
};
use crate::{
    cluster::NodeName,
    graph::{Blast, Own, Struck, Thing},
    tools::Digest,
};

/// A thing read, or the reason why it could not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact<T> {
    Known(T),
    Unknown(Cow<'static, str>),
}

impl<T> Fact<T> {
    pub fn unknown(why: impl Into<Cow<'static, str>>) -> Self {
        Self::Unknown(why.into())
    }

    /// The value, where it is known.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Unknown(_) => None,
        }
    }
}

impl<T, E: std::fmt::Display> From<Result<T, E>> for Fact<T> {
    fn from(result: Result<T, E>) -> Self {
        match result {
            Ok(value) => Self::Known(value),
            Err(e) => Self::Unknown(e.to_string().into()),
        }
    }
}

/// Which rules were in force. It changes with every reload, and its epoch with every release of the kill switch and
/// every change of level, so that nothing proposed before runs after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PolicyVersion {
    pub rules: u64,
    pub epoch: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    pub now: Moment,
    pub version: PolicyVersion,
    pub limits: Fact<Limits>,
    /// On means nothing above green.
    pub kill_switch: Fact<bool>,
    pub intent_log_writable: Fact<bool>,
    /// Why the credential that the call came with counts no more; `None` while it does.
    pub credential_over: Fact<Option<String>>,
    pub autonomy: Fact<Autonomy>,
    pub own: Fact<Own>,
    pub ledger: Fact<Ledger>,
    pub flaps: Fact<Flaps>,
    /// Of the model's run; `None` when no model asks.
    pub budget: Fact<Option<RunBudget>>,
    pub sight: Fact<Sight>,
    pub trouble: Fact<Trouble>,
    pub windows: Fact<Vec<Window>>,
    /// Whether wall and boot clock have gone alike since the last look.
    pub clock_steady: Fact<bool>,
    pub target: TargetFacts,
    /// Missing for reads.
    pub blast: Fact<Blast>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Autonomy {
    pub global: Level,
    /// Of the asking runbook on this class of targets; `None` when no runbook asks.
    pub trust: Option<Trust>,
    /// Whether that runbook's own tests pass.
    pub tests_pass: bool,
}

/// What is left of a model's run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunBudget {
    pub steps_left: u32,
    pub tokens_left: u64,
    pub money_left_pico_usd: u64,
    pub time_left_ms: i64,
    /// How often this very call may still be repeated.
    pub repeats_left: u32,
}

/// How the cluster is seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sight {
    /// `None` on a standalone node.
    pub quorate: Option<bool>,
    /// Sources that disagree.
    pub contradiction: Option<String>,
}

/// How much is wrong at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trouble {
    pub nodes_unhealthy: u32,
    pub guests_total: u32,
    pub guests_unhealthy: u32,
    /// Our own way to the cluster is in doubt.
    pub own_network_suspect: bool,
}

/// A time in which people work on something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// Missing: on everything.
    pub on: Option<Thing>,
    pub from_ms: i64,
    pub until_ms: i64,
}

/// Whether the target serves, as seen in one look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Condition {
    Up,
    Down,
    Paused,
}

/// Whether a service or container is meant to be touched from here, and where not, why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listed {
    /// The settings list the service, or the container's label allows it.
    Yes,
    No,
    /// The container belongs to Jarvis' own stack.
    OwnStack,
    /// The container's engine is reached over a way by which nothing is changed.
    OnlyRead,
}

/// The node a guest shall be moved to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Destination {
    Online,
    Offline,
    /// The cluster has no node of this name.
    Nowhere,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorageNow {
    pub name: String,
    pub available: bool,
    /// Missing: not known.
    pub fill_percent: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetFacts {
    /// How many things bear this name or number.
    pub matches: Fact<u32>,
    pub identity: Fact<Identity>,
    /// The node it is on; itself for a node; `None` for what is on no node of the cluster.
    pub node: Fact<Option<NodeName>>,
    pub node_online: Fact<bool>,
    /// Of a move: where it goes; `None` of everything else.
    pub destination: Fact<Option<Destination>>,
    /// How many looks in a row were fresh and agreed, the last one read for this decision from the owner.
    pub looks: Fact<u32>,
    pub condition: Fact<Condition>,
    /// What holds its configuration, such as `backup`.
    pub lock: Fact<Option<String>>,
    /// Running tasks that touch it, its storages, or (for node power) anything on the node.
    pub busy: Fact<Vec<String>>,
    /// The HA manager's state of it; `None` when HA does not manage it.
    pub ha: Fact<Option<String>>,
    /// When a person's last task on it was seen.
    pub human_task: Fact<Option<Moment>>,
    /// Why it is off on purpose; `None` when it should be on.
    pub meant_off: Fact<Option<String>>,
    /// Those of its disks; for a backup the one written to.
    pub storages: Fact<Vec<StorageNow>>,
    /// Whether this service or container is meant to be started, stopped and restarted from here.
    pub listed: Fact<Listed>,
    /// For a node: whether a quorate peer sees it absent from membership.
    pub absent: Fact<bool>,
    /// Proxmox's digest of its configuration; empty when it has none.
    pub config_digest: String,
}

impl Facts {
    /// What an approval is given for, by name: the state of the target, and who would go down with it. Nothing in it
    /// moves by itself: no times and figures, no order of lists, no wording of errors.
    pub fn preconditions(&self) -> Vec<(&'static str, String)> {
        fn word<T: std::fmt::Debug>(fact: &Fact<T>) -> String {
            fact.known().map_or_else(|| "unknown".to_owned(), |value| format!("{value:?}"))
        }
        let t = &self.target;
        let set = |struck: &[Struck]| -> String {
            let names: BTreeSet<String> = struck.iter().map(|s| s.thing.to_string()).collect();
            format!("{names:?}")
        };
        let busy = match &t.busy {
            Fact::Known(tasks) => format!("{:?}", tasks.iter().collect::<BTreeSet<_>>()),
            Fact::Unknown(_) => "unknown".to_owned(),
        };
        let mut all = vec![
            ("state", word(&t.condition)),
            ("node", word(&t.node)),
            ("node online", word(&t.node_online)),
            ("lock", word(&t.lock)),
            ("running tasks", busy),
            ("HA", word(&t.ha)),
            ("configuration", t.config_digest.clone()),
        ];
        match &self.blast {
            Fact::Known(blast) => all.extend([
                ("what goes down with it", set(&blast.down)),
                ("what suffers from it", set(&blast.degraded)),
                ("Jarvis' part in it", blast.includes_jarvis.to_string()),
                ("quorum after it", format!("{:?}", blast.quorum)),
            ]),
            Fact::Unknown(_) => all.push(("what goes down with it", "unknown".to_owned())),
        }
        all
    }

    /// Digest of [`Facts::preconditions`].
    pub fn precondition(&self) -> Digest {
        let all = self.preconditions();
        let parts = all.iter().flat_map(|(name, word)| [name.as_bytes(), word.as_bytes()]);
        Digest::of("precondition", parts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::testing::{calm, guest, stop};

    #[test]
    fn i06_only_what_really_changes_changes_what_an_approval_is_given_for_and_has_its_name() {
        let before = calm(&stop());
        let differ = |change: fn(&mut Facts)| {
            let mut after = before.clone();
            change(&mut after);
            let pairs = before.preconditions().into_iter().zip(after.preconditions());
            let names: Vec<_> = pairs.filter(|(a, b)| a != b).map(|(a, _)| a.0).collect();
            assert_eq!(before.precondition() == after.precondition(), names.is_empty(), "{names:?}");
            names
        };
        // Time passes, figures move, falls and acts of others are counted.
        assert!(
            differ(|f| {
                f.now = f.now.plus_ms(60_000);
                f.target.looks = Fact::Known(9);
                f.target.human_task = Fact::Known(Some(f.now));
                f.target.storages = Fact::Known(vec![]);
                f.trouble = Fact::unknown("late");
                if let Fact::Known(blast) = &mut f.blast {
                    blast.away.away_s = Some(7);
                    blast.down.reverse();
                }
            })
            .is_empty()
        );
        assert_eq!(differ(|f| f.target.condition = Fact::Known(Condition::Down)), ["state"]);
        assert_eq!(differ(|f| f.target.node = Fact::Known(Some("pve".parse().unwrap()))), ["node"]);
        assert_eq!(differ(|f| f.target.node_online = Fact::Known(false)), ["node online"]);
        assert_eq!(differ(|f| f.target.lock = Fact::Known(Some("backup".into()))), ["lock"]);
        assert_eq!(differ(|f| f.target.busy = Fact::Known(vec!["vzdump".into()])), ["running tasks"]);
        assert_eq!(differ(|f| f.target.ha = Fact::Known(Some("started".into()))), ["HA"]);
        assert_eq!(differ(|f| f.target.config_digest = "d2".into()), ["configuration"]);
        let more = |f: &mut Facts| {
            if let Fact::Known(blast) = &mut f.blast {
                blast.down.push(Struck { thing: guest(101), through: None });
            }
        };
        assert_eq!(differ(more), ["what goes down with it"]);
        // How an error is worded is not what could not be read.
        let unread = |why: &'static str| {
            let mut facts = before.clone();
            facts.target.ha = Fact::unknown(why);
            facts.precondition()
        };
        assert_eq!(unread("timed out after 3 s"), unread("timed out after 5 s"));
        assert_ne!(unread("timed out"), before.precondition());
    }
}
