//! Sending, with an end to patience. `session.text` and `session.close` wait for a full queue without limit, so
//! every call of them is timed here and nowhere else.

use std::{sync::Arc, time::Duration};

use actix_ws::{CloseCode, CloseReason};
use bytestring::ByteString;
use jarvis_core::protocol::ServerFrame;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::feed;
use crate::metrics::{Eviction, Meter};

/// A client that takes no frame for this long is in nobody's interest.
const SEND_WAIT: Duration = Duration::from_secs(5);
/// For the last words; the daemon stops within a second.
const FAREWELL_WAIT: Duration = Duration::from_millis(400);

/// Why a stream ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The client went away or broke the protocol in a way that needs no word.
    Gone,
    /// A frame beyond the size limit.
    TooLarge,
    Slow,
    Silent,
    Access,
    Flood,
    Full,
    Restart,
}

impl End {
    /// The reason told to the client, the close code, and how it is counted.
    fn farewell(self) -> Option<(&'static str, u16)> {
        Some(match self {
            Self::Gone | Self::Slow => return None,
            Self::TooLarge => ("a frame was larger than 64 KiB", 1009),
            Self::Silent => ("no answer to the heartbeat", 4408),
            Self::Access => ("the session or token has ended; log in again", 4401),
            Self::Flood => ("too many messages", 4429),
            Self::Full => ("too many streams are open", 4429),
            Self::Restart => ("jarvisd is restarting", 1012),
        })
    }

    pub fn eviction(self) -> Option<Eviction> {
        match self {
            Self::Gone | Self::Restart => None,
            Self::Slow => Some(Eviction::Slow),
            Self::Silent => Some(Eviction::Silent),
            Self::Access => Some(Eviction::Access),
            Self::Flood | Self::TooLarge => Some(Eviction::Flood),
            Self::Full => Some(Eviction::Full),
        }
    }
}

pub struct Wire {
    sink: actix_ws::Session,
    meter: Arc<Meter>,
    shutdown: CancellationToken,
}

impl Wire {
    pub fn new(sink: actix_ws::Session, meter: Arc<Meter>, shutdown: CancellationToken) -> Self {
        Self { sink, meter, shutdown }
    }

    /// Sends one text; the channel is for the count.
    pub async fn text(&mut self, channel: &'static str, text: ByteString) -> Result<(), End> {
        let sent = tokio::select! {
            // Most often there is room, and nothing else need be asked.
            biased;
            sent = timeout(SEND_WAIT, self.sink.text(text)) => sent,
            // A client that is stuck must not hold up the stop.
            () = self.shutdown.cancelled() => return Err(End::Restart),
        };
        match sent {
            Ok(Ok(())) => {
                self.meter.streamed(channel);
                Ok(())
            }
            Ok(Err(_)) => Err(End::Gone),
            Err(_) => Err(End::Slow),
        }
    }

    pub async fn frame(&mut self, channel: &'static str, frame: &ServerFrame) -> Result<(), End> {
        match feed::text(frame) {
            Some(text) => self.text(channel, text).await,
            None => Ok(()),
        }
    }

    pub async fn ping(&mut self) -> Result<(), End> {
        match timeout(SEND_WAIT, self.sink.ping(b"")).await {
            Ok(sent) => sent.map_err(|_| End::Gone),
            Err(_) => Err(End::Slow),
        }
    }

    pub async fn pong(&mut self, bytes: &[u8]) -> Result<(), End> {
        match timeout(SEND_WAIT, self.sink.pong(bytes)).await {
            Ok(sent) => sent.map_err(|_| End::Gone),
            Err(_) => Err(End::Slow),
        }
    }

    /// Says why and closes; a client that does not listen is dropped without.
    pub async fn close(mut self, end: End) {
        if let Some(eviction) = end.eviction() {
            self.meter.evicted(eviction);
        }
        let Some((reason, code)) = end.farewell() else { return };
        let bye = feed::text(&ServerFrame::Bye { reason: reason.to_owned() });
        let last_words = async {
            if let Some(bye) = bye {
                self.sink.text(bye).await?;
            }
            let close = CloseReason { code: CloseCode::from(code), description: Some(reason.to_owned()) };
            self.sink.close(Some(close)).await
        };
        // Timed out or gone: dropping the sink ends the connection.
        let _ = timeout(FAREWELL_WAIT, last_words).await;
    }
}
