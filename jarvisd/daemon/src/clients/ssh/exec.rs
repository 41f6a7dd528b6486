//! One command in an open session: both streams are drained alternately, because a full one stops the other.

use std::{
    io::{ErrorKind, Read},
    time::{Duration, Instant},
};

use jarvis_core::cluster::NodeName;
use ssh2::{Channel, ErrorCode, Session};

use super::{
    Command, Output,
    error::SshError,
    session::{Open, await_io},
};
use crate::clock::Clock;

/// libssh2's "would block".
const EAGAIN: i32 = -37;
const CHUNK_BYTES: usize = 16 * 1024;
/// A wait is never longer, so that a deadline is met whatever the socket does.
const WAIT_MAX: Duration = Duration::from_millis(500);

/// Opens a channel. Until then the server has been told nothing, so an error means that nothing was run.
pub(super) fn channel(
    open: &Open,
    node: &NodeName,
    deadline: Instant,
    clock: Clock,
) -> Result<Channel, SshError> {
    open.session.set_blocking(false);
    let none = |reason: String| SshError::NoChannel { node: node.clone(), reason };
    loop {
        match open.session.channel_session() {
            Ok(channel) => return Ok(channel),
            Err(e) if !would_block(&e) => return Err(none(e.message().to_owned())),
            Err(_) if clock.monotonic() >= deadline => return Err(none("no answer in time".to_owned())),
            Err(_) => {
                let left = deadline.saturating_duration_since(clock.monotonic());
                await_io(open, None, left.min(WAIT_MAX));
            }
        }
    }
}

/// Runs one command. After an error, and after a cut, the session must be thrown away.
pub(super) fn run(
    open: &Open,
    mut channel: Channel,
    node: &NodeName,
    command: &Command,
    deadline: Instant,
    clock: Clock,
) -> Result<Output, SshError> {
    let step = Step { open, node, deadline, clock, timeout: command.timeout };
    step.retry("sending the command", || channel.exec(&command.line))?;
    let (stdout, stderr, cut) = step.drain(&mut channel, command.output_bytes_max)?;
    if cut {
        return Ok(Output { exit: None, stdout, stderr, cut });
    }
    step.retry("waiting for the end", || channel.wait_eof())?;
    step.retry("closing the channel", || channel.close())?;
    step.retry("waiting for the exit code", || channel.wait_close())?;
    if let Ok(signal) = channel.exit_signal()
        && let Some(signal) = signal.exit_signal
    {
        return Err(SshError::Signalled { node: node.clone(), signal });
    }
    let exit = step.retry("reading the exit code", || channel.exit_status())?;
    Ok(Output { exit: Some(exit), stdout, stderr, cut })
}

struct Step<'a> {
    open: &'a Open,
    node: &'a NodeName,
    deadline: Instant,
    clock: Clock,
    timeout: Duration,
}

impl Step<'_> {
    fn retry<T>(
        &self,
        doing: &'static str,
        mut call: impl FnMut() -> Result<T, ssh2::Error>,
    ) -> Result<T, SshError> {
        loop {
            match call() {
                Ok(value) => return Ok(value),
                Err(e) if would_block(&e) => self.wait(doing)?,
                Err(e) => return Err(self.broken(doing, e.message())),
            }
        }
    }

    /// Reads both streams to their end, or to the cap of either.
    fn drain(&self, channel: &mut Channel, max: usize) -> Result<(Vec<u8>, Vec<u8>, bool), SshError> {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut chunk = vec![0u8; CHUNK_BYTES];
        loop {
            let moved_out = self.read(&mut channel.stream(0), &mut chunk, &mut out, max)?;
            let moved_err = self.read(&mut channel.stderr(), &mut chunk, &mut err, max)?;
            if out.len() > max || err.len() > max {
                out.truncate(max);
                err.truncate(max);
                return Ok((out, err, true));
            }
            if moved_out || moved_err {
                self.in_time("reading its output")?;
                continue;
            }
            if channel.eof() {
                return Ok((out, err, false));
            }
            self.wait("reading its output")?;
        }
    }

    /// One read; says whether anything came. One byte over `max` is kept, as the sign that there was more.
    fn read(
        &self,
        from: &mut impl Read,
        chunk: &mut [u8],
        into: &mut Vec<u8>,
        max: usize,
    ) -> Result<bool, SshError> {
        match from.read(chunk) {
            Ok(n) => {
                let room = max.saturating_add(1).saturating_sub(into.len());
                into.extend(chunk.iter().take(n.min(room)));
                Ok(n > 0)
            }
            Err(e) if e.kind() == ErrorKind::WouldBlock => Ok(false),
            Err(e) => Err(self.broken("reading its output", &e.to_string())),
        }
    }

    fn wait(&self, doing: &'static str) -> Result<(), SshError> {
        self.in_time(doing)?;
        let left = self.deadline.saturating_duration_since(self.clock.monotonic());
        await_io(self.open, None, left.min(WAIT_MAX));
        Ok(())
    }

    fn in_time(&self, phase: &'static str) -> Result<(), SshError> {
        if self.clock.monotonic() < self.deadline {
            return Ok(());
        }
        Err(SshError::TimedOut { node: self.node.clone(), timeout: self.timeout, phase })
    }

    fn broken(&self, doing: &'static str, reason: &str) -> SshError {
        SshError::Broken { node: self.node.clone(), doing, reason: reason.to_owned() }
    }
}

pub(super) fn would_block(e: &ssh2::Error) -> bool {
    e.code() == ErrorCode::Session(EAGAIN)
}

/// Whether the server still answers: cheaper than finding out with a command that must not be sent twice.
pub(super) fn alive(session: &Session) -> bool {
    session.set_blocking(true);
    session.set_timeout(2_000);
    session.keepalive_send().is_ok()
}
