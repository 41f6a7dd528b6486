//! A person's shell on a node: a session and a thread of its own, bytes both ways, bounded.
//!
//! The reader is stopped by simply not being read: the output channel is bounded, libssh2's window fills, and the
//! program on the node waits. So a flood costs no memory here.

use std::{
    io::{ErrorKind, Read, Write},
    os::unix::net::UnixStream,
    sync::Arc,
    thread,
    time::Duration,
};

use bytes::Bytes;
use jarvis_core::cluster::NodeName;
use ssh2::Channel;
use tokio::sync::{mpsc, oneshot};

use super::{
    Settings, Target,
    error::SshError,
    exec::would_block,
    session::{self, Open, await_io},
};
use crate::clock::Clock;

/// Chunks of output under way to the browser.
const OUTPUT_MAX: usize = 4;
/// How much the node may send ahead, and in one packet. Whoever interrupts a flood sees everything that was under way
/// before the prompt: libssh2's own 2 MiB took seconds to draw.
const WINDOW_BYTES: u32 = 128 * 1024;
const PACKET_BYTES: u32 = 32 * 1024;
/// Messages from the keyboard under way to the node.
const INPUT_MAX: usize = 64;
const CHUNK_BYTES: usize = 16 * 1024;
/// The browser's terminal speaks UTF-8; a shell that does not know takes letters with accents for commands. Only the
/// characters: the language is the node's own.
const CHARSET: (&str, &str) = ("LC_CTYPE", "C.UTF-8");
const WAIT: Duration = Duration::from_millis(500);
/// While the browser does not take more, look this often whether it does again.
const STALLED_WAIT: Duration = Duration::from_millis(10);

/// Size of a terminal in cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    pub cols: u16,
    pub rows: u16,
}

#[derive(Debug)]
enum Input {
    Bytes(Bytes),
    Resize(Size),
    Close,
}

/// What comes from the shell.
#[derive(Debug)]
pub enum ShellEvent {
    Output(Bytes),
    /// Its exit code, or the signal that ended it.
    Exit {
        code: Option<i32>,
        signal: Option<String>,
    },
    Failed(SshError),
}

/// Opens shells for people. Commands and shells are two handles on purpose: whoever runs typed operations holds an
/// [`super::Ssh`], which cannot open a shell, let alone type into one.
#[derive(Clone)]
pub struct Shells {
    settings: Arc<Settings>,
    clock: Clock,
}

impl Shells {
    /// Connects nowhere yet.
    pub fn new(settings: Settings, clock: Clock) -> Self {
        Self { settings: Arc::new(settings), clock }
    }

    /// Where a shell can be opened, and as whom.
    pub fn targets(&self) -> &[Target] {
        &self.settings.targets
    }

    /// Opens a shell with a terminal of the given size, in a session and a thread of its own.
    pub async fn open(&self, node: &NodeName, size: Size) -> Result<Shell, SshError> {
        let target = self.settings.targets.iter().find(|t| t.node == *node);
        let target = target.ok_or_else(|| SshError::NotConfigured { node: node.clone() })?;
        open(target.clone(), Arc::clone(&self.settings), self.clock, size).await
    }
}

/// The async end of a shell. Dropping it closes the shell.
#[derive(Debug)]
pub struct Shell {
    pub events: mpsc::Receiver<ShellEvent>,
    pub keys: Keys,
}

/// The typing end. Apart from the events, so that one can wait for both.
#[derive(Debug)]
pub struct Keys {
    input: mpsc::Sender<Input>,
    wake: UnixStream,
}

impl Keys {
    /// Sends what was typed; waits while the node takes no more. `false`: the shell is gone.
    pub async fn write(&self, bytes: Bytes) -> bool {
        self.send(Input::Bytes(bytes)).await
    }

    pub async fn resize(&self, size: Size) -> bool {
        self.send(Input::Resize(size)).await
    }

    /// Hangs up; the node's program gets SIGHUP.
    pub async fn close(&self) -> bool {
        self.send(Input::Close).await
    }

    async fn send(&self, input: Input) -> bool {
        let sent = self.input.send(input).await.is_ok();
        // A full pipe already has a byte in it, which is all the thread needs.
        let _ = (&self.wake).write(&[1]);
        sent
    }
}

async fn open(target: Target, settings: Arc<Settings>, clock: Clock, size: Size) -> Result<Shell, SshError> {
    let node = target.node.clone();
    let thread_error = |source| SshError::Thread { node: node.clone(), source };
    let (wake, woken) = UnixStream::pair().map_err(thread_error)?;
    wake.set_nonblocking(true).map_err(thread_error)?;
    woken.set_nonblocking(true).map_err(thread_error)?;
    let (events_in, events) = mpsc::channel(OUTPUT_MAX);
    let (input, inputs) = mpsc::channel(INPUT_MAX);
    let (ready, opened) = oneshot::channel();
    thread::Builder::new()
        .name(format!("shell-{node}"))
        .spawn(move || {
            let made = session::open(&target, &settings, clock)
                .and_then(|open| start(&open, &target.node, size).map(|channel| (open, channel)));
            match made {
                Err(error) => {
                    let _ = ready.send(Err(error));
                }
                Ok((open, channel)) => {
                    if ready.send(Ok(())).is_ok() {
                        let pump =
                            Pump { node: target.node, open, channel, inputs, events: events_in, woken };
                        pump.run();
                    }
                }
            }
        })
        .map_err(thread_error)?;
    opened.await.unwrap_or_else(|_| Err(SshError::Stopped { node: node.clone() }))?;
    Ok(Shell { events, keys: Keys { input, wake } })
}

