//! What each kind of caller may do, and how reasons are told.

use serde_json::json;

use super::{super::*, after, asking, refuses};
use crate::{
    policy::testing::*,
    tools::{Tier, listing::Profile},
};

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
fn what_a_credential_asked_for_ends_with_it() {
    let over = || Fact::Known(Some("the token t1, which asked for it, was revoked".to_owned()));
    for operation in [start(), stop()] {
        refuses("credential", &operation, |facts, _| facts.credential_over = over());
    }
    let facts = calm(&stop());
    let request = approved(&facts, request(&stop(), human())).unwrap();
    let late = Facts { credential_over: over(), ..facts };
    let told = weigh(&late, &request);
    assert_eq!(told.verdict, Verdict::Refuse, "an approval does not outlive the credential");
    assert!(told.objections.iter().any(|one| one.reason.contains("was revoked")), "{told:?}");
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
        for no in [Listed::No, Listed::OwnStack, Listed::OnlyRead] {
            refuses("listed", &operation, |facts, _| facts.target.listed = Fact::Known(no));
        }
        refuses("listed", &operation, |facts, _| facts.target.listed = Fact::unknown("x"));
    }
    let restart = op("docker_restart", json!({"host": "docker1", "name": "web"}));
    for (no, todo) in [
        (Listed::No, "label the container"),
        (Listed::OwnStack, "do it with `docker compose`"),
        (Listed::OnlyRead, "give its socket"),
    ] {
        let mut facts = calm(&restart);
        facts.target.listed = Fact::Known(no);
        let told = weigh(&facts, &request(&restart, human())).objections;
        assert!(told.iter().any(|objection| objection.reason.contains(todo)), "{told:?}");
        let labels = told.iter().filter(|objection| objection.reason.contains("label the container"));
        assert_eq!(labels.count(), usize::from(no == Listed::No), "{told:?}");
    }
}

#[test]
fn i20_a_container_whose_engine_may_be_anywhere_is_left_alone() {
    let restart = op("docker_restart", json!({"host": "docker1", "name": "web"}));
    refuses("state", &restart, |facts, _| facts.target.node = Fact::unknown("the settings do not say"));
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
