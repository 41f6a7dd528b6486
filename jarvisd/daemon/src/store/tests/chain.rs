//! The audit on disk: what SQLite itself refuses, and that whatever gets past it is found.

use diesel::{Connection, RunQueryDsl, SqliteConnection, connection::SimpleConnection};
use jarvis_core::audit::{Broken, Checkpoint, Draft, Head, Kind, Row};
use proptest::prelude::*;

use super::{
    acting::{draft, intent, moment},
    open,
};
use crate::{
    clock::Clock,
    store::{Limits, Store, StoreError, Trouble, audit_export, audit_verify, backup, restore},
};

const UNGUARD: &str = "DROP TRIGGER audit_is_never_changed; DROP TRIGGER audit_is_never_shortened; \
    DROP TRIGGER audit_only_continues;";

async fn filled(dir: &std::path::Path, rows: usize) -> Checkpoint {
    let store = open(dir);
    let mut last = Head::EMPTY.checkpoint();
    for n in 1..=rows {
        last = Head::after(&store.audit().append(draft(n)).await.unwrap()).checkpoint();
    }
    store.close().await.unwrap();
    last
}

fn stranger(dir: &std::path::Path) -> SqliteConnection {
    SqliteConnection::establish(dir.join("jarvis.db").to_str().unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i29_the_database_refuses_to_change_shorten_or_fork_the_audit() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 3).await;
    let mut conn = stranger(dir.path());
    for statement in [
        "UPDATE audit SET detail = 'x' WHERE seq = 2",
        "UPDATE OR REPLACE audit SET seq = 1 WHERE seq = 2",
        "DELETE FROM audit WHERE seq = 3",
        "DELETE FROM audit",
        "REPLACE INTO audit SELECT seq, at_ms, kind, who, subject, 'x', prev, hash FROM audit WHERE seq = 2",
        "INSERT INTO audit SELECT 5, at_ms, kind, who, subject, detail, hash, hash FROM audit WHERE seq = 3",
        "INSERT INTO audit SELECT 4, at_ms, kind, who, subject, detail, prev, hash FROM audit WHERE seq = 3",
        "INSERT INTO audit (at_ms, kind, who, subject, detail, prev, hash) \
         SELECT at_ms, kind, who, subject, detail, hash, hash FROM audit WHERE seq = 3",
    ] {
        let error = diesel::sql_query(statement).execute(&mut conn).unwrap_err().to_string();
        assert!(error.contains("append-only"), "{statement}: {error}");
    }
    assert_eq!(audit_verify(dir.path(), vec![]).unwrap().seq, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i29_whatever_is_done_to_the_file_behind_the_triggers_is_found() {
    for (statement, broken) in [
        ("UPDATE audit SET detail = 'x' WHERE seq = 3", Broken::Changed(3)),
        ("UPDATE audit SET kind = 'unheard of' WHERE seq = 3", Broken::Changed(3)),
        ("UPDATE audit SET at_ms = at_ms + 1 WHERE seq = 1", Broken::Changed(1)),
        ("DELETE FROM audit WHERE seq = 3", Broken::Gap { expected: 3, found: 4 }),
        ("DELETE FROM audit WHERE seq <= 2", Broken::Gap { expected: 1, found: 3 }),
        ("DELETE FROM audit WHERE seq > 4", Broken::Truncated { last: 4, checkpoint: 6 }),
        ("DELETE FROM audit", Broken::Truncated { last: 0, checkpoint: 6 }),
        (
            "UPDATE audit SET seq = 99 WHERE seq = 3; UPDATE audit SET seq = 3 WHERE seq = 4; \
             UPDATE audit SET seq = 4 WHERE seq = 99",
            Broken::Changed(3),
        ),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let checkpoint = filled(dir.path(), 6).await;
        stranger(dir.path()).batch_execute(&format!("{UNGUARD} {statement}")).unwrap();
        let found = audit_verify(dir.path(), vec![checkpoint]);
        assert!(matches!(&found, Err(StoreError::Audit(b)) if *b == broken), "{statement}: {found:?}");
        let store = open(dir.path());
        assert!(store.audit().verify(vec![checkpoint]).await.is_err(), "{statement}");
        assert!(store.healthy().is_err(), "{statement}");
        store.close().await.unwrap();
    }
}

/// The cleverest forger changes a row and reckons all that follows anew; only a checkpoint tells.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i29_a_chain_rewritten_from_a_row_on_is_found_by_a_checkpoint_and_by_a_running_daemon() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let mut rows = Vec::new();
    for n in 1..=5 {
        rows.push(store.audit().append(draft(n)).await.unwrap());
    }
    let checkpoint = Head::after(rows.last().unwrap()).checkpoint();
    let mut conn = stranger(dir.path());
    conn.batch_execute(UNGUARD).unwrap();
    let mut head = Head::after(&rows[1]);
    for row in &rows[2..] {
        let Row { at_ms, kind, who, subject, .. } = row.clone();
        let (forged, next) = head.next(Draft { at_ms, kind, who, subject, detail: "forged".into() });
        head = next;
        let blob = |digest: jarvis_core::tools::Digest| format!("x'{digest}'");
        conn.batch_execute(&format!(
            "UPDATE audit SET detail = 'forged', prev = {}, hash = {} WHERE seq = {}",
            blob(forged.prev),
            blob(forged.hash),
            forged.seq
        ))
        .unwrap();
    }
    assert!(audit_verify(dir.path(), vec![]).is_ok(), "by itself it looks whole");
    assert!(matches!(
        audit_verify(dir.path(), vec![checkpoint]),
        Err(StoreError::Audit(Broken::Rewritten(5)))
    ));

    // I28: what cannot be recorded is not done.
    let refused = store.intents().begin(intent("a", moment(1, 1))).await;
    assert!(matches!(refused, Err(StoreError::Audit(Broken::Rewritten(5)))), "{refused:?}");
    assert!(store.intents().get("a").await.unwrap().is_none());
    assert!(store.healthy().unwrap_err().contains("audit"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i29_a_daemon_notices_at_the_next_row_that_its_chain_was_cut() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    for n in 1..=5 {
        store.audit().append(draft(n)).await.unwrap();
    }
    stranger(dir.path()).batch_execute(&format!("{UNGUARD} DELETE FROM audit WHERE seq > 2")).unwrap();
    let error = store.audit().append(draft(6)).await.unwrap_err();
    assert!(matches!(error, StoreError::Audit(Broken::Truncated { last: 2, checkpoint: 5 })), "{error}");
    assert!(store.standing().set_level(jarvis_core::policy::Level::Act, "human/anna").await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_from_many_tasks_make_one_chain_and_pages_show_it_whole() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let tasks: Vec<_> = (0..200)
        .map(|n| {
            let store = store.clone();
            tokio::spawn(async move {
                if n % 5 == 0 {
                    // Takes a number, then fails: it must be given back.
                    let failed = store.write_recorded("fail", move |conn, pen| {
                        pen.append(conn, draft(n))?;
                        Err::<(), _>(StoreError::Refused("no".into()).into())
                    });
                    assert!(failed.await.is_err());
                } else {
                    store.audit().append(draft(n)).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(store.audit().verify(vec![]).await.unwrap().seq, 160);
    let (mut rows, mut cursor) = (Vec::new(), None);
    loop {
        let page = store.audit().page(cursor, 33).await.unwrap();
        rows.extend(page.rows);
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    assert!(rows.iter().rev().map(|row| row.seq).eq(1..=160));
    let middle = Head::after(&rows[80]).checkpoint();
    assert_eq!(store.audit().verify_after(middle).await.unwrap().seq, 160);
    assert!(store.audit().verify_after(Checkpoint { seq: 7, ..middle }).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i30_a_row_holds_no_secret_whoever_wrote_it() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let canary = "CANARY0123456789abcdefCANARY0123456789abcdef";
    let full = Draft {
        at_ms: 1,
        kind: Kind::Outcome,
        who: format!("token/jv_{canary}"),
        subject: format!("https://u:{canary}@h"),
        detail: serde_json::json!({
            "log": format!("Authorization: Bearer {canary}"), "env": [format!("DB_PASSWORD={canary}")],
            "password": canary,
        })
        .to_string(),
    };
    store.audit().append(full).await.unwrap();
    let mut new = intent("a", moment(1, 1));
    new.exact =
        serde_json::json!({ "headers": { "Authorization": format!("PVEAPIToken=a@pam!b={canary}") } });
    store.intents().begin(new).await.unwrap();
    let mut outcome = super::acting::outcome(crate::store::End::Failed);
    outcome.detail = serde_json::json!({ "log": [format!("mount: password={canary}")] });
    store.intents().outcome("a", outcome).await.unwrap();
    let mut out = Vec::new();
    assert_eq!(audit_export(dir.path(), &mut out).unwrap(), 3);
    let text = String::from_utf8(out).unwrap();
    assert!(!text.contains("CANARY"), "{text}");
    let stored = store.intents().get("a").await.unwrap().unwrap().outcome.unwrap();
    assert!(!stored.detail.to_string().contains("CANARY"));
    // What was exported is the chain, line for line.
    let rows: Vec<Row> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let end = store.audit().head().await.unwrap();
    assert_eq!(jarvis_core::audit::verify(&rows, &[end]), Ok(end));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_detail_that_is_too_long_is_cut_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let long = Draft { detail: format!("{{\"log\":\"{}\"}}", "ä".repeat(40_000)), ..draft(1) };
    let row = store.audit().append(long).await.unwrap();
    assert!(row.detail.len() < 8_192 && row.detail.contains("cut_from_bytes"), "{}", row.detail.len());
    assert!(serde_json::from_str::<serde_json::Value>(&row.detail).is_ok());
    assert_eq!(store.audit().verify(vec![]).await.unwrap().seq, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i28_a_full_database_refuses_to_begin_and_records_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let limits = Limits { history_bytes_max: 0, events_max: 100, slack_bytes: 1 << 20, ..Limits::default() };
    let store = Store::open(dir.path(), Clock, limits).unwrap();
    let mut big = intent("x", moment(1, 1));
    big.exact = serde_json::json!({ "body": "x".repeat(50_000) });
    let mut begun = 0_u64;
    let error = loop {
        big.id = format!("i{begun}");
        match store.intents().begin(big.clone()).await {
            Ok(row) => begun = row.seq,
            Err(error) => break error,
        }
        assert!(begun < 1_000, "the limit of the file does not hold");
    };
    assert!(matches!(error, StoreError::Database { trouble: Trouble::Full, .. }), "{error}");
    assert!(store.intents().get(&big.id).await.unwrap().is_none(), "a refused intent is not there");
    assert_eq!(store.intents().open().await.unwrap().len(), usize::try_from(begun).unwrap());
    assert_eq!(
        store.audit().verify(vec![]).await.unwrap().seq,
        begun,
        "intents and their rows are one to one"
    );
    assert!(store.healthy().is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i28_a_database_held_by_a_stranger_refuses_to_begin_within_its_wait() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let mut conn = stranger(dir.path());
    conn.batch_execute("BEGIN IMMEDIATE").unwrap();
    let refused = store.intents().begin(intent("a", moment(1, 1))).await;
    assert!(matches!(refused, Err(StoreError::Database { trouble: Trouble::Locked, .. })), "{refused:?}");
    assert!(store.intents().writable(moment(1, 2)).await.is_err());
    conn.batch_execute("ROLLBACK").unwrap();
    assert!(store.intents().get("a").await.unwrap().is_none());
    store.intents().writable(moment(1, 3)).await.unwrap();
    store.intents().begin(intent("a", moment(1, 4))).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i28_on_a_full_disk_nothing_begins_and_the_kill_switch_can_still_be_thrown() {
    let Some(disk) = super::writing::SmallDisk::mounted() else {
        eprintln!("skipped: only root may mount a small disk; the size limit of the file is tested above");
        return;
    };
    let store = open(&disk.0.path().join("data"));
    // Both halves: a large file that leaves a little, then whatever is left.
    let filler = std::fs::File::create(disk.0.path().join("filler")).unwrap();
    let fill = || while std::io::Write::write(&mut &filler, &[1; 4_096]).is_ok_and(|n| n > 0) {};
    let mut big = intent("x", moment(1, 1));
    big.exact = serde_json::json!({ "body": "x".repeat(50_000) });
    fill();
    let (mut begun, mut refused) = (Vec::new(), 0);
    for n in 0..50 {
        big.id = format!("i{n}");
        match store.intents().begin(big.clone()).await {
            Ok(_) => begun.push(big.id.clone()),
            Err(error) => {
                assert!(
                    matches!(error, StoreError::Database { trouble: Trouble::Full | Trouble::Disk, .. }),
                    "{error}"
                );
                refused += 1;
            }
        }
        fill();
    }
    assert!(refused > 0, "the small disk never fills");
    let open: Vec<_> = store.intents().open().await.unwrap().into_iter().map(|i| i.new.id).collect();
    assert_eq!(open, begun, "what was acknowledged, and nothing else");
    assert_eq!(store.audit().verify(vec![]).await.unwrap().seq, u64::try_from(begun.len()).unwrap());

    let switch = store.kill_switch();
    assert!(switch.set(false, "cli/uid-0", 1).is_err(), "off needs room");
    assert!(switch.set(true, "cli/uid-0", 1).unwrap().on);
    assert!(switch.read().map_or(true, |state| state.on), "missing counts as on");
    store.close().await.ok();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_carries_all_of_it_and_a_restored_store_stands_with_its_switch_on() {
    let dir = tempfile::tempdir().unwrap();
    let (data, copy, again) = (dir.path().join("data"), dir.path().join("b.db"), dir.path().join("again"));
    let store = open(&data);
    store.intents().begin(intent("a", moment(1, 1))).await.unwrap();
    store.standing().set_level(jarvis_core::policy::Level::Act, "human/anna").await.unwrap();
    let end = store.audit().head().await.unwrap();
    backup(&data, &copy).unwrap();
    restore(&again, &copy).unwrap();
    let back = open(&again);
    assert_eq!(back.audit().verify(vec![end]).await.unwrap(), end);
    assert_eq!(back.intents().open().await.unwrap(), store.intents().open().await.unwrap());
    assert_eq!(back.standing().read().await.unwrap(), store.standing().read().await.unwrap());
    let switch = back.kill_switch().read().unwrap();
    assert!(switch.on && switch.who == "restore", "{switch:?}");
    // The copy is guarded like the original.
    let mut conn = stranger(&again);
    assert!(diesel::sql_query("DELETE FROM audit").execute(&mut conn).is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_of_the_version_before_is_brought_up_to_date_and_counts_as_killed() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    store.events().append(vec![super::event("kept")]).await.unwrap();
    store.close().await.unwrap();
    // As the version before left it: without what came since.
    stranger(dir.path())
        .batch_execute(
            "DROP TABLE audit; DROP TABLE approvals; DROP TABLE intents; DROP TABLE boots; DROP TABLE trust; \
             DROP TABLE scores; DROP TABLE standing; \
             DELETE FROM __diesel_schema_migrations WHERE version >= '20261122000003'",
        )
        .unwrap();
    std::fs::remove_file(dir.path().join("kill-switch")).unwrap();
    let error = audit_verify(dir.path(), vec![]).unwrap_err();
    assert!(matches!(error, StoreError::Older { .. }), "{error}");

    let store = open(dir.path());
    assert_eq!(store.events().last_id().await.unwrap(), 1);
    store.audit().append(draft(1)).await.unwrap();
    assert_eq!(store.audit().verify(vec![]).await.unwrap().seq, 1);
    assert!(store.kill_switch().read().is_err(), "nobody has ever set it: it counts as on");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn i29_any_single_change_to_any_field_of_any_row_is_found(
        seq in 1_usize..8, field in prop::sample::select(&["at_ms", "kind", "who", "subject", "detail", "prev", "hash"][..]),
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let checkpoint = runtime.block_on(filled(dir.path(), 7));
        let value = match field {
            "at_ms" => "at_ms + 1",
            "kind" => "'started'",
            "prev" | "hash" => "zeroblob(31) || x'01'",
            _ => "'x'",
        };
        let value = if matches!(field, "prev" | "hash") { "CAST(zeroblob(31) || x'01' AS BLOB)" } else { value };
        stranger(dir.path()).batch_execute(&format!("{UNGUARD} UPDATE audit SET {field} = {value} WHERE seq = {seq}")).unwrap();
        prop_assert!(audit_verify(dir.path(), vec![checkpoint]).is_err());
        prop_assert!(audit_verify(dir.path(), vec![]).is_err());
    }
}

/// Without anybody's log: the checkpoint kept beside the database is enough.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i29_rows_cut_off_before_the_kept_checkpoint_are_found_by_every_walk_from_the_first_row() {
    for cut in ["DELETE FROM audit WHERE seq > 4", "DELETE FROM audit"] {
        let dir = tempfile::tempdir().unwrap();
        let checkpoint = filled(dir.path(), 6).await;
        let store = open(dir.path());
        store.audit().keep(checkpoint).await.unwrap();
        assert_eq!(store.audit().verify(vec![]).await.unwrap(), checkpoint);
        store.close().await.unwrap();
        assert_eq!(audit_verify(dir.path(), vec![]).unwrap(), checkpoint);

        stranger(dir.path()).batch_execute(&format!("{UNGUARD} {cut}")).unwrap();
        let found = audit_verify(dir.path(), vec![]);
        assert!(
            matches!(found, Err(StoreError::Audit(Broken::Truncated { checkpoint: 6, .. }))),
            "{cut}: {found:?}"
        );
        let store = open(dir.path());
        assert!(store.audit().verify(vec![]).await.is_err(), "{cut}");
        // I28: although the next row could be written.
        assert!(store.intents().writable(moment(1, 1)).await.is_err(), "{cut}");
        assert!(store.intents().begin(intent("a", moment(1, 1))).await.is_err(), "{cut}");
        store.close().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i28_a_database_that_was_moved_away_takes_no_intent() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    store.intents().writable(moment(1, 1)).await.unwrap();
    let (file, aside) = (dir.path().join("jarvis.db"), dir.path().join("aside.db"));
    std::fs::rename(&file, &aside).unwrap();
    for other in [false, true] {
        if other {
            std::fs::copy(&aside, &file).unwrap();
        }
        let refused = store.intents().begin(intent("a", moment(1, 1))).await;
        assert!(matches!(refused, Err(StoreError::Displaced { .. })), "{refused:?}");
        assert!(store.healthy().unwrap_err().contains("moved"));
        std::fs::remove_file(&file).ok();
    }
    std::fs::rename(&aside, &file).unwrap();
    store.intents().begin(intent("a", moment(1, 1))).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i28_a_log_that_was_taken_away_is_noticed_and_a_stop_in_order_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let log = dir.path().join("jarvis.db-wal");
    for (id, other) in [("a", false), ("b", true)] {
        store.intents().begin(intent(id, moment(1, 1))).await.unwrap();
        let kept = dir.path().join("kept");
        std::fs::rename(&log, &kept).unwrap();
        if other {
            std::fs::write(&log, "").unwrap();
        }
        let refused = store.intents().begin(intent("refused", moment(1, 1))).await;
        assert!(matches!(refused, Err(StoreError::Displaced { .. })), "{refused:?}");
        assert!(store.healthy().unwrap_err().contains("jarvis.db-wal"));
        std::fs::rename(&kept, &log).unwrap();
    }
    store.intents().begin(intent("c", moment(1, 1))).await.unwrap();
    std::fs::remove_file(&log).unwrap();
    std::fs::remove_file(dir.path().join("jarvis.db-shm")).unwrap();
    assert!(store.intents().begin(intent("refused", moment(1, 1))).await.is_err());
    store.close().await.unwrap();
    drop(store);
    let known: Vec<String> =
        open(dir.path()).intents().recent(10).await.unwrap().into_iter().map(|known| known.new.id).collect();
    assert_eq!(known.len(), 3, "{known:?}");
}
