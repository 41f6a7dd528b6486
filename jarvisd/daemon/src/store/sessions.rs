//! Log-ins of browsers, found by the hash of their cookie.

use diesel::prelude::*;
use jarvis_core::{audit::Kind, tools::words::deceives};
use serde_json::json;

use super::{By, SecretHash, Store, StoreError, limits::MINUTE_MS, schema::sessions};

/// Sessions of one account; a log-in beyond it ends the oldest.
const SESSIONS_MAX: i64 = 50;
/// A session's last use is written at most this often: a screen asks many times a second.
const TOUCH_EVERY_MS: i64 = MINUTE_MS;
/// What a client says of itself is kept this long at most.
const USER_AGENT_CHARS_MAX: usize = 200;
const ADDRESS_CHARS_MAX: usize = 64;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSession {
    pub hash: SecretHash,
    pub account: String,
    pub expires_ms: i64,
    /// Until when the log-in counts as fresh.
    pub fresh_until_ms: i64,
    pub address: String,
    pub user_agent: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = sessions)]
pub struct Session {
    pub account: String,
    pub created_ms: i64,
    /// Exact to a minute.
    pub last_seen_ms: i64,
    pub expires_ms: i64,
    pub fresh_until_ms: i64,
    pub address: String,
    pub user_agent: String,
}

#[derive(Debug, Clone, Copy)]
pub struct Sessions<'a>(&'a Store);

impl Store {
    pub fn sessions(&self) -> Sessions<'_> {
        Sessions(self)
    }
}

impl Sessions<'_> {
    pub async fn create(self, new: NewSession) -> Result<(), StoreError> {
        let now_ms = self.0.inner.clock.now_ms();
        self.0
            .write_recorded("begin a session", move |conn, pen| {
                diesel::insert_into(sessions::table)
                    .values((
                        sessions::id_hash.eq(new.hash.to_vec()),
                        sessions::account.eq(&new.account),
                        sessions::created_ms.eq(now_ms),
                        sessions::last_seen_ms.eq(now_ms),
                        sessions::expires_ms.eq(new.expires_ms),
                        sessions::fresh_until_ms.eq(new.fresh_until_ms),
                        sessions::address.eq(cut(&new.address, ADDRESS_CHARS_MAX)),
                        sessions::user_agent.eq(cut(&new.user_agent, USER_AGENT_CHARS_MAX)),
                    ))
                    .execute(conn)?;
                let beyond: Vec<Vec<u8>> = sessions::table
                    .filter(sessions::account.eq(&new.account))
                    .order(sessions::created_ms.desc())
                    .select(sessions::id_hash)
                    .offset(SESSIONS_MAX)
                    .limit(SESSIONS_MAX)
                    .load(conn)?;
                diesel::delete(sessions::table.filter(sessions::id_hash.eq_any(beyond))).execute(conn)?;
                let by = By { who: format!("human/{}", new.account), from: Some(new.address.clone()) };
                let detail = json!({ "browser": cut(&new.user_agent, USER_AGENT_CHARS_MAX) });
                pen.append(conn, by.draft(Kind::LoggedIn, "session", detail, now_ms))?;
                Ok(())
            })
            .await
    }

    /// The session of this cookie, unless it has expired.
    pub async fn find(self, hash: SecretHash) -> Result<Option<Session>, StoreError> {
        let now_ms = self.0.inner.clock.now_ms();
        self.0
            .read("look up a session", move |conn| {
                Ok(sessions::table
                    .find(hash.to_vec())
                    .filter(sessions::expires_ms.gt(now_ms))
                    .select(Session::as_select())
                    .first(conn)
                    .optional()?)
            })
            .await
    }

    /// Notes that the session was used and moves its end; writes only once a minute.
    pub async fn touch(self, hash: SecretHash, session: &Session, expires_ms: i64) -> Result<(), StoreError> {
        let now_ms = self.0.inner.clock.now_ms();
        if (now_ms - session.last_seen_ms).abs() < TOUCH_EVERY_MS {
            return Ok(());
        }
        self.0
            .write("note the use of a session", move |conn| {
                diesel::update(sessions::table.find(hash.to_vec()))
                    .set((sessions::last_seen_ms.eq(now_ms), sessions::expires_ms.eq(expires_ms)))
                    .execute(conn)?;
                Ok(())
            })
            .await
    }

    pub async fn end(self, hash: SecretHash) -> Result<bool, StoreError> {
        self.0
            .write("end a session", move |conn| {
                Ok(diesel::delete(sessions::table.find(hash.to_vec())).execute(conn)? == 1)
            })
            .await
    }

    /// Ends every session of the account; returns how many there were.
    pub async fn end_all(self, account: &str) -> Result<usize, StoreError> {
        let account = account.to_owned();
        self.0
            .write("end the sessions of an account", move |conn| {
                Ok(diesel::delete(sessions::table.filter(sessions::account.eq(&account))).execute(conn)?)
            })
            .await
    }

    /// Newest first.
    pub async fn list(self, account: &str) -> Result<Vec<Session>, StoreError> {
        let account = account.to_owned();
        let now_ms = self.0.inner.clock.now_ms();
        self.0
            .read("list sessions", move |conn| {
                Ok(sessions::table
                    .filter(sessions::account.eq(account).and(sessions::expires_ms.gt(now_ms)))
                    .order(sessions::created_ms.desc())
                    .select(Session::as_select())
                    .limit(SESSIONS_MAX)
                    .load(conn)?)
            })
            .await
    }

    /// Removes what has expired; returns how many.
    pub async fn prune(self) -> Result<usize, StoreError> {
        let now_ms = self.0.inner.clock.now_ms();
        self.0
            .write("remove expired sessions", move |conn| {
                Ok(diesel::delete(sessions::table.filter(sessions::expires_ms.le(now_ms))).execute(conn)?)
            })
            .await
    }
}

fn cut(text: &str, chars_max: usize) -> String {
    text.chars().filter(|c| !deceives(*c)).take(chars_max).collect()
}
