//! A seeded simulation: everybody asks for everything while everything may be wrong, and nothing that breaks an
//! invariant is ever permitted or sent.
//!
//! The oracle knows nothing of the guards. Whether it could notice is shown by taking the guards away one by one.

mod dice;
mod oracle;
mod world;

use std::collections::{BTreeMap, BTreeSet};

use dice::Dice;
use oracle::{Seen, broken};

use super::{testing::*, *};
use crate::{
    approval::{Approval, Voice},
    graph::Graph,
    tools::{Operation, Tier},
};

const SEED: u64 = 0x6a61_7276_6973;

/// Counts of what happened, so that nobody can be content with a world in which everything is refused.
#[derive(Debug, Default)]
struct Tally {
    calls: u64,
    permits: BTreeMap<(&'static str, Tier), u64>,
    asked: u64,
    refused: u64,
    approved: u64,
    sent: u64,
    void: u64,
    /// How often each guard objected.
    objections: BTreeMap<&'static str, u64>,
    permitted_tools: BTreeSet<&'static str>,
}

struct World {
    dice: Dice,
    graph: Graph,
    /// Everything that can be asked for, with the facts when all is well.
    calls: Vec<(Operation, Facts)>,
}

impl World {
    fn new(seed: u64) -> Self {
        let graph = graph();
        let with_facts = |operation: Operation| (operation.clone(), calm_with(&operation, &graph));
        let calls = world::operations().into_iter().map(with_facts).collect();
        Self { dice: Dice(seed), graph, calls }
    }

    /// A call and the state it meets.
    fn call(&mut self) -> (Facts, Request) {
        let (operation, mut facts) = self.dice.pick(&self.calls).clone();
        let mut request = request(&operation, world::caller(&mut self.dice));
        let wrong = *self.dice.pick(&[0, 0, 1, 1, 1, 2, 2, 3, 6]);
        for _ in 0..wrong {
            self.disturb(&mut facts, &mut request);
        }
        (facts, request)
    }

    fn disturb(&mut self, facts: &mut Facts, request: &mut Request) {
        let which = self.dice.below(world::DISTURBANCES);
        world::disturb(which, facts, request, &mut self.dice, &self.graph);
    }

    /// What a person, or somebody who would like to be one, makes of a question. The flag is whether a person has
    /// truly said yes to it.
    fn answer(&mut self, ask: &Ask, facts: &Facts, mut request: Request) -> (Request, bool) {
        let mut approval = Approval::open("a1".into(), ask, request.caller.label(), facts.now, 300_000);
        let voices = [
            Voice::Session("ann".into()),
            Voice::Session("ann".into()),
            Voice::Session("ann".into()),
            Voice::Chat("c1".into()),
            Voice::Mcp("m1".into()),
            Voice::Token("t1".into()),
            Voice::Link,
        ];
        let voice = self.dice.pick(&voices).clone();
        let yes = !self.dice.one_in(6);
        let later = facts.now.plus_ms(i64::try_from(self.dice.below(400_000)).unwrap());
        let _ = approval.decide(&voice, yes, ask.hash, later);
        request.approval = approval.redeem(ask.hash, later).ok();
        let truly = matches!(voice, Voice::Session(_)) && yes && later.boot_ms - facts.now.boot_ms < 300_000;
        (request, truly)
    }
}

fn caller_name(caller: &Caller) -> &'static str {
    match caller {
        Caller::Human { .. } => "human",
        Caller::Token { .. } => "token",
        Caller::Mcp { .. } => "mcp",
        Caller::Model { local: true, .. } => "local model",
        Caller::Model { .. } => "model",
        Caller::Runbook { .. } => "runbook",
    }
}

/// The same call once more, without an approval.
fn again(request: &Request) -> Request {
    Request {
        operation: request.operation.clone(),
        caller: request.caller.clone(),
        pin: request.pin.clone(),
        tainted: request.tainted.clone(),
        approval: None,
    }
}

fn must_be_sound(facts: &Facts, request: &Request, approved: bool, seed: u64, n: u64) {
    let seen = Seen {
        facts,
        operation: &request.operation,
        caller: &request.caller,
        pin: request.pin.as_ref(),
        tainted: &request.tainted,
        approved,
    };
    let ids = broken(&seen);
    assert!(ids.is_empty(), "seed {seed:#x}, call {n}: permitted against {ids:?}\n{request:#?}\n{facts:#?}");
}

/// Runs so many calls; panics with seed and call at the first that should not have been permitted or sent.
fn run(seed: u64, calls: u64) -> Tally {
    let mut world = World::new(seed);
    let mut tally = Tally::default();
    for n in 0..calls {
        let (facts, request) = world.call();
        tally.calls += 1;
        let first = again(&request);
        let decision = decide(&facts, request);
        for objection in &decision.objections {
            *tally.objections.entry(objection.guard).or_default() += 1;
        }
        match decision.answer {
            Answer::Permit(permit) => {
                must_be_sound(&facts, &first, false, seed, n);
                send(&mut world, &facts, &first, permit, &mut tally);
            }
            Answer::Refuse => tally.refused += 1,
            Answer::Ask(ask) => {
                tally.asked += 1;
                answer_and_try(&mut world, &ask, facts, first, &mut tally, (seed, n));
            }
        }
    }
    tally
}

