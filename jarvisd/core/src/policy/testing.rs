//! A small world in which nothing is wrong, for tests to disturb.
//!
//! Nodes pve (guests 100, 101), pve2 (102 and 110, the model host) and agent1 (103, in which Jarvis runs).
//! 101 cannot do without 100.

use serde_json::json;

use super::*;
use crate::{
    approval::{Approval, Voice},
    graph::{Durations, Graph, Need, Own, Thing, Votes},
    tools::{Effect, Operation, Target, TargetClass, listing::Profile},
};

pub(crate) const NOW: Moment = Moment { wall_ms: 1_800_000_000_000, boot_ms: 90_000_000, boot: 7 };

pub(crate) fn guest(n: u32) -> Thing {
    Thing::Guest(n.try_into().unwrap())
}

pub(crate) fn node(name: &str) -> Thing {
    Thing::Node(name.parse().unwrap())
}

pub(crate) fn op(name: &str, args: serde_json::Value) -> Operation {
    Operation::parse(name, &args).unwrap()
}

pub(crate) fn start() -> Operation {
    op("start_guest", json!({"vmid": 100}))
}

pub(crate) fn stop() -> Operation {
    op("stop_guest", json!({"vmid": 102}))
}

pub(crate) fn human() -> Caller {
    Caller::Human { session: "ann".into() }
}

pub(crate) fn model() -> Caller {
    Caller::Model { conversation: "c1".into(), local: false, scopes: Scopes::ALL }
}

pub(crate) fn runbook() -> Caller {
    Caller::Runbook { id: "guest-down".into(), structured: true }
}

pub(crate) fn callers() -> Vec<Caller> {
    vec![
        human(),
        Caller::Token { id: "t1".into(), scopes: Scopes::ALL },
        Caller::Mcp { id: "m1".into(), scopes: Scopes::ALL, profile: Profile::Act },
        model(),
        runbook(),
    ]
}

pub(crate) fn node_of(target: &Target) -> &'static str {
    match target {
        Target::Guest(vmid) if matches!(vmid.get(), 100 | 101) => "pve",
        Target::Guest(vmid) if vmid.get() == 103 => "agent1",
        Target::Node(name) | Target::Service { node: name, .. } if name.as_str() == "agent1" => "agent1",
        Target::Node(name) | Target::Service { node: name, .. } if name.as_str() == "pve" => "pve",
        _ => "pve2",
    }
}

pub(crate) fn identity_of(target: &Target) -> Identity {
    match target {
        Target::Guest(vmid) => Identity::Guest {
            vmid: *vmid,
            born: format!("uuid-{vmid}"),
            name: format!("guest-{vmid}"),
            node: node_of(target).parse().unwrap(),
        },
        other => Identity::named(other),
    }
}

pub(crate) fn own() -> Own {
    let proxy = Thing::Container { host: "docker1".parse().unwrap(), name: "proxy".parse().unwrap() };
    Own::of([guest(103), node("agent1")], [guest(110), proxy])
}

pub(crate) fn graph() -> Graph {
    let mut graph = Graph::default();
    for (n, on) in [(100, "pve"), (101, "pve"), (102, "pve2"), (110, "pve2"), (103, "agent1")] {
        graph.link(guest(n), node(on), Need::Hard);
    }
    graph.link(guest(101), guest(100), Need::Hard);
    for part in own().parts() {
        graph.link(Thing::Jarvis, part.clone(), Need::Hard);
    }
    graph
}

/// The state an operation starts from.
pub(crate) fn ready(effect: Effect) -> Condition {
    match effect {
        Effect::StartGuest | Effect::WakeNode | Effect::StartContainer => Condition::Down,
        Effect::ResumeGuest => Condition::Paused,
        _ => Condition::Up,
    }
}

/// Facts in which nothing speaks against this operation.
pub(crate) fn calm_with(operation: &Operation, graph: &Graph) -> Facts {
    let target = operation.target();
    let trust = Trust::granted(Level::Act);
    let votes = Votes::Cluster { online: 3, needed: 2 };
    let on_node = target.class() != TargetClass::Container;
    Facts {
        now: NOW,
        version: PolicyVersion { rules: 1, epoch: 1 },
        limits: Fact::Known(Limits::default()),
        kill_switch: Fact::Known(false),
        intent_log_writable: Fact::Known(true),
        credential_over: Fact::Known(None),
        autonomy: Fact::Known(Autonomy { global: Level::Act, trust: Some(trust), tests_pass: true }),
        own: Fact::Known(own()),
        ledger: Fact::Known(Ledger::default()),
        flaps: Fact::Known(Flaps::default()),
        budget: Fact::Known(Some(RunBudget {
            steps_left: 5,
            tokens_left: 1_000,
            money_left_pico_usd: 1_000,
            time_left_ms: 1_000,
            repeats_left: 2,
        })),
        sight: Fact::Known(Sight { quorate: Some(true), contradiction: None }),
        trouble: Fact::Known(Trouble {
            nodes_unhealthy: 0,
            guests_total: 10,
            guests_unhealthy: 1,
            own_network_suspect: false,
        }),
        windows: Fact::Known(vec![]),
        clock_steady: Fact::Known(true),
        target: TargetFacts {
            matches: Fact::Known(1),
            identity: Fact::Known(identity_of(&target)),
            node: Fact::Known(on_node.then(|| node_of(&target).parse().unwrap())),
            node_online: Fact::Known(true),
            destination: Fact::Known(
                (operation.effect() == Effect::MigrateGuest).then_some(Destination::Online),
            ),
            looks: Fact::Known(2),
            condition: Fact::Known(ready(operation.effect())),
            lock: Fact::Known(None),
            busy: Fact::Known(vec![]),
            ha: Fact::Known(None),
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
        blast: Fact::Known(graph.blast_radius(operation, votes, &Durations::new())),
    }
}

pub(crate) fn calm(operation: &Operation) -> Facts {
    calm_with(operation, &graph())
}

pub(crate) fn request(operation: &Operation, caller: Caller) -> Request {
    Request {
        pin: Some(identity_of(&operation.target())),
        operation: operation.clone(),
        caller,
        tainted: Fact::Known(false),
        approval: None,
    }
}

/// The same request with an approval that a person has given for what `facts` show.
pub(crate) fn approved(facts: &Facts, mut request: Request) -> Option<Request> {
    let again = Request {
        operation: request.operation.clone(),
        caller: request.caller.clone(),
        pin: request.pin.clone(),
        tainted: request.tainted.clone(),
        approval: None,
    };
    let Answer::Ask(ask) = decide(facts, again).answer else { return None };
    let mut approval = Approval::open("a1".into(), &ask, request.caller.label(), facts.now, 300_000);
    approval.decide(&Voice::Session("ann".into()), true, ask.hash, facts.now).unwrap();
    request.approval = Some(approval.redeem(ask.hash, facts.now).unwrap());
    Some(request)
}

pub(crate) fn look(facts: &Facts) -> LastLook {
    LastLook {
        now: facts.now,
        kill_switch: Fact::Known(false),
        version: facts.version,
        identity: facts.target.identity.clone(),
    }
}
