//! What a browser would hold: a second, independent reading of the stream's contract, so that the daemon is
//! not judged by its own code. Patches are merged as plain JSON (RFC 7396).

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Map, Value};

/// Records by kind and id, as JSON.
pub type Records = BTreeMap<String, BTreeMap<String, Value>>;

#[derive(Debug, Default, Clone)]
pub struct Screen {
    pub epoch: String,
    /// Of the channel `cluster`; `None` before the first snapshot.
    pub seq: Option<i64>,
    pub records: Records,
    /// Ids of the activity feed, in the order they came; their texts by id.
    pub events: BTreeMap<i64, Value>,
    pub event_seq: Option<i64>,
}

/// What a frame asks of the client.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    Nothing,
    /// A sequence was missed: ask for the channel again.
    Resync(String),
    Bye(String),
}

impl Screen {
    /// Takes one text frame. An unknown type is ignored, as the contract says; a known one that is malformed
    /// is an error.
    pub fn take(&mut self, text: &str) -> Result<Next> {
        let frame: Value = serde_json::from_str(text)?;
        let channel = frame["channel"].as_str().unwrap_or_default().to_owned();
        match frame["type"].as_str().context("a frame without a type")? {
            "hello" => self.hello(&frame)?,
            "snapshot" => self.snapshot(&channel, &frame)?,
            "resumed" => self.resumed(&channel, &frame)?,
            "change" => return self.change(&frame),
            "event" => return self.event(&frame),
            "bye" => return Ok(Next::Bye(frame["reason"].as_str().unwrap_or_default().to_owned())),
            _ => {}
        }
        Ok(Next::Nothing)
    }

    fn hello(&mut self, frame: &Value) -> Result<()> {
        let epoch = frame["epoch"].as_str().context("hello without an epoch")?;
        ensure!(frame["server_time_ms"].as_i64().is_some(), "hello without the server's time");
        if self.epoch != epoch {
            // The daemon has a new life: its numbers mean nothing here. The events' numbers live on disk.
            self.seq = None;
            epoch.clone_into(&mut self.epoch);
        }
        Ok(())
    }

    fn snapshot(&mut self, channel: &str, frame: &Value) -> Result<()> {
        let seq = frame["seq"].as_i64().context("snapshot without seq")?;
        match channel {
            "cluster" => {
                let kinds = frame["entities"].as_object().context("snapshot without entities")?;
                self.records = kinds.iter().map(|(kind, of)| (kind.clone(), by_id(of))).collect();
                self.seq = Some(seq);
            }
            "events" => {
                let rows = frame["events"].as_array().context("snapshot without events")?;
                for row in rows {
                    self.keep_event(row)?;
                }
                self.event_seq = Some(seq);
            }
            other => bail!("a snapshot of {other:?}, which was not asked for"),
        }
        Ok(())
    }

    fn resumed(&self, channel: &str, frame: &Value) -> Result<()> {
        let seq = frame["seq"].as_i64().context("resumed without seq")?;
        let held = if channel == "cluster" { self.seq } else { self.event_seq };
        ensure!(held == Some(seq), "resumed {channel} at {seq}, but the screen holds {held:?}");
        Ok(())
    }

    fn change(&mut self, frame: &Value) -> Result<Next> {
        let seq = frame["seq"].as_i64().context("change without seq")?;
        let Some(held) = self.seq else { bail!("a change before any snapshot") };
        if seq <= held {
            bail!("change {seq} after {held}: sent twice or out of order");
        }
        if seq != held + 1 {
            self.seq = None;
            return Ok(Next::Resync("cluster".into()));
        }
        for row in frame["up"].as_array().context("change without up")? {
            let (kind, id) = (text(row, 0)?, text(row, 1)?);
            let record =
                self.records.entry(kind).or_default().entry(id).or_insert_with(|| Value::Object(Map::new()));
            merge(record, row.get(2).context("an upsert without its patch")?);
        }
        for row in frame["del"].as_array().context("change without del")? {
            let (kind, id) = (text(row, 0)?, text(row, 1)?);
            let gone = self.records.get_mut(&kind).and_then(|of| of.remove(&id));
            ensure!(gone.is_some(), "change {seq} removes {kind} {id}, which is not there");
        }
        self.seq = Some(seq);
        Ok(Next::Nothing)
    }

