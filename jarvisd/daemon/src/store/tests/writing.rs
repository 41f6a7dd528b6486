//! The writer: batches, failing commands, a full disk, the end.

use std::process::Command;

use diesel::prelude::*;

use super::{event, open};
use crate::{
    clock::Clock,
    store::{Limits, Store, StoreError, Trouble, schema::events},
};

/// Event numbers in the table, read on a connection.
async fn ids(store: &Store) -> Vec<i64> {
    store
        .read("test", |conn| Ok(events::table.select(events::id).order(events::id).load(conn)?))
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_that_fails_in_a_batch_fails_alone_and_leaves_no_gap() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let tasks: Vec<_> = (0..60)
        .map(|n| {
            let store = store.clone();
            tokio::spawn(async move {
                if n % 3 == 0 {
                    let failed = store
                        .write("fail", move |conn| {
                            // Takes a number, then breaks a rule: both must be undone.
                            diesel::sql_query(
                                "INSERT INTO events (ts_ms, kind, severity, source, title) \
                                VALUES (1, 'system', 0, 'sys', 'doomed')",
                            )
                            .execute(conn)?;
                            diesel::sql_query(
                                "INSERT INTO settings (key, value, changed_ms) VALUES ('k', NULL, 1)",
                            )
                            .execute(conn)?;
                            Ok(())
                        })
                        .await;
                    assert!(matches!(failed, Err(StoreError::Database { .. })));
                } else {
                    store.events().append(vec![event("good")]).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(ids(&store).await, (1..=40).collect::<Vec<_>>());
    assert_eq!(store.healthy(), Ok(()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_that_breaks_the_transaction_takes_no_other_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let tasks: Vec<_> = (0..40)
        .map(|n| {
            let store = store.clone();
            tokio::spawn(async move {
                if n == 7 {
                    // What SQLite itself does on an I/O error: the whole transaction is gone.
                    let broken = store.write("break", |conn| {
                        diesel::sql_query("ROLLBACK").execute(conn)?;
                        diesel::sql_query("SELECT no_such_thing").execute(conn)?;
                        Ok(())
                    });
                    assert!(broken.await.is_err());
                } else {
                    store.events().append(vec![event("good")]).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(ids(&store).await, (1..=39).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_database_says_so_loses_nothing_and_goes_on_when_there_is_room() {
    let dir = tempfile::tempdir().unwrap();
    let limits = Limits { history_bytes_max: 0, events_max: 100, slack_bytes: 4 << 20, ..Limits::default() };
    let store = Store::open(dir.path(), Clock, limits).unwrap();
    let mut long = event("long");
    long.detail = Some("x".repeat(4_000));
    let mut stored = 0;
    let error = loop {
        match store.events().append(vec![long.clone(); 400]).await {
            Ok(_) => stored += 400,
            Err(e) => break e,
        }
        assert!(stored < 40_000, "the limit of the file does not hold");
    };
    assert!(matches!(error, StoreError::Database { trouble: Trouble::Full, .. }), "{error}");
    let reason = store.healthy().unwrap_err();
    assert!(reason.contains("disk is full") && reason.contains("jarvis.db"), "{reason}");
    assert_eq!(ids(&store).await, (1..=stored).collect::<Vec<_>>());
    let bytes = std::fs::metadata(dir.path().join("jarvis.db")).unwrap().len();
    assert!(bytes <= u64::try_from(limits.database_bytes_max()).unwrap(), "{bytes}");

    assert!(store.events().retain().await.unwrap() > 0);
    assert_eq!(store.healthy(), Ok(()));
    assert_eq!(store.events().append(vec![long]).await.unwrap()[0].id, stored + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_closing_every_call_says_so_and_the_log_is_folded_in() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    store.events().append(vec![event("a")]).await.unwrap();
    store.flush().await.unwrap();
    store.close().await.unwrap();
    store.close().await.unwrap();
    assert!(matches!(store.events().append(vec![event("b")]).await, Err(StoreError::Closed { .. })));
    assert!(matches!(store.events().last_id().await, Err(StoreError::Closed { .. })));
    assert!(store.healthy().unwrap_err().contains("closed"));
    let wal = std::fs::metadata(dir.path().join("jarvis.db-wal")).map_or(0, |m| m.len());
    assert_eq!(wal, 0);
}

/// A file system of its own, so small that it fills. Only root may mount one.
pub(super) struct SmallDisk(pub tempfile::TempDir);

impl SmallDisk {
    pub fn mounted() -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let mount =
            Command::new("mount").args(["-t", "tmpfs", "-o", "size=6m", "tmpfs"]).arg(dir.path()).output();
        mount.is_ok_and(|out| out.status.success()).then_some(Self(dir))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let done = Command::new("umount").arg("--lazy").arg(self.0.path()).status();
        assert!(done.is_ok_and(|status| status.success()), "the small disk stays mounted");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_told_nothing_is_lost_and_writing_resumes_when_there_is_room() {
    let Some(disk) = SmallDisk::mounted() else {
        eprintln!("skipped: only root may mount a small disk; the size limit of the file is tested above");
        return;
    };
    let dir = disk.0.path().join("data");
    let store = open(&dir);
    let filler = disk.0.path().join("filler");
    std::fs::write(&filler, vec![1; 3 << 20]).unwrap();
    let mut long = event("long");
    long.detail = Some("x".repeat(4_000));
    let mut stored = 0;
    let error = loop {
        match store.events().append(vec![long.clone(); 20]).await {
            Ok(_) => stored += 20,
            Err(e) => break e,
        }
        assert!(stored < 4_000, "the small disk never fills");
    };
    let StoreError::Database { trouble, .. } = &error else { panic!("{error}") };
    assert!(matches!(trouble, Trouble::Full | Trouble::Disk), "{error}");
    assert!(store.healthy().is_err());
    assert_eq!(ids(&store).await, (1..=stored).collect::<Vec<_>>(), "reading goes on");

    std::fs::remove_file(&filler).unwrap();
    assert_eq!(store.events().append(vec![event("room")]).await.unwrap()[0].id, stored + 1);
    assert_eq!(store.healthy(), Ok(()));
    store.close().await.unwrap();
    let store = open(&dir);
    assert_eq!(store.events().last_id().await.unwrap(), stored + 1);
    store.close().await.unwrap();
}
