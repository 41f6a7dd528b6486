//! Keeps the door: log-in, set-up, sessions and tokens, over the store. The daemon and the command line use it.
//!
//! Hashing a password costs 46 MiB and tens of milliseconds on purpose, so it runs on the blocking pool, one at
//! a time, with a short queue in front: a flood of log-ins cannot eat the machine.

use std::{path::Path, sync::Arc, time::Duration};

use jarvis_core::protocol::{EventKind, EventSource, NewEvent, Severity};
use thiserror::Error;
use tokio::sync::{Semaphore, SemaphorePermit, broadcast};

use super::{
    OPERATOR, Plain, Scope, Scopes,
    lockout::{self, ANYWHERE},
    password::{self, PasswordError},
    secret::RandomError,
    session::{self, Times},
    set_up::{Offer, SetUp},
};
use crate::{
    clock::Clock,
    config,
    store::{By, NewSession, NewToken, PasswordHash, SecretHash, Session, Store, StoreError, Token, Verdict},
};

/// Log-ins that may wait for their turn; the next is told to come back.
const WAITING_MAX: usize = 8;
/// Longest wait for a turn: several slow hashes on a small machine.
const TURN_WAIT: Duration = Duration::from_secs(5);
/// Listeners that fall behind look everything up again, so few need to be kept.
const ENDED_BEHIND_MAX: usize = 64;
/// A token nobody renews ends some day.
pub const TOKEN_DAYS_DEFAULT: u16 = 365;
pub const TOKEN_DAYS_MAX: u16 = 3_650;

const DAY_MS: i64 = 86_400_000;

#[derive(Debug, Error)]
pub enum AccessError {
    #[error("the password or token is wrong")]
    BadCredentials,
    #[error("too many wrong attempts; wait {wait_s} s")]
    LockedOut { wait_s: i64 },
    #[error("too many log-ins at once; try again in a moment")]
    Busy,
    #[error("this Jarvis is set up already; log in instead")]
    AlreadySetUp,
    #[error("there is no operator yet; set Jarvis up first")]
    NotSetUp,
    #[error(transparent)]
    Password(#[from] PasswordError),
    #[error(transparent)]
    Random(#[from] RandomError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(
        "the set-up token cannot be written to {file}: {source}; check the data directory's owner and space"
    )]
    Offer { file: String, source: std::io::Error },
    #[error("password hashing was interrupted; try again")]
    Interrupted,
}

/// Where an attempt comes from.
#[derive(Debug, Clone)]
pub struct From {
    /// The address, as shown to people.
    pub address: String,
    /// The name its attempts are counted under.
    pub bucket: String,
    pub user_agent: String,
}

impl From {
    /// The operator, from this address.
    pub fn by(&self) -> By {
        By { who: format!("human/{OPERATOR}"), from: Some(self.address.clone()) }
    }
}

/// A new session: the secret goes into the cookie and nowhere else.
#[derive(Debug)]
pub struct Granted {
    pub secret: Plain,
    pub info: SessionInfo,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionInfo {
    pub hash: SecretHash,
    pub account: String,
    pub times: Times,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenInfo {
    pub id: i64,
    pub hash: SecretHash,
    pub name: String,
    pub scopes: Scopes,
}

/// What is no longer valid from now on: open streams look whether they are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    Session(SecretHash),
    /// A log-in over a living session: what the old one had open goes on under the new one.
    Replaced {
        old: SecretHash,
        new: SecretHash,
    },
    AllSessions,
    Token(i64),
    /// Another process has written to the store: everybody looks.
    Anything,
}

#[derive(Debug, Clone)]
pub struct Keeper {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    store: Store,
    clock: Clock,
    sessions: session::Rule,
    lockout: lockout::Rule,
    password_length_min: usize,
    turn: Semaphore,
    queue: Semaphore,
    ended: broadcast::Sender<Ended>,
    set_up: SetUp,
}

impl Keeper {
    pub fn new(store: Store, clock: Clock, access: &config::Access) -> Self {
        Self {
            inner: Arc::new(Inner {
                store,
                clock,
                sessions: session::Rule::from_config(access),
                lockout: lockout::Rule::from_config(access),
                password_length_min: access.password_length_min.into(),
                turn: Semaphore::new(1),
                queue: Semaphore::new(WAITING_MAX),
                ended: broadcast::channel(ENDED_BEHIND_MAX).0,
                set_up: SetUp::default(),
            }),
        }
    }

