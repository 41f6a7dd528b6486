//! The thread that owns one node's session. It connects when a command comes and lets go when idle.

use std::{
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

use ssh2::Channel;
use tokio::sync::oneshot;

use super::{Command, Output, QUEUE_MAX, Settings, Target, error::SshError, exec, session};
use crate::{clients::sending::Gate, clock::Clock};

/// An unused session is closed, so that a node's `MaxSessions` and its log are left alone.
const IDLE: Duration = Duration::from_secs(120);
/// A session in use answers within milliseconds. One that does not by then is given up for a new one, for which there
/// is still time: no command has less than ten seconds.
const OLD_SESSION_WAIT: Duration = Duration::from_secs(2);

pub(super) struct Job {
    pub command: Command,
    pub deadline: Instant,
    /// Of a change.
    pub gate: Option<Gate>,
    pub reply: oneshot::Sender<Result<Output, SshError>>,
}

/// The sending end of a node's thread; the thread ends when all of them are gone.
pub(super) struct Worker {
    pub queue: mpsc::SyncSender<Job>,
}

impl Worker {
    pub fn start(target: Target, settings: Arc<Settings>, clock: Clock) -> Result<Self, SshError> {
        let (queue, jobs) = mpsc::sync_channel(QUEUE_MAX);
        let node = target.node.clone();
        thread::Builder::new()
            .name(format!("ssh-{node}"))
            .spawn(move || serve(&target, &settings, clock, &jobs))
            .map_err(|source| SshError::Thread { node, source })?;
        Ok(Self { queue })
    }
}

fn serve(target: &Target, settings: &Settings, clock: Clock, jobs: &mpsc::Receiver<Job>) {
    let mut open: Option<session::Open> = None;
    loop {
        let job = match jobs.recv_timeout(IDLE) {
            Ok(job) => job,
            Err(mpsc::RecvTimeoutError::Timeout) => {
                open = None;
                continue;
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => return,
        };
        // Whoever asked may have gone while the job waited: then nothing is sent.
        if job.reply.is_closed() {
            continue;
        }
        let (answer, kept) = one(target, settings, clock, open.take(), &job);
        open = kept;
        let _ = job.reply.send(answer);
    }
}

/// Runs one job; gives the session back when it can be used again.
fn one(
    target: &Target,
    settings: &Settings,
    clock: Clock,
    open: Option<session::Open>,
    job: &Job,
) -> (Result<Output, SshError>, Option<session::Open>) {
    if clock.monotonic() >= job.deadline {
        let late = SshError::TimedOut {
            node: target.node.clone(),
            timeout: job.command.timeout,
            phase: "waiting for the node's other commands",
        };
        return (Err(late), open);
    }
    let (open, channel) = match ready(target, settings, clock, open, job.deadline) {
        Ok(ready) => ready,
        Err(error) => return (Err(error), None),
    };
    if job.gate.as_ref().is_some_and(|gate| !gate.may_leave()) {
        return (Err(SshError::Held { node: target.node.clone() }), None);
    }
    let answer = exec::run(&open, channel, &target.node, &job.command, job.deadline, clock);
    let whole = matches!(&answer, Ok(output) if !output.cut);
    (answer, whole.then_some(open))
}

/// A channel that only waits for the command. The session that is there may have died unnoticed, with the server or
/// with the way to it; nothing was run in it then, so a new one takes its place.
fn ready(
    target: &Target,
    settings: &Settings,
    clock: Clock,
    open: Option<session::Open>,
    deadline: Instant,
) -> Result<(session::Open, Channel), SshError> {
    if let Some(open) = open.filter(|o| exec::alive(&o.session)) {
        let soon = deadline.min(clock.monotonic() + OLD_SESSION_WAIT);
        if let Ok(channel) = exec::channel(&open, &target.node, soon, clock) {
            return Ok((open, channel));
        }
    }
    let open = session::open(target, settings, clock)?;
    let channel = exec::channel(&open, &target.node, deadline, clock)?;
    Ok((open, channel))
}
