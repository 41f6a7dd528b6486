//! The `cluster` channel of one socket: a snapshot, then changes in order; after a lag a snapshot again.

use std::time::{Duration, Instant};

use jarvis_core::protocol::ServerFrame;
use tokio::sync::broadcast::{Receiver, error::RecvError};

use super::{
    super::site::Site,
    wire::{End, Wire},
};
use crate::state::{CHANNEL, Frame, ViewerGuard};

pub const NAME: &str = CHANNEL;

/// Snapshots are big: a client that asks for more of them waits, whatever it does.
const SNAPSHOT_EVERY: Duration = Duration::from_secs(2);

/// Where this socket stands. While it lives the poller knows that somebody watches.
pub struct Channel {
    frames: Receiver<Frame>,
    /// The last number sent.
    seq: i64,
    snapshot_at: Option<Instant>,
    /// A snapshot is owed and comes at this time; changes until then are part of it.
    due: Option<Instant>,
    _viewer: ViewerGuard,
}

impl Channel {
    /// Subscribes, then resumes where the client was if that place is still known, else sends a snapshot. Who
    /// unsubscribes and subscribes again has no more snapshots than who asks for them: `snapshot_at` is the last.
    pub async fn open(
        site: &Site,
        wire: &mut Wire,
        place: Option<(&str, i64)>,
        snapshot_at: Option<Instant>,
    ) -> Result<Self, End> {
        let mut channel = Self {
            frames: site.state.subscribe(),
            seq: 0,
            snapshot_at,
            due: None,
            _viewer: site.state.viewer(),
        };
        let missed = place.and_then(|(epoch, seq)| Some((seq, site.state.since(epoch, seq)?)));
        match missed {
            Some((seq, missed)) => {
                wire.frame(NAME, &ServerFrame::Resumed { channel: NAME.into(), seq }).await?;
                channel.seq = seq;
                for frame in missed {
                    channel.pass(wire, frame).await?;
                }
            }
            None if snapshot_at.is_some() => channel.resync(site),
            None => channel.snapshot(site, wire).await?,
        }
        Ok(channel)
    }

    /// The next frame to look at; safe to drop and call again.
    pub async fn next(&mut self) -> Result<Frame, RecvError> {
        self.frames.recv().await
    }

    /// Sends what came, or owes a snapshot when something is missing.
    pub async fn take(
        &mut self,
        site: &Site,
        wire: &mut Wire,
        next: Result<Frame, RecvError>,
    ) -> Result<(), End> {
        match next {
            Err(RecvError::Closed) => Err(End::Restart),
            // What is owed holds it, however much has gone by.
            _ if self.due.is_some() => Ok(()),
            Ok(frame) if frame.seq <= self.seq => Ok(()),
            Ok(frame) if frame.seq == self.seq + 1 => self.pass(wire, frame).await,
            Ok(_) | Err(RecvError::Lagged(_)) => {
                site.meter.lagged(NAME);
                wire.frame(NAME, &ServerFrame::Lag { channel: NAME.into() }).await?;
                self.resync(site);
                Ok(())
            }
        }
    }

    /// Owes a snapshot, at the earliest two seconds after the last one.
    pub fn resync(&mut self, site: &Site) {
        let now = site.clock.monotonic();
        let earliest = self.snapshot_at.map_or(now, |at| at + SNAPSHOT_EVERY);
        self.due = Some(self.due.unwrap_or(earliest.max(now)));
    }

    pub fn snapshot_at(&self) -> Option<Instant> {
        self.snapshot_at
    }

    pub fn due(&self) -> Option<Instant> {
        self.due
    }

    pub async fn snapshot(&mut self, site: &Site, wire: &mut Wire) -> Result<(), End> {
        let frame = site.state.snapshot_frame();
        self.snapshot_at = Some(site.clock.monotonic());
        self.due = None;
        self.pass(wire, frame).await
    }

    async fn pass(&mut self, wire: &mut Wire, frame: Frame) -> Result<(), End> {
        self.seq = frame.seq;
        wire.text(NAME, frame.text).await
    }
}
