//! The `approvals` channel of one socket: what waits for people, what is under way, the switch and the level.
//!
//! It is small, so whoever missed something gets all of it anew. Deciding is REST's matter: a socket only shows.

use std::time::{Duration, Instant};

use jarvis_core::protocol::{ServerFrame, acting::ActingChange};
use tokio::sync::broadcast::{Receiver, error::RecvError};

use super::{
    super::site::Site,
    wire::{End, Wire},
};

pub const NAME: &str = "approvals";

/// A client that asks for everything anew more often than this is not answered.
const SNAPSHOT_EVERY: Duration = Duration::from_secs(2);

pub struct Channel {
    changes: Receiver<ActingChange>,
    /// Of this socket: counts what was sent since its first snapshot.
    seq: i64,
    snapshot_at: Option<Instant>,
}

impl Channel {
    /// Subscribes, then shows how everything stands.
    pub async fn open(site: &Site, wire: &mut Wire) -> Result<Self, End> {
        let mut channel = Self { changes: site.executor.changes(), seq: 0, snapshot_at: None };
        channel.snapshot(site, wire).await?;
        Ok(channel)
    }

    pub async fn next(&mut self) -> Result<ActingChange, RecvError> {
        self.changes.recv().await
    }

    pub async fn take(
        &mut self,
        site: &Site,
        wire: &mut Wire,
        next: Result<ActingChange, RecvError>,
    ) -> Result<(), End> {
        match next {
            Ok(change) => {
                self.seq += 1;
                let (seq, ts_ms) = (self.seq, site.clock.now_ms());
                wire.frame(NAME, &ServerFrame::Acting { channel: NAME.into(), seq, ts_ms, change }).await
            }
            Err(RecvError::Lagged(_)) => {
                site.meter.lagged(NAME);
                wire.frame(NAME, &ServerFrame::Lag { channel: NAME.into() }).await?;
                self.snapshot(site, wire).await
            }
            Err(RecvError::Closed) => Err(End::Restart),
        }
    }

    pub async fn resync(&mut self, site: &Site, wire: &mut Wire) -> Result<(), End> {
        let now = site.clock.monotonic();
        if self.snapshot_at.is_some_and(|at| now < at + SNAPSHOT_EVERY) {
            return Ok(());
        }
        self.snapshot(site, wire).await
    }

    async fn snapshot(&mut self, site: &Site, wire: &mut Wire) -> Result<(), End> {
        self.snapshot_at = Some(site.clock.monotonic());
        // A change that is told again after this says what the snapshot says already.
        let acting = Some(site.executor.view().await);
        let (seq, ts_ms) = (self.seq, site.clock.now_ms());
        let frame =
            ServerFrame::Snapshot { channel: NAME.into(), seq, ts_ms, entities: None, events: None, acting };
        wire.frame(NAME, &frame).await
    }
}