fn start(open: &Open, node: &NodeName, size: Size) -> Result<Channel, SshError> {
    let broken = |doing: &'static str| {
        let node = node.clone();
        move |e: ssh2::Error| SshError::Broken { node, doing, reason: e.message().to_owned() }
    };
    let mut channel = open
        .session
        .channel_open("session", WINDOW_BYTES, PACKET_BYTES, None)
        .map_err(broken("opening a channel"))?;
    let cells = Some((u32::from(size.cols), u32::from(size.rows), 0, 0));
    channel.request_pty("xterm-256color", None, cells).map_err(broken("asking for a terminal"))?;
    // A node whose sshd does not take it (Debian's does) is no worse off than without.
    let _ = channel.setenv(CHARSET.0, CHARSET.1);
    // With a terminal the node itself merges both streams; this catches what a login script writes before.
    channel.handle_extended_data(ssh2::ExtendedData::Merge).map_err(broken("merging its streams"))?;
    channel.shell().map_err(broken("starting the shell"))?;
    Ok(channel)
}

struct Pump {
    node: NodeName,
    open: Open,
    channel: Channel,
    inputs: mpsc::Receiver<Input>,
    events: mpsc::Sender<ShellEvent>,
    woken: UnixStream,
}

impl Pump {
    fn run(mut self) {
        self.open.session.set_blocking(false);
        let end = self.pump();
        if let Some(event) = end {
            // Whoever reads may be busy with what came before; it is bounded and will be read or dropped.
            let _ = self.events.blocking_send(event);
        }
    }

    fn pump(&mut self) -> Option<ShellEvent> {
        let mut chunk = vec![0u8; CHUNK_BYTES];
        let mut pending = Bytes::new();
        loop {
            if self.events.is_closed() {
                return None;
            }
            let mut moved = match self.type_in(&mut pending) {
                Ok(moved) => moved,
                Err(event) => return event,
            };
            let stalled = self.events.capacity() == 0;
            if !stalled {
                match self.channel.read(&mut chunk) {
                    Ok(0) if self.channel.eof() => return Some(self.ended()),
                    Ok(0) => {}
                    Ok(n) => {
                        let bytes = Bytes::copy_from_slice(chunk.get(..n).unwrap_or_default());
                        let _ = self.events.try_send(ShellEvent::Output(bytes));
                        moved = true;
                    }
                    Err(e) if e.kind() == ErrorKind::WouldBlock => {}
                    Err(e) => return Some(self.broken("reading from the shell", e.to_string())),
                }
            }
            if !moved {
                self.rest(stalled);
            }
        }
    }

    fn rest(&mut self, stalled: bool) {
        if stalled {
            // The socket would be readable at once: wait for the browser instead.
            let timeout = rustix::event::Timespec::try_from(STALLED_WAIT).ok();
            let _ = rustix::event::poll(&mut [], timeout.as_ref());
            return;
        }
        await_io(&self.open, Some(&self.woken), WAIT);
        let mut bin = [0u8; 64];
        while matches!(self.woken.read(&mut bin), Ok(n) if n > 0) {}
    }

    /// Passes on what was typed. `Err(None)`: the person hung up.
    fn type_in(&mut self, pending: &mut Bytes) -> Result<bool, Option<ShellEvent>> {
        let mut moved = false;
        loop {
            while !pending.is_empty() {
                match self.channel.write(pending) {
                    Ok(n) => {
                        let _ = pending.split_to(n.min(pending.len()));
                        moved = true;
                    }
                    Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(moved),
                    Err(e) => return Err(Some(self.broken("writing to the shell", e.to_string()))),
                }
            }
            match self.inputs.try_recv() {
                Ok(Input::Bytes(bytes)) => *pending = bytes,
                Ok(Input::Resize(size)) => self.resize(size).map_err(Some)?,
                Ok(Input::Close) | Err(mpsc::error::TryRecvError::Disconnected) => return Err(None),
                Err(mpsc::error::TryRecvError::Empty) => return Ok(moved),
            }
        }
    }

    fn resize(&mut self, size: Size) -> Result<(), ShellEvent> {
        loop {
            let asked = self.channel.request_pty_size(u32::from(size.cols), u32::from(size.rows), None, None);
            match asked {
                Ok(()) => return Ok(()),
                Err(e) if would_block(&e) => await_io(&self.open, None, WAIT),
                Err(e) => return Err(self.broken("resizing the terminal", e.message().to_owned())),
            }
        }
    }

    fn ended(&mut self) -> ShellEvent {
        self.open.session.set_blocking(true);
        self.open.session.set_timeout(2_000);
        let closed = self.channel.close().and_then(|()| self.channel.wait_close());
        let signal = self.channel.exit_signal().ok().and_then(|s| s.exit_signal);
        let code = if closed.is_ok() && signal.is_none() { self.channel.exit_status().ok() } else { None };
        ShellEvent::Exit { code, signal }
    }

    fn broken(&self, doing: &'static str, reason: String) -> ShellEvent {
        ShellEvent::Failed(SshError::Broken { node: self.node.clone(), doing, reason })
    }
}
