//! What was done lately, as policy's windows see it: actions, falls, trust, and how well predictions fitted.
//!
//! The actions are the intents themselves; there is no second list that could differ. How old one is, is never
//! asked of the wall clock: the table `boots` says how long each boot of the machine surely lasted, and an age is
//! the sum of what is known. Time switched off does not count, so an action may seem younger than it is, never older.

use diesel::prelude::*;
use jarvis_core::{
    audit::Draft,
    graph::Score,
    policy::{Entry, Flaps, Ledger, Moment, Trust},
    tools::TargetClass,
};
use serde::{Serialize, de::DeserializeOwned};

use super::{
    Store, StoreError,
    error::Fault,
    intents::{Intent, Stored},
    limits::DAY_MS,
    schema::{boots, intents, scores, trust},
    standing,
};

/// Intents looked at in one step, newest first, until they are too old to matter.
const STEP_ROWS: i64 = 200;
/// No action is followed for longer.
const TOOK_MS_MAX: i64 = 6 * 3_600_000;
/// Boots of the machine whose length is kept; beyond a hundred restarts in a day nothing is remembered longer.
const BOOTS_MAX: i64 = 100;

#[derive(Debug, Clone, Copy)]
pub struct LedgerRows<'a>(&'a Store);

impl Store {
    pub fn ledger(&self) -> LedgerRows<'_> {
        LedgerRows(self)
    }
}

impl LedgerRows<'_> {
    /// The actions of the last day, those that surely never left aside. Their moments are told in terms of the
    /// present boot, so that `now.surely_since_ms` gives their known age.
    pub async fn entries(self, now: Moment) -> Result<Ledger, StoreError> {
        self.0.read("read the actions of the last day", move |conn| entries(conn, &now)).await
    }

    /// Notes that the machine is up at this moment; called every minute, it keeps ages exact across restarts.
    pub async fn seen(self, now: Moment) -> Result<(), StoreError> {
        let in_place = self.0.in_place();
        self.0
            .write("note the time since boot", move |conn| {
                in_place()?;
                seen(conn, &now)
            })
            .await
    }

    pub async fn flaps(self) -> Result<Flaps, StoreError> {
        self.0.read("read the record of falls", |conn| standing::value(conn, "flaps")).await
    }

    pub async fn put_flaps(self, flaps: &Flaps, record: Vec<Draft>) -> Result<(), StoreError> {
        let text = json("the record of falls", flaps)?;
        let now_ms = self.0.inner.clock.now_ms();
        self.0
            .write_recorded("write the record of falls", move |conn, pen| {
                standing::put(conn, "flaps", &text, now_ms)?;
                record.iter().try_for_each(|draft| pen.append(conn, draft.clone()).map(drop))
            })
            .await
    }

    /// `None` when nothing was granted to the runbook on this class.
    pub async fn trust(self, runbook: &str, class: TargetClass) -> Result<Option<Trust>, StoreError> {
        let (runbook, class) = (runbook.to_owned(), json("a class of targets", &class)?);
        self.0
            .read("read the trust in a runbook", move |conn| {
                let body: Option<String> =
                    trust::table.find((runbook, class)).select(trust::body).first(conn).optional()?;
                body.map(|body| parsed("the trust in a runbook", &body)).transpose()
            })
            .await
    }

    pub async fn put_trust(
        self,
        runbook: &str,
        class: TargetClass,
        trust: Trust,
        record: Vec<Draft>,
    ) -> Result<(), StoreError> {
        let (runbook, class) = (runbook.to_owned(), json("a class of targets", &class)?);
        let body = json("the trust in a runbook", &trust)?;
        let now_ms = self.0.inner.clock.now_ms();
        self.0
            .write_recorded("write the trust in a runbook", move |conn, pen| {
                diesel::replace_into(trust::table)
                    .values((
                        trust::runbook.eq(&runbook),
                        trust::class.eq(&class),
                        trust::body.eq(&body),
                        trust::changed_ms.eq(now_ms),
                    ))
                    .execute(conn)?;
                record.iter().try_for_each(|draft| pen.append(conn, draft.clone()).map(drop))
            })
            .await
    }

    /// Every (runbook, class) with its trust.
    pub async fn all_trust(self) -> Result<Vec<(String, TargetClass, Trust)>, StoreError> {
        self.0
            .read("read the trust in runbooks", |conn| {
                let rows: Vec<(String, String, String)> = trust::table
                    .select((trust::runbook, trust::class, trust::body))
                    .order((trust::runbook, trust::class))
                    .load(conn)?;
                rows.into_iter()
                    .map(|(runbook, class, body)| {
                        let what = "the trust in a runbook";
                        Ok((runbook, parsed(what, &class)?, parsed(what, &body)?))
                    })
                    .collect()
            })
            .await
    }

    /// Adds one action's score to those of its kind; answers the sum.
    pub async fn add_score(self, kind: &str, score: Score) -> Result<Score, StoreError> {
        let kind = kind.to_owned();
        let now_ms = self.0.inner.clock.now_ms();
        self.0
            .write("write a score", move |conn| {
                let body: Option<String> =
                    scores::table.find(&kind).select(scores::body).first(conn).optional()?;
                let before = body.map(|body| parsed::<Score>("a score", &body)).transpose()?;
                let sum = before.unwrap_or_default().plus(score);
                diesel::replace_into(scores::table)
                    .values((
                        scores::kind.eq(&kind),
                        scores::body.eq(json("a score", &sum)?),
                        scores::changed_ms.eq(now_ms),
                    ))
                    .execute(conn)?;
                Ok(sum)
            })
            .await
    }

    pub async fn scores(self) -> Result<Vec<(String, Score)>, StoreError> {
        self.0
            .read("read the scores", |conn| {
                let rows: Vec<(String, String)> =
                    scores::table.select((scores::kind, scores::body)).order(scores::kind).load(conn)?;
                rows.into_iter().map(|(kind, body)| Ok((kind, parsed("a score", &body)?))).collect()
            })
            .await
    }
}

