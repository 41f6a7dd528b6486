use proptest::prelude::*;

use super::*;
use crate::{
    policy::{Identity, Objection, Verdict},
    tools::Operation,
};

const VALID_MS: i64 = 300_000;

fn at(boot_ms: i64) -> Moment {
    Moment { wall_ms: 0, boot_ms, boot: 1 }
}

fn digest(n: u8) -> Digest {
    Digest::of("test", [[n].as_slice()])
}

fn approval() -> Approval {
    let ask = Ask {
        hash: digest(1),
        operation: Operation::parse("stop_guest", &serde_json::json!({"vmid": 100})).unwrap(),
        identity: Identity::Named { name: "x".into() },
        blast: None,
        objections: vec![Objection { guard: "caller", verdict: Verdict::Ask, reason: "red".into() }],
    };
    Approval::open("a1".into(), &ask, "model/c1".into(), at(0), VALID_MS)
}

fn session(name: &str) -> Voice {
    Voice::Session(name.into())
}

#[test]
fn i6_of_two_approvers_one_wins_and_the_other_is_told_who() {
    let mut approval = approval();
    approval.decide(&session("ann"), false, digest(1), at(1)).unwrap();
    let late = approval.decide(&session("bob"), true, digest(1), at(2)).unwrap_err();
    assert!(late.to_string().contains("denied by ann"), "{late}");
    assert!(approval.redeem(digest(1), at(3)).is_err());
}

#[test]
fn i6_an_approval_is_used_once_and_only_for_its_own_action() {
    let mut one = approval();
    assert_eq!(one.redeem(digest(1), at(1)).unwrap_err(), ApprovalError::Undecided);
    assert_eq!(one.decide(&session("ann"), true, digest(2), at(1)), Err(ApprovalError::OtherAction));
    one.decide(&session("ann"), true, digest(1), at(1)).unwrap();
    let grant = one.redeem(digest(1), at(2)).unwrap();
    assert!(grant.covers("caller") && !grant.covers("storm") && grant.hash() == digest(1));
    assert!(one.redeem(digest(1), at(3)).is_err(), "replayed");

    let mut altered = approval();
    altered.decide(&session("ann"), true, digest(1), at(1)).unwrap();
    assert_eq!(altered.redeem(digest(9), at(2)).unwrap_err(), ApprovalError::OtherAction);
    assert!(altered.redeem(digest(1), at(2)).is_err(), "drift voids it for good");
}

#[test]
fn i6_only_a_session_decides_or_extends() {
    for voice in [Voice::Token("t".into()), Voice::Chat("c".into()), Voice::Mcp("m".into()), Voice::Link] {
        let mut approval = approval();
        assert_eq!(approval.decide(&voice, true, digest(1), at(1)), Err(ApprovalError::NotASession));
        assert_eq!(approval.extend(&voice, at(1), VALID_MS), Err(ApprovalError::NotASession));
        assert_eq!(approval.state(&at(1)), &State::Pending);
    }
}

#[test]
fn i37_an_approval_expires_by_time_passed_whatever_the_wall_clock_says() {
    let mut late = approval();
    let now = Moment { wall_ms: -1_000_000_000, boot_ms: VALID_MS, boot: 1 };
    assert!(late.decide(&session("ann"), true, digest(1), now).is_err());
    let mut approved_in_time = approval();
    approved_in_time.decide(&session("ann"), true, digest(1), at(VALID_MS - 1)).unwrap();
    assert!(approved_in_time.redeem(digest(1), at(VALID_MS)).is_err(), "approved, but used too late");
    let mut rebooted = approval();
    let now = Moment { wall_ms: 0, boot_ms: 1, boot: 2 };
    assert!(rebooted.decide(&session("ann"), true, digest(1), now).is_err());
}

#[test]
fn an_approval_can_be_extended_a_few_times_and_then_no_more() {
    let mut approval = approval();
    for n in 1..=i64::from(EXTENSIONS_MAX) {
        approval.extend(&session("ann"), at(n * 200_000), VALID_MS).unwrap();
    }
    assert_eq!(approval.extend(&session("ann"), at(1_100_000), VALID_MS), Err(ApprovalError::TooOften));
    assert_eq!(approval.state(&at(1_299_999)), &State::Pending);
    assert_eq!(approval.state(&at(1_300_000)), &State::Expired);
}

#[test]
fn i4_an_approval_not_yet_used_does_not_outlive_a_restart() {
    let mut approval = approval();
    approval.decide(&session("ann"), true, digest(1), at(1)).unwrap();
    let stored = serde_json::to_string(&approval).unwrap();
    let mut back: Approval = serde_json::from_str(&stored).unwrap();
    assert!(matches!(back.state(&at(2)), State::Voided { .. }));
    assert!(back.redeem(digest(1), at(2)).is_err());
}

#[derive(Debug, Clone)]
enum Step {
    Wait(i64),
    Decide { session: bool, approve: bool, hash: u8 },
    Extend(bool),
    Void,
    Redeem(u8),
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0i64..200_000).prop_map(Step::Wait),
        (any::<bool>(), any::<bool>(), 1u8..3).prop_map(|(session, approve, hash)| Step::Decide {
            session,
            approve,
            hash
        }),
        any::<bool>().prop_map(Step::Extend),
        Just(Step::Void),
        (1u8..3).prop_map(Step::Redeem),
        Just(Step::Restart),
    ]
}

proptest! {
    /// Whatever is done in whatever order: at most one grant, only after a session's yes to the very hash, in time,
    /// with no denial, void or restart in between.
    #[test]
    fn i6_approvals_bind_exactly_one_action_once_in_time_from_a_human_session(
        steps in prop::collection::vec(step(), 1..40),
    ) {
        let mut approval = approval();
        let (mut now, mut since, mut grants) = (0i64, 0i64, 0);
        let mut yes = false;
        let mut over = false;
        for step in steps {
            over |= now - since >= VALID_MS;
            match step {
                Step::Wait(ms) => now += ms,
                Step::Decide { session: is_session, approve, hash } => {
                    let voice = if is_session { session("ann") } else { Voice::Mcp("m".into()) };
                    let taken = approval.decide(&voice, approve, digest(hash), at(now)).is_ok();
                    prop_assert_eq!(taken, is_session && hash == 1 && !yes && !over && grants == 0);
                    if taken && approve { yes = true } else if taken { over = true }
                }
                Step::Extend(is_session) => {
                    let voice = if is_session { session("ann") } else { Voice::Chat("c".into()) };
                    if approval.extend(&voice, at(now), VALID_MS).is_ok() {
                        prop_assert!(is_session && !yes && !over);
                        since = now;
                    }
                }
                Step::Void => {
                    approval.void("changed".into(), &at(now));
                    over = true;
                }
                Step::Redeem(hash) => match approval.redeem(digest(hash), at(now)) {
                    Ok(grant) => {
                        prop_assert!(yes && !over && hash == 1 && grants == 0 && grant.hash() == digest(1));
                        grants += 1;
                    }
                    Err(_) => over |= yes && hash != 1,
                },
                Step::Restart => {
                    approval = serde_json::from_str(&serde_json::to_string(&approval).unwrap()).unwrap();
                    over |= yes;
                }
            }
        }
        prop_assert!(grants <= 1);
    }
}