/// A question is answered; meanwhile the world may have moved on, and somebody may try another action with it.
fn answer_and_try(
    world: &mut World,
    ask: &Ask,
    mut facts: Facts,
    first: Request,
    tally: &mut Tally,
    at: (u64, u64),
) {
    let mut request = again(&first);
    let shown = facts.clone();
    let moved_on = world.dice.one_in(3);
    if moved_on {
        world.disturb(&mut facts, &mut request);
    }
    if world.dice.one_in(10) {
        request.operation = world.dice.pick(&world.calls).0.clone();
    }
    if world.dice.one_in(20) {
        facts.version.epoch += 1;
    }
    let (request, truly) = world.answer(ask, &shown, request);
    let tried = again(&request);
    let had_grant = request.approval.is_some();
    // True consent is to this operation in this state under this policy, whatever the hashes say.
    let consent = truly
        && tried.operation == first.operation
        && facts.version == shown.version
        && (&facts.target, set_of(&facts)) == (&shown_target(&facts, &shown), set_of(&shown));
    let decision = decide(&facts, request);
    if let Answer::Permit(permit) = decision.answer {
        must_be_sound(&facts, &tried, consent, at.0, at.1);
        tally.approved += u64::from(had_grant);
        send(world, &facts, &tried, permit, tally);
    }
}

/// What an approver saw of the target; parts that say nothing of what is approved may differ.
fn shown_target(now: &Facts, shown: &Facts) -> TargetFacts {
    let (now, shown) = (&now.target, &shown.target);
    TargetFacts {
        identity: shown.identity.clone(),
        condition: shown.condition.clone(),
        node: shown.node.clone(),
        node_online: shown.node_online.clone(),
        lock: shown.lock.clone(),
        busy: shown.busy.clone(),
        ha: shown.ha.clone(),
        config_digest: shown.config_digest.clone(),
        ..now.clone()
    }
}

fn set_of(facts: &Facts) -> Option<BTreeSet<String>> {
    facts.blast.known().map(|blast| blast.down.iter().map(|struck| struck.thing.to_string()).collect())
}

/// A permit is spent; between decision and send the world may move on once more.
fn send(world: &mut World, facts: &Facts, request: &Request, permit: Permit, tally: &mut Tally) {
    let tier = request.operation.tier();
    *tally.permits.entry((caller_name(&request.caller), tier)).or_default() += 1;
    tally.permitted_tools.insert(request.operation.descriptor().name);
    let mut look = look(facts);
    match world.dice.below(12) {
        0 => look.kill_switch = Fact::Known(true),
        1 => look.kill_switch = Fact::unknown("not readable"),
        2 => look.version.epoch += 1,
        3 => look.now = look.now.plus_ms(60_000),
        4 => look.identity = Fact::unknown("not readable"),
        5 => look.identity = Fact::Known(Identity::Named { name: "another".into() }),
        _ => {}
    }
    let still = look == self::look(facts);
    match permit.spend(&look) {
        Ok(order) => {
            assert_eq!(order.operation(), &request.operation, "sent something else than was asked for");
            assert!(still || tier == Tier::Green, "sent although the world had moved on: {look:?}");
            assert!(tier == Tier::Green || order.identity() == facts.target.identity.known());
            tally.sent += 1;
        }
        Err(_) => {
            assert!(!still);
            tally.void += 1;
        }
    }
}

/// One million calls from one seed; runs in the time that `make test` allows.
#[test]
fn a_million_calls_of_all_callers_in_all_states_give_no_unauthorised_effect() {
    const CALLS: u64 = 1_000_000;
    let tally = run(SEED, CALLS);
    assert_eq!(tally.calls, CALLS);
    println!("{tally:#?}");
    assert_eq!(tally.permitted_tools.len(), crate::tools::ALL.len(), "some tool was never permitted");
    for guard in GUARDS {
        let count = tally.objections.get(guard.name).copied().unwrap_or_default();
        assert!(count > 500, "guard {} objected only {count} times", guard.name);
    }
    for caller in ["human", "token", "mcp", "model", "runbook"] {
        for tier in [Tier::Green, Tier::Yellow, Tier::Red] {
            let count = tally.permits.get(&(caller, tier)).copied().unwrap_or_default();
            assert!(count > 500, "{caller} was permitted {tier:?} only {count} times");
        }
    }
    assert!(tally.approved > 1_000 && tally.asked > 10_000 && tally.refused > 10_000 && tally.void > 1_000);
}

/// Each guard is needed: without it the same world shows a broken invariant, so the oracle would have noticed.
#[test]
fn without_any_one_guard_the_oracle_finds_a_broken_invariant() {
    for missing in GUARDS {
        let mut world = World::new(SEED);
        let found = (0..60_000).any(|_| {
            let (facts, request) = world.call();
            let others = GUARDS.iter().filter(|guard| guard.name != missing.name);
            if weigh::weigh_by(others, &facts, &request).verdict != Verdict::Permit {
                return false;
            }
            let seen = Seen {
                facts: &facts,
                operation: &request.operation,
                caller: &request.caller,
                pin: request.pin.as_ref(),
                tainted: &request.tainted,
                approved: false,
            };
            !broken(&seen).is_empty()
        });
        assert!(found, "nobody would notice if the guard `{}` were gone", missing.name);
    }
}
