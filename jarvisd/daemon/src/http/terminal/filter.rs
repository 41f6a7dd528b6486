//! What a terminal is never told by a node. A file, a log or a program on a node can hold any bytes; shown in a
//! terminal, some of them write the clipboard, or make the terminal type an answer which they chose into the shell.
//! Those are left out. Everything else passes untouched and at once, wherever a chunk ends.
//!
//! Left out: every string a program can hand to the terminal itself (OSC, with the clipboard, links whose text hides
//! their target, titles; DCS, with DECRQSS, XTGETTCAP and key definitions; SOS, PM, APC), window operations and the
//! reports of title, name and settings, media copy, answerback, C1 controls, and sequences that are broken off. Kept:
//! what full-screen programs need, their plain questions included (cursor position, device attributes, modes), whose
//! answers are numbers of the terminal's own.

use bytes::{BufMut, Bytes, BytesMut};

const ESC: u8 = 0x1b;
const BEL: u8 = 0x07;
const CAN: u8 = 0x18;
const SUB: u8 = 0x1a;
/// Answerback: asks the terminal to type its name.
const ENQ: u8 = 0x05;
/// First byte of U+0080..=U+00BF, of which the C1 controls are the lower half. Never the rest of another character.
const C1_LEAD: u8 = 0xc2;
/// The longest control sequence anybody sends is a list of colours.
const SEQUENCE_BYTES_MAX: usize = 256;
/// A string that is still not over then never will be: what follows is shown as text again.
const STRING_BYTES_MAX: usize = 1024 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Text,
    /// After the lead byte of what may be a C1 control.
    Lead,
    /// After ESC, with any intermediate bytes held.
    Escape,
    /// After `ESC [`, with its parameters held.
    Sequence,
    /// Within a string, with its length so far; only commands end with a bell.
    String {
        bell: bool,
        len: usize,
    },
    /// After an ESC within a string, which may be the first half of its end.
    Ending,
}

/// Carries what a chunk left open over to the next.
#[derive(Debug)]
pub struct Filter {
    state: State,
    held: Vec<u8>,
}

impl Filter {
    pub fn new() -> Self {
        Self { state: State::Text, held: Vec::new() }
    }

    /// What of the next chunk may be shown.
    pub fn pass(&mut self, chunk: &Bytes) -> Bytes {
        if self.state == State::Text && !chunk.iter().any(|b| special(*b)) {
            return chunk.clone();
        }
        let mut out = BytesMut::with_capacity(chunk.len());
        let mut rest: &[u8] = chunk;
        while let Some((&byte, after)) = rest.split_first() {
            if self.state == State::Text {
                let plain = rest.iter().position(|b| special(*b)).unwrap_or(rest.len());
                if let Some((text, after)) = rest.split_at_checked(plain.max(1)).filter(|_| plain > 0) {
                    out.put_slice(text);
                    rest = after;
                    continue;
                }
            }
            // A byte that breaks off what was open is looked at once more, as what it begins.
            if self.take(byte, &mut out) {
                rest = after;
            }
        }
        out.freeze()
    }

    /// `false`: the byte belongs to what comes next.
    fn take(&mut self, byte: u8, out: &mut BytesMut) -> bool {
        match self.state {
            State::Text => self.begin(byte),
            State::Lead => self.lead(byte, out),
            State::Escape => self.escape(byte, out),
            State::Sequence => self.sequence(byte, out),
            State::String { bell, len } => {
                match byte {
                    CAN | SUB => self.close(),
                    BEL if bell => self.close(),
                    ESC => self.state = State::Ending,
                    _ if len >= STRING_BYTES_MAX => self.close(),
                    _ => self.state = State::String { bell, len: len + 1 },
                }
                true
            }
            State::Ending if byte == b'\\' => {
                self.close();
                true
            }
            // The string is broken off and something new begun.
            State::Ending => {
                self.open(State::Escape);
                false
            }
        }
    }

    fn begin(&mut self, byte: u8) -> bool {
        match byte {
            ESC => self.open(State::Escape),
            C1_LEAD => self.state = State::Lead,
            // Answerback is dropped; nothing else comes here.
            _ => {}
        }
        true
    }

    /// Half a character alone is not passed on: the other half of a dropped one may follow.
    fn lead(&mut self, byte: u8, out: &mut BytesMut) -> bool {
        self.state = State::Text;
        match byte {
            0x80..=0x9f => true,
            0xa0..=0xbf => {
                out.put_slice(&[C1_LEAD, byte]);
                true
            }
            _ => false,
        }
    }

