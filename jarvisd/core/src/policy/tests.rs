//! One test an invariant, named by its id, each told as: what is allowed when all is well, and what one thing wrong
//! does to it.

use serde_json::json;

use super::{testing::*, *};
use crate::tools::Operation;

mod callers;
mod standing;

type Disturb = fn(&mut Facts);
type DisturbCall = fn(&mut Facts, &mut Request);

/// Verdict and objecting guards of a caller's call after one thing was changed.
fn after(
    operation: &Operation,
    caller: Caller,
    disturb: impl Fn(&mut Facts, &mut Request),
) -> (Verdict, Vec<&'static str>) {
    let mut facts = calm(operation);
    let mut request = request(operation, caller);
    disturb(&mut facts, &mut request);
    let weighing = weigh(&facts, &request);
    (weighing.verdict, weighing.objections.iter().map(|objection| objection.guard).collect())
}

/// That a disturbance leads to this verdict for these callers, by this guard among others.
fn leads_to(
    verdict: Verdict,
    guard: &str,
    operation: &Operation,
    callers: &[Caller],
    disturb: impl Fn(&mut Facts, &mut Request),
) {
    for caller in callers {
        let (calm_verdict, _) = after(operation, caller.clone(), |_, _| {});
        assert!(calm_verdict < verdict, "{caller:?}: {calm_verdict:?} even when all is well");
        let (found, guards) = after(operation, caller.clone(), &disturb);
        assert_eq!(found, verdict, "{caller:?} {guards:?}");
        assert!(guards.contains(&guard), "{caller:?} {guards:?}");
    }
}

fn automation() -> Vec<Caller> {
    callers().into_iter().filter(|caller| !caller.is_human()).collect()
}

/// Those behind whom a person may stand.
fn asking() -> Vec<Caller> {
    automation().into_iter().filter(|caller| !caller.is_runbook()).collect()
}

fn refuses(guard: &str, operation: &Operation, disturb: impl Fn(&mut Facts, &mut Request)) {
    leads_to(Verdict::Refuse, guard, operation, &callers(), disturb);
}

#[test]
fn when_all_is_well_yellow_runs_and_red_asks() {
    for caller in callers() {
        assert_eq!(after(&start(), caller.clone(), |_, _| {}), (Verdict::Permit, vec![]), "{caller:?}");
        assert_eq!(after(&stop(), caller.clone(), |_, _| {}).0, Verdict::Ask, "{caller:?}");
        let facts = calm(&stop());
        let request = approved(&facts, request(&stop(), caller)).unwrap();
        assert_eq!(decide(&facts, request).verdict(), Verdict::Permit);
    }
}

#[test]
fn i1_with_the_kill_switch_on_nothing_above_green_is_permitted_and_nothing_permitted_is_sent() {
    refuses("kill_switch", &start(), |facts, _| facts.kill_switch = Fact::Known(true));
    let facts = calm(&stop());
    let request = approved(&facts, request(&stop(), human())).unwrap();
    let killed = Facts { kill_switch: Fact::Known(true), ..facts.clone() };
    assert_eq!(decide(&killed, request).verdict(), Verdict::Refuse, "approved before");

    let Answer::Permit(permit) = decide(&calm(&start()), testing::request(&start(), human())).answer else {
        panic!()
    };
    let look = LastLook { kill_switch: Fact::Known(true), ..look(&calm(&start())) };
    assert_eq!(permit.spend(&look).unwrap_err(), Void::Killed);
}

#[test]
fn i1_reads_go_on_while_the_kill_switch_is_on_or_unreadable() {
    let read = op("guest", json!({"vmid": 103}));
    for switch in [Fact::Known(true), Fact::unknown("disk full")] {
        for caller in callers() {
            let (verdict, guards) = after(&read, caller, |facts, _| facts.kill_switch = switch.clone());
            assert_eq!((verdict, guards), (Verdict::Permit, vec![]));
        }
    }
}

#[test]
fn i2_what_cannot_be_read_refuses_everything_above_green() {
    refuses("kill_switch", &start(), |facts, _| facts.kill_switch = Fact::unknown("x"));
    refuses("autonomy", &start(), |facts, _| facts.autonomy = Fact::unknown("x"));
    refuses("budget", &start(), |facts, _| facts.budget = Fact::unknown("x"));
    refuses("protected", &start(), |facts, _| facts.limits = Fact::unknown("x"));
    let Answer::Permit(permit) = decide(&calm(&start()), request(&start(), human())).answer else { panic!() };
    let look = LastLook { kill_switch: Fact::unknown("x"), ..look(&calm(&start())) };
    assert!(matches!(permit.spend(&look), Err(Void::SwitchUnreadable(_))));
}

