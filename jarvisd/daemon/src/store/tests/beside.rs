//! A second process on the same database: here a second store on the same directory, which meets the same locks.

use diesel::Connection;

use super::{acting::draft, event, open};
use crate::{
    clock::Clock,
    store::{By, Limits, NewToken, SecretHash, Store, StoreError},
};

fn join(dir: &std::path::Path) -> Result<Store, StoreError> {
    Store::open_or_join(dir, Clock, Limits::default())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_that_write_at_once_make_one_chain_and_lose_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let owner = open(dir.path());
    let beside = join(dir.path()).unwrap();
    let tasks: Vec<_> = (0..200)
        .map(|n| {
            let store = if n % 4 == 0 { beside.clone() } else { owner.clone() };
            tokio::spawn(async move { store.audit().append(draft(n)).await.unwrap().seq })
        })
        .collect();
    let mut numbers = Vec::new();
    for task in tasks {
        numbers.push(task.await.unwrap());
    }
    numbers.sort_unstable();
    assert!(numbers.into_iter().eq(1..=200));
    assert_eq!(owner.audit().verify(vec![]).await.unwrap().seq, 200);
    beside.close().await.unwrap();
    owner.audit().append(draft(201)).await.unwrap();
    assert_eq!((owner.healthy(), owner.audit().verify(vec![]).await.unwrap().seq), (Ok(()), 201));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_owner_notices_what_others_wrote_and_only_that() {
    let dir = tempfile::tempdir().unwrap();
    let owner = open(dir.path());
    let mut events = owner.events().stream();
    assert!(!owner.joined_by_others().await.unwrap());
    owner.events().append(vec![event("own")]).await.unwrap();
    assert!(!owner.joined_by_others().await.unwrap(), "its own writes are none of others");
    assert_eq!(events.recv().await.unwrap().id, 1);

    let beside = join(dir.path()).unwrap();
    assert!(!owner.joined_by_others().await.unwrap(), "looking is not writing");
    let new = NewToken {
        name: "t".into(),
        hash: SecretHash::of(b"secret"),
        scopes: vec!["read".into()],
        expires_ms: i64::MAX,
    };
    let token = beside.tokens().create(new, &By::cli(0)).await.unwrap();
    beside.events().append(vec![event("theirs")]).await.unwrap();
    assert!(owner.tokens().find(SecretHash::of(b"secret")).await.unwrap().is_some(), "at once");
    assert!(owner.joined_by_others().await.unwrap());
    assert!(!owner.joined_by_others().await.unwrap());
    assert_eq!(events.recv().await.unwrap().id, 2, "listeners hear of it");
    beside.tokens().revoke(token.id, &By::cli(0)).await.unwrap();
    assert!(owner.tokens().find(SecretHash::of(b"secret")).await.unwrap().is_none(), "at once");
    let rows = owner.audit().page(None, 10).await.unwrap().rows;
    assert!(rows.len() == 2 && rows.iter().all(|row| row.who == "cli/uid-0" && row.subject == "token/1"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_joins_a_database_of_another_version_and_nothing_is_made_beside_an_owner() {
    use diesel::connection::SimpleConnection;
    let dir = tempfile::tempdir().unwrap();
    let owner = open(dir.path());
    let file = dir.path().join("jarvis.db");
    let mut conn = diesel::SqliteConnection::establish(file.to_str().unwrap()).unwrap();
    let newest = "(SELECT max(version) FROM __diesel_schema_migrations)";
    conn.batch_execute(&format!(
        "CREATE TABLE kept AS SELECT * FROM __diesel_schema_migrations WHERE version = {newest};
         DELETE FROM __diesel_schema_migrations WHERE version = {newest}"
    ))
    .unwrap();
    assert!(matches!(join(dir.path()), Err(StoreError::Older { .. })));
    conn.batch_execute(
        "INSERT INTO __diesel_schema_migrations SELECT * FROM kept;
         INSERT INTO __diesel_schema_migrations (version) VALUES ('99990101000000')",
    )
    .unwrap();
    assert!(matches!(join(dir.path()), Err(StoreError::Newer { .. })));
    drop(owner);

    let starting = tempfile::tempdir().unwrap();
    let files = crate::store::directory::Files::prepare(starting.path()).unwrap();
    let _lock = files.lock().unwrap();
    assert!(matches!(join(starting.path()), Err(StoreError::Directory { .. })));
    assert!(!starting.path().join("jarvis.db").exists());
}
