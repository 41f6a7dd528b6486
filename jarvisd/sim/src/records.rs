//! What the simulator saw: changes in order, and counts of requests for budgets.
//!
//! Not here: what was answered in detail; tests look at answers themselves.

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use serde::Serialize;
use serde_json::{Value, json};

use crate::num;

/// One mutating request.
#[derive(Clone, Debug, Serialize)]
pub struct Effect {
    pub seq: u64,
    /// Real milliseconds since the simulator started.
    pub at_ms: u64,
    pub unix_ms: u64,
    pub asked: String,
    pub node: Option<String>,
    pub method: String,
    pub path: String,
    pub params: BTreeMap<String, String>,
    pub by: String,
    pub peer: String,
    pub status: u16,
    pub upid: Option<String>,
}

/// Changes kept; a test that makes more has lost count anyway.
const EFFECTS_MAX: usize = 20_000;

#[derive(Debug)]
pub struct Effects {
    start: Instant,
    seq: u64,
    list: VecDeque<Effect>,
}

impl Default for Effects {
    fn default() -> Self {
        Self { start: Instant::now(), seq: 0, list: VecDeque::new() }
    }
}

impl Effects {
    pub fn add(&mut self, effect: Effect) {
        self.seq += 1;
        let at_ms = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.list.push_back(Effect { seq: self.seq, at_ms, ..effect });
        if self.list.len() > EFFECTS_MAX {
            self.list.pop_front();
        }
    }

    pub fn since(&self, seq: u64) -> Vec<&Effect> {
        self.list.iter().filter(|e| e.seq > seq).collect()
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
