//! What stands in the way of an act whoever asks: storms, staleness, locks, HA, Jarvis' own ground.

use serde_json::json;

use super::{super::*, after, asking, automation, leads_to, refuses};
use crate::{
    graph::{Durations, Thing, Votes},
    policy::testing::*,
    tools::Target,
};

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
    tried.tried(&start().target(), NOW, &Limits::default());
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
fn i14_a_move_goes_to_another_node_that_is_there() {
    let to = op("migrate_guest", json!({"vmid": 102, "to": "pve"}));
    let not = |disturb: fn(&mut Facts)| {
        leads_to(Verdict::Refuse, "target", &to, &[human()], |facts, _| disturb(facts));
    };
    not(|facts| facts.target.destination = Fact::Known(Some(Destination::Nowhere)));
    not(|facts| facts.target.destination = Fact::Known(Some(Destination::Offline)));
    not(|facts| facts.target.destination = Fact::Known(None));
    not(|facts| facts.target.destination = Fact::unknown("x"));
    not(|facts| facts.target.node = Fact::Known(Some("pve".parse().unwrap())));
    // Nothing else goes anywhere.
    let (_, guards) = after(&stop(), human(), |facts, _| facts.target.destination = Fact::unknown("x"));
    assert!(!guards.contains(&"target"), "{guards:?}");
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
        let entry = Entry { at, until: at, target: wake.target(), runbook: None, by_human, wake: true };
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
fn i25_a_persons_act_through_jarvis_counts_as_one_past_it_and_from_its_end() {
    let ago = |minutes: i64| Moment { boot_ms: NOW.boot_ms - minutes * 60_000, ..NOW };
    let acted = |at: i64, until: i64, by_human: bool, target: Target| {
        let entry = Entry { at: ago(at), until: ago(until), target, runbook: None, by_human, wake: false };
        Fact::Known(Ledger { entries: vec![entry] })
    };
    let here = || start().target();
    for ledger in [acted(14, 14, true, here()), acted(300, 14, true, here())] {
        leads_to(Verdict::Refuse, "hands_off", &start(), &[runbook()], |facts, _| {
            facts.ledger = ledger.clone()
        });
        leads_to(Verdict::Ask, "hands_off", &start(), &asking(), |facts, _| facts.ledger = ledger.clone());
        assert_eq!(after(&start(), human(), |facts, _| facts.ledger = ledger.clone()).0, Verdict::Permit);
    }
    let elsewhere = Target::Guest(101.try_into().unwrap());
    for ledger in [
        acted(20, 15, true, here()),
        // What automation did itself, or was allowed to do, is no person's hand.
        acted(14, 14, false, here()),
        acted(14, 14, true, elsewhere),
    ] {
        assert_eq!(after(&start(), runbook(), |facts, _| facts.ledger = ledger.clone()).0, Verdict::Permit);
    }
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
