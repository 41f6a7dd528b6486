//! Tasks: the cluster's list, the end of one, and the lines of its log.

use jarvis_core::cluster::reading::TaskRow;
use jarvis_core::cluster::{TaskStatus, Upid};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::field::Field;
use super::{Decoded, Oddities, Unreadable, fields, rows, start};

#[derive(Default, Deserialize)]
#[serde(default)]
struct Fields {
    upid: Field<String>,
    node: Field<String>,
    #[serde(rename = "type")]
    kind: Field<String>,
    id: Field<String>,
    user: Field<String>,
    tokenid: Field<String>,
    starttime: Field<u64>,
    endtime: Field<u64>,
    status: Field<String>,
}

/// `GET /cluster/tasks`
pub(in super::super) fn tasks(data: &RawValue) -> Result<Decoded<Vec<TaskRow>>, Unreadable> {
    let mut value = Vec::new();
    let read = rows(data, row, |task| value.push(task))?;
    Ok(Decoded { value, odd_rows: read.odd_rows, first_odd: read.first_odd })
}

fn row(json: &str, odd: &mut Oddities) -> Result<Option<TaskRow>, Unreadable> {
    let f: Fields = fields(json, odd)?;
    let upid: Upid = f.upid.read("upid", odd).and_then(|u| u.parse().ok()).ok_or("no usable upid")?;
    let named = f.node.read("node", odd).and_then(|n| n.parse().ok());
    let node = named.or_else(|| upid.node()).ok_or("no usable node name")?;
    let part = |i: usize| upid.as_str().split(':').nth(i).unwrap_or_default().to_owned();
    let start_s = f.starttime.read("starttime", odd).or_else(|| u64::from_str_radix(&part(4), 16).ok());
    let end_ms = f.endtime.read("endtime", odd).and_then(ms);
    let exit = f.status.read("status", odd).map(|exit| short(exit, WORD_BYTES_MAX));
    let user = match (f.user.read("user", odd), f.tokenid.read("tokenid", odd)) {
        (Some(user), Some(token)) if !user.contains('!') => format!("{user}!{token}"),
        (Some(user), _) => user,
        (None, _) => part(7),
    };
    Ok(Some(TaskRow {
        node,
        kind: short(f.kind.read("type", odd).unwrap_or_else(|| part(5)), WORD_BYTES_MAX),
        target: f.id.read("id", odd).map(|id| short(id, WORD_BYTES_MAX)),
        user: short(user, WORD_BYTES_MAX),
        start_ms: start_s.and_then(ms).ok_or("no start time")?,
        end_ms,
        status: status(end_ms.is_some(), exit.as_deref()),
        exit: exit.filter(|_| end_ms.is_some()),
        upid,
    }))
}

fn ms(seconds: u64) -> Option<i64> {
    i64::try_from(seconds).ok()?.checked_mul(1_000)
}

/// While a task runs it has neither an end nor a last word.
fn status(ended: bool, exit: Option<&str>) -> TaskStatus {
    match exit {
        None | Some("RUNNING" | "running") if !ended => TaskStatus::Running,
        Some("OK") => TaskStatus::Ok,
        Some(word) if word.starts_with("WARNINGS:") => TaskStatus::Warnings,
        // The worker was killed before it could say how it went.
        None | Some("unexpected status" | "unknown") => TaskStatus::Unknown,
        Some(_) => TaskStatus::Failed,
    }
}

/// `GET /nodes/{node}/tasks/{upid}/status`: how a task stands and its last word.
pub(in super::super) fn task_end(
    data: &RawValue,
) -> Result<Decoded<(TaskStatus, Option<String>)>, Unreadable> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Status {
        status: Field<String>,
        exitstatus: Field<String>,
    }
    let f: Status =
        serde_json::from_str(data.get()).map_err(|_| format!("not a task's status: {}", start(data)))?;
    let mut odd = Oddities::default();
    let exit = f.exitstatus.read("exitstatus", &mut odd);
    let ended = match f.status.read("status", &mut odd).as_deref() {
        Some("running") => false,
        Some("stopped") => true,
        _ => return Err(format!("neither running nor stopped: {}", start(data))),
    };
    let exit = exit.map(|exit| short(exit, WORD_BYTES_MAX)).filter(|_| ended);
    let value = (status(ended, exit.as_deref()), exit);
    Ok(Decoded { value, odd_rows: u32::from(odd.first.is_some()), first_odd: odd.first })
}

/// A longer line is cut. Nobody reads further, and to look for secrets in megabytes holds everybody up.
const LINE_BYTES_MAX: usize = 8 * 1024;
/// Proxmox takes a task's last word from the last 4 KiB of its log. Each is sent to every screen.
const WORD_BYTES_MAX: usize = 4 * 1024;

/// A line of a task's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// From 1.
    pub number: u64,
    pub text: String,
}

/// `GET /nodes/{node}/tasks/{upid}/log`: the `limit` lines after line `after`, whatever else is in it.
pub(in super::super) fn log_lines(
    data: &RawValue,
    after: u32,
    limit: u32,
) -> Result<Decoded<Vec<LogLine>>, Unreadable> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Line {
        n: Field<u64>,
        t: Field<String>,
    }
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut value = Vec::new();
    let line = |json: &str, odd: &mut Oddities| {
        let f: Line = fields(json, odd)?;
        let number = f.n.read("n", odd).ok_or("no line number")?;
        Ok(Some(LogLine { number, text: short(f.t.read("t", odd).unwrap_or_default(), LINE_BYTES_MAX) }))
    };
    let read = rows(data, line, |l| value.push(l))?;
    if value.len() > limit {
        // More than was asked for: the whole log, most likely.
        value.retain(|line: &LogLine| line.number > u64::from(after));
        value.truncate(limit);
    }
    Ok(Decoded { value, odd_rows: read.odd_rows, first_odd: read.first_odd })
}

/// Cut between words, so that no half of a secret is left that nothing would tell for one.
fn short(mut text: String, bytes_max: usize) -> String {
    if text.len() > bytes_max {
        let head = text.get(..text.floor_char_boundary(bytes_max)).unwrap_or_default();
        let end = head.rfind(char::is_whitespace).unwrap_or(head.len());
        text.truncate(end);
        text.push_str(" …");
    }
    text
}
