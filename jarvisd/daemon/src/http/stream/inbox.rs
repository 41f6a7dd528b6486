//! What a client says, and how much of it. Unknown messages are ignored: a newer screen may know more.

use std::time::{Duration, Instant};

use jarvis_core::protocol::ClientFrame;

/// Twenty messages a second for ever …
const INTERVAL: Duration = Duration::from_millis(50);
/// … and forty at once.
const BURST: Duration = Duration::from_secs(2);

/// Counts messages of one socket.
#[derive(Debug)]
pub struct Inbox {
    used_until: Instant,
}

impl Inbox {
    pub fn new(now: Instant) -> Self {
        Self { used_until: now }
    }

    /// Whether one more message is within the limit.
    pub fn admits(&mut self, now: Instant) -> bool {
        let start = self.used_until.max(now);
        self.used_until = start + INTERVAL;
        start.saturating_duration_since(now) <= BURST
    }
}

/// Reads a message; `None` for what we do not know.
pub fn read(text: &str) -> Option<ClientFrame> {
    serde_json::from_str(text).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_steady_client_is_admitted_and_a_flood_is_not() {
        let mut now = crate::clock::Clock.monotonic();
        let mut inbox = Inbox::new(now);
        assert_eq!((0..100).filter(|_| inbox.admits(now)).count(), 41);
        let mut inbox = Inbox::new(now);
        for _ in 0..1_000 {
            now += INTERVAL;
            assert!(inbox.admits(now));
        }
    }

    #[test]
    fn known_messages_are_read_and_others_ignored() {
        assert_eq!(read(r#"{"type":"pong","more":1}"#), Some(ClientFrame::Pong));
        let resync = ClientFrame::Resync { channel: "cluster".into() };
        assert_eq!(read(r#"{"type":"resync","channel":"cluster"}"#), Some(resync));
        for unknown in ["", "x", "[]", r#"{"type":"dance"}"#, r#"{"type":"resync"}"#] {
            assert_eq!(read(unknown), None, "{unknown}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in "\\PC{0,200}") {
            let _ = read(&text);
        }
    }
}
