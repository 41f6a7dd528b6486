//! Asks every guard and makes the answer of it.

use super::{
    Answer, Ask, Decision, Fact, Facts, GUARDS, Identity, Limits, Objection, Request, Verdict, Weighing, ha,
    terms::permit::{Permit, Terms},
};
use crate::{
    approval::Grant,
    tools::{Digest, Effect, Operation, Target, TargetClass, Tier},
};

/// What a guard is asked about.
pub(super) struct Case<'a> {
    pub facts: &'a Facts,
    pub request: &'a Request,
    pub effect: Effect,
    pub tier: Tier,
    pub target: Target,
}

impl<'a> Case<'a> {
    fn new(facts: &'a Facts, request: &'a Request) -> Self {
        let effect = request.operation.effect();
        Self { facts, request, effect, tier: effect.tier(), target: request.operation.target() }
    }

    pub fn class(&self) -> TargetClass {
        self.target.class()
    }

    /// The target as people call it: `guest 100 dns`.
    pub fn named(&self) -> String {
        let name = match self.facts.target.identity.known() {
            Some(Identity::Guest { name, .. }) => Some(name.as_str()),
            _ => None,
        };
        self.target.named(name)
    }

    pub fn by_human(&self) -> bool {
        self.request.caller.is_human()
    }

    pub fn by_runbook(&self) -> bool {
        self.request.caller.is_runbook()
    }
}

/// A guard: its name in answers, whether reads pass it too, and its question.
pub(super) struct Guard {
    pub name: &'static str,
    pub reads_too: bool,
    pub check: fn(&Case<'_>, &mut Notes),
}

/// Where guards write their objections.
pub(super) struct Notes {
    guard: &'static str,
    objections: Vec<Objection>,
}

impl Notes {
    /// Nobody may.
    pub fn refuse(&mut self, reason: impl Into<String>) {
        self.note(Verdict::Refuse, reason.into());
    }

    /// A person may decide.
    pub fn ask(&mut self, reason: impl Into<String>) {
        self.note(Verdict::Ask, reason.into());
    }

    /// Automation by itself may not; where a person has a part in it, that person decides.
    pub fn ask_or_refuse_runbook(&mut self, case: &Case<'_>, reason: impl Into<String>) {
        if case.by_runbook() { self.refuse(reason) } else { self.ask(reason) }
    }

    /// The value of a fact; an unknown one is an objection that nobody can lift.
    pub fn known<'f, T>(&mut self, fact: &'f Fact<T>, what: &str) -> Option<&'f T> {
        match fact {
            Fact::Known(value) => Some(value),
            Fact::Unknown(why) => {
                self.refuse(format!("{what} cannot be read ({why}); nothing is changed until it can"));
                None
            }
        }
    }

    /// The limits in force.
    pub fn limits<'f>(&mut self, case: &Case<'f>) -> Option<&'f Limits> {
        let facts: &'f Facts = case.facts;
        self.known(&facts.limits, "the policy's limits")
    }

    fn note(&mut self, verdict: Verdict, reason: String) {
        self.objections.push(Objection { guard: self.guard, verdict, reason });
    }
}

/// What an approval binds: operation with canonical arguments, identity of the target, its state, policy in force.
pub fn action_hash(operation: &Operation, identity: &Identity, facts: &Facts) -> Digest {
    let version = facts.version;
    Digest::of(
        "action",
        [
            operation.canonical().as_bytes(),
            identity.digest().as_bytes().as_slice(),
            facts.precondition().as_bytes().as_slice(),
            &version.rules.to_be_bytes(),
            &version.epoch.to_be_bytes(),
        ],
    )
}

/// The verdict and its reasons, with nothing in it that could be acted on.
pub fn weigh(facts: &Facts, request: &Request) -> Weighing {
    weigh_by(GUARDS.iter(), facts, request)
}

pub(super) fn weigh_by<'g>(
    guards: impl Iterator<Item = &'g Guard>,
    facts: &Facts,
    request: &Request,
) -> Weighing {
    let case = Case::new(facts, request);
    let mut notes = Notes { guard: "", objections: Vec::new() };
    for guard in guards.filter(|guard| guard.reads_too || case.tier > Tier::Green) {
        notes.guard = guard.name;
        (guard.check)(&case, &mut notes);
    }
    if let Some(grant) = &request.approval {
        notes.guard = "approval";
        check_grant(&case, grant, &mut notes);
    }
    let strictest = notes.objections.iter().map(|objection| objection.verdict).max();
    let verdict = match strictest {
        None | Some(Verdict::Permit) => Verdict::Permit,
        // A grant that does not fit was refused above, so one that is here meets every question.
        Some(Verdict::Ask) if request.approval.is_some() => Verdict::Permit,
        Some(Verdict::Ask) => Verdict::Ask,
        Some(Verdict::Refuse) => Verdict::Refuse,
    };
    Weighing { verdict, tier: case.tier, objections: notes.objections }
}

/// An approval is worth something only for exactly what was shown.
fn check_grant(case: &Case<'_>, grant: &Grant, notes: &mut Notes) {
    let Fact::Known(identity) = &case.facts.target.identity else { return };
    if grant.hash() != action_hash(&case.request.operation, identity, case.facts) {
        notes.refuse(
            "what was approved is not what would be done now: arguments, target, its state or the policy \
                      have changed; propose it again",
        );
    }
    let new: Vec<_> = notes
        .objections
        .iter()
        .filter(|objection| objection.verdict == Verdict::Ask && !grant.covers(objection.guard))
        .map(|objection| objection.guard)
        .collect();
    if !new.is_empty() {
        notes.refuse(format!(
            "a concern has come up that the approver did not see ({}); propose it again",
            new.join(", ")
        ));
    }
}

/// Decides on a call and uses it up, together with the approval it may carry.
pub fn decide(facts: &Facts, request: Request) -> Decision {
    let Weighing { verdict, tier, objections } = weigh(facts, &request);
    let identity = facts.target.identity.known().cloned();
    let answer = match (verdict, tier, identity) {
        (Verdict::Permit, Tier::Green, identity) => Answer::Permit(issue(facts, request, identity)),
        (Verdict::Permit, _, Some(identity)) => Answer::Permit(issue(facts, request, Some(identity))),
        (Verdict::Ask, _, Some(identity)) => Answer::Ask(Ask {
            hash: action_hash(&request.operation, &identity, facts),
            blast: facts.blast.known().cloned(),
            objections: objections.clone(),
            operation: request.operation,
            identity,
        }),
        // The identity guard has refused what has none; this arm only says so again.
        (Verdict::Permit | Verdict::Ask, _, None) | (Verdict::Refuse, _, _) => Answer::Refuse,
    };
    Decision { answer, tier, objections }
}

fn issue(facts: &Facts, request: Request, identity: Option<Identity>) -> Permit {
    let hash = match &identity {
        Some(identity) => action_hash(&request.operation, identity, facts),
        None => Digest::of("read", [request.operation.canonical().as_bytes()]),
    };
    Permit::issue(Terms {
        hash,
        identity,
        route: ha::route(request.operation.effect(), &facts.target.ha),
        version: facts.version,
        issued: facts.now,
        valid_ms: facts.limits.known().map_or(Limits::default().permit_ms, |limits| limits.permit_ms),
        caller: request.caller.label(),
        approval: request.approval.as_ref().map(|grant| grant.approval_id().to_owned()),
        operation: request.operation,
    })
}
