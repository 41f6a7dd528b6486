//! Orders for tests of senders: made as everywhere, by a decision of policy on facts in which nothing is wrong.

use jarvis_core::{
    approval::{Approval, Voice},
    graph::{Durations, Graph, Own, Votes},
    policy::{
        Answer, Autonomy, Caller, Condition, Destination, Fact, Facts, Flaps, Identity, LastLook, Ledger,
        Level, Limits, Listed, Moment, Order, PolicyVersion, Request, Sight, StorageNow, TargetFacts,
        Trouble, decide,
    },
    tools::{Effect, Operation, Target},
};
use serde_json::Value;

pub(crate) fn op(name: &str, args: Value) -> Operation {
    Operation::parse(name, &args).unwrap()
}

/// A spent permit for this operation; with `ha` the guest is managed by HA.
pub(crate) fn order(operation: &Operation, ha: bool) -> Order {
    let facts = facts(operation, ha);
    let request = request(operation, &facts);
    let permit = match decide(&facts, request).answer {
        Answer::Permit(permit) => permit,
        Answer::Ask(ask) => {
            let mut approval = Approval::open("a1".into(), &ask, "human/ann".into(), facts.now, 300_000);
            approval.decide(&Voice::Session("ann".into()), true, ask.hash, facts.now).unwrap();
            let mut again = self::request(operation, &facts);
            again.approval = Some(approval.redeem(ask.hash, facts.now).unwrap());
            match decide(&facts, again).answer {
                Answer::Permit(permit) => permit,
                other => panic!("{operation:?}: {other:?}"),
            }
        }
        Answer::Refuse => {
            let decision = decide(&facts, self::request(operation, &facts));
            panic!("{operation:?}: {:?}", decision.reasons().collect::<Vec<_>>())
        }
    };
    let look = LastLook {
        now: facts.now,
        kill_switch: Fact::Known(false),
        version: facts.version,
        identity: facts.target.identity.clone(),
    };
    permit.spend(&look).unwrap()
}

fn request(operation: &Operation, facts: &Facts) -> Request {
    Request {
        operation: operation.clone(),
        caller: Caller::Human { session: "ann".into() },
        pin: facts.target.identity.known().cloned(),
        tainted: Fact::Known(false),
        approval: None,
    }
}

fn facts(operation: &Operation, ha: bool) -> Facts {
    let target = operation.target();
    let identity = match &target {
        Target::Guest(vmid) => Identity::Guest {
            vmid: *vmid,
            born: "uuid".into(),
            name: "guest".into(),
            node: "pve".parse().unwrap(),
        },
        other => Identity::named(other),
    };
    let node = match &target {
        Target::Container { .. } => None,
        Target::Node(node) | Target::Service { node, .. } => Some(node.clone()),
        _ => Some("pve".parse().unwrap()),
    };
    let condition = match operation.effect() {
        Effect::StartGuest | Effect::WakeNode | Effect::StartContainer => Condition::Down,
        Effect::ResumeGuest => Condition::Paused,
        _ => Condition::Up,
    };
    let votes = Votes::Cluster { online: 4, needed: 2 };
    Facts {
        now: Moment { wall_ms: 1_800_000_000_000, boot_ms: 90_000_000, boot: 7 },
        version: PolicyVersion { rules: 1, epoch: 1 },
        limits: Fact::Known(Limits::default()),
        kill_switch: Fact::Known(false),
        intent_log_writable: Fact::Known(true),
        credential_over: Fact::Known(None),
        autonomy: Fact::Known(Autonomy { global: Level::Act, trust: None, tests_pass: true }),
        own: Fact::Known(Own::default()),
        ledger: Fact::Known(Ledger::default()),
        flaps: Fact::Known(Flaps::default()),
        budget: Fact::Known(None),
        sight: Fact::Known(Sight { quorate: Some(true), contradiction: None }),
        trouble: Fact::Known(Trouble {
            nodes_unhealthy: 0,
            guests_total: 10,
            guests_unhealthy: 0,
            own_network_suspect: false,
        }),
        windows: Fact::Known(vec![]),
        clock_steady: Fact::Known(true),
        target: TargetFacts {
            matches: Fact::Known(1),
            identity: Fact::Known(identity),
            node: Fact::Known(node),
            node_online: Fact::Known(true),
            destination: Fact::Known(
                (operation.effect() == Effect::MigrateGuest).then_some(Destination::Online),
            ),
            looks: Fact::Known(2),
            condition: Fact::Known(condition),
            lock: Fact::Known(None),
            busy: Fact::Known(vec![]),
            ha: Fact::Known(ha.then(|| "started".into())),
            human_task: Fact::Known(None),
            meant_off: Fact::Known(None),
            storages: Fact::Known(vec![StorageNow {
                name: "local".into(),
                available: true,
                fill_percent: Some(50),
            }]),
            listed: Fact::Known(Listed::Yes),
            absent: Fact::Known(true),
            config_digest: "d1".into(),
        },
        blast: Fact::Known(Graph::default().blast_radius(operation, votes, &Durations::new())),
    }
}

/// Lets so many changes leave, and none after them.
pub struct Lets(std::sync::atomic::AtomicUsize);

impl Lets {
    pub fn leave(count: usize) -> super::sending::Gate {
        std::sync::Arc::new(Self(count.into()))
    }
}

impl super::sending::LastWord for Lets {
    fn may_leave(&self) -> bool {
        use std::sync::atomic::Ordering::SeqCst;
        self.0.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_ok()
    }
}