    fn escape(&mut self, byte: u8, out: &mut BytesMut) -> bool {
        match (byte, self.held.is_empty()) {
            (0x20..=0x2f, _) if self.held.len() < SEQUENCE_BYTES_MAX => self.held.push(byte),
            (b'[', true) => self.open(State::Sequence),
            (b']', true) => self.open(State::String { bell: true, len: 0 }),
            // DCS, SOS, PM, APC.
            (b'P' | b'X' | b'^' | b'_', true) => self.open(State::String { bell: false, len: 0 }),
            // DECID asks who the terminal is; an end without a beginning ends nothing.
            (b'Z' | b'\\', true) => self.close(),
            (0x30..=0x7e, _) => self.show(&[ESC], byte, out),
            _ => return self.break_off(byte),
        }
        true
    }

    fn sequence(&mut self, byte: u8, out: &mut BytesMut) -> bool {
        match byte {
            0x20..=0x3f if self.held.len() < SEQUENCE_BYTES_MAX => self.held.push(byte),
            0x40..=0x7e if harmless(&self.held, byte) => self.show(b"\x1b[", byte, out),
            0x40..=0x7e => self.close(),
            _ => return self.break_off(byte),
        }
        true
    }

    fn break_off(&mut self, byte: u8) -> bool {
        self.close();
        byte == CAN || byte == SUB
    }

    fn show(&mut self, begin: &[u8], last: u8, out: &mut BytesMut) {
        out.put_slice(begin);
        out.put_slice(&self.held);
        out.put_u8(last);
        self.close();
    }

    fn open(&mut self, state: State) {
        self.held.clear();
        self.state = state;
    }

    fn close(&mut self) {
        self.open(State::Text);
    }
}

/// What ends plain text.
fn special(byte: u8) -> bool {
    matches!(byte, ESC | ENQ | C1_LEAD)
}

