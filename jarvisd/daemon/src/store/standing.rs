//! What holds for everything: the autonomy level, the policy's epoch, and what was last seen of the kill switch.
//!
//! A key that is missing or has another shape is an error and never a default, so that policy can refuse.

use diesel::prelude::*;
use jarvis_core::{
    audit::{Draft, Kind},
    policy::Level,
    tools::canonical::canonical,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::json;

use super::{
    Store, StoreError,
    audit::Pen,
    error::Fault,
    kill_switch::{KillState, KillSwitchError},
    schema::standing,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    pub level: Level,
    /// Grows with every change of level and every release of the kill switch.
    pub epoch: u64,
}

/// What a look at the kill switch brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Noted {
    /// It is not as it was when last noted; a row of the audit says so.
    pub changed: bool,
    pub on: bool,
    pub epoch: u64,
}

/// The kill switch as last noted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Seen {
    Read { on: bool, at_ms: i64, who: String },
    Unreadable { why: String },
}

#[derive(Debug, Clone, Copy)]
pub struct StandingRow<'a>(&'a Store);

impl Store {
    pub fn standing(&self) -> StandingRow<'_> {
        StandingRow(self)
    }
}

impl StandingRow<'_> {
    pub async fn read(self) -> Result<Standing, StoreError> {
        self.0.read("read the autonomy level", read).await
    }

    /// Sets the level, begins a new epoch, and records both. Answers what holds now.
    pub async fn set_level(self, level: Level, who: &str) -> Result<Standing, StoreError> {
        let who = who.to_owned();
        let at_ms = self.0.inner.clock.now_ms();
        self.0
            .write_recorded("change the autonomy level", move |conn, pen| {
                let before = read(conn)?;
                put(conn, "level", &u8::from(level).to_string(), at_ms)?;
                put(conn, "level_by", &json!(who).to_string(), at_ms)?;
                let epoch = begin_epoch(conn, at_ms)?;
                let detail = json!({
                    "from": u8::from(before.level), "to": u8::from(level), "epoch": epoch,
                });
                let subject = "autonomy".to_owned();
                let detail = canonical(&detail);
                pen.append(
                    conn,
                    Draft { at_ms, kind: Kind::LevelChanged, who: who.clone(), subject, detail },
                )?;
                Ok(Standing { level, epoch })
            })
            .await
    }

    /// Who set the level and when; `None` while nobody has.
    pub async fn level_set(self) -> Result<Option<(String, i64)>, StoreError> {
        self.0
            .read("read the autonomy level", |conn| {
                let who: Option<String> = value(conn, "level_by")?;
                let at_ms: i64 = standing::table.find("level_by").select(standing::changed_ms).first(conn)?;
                Ok(who.map(|who| (who, at_ms)))
            })
            .await
    }

    /// Begins a new epoch, so that nothing proposed before runs; `record` says why.
    pub async fn begin_epoch(self, record: Draft) -> Result<Standing, StoreError> {
        let at_ms = self.0.inner.clock.now_ms();
        self.0
            .write_recorded("begin an epoch", move |conn, pen| {
                begin_epoch(conn, at_ms)?;
                pen.append(conn, record.clone())?;
                read(conn)
            })
            .await
    }

    /// Holds what the kill switch says against what was noted last. A difference is recorded, whoever made it and
    /// whether or not the daemon ran then; a switch that is now off begins a new epoch, so that nothing old runs.
    pub async fn note_kill_switch(
        self,
        look: &Result<KillState, KillSwitchError>,
    ) -> Result<Noted, StoreError> {
        let seen = Seen::of(look);
        let at_ms = self.0.inner.clock.now_ms();
        // Asked every second: only a difference is worth a write.
        let stored = seen.clone();
        let same = self
            .0
            .read("read the kill switch as last noted", move |conn| {
                Ok((value::<serde_json::Value>(conn, KEY)? == json!(stored)).then_some(read(conn)?.epoch))
            })
            .await?;
        if let Some(epoch) = same {
            return Ok(Noted { changed: false, on: seen.on(), epoch });
        }
        self.0.write_recorded("note the kill switch", move |conn, pen| note(conn, pen, &seen, at_ms)).await
    }
}

const KEY: &str = "kill_switch";

impl Seen {
    fn of(look: &Result<KillState, KillSwitchError>) -> Self {
        match look {
            Ok(KillState { on, at_ms, who, .. }) => Self::Read { on: *on, at_ms: *at_ms, who: who.clone() },
            Err(error) => Self::Unreadable { why: error.to_string() },
        }
    }

    fn on(&self) -> bool {
        !matches!(self, Self::Read { on: false, .. })
    }
}

fn note(conn: &mut SqliteConnection, pen: &mut Pen, seen: &Seen, at_ms: i64) -> Result<Noted, Fault> {
    // Of another shape, or never seen: noted anew all the same.
    let before: Option<Seen> = value(conn, KEY).ok();
    put(conn, KEY, &json!(seen).to_string(), at_ms)?;
    let epoch = if seen.on() { read(conn)?.epoch } else { begin_epoch(conn, at_ms)? };
    let (who, detail) = match seen {
        Seen::Read { on, at_ms, who } => (
            who.clone(),
            json!({ "on": on, "set_ms": at_ms, "was_on": before.as_ref().map(Seen::on), "epoch": epoch }),
        ),
        Seen::Unreadable { why } => (
            "system".to_owned(),
            json!({ "on": true, "unreadable": why, "was_on": before.as_ref().map(Seen::on), "epoch": epoch }),
        ),
    };
    let detail = canonical(&detail);
    pen.append(
        conn,
        Draft { at_ms, kind: Kind::KillSwitch, who, subject: "kill-switch".to_owned(), detail },
    )?;
    Ok(Noted { changed: true, on: seen.on(), epoch })
}

fn read(conn: &mut SqliteConnection) -> Result<Standing, Fault> {
    Ok(Standing { level: value(conn, "level")?, epoch: value(conn, "epoch")? })
}

fn begin_epoch(conn: &mut SqliteConnection, at_ms: i64) -> Result<u64, Fault> {
    let epoch = value::<u64>(conn, "epoch")?.saturating_add(1);
    put(conn, "epoch", &epoch.to_string(), at_ms)?;
    Ok(epoch)
}

pub(super) fn value<T: DeserializeOwned>(conn: &mut SqliteConnection, key: &'static str) -> Result<T, Fault> {
    let text: Option<String> = standing::table.find(key).select(standing::value).first(conn).optional()?;
    let text =
        text.ok_or_else(|| StoreError::Refused(format!("the store holds no `{key}`; restore a backup")))?;
    serde_json::from_str(&text).map_err(|_| {
        StoreError::Refused(format!("the stored `{key}` has a shape this version does not know")).into()
    })
}

pub(super) fn put(
    conn: &mut SqliteConnection,
    key: &'static str,
    text: &str,
    at_ms: i64,
) -> Result<(), Fault> {
    let changed = diesel::update(standing::table.find(key))
        .set((standing::value.eq(text), standing::changed_ms.eq(at_ms)))
        .execute(conn)?;
    match changed {
        1 => Ok(()),
        _ => Err(StoreError::Refused(format!("the store holds no `{key}`; restore a backup")).into()),
    }
}
