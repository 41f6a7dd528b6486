//! Accounts, sessions, tokens, attempts, settings.

use super::open;
use crate::{
    clock::Clock,
    store::{By, NewSession, NewToken, PasswordHash, SecretHash, Store, Verdict},
};

fn hash(text: &str) -> PasswordHash {
    PasswordHash::new(format!("$argon2id${text}"))
}

async fn session(store: &Store, secret: &str, lasts_ms: i64) -> SecretHash {
    let hash = SecretHash::of(secret.as_bytes());
    let now_ms = Clock.now_ms();
    let new = NewSession {
        hash,
        account: "operator".into(),
        expires_ms: now_ms + lasts_ms,
        fresh_until_ms: 77,
        address: "10.0.0.9".into(),
        user_agent: "a browser\n".repeat(100),
    };
    store.sessions().create(new).await.unwrap();
    hash
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_set_ups_at_once_one_succeeds() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    assert!(store.users().none_exist().await.unwrap());
    let tries: Vec<_> = (0..10)
        .map(|n| {
            let store = store.clone();
            tokio::spawn(async move {
                store.users().create_first(&format!("u{n}"), hash("x"), &By::cli(0)).await.unwrap()
            })
        })
        .collect();
    let mut made = 0;
    for t in tries {
        made += usize::from(t.await.unwrap());
    }
    assert_eq!(made, 1);
    assert_eq!(store.users().names().await.unwrap().len(), 1);
    assert!(!store.users().none_exist().await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_password_ends_every_session() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    assert!(store.users().create("operator", hash("one")).await.unwrap());
    assert!(!store.users().create("operator", hash("two")).await.unwrap());
    assert_eq!(store.users().password_hash("operator").await.unwrap(), Some(hash("one")));
    let cookie = session(&store, "s", 60_000).await;
    assert!(store.sessions().find(cookie).await.unwrap().is_some());
    assert!(store.users().set_password("operator", hash("two"), &By::cli(0)).await.unwrap());
    assert!(store.sessions().find(cookie).await.unwrap().is_none());
    assert_eq!(store.users().password_hash("operator").await.unwrap(), Some(hash("two")));
    assert!(!store.users().set_password("nobody", hash("two"), &By::cli(0)).await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_lives_until_it_expires_or_is_ended() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    store.users().create("operator", hash("one")).await.unwrap();
    let expired = session(&store, "old", -1).await;
    let alive = session(&store, "new", 60_000).await;
    assert!(store.sessions().find(expired).await.unwrap().is_none());
    let found = store.sessions().find(alive).await.unwrap().unwrap();
    assert_eq!(found.account, "operator");
    assert!(!found.user_agent.contains('\n') && found.user_agent.chars().count() == 200);
    assert!(store.sessions().find(SecretHash::of(b"guess")).await.unwrap().is_none());
    assert_eq!(found.fresh_until_ms, 77);
    assert_eq!(store.sessions().list("operator").await.unwrap().len(), 1);
    assert_eq!(store.sessions().prune().await.unwrap(), 1);
    assert!(store.sessions().end(alive).await.unwrap());
    assert!(!store.sessions().end(alive).await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_for_no_account_is_refused_and_hurts_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let new = NewSession {
        hash: SecretHash::of(b"x"),
        account: "nobody".into(),
        expires_ms: i64::MAX,
        fresh_until_ms: 0,
        address: String::new(),
        user_agent: String::new(),
    };
    let error = store.sessions().create(new).await.unwrap_err().to_string();
    assert!(error.contains("begin a session"), "{error}");
    assert_eq!(store.healthy(), Ok(()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_oldest_session_gives_way_to_the_fifty_first() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    store.users().create("operator", hash("one")).await.unwrap();
    for n in 0..55 {
        session(&store, &format!("s{n}"), 60_000).await;
    }
    assert_eq!(store.sessions().list("operator").await.unwrap().len(), 50);
    assert_eq!(store.sessions().end_all("operator").await.unwrap(), 50);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_found_by_its_secret_until_it_is_revoked_or_over() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let new = |name: &str, secret: &str, lasts_ms: i64| NewToken {
        name: name.into(),
        hash: SecretHash::of(secret.as_bytes()),
        scopes: vec!["read".into(), "metrics".into()],
        expires_ms: Clock.now_ms() + lasts_ms,
    };
    let token = store.tokens().create(new("grafana", "a", 60_000), &By::cli(0)).await.unwrap();
    store.tokens().create(new("over", "b", -1), &By::cli(0)).await.unwrap();
    assert_eq!(token.scopes, ["read", "metrics"]);
    let found = store.tokens().find(SecretHash::of(b"a")).await.unwrap().unwrap();
    assert_eq!(found, token);
    store.tokens().touch(&found).await.unwrap();
    assert!(store.tokens().find(SecretHash::of(b"a")).await.unwrap().unwrap().last_used_ms.is_some());
    assert!(store.tokens().find(SecretHash::of(b"b")).await.unwrap().is_none());
    assert!(store.tokens().revoke(token.id, &By::cli(0)).await.unwrap());
    assert!(!store.tokens().revoke(token.id, &By::cli(0)).await.unwrap());
    assert!(store.tokens().find(SecretHash::of(b"a")).await.unwrap().is_none());
    assert_eq!(store.tokens().list().await.unwrap().len(), 2);
    let bad = NewToken { scopes: vec!["read act".into()], ..new("x", "c", 1) };
    assert!(store.tokens().create(bad, &By::cli(0)).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_guesses_at_once_only_the_allowed_number_gets_through() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let tries: Vec<_> = (0..40)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(
                async move { store.attempts().begin("operator", "10.0.0.9", 900_000, 5).await.unwrap() },
            )
        })
        .collect();
    let mut allowed = 0;
    for t in tries {
        match t.await.unwrap() {
            Verdict::Allowed => allowed += 1,
            Verdict::LockedUntil(ms) => {
                assert!(ms > Clock.now_ms() + 800_000 && ms <= Clock.now_ms() + 900_000)
            }
        }
    }
    assert_eq!(allowed, 5);
    store.close().await.unwrap();
    let store = open(dir.path());
    let again = store.attempts().begin("operator", "10.0.0.9", 900_000, 5).await.unwrap();
    assert!(matches!(again, Verdict::LockedUntil(_)), "a restart must not unlock");
    let elsewhere = store.attempts().begin("operator", "10.0.0.8", 900_000, 5).await.unwrap();
    assert_eq!(elsewhere, Verdict::Allowed);
    store.attempts().clear("operator", "10.0.0.9").await.unwrap();
    let cleared = store.attempts().begin("operator", "10.0.0.9", 900_000, 5).await.unwrap();
    assert_eq!(cleared, Verdict::Allowed);
    assert_eq!(store.attempts().prune(900_000).await.unwrap(), 0);
    assert_eq!(store.attempts().prune(-1_000).await.unwrap(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_setting_comes_back_and_one_of_another_shape_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    assert_eq!(store.settings().get::<u32>("level").await.unwrap(), None);
    store.settings().put("level", &3u32).await.unwrap();
    store.settings().put("level", &2u32).await.unwrap();
    assert_eq!(store.settings().get::<u32>("level").await.unwrap(), Some(2));
    let error = store.settings().get::<Vec<String>>("level").await.unwrap_err().to_string();
    assert!(error.contains("level"), "{error}");
    assert!(store.settings().put("long", &"x".repeat(70_000)).await.is_err());
    assert!(store.settings().remove("level").await.unwrap());
    assert_eq!(store.settings().get::<u32>("level").await.unwrap(), None);
}

#[test]
fn secrets_are_not_printed() {
    let text = format!("{:?} {:?}", SecretHash::of(b"canary"), PasswordHash::new("canary".into()));
    assert!(!text.contains("canary") && !text.contains("[") && !text.contains("argon"), "{text}");
}