    pub fn password_length_min(&self) -> usize {
        self.inner.password_length_min
    }

    pub fn session_rule(&self) -> session::Rule {
        self.inner.sessions
    }

    /// Tells of ended sessions and revoked tokens, from now on.
    pub fn ended(&self) -> broadcast::Receiver<Ended> {
        self.inner.ended.subscribe()
    }

    pub async fn set_up_needed(&self) -> Result<bool, AccessError> {
        Ok(self.inner.store.users().none_exist().await?)
    }

    /// At every start while there is no operator: makes a new one-time token and writes it to a file of `dir`
    /// that only its owner can read. `None` once there is an operator.
    pub async fn offer_set_up(&self, dir: &Path) -> Result<Option<Offer>, AccessError> {
        if !self.set_up_needed().await? {
            return Ok(None);
        }
        let token = Plain::random()?;
        let file = self
            .inner
            .set_up
            .open(dir, token.clone())
            .map_err(|(file, source)| AccessError::Offer { file: file.display().to_string(), source })?;
        Ok(Some(Offer { token, file }))
    }

    /// Makes the operator, if the token is the one of this start.
    pub async fn set_up(&self, token: &str, password: String, from: &From) -> Result<Granted, AccessError> {
        let _turn = self.turn().await?;
        if !self.set_up_needed().await? {
            return Err(AccessError::AlreadySetUp);
        }
        self.count("set-up", from).await?;
        if !Plain::parse(token.trim()).is_some_and(|token| self.inner.set_up.is(&token)) {
            self.inner.store.log_in_failed("set-up", &from.address, "wrong set-up token").await?;
            return Err(AccessError::BadCredentials);
        }
        self.forgive("set-up", from).await?;
        let hash = self.hash(password).await?;
        if !self.inner.store.users().create_first(OPERATOR, hash, &from.by()).await? {
            return Err(AccessError::AlreadySetUp);
        }
        self.inner.set_up.close();
        self.grant(from).await
    }

    /// The right password gives a session. Wrong account and wrong password take the same time.
    pub async fn log_in(&self, account: &str, password: String, from: &From) -> Result<Granted, AccessError> {
        let _turn = self.turn().await?;
        self.check(account, password, from).await?;
        self.grant(from).await
    }

    pub async fn log_out(&self, hash: SecretHash) -> Result<(), AccessError> {
        self.inner.store.sessions().end(hash).await?;
        self.tell(Ended::Session(hash));
        Ok(())
    }

    /// Ends the session a new log-in of the same browser takes the place of.
    pub async fn replace(&self, old: SecretHash, new: &SessionInfo) -> Result<(), AccessError> {
        let before = self.session_by_hash(old).await?;
        self.inner.store.sessions().end(old).await?;
        let same = before.is_some_and(|before| before.account == new.account);
        self.tell(if same { Ended::Replaced { old, new: new.hash } } else { Ended::Session(old) });
        Ok(())
    }

    /// Changes the password and ends every session, the asking one included.
    pub async fn change_password(
        &self,
        current: String,
        new: String,
        from: &From,
    ) -> Result<(), AccessError> {
        let _turn = self.turn().await?;
        password::acceptable(&new, self.inner.password_length_min)?;
        self.check(OPERATOR, current, from).await?;
        let hash = self.hash(new).await?;
        self.inner.store.users().set_password(OPERATOR, hash, &from.by()).await?;
        self.tell(Ended::AllSessions);
        Ok(())
    }

    /// For the command line: sets the operator's password without the old one, or makes the operator. Lifts every
    /// lock-out: strangers who guess from many addresses must not keep the owner of the machine out.
    pub async fn reset_password(&self, new: String, by: &By) -> Result<(), AccessError> {
        let hash = self.hash(new).await?;
        if !self.inner.store.users().create_first(OPERATOR, hash.clone(), by).await? {
            self.inner.store.users().set_password(OPERATOR, hash, by).await?;
        }
        self.inner.store.attempts().clear_all().await?;
        self.inner.set_up.close();
        self.tell(Ended::AllSessions);
        self.note("The password was reset", Some("from the command line"), Severity::Notice).await
    }

