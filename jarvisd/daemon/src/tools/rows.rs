//! Rows of foreign and of our own making, brought into the words of an answer: units last, times as ages.

use serde::Serialize;
use serde_json::{Map, Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// Names in the order given, where the row has them: `("size", "size_bytes")`.
pub(super) fn pick(row: &Value, names: &[(&str, &str)]) -> Map<String, Value> {
    let given = |(from, to): &(&str, &str)| {
        let value = row.get(*from).filter(|v| !v.is_null())?;
        Some(((*to).to_owned(), value.clone()))
    };
    names.iter().filter_map(given).collect()
}

/// A record of the state: moments become ages, what only the screen needs is left out.
pub(super) fn record(record: &impl Serialize, now_ms: i64) -> Map<String, Value> {
    let Ok(Value::Object(fields)) = serde_json::to_value(record) else { return Map::new() };
    let field = |(name, value): (String, Value)| match (name.strip_suffix("_ms"), value.as_i64()) {
        _ if name == "src" => None,
        (Some(base), Some(ms)) => Some((format!("{base}_ago_s"), json!(age_s(ms, now_ms)))),
        _ => Some((name, value)),
    };
    fields.into_iter().filter_map(field).collect()
}

/// A record of something that happened: moments stay moments, as RFC 3339.
pub(super) fn happening(record: &impl Serialize) -> Map<String, Value> {
    let Ok(Value::Object(fields)) = serde_json::to_value(record) else { return Map::new() };
    let field = |(name, value): (String, Value)| match (name.strip_suffix("_ms"), value.as_i64()) {
        (Some(base), Some(ms)) => {
            let base = if base == "ts" { "at".to_owned() } else { format!("{base}_at") };
            (base, json!(at(ms)))
        }
        _ => (name, value),
    };
    fields.into_iter().map(field).collect()
}

/// Whole seconds since then; never negative.
pub(super) fn age_s(then_ms: i64, now_ms: i64) -> i64 {
    now_ms.saturating_sub(then_ms).max(0) / 1_000
}

/// Whole hours since a moment in seconds.
pub(super) fn age_h(then_s: i64, now_ms: i64) -> i64 {
    age_s(then_s.saturating_mul(1_000), now_ms) / 3_600
}

/// `2026-10-20T14:03:00Z`
pub(super) fn at(ms: i64) -> Option<String> {
    OffsetDateTime::from_unix_timestamp(ms.div_euclid(1_000)).ok()?.format(&Rfc3339).ok()
}

/// A number, however Proxmox wrote it.
pub(super) fn number(row: &Value, name: &str) -> Option<i64> {
    let value = row.get(name)?;
    value.as_i64().or_else(|| value.as_f64().and_then(whole)).or_else(|| value.as_str()?.trim().parse().ok())
}

fn whole(n: f64) -> Option<i64> {
    format!("{:.0}", n.trunc()).parse().ok()
}

/// 0/1, `"1"`, true.
pub(super) fn flag(row: &Value, name: &str) -> Option<bool> {
    match row.get(name)? {
        Value::Bool(b) => Some(*b),
        Value::Number(n) => n.as_i64().map(|n| n != 0),
        Value::String(s) => match s.as_str() {
            "1" | "yes" | "on" => Some(true),
            "0" | "no" | "off" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

pub(super) fn word<'v>(row: &'v Value, name: &str) -> Option<&'v str> {
    row.get(name)?.as_str()
}

/// The rows of a list; nothing when it is none.
pub(super) fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_become_ages_and_numbers_are_read_in_every_dress() {
        let value =
            record(&json!({"name": "a", "started_ms": 1_000, "src": "resources", "cpu": 0.5}), 61_000);
        assert_eq!(Value::Object(value), json!({"name": "a", "started_ago_s": 60, "cpu": 0.5}));
        let value = happening(&json!({"ts_ms": 0, "start_ms": 1_000}));
        assert_eq!(
            Value::Object(value),
            json!({"at": "1970-01-01T00:00:00Z", "start_at": "1970-01-01T00:00:01Z"})
        );
        let row = json!({"a": 1, "b": "2", "c": 3.9, "d": "x", "e": true, "f": "0", "g": null});
        assert_eq!(
            [number(&row, "a"), number(&row, "b"), number(&row, "c"), number(&row, "d")],
            [Some(1), Some(2), Some(3), None]
        );
        assert_eq!(
            [flag(&row, "a"), flag(&row, "e"), flag(&row, "f"), flag(&row, "g")],
            [Some(true), Some(true), Some(false), None]
        );
        assert_eq!(
            Value::Object(pick(&row, &[("a", "a_bytes"), ("g", "g"), ("z", "z")])),
            json!({"a_bytes": 1})
        );
    }
}
