//! Accounts: a name and the argon2id hash of its password.
//!
//! Hashing and verifying are the access room's work; only the finished hash comes here.

use diesel::prelude::*;
use jarvis_core::audit::Kind;
use serde_json::json;

use super::{
    By, PasswordHash, Store, StoreError,
    schema::{sessions, users},
};

/// Longest account name; a person types it.
const NAME_BYTES_MAX: usize = 64;

#[derive(Debug, Clone, Copy)]
pub struct Users<'a>(&'a Store);

impl Store {
    pub fn users(&self) -> Users<'_> {
        Users(self)
    }
}

impl Users<'_> {
    pub async fn none_exist(self) -> Result<bool, StoreError> {
        self.0
            .read("look for accounts", |conn| {
                let count: i64 = users::table.count().get_result(conn)?;
                Ok(count == 0)
            })
            .await
    }

    /// Makes the first account. `false` if there is one already: of two set-ups at once only one succeeds.
    pub async fn create_first(self, name: &str, hash: PasswordHash, by: &By) -> Result<bool, StoreError> {
        let (name, by) = (checked(name)?, by.clone());
        let now_ms = self.0.inner.clock.now_ms();
        self.0
            .write_recorded("create the first account", move |conn, pen| {
                let count: i64 = users::table.count().get_result(conn)?;
                if count > 0 {
                    return Ok(false);
                }
                insert(conn, &name, &hash, now_ms)?;
                let detail = json!({ "change": "set up", "account": name });
                pen.append(conn, by.draft(Kind::AccessChanged, "account", detail, now_ms))?;
                Ok(true)
            })
            .await
    }

    /// Makes an account; `false` if the name is taken.
    pub async fn create(self, name: &str, hash: PasswordHash) -> Result<bool, StoreError> {
        let name = checked(name)?;
        let now_ms = self.0.inner.clock.now_ms();
        self.0.write("create an account", move |conn| Ok(insert(conn, &name, &hash, now_ms)? == 1)).await
    }

    pub async fn password_hash(self, name: &str) -> Result<Option<PasswordHash>, StoreError> {
        let name = name.to_owned();
        self.0
            .read("read an account", move |conn| {
                let hash: Option<String> =
                    users::table.find(name).select(users::password_hash).first(conn).optional()?;
                Ok(hash.map(PasswordHash::new))
            })
            .await
    }

    /// Changes a password and ends every session of the account with it. `false` if there is no such account.
    pub async fn set_password(self, name: &str, hash: PasswordHash, by: &By) -> Result<bool, StoreError> {
        let (name, by) = (name.to_owned(), by.clone());
        let now_ms = self.0.inner.clock.now_ms();
        self.0
            .write_recorded("change a password", move |conn, pen| {
                let changed = diesel::update(users::table.find(&name))
                    .set((users::password_hash.eq(hash.as_str()), users::changed_ms.eq(now_ms)))
                    .execute(conn)?;
                if changed == 0 {
                    return Ok(false);
                }
                let ended =
                    diesel::delete(sessions::table.filter(sessions::account.eq(&name))).execute(conn)?;
                let detail = json!({ "change": "new password", "account": name, "sessions_ended": ended });
                pen.append(conn, by.draft(Kind::AccessChanged, "account", detail, now_ms))?;
                Ok(true)
            })
            .await
    }

    pub async fn names(self) -> Result<Vec<String>, StoreError> {
        self.0
            .read("list accounts", |conn| {
                Ok(users::table.select(users::name).order(users::name).load(conn)?)
            })
            .await
    }
}

fn insert(conn: &mut SqliteConnection, name: &str, hash: &PasswordHash, now_ms: i64) -> QueryResult<usize> {
    diesel::insert_into(users::table)
        .values((
            users::name.eq(name),
            users::password_hash.eq(hash.as_str()),
            users::created_ms.eq(now_ms),
            users::changed_ms.eq(now_ms),
        ))
        .on_conflict_do_nothing()
        .execute(conn)
}

fn checked(name: &str) -> Result<String, StoreError> {
    if name.trim().is_empty() || name.len() > NAME_BYTES_MAX || name.chars().any(char::is_control) {
        return Err(StoreError::Refused(format!(
            "this cannot be the name of an account: give 1 to {NAME_BYTES_MAX} bytes without control characters"
        )));
    }
    Ok(name.to_owned())
}