    /// Another process, such as the command line, may have ended a session or a token.
    pub fn look_again(&self) {
        self.tell(Ended::Anything);
    }

    /// The session of a cookie, if it lives; its use is noted.
    pub async fn session(&self, secret: &Plain) -> Result<Option<SessionInfo>, AccessError> {
        self.session_by_hash(secret.hash()).await
    }

    /// As [`Keeper::session`], for a stream that looks again.
    pub async fn session_by_hash(&self, hash: SecretHash) -> Result<Option<SessionInfo>, AccessError> {
        let Some(session) = self.inner.store.sessions().find(hash).await? else { return Ok(None) };
        let now_ms = self.inner.clock.now_ms();
        let info = info(hash, &session);
        if !info.times.alive(self.inner.sessions, now_ms) {
            return Ok(None);
        }
        let times = Times { used_ms: now_ms, ..info.times };
        let until_ms = times.idle_expires_ms(self.inner.sessions);
        noted(self.inner.store.sessions().touch(hash, &session, until_ms).await);
        Ok(Some(SessionInfo { times, ..info }))
    }

    /// The token of an `Authorization` header, if it is valid; its use is noted.
    pub async fn token(&self, secret: &Plain) -> Result<Option<TokenInfo>, AccessError> {
        self.token_by_hash(secret.hash()).await
    }

    pub async fn token_by_hash(&self, hash: SecretHash) -> Result<Option<TokenInfo>, AccessError> {
        let Some(token) = self.inner.store.tokens().find(hash).await? else { return Ok(None) };
        noted(self.inner.store.tokens().touch(&token).await);
        // A scope this version does not know gives nothing.
        let known: Vec<Scope> = token.scopes.iter().filter_map(|word| word.parse().ok()).collect();
        let Ok(scopes) = Scopes::new(known) else { return Ok(None) };
        Ok(Some(TokenInfo { id: token.id, hash, name: token.name, scopes }))
    }

    /// A new token; its secret is shown this once.
    pub async fn create_token(
        &self,
        name: &str,
        scopes: &Scopes,
        days: u16,
        by: &By,
    ) -> Result<(Plain, Token), AccessError> {
        let secret = Plain::random_token()?;
        let expires_ms = self.inner.clock.now_ms().saturating_add(i64::from(days) * DAY_MS);
        let new = NewToken {
            name: name.to_owned(),
            hash: secret.hash(),
            scopes: scopes.as_slice().iter().map(ToString::to_string).collect(),
            expires_ms,
        };
        Ok((secret, self.inner.store.tokens().create(new, by).await?))
    }

    /// Tokens that are still good, newest first.
    pub async fn list_tokens(&self) -> Result<Vec<Token>, AccessError> {
        let now_ms = self.inner.clock.now_ms();
        let mut tokens = self.inner.store.tokens().list().await?;
        tokens.retain(|t| t.revoked_ms.is_none() && t.expires_ms > now_ms);
        Ok(tokens)
    }

    /// `false` when there is no such token.
    pub async fn revoke_token(&self, id: i64, by: &By) -> Result<bool, AccessError> {
        let revoked = self.inner.store.tokens().revoke(id, by).await?;
        self.tell(Ended::Token(id));
        Ok(revoked)
    }

    /// Writes a line about access into the activity feed.
    pub async fn note(
        &self,
        title: &str,
        detail: Option<&str>,
        severity: Severity,
    ) -> Result<(), AccessError> {
        let event = NewEvent {
            ts_ms: self.inner.clock.now_ms(),
            kind: EventKind::Access,
            severity,
            source: EventSource::User,
            title: title.to_owned(),
            detail: detail.map(str::to_owned),
            node: None,
            vmid: None,
            upid: None,
        };
        self.inner.store.events().append(vec![event]).await?;
        Ok(())
    }

