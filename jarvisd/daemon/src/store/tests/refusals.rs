//! What is not opened, and that it is left exactly as it was.

use std::{fs, path::Path};

use diesel::{Connection, SqliteConnection, connection::SimpleConnection};

use super::{event, open, refused};
use crate::store::StoreError;

async fn filled(dir: &Path) {
    let store = open(dir);
    for _ in 0..20 {
        store.events().append(vec![event("something to lose"); 100]).await.unwrap();
    }
    store.close().await.unwrap();
}

/// Opening is refused, the words name the file and a way out, and the bytes are as before.
fn refused_untouched(dir: &Path) -> StoreError {
    let file = dir.join("jarvis.db");
    let before = fs::read(&file).unwrap();
    let error = refused(dir);
    assert!(fs::read(&file).unwrap() == before, "a refused database was changed");
    let text = error.to_string();
    assert!(text.contains("jarvis.db") && text.contains("nothing was changed"), "{text}");
    assert!(text.contains("restore") || text.contains("install"), "it must say what to do: {text}");
    error
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_daemon_on_the_directory_is_refused_until_the_first_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let error = refused(dir.path());
    assert!(matches!(error, StoreError::InUse { .. }));
    assert!(error.to_string().contains(&std::process::id().to_string()), "{error}");
    for _ in 0..2 {
        fs::remove_file(dir.path().join("jarvis.lock")).unwrap();
        assert!(matches!(refused(dir.path()), StoreError::InUse { .. }), "a lock that was tidied away");
    }
    assert_eq!(store.events().append(vec![event("still mine")]).await.unwrap()[0].id, 1);
    store.close().await.unwrap();
    assert_eq!(open(dir.path()).events().last_id().await.unwrap(), 1);
}

