//! One test an invariant, named by its id, each told as: what is allowed when all is well, and what one thing wrong
//! does to it.

use serde_json::json;

use super::{testing::*, *};
use crate::{
    graph::{Durations, Thing, Votes},
    tools::{Operation, Tier, listing::Profile},
};

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
    let unreadable: [(&str, fn(&mut Facts)); 14] = [
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
    let disturbances: [(&str, fn(&mut Facts, &mut Request)); 8] = [
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

#[test]
fn i12_what_keeps_falling_is_left_alone_until_a_person_lifts_it() {
    let mut flaps = Flaps::default();
    for _ in 0..3 {
        flaps.went_down(&start().target(), NOW, &Limits::default());
    }
    let flaps = Fact::Known(flaps);
    leads_to(Verdict::Refuse, "flapping", &start(), &[runbook()], |facts, _| facts.flaps = flaps.clone());
    leads_to(Verdict::Ask, "flapping", &start(), &asking(), |facts, _| facts.flaps = flaps.clone());
    let mut tried = Flaps::default();
    tried.tried(&start().target(), NOW);
    leads_to(Verdict::Refuse, "flapping", &start(), &[runbook()], |facts, _| {
        facts.flaps = Fact::Known(tried.clone())
    });
}

#[test]
fn i13_in_a_storm_there_are_no_remedies() {
    let trouble = |nodes, guests, suspect| {
        Fact::Known(Trouble {
            nodes_unhealthy: nodes,
            guests_total: 10,
            guests_unhealthy: guests,
            own_network_suspect: suspect,
        })
    };
    for storm in [trouble(2, 0, false), trouble(0, 3, false), trouble(0, 0, true)] {
        leads_to(Verdict::Refuse, "storm", &start(), &[runbook()], |facts, _| facts.trouble = storm.clone());
        leads_to(Verdict::Ask, "storm", &start(), &asking(), |facts, _| facts.trouble = storm.clone());
    }
    assert_eq!(
        after(&start(), runbook(), |facts, _| facts.trouble = trouble(1, 2, false)).0,
        Verdict::Permit
    );
}

#[test]
fn i14_no_target_or_several_mean_no_action() {
    for n in [0, 2, 7] {
        refuses("target", &start(), |facts, _| facts.target.matches = Fact::Known(n));
    }
}

#[test]
fn i15_only_two_fresh_looks_without_contradiction_count() {
    for looks in [0, 1] {
        refuses("freshness", &start(), |facts, _| facts.target.looks = Fact::Known(looks));
    }
    refuses("freshness", &start(), |facts, _| {
        facts.sight = Fact::Known(Sight {
            quorate: Some(true),
            contradiction: Some("online 0 of 4, yet quorate".into()),
        });
    });
    refuses("state", &start(), |facts, _| facts.target.condition = Fact::unknown("its node is lost"));
}

#[test]
fn i16_nothing_that_could_cost_the_quorum_and_node_power_only_by_a_person() {
    let reboot = op("reboot_node", json!({"node": "pve"}));
    leads_to(Verdict::Refuse, "quorum", &reboot, &[human()], |facts, _| {
        let votes = Votes::Cluster { online: 2, needed: 2 };
        facts.blast = Fact::Known(graph().blast_radius(&reboot, votes, &Durations::new()));
    });
    assert_eq!(after(&reboot, human(), |_, _| {}).0, Verdict::Ask);
    for caller in automation() {
        let (verdict, guards) = after(&reboot, caller.clone(), |_, _| {});
        assert!(verdict == Verdict::Refuse && guards.contains(&"caller"), "{caller:?} {guards:?}");
    }
}

#[test]
fn i18_guests_under_ha_go_through_ha_and_not_while_it_is_at_work() {
    let ha = |state: &str| Fact::Known(Some(state.to_owned()));
    for state in
        ["fence", "recovery", "migrate", "error", "request_stop", "freeze", "queued", "something new"]
    {
        refuses("ha", &start(), |facts, _| facts.target.ha = ha(state));
    }
    refuses("ha", &start(), |facts, _| facts.target.ha = Fact::unknown("x"));
    let reboot = op("reboot_guest", json!({"vmid": 102}));
    refuses("ha", &reboot, |facts, _| facts.target.ha = ha("started"));
    for (state, route) in [("started", Route::Ha), ("stopped", Route::Ha), ("ignored", Route::Direct)] {
        let mut facts = calm(&start());
        facts.target.ha = ha(state);
        let Answer::Permit(permit) = decide(&facts, request(&start(), human())).answer else {
            panic!("{state}")
        };
        assert_eq!(permit.spend(&look(&facts)).unwrap().route(), route, "{state}");
    }
}

#[test]
fn i19_a_lock_or_a_running_backup_keeps_everybody_away() {
    for lock in ["backup", "migrate", "snapshot", "suspended", "anything"] {
        refuses("locks", &start(), |facts, _| facts.target.lock = Fact::Known(Some(lock.into())));
    }
    refuses("locks", &start(), |facts, _| facts.target.lock = Fact::unknown("x"));
    refuses("locks", &start(), |facts, _| facts.target.busy = Fact::unknown("x"));
    refuses("locks", &start(), |facts, _| facts.target.busy = Fact::Known(vec!["vzdump".into()]));
    let reboot = op("reboot_node", json!({"node": "pve"}));
    leads_to(Verdict::Refuse, "locks", &reboot, &[human()], |facts, _| {
        facts.target.busy = Fact::Known(vec!["qmigrate".into()]);
    });
}

#[test]
fn i20_what_jarvis_stands_on_is_not_touched_by_anyone_and_reads_of_it_are() {
    let touching = [
        op("stop_guest", json!({"vmid": 103})),
        op("create_snapshot", json!({"vmid": 103, "name": "before"})),
        op("reboot_node", json!({"node": "agent1"})),
        op("restart_service", json!({"node": "agent1", "unit": "docker"})),
        op("stop_guest", json!({"vmid": 110})),
        op("migrate_guest", json!({"vmid": 110, "to": "pve"})),
        op("docker_stop", json!({"host": "docker1", "name": "proxy"})),
        // Takes the model host with it.
        op("reboot_node", json!({"node": "pve2"})),
    ];
    for operation in touching {
        for caller in callers() {
            let (verdict, guards) = after(&operation, caller.clone(), |_, _| {});
            assert_eq!(verdict, Verdict::Refuse, "{operation:?} by {caller:?}");
            assert!(guards.contains(&"protected") || guards.contains(&"blast"), "{guards:?}");
        }
    }
    let read = op("guest", json!({"vmid": 103}));
    assert_eq!(after(&read, model(), |facts, _| facts.own = Fact::unknown("x")).0, Verdict::Permit);
    refuses("protected", &start(), |facts, _| facts.own = Fact::unknown("guest 103 is not in the list"));
    // Bringing a dependency back takes nothing away, but is no matter for automation alone.
    assert_eq!(after(&op("start_guest", json!({"vmid": 110})), runbook(), |_, _| {}).0, Verdict::Ask);
}

#[test]
fn i20_what_the_settings_protect_is_not_touched_either_nor_taken_along() {
    let protect = |facts: &mut Facts, thing: Thing| {
        facts.limits = Fact::Known(Limits { protected: [thing].into(), ..Limits::default() });
    };
    refuses("protected", &start(), |facts, _| protect(facts, guest(100)));
    let takes_101_along = op("stop_guest", json!({"vmid": 100}));
    refuses("blast", &takes_101_along, |facts, _| protect(facts, guest(101)));
}

#[test]
fn i21_the_target_is_the_one_that_was_planned_for_at_decision_and_at_sending() {
    let other = |born: &str, name: &str, node: &str| Identity::Guest {
        vmid: 100.try_into().unwrap(),
        born: born.into(),
        name: name.into(),
        node: node.parse().unwrap(),
    };
    let drifted = [
        other("uuid-x", "guest-100", "pve"),
        other("uuid-100", "other", "pve"),
        other("uuid-100", "guest-100", "pve2"),
    ];
    for now in drifted {
        refuses("identity", &start(), |facts, _| facts.target.identity = Fact::Known(now.clone()));
        let facts = calm(&start());
        let Answer::Permit(permit) = decide(&facts, request(&start(), human())).answer else { panic!() };
        let look = LastLook { identity: Fact::Known(now), ..look(&facts) };
        assert!(matches!(permit.spend(&look), Err(Void::Drifted(_))));
    }
    leads_to(Verdict::Refuse, "identity", &start(), &[runbook()], |_, request| request.pin = None);
    refuses("identity", &start(), |facts, request| {
        facts.target.identity = Fact::Known(identity_of(&stop().target()));
        request.pin = None;
    });
}

#[test]
fn i22_what_a_person_switched_off_has_not_crashed() {
    let off = |facts: &mut Facts| facts.target.meant_off = Fact::Known(Some("onboot is 0".into()));
    leads_to(Verdict::Refuse, "meant_off", &start(), &[runbook()], |facts, _| off(facts));
    leads_to(Verdict::Ask, "meant_off", &start(), &asking(), |facts, _| off(facts));
    assert_eq!(after(&start(), human(), |facts, _| off(facts)).0, Verdict::Permit);
}

#[test]
fn i22_in_a_maintenance_window_automation_does_nothing_by_itself() {
    for on in [None, Some(guest(100)), Some(node("pve"))] {
        let window = Window { on, from_ms: NOW.wall_ms - 1, until_ms: NOW.wall_ms + 1 };
        leads_to(Verdict::Refuse, "maintenance", &start(), &[runbook()], |facts, _| {
            facts.windows = Fact::Known(vec![window.clone()]);
        });
    }
    let elsewhere = Window { on: Some(guest(102)), from_ms: 0, until_ms: i64::MAX };
    let (verdict, _) =
        after(&start(), runbook(), |facts, _| facts.windows = Fact::Known(vec![elsewhere.clone()]));
    assert_eq!(verdict, Verdict::Permit);
    // I37: while the clock is in doubt, a window may be open.
    leads_to(Verdict::Refuse, "maintenance", &start(), &[runbook()], |facts, _| {
        facts.windows = Fact::Known(vec![elsewhere.clone()]);
        facts.clock_steady = Fact::Known(false);
    });
}

#[test]
fn i23_nothing_is_started_on_full_or_missing_storage_and_nothing_is_deleted_for_space() {
    let storage = |available, fill_percent| {
        Fact::Known(vec![StorageNow { name: "local".into(), available, fill_percent }])
    };
    for bad in
        [storage(true, Some(95)), storage(true, Some(100)), storage(false, Some(10)), storage(true, None)]
    {
        refuses("storage", &start(), |facts, _| facts.target.storages = bad.clone());
        let snapshot = op("create_snapshot", json!({"vmid": 100, "name": "before"}));
        refuses("storage", &snapshot, |facts, _| facts.target.storages = bad.clone());
    }
    assert_eq!(
        after(&start(), runbook(), |facts, _| facts.target.storages = storage(true, Some(94))).0,
        Verdict::Permit
    );
    let delete = op("delete_snapshot", json!({"vmid": 102, "name": "before"}));
    assert_eq!(after(&delete, human(), |_, _| {}).0, Verdict::Ask);
    assert_eq!(after(&delete, runbook(), |_, _| {}).0, Verdict::Refuse);
}

#[test]
fn i24_only_an_absent_node_is_woken_and_once_an_hour() {
    let wake = op("wake_node", json!({"node": "pve"}));
    let woken = |minutes: i64, by_human| {
        let at = Moment { boot_ms: NOW.boot_ms - minutes * 60_000, ..NOW };
        let entry = Entry { at, target: wake.target(), runbook: None, by_human, wake: true };
        Fact::Known(Ledger { entries: vec![entry] })
    };
    refuses("wake", &wake, |facts, _| facts.target.absent = Fact::Known(false));
    refuses("wake", &wake, |facts, _| facts.target.absent = Fact::unknown("no quorate peer answers"));
    refuses("wake", &wake, |facts, _| facts.ledger = woken(59, false));
    refuses("wake", &wake, |facts, _| facts.ledger = woken(1, true));
    assert_eq!(after(&wake, runbook(), |facts, _| facts.ledger = woken(61, false)).0, Verdict::Permit);
}

#[test]
fn i25_where_a_person_has_just_worked_automation_keeps_away() {
    let task = |minutes: i64| Fact::Known(Some(Moment { boot_ms: NOW.boot_ms - minutes * 60_000, ..NOW }));
    leads_to(Verdict::Refuse, "hands_off", &start(), &[runbook()], |facts, _| {
        facts.target.human_task = task(14)
    });
    leads_to(Verdict::Ask, "hands_off", &start(), &asking(), |facts, _| facts.target.human_task = task(14));
    assert_eq!(after(&start(), runbook(), |facts, _| facts.target.human_task = task(15)).0, Verdict::Permit);
    assert_eq!(after(&start(), human(), |facts, _| facts.target.human_task = task(1)).0, Verdict::Permit);
}

#[test]
fn i28_what_cannot_be_recorded_is_not_done() {
    refuses("intent_log", &start(), |facts, _| facts.intent_log_writable = Fact::Known(false));
    refuses("intent_log", &start(), |facts, _| facts.intent_log_writable = Fact::unknown("x"));
}

#[test]
fn i33_a_plan_that_has_read_foreign_text_needs_a_person() {
    for tainted in [Fact::Known(true), Fact::unknown("lost track")] {
        leads_to(Verdict::Ask, "taint", &start(), &asking(), |_, request| request.tainted = tainted.clone());
        assert_eq!(
            after(&start(), runbook(), |_, request| request.tainted = tainted.clone()).0,
            Verdict::Permit
        );
        let from_text = Caller::Runbook { id: "guest-down".into(), structured: false };
        leads_to(Verdict::Ask, "taint", &start(), &[from_text], |_, request| {
            request.tainted = tainted.clone()
        });
    }
}

#[test]
fn i34_a_models_run_that_has_used_up_its_share_does_nothing_more() {
    let spent: [fn(&mut RunBudget); 5] = [
        |b| b.steps_left = 0,
        |b| b.tokens_left = 0,
        |b| b.money_left_pico_usd = 0,
        |b| b.time_left_ms = 0,
        |b| b.repeats_left = 0,
    ];
    for spend in spent {
        for operation in [start(), op("guest", json!({"vmid": 100}))] {
            leads_to(Verdict::Refuse, "budget", &operation, &[model()], |facts, _| {
                if let Fact::Known(Some(budget)) = &mut facts.budget {
                    spend(budget);
                }
            });
        }
    }
    leads_to(Verdict::Refuse, "budget", &start(), &[model()], |facts, _| facts.budget = Fact::Known(None));
}

#[test]
fn i37_a_permit_ages_by_time_passed_and_not_by_the_wall_clock() {
    let permit = || match decide(&calm(&start()), request(&start(), human())).answer {
        Answer::Permit(permit) => permit,
        other => panic!("{other:?}"),
    };
    let at = |wall_ms, later_ms| LastLook {
        now: Moment { wall_ms, boot_ms: NOW.boot_ms + later_ms, boot: NOW.boot },
        ..look(&calm(&start()))
    };
    assert!(permit().spend(&at(i64::MAX, 59_999)).is_ok());
    assert_eq!(permit().spend(&at(0, 60_000)).unwrap_err(), Void::TooOld);
    let rebooted = LastLook { now: Moment { boot: 8, ..NOW }, ..look(&calm(&start())) };
    assert_eq!(permit().spend(&rebooted).unwrap_err(), Void::TooOld);
}

#[test]
fn autonomy_levels_do_as_they_say() {
    let level = |level, trust, tests_pass| {
        move |facts: &mut Facts, _: &mut Request| {
            let trust = Some(Trust::granted(trust));
            facts.autonomy = Fact::Known(Autonomy { global: level, trust, tests_pass });
        }
    };
    for (global, runbooks, askers) in [
        (Level::Observe, Verdict::Refuse, Verdict::Refuse),
        (Level::Alert, Verdict::Refuse, Verdict::Ask),
        (Level::Recommend, Verdict::Ask, Verdict::Ask),
        (Level::Act, Verdict::Permit, Verdict::Permit),
        (Level::Quiet, Verdict::Permit, Verdict::Permit),
    ] {
        assert_eq!(after(&start(), runbook(), level(global, Level::Quiet, true)).0, runbooks, "{global:?}");
        for caller in asking() {
            assert_eq!(after(&start(), caller, level(global, Level::Quiet, true)).0, askers, "{global:?}");
        }
        assert_eq!(after(&start(), human(), level(global, Level::Quiet, true)).0, Verdict::Permit);
        assert_ne!(
            after(&stop(), runbook(), level(global, Level::Quiet, true)).0,
            Verdict::Permit,
            "red is never automatic"
        );
    }
    assert_eq!(
        after(&start(), runbook(), level(Level::Quiet, Level::Act, false)).0,
        Verdict::Ask,
        "its tests fail"
    );
    assert_eq!(after(&start(), runbook(), level(Level::Quiet, Level::Alert, true)).0, Verdict::Refuse);
}

#[test]
fn scopes_bound_what_a_credential_can_do() {
    let none = Scopes::default();
    let read = op("guests", json!({}));
    let cases = [
        (Caller::Token { id: "t".into(), scopes: Scopes { act: true, ..none } }, &read),
        (Caller::Token { id: "t".into(), scopes: Scopes { read: true, ..none } }, &start()),
        (
            Caller::Mcp {
                id: "m".into(),
                scopes: Scopes { read: true, act: true, ..none },
                profile: Profile::Act,
            },
            &read,
        ),
        (
            Caller::Mcp { id: "m".into(), scopes: Scopes { mcp: true, ..none }, profile: Profile::Act },
            &start(),
        ),
        (Caller::Mcp { id: "m".into(), scopes: Scopes::ALL, profile: Profile::Read }, &start()),
        (
            Caller::Model { conversation: "c".into(), local: false, scopes: Scopes { chat: true, ..none } },
            &start(),
        ),
        (
            Caller::Model { conversation: "c".into(), local: false, scopes: Scopes { act: true, ..none } },
            &read,
        ),
    ];
    for (caller, operation) in cases {
        let (verdict, guards) = after(operation, caller.clone(), |_, _| {});
        assert!(verdict == Verdict::Refuse && guards.contains(&"scopes"), "{caller:?} {guards:?}");
    }
}

#[test]
fn a_local_model_reads_and_no_more() {
    let local = Caller::Model { conversation: "c".into(), local: true, scopes: Scopes::ALL };
    for operation in crate::tools::tests::examples() {
        let verdict = after(&operation, local.clone(), |_, _| {}).0;
        let expected = if operation.tier() == Tier::Green { Verdict::Permit } else { Verdict::Refuse };
        assert_eq!(verdict, expected, "{operation:?}");
    }
}

#[test]
fn services_and_containers_only_as_listed() {
    for operation in [
        op("restart_service", json!({"node": "pve", "unit": "smbd"})),
        op("docker_restart", json!({"host": "docker1", "name": "web"})),
        op("docker_start", json!({"host": "docker1", "name": "web"})),
    ] {
        refuses("listed", &operation, |facts, _| facts.target.listed = Fact::Known(false));
        refuses("listed", &operation, |facts, _| facts.target.listed = Fact::unknown("x"));
    }
}

#[test]
fn all_objections_are_told_and_the_strictest_wins() {
    let (verdict, guards) = after(&stop(), model(), |facts, request| {
        facts.kill_switch = Fact::Known(true);
        facts.target.lock = Fact::Known(Some("backup".into()));
        request.tainted = Fact::Known(true);
    });
    assert_eq!(verdict, Verdict::Refuse);
    assert_eq!(guards, ["kill_switch", "caller", "taint", "locks"]);
}
