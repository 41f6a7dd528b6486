//! The single owner of the cluster state: takes readings, publishes snapshots and numbered changes.
//!
//! Deliberately not here: what a reading means (`jarvis_core::cluster`), when to ask (`tasks::poll`),
//! and how frames reach a socket (`http`). Nothing else in the daemon writes cluster state.

mod ring;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytestring::ByteString;
use jarvis_core::{
    cluster::{ClusterState, activity, diff, reading::Reading},
    protocol::{Entities, NewEvent, ServerFrame},
};
use tokio::sync::{broadcast, watch};

use ring::Ring;

/// Name of the channel these frames travel on.
pub const CHANNEL: &str = "cluster";

/// Frames a socket may fall behind before it is told to take a snapshot: about twenty seconds of a watched
/// cluster at three frames a second. One shared buffer, not one for each socket; frames of a big cluster
/// are big, so it is not longer.
pub const FRAMES_BEHIND_MAX: usize = 64;

/// One serialised text, shared by all sockets.
#[derive(Debug, Clone)]
pub struct Frame {
    pub seq: i64,
    pub text: ByteString,
}

#[derive(Clone)]
pub struct StateHub {
    inner: Arc<Inner>,
}

struct Inner {
    epoch: String,
    published: Mutex<Published>,
    /// Kept apart so that a big snapshot is serialised once, without holding up the poller.
    snapshot: Mutex<Option<Frame>>,
    state: watch::Sender<Arc<ClusterState>>,
    frames: broadcast::Sender<Frame>,
    viewers: watch::Sender<usize>,
}

struct Published {
    seq: i64,
    ts_ms: i64,
    state: Arc<ClusterState>,
    ring: Ring,
}

impl StateHub {
    /// `epoch` names this life of the daemon: a sequence number means nothing under another one.
    pub fn new(epoch: String) -> Self {
        let state = Arc::new(ClusterState::default());
        Self {
            inner: Arc::new(Inner {
                epoch,
                published: Mutex::new(Published {
                    seq: 0,
                    ts_ms: 0,
                    state: Arc::clone(&state),
                    ring: Ring::default(),
                }),
                snapshot: Mutex::new(None),
                state: watch::Sender::new(state),
                frames: broadcast::Sender::new(FRAMES_BEHIND_MAX),
                viewers: watch::Sender::new(0),
            }),
        }
    }

    pub fn epoch(&self) -> &str {
        &self.inner.epoch
    }

    /// A consistent pair: the state that `seq` leads to.
    pub fn current(&self) -> (i64, Arc<ClusterState>) {
        let published = self.published();
        (published.seq, Arc::clone(&published.state))
    }

    /// The newest state for whoever thinks or answers; wakes when something published changed.
    pub fn watch(&self) -> watch::Receiver<Arc<ClusterState>> {
        self.inner.state.subscribe()
    }

    /// Takes readings in, publishes one change if anything changed, and says what happened.
    pub fn absorb(&self, readings: Vec<Reading>, now_ms: i64) -> Vec<NewEvent> {
        let mut published = self.published();
        let next = Arc::new(published.state.absorb(&readings, now_ms));
        let (up, del) = diff(&published.state, &next);
        let events = activity(&published.state, &next, now_ms);
        published.state = Arc::clone(&next);
        if up.is_empty() && del.is_empty() {
            return events;
        }
        published.seq += 1;
        published.ts_ms = now_ms;
        let seq = published.seq;
        let change = ServerFrame::Change { channel: CHANNEL.into(), seq, ts_ms: now_ms, up, del };
        if let Some(frame) = frame(seq, &change) {
            published.ring.push(frame.clone());
            // An error only means that no socket is open.
            let _ = self.inner.frames.send(frame);
        } else {
            published.ring.clear();
        }
        // While the lock is held: watchers see states in the order of their numbers.
        self.inner.state.send_replace(next);
        events
    }

    /// Lets sources age (fresh, late, lost) without any reading.
    pub fn tick(&self, now_ms: i64) -> Vec<NewEvent> {
        self.absorb(Vec::new(), now_ms)
    }

    /// Changes from now on. Subscribe first, then take `current`, then pass on only newer numbers.
    pub fn subscribe(&self) -> broadcast::Receiver<Frame> {
        self.inner.frames.subscribe()
    }

    /// The changes after `seq`, or `None` when that place is no longer known: send a snapshot.
    pub fn since(&self, epoch: &str, seq: i64) -> Option<Vec<Frame>> {
        if epoch != self.inner.epoch {
            return None;
        }
        let published = self.published();
        published.ring.since(seq, published.seq)
    }

    /// The whole state as one frame, serialised once for each number.
    pub fn snapshot_frame(&self) -> Frame {
        let mut cached = self.inner.snapshot.lock().unwrap_or_else(PoisonError::into_inner);
        let (seq, ts_ms, state) = {
            let published = self.published();
            (published.seq, published.ts_ms, Arc::clone(&published.state))
        };
        if let Some(frame) = cached.as_ref().filter(|f| f.seq == seq) {
            return frame.clone();
        }
        let snapshot = ServerFrame::Snapshot {
            channel: CHANNEL.into(),
            seq,
            ts_ms,
            entities: Some(Entities::from(&*state)),
            events: None,
            acting: None,
        };
        let made = frame(seq, &snapshot).unwrap_or_else(|| Frame { seq, text: ByteString::new() });
        *cached = Some(made.clone());
        made
    }

    /// While the guard lives somebody watches, and the poller keeps its watched pace.
    pub fn viewer(&self) -> ViewerGuard {
        self.inner.viewers.send_modify(|n| *n = n.saturating_add(1));
        ViewerGuard { hub: self.clone() }
    }

    pub fn viewers(&self) -> watch::Receiver<usize> {
        self.inner.viewers.subscribe()
    }

    fn published(&self) -> MutexGuard<'_, Published> {
        // A panic while absorbing leaves the last whole state in place: assignments come after thinking.
        self.inner.published.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts one viewer for as long as it lives.
#[must_use]
pub struct ViewerGuard {
    hub: StateHub,
}

impl Drop for ViewerGuard {
    fn drop(&mut self) {
        self.hub.inner.viewers.send_modify(|n| *n = n.saturating_sub(1));
    }
}

/// Serialising our own frames cannot fail (no map with non-text keys, no writer); were it to, the
/// sequence has a hole and clients resync by themselves.
fn frame(seq: i64, frame: &ServerFrame) -> Option<Frame> {
    match serde_json::to_string(frame) {
        Ok(text) => Some(Frame { seq, text: text.into() }),
        Err(error) => {
            tracing::error!(seq, %error, "a frame could not be written as JSON; clients will resync");
            None
        }
    }
}

#[cfg(test)]
mod tests;