/// The bits of an unsigned number as SQLite can hold them.
pub(super) fn bits(boot: u64) -> i64 {
    i64::from_ne_bytes(boot.to_ne_bytes())
}

pub(super) fn boot_of(bits: i64) -> u64 {
    u64::from_ne_bytes(bits.to_ne_bytes())
}

pub(super) fn seen(conn: &mut SqliteConnection, now: &Moment) -> Result<(), Fault> {
    let known = diesel::update(boots::table.filter(boots::boot.eq(bits(now.boot))))
        .set(boots::last_boot_ms.eq(now.boot_ms))
        .execute(conn)?;
    if known == 0 {
        diesel::insert_into(boots::table)
            .values((boots::boot.eq(bits(now.boot)), boots::last_boot_ms.eq(now.boot_ms)))
            .execute(conn)?;
        let oldest_kept: Option<i64> = boots::table
            .order(boots::number.desc())
            .select(boots::number)
            .offset(BOOTS_MAX)
            .first(conn)
            .optional()?;
        if let Some(number) = oldest_kept {
            diesel::delete(boots::table.filter(boots::number.le(number))).execute(conn)?;
        }
    }
    Ok(())
}

fn entries(conn: &mut SqliteConnection, now: &Moment) -> Result<Ledger, Fault> {
    let ages = Ages::read(conn, *now)?;
    let mut ledger = Ledger::default();
    let mut before = i64::MAX;
    loop {
        let rows: Vec<Stored> = intents::table
            .filter(intents::number.lt(before))
            .order(intents::number.desc())
            .limit(STEP_ROWS)
            .select(Stored::as_select())
            .load(conn)?;
        let Some(last) = rows.last() else { return Ok(ledger) };
        before = last.number;
        let mut young = false;
        for row in rows {
            let Intent { new, outcome, .. } = Intent::try_from(row)?;
            let age_ms = ages.surely_ms(&new.at);
            if age_ms >= DAY_MS {
                continue;
            }
            young = true;
            if outcome.as_ref().is_some_and(|outcome| outcome.end == super::End::NotSent) {
                continue;
            }
            let at = Moment {
                wall_ms: new.at.wall_ms,
                boot_ms: now.boot_ms.saturating_sub(age_ms),
                boot: now.boot,
            };
            let until = match &outcome {
                None => *now,
                // On the wall clock, which may have been set in between: never longer than anything takes.
                Some(over) => {
                    let took_ms = over.at_ms.saturating_sub(new.at.wall_ms);
                    at.plus_ms(took_ms.clamp(0, age_ms.min(TOOK_MS_MAX)))
                }
            };
            ledger.entries.push(Entry {
                at,
                until,
                target: new.target,
                runbook: new.runbook,
                by_human: new.by_human,
                wake: new.wake,
            });
        }
        // Ages grow with every row further back.
        if !young {
            return Ok(ledger);
        }
    }
}

/// How long ago a moment surely was.
struct Ages {
    now: Moment,
    /// Earlier boots, newest first: which, and how long it surely lasted.
    before: Vec<(u64, i64)>,
}

impl Ages {
    fn read(conn: &mut SqliteConnection, now: Moment) -> Result<Self, Fault> {
        let rows: Vec<(i64, i64)> = boots::table
            .select((boots::boot, boots::last_boot_ms))
            .order(boots::number.desc())
            .limit(BOOTS_MAX)
            .load(conn)?;
        let before = rows.into_iter().map(|(boot, last_ms)| (boot_of(boot), last_ms));
        Ok(Self { now, before: before.filter(|(boot, _)| *boot != now.boot).collect() })
    }

    fn surely_ms(&self, then: &Moment) -> i64 {
        if then.boot == self.now.boot {
            return self.now.surely_since_ms(then);
        }
        let mut age_ms = self.now.boot_ms.max(0);
        for (boot, lasted_ms) in &self.before {
            if *boot == then.boot {
                return age_ms.saturating_add(lasted_ms.saturating_sub(then.boot_ms).max(0));
            }
            age_ms = age_ms.saturating_add(*lasted_ms);
        }
        // A boot nobody remembers: all that is known of came after it.
        age_ms
    }
}

fn json<T: Serialize>(what: &str, value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|_| StoreError::Refused(format!("{what} cannot be written as JSON")))
}

fn parsed<T: DeserializeOwned>(what: &str, text: &str) -> Result<T, Fault> {
    serde_json::from_str(text).map_err(|_| {
        StoreError::Refused(format!("{what} as stored has a shape this version does not know")).into()
    })
}