#[test]
fn a_link_in_place_of_the_lock_leads_nowhere() {
    let dir = tempfile::tempdir().unwrap();
    let victim = dir.path().join("victim");
    fs::write(&victim, "not ours").unwrap();
    let data = dir.path().join("data");
    fs::create_dir(&data).unwrap();
    std::os::unix::fs::symlink(&victim, data.join("jarvis.lock")).unwrap();
    assert!(matches!(refused(&data), StoreError::Directory { .. }));
    assert_eq!(fs::read_to_string(&victim).unwrap(), "not ours");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_truncated_database_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path()).await;
    let file = dir.path().join("jarvis.db");
    let whole = fs::read(&file).unwrap();
    for length in [0, 10, 100, 4_096, whole.len() / 2, whole.len() - 4_096] {
        fs::write(&file, &whole[..length]).unwrap();
        let error = refused_untouched(dir.path());
        assert!(
            matches!(error, StoreError::Corrupt { .. } | StoreError::Foreign { .. }),
            "{length}: {error}"
        );
    }
    fs::write(&file, &whole).unwrap();
    assert_eq!(open(dir.path()).events().last_id().await.unwrap(), 2_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flipped_bytes_in_the_structure_of_a_page_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path()).await;
    let file = dir.path().join("jarvis.db");
    let whole = fs::read(&file).unwrap();
    let mut refused = 0;
    let pages: Vec<usize> = (1..whole.len() / 4_096).step_by(7).collect();
    for page in &pages {
        let mut bytes = whole.clone();
        // Type, free block, cell count and content start of the page's header.
        for byte in &mut bytes[page * 4_096..page * 4_096 + 8] {
            *byte ^= 0xA5;
        }
        fs::write(&file, &bytes).unwrap();
        refused_untouched(dir.path());
        refused += 1;
    }
    assert!(refused >= 10, "too small a database to say anything: {refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_of_somebody_else_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("jarvis.db");
    fs::write(&file, "# my notes\n".repeat(1_000)).unwrap();
    assert!(matches!(refused_untouched(dir.path()), StoreError::Foreign { .. }));
    fs::remove_file(&file).unwrap();
    let mut conn = SqliteConnection::establish(file.to_str().unwrap()).unwrap();
    conn.batch_execute("CREATE TABLE photos (id INTEGER); INSERT INTO photos VALUES (1)").unwrap();
    drop(conn);
    assert!(matches!(refused_untouched(dir.path()), StoreError::Foreign { .. }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newer_schema_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path()).await;
    let mut conn = SqliteConnection::establish(dir.path().join("jarvis.db").to_str().unwrap()).unwrap();
    conn.batch_execute("INSERT INTO __diesel_schema_migrations (version) VALUES ('29990101000000')").unwrap();
    conn.batch_execute("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    drop(conn);
    let error = refused_untouched(dir.path());
    assert!(matches!(&error, StoreError::Newer { found, .. } if found == "29990101000000"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_of_a_database_is_refused_and_no_new_one_is_made() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path()).await;
    fs::rename(dir.path().join("jarvis.db"), dir.path().join("elsewhere.db")).unwrap();
    fs::write(dir.path().join("jarvis.db-wal"), "frames").unwrap();
    assert!(matches!(refused(dir.path()), StoreError::Halved { .. }));
    assert!(!dir.path().join("jarvis.db").exists());
}

#[test]
fn a_data_directory_that_is_a_file_or_cannot_be_made_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "x").unwrap();
    for bad in [file.clone(), file.join("below"), Path::new("/proc/jarvisd").to_owned()] {
        let error = refused(&bad);
        assert!(matches!(error, StoreError::Directory { .. }), "{error}");
        assert!(error.to_string().contains(bad.to_str().unwrap()), "{error}");
    }
}

#[test]
fn a_read_only_data_directory_is_refused() {
    // Permission bits do not stop root, a file system that cannot be written to stops everybody.
    let error = refused(Path::new("/sys/kernel"));
    assert!(matches!(error, StoreError::Directory { .. }), "{error}");
    assert!(error.to_string().contains("may write to"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupted_first_start_is_simply_done_again() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("jarvis.db.new"), "half").unwrap();
    let store = open(dir.path());
    assert_eq!(store.events().append(vec![event("a")]).await.unwrap()[0].id, 1);
    assert!(!dir.path().join("jarvis.db.new").exists());
}

#[test]
fn the_database_is_for_its_owner_only_and_odd_names_of_directories_are_fine() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let odd = dir.path().join("what? 100% #1 ü");
    let _store = open(&odd);
    let mode = fs::metadata(odd.join("jarvis.db")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(fs::metadata(&odd).unwrap().permissions().mode() & 0o777, 0o700);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damage_in_a_large_file_that_was_closed_in_order_is_found_after_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let mut long = event("something to lose");
    long.detail = Some("x".repeat(3_900));
    for _ in 0..30 {
        store.events().append(vec![long.clone(); 100]).await.unwrap();
    }
    store.close().await.unwrap();
    let file = dir.path().join("jarvis.db");
    let mut bytes = fs::read(&file).unwrap();
    assert!(bytes.len() > 9 << 20);
    let page = bytes.len() / 4_096 / 2 * 4_096;
    bytes[page..page + 8].iter_mut().for_each(|byte| *byte ^= 0xA5);
    fs::write(&file, &bytes).unwrap();
    let store = open(dir.path());
    assert_eq!(store.healthy(), Ok(()));
    let error = store.maintain().await.unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
    // A write elsewhere works and does not make it well again.
    store.settings().put("level", &1).await.unwrap();
    assert!(store.healthy().unwrap_err().contains("damaged"), "{:?}", store.healthy());
    store.close().await.unwrap();
    // One byte more or less is seen at once, whatever the size.
    fs::write(&file, &bytes[..bytes.len() - 1]).unwrap();
    assert!(matches!(refused_untouched(dir.path()), StoreError::Corrupt { .. }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_promised_is_there_after_a_stop_without_warning() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir.path().join("data"));
    store.events().append(vec![event("promised"); 50]).await.unwrap();
    // The files as a power cut would leave them: a log, never folded in.
    let copy = dir.path().join("copy");
    fs::create_dir(&copy).unwrap();
    for name in ["jarvis.db", "jarvis.db-wal"] {
        fs::copy(dir.path().join("data").join(name), copy.join(name)).unwrap();
    }
    assert!(fs::metadata(copy.join("jarvis.db-wal")).unwrap().len() > 0);
    let after = open(&copy);
    assert_eq!(after.events().last_id().await.unwrap(), 50);
    after.close().await.unwrap();
    // A log torn in its last frame loses what was being written, and nothing before it.
    let wal = fs::read(dir.path().join("data/jarvis.db-wal")).unwrap();
    let torn = dir.path().join("torn");
    fs::create_dir(&torn).unwrap();
    fs::copy(dir.path().join("data/jarvis.db"), torn.join("jarvis.db")).unwrap();
    fs::write(torn.join("jarvis.db-wal"), &wal[..wal.len() - 100]).unwrap();
    let last = open(&torn).events().last_id().await.unwrap();
    assert!(last == 0 || last == 50, "half of a batch came back: {last}");
}
