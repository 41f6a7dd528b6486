//! Events on their way to all sockets: each is serialised once, and none is skipped.

use std::sync::Arc;

use bytestring::ByteString;
use jarvis_core::protocol::{Event, ServerFrame};
use tokio::sync::broadcast::{self, error::RecvError};
use tokio_util::sync::CancellationToken;

use super::events::NAME;
use crate::{
    metrics::Meter,
    state::Frame,
    store::{EVENTS_PAGE_MAX, Store},
};

/// Events a socket may be behind before it reads what it missed from the store.
const BEHIND_MAX: usize = 256;

#[derive(Debug, Clone)]
pub struct Feed {
    store: Store,
    meter: Arc<Meter>,
    frames: broadcast::Sender<Frame>,
}

impl Feed {
    pub fn new(store: Store, meter: Arc<Meter>) -> Self {
        Self { store, meter, frames: broadcast::channel(BEHIND_MAX).0 }
    }

    /// Frames of events stored from now on; their `seq` is the event's id.
    pub fn subscribe(&self) -> broadcast::Receiver<Frame> {
        self.frames.subscribe()
    }

    /// Passes events on until told to stop.
    pub async fn run(self, shutdown: CancellationToken) {
        let mut events = self.store.events().stream();
        // Events are only passed on after the first subscription, so the first one seen sets the place.
        let mut last: Option<i64> = None;
        loop {
            let next = tokio::select! {
                () = shutdown.cancelled() => return,
                next = events.recv() => next,
            };
            match next {
                Ok(event) if last.is_none_or(|l| event.id == l + 1) => self.pass(&event, &mut last),
                Ok(event) if last.is_some_and(|l| event.id <= l) => {}
                Ok(_) => self.catch_up(&mut last).await,
                Err(RecvError::Lagged(_)) => {
                    self.meter.lagged(NAME);
                    self.catch_up(&mut last).await;
                }
                Err(RecvError::Closed) => return,
            }
        }
    }

    async fn catch_up(&self, last: &mut Option<i64>) {
        let Some(mut from) = *last else { return };
        loop {
            match self.store.events().after(from, EVENTS_PAGE_MAX).await {
                Ok(missed) if missed.is_empty() => return,
                Ok(missed) => missed.iter().for_each(|event| self.pass(event, last)),
                Err(error) => {
                    // Sockets notice the gap by the next number and read for themselves.
                    tracing::warn!(%error, "missed events could not be read; sockets will read them");
                    *last = None;
                    return;
                }
            }
            from = last.unwrap_or(from);
        }
    }

    fn pass(&self, event: &Event, last: &mut Option<i64>) {
        *last = Some(event.id);
        self.meter.happened(event);
        if let Some(frame) = frame(event) {
            // An error only means that no socket is open.
            let _ = self.frames.send(frame);
        }
    }
}

/// One event as a frame.
pub fn frame(event: &Event) -> Option<Frame> {
    let frame = ServerFrame::Event { channel: NAME.into(), seq: event.id, event: event.clone() };
    Some(Frame { seq: event.id, text: text(&frame)? })
}

/// A frame's text. Our own frames can always be written; were one not, it is logged and left out.
pub fn text(frame: &ServerFrame) -> Option<ByteString> {
    match serde_json::to_string(frame) {
        Ok(text) => Some(text.into()),
        Err(error) => {
            tracing::error!(%error, "a frame could not be written as JSON");
            None
        }
    }
}
