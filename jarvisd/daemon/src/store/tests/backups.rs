//! Copies while writing goes on, and putting them back.

use std::fs;

use super::{event, open};
use crate::store::{StoreError, backup, restore};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_made_while_events_arrive_is_whole_and_restores() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir.path().join("data"));
    store.events().append(vec![event("before"); 500]).await.unwrap();
    store.settings().put("level", &3).await.unwrap();
    let busy = {
        let store = store.clone();
        tokio::spawn(async move {
            for _ in 0..50 {
                store.events().append(vec![event("meanwhile"); 20]).await.unwrap();
            }
        })
    };
    let file = dir.path().join("backup.db");
    store.backup_to(file.clone()).await.unwrap();
    busy.await.unwrap();
    assert!(matches!(store.backup_to(file.clone()).await, Err(StoreError::Exists { .. })));

    let elsewhere = dir.path().join("restored");
    restore(&elsewhere, &file).unwrap();
    let restored = open(&elsewhere);
    let last = restored.events().last_id().await.unwrap();
    assert!((500..=1_500).contains(&last) && last % 20 == 0, "a batch was torn: {last}");
    assert_eq!(restored.settings().get::<i32>("level").await.unwrap(), Some(3));
    assert_eq!(restored.events().append(vec![event("on")]).await.unwrap()[0].id, last + 1);
    let names: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|f| f.unwrap().file_name()).collect();
    assert_eq!(names.len(), 3, "nothing else is left behind: {names:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_line_backs_up_beside_a_running_store_and_without_one() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let store = open(&data);
    store.events().append(vec![event("a")]).await.unwrap();
    backup(&data, &dir.path().join("one.db")).unwrap();
    store.events().append(vec![event("b")]).await.unwrap();
    store.close().await.unwrap();
    backup(&data, &dir.path().join("two.db")).unwrap();
    restore(&dir.path().join("r"), &dir.path().join("two.db")).unwrap();
    assert_eq!(open(&dir.path().join("r")).events().last_id().await.unwrap(), 2);
    let nothing = backup(dir.path(), &dir.path().join("three.db")).unwrap_err().to_string();
    assert!(nothing.contains("no database"), "{nothing}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restore_over_a_database_or_from_a_damaged_file_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let store = open(&data);
    store.events().append(vec![event("mine"); 300]).await.unwrap();
    let file = dir.path().join("b.db");
    store.backup_to(file.clone()).await.unwrap();
    assert!(matches!(restore(&data, &file), Err(StoreError::InUse { .. })));
    store.close().await.unwrap();
    assert!(matches!(restore(&data, &file), Err(StoreError::Exists { .. })));
    assert_eq!(open(&data).events().last_id().await.unwrap(), 300);

    let mut bytes = fs::read(&file).unwrap();
    bytes.truncate(bytes.len() / 2);
    let torn = dir.path().join("torn.db");
    fs::write(&torn, bytes).unwrap();
    let empty = dir.path().join("empty");
    let error = restore(&empty, &torn).unwrap_err();
    assert!(matches!(&error, StoreError::Corrupt { file, .. } if *file == torn), "{error}");
    fs::write(&torn, "hello").unwrap();
    assert!(matches!(restore(&empty, &torn), Err(StoreError::Foreign { .. })));
    restore(&empty, &file).unwrap();
}

#[test]
fn a_device_is_no_backup_and_fills_no_disk() {
    let dir = tempfile::tempdir().unwrap();
    for endless in ["/dev/zero", "/dev/null"] {
        let error = restore(&dir.path().join("data"), endless.as_ref()).unwrap_err().to_string();
        assert!(error.contains(endless) && error.contains("no regular file"), "{error}");
    }
}
