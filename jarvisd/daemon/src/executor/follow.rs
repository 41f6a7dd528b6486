//! A task followed to its own end. A task id is no success, and a time-out of ours is no failure of the task.

use std::time::{Duration, Instant};

use jarvis_core::{
    cluster::{TaskStatus, Upid},
    redact,
    tools::words::deceives,
};

use super::Inner;
use crate::clients::proxmox::Proxmox;

/// The first question after the send; most tasks of a guest end within a second.
const FIRST_AFTER: Duration = Duration::from_millis(100);
/// A long task is asked about this often.
const EVERY_MAX: Duration = Duration::from_secs(2);
/// Lines of its log that are kept and shown.
const LOG_LINES: u32 = 20;
const LINE_CHARS_MAX: usize = 300;

/// How the following ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Followed {
    Ended {
        status: TaskStatus,
        exit: Option<String>,
        log: Vec<String>,
    },
    /// It runs on, or nobody answers for it; why, for a person.
    Lost {
        why: String,
        log: Vec<String>,
    },
    /// The daemon stops; the next start takes it up again.
    Stopping,
}

impl Followed {
    /// In the task's own word.
    pub fn ended_well(&self) -> bool {
        matches!(self, Self::Ended { status: TaskStatus::Ok | TaskStatus::Warnings, .. })
    }
}

impl Inner {
    pub(super) async fn follow(&self, proxmox: &Proxmox, upid: &Upid, deadline: Instant) -> Followed {
        let mut wait = FIRST_AFTER;
        loop {
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.stop.cancelled() => return Followed::Stopping,
            }
            wait = wait.saturating_mul(2).min(EVERY_MAX);
            let trouble = match proxmox.task_end(upid).await {
                Ok(answer) if answer.value.status != TaskStatus::Running => {
                    let log = tail(proxmox, upid).await;
                    let exit = answer.value.exit.map(|exit| plain(&exit));
                    return Followed::Ended { status: answer.value.status, exit, log };
                }
                Ok(_) => None,
                Err(error) => Some(error.to_string()),
            };
            if self.parts.clock.monotonic() >= deadline {
                let why = trouble.map_or_else(
                    || "its task still runs after the time it may take".to_owned(),
                    |error| format!("its task could not be asked about: {error}"),
                );
                return Followed::Lost { why, log: tail(proxmox, upid).await };
            }
        }
    }
}

async fn tail(proxmox: &Proxmox, upid: &Upid) -> Vec<String> {
    match proxmox.task_tail(upid, LOG_LINES).await {
        Ok(answer) => answer.value.lines.iter().map(|line| plain(&line.text)).collect(),
        Err(error) => vec![format!("(the log could not be read: {error})")],
    }
}

/// Text of others, fit for a row and a screen: one bounded line without control or direction characters, and without
/// secrets. They are looked for in what is shown, so that no character in between hides one, and before it is cut.
pub fn plain(text: &str) -> String {
    let shown: String = text.chars().filter(|c| !deceives(*c)).collect();
    redact::text(&shown).chars().take(LINE_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn text_of_others_is_one_short_line_that_cannot_deceive() {
        let hostile = format!("a\u{1b}[31mb\n\u{202e}c\0{}", "x".repeat(1_000));
        let shown = plain(&hostile);
        assert!(shown.starts_with("a[31mbc") && shown.chars().count() == super::LINE_CHARS_MAX, "{shown}");
    }

    #[test]
    fn i30_no_secret_of_a_task_is_told_not_even_one_that_is_split_or_cut() {
        for said in [
            "command 'restic --password=canary-4711 backup' failed: exit code 1".to_owned(),
            "pass\u{200b}word=canary-4711".to_owned(),
            "https://root:canary-4711@nas/share: no route".to_owned(),
            format!("{} token=canary-4711", "x".repeat(super::LINE_CHARS_MAX - 12)),
        ] {
            let shown = plain(&said);
            assert!(!shown.contains("canary") && !shown.contains("4711"), "{shown}");
        }
    }
}