    fn event(&mut self, frame: &Value) -> Result<Next> {
        let seq = frame["seq"].as_i64().context("event without seq")?;
        if self.event_seq.is_some_and(|held| seq > held + 1) {
            return Ok(Next::Resync("events".into()));
        }
        self.keep_event(&frame["event"])?;
        self.event_seq = Some(seq);
        Ok(Next::Nothing)
    }

    fn keep_event(&mut self, row: &Value) -> Result<()> {
        let id = row["id"].as_i64().context("an event without id")?;
        if let Some(held) = self.events.insert(id, row.clone()) {
            ensure!(held == *row, "event {id} came twice and differs: {held} then {row}");
        }
        Ok(())
    }

    pub fn record(&self, kind: &str, id: &str) -> Option<&Value> {
        self.records.get(kind)?.get(id)
    }

    /// A field of a record as text, `""` when it is not there.
    pub fn text(&self, kind: &str, id: &str, field: &str) -> &str {
        self.record(kind, id).and_then(|r| r[field].as_str()).unwrap_or_default()
    }

    /// The first number that is missing between the first and the last event held.
    pub fn event_gap(&self) -> Option<i64> {
        let (first, last) = (*self.events.keys().next()?, *self.events.keys().next_back()?);
        (first..=last).find(|id| !self.events.contains_key(id))
    }
}

fn by_id(of: &Value) -> BTreeMap<String, Value> {
    of.as_object().map(|m| m.iter().map(|(id, r)| (id.clone(), r.clone())).collect()).unwrap_or_default()
}

fn text(row: &Value, at: usize) -> Result<String> {
    Ok(row
        .get(at)
        .and_then(Value::as_str)
        .with_context(|| format!("row {row} has no text at {at}"))?
        .to_owned())
}

/// RFC 7396.
pub fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(fields) = target else { return };
    for (key, value) in patch {
        if value.is_null() {
            fields.remove(key);
        } else {
            merge(fields.entry(key.clone()).or_insert(Value::Null), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn screen() -> Screen {
        let mut s = Screen::default();
        s.take(r#"{"type":"hello","epoch":"a","server_time_ms":1}"#).unwrap();
        s.take(r#"{"type":"snapshot","channel":"cluster","seq":4,"ts_ms":1,"entities":{"node":{"pve":{"cpu":1,"x":2}}}}"#)
            .unwrap();
        s
    }

    #[test]
    fn a_change_merges_removes_and_creates() {
        let mut s = screen();
        let change = r#"{"type":"change","channel":"cluster","seq":5,"ts_ms":2,"up":[["node","pve",{"cpu":3,"x":null}],["guest","100",{"name":"a"}]],"del":[]}"#;
        assert_eq!(s.take(change).unwrap(), Next::Nothing);
        assert_eq!(s.record("node", "pve").unwrap().to_string(), r#"{"cpu":3}"#);
        assert_eq!(s.text("guest", "100", "name"), "a");
        let gone =
            r#"{"type":"change","channel":"cluster","seq":6,"ts_ms":2,"up":[],"del":[["guest","100"]]}"#;
        s.take(gone).unwrap();
        assert!(s.record("guest", "100").is_none());
        assert!(s.take(gone).is_err(), "the same number twice must not pass");
    }

    #[test]
    fn a_gap_asks_for_the_channel_again_and_an_unknown_frame_is_nothing() {
        let mut s = screen();
        let change = r#"{"type":"change","channel":"cluster","seq":7,"ts_ms":2,"up":[],"del":[]}"#;
        assert_eq!(s.take(change).unwrap(), Next::Resync("cluster".into()));
        assert_eq!(s.take(r#"{"type":"later"}"#).unwrap(), Next::Nothing);
    }

    #[test]
    fn a_lost_event_shows_as_a_gap() {
        let mut s = screen();
        s.take(r#"{"type":"snapshot","channel":"events","seq":2,"ts_ms":1,"events":[{"id":1},{"id":2}]}"#)
            .unwrap();
        assert_eq!(s.event_gap(), None);
        let skip = r#"{"type":"event","channel":"events","seq":4,"event":{"id":4}}"#;
        assert_eq!(s.take(skip).unwrap(), Next::Resync("events".into()));
        s.events.insert(4, Value::Null);
        assert_eq!(s.event_gap(), Some(3));
    }
}
