//! What passes between a screen and the shell's program, both ways.

use std::collections::VecDeque;

use bytes::Bytes;
use jarvis_core::protocol::TerminalServerFrame;

use super::{
    super::{
        line::{End, Heard, Say},
        record::Ending,
        ring::{Ring, WINDOW_BYTES},
    },
    Held, TAKEN_BYTES, Typed,
};
use crate::clients::ssh::ShellEvent;

/// Typed and not yet taken by the node, at most. A screen that pastes waits for `taken`; one that does not is cut off.
const TYPED_BYTES_MAX: usize = 1024 * 1024;
/// What a screen is asked to stay below.
const TYPED_BYTES_ASKED: u32 = 64 * 1024;

/// The next thing for a screen; called when there is one.
pub fn next_word(
    outbox: &mut VecDeque<TerminalServerFrame>,
    taken_bytes: &mut u32,
    ring: &mut Ring,
    over: &mut Option<(TerminalServerFrame, bool)>,
) -> Say {
    if let Some(frame) = outbox.pop_front() {
        return Say::Frame(frame);
    }
    if *taken_bytes >= TAKEN_BYTES {
        return Say::Frame(TerminalServerFrame::Taken { bytes: std::mem::take(taken_bytes) });
    }
    if let Some(piece) = ring.next_piece() {
        return Say::Output(piece);
    }
    match over {
        Some((frame, said @ false)) => {
            *said = true;
            Say::Frame(frame.clone())
        }
        _ => Say::End(End::Over),
    }
}

impl Held {
    pub(super) fn frame(&mut self, frame: TerminalServerFrame) {
        // Without a screen there is nobody to tell; whoever comes back is told anew.
        if self.screen.is_some() {
            self.outbox.push_back(frame);
        }
    }

    pub(super) fn greet(&mut self, resumed: bool, offset: u64) {
        let config = &self.inner.parts.config;
        let ready = TerminalServerFrame::Ready {
            id: self.id.reveal().to_owned(),
            name: self.name.clone(),
            node: self.subject.node.clone(),
            user: self.subject.user.clone(),
            resumed,
            offset: i64::try_from(offset).unwrap_or(i64::MAX),
            idle_ms: i64::from(config.idle_s) * 1_000,
            resume_ms: i64::from(config.resume_s) * 1_000,
            window_bytes: u32::try_from(WINDOW_BYTES).unwrap_or(u32::MAX),
            typed_bytes_max: TYPED_BYTES_ASKED,
        };
        self.taken_bytes = 0;
        self.frame(ready);
    }

    pub(super) async fn hear(&mut self, heard: Heard) -> bool {
        match heard {
            Heard::Keys(bytes) => {
                if !is_answer(&bytes) {
                    self.touched();
                }
                self.queue(Typed::Keys(bytes))
            }
            Heard::Resize(size) => self.queue(Typed::Resize(size)),
            Heard::Ack(bytes) => {
                self.ring.ack(bytes);
                true
            }
            Heard::Hangup => self.end(Ending::HungUp, End::Over).await,
        }
    }

    /// For the node, in its turn. A screen that sends more than fits is let go; it may come back, and finds what did
    /// fit still waiting. Changes of size always fit: of those that follow each other the last two matter.
    pub(super) fn queue(&mut self, typed: Typed) -> bool {
        if self.live.is_none() {
            return true;
        }
        let resize = |typed: &Typed| matches!(typed, Typed::Resize(_));
        // Two, because there and back is how a program is made to draw everything anew.
        if resize(&typed) && self.typed.iter().rev().take(2).filter(|t| resize(t)).count() == 2 {
            self.typed.pop_back();
        }
        let waiting = self.typed_waiting + size_of(&typed);
        if waiting <= TYPED_BYTES_MAX {
            self.typed_waiting = waiting;
            self.typed.push_back(typed);
            return true;
        }
        if let Some(screen) = &self.screen {
            let _ = screen.say.try_send(Say::End(End::Flood));
        }
        self.lose_screen()
    }

    pub(super) fn on_typed(&mut self, taken: bool) -> bool {
        if !taken {
            // The shell is gone and says why by itself.
            self.typed.clear();
            self.typed_waiting = 0;
            return true;
        }
        if let Some(typed) = self.typed.pop_front() {
            self.typed_waiting = self.typed_waiting.saturating_sub(size_of(&typed));
            if let Typed::Keys(bytes) = typed {
                let bytes = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
                self.typed_total = self.typed_total.saturating_add(bytes.into());
                self.taken_bytes = self.taken_bytes.saturating_add(bytes);
            }
        }
        true
    }

    pub(super) async fn on_shell(&mut self, event: Option<ShellEvent>) -> bool {
        let (ending, frame) = match event {
            Some(ShellEvent::Output(bytes)) => {
                self.ring.push(&self.filter.pass(&bytes));
                return true;
            }
            Some(ShellEvent::Exit { code, signal }) => {
                let frame = TerminalServerFrame::Exit { code, signal: signal.clone() };
                (Ending::Exited { code, signal }, frame)
            }
            Some(ShellEvent::Failed(error)) => broken(error.to_string()),
            None => broken(format!("the session with node {} ended without a word", self.subject.node)),
        };
        self.settle(&ending).await;
        self.over = Some((frame, false));
        true
    }
}

fn broken(reason: String) -> (Ending, TerminalServerFrame) {
    (Ending::Broken(reason.clone()), TerminalServerFrame::Error { message: reason })
}

fn size_of(typed: &Typed) -> usize {
    match typed {
        Typed::Keys(bytes) => bytes.len(),
        // Of two neighbours at most.
        Typed::Resize(_) => 0,
    }
}

/// What a terminal types by itself when it is asked: `ESC [ … R` and its kind. A program that asks for ever must not
/// pass for a person who types.
fn is_answer(bytes: &Bytes) -> bool {
    let inner = bytes.strip_prefix(b"\x1b[").and_then(<[u8]>::split_last);
    inner.is_some_and(|(last, inner)| {
        matches!(last, b'R' | b'c' | b'n' | b'y' | b'I' | b'O')
            && inner.iter().all(|b| matches!(b, b'0'..=b'9' | b';' | b'?' | b'>' | b'$'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminals_own_answers_are_no_sign_of_life() {
        for (typed, answer) in [
            (&b"\x1b[24;80R"[..], true),
            (b"\x1b[?1;2c", true),
            (b"\x1b[0n", true),
            (b"\x1b[?2026;2$y", true),
            (b"\x1b[I", true),
            (b"\x1b[A", false),
            (b"\x1b[15~", false),
            (b"\x1b", false),
            (b"c", false),
            (b"\x1b[24;80Rls\r", false),
        ] {
            assert_eq!(is_answer(&Bytes::copy_from_slice(typed)), answer, "{typed:?}");
        }
    }
}
