//! API tokens: scopes and an end, found by the hash of their secret. A revoked token stays listed.

use diesel::prelude::*;
use jarvis_core::{audit::Kind, tools::words::deceives};
use serde_json::json;

use super::{By, SecretHash, Store, StoreError, limits::MINUTE_MS, schema::api_tokens};

/// Tokens that are neither revoked nor expired; a person keeps a handful.
const TOKENS_MAX: i64 = 200;
/// The last use is written at most this often.
const TOUCH_EVERY_MS: i64 = MINUTE_MS;
const NAME_CHARS_MAX: usize = 100;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewToken {
    pub name: String,
    pub hash: SecretHash,
    /// Scope names without blanks; what they mean is the access room's affair.
    pub scopes: Vec<String>,
    pub expires_ms: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    pub id: i64,
    pub name: String,
    pub scopes: Vec<String>,
    pub created_ms: i64,
    pub expires_ms: i64,
    /// Exact to a minute.
    pub last_used_ms: Option<i64>,
    pub revoked_ms: Option<i64>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = api_tokens)]
struct Row {
    id: i64,
    name: String,
    scopes: String,
    created_ms: i64,
    expires_ms: i64,
    last_used_ms: Option<i64>,
    revoked_ms: Option<i64>,
}

#[derive(Debug, Clone, Copy)]
pub struct Tokens<'a>(&'a Store);

impl Store {
    pub fn tokens(&self) -> Tokens<'_> {
        Tokens(self)
    }
}

impl Tokens<'_> {
    pub async fn create(self, new: NewToken, by: &By) -> Result<Token, StoreError> {
        let by = by.clone();
        let name: String = new.name.chars().filter(|c| !deceives(*c)).take(NAME_CHARS_MAX).collect();
        if name.trim().is_empty() {
            return Err(StoreError::Refused("a token needs a name, to tell it from the others later".into()));
        }
        if new.scopes.iter().any(|s| s.is_empty() || s.contains(char::is_whitespace)) {
            return Err(StoreError::Refused("a scope of the token is empty or has a blank in it".into()));
        }
        let scopes = new.scopes.join(" ");
        let now_ms = self.0.inner.clock.now_ms();
        self.0
            .write_recorded("create a token", move |conn, pen| {
                let alive: i64 = api_tokens::table
                    .filter(api_tokens::revoked_ms.is_null().and(api_tokens::expires_ms.gt(now_ms)))
                    .count()
                    .get_result(conn)?;
                if alive >= TOKENS_MAX {
                    let text = format!("there are {alive} API tokens already; revoke one first");
                    return Err(StoreError::Refused(text).into());
                }
                let row: Row = diesel::insert_into(api_tokens::table)
                    .values((
                        api_tokens::name.eq(&name),
                        api_tokens::secret_hash.eq(new.hash.to_vec()),
                        api_tokens::scopes.eq(&scopes),
                        api_tokens::created_ms.eq(now_ms),
                        api_tokens::expires_ms.eq(new.expires_ms),
                    ))
                    .returning(Row::as_returning())
                    .get_result(conn)?;
                let detail = json!({
                    "change": "made", "label": name, "scopes": new.scopes, "expires_ms": new.expires_ms,
                });
                pen.append(conn, by.draft(Kind::AccessChanged, &subject(row.id), detail, now_ms))?;
                Ok(row.into())
            })
            .await
    }

    /// The token of this secret, unless it is revoked or expired.
    pub async fn find(self, hash: SecretHash) -> Result<Option<Token>, StoreError> {
        let now_ms = self.0.inner.clock.now_ms();
        self.0
            .read("look up a token", move |conn| {
                let row: Option<Row> = api_tokens::table
                    .filter(api_tokens::secret_hash.eq(hash.to_vec()))
                    .filter(api_tokens::revoked_ms.is_null().and(api_tokens::expires_ms.gt(now_ms)))
                    .select(Row::as_select())
                    .first(conn)
                    .optional()?;
                Ok(row.map(Token::from))
            })
            .await
    }

    /// Every token ever made, newest first.
    pub async fn list(self) -> Result<Vec<Token>, StoreError> {
        self.0
            .read("list tokens", |conn| {
                let rows: Vec<Row> = api_tokens::table
                    .order(api_tokens::id.desc())
                    .select(Row::as_select())
                    .limit(1_000)
                    .load(conn)?;
                Ok(rows.into_iter().map(Token::from).collect())
            })
            .await
    }

    /// Those of these numbers, whether still good or not.
    pub async fn some(self, ids: Vec<i64>) -> Result<Vec<Token>, StoreError> {
        self.0
            .read("look up tokens", move |conn| {
                let rows: Vec<Row> = api_tokens::table
                    .filter(api_tokens::id.eq_any(&ids))
                    .select(Row::as_select())
                    .load(conn)?;
                Ok(rows.into_iter().map(Token::from).collect())
            })
            .await
    }

    /// `false` if there is no such token or it was revoked before.
    pub async fn revoke(self, id: i64, by: &By) -> Result<bool, StoreError> {
        let by = by.clone();
        let now_ms = self.0.inner.clock.now_ms();
        self.0
            .write_recorded("revoke a token", move |conn, pen| {
                let row = api_tokens::table.find(id).filter(api_tokens::revoked_ms.is_null());
                if diesel::update(row).set(api_tokens::revoked_ms.eq(now_ms)).execute(conn)? == 0 {
                    return Ok(false);
                }
                let detail = json!({ "change": "revoked" });
                pen.append(conn, by.draft(Kind::AccessChanged, &subject(id), detail, now_ms))?;
                Ok(true)
            })
            .await
    }

    /// Notes that the token was used; writes only once a minute.
    pub async fn touch(self, token: &Token) -> Result<(), StoreError> {
        let now_ms = self.0.inner.clock.now_ms();
        if token.last_used_ms.is_some_and(|used_ms| (now_ms - used_ms).abs() < TOUCH_EVERY_MS) {
            return Ok(());
        }
        let id = token.id;
        self.0
            .write("note the use of a token", move |conn| {
                diesel::update(api_tokens::table.find(id))
                    .set(api_tokens::last_used_ms.eq(now_ms))
                    .execute(conn)?;
                Ok(())
            })
            .await
    }
}

fn subject(id: i64) -> String {
    format!("token/{id}")
}

impl From<Row> for Token {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            name: row.name,
            scopes: row.scopes.split_whitespace().map(str::to_owned).collect(),
            created_ms: row.created_ms,
            expires_ms: row.expires_ms,
            last_used_ms: row.last_used_ms,
            revoked_ms: row.revoked_ms,
        }
    }
}
