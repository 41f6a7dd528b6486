//! The `events` channel of one socket: nothing is ever left out. What the shared queue no longer holds is read
//! from the store, by number.

use std::time::{Duration, Instant};

use jarvis_core::protocol::ServerFrame;
use tokio::sync::broadcast::{Receiver, error::RecvError};

use super::{
    super::site::Site,
    feed,
    wire::{End, Wire},
};
use crate::{
    state::Frame,
    store::{EVENTS_PAGE_MAX, EventFilter, StoreError},
};

pub const NAME: &str = "events";

/// Events in a snapshot: what a screen shows without scrolling far. Older ones are paged over REST.
const SNAPSHOT_ROWS: i64 = 100;
/// A client that was away for more is better served with a snapshot and REST.
const RESUME_ROWS_MAX: i64 = 2_000;
const SNAPSHOT_EVERY: Duration = Duration::from_secs(2);
/// When the store could not answer, it is asked again after this.
const RETRY_AFTER: Duration = Duration::from_secs(2);

pub struct Channel {
    frames: Receiver<Frame>,
    /// The last number sent.
    seq: i64,
    snapshot_at: Option<Instant>,
    due: Option<Due>,
}

/// What is owed, and when it comes.
#[derive(Debug, Clone, Copy)]
enum Due {
    Snapshot(Instant),
    Missed(Instant),
}

impl Channel {
    /// Subscribes, then resumes after the client's last number if all since then is still stored.
    pub async fn open(
        site: &Site,
        wire: &mut Wire,
        place: Option<i64>,
        snapshot_at: Option<Instant>,
    ) -> Result<Self, End> {
        let mut channel = Self { frames: site.feed.subscribe(), seq: 0, snapshot_at, due: None };
        if let Some(seq) = place
            && channel.can_resume(site, seq).await.unwrap_or(false)
        {
            wire.frame(NAME, &ServerFrame::Resumed { channel: NAME.into(), seq }).await?;
            channel.seq = seq;
            channel.refill(site, wire).await?;
        } else if snapshot_at.is_some() {
            channel.resync(site);
        } else {
            channel.snapshot(site, wire).await?;
        }
        Ok(channel)
    }

    async fn can_resume(&self, site: &Site, seq: i64) -> Result<bool, StoreError> {
        let last = site.store.events().last_id().await?;
        if !(0..=last).contains(&seq) || last.saturating_sub(seq) > RESUME_ROWS_MAX {
            return Ok(false);
        }
        // Retention may have removed what comes next.
        let first = site.store.events().after(seq, 1).await?;
        Ok(first.first().is_none_or(|event| event.id == seq + 1))
    }

    pub async fn next(&mut self) -> Result<Frame, RecvError> {
        self.frames.recv().await
    }

    pub async fn take(
        &mut self,
        site: &Site,
        wire: &mut Wire,
        next: Result<Frame, RecvError>,
    ) -> Result<(), End> {
        match next {
            // What is owed will bring it.
            Ok(_) if self.due.is_some() => Ok(()),
            Ok(frame) if frame.seq <= self.seq => Ok(()),
            Ok(frame) if frame.seq == self.seq + 1 => self.pass(wire, frame).await,
            Ok(_) => self.refill(site, wire).await,
            Err(RecvError::Lagged(_)) => {
                site.meter.lagged(NAME);
                self.refill(site, wire).await
            }
            Err(RecvError::Closed) => Err(End::Restart),
        }
    }

    pub fn resync(&mut self, site: &Site) {
        let now = site.clock.monotonic();
        let earliest = self.snapshot_at.map_or(now, |at| (at + SNAPSHOT_EVERY).max(now));
        let at = match self.due {
            Some(Due::Snapshot(at)) => at,
            _ => earliest,
        };
        self.due = Some(Due::Snapshot(at));
    }

    pub fn snapshot_at(&self) -> Option<Instant> {
        self.snapshot_at
    }

    pub fn due(&self) -> Option<Instant> {
        self.due.map(|due| match due {
            Due::Snapshot(at) | Due::Missed(at) => at,
        })
    }

    /// Sends what is owed.
    pub async fn settle(&mut self, site: &Site, wire: &mut Wire) -> Result<(), End> {
        match self.due.take() {
            Some(Due::Snapshot(_)) => self.snapshot(site, wire).await,
            Some(Due::Missed(_)) => self.refill(site, wire).await,
            None => Ok(()),
        }
    }

    async fn snapshot(&mut self, site: &Site, wire: &mut Wire) -> Result<(), End> {
        let now = site.clock.monotonic();
        let page = site.store.events().page(EventFilter::default(), None, SNAPSHOT_ROWS).await;
        let mut events = match page {
            Ok(page) => page.events,
            Err(error) => {
                tracing::warn!(%error, "the newest events cannot be read; the socket waits for them");
                self.due = Some(Due::Snapshot(now + RETRY_AFTER));
                return Ok(());
            }
        };
        events.reverse();
        self.snapshot_at = Some(now);
        self.due = None;
        self.seq = events.last().map_or(0, |event| event.id);
        let (seq, ts_ms) = (self.seq, site.clock.now_ms());
        let frame = ServerFrame::Snapshot {
            channel: NAME.into(),
            seq,
            ts_ms,
            entities: None,
            events: Some(events),
            acting: None,
        };
        wire.frame(NAME, &frame).await
    }

    /// Sends everything stored after the last number sent, in order.
    async fn refill(&mut self, site: &Site, wire: &mut Wire) -> Result<(), End> {
        loop {
            match site.store.events().after(self.seq, EVENTS_PAGE_MAX).await {
                Ok(missed) if missed.is_empty() => return Ok(()),
                Ok(missed) => {
                    for event in missed {
                        match feed::frame(&event) {
                            Some(frame) => self.pass(wire, frame).await?,
                            None => self.seq = event.id,
                        }
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "missed events cannot be read; the socket waits for them");
                    self.due = Some(Due::Missed(site.clock.monotonic() + RETRY_AFTER));
                    return Ok(());
                }
            }
        }
    }

    async fn pass(&mut self, wire: &mut Wire, frame: Frame) -> Result<(), End> {
        self.seq = frame.seq;
        wire.text(NAME, frame.text).await
    }
}
