//! What the simulator saw: changes on every side in order, and counts of requests for budgets.
//!
//! Not here: what was answered in detail; tests look at answers themselves.

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use serde::Serialize;
use serde_json::{Value, json};

use crate::num;

/// Through which of the simulator's doors a change came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    #[default]
    Pve,
    Ssh,
    Docker,
    Wake,
    Mail,
}

impl Side {
    pub const ALL: [Self; 5] = [Self::Pve, Self::Ssh, Self::Docker, Self::Wake, Self::Mail];

    pub fn name(self) -> &'static str {
        match self {
            Self::Pve => "pve",
            Self::Ssh => "ssh",
            Self::Docker => "docker",
            Self::Wake => "wake",
            Self::Mail => "mail",
        }
    }
}

/// One request for a change, written down in the instant its fate was decided and never altered.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Effect {
    pub seq: u64,
    /// Real milliseconds since the simulator started.
    pub at_ms: u64,
    pub unix_ms: u64,
    pub side: Side,
    /// Who asked: `USER@REALM!TOKEN`, an SSH user, a sender; `nobody` without a log-in.
    pub by: String,
    pub method: String,
    pub path: String,
    pub params: BTreeMap<String, String>,
    pub node: Option<String>,
    /// `qemu/100`, `service/pveproxy`, `container/management/redis`, `node/pve`.
    pub target: Option<String>,
    /// Whether anything was done because of it, be it only that a task was started.
    pub acted: bool,
    pub status: u16,
    /// Why nothing was done.
    pub why: Option<String>,
    pub upid: Option<String>,
    /// The node whose address was asked.
    pub asked: String,
    pub peer: String,
}

/// Changes kept; a test that makes more has lost count anyway.
const EFFECTS_MAX: usize = 20_000;

#[derive(Debug)]
pub struct Effects {
    start: Instant,
    seq: u64,
    acted: BTreeMap<Side, u64>,
    list: VecDeque<Effect>,
}

impl Default for Effects {
    fn default() -> Self {
        Self { start: Instant::now(), seq: 0, acted: BTreeMap::new(), list: VecDeque::new() }
    }
}

impl Effects {
    pub fn add(&mut self, effect: Effect) {
        self.seq += 1;
        let at_ms = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        *self.acted.entry(effect.side).or_default() += u64::from(effect.acted);
        self.list.push_back(Effect { seq: self.seq, at_ms, ..effect });
        if self.list.len() > EFFECTS_MAX {
            self.list.pop_front();
        }
    }

    /// Those after a cursor, of one side or all, with the next cursor and the counts since the start.
    pub fn report(&self, since: u64, side: Option<&str>) -> Value {
        let wanted = |e: &&Effect| e.seq > since && side.is_none_or(|s| s == e.side.name());
        let effects: Vec<&Effect> = self.list.iter().filter(wanted).collect();
        let acted: BTreeMap<&str, u64> =
            Side::ALL.iter().map(|s| (s.name(), self.acted.get(s).copied().unwrap_or(0))).collect();
        json!({"cursor": self.seq, "acted": acted, "effects": effects})
    }
}

/// Requests per endpoint template and real minute since the last reset.
#[derive(Debug)]
pub struct Requests {
    since: Instant,
    minutes: BTreeMap<u64, BTreeMap<String, u64>>,
    by: BTreeMap<String, u64>,
    connections: u64,
}

/// Minutes of counts kept.
const MINUTES_MAX: usize = 240;

impl Default for Requests {
    fn default() -> Self {
        Self { since: Instant::now(), minutes: BTreeMap::new(), by: BTreeMap::new(), connections: 0 }
    }
}

impl Requests {
    pub fn count(&mut self, endpoint: String, by: &str) {
        let minute = self.since.elapsed().as_secs() / 60;
        *self.minutes.entry(minute).or_default().entry(endpoint).or_default() += 1;
        *self.by.entry(by.to_owned()).or_default() += 1;
        if self.minutes.len() > MINUTES_MAX {
            self.minutes.pop_first();
        }
    }

    pub fn connection(&mut self) {
        self.connections += 1;
    }

    pub fn reset(&mut self) {
        *self = Self::default();
    }

    pub fn report(&self) -> Value {
        let mut sums: BTreeMap<&str, u64> = BTreeMap::new();
        for (endpoint, n) in self.minutes.values().flatten() {
            *sums.entry(endpoint).or_default() += n;
        }
        let minutes: Vec<Value> = self
            .minutes
            .iter()
            .map(|(m, c)| json!({"minute": m, "total": c.values().sum::<u64>(), "counts": c}))
            .collect();
        let since_ms = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        json!({
            "since_ms": since_ms, "total": sums.values().sum::<u64>(), "connections": self.connections,
            "endpoints": sums, "by": self.by, "minutes": minutes,
            "per_minute": num::real(sums.values().sum::<u64>()) * 60_000.0 / num::real(since_ms.max(1)),
        })
    }
}
