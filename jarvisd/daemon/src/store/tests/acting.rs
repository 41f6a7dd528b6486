//! Intents, outcomes, approvals, the ledger and what stands: durable together with their rows of the audit.

use jarvis_core::{
    audit::{Draft, Kind},
    policy::{Level, Moment, Trust},
    tools::{Digest, Target, TargetClass},
};
use serde_json::json;

use super::open;
use crate::store::{End, NewIntent, Outcome, StoreError, Verified};

pub(super) const HOUR_MS: i64 = 3_600_000;

pub(super) fn moment(boot: u64, boot_ms: i64) -> Moment {
    Moment { wall_ms: 1_763_848_800_000, boot_ms, boot }
}

pub(super) fn intent(id: &str, at: Moment) -> NewIntent {
    NewIntent {
        id: id.into(),
        hash: Digest::of("test", [id.as_bytes()]),
        operation: r#"{"args":{"vmid":100},"tool":"start_guest"}"#.into(),
        caller: "runbook/guest-down".into(),
        approval: None,
        target: Target::Guest(100.try_into().unwrap()),
        runbook: Some("guest-down".into()),
        by_human: false,
        wake: false,
        identity: None,
        exact: json!({ "method": "POST", "path": "/nodes/pve/qemu/100/status/start" }),
        predicted: json!({ "down": [] }),
        at,
    }
}

pub(super) fn outcome(end: End) -> Outcome {
    Outcome {
        end,
        verified: Verified::Yes,
        detail: json!({ "exit": "OK" }),
        at_ms: 1_763_848_900_000,
        reconciled: false,
    }
}

