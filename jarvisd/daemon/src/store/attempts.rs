//! Log-in attempts, so that a lock-out survives a restart.
//!
//! An attempt is written before the password is looked at and taken back when it was right: a hundred guesses
//! at once do not all see a count of zero. Account and address are kept as one hash, because people type
//! passwords into the name field.

use diesel::prelude::*;
use sha2::{Digest, Sha256};

use super::{Store, StoreError, schema::login_attempts};

/// Attempts kept over all accounts and addresses. A flood from many addresses pushes out the oldest.
const ROWS_MAX: i64 = 20_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The attempt is counted; look at the password.
    Allowed,
    /// Too many; the next one is allowed from this time on.
    LockedUntil(i64),
}

#[derive(Debug, Clone, Copy)]
pub struct Attempts<'a>(&'a Store);

impl Store {
    pub fn attempts(&self) -> Attempts<'_> {
        Attempts(self)
    }
}

impl Attempts<'_> {
    /// Counts an attempt, unless there were `max` within the window before it.
    pub async fn begin(
        self,
        account: &str,
        address: &str,
        window_ms: i64,
        max: i64,
    ) -> Result<Verdict, StoreError> {
        let subject = subject(account, address);
        let now_ms = self.0.inner.clock.now_ms();
        self.0
            .write("count a log-in attempt", move |conn| {
                // A clock set back must not lock for longer than the window: rows from the future do not count.
                let recent: Vec<i64> = login_attempts::table
                    .filter(login_attempts::subject_hash.eq(&subject))
                    .filter(
                        login_attempts::at_ms.gt(now_ms - window_ms).and(login_attempts::at_ms.le(now_ms)),
                    )
                    .order(login_attempts::at_ms.desc())
                    .select(login_attempts::at_ms)
                    .limit(max)
                    .load(conn)?;
                if let (true, Some(oldest_ms)) =
                    (i64::try_from(recent.len()).is_ok_and(|n| n >= max), recent.last())
                {
                    return Ok(Verdict::LockedUntil(oldest_ms + window_ms));
                }
                diesel::insert_into(login_attempts::table)
                    .values((login_attempts::subject_hash.eq(&subject), login_attempts::at_ms.eq(now_ms)))
                    .execute(conn)?;
                Ok(Verdict::Allowed)
            })
            .await
    }

    /// After the right password: the attempts of this account from this address are forgotten.
    pub async fn clear(self, account: &str, address: &str) -> Result<(), StoreError> {
        let subject = subject(account, address);
        self.0
            .write("forget log-in attempts", move |conn| {
                let rows = login_attempts::table.filter(login_attempts::subject_hash.eq(&subject));
                diesel::delete(rows).execute(conn)?;
                Ok(())
            })
            .await
    }

    /// After whoever owns the machine has set a new password: nobody is locked out.
    pub async fn clear_all(self) -> Result<(), StoreError> {
        self.0
            .write("forget log-in attempts", |conn| {
                diesel::delete(login_attempts::table).execute(conn)?;
                Ok(())
            })
            .await
    }

    /// Removes attempts older than the window, and the oldest beyond what may be kept; returns how many.
    pub async fn prune(self, window_ms: i64) -> Result<usize, StoreError> {
        let now_ms = self.0.inner.clock.now_ms();
        self.0
            .write("remove old log-in attempts", move |conn| {
                let old = login_attempts::table.filter(login_attempts::at_ms.le(now_ms - window_ms));
                let removed = diesel::delete(old).execute(conn)?;
                let newest: Option<i64> =
                    login_attempts::table.select(diesel::dsl::max(login_attempts::id)).first(conn)?;
                let last_out = newest.unwrap_or(0) - ROWS_MAX;
                let beyond = diesel::delete(login_attempts::table.filter(login_attempts::id.le(last_out)));
                Ok(removed + beyond.execute(conn)?)
            })
            .await
    }
}

fn subject(account: &str, address: &str) -> Vec<u8> {
    // The length keeps ("ab", "c") and ("a", "bc") apart.
    let mut hash = Sha256::new();
    hash.update(account.len().to_be_bytes());
    hash.update(account.as_bytes());
    hash.update(address.as_bytes());
    hash.finalize().to_vec()
}
