//! The last of a shell's output, by its place in all output, and how much of it may be under way. What nobody has
//! acknowledged is never let go, so a screen that was away continues where it was, byte for byte.
//!
//! Not here: what the bytes mean (`filter.rs`) and how they travel.

use std::collections::VecDeque;

use bytes::Bytes;

/// Sent and not acknowledged: above this the shell is no longer read …
pub const WINDOW_BYTES: usize = 256 * 1024;
/// … until it has sunk to this, so that a slow screen is not fed by the byte.
const WINDOW_LOW_BYTES: usize = 64 * 1024;
/// Kept for a screen that begins anew, acknowledged or not.
const KEPT_BYTES: usize = 256 * 1024;
/// One message; small enough that a key's echo is not stuck behind it.
const PIECE_BYTES_MAX: usize = 32 * 1024;
/// How far to look for the end of a line, to begin a torn history at the start of one.
const LINE_BYTES_MAX: usize = 4 * 1024;

#[derive(Debug, Default)]
pub struct Ring {
    bytes: VecDeque<u8>,
    /// Of all output so far.
    end: u64,
    sent: u64,
    acked: u64,
    full: bool,
}

impl Ring {
    pub fn end(&self) -> u64 {
        self.end
    }

    fn start(&self) -> u64 {
        self.end - u64::try_from(self.bytes.len()).unwrap_or(u64::MAX)
    }

    /// Whether more output may be read from the shell.
    pub fn takes_more(&self) -> bool {
        !self.full
    }

    pub fn push(&mut self, output: &[u8]) {
        self.bytes.extend(output);
        self.end += u64::try_from(output.len()).unwrap_or_default();
        self.settle();
    }

    /// The next piece for the screen, which is then under way.
    pub fn next_piece(&mut self) -> Option<Bytes> {
        let skip = self.place(self.sent);
        let piece: Vec<u8> = self.bytes.range(skip..).take(PIECE_BYTES_MAX).copied().collect();
        self.sent += u64::try_from(piece.len()).unwrap_or_default();
        (!piece.is_empty()).then(|| Bytes::from(piece))
    }

    pub fn has_unsent(&self) -> bool {
        self.sent < self.end
    }

    /// So many more bytes are drawn; more than were sent cannot be.
    pub fn ack(&mut self, bytes: u32) {
        self.acked = self.acked.saturating_add(bytes.into()).min(self.sent);
        self.settle();
    }

    /// Goes back to what the screen has: its next byte, if it is still here; otherwise, or when it has nothing, the
    /// beginning of what is kept. Answers the place the output goes on from.
    pub fn rewind(&mut self, received: Option<u64>) -> u64 {
        let known = received.filter(|at| (self.start()..=self.end).contains(at));
        let from = known.unwrap_or_else(|| self.first_line());
        (self.sent, self.acked) = (from, from);
        self.settle();
        from
    }

    /// Whether nothing of all output is lost to a screen that begins anew.
    pub fn whole(&self) -> bool {
        self.start() == 0
    }

    /// Where the first whole line begins; half a sequence at the very beginning would be drawn as text.
    fn first_line(&self) -> u64 {
        if self.whole() {
            return 0;
        }
        let line = self.bytes.iter().take(LINE_BYTES_MAX).position(|b| *b == b'\n');
        self.start() + u64::try_from(line.map_or(0, |at| at + 1)).unwrap_or_default()
    }

    fn place(&self, at: u64) -> usize {
        usize::try_from(at.saturating_sub(self.start())).unwrap_or(usize::MAX).min(self.bytes.len())
    }

    fn settle(&mut self) {
        let open = usize::try_from(self.end - self.acked).unwrap_or(usize::MAX);
        self.full = if self.full { open > WINDOW_LOW_BYTES } else { open >= WINDOW_BYTES };
        let spare = self.bytes.len().saturating_sub(KEPT_BYTES).min(self.place(self.acked));
        self.bytes.drain(..spare);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn numbered(from: u64, len: usize) -> Vec<u8> {
        (from..).take(len).map(|n| u8::try_from(n % 251).unwrap()).collect()
    }

    #[test]
    fn a_screen_that_acknowledges_nothing_stops_the_shell_and_one_that_does_lets_it_go_on() {
        let mut ring = Ring::default();
        while ring.takes_more() {
            ring.push(&[0; 16 * 1024]);
            while ring.next_piece().is_some() {}
        }
        assert_eq!(ring.end(), 256 * 1024);
        ring.ack(128 * 1024);
        assert!(!ring.takes_more(), "not before the window is nearly empty");
        ring.ack(64 * 1024);
        assert!(ring.takes_more());
        ring.ack(u32::MAX);
        assert_eq!(ring.acked, ring.end());
    }

    #[test]
    fn a_new_screen_begins_with_a_whole_line() {
        let mut ring = Ring::default();
        for n in 0..40_000 {
            ring.push(format!("line {n}\n").as_bytes());
            ring.next_piece();
            ring.ack(u32::MAX);
        }
        assert!(!ring.whole() && ring.bytes.len() <= KEPT_BYTES);
        ring.rewind(None);
        assert!(ring.next_piece().unwrap().starts_with(b"line "));
        // A place that is gone is as good as none.
        assert!(ring.rewind(Some(3)) > 3);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Whatever is pushed, sent, acknowledged and lost on the way, the screen gets every byte once and in order,
        /// and the ring stays bounded.
        #[test]
        fn every_byte_arrives_once(steps in prop::collection::vec((0_u8..5, 0_usize..40_000), 1..80)) {
            let (mut ring, mut under_way, mut got, mut acked) = (Ring::default(), VecDeque::new(), 0_u64, 0_u64);
            let arrive = |piece: Bytes, got: &mut u64| {
                assert_eq!(&piece[..], &numbered(*got, piece.len())[..]);
                *got += u64::try_from(piece.len()).unwrap();
            };
            for (what, size) in steps {
                match what {
                    0 | 1 if ring.takes_more() => ring.push(&numbered(ring.end(), size.min(16 * 1024))),
                    0..=2 => under_way.extend(ring.next_piece()),
                    3 => {
                        if let Some(piece) = under_way.pop_front() {
                            arrive(piece, &mut got);
                        }
                        ring.ack(u32::try_from(got - acked).unwrap());
                        acked = got;
                    }
                    _ => {
                        // The connection breaks: what was under way is lost.
                        under_way.clear();
                        prop_assert_eq!(ring.rewind(Some(got)), got);
                        acked = got;
                    }
                }
                prop_assert!(ring.bytes.len() <= WINDOW_BYTES + 16 * 1024);
            }
            for piece in under_way {
                arrive(piece, &mut got);
            }
            while let Some(piece) = ring.next_piece() {
                arrive(piece, &mut got);
            }
            prop_assert_eq!(got, ring.end());
        }
    }
}