pub(super) fn draft(n: usize) -> Draft {
    Draft {
        at_ms: i64::try_from(n).unwrap(),
        kind: Kind::Refused,
        who: "human/anna".into(),
        subject: "guest/100".into(),
        detail: json!({ "n": n }).to_string(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_intent_its_outcome_and_their_audit_rows_come_back_as_they_were() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let new = intent("a", moment(u64::MAX - 3, 5_000));
    let row = store.intents().begin(new.clone()).await.unwrap();
    assert_eq!((row.seq, row.kind, row.subject.as_str()), (1, Kind::Intent, "guest/100"));
    assert!(
        matches!(store.intents().begin(new.clone()).await, Err(StoreError::Database { .. })),
        "an id is used once"
    );
    assert_eq!(store.intents().open().await.unwrap()[0].new, new);
    store.intents().sent("a", "UPID:pve:1").await.unwrap();
    assert!(store.intents().sent("a", "UPID:pve:2").await.is_err());

    store.close().await.unwrap();
    let store = open(dir.path());
    assert_eq!(store.intents().open().await.unwrap()[0].upid.as_deref(), Some("UPID:pve:1"));
    let end = store.intents().outcome("a", outcome(End::Ok)).await.unwrap();
    assert_eq!((end.seq, end.kind, end.prev), (2, Kind::Outcome, row.hash));
    assert!(store.intents().outcome("a", outcome(End::Failed)).await.is_err(), "an outcome stands");
    assert!(store.intents().outcome("b", outcome(End::Ok)).await.is_err());
    assert!(store.intents().open().await.unwrap().is_empty());
    let got = store.intents().get("a").await.unwrap().unwrap();
    assert_eq!((got.new, got.outcome), (new, Some(outcome(End::Ok))));
    assert_eq!(store.audit().head().await.unwrap().seq, 2, "a refused command leaves no row");
    assert_eq!(store.audit().verify(vec![]).await.unwrap().hash, end.hash);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i08_an_unknown_is_given_its_late_task_once_and_every_other_outcome_stands() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    for (id, end) in [("lost", End::Unknown), ("failed", End::Failed)] {
        store.intents().begin(intent(id, moment(1, 1))).await.unwrap();
        store.intents().outcome(id, outcome(end)).await.unwrap();
    }
    store.intents().begin(intent("open", moment(1, 1))).await.unwrap();
    for id in ["failed", "open", "nobody"] {
        assert!(store.intents().late(id, "UPID:pve:1", Some(outcome(End::Ok))).await.is_err(), "{id}");
    }
    let row = store.intents().late("lost", "UPID:pve:1", None).await.unwrap();
    assert_eq!((row.kind, row.who.as_str()), (Kind::LateTask, "runbook/guest-down"));
    let runs = store.intents().get("lost").await.unwrap().unwrap();
    assert_eq!((runs.upid.as_deref(), runs.outcome.unwrap().end), (Some("UPID:pve:1"), End::Unknown));
    assert!(store.intents().late("lost", "UPID:pve:2", None).await.is_err(), "never another task");
    store.intents().late("lost", "UPID:pve:1", Some(outcome(End::Ok))).await.unwrap();
    let over = store.intents().get("lost").await.unwrap().unwrap();
    assert_eq!(over.outcome, Some(outcome(End::Ok)));
    assert!(store.intents().late("lost", "UPID:pve:1", Some(outcome(End::Failed))).await.is_err());
    assert_eq!(store.audit().head().await.unwrap().seq, 7, "a refused command leaves no row");
    store.audit().verify(vec![]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn level_and_epoch_survive_and_a_missing_key_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    assert_eq!(store.standing().read().await.unwrap().level, Level::Recommend);
    let standing = store.standing().set_level(Level::Act, "human/anna").await.unwrap();
    assert_eq!((standing.level, standing.epoch), (Level::Act, 2));
    store.close().await.unwrap();
    let store = open(dir.path());
    assert_eq!(store.standing().read().await.unwrap(), standing);
    let rows = store.audit().page(None, 10).await.unwrap().rows;
    assert_eq!((rows[0].kind, rows[0].who.as_str()), (Kind::LevelChanged, "human/anna"));
    store
        .write("break", |conn| {
            use diesel::RunQueryDsl;
            diesel::sql_query("DELETE FROM standing WHERE key = 'level'").execute(conn)?;
            Ok(())
        })
        .await
        .unwrap();
    assert!(store.standing().read().await.is_err());
    assert!(store.standing().set_level(Level::Act, "human/anna").await.is_err());
    assert_eq!(store.audit().head().await.unwrap().seq, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i11_the_windows_are_read_back_after_restarts_and_jumps_of_the_wall_clock() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let ages = async |now: Moment| {
        let ledger = store.ledger().entries(now).await.unwrap();
        ledger.entries.iter().map(|e| now.surely_since_ms(&e.at)).collect::<Vec<_>>()
    };
    store.intents().begin(intent("old", moment(1, HOUR_MS))).await.unwrap();
    store.intents().begin(intent("new", moment(1, 3 * HOUR_MS))).await.unwrap();
    store.intents().begin(intent("stopped", moment(1, 3 * HOUR_MS))).await.unwrap();
    store.intents().outcome("stopped", outcome(End::NotSent)).await.unwrap();
    assert_eq!(ages(moment(1, 4 * HOUR_MS)).await, [HOUR_MS, 3 * HOUR_MS]);

    // Two restarts of the machine; the wall clock says whatever it says.
    store.ledger().seen(moment(1, 5 * HOUR_MS)).await.unwrap();
    store.ledger().seen(moment(2, 10 * HOUR_MS)).await.unwrap();
    let mut now = moment(3, 2 * HOUR_MS);
    now.wall_ms = i64::MAX;
    assert_eq!(ages(now).await, [14 * HOUR_MS, 16 * HOUR_MS]);
    now.boot_ms = 11 * HOUR_MS;
    assert_eq!(ages(now).await, [23 * HOUR_MS], "what is surely older than a day is gone");
    now.boot_ms = 12 * HOUR_MS;
    assert!(ages(now).await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i25_an_act_counts_from_its_end_and_one_under_way_from_now() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    store.intents().begin(intent("over", moment(1, 3 * HOUR_MS))).await.unwrap();
    // A hundred seconds later on the wall clock.
    store.intents().outcome("over", outcome(End::Unknown)).await.unwrap();
    store.intents().begin(intent("set back", moment(1, 3 * HOUR_MS))).await.unwrap();
    store.intents().outcome("set back", Outcome { at_ms: 0, ..outcome(End::Ok) }).await.unwrap();
    store.intents().begin(intent("set ahead", moment(1, 3 * HOUR_MS))).await.unwrap();
    store.intents().outcome("set ahead", Outcome { at_ms: i64::MAX, ..outcome(End::Ok) }).await.unwrap();
    store.intents().begin(intent("open", moment(1, 3 * HOUR_MS))).await.unwrap();
    let now = moment(1, 10 * HOUR_MS);
    let ledger = store.ledger().entries(now).await.unwrap();
    let ended: Vec<_> = ledger.entries.iter().map(|e| now.surely_since_ms(&e.until)).collect();
    assert_eq!(ended, [0, HOUR_MS, 7 * HOUR_MS, 7 * HOUR_MS - 100_000]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trust_flaps_and_scores_come_back_and_never_granted_is_none() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    assert_eq!(store.ledger().trust("guest-down", TargetClass::Guest).await.unwrap(), None);
    let trust = Trust::granted(Level::Act).after(false);
    store.ledger().put_trust("guest-down", TargetClass::Guest, trust, vec![draft(1)]).await.unwrap();
    assert_eq!(store.ledger().trust("guest-down", TargetClass::Guest).await.unwrap(), Some(trust));
    assert_eq!(store.ledger().trust("guest-down", TargetClass::Node).await.unwrap(), None);
    let mut flaps = store.ledger().flaps().await.unwrap();
    flaps.quarantined.insert("guest/100".into(), moment(1, 1));
    store.ledger().put_flaps(&flaps, vec![]).await.unwrap();
    assert_eq!(store.ledger().flaps().await.unwrap(), flaps);
    let score = jarvis_core::graph::Score { actions: 1, hits: 2, false_alarms: 0, missed: 1 };
    store.ledger().add_score("stop_guest", score).await.unwrap();
    assert_eq!(store.ledger().add_score("stop_guest", score).await.unwrap(), score.plus(score));
    assert_eq!(store.ledger().scores().await.unwrap(), [("stop_guest".to_owned(), score.plus(score))]);
}

fn asked(id: &str) -> jarvis_core::approval::Approval {
    // What core writes, read as core reads it: a question cannot be made up outside of policy.
    serde_json::from_value(json!({
        "id": id, "hash": Digest::of("test", [id.as_bytes()]), "action": "stop_guest", "proposer": "model/1",
        "shown": ["caller"], "reasons": ["a person must decide"], "opened": moment(1, 1), "valid_ms": 300_000,
        "extensions": 0, "state": "pending",
    }))
    .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i6_a_pending_approval_outlives_a_restart_and_a_given_one_does_not() {
    use jarvis_core::approval::{State, Voice};
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let (waiting, mut given) = (asked("waiting"), asked("given"));
    let card = json!({ "operation": { "vmid": 100 }, "title": "Stop guest 100" });
    store.approvals().put(&waiting, &card, vec![draft(1)]).await.unwrap();
    let now = moment(1, 2);
    given.decide(&Voice::Session("anna".into()), true, given.hash(), now).unwrap();
    store.approvals().put(&given, &card, vec![draft(2), draft(3)]).await.unwrap();
    assert_eq!(store.audit().head().await.unwrap().seq, 3);
    store.close().await.unwrap();

    let store = open(dir.path());
    let mut open_ones = store.approvals().unsettled().await.unwrap();
    open_ones.sort_by_key(|stored| stored.approval.id().to_owned());
    let states: Vec<_> = open_ones.iter().map(|stored| stored.state.as_str()).collect();
    assert_eq!(states, ["approved", "pending"]);
    assert!(
        matches!(open_ones[0].approval.clone().state(&now), State::Voided { .. }),
        "no grant comes from a row"
    );
    assert_eq!((open_ones[1].approval.clone(), &open_ones[1].card), (waiting.clone(), &card));
    let voided = open_ones.remove(0).approval;
    store.approvals().put(&voided, &card, vec![]).await.unwrap();
    assert_eq!(store.approvals().unsettled().await.unwrap().len(), 1);
    assert_eq!(store.approvals().get("given").await.unwrap().unwrap().state, "voided");
    assert_eq!(store.approvals().recent(10).await.unwrap().len(), 2);
    assert!(store.approvals().get("nobody").await.unwrap().is_none());
    let long = json!("x".repeat(300_000));
    assert!(store.approvals().put(&waiting, &long, vec![draft(4)]).await.is_err());
    assert_eq!(store.audit().head().await.unwrap().seq, 3, "refused as a whole");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_database_refuses_to_rewrite_or_remove_an_intent() {
    use diesel::RunQueryDsl;
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    store.intents().begin(intent("a", moment(1, 1))).await.unwrap();
    store.intents().begin(intent("b", moment(1, 1))).await.unwrap();
    store.intents().outcome("b", outcome(End::Ok)).await.unwrap();
    for statement in [
        "DELETE FROM intents WHERE id = 'a'",
        "UPDATE intents SET operation = 'x' WHERE id = 'a'",
        "UPDATE intents SET meant = '{}' WHERE id = 'a'",
        "UPDATE intents SET boot_ms = 0 WHERE id = 'a'",
        "UPDATE intents SET ended = 'failed' WHERE id = 'b'",
        "UPDATE intents SET ended = NULL, verified = NULL, ended_ms = NULL, outcome = NULL WHERE id = 'b'",
        "UPDATE intents SET ended = 'ok' WHERE id = 'a'",
        "REPLACE INTO intents SELECT * FROM intents WHERE id = 'b'",
    ] {
        let done = store.write("test", move |conn| Ok(diesel::sql_query(statement).execute(conn)?)).await;
        assert!(done.is_err(), "{statement}");
    }
    assert_eq!(store.intents().recent(10).await.unwrap().len(), 2);
    assert!(store.intents().get("b").await.unwrap().unwrap().outcome.is_some());
}
