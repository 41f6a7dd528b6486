//! What passes between a screen's socket and the shell it looks at. The socket may live on another thread and die at
//! any moment; the shell does not notice until it looks.

use bytes::Bytes;
use jarvis_core::protocol::TerminalServerFrame;
use tokio::sync::mpsc;

use crate::{clients::ssh::Size, store::SecretHash};

/// Messages either way; what is under way beyond them is counted in bytes by the ring and the queue of keys.
const MESSAGES_MAX: usize = 16;

/// From a screen.
#[derive(Debug)]
pub enum Heard {
    Keys(Bytes),
    Resize(Size),
    Ack(u32),
    Hangup,
}

/// To a screen.
#[derive(Debug)]
pub enum Say {
    Output(Bytes),
    Frame(TerminalServerFrame),
    /// The last word.
    End(End),
}

/// Why a socket closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The screen closed by itself.
    Gone,
    /// The shell ended by itself or was hung up.
    Over,
    Failed,
    Idle,
    Access,
    Forbidden,
    Unknown,
    Elsewhere,
    Full,
    Flood,
    TooLarge,
    Restart,
}

impl End {
    /// Close code and reason.
    pub fn farewell(self) -> (u16, &'static str) {
        match self {
            Self::Gone => (1000, ""),
            Self::Over => (1000, "the shell has ended"),
            Self::Failed => (1011, "the shell broke off"),
            Self::Idle => (4408, "nobody typed for too long; the shell was ended"),
            Self::Access => (4401, "the session has ended; log in again"),
            Self::Forbidden => (4403, "this shell belongs to another log-in"),
            Self::Unknown => (4404, "this shell is gone"),
            Self::Elsewhere => (4409, "this shell is shown elsewhere now"),
            Self::Full => (4429, "too many terminals are open; end one first"),
            Self::Flood => (4429, "too much was typed at once"),
            Self::TooLarge => (1009, "a message was too large"),
            Self::Restart => (1012, "jarvisd is restarting"),
        }
    }
}

/// The shell's end of a line to a screen.
#[derive(Debug)]
pub struct Screen {
    pub say: mpsc::Sender<Say>,
    pub heard: mpsc::Receiver<Heard>,
}

/// The socket's end of it.
#[derive(Debug)]
pub struct Line {
    pub hear: mpsc::Sender<Heard>,
    pub said: mpsc::Receiver<Say>,
}

pub fn line() -> (Screen, Line) {
    let (say, said) = mpsc::channel(MESSAGES_MAX);
    let (hear, heard) = mpsc::channel(MESSAGES_MAX);
    (Screen { say, heard }, Line { hear, said })
}

/// A screen that comes back.
#[derive(Debug)]
pub struct Return {
    pub screen: Screen,
    /// Whose it is.
    pub session: SecretHash,
    /// Bytes of output it has, when it has any.
    pub received: Option<u64>,
    pub size: Size,
}
