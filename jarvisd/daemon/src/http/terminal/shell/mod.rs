//! One shell from its opening to its record's end, with a screen or without. Waits for everything at once and never
//! for one thing alone: a screen that reads nothing must not keep it from hearing the interrupt key, nor a node that
//! takes no keys from showing what it says.

mod talk;
mod time;

use std::{collections::VecDeque, future::pending, sync::Arc, time::Instant};

use bytes::Bytes;
use jarvis_core::protocol::TerminalServerFrame;
use tokio::sync::{
    broadcast::{self, error::RecvError},
    mpsc,
};

use super::{
    filter::Filter,
    keeper::{Asked, Inner, Place, Seat},
    line::{End, Heard, Return, Say, Screen},
    record::{Ending, Record, Subject},
    ring::Ring,
};
use crate::{
    access::{Ended, Plain},
    clients::ssh::{Keys, Shell, ShellEvent, Size},
    store::SecretHash,
};

/// Few keys need no receipt.
const TAKEN_BYTES: u32 = 16 * 1024;

/// Opens a shell for the screen and serves it until both are done.
pub async fn run(inner: Arc<Inner>, asked: Asked, screen: Screen, seat: Seat) {
    let say = screen.say.clone();
    match Held::open(inner, asked, screen, seat).await {
        Ok(held) => held.serve().await,
        Err(Refusal { message, end }) => {
            tracing::info!(%message, "a terminal was not opened");
            // Nothing was said yet, so there is room for both; a socket that is gone needs neither.
            let _ = say.try_send(Say::Frame(TerminalServerFrame::Error { message }));
            let _ = say.try_send(Say::End(end));
        }
    }
}

struct Refusal {
    message: String,
    end: End,
}

fn failed(message: impl ToString) -> Refusal {
    Refusal { message: message.to_string(), end: End::Failed }
}

struct Held {
    inner: Arc<Inner>,
    id: Plain,
    subject: Subject,
    /// In the audit.
    name: String,
    /// The log-in it belongs to.
    owner: SecretHash,
    /// Until the shell's end.
    live: Option<Live>,
    /// From then on: what is said after the last output, and whether it was.
    over: Option<(TerminalServerFrame, bool)>,
    ring: Ring,
    filter: Filter,
    screen: Option<Screen>,
    /// Frames that wait for a place on the line, before any further output.
    outbox: VecDeque<TerminalServerFrame>,
    typed: VecDeque<Typed>,
    typed_waiting: usize,
    typed_total: u64,
    taken_bytes: u32,
    key_at: Instant,
    warned: bool,
    away_at: Option<Instant>,
    recheck_at: Instant,
    returns: mpsc::Receiver<Return>,
    logins: broadcast::Receiver<Ended>,
    _place: Place,
}

struct Live {
    shell: Shell,
    record: Record,
    _seat: Seat,
}

/// What waits for the node to take it, in the order it was said.
#[derive(Debug, Clone)]
enum Typed {
    Keys(Bytes),
    Resize(Size),
}

/// What woke the shell's task.
enum Woken {
    Stop,
    Login(Result<Ended, RecvError>),
    Time,
    Back(Option<Return>),
    Heard(Option<Heard>),
    /// Something went onto the line; `true`: the last word.
    Said(bool),
    Gone,
    Shell(Option<ShellEvent>),
    Typed(bool),
}