#[test]
fn i2_every_other_unreadable_fact_refuses_too() {
    let unreadable: [(&str, Disturb); 15] = [
        ("credential", |f| f.credential_over = Fact::unknown("x")),
        ("protected", |f| f.own = Fact::unknown("x")),
        ("rate", |f| f.ledger = Fact::unknown("x")),
        ("flapping", |f| f.flaps = Fact::unknown("x")),
        ("quorum", |f| f.sight = Fact::unknown("x")),
        ("storm", |f| f.trouble = Fact::unknown("x")),
        ("maintenance", |f| f.windows = Fact::unknown("x")),
        ("blast", |f| f.blast = Fact::unknown("x")),
        ("target", |f| f.target.matches = Fact::unknown("x")),
        ("identity", |f| f.target.identity = Fact::unknown("x")),
        ("state", |f| f.target.node_online = Fact::unknown("x")),
        ("freshness", |f| f.target.looks = Fact::unknown("x")),
        ("hands_off", |f| f.target.human_task = Fact::unknown("x")),
        ("meant_off", |f| f.target.meant_off = Fact::unknown("x")),
        ("storage", |f| f.target.storages = Fact::unknown("x")),
    ];
    for (guard, disturb) in unreadable {
        refuses(guard, &start(), |facts, _| disturb(facts));
    }
}

#[test]
fn i4_releasing_the_switch_or_raising_the_level_runs_nothing_old() {
    // Both move the epoch.
    let facts = calm(&stop());
    let request = approved(&facts, request(&stop(), human())).unwrap();
    let later = Facts { version: PolicyVersion { epoch: 2, ..facts.version }, ..facts.clone() };
    assert_eq!(decide(&later, request).verdict(), Verdict::Refuse);

    let Answer::Permit(permit) = decide(&calm(&start()), testing::request(&start(), human())).answer else {
        panic!()
    };
    let look = LastLook { version: later.version, ..look(&calm(&start())) };
    assert_eq!(permit.spend(&look).unwrap_err(), Void::PolicyChanged);
}

#[test]
fn i6_an_approval_is_void_when_anything_it_was_given_for_has_changed() {
    let disturbances: [(&str, DisturbCall); 8] = [
        ("arguments", |_, r| r.operation = op("stop_guest", json!({"vmid": 100}))),
        ("operation", |_, r| r.operation = op("shutdown_guest", json!({"vmid": 102}))),
        ("config", |f, _| f.target.config_digest = "d2".into()),
        ("policy", |f, _| f.version.rules = 2),
        ("state", |f, _| f.target.condition = Fact::Known(Condition::Paused)),
        ("node", |f, _| f.target.node = Fact::Known(Some("pve".parse().unwrap()))),
        ("identity", |f, r| {
            let moved = Identity::Guest {
                vmid: 102.try_into().unwrap(),
                born: "uuid-102".into(),
                name: "guest-102".into(),
                node: "pve".parse().unwrap(),
            };
            f.target.identity = Fact::Known(moved.clone());
            r.pin = Some(moved);
        }),
        ("victims", |f, _| {
            if let Fact::Known(blast) = &mut f.blast {
                blast.down.push(crate::graph::Struck { thing: guest(101), through: Some(guest(102)) });
            }
        }),
    ];
    for (what, disturb) in disturbances {
        let mut facts = calm(&stop());
        let mut request = approved(&facts, request(&stop(), human())).unwrap();
        disturb(&mut facts, &mut request);
        let weighing = weigh(&facts, &request);
        assert_eq!(weighing.verdict, Verdict::Refuse, "{what}");
        assert!(weighing.objections.iter().any(|objection| objection.guard == "approval"), "{what}");
    }
}

#[test]
fn i6_a_concern_that_the_approver_did_not_see_voids_the_approval() {
    let facts = calm(&stop());
    let mut request = approved(&facts, request(&stop(), model())).unwrap();
    request.tainted = Fact::Known(true);
    assert_eq!(weigh(&facts, &request).verdict, Verdict::Refuse);
}

#[test]
fn i9_nothing_is_started_twice() {
    for condition in [Condition::Up, Condition::Paused] {
        refuses("state", &start(), |facts, _| facts.target.condition = Fact::Known(condition));
    }
    refuses("state", &start(), |facts, _| facts.target.condition = Fact::unknown("not seen"));
    refuses("state", &start(), |facts, _| facts.target.node_online = Fact::Known(false));
    refuses("target", &start(), |facts, _| facts.target.matches = Fact::Known(2));
    refuses("locks", &start(), |facts, _| facts.target.busy = Fact::Known(vec!["qmstart".into()]));
    refuses("quorum", &start(), |facts, _| {
        facts.sight = Fact::Known(Sight { quorate: Some(false), contradiction: None })
    });
}

fn done(target: u32, minutes_ago: i64, book: &str) -> Entry {
    let at = Moment { boot_ms: NOW.boot_ms - minutes_ago * 60_000, ..NOW };
    Entry {
        at,
        until: at,
        target: crate::tools::Target::Guest(target.try_into().unwrap()),
        runbook: Some(book.into()),
        by_human: false,
        wake: false,
    }
}

#[test]
fn i11_automation_stops_at_the_limit_of_each_window_and_a_person_does_not() {
    let ledgers: [Vec<Entry>; 4] = [
        (0..6).map(|n| done(200 + n, 50, "other")).collect(),
        (0..20).map(|n| done(200 + n, 1_000, "other")).collect(),
        (0..3).map(|_| done(100, 50, "other")).collect(),
        (0..3).map(|n| done(200 + n, 50, "guest-down")).collect(),
    ];
    for entries in ledgers {
        let ledger = Fact::Known(Ledger { entries });
        leads_to(Verdict::Refuse, "rate", &start(), &[runbook()], |facts, _| facts.ledger = ledger.clone());
        assert_eq!(after(&start(), human(), |facts, _| facts.ledger = ledger.clone()).0, Verdict::Permit);
    }
}