/// Whether a control sequence may be shown, by its parameters, intermediates and final byte.
fn harmless(held: &[u8], last: u8) -> bool {
    let ends_with = |bytes: &[u8]| held.last().is_some_and(|b| bytes.contains(b));
    match last {
        // Window operations: moving, resizing, and reports of title, position and size. Media copy prints.
        b't' | b'i' => false,
        // Alone a report of the line's settings; `$ x` fills a rectangle, `* x` says how rectangles count.
        b'x' => ends_with(b"$*"),
        // XTVERSION asks for the terminal's name; `SP q` is the cursor's shape, `" q` protection.
        b'q' => ends_with(b" \""),
        // `* y` reports a checksum of what the screen shows.
        b'y' => !ends_with(b"*"),
        // `$ w` reports the state of presentation.
        b'w' => !ends_with(b"$"),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pass_in(chunks: &[&[u8]]) -> Vec<u8> {
        let mut filter = Filter::new();
        chunks.iter().flat_map(|c| filter.pass(&Bytes::copy_from_slice(c))).collect()
    }

    fn pass(bytes: &[u8]) -> Vec<u8> {
        pass_in(&[bytes])
    }

    #[test]
    fn what_writes_the_clipboard_or_types_back_is_left_out() {
        let cases: [&[u8]; 25] = [
            b"\x1b]52;c;cm0gLXJmIC8K\x07",
            b"\x1b]52;c;?\x1b\\",
            b"\x1b]52;c;cm0gLXJmIC8K\x18",
            b"\x1b]0;rm -rf /\x07",
            b"\x1b]8;;http://evil.example/\x07",
            b"\x1b]10;?\x1b\\",
            b"\x1b]4;1;?\x07",
            b"\x1b]1337;File=name=eA==:AAAA\x07",
            b"\x1bP$qm\x1b\\",
            b"\x1bP$q\x07rm\n\x1b\\",
            b"\x1bP+q544e\x1b\\",
            b"\x1bP1;1|17/0a\x1b\\",
            b"\x1b_payload\x1b\\",
            b"\x1b^payload\x1b\\",
            b"\x1bXpayload\x1b\\",
            b"\x1b[21t",
            b"\x1b[20t",
            b"\x1b[>q",
            b"\x1b[0x",
            b"\x1b[1;1;1;1;1;1*y",
            b"\x1b[1$w",
            b"\x1b[5i",
            b"\x05",
            b"\x1bZ",
            "\u{9d}".as_bytes(),
        ];
        for case in cases {
            let text = [b"before".as_slice(), case, b"after"].concat();
            assert_eq!(pass(&text), b"beforeafter", "{:?}", String::from_utf8_lossy(case));
        }
        // A control of the other kind only ends up as the text behind it.
        assert_eq!(pass("\u{9d}52;c;eA==\u{9c}!".as_bytes()), b"52;c;eA==!");
    }

    #[test]
    fn what_full_screen_programs_draw_passes_untouched() {
        let drawn = "\x1b[?1049h\x1b[22;0;0t\x1b[1;24r\x1b[?12h\x1b[?25h\x1b(B\x1b[m\x1b[38;2;1;2;3mé❝\u{a0}\x1b[0m\x1b[2 q\
                     \x1b[6n\x1b[c\x1b[>c\x1b[?2026$p\x1b=\x1b>\x1b7\x1b8\x1bM\x1b#8\x1bc\x1b[4;5H\x1b[2J\x1b[?2004h\r\n\t\x08";
        assert_eq!(pass(drawn.as_bytes()), drawn.replace("\x1b[22;0;0t", "").as_bytes());
    }

    #[test]
    fn leaving_out_never_joins_what_was_apart() {
        for joined in [
            &b"\x1b\x1b]0;x\x07]52;c;eA==\x07"[..],
            b"\x1b\x1bP\x1b\\]52;c;eA==\x07",
            b"\xc2\xc2\x80\x9d52;c;eA==\x07",
            b"\xc2\x1b]0;x\x07\x9d52;c;eA==\x07",
            b"\x1b[2\x1b]0;x\x071t",
            b"\x1b\x05]52;c;eA==\x07",
            b"\x1b]0;x\x1b]52;c;eA==\x07",
        ] {
            let out = pass(joined);
            assert!(!dangerous(&out), "{:?} gave {:?}", joined, String::from_utf8_lossy(&out));
        }
    }

    #[test]
    fn a_string_without_an_end_does_not_hide_everything_for_ever() {
        let flood = [b"\x1b]52;c;".as_slice(), &vec![b'A'; STRING_BYTES_MAX + 10], b"seen"].concat();
        assert!(pass(&flood).ends_with(b"seen"));
    }

    /// Told anew: decoded as a terminal does, is there anything that hands it a string or asks for its names?
    fn dangerous(bytes: &[u8]) -> bool {
        let text: Vec<char> = String::from_utf8_lossy(bytes).chars().collect();
        if text.iter().any(|c| ('\u{80}'..='\u{9f}').contains(c) || *c == '\u{5}') {
            return true;
        }
        text.iter().enumerate().filter(|(_, c)| **c == '\x1b').any(|(at, _)| {
            // Executed within a sequence, these do not end it.
            let mut next = text[at + 1..].iter().filter(|c| **c >= ' ' || **c == '\x1b');
            match next.next() {
                Some(']' | 'P' | '_' | '^' | 'X' | 'Z') => true,
                Some('[') => {
                    let parameters: String = next.clone().take_while(|c| (' '..='?').contains(*c)).collect();
                    let last = next.nth(parameters.chars().count());
                    match last {
                        Some('t' | 'i') => true,
                        Some('q') => !parameters.ends_with([' ', '"']),
                        Some('x') => !parameters.ends_with(['$', '*']),
                        Some('y') => parameters.ends_with('*'),
                        _ => false,
                    }
                }
                _ => false,
            }
        })
    }

    /// Bytes that make sequences likely.
    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        let one = prop_oneof![
            4 => prop::sample::select(b"\x1b\x1b\x1b[]P_^X\\Z;?>$*t q0521xyinmh\x07\x18\x1a\x05\n\xc2\x9d\x9b\xe2\x80".to_vec()),
            1 => any::<u8>(),
        ];
        prop::collection::vec(one, 0..60)
    }

    proptest! {
        #[test]
        fn nothing_dangerous_comes_through(bytes in bytes()) {
            let out = pass(&bytes);
            prop_assert!(!dangerous(&out), "{:?}", String::from_utf8_lossy(&out));
        }

        #[test]
        fn where_a_chunk_ends_does_not_matter(bytes in bytes(), cuts in prop::collection::vec(0_usize..60, 0..6)) {
            let mut cuts: Vec<usize> = cuts.into_iter().filter(|c| *c <= bytes.len()).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let chunks: Vec<&[u8]> = cuts.windows(2).map(|w| &bytes[w[0]..w[1]]).collect();
            prop_assert_eq!(pass_in(&chunks), pass(&bytes));
        }

        #[test]
        fn what_came_through_once_comes_through_again(bytes in bytes()) {
            let once = pass(&bytes);
            prop_assert_eq!(pass(&once), once);
        }

        #[test]
        fn text_is_never_touched(text in "[^\u{0}-\u{8}\u{1b}\u{7f}-\u{9f}]{0,80}", cut in 0_usize..80) {
            let (a, b) = text.as_bytes().split_at(cut.min(text.len()));
            prop_assert_eq!(pass_in(&[a, b]), text.as_bytes());
        }
    }
}