impl Held {
    async fn open(inner: Arc<Inner>, asked: Asked, screen: Screen, seat: Seat) -> Result<Self, Refusal> {
        let parts = &inner.parts;
        let Asked { subject, session, size } = asked;
        // Before anything else: what ends from now on is heard.
        let logins = parts.keeper.ended();
        let shells = parts.shells.as_ref().ok_or_else(|| failed("terminals are switched off"))?;
        let shell = tokio::select! {
            () = parts.shutdown.cancelled() => {
                return Err(Refusal { message: "jarvisd is stopping".into(), end: End::Restart });
            }
            () = screen.say.closed() => return Err(failed("its screen went away while it was opened")),
            opened = shells.open(&subject.node, size) => opened.map_err(failed)?,
        };
        let id = Plain::random().map_err(failed)?;
        let record =
            Record::open(parts.store.clone(), parts.clock, subject.clone()).await.map_err(|error| {
                failed(format!(
                    "a terminal is recorded or not opened, and the audit cannot be written: {error}"
                ))
            })?;
        let (now, (place, returns)) = (parts.clock.monotonic(), inner.list(id.hash()));
        let mut held = Self {
            id,
            subject,
            name: record.name(),
            owner: session,
            live: Some(Live { shell, record, _seat: seat }),
            over: None,
            ring: Ring::default(),
            filter: Filter::new(),
            screen: Some(screen),
            outbox: VecDeque::new(),
            typed: VecDeque::new(),
            typed_waiting: 0,
            typed_total: 0,
            taken_bytes: 0,
            key_at: now,
            warned: false,
            away_at: None,
            recheck_at: now,
            returns,
            logins,
            _place: place,
            inner,
        };
        held.greet(false, 0);
        Ok(held)
    }

    async fn serve(mut self) {
        loop {
            let going = match self.wait().await {
                Woken::Stop => self.end(Ending::Stopped, End::Restart).await,
                Woken::Login(what) => self.on_login(what).await,
                Woken::Time => self.on_time().await,
                Woken::Back(Some(back)) => self.on_return(back),
                // Never: the table holds the other end for as long as this lives.
                Woken::Back(None) => false,
                Woken::Heard(Some(heard)) => self.hear(heard).await,
                Woken::Heard(None) | Woken::Gone => self.lose_screen(),
                Woken::Said(last) => !last,
                Woken::Shell(event) => self.on_shell(event).await,
                Woken::Typed(taken) => self.on_typed(taken),
            };
            if !going {
                return;
            }
        }
    }

    async fn wait(&mut self) -> Woken {
        let deadline = self.deadline().into();
        let Self { inner, live, over, ring, screen, outbox, typed, taken_bytes, returns, logins, .. } = self;
        let (mut events, mut keys) = (None, None);
        if let Some(Live { shell, .. }) = live {
            events = ring.takes_more().then_some(&mut shell.events);
            keys = typed.front().map(|typed| (&shell.keys, typed.clone()));
        }
        let (mut say, mut heard) = (None, None);
        if let Some(screen) = screen {
            let due =
                !outbox.is_empty() || ring.has_unsent() || over.is_some() || *taken_bytes >= TAKEN_BYTES;
            say = due.then_some(&screen.say);
            heard = Some(&mut screen.heard);
        }
        tokio::select! {
            () = inner.parts.shutdown.cancelled() => Woken::Stop,
            what = logins.recv() => Woken::Login(what),
            () = tokio::time::sleep_until(deadline) => Woken::Time,
            back = returns.recv() => Woken::Back(back),
            said = async { match heard { Some(heard) => heard.recv().await, None => pending().await } } => {
                Woken::Heard(said)
            }
            place = async { match say { Some(say) => say.reserve().await, None => pending().await } } => match place {
                Ok(place) => {
                    let word = talk::next_word(outbox, taken_bytes, ring, over);
                    let last = matches!(word, Say::End(_));
                    place.send(word);
                    Woken::Said(last)
                }
                Err(_) => Woken::Gone,
            },
            event = async { match events { Some(events) => events.recv().await, None => pending().await } } => {
                Woken::Shell(event)
            }
            taken = async { match keys { Some((keys, typed)) => send(keys, typed).await, None => pending().await } } => {
                Woken::Typed(taken)
            }
        }
    }
}

async fn send(keys: &Keys, typed: Typed) -> bool {
    match typed {
        Typed::Keys(bytes) => keys.write(bytes).await,
        Typed::Resize(size) => keys.resize(size).await,
    }
}