    async fn turn(&self) -> Result<SemaphorePermit<'_>, AccessError> {
        let _place = self.inner.queue.try_acquire().map_err(|_| AccessError::Busy)?;
        let turn = tokio::time::timeout(TURN_WAIT, self.inner.turn.acquire()).await;
        turn.map_err(|_| AccessError::Busy)?.map_err(|_| AccessError::Busy)
    }

    async fn check(&self, account: &str, password: String, from: &From) -> Result<(), AccessError> {
        self.count(account, from).await?;
        if password.len() > password::LENGTH_MAX {
            self.inner.store.log_in_failed("session", &from.address, "wrong password").await?;
            return Err(AccessError::BadCredentials);
        }
        let phc = self.inner.store.users().password_hash(account).await?;
        let verify = move || password::verify(&password, phc.as_ref().map(PasswordHash::as_str));
        if tokio::task::spawn_blocking(verify).await.map_err(|_| AccessError::Interrupted)? {
            return self.forgive(account, from).await;
        }
        // A flood of guesses with ever new names is counted, not listed.
        if !self.inner.store.log_in_failed("session", &from.address, "wrong password").await? {
            return Err(AccessError::BadCredentials);
        }
        self.note("A log-in failed", Some(&format!("from {}", from.address)), Severity::Notice).await?;
        Err(AccessError::BadCredentials)
    }

    /// Counts the attempt before anything is looked at; the narrow count first, so that one locked-out address
    /// does not use up the wide one.
    async fn count(&self, account: &str, from: &From) -> Result<(), AccessError> {
        let (narrow, wide) = (self.inner.lockout, self.inner.lockout.account_wide());
        for (bucket, rule) in [(from.bucket.as_str(), narrow), (ANYWHERE, wide)] {
            let attempts = self.inner.store.attempts();
            if let Verdict::LockedUntil(until_ms) =
                attempts.begin(account, bucket, rule.window_ms, rule.attempts_max).await?
            {
                self.inner.store.log_in_failed("session", &from.address, "locked out").await?;
                let wait_ms = until_ms.saturating_sub(self.inner.clock.now_ms()).max(0);
                return Err(AccessError::LockedOut { wait_s: wait_ms / 1_000 + 1 });
            }
        }
        Ok(())
    }

    async fn forgive(&self, account: &str, from: &From) -> Result<(), AccessError> {
        self.inner.store.attempts().clear(account, &from.bucket).await?;
        Ok(self.inner.store.attempts().clear(account, ANYWHERE).await?)
    }

    async fn hash(&self, password: String) -> Result<PasswordHash, AccessError> {
        password::acceptable(&password, self.inner.password_length_min)?;
        let hashed = tokio::task::spawn_blocking(move || password::hash(&password)).await;
        Ok(PasswordHash::new(hashed.map_err(|_| AccessError::Interrupted)??))
    }

    async fn grant(&self, from: &From) -> Result<Granted, AccessError> {
        let (secret, now_ms) = (Plain::random()?, self.inner.clock.now_ms());
        let (rule, times) = (self.inner.sessions, Times { created_ms: now_ms, used_ms: now_ms });
        let new = NewSession {
            hash: secret.hash(),
            account: OPERATOR.to_owned(),
            expires_ms: times.idle_expires_ms(rule),
            fresh_until_ms: times.fresh_until_ms(rule),
            address: from.address.clone(),
            user_agent: from.user_agent.clone(),
        };
        self.inner.store.sessions().create(new).await?;
        let info = SessionInfo { hash: secret.hash(), account: OPERATOR.to_owned(), times };
        Ok(Granted { secret, info })
    }

    fn tell(&self, ended: Ended) {
        // An error only means that no stream is open.
        let _ = self.inner.ended.send(ended);
    }
}

/// When somebody was last here is worth writing down, but no reason to turn them away: on a full disk the cluster
/// can still be looked at. Readiness says what is wrong with the store.
fn noted(written: Result<(), StoreError>) {
    if let Err(error) = written {
        tracing::debug!(%error, "the use of a credential was not noted");
    }
}

fn info(hash: SecretHash, session: &Session) -> SessionInfo {
    let times = Times { created_ms: session.created_ms, used_ms: session.last_seen_ms };
    SessionInfo { hash, account: session.account.clone(), times }
}
