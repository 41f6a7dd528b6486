//! One socket from its hello to its end.

use std::{
    future::pending,
    rc::Rc,
    time::{Duration, Instant},
};

use actix_ws::{AggregatedMessage, AggregatedMessageStream, ProtocolError};
use jarvis_core::protocol::{ClientFrame, PROTO, ServerFrame, acting::ActingChange};
use tokio::sync::broadcast::{self, error::RecvError};

use super::{
    StreamQuery, acting, cluster, events,
    inbox::{self, Inbox},
    sockets::{Credential, Seat},
    wire::{End, Wire},
};
use crate::{
    access::{Ended, Scope},
    http::site::Site,
    state::Frame,
};

/// How often the client must show that it lives.
pub const HEARTBEAT: Duration = Duration::from_secs(15);
/// Two heartbeats and some.
const SILENCE_MAX: Duration = Duration::from_secs(35);
/// Sessions can end without a word (their time is over), so they are looked up now and then.
const RECHECK_EVERY: Duration = Duration::from_secs(30);
/// For the count of frames that belong to no channel.
const NO_CHANNEL: &str = "control";

pub struct Session {
    site: Rc<Site>,
    credential: Credential,
    wire: Wire,
    cluster: Option<cluster::Channel>,
    events: Option<events::Channel>,
    acting: Option<acting::Channel>,
    /// When the channels, closed by the client, sent their last snapshot: `cluster`, `events`.
    snapshots_at: (Option<Instant>, Option<Instant>),
    inbox: Inbox,
    heard: Instant,
    ping_at: Instant,
    recheck_at: Instant,
}

/// What woke the socket.
#[expect(clippy::large_enum_variant, reason = "made and taken apart in one step")]
enum Woken {
    Said(Option<Result<AggregatedMessage, ProtocolError>>),
    Cluster(Result<Frame, RecvError>),
    Event(Result<Frame, RecvError>),
    Acting(Result<ActingChange, RecvError>),
    Ended(Result<Ended, RecvError>),
    Time,
    Stop,
}

impl Session {
    pub fn new(site: Rc<Site>, credential: Credential, sink: actix_ws::Session) -> Self {
        let now = site.clock.monotonic();
        Self {
            wire: Wire::new(sink, site.meter.clone(), site.shutdown.clone()),
            credential,
            cluster: None,
            events: None,
            acting: None,
            snapshots_at: (None, None),
            inbox: Inbox::new(now),
            heard: now,
            ping_at: now + HEARTBEAT,
            recheck_at: now + RECHECK_EVERY,
            site,
        }
    }

    /// Runs to the end; without a seat that is at once.
    pub async fn run(
        mut self,
        mut messages: AggregatedMessageStream,
        query: StreamQuery,
        seat: Option<Seat>,
    ) {
        self.site.meter.stream_opened();
        let end = if seat.is_some() { self.serve(&mut messages, &query).await } else { Err(End::Full) };
        let meter = self.site.meter.clone();
        // Whoever watched no longer does, whatever the farewell takes.
        (self.cluster, self.events) = (None, None);
        self.wire.close(end.err().unwrap_or(End::Gone)).await;
        meter.stream_closed();
        drop(seat);
    }

    async fn serve(
        &mut self,
        messages: &mut AggregatedMessageStream,
        query: &StreamQuery,
    ) -> Result<(), End> {
        // Before anything is sent: what ends from now on is heard.
        let mut ended = self.site.keeper.ended();
        self.check().await?;
        self.hello().await?;
        for channel in query.channels().unwrap_or_default() {
            self.subscribe(channel, Some(query)).await?;
        }
        loop {
            match self.wait(messages, &mut ended).await {
                Woken::Said(said) => self.hear(said).await?,
                Woken::Cluster(next) => {
                    if let Some(channel) = &mut self.cluster {
                        channel.take(&self.site, &mut self.wire, next).await?;
                    }
                }
                Woken::Event(next) => {
                    if let Some(channel) = &mut self.events {
                        channel.take(&self.site, &mut self.wire, next).await?;
                    }
                }
                Woken::Acting(next) => {
                    if let Some(channel) = &mut self.acting {
                        channel.take(&self.site, &mut self.wire, next).await?;
                    }
                }
                Woken::Ended(Ok(Ended::Replaced { old, new }))
                    if self.credential == Credential::Session(old) =>
                {
                    self.credential = Credential::Session(new);
                }
                Woken::Ended(Ok(what)) if !self.is_mine(&what) => {}
                // Mine, or so many at once that some were missed: look it up.
                Woken::Ended(_) => self.check().await?,
                Woken::Time => self.on_time().await?,
                Woken::Stop => return Err(End::Restart),
            }
        }
    }

    async fn wait(
        &mut self,
        messages: &mut AggregatedMessageStream,
        ended: &mut broadcast::Receiver<Ended>,
    ) -> Woken {
        let deadline = self.deadline().into();
        let (cluster, events, acting) = (&mut self.cluster, &mut self.events, &mut self.acting);
        tokio::select! {
            biased;
            () = self.site.shutdown.cancelled() => Woken::Stop,
            what = ended.recv() => Woken::Ended(what),
            () = tokio::time::sleep_until(deadline) => Woken::Time,
            said = messages.recv() => Woken::Said(said),
            next = async { match events { Some(c) => c.next().await, None => pending().await } } => Woken::Event(next),
            next = async { match acting { Some(c) => c.next().await, None => pending().await } } => Woken::Acting(next),
            next = async { match cluster { Some(c) => c.next().await, None => pending().await } } => Woken::Cluster(next),
        }
    }

    /// The next moment something is due.
    fn deadline(&self) -> Instant {
        let owed = [self.cluster.as_ref().and_then(|c| c.due()), self.events.as_ref().and_then(|c| c.due())];
        let own = [self.ping_at, self.recheck_at, self.heard + SILENCE_MAX];
        own.into_iter().chain(owed.into_iter().flatten()).min().unwrap_or(self.ping_at)
    }

    async fn on_time(&mut self) -> Result<(), End> {
        let now = self.site.clock.monotonic();
        if now >= self.heard + SILENCE_MAX {
            return Err(End::Silent);
        }
        if now >= self.recheck_at {
            self.recheck_at = now + RECHECK_EVERY;
            self.check().await?;
        }
        if now >= self.ping_at {
            self.ping_at = now + HEARTBEAT;
            // One for scripts, which can answer it, and one for browsers and libraries, which do by themselves.
            let ping = ServerFrame::Ping { server_time_ms: self.site.clock.now_ms() };
            self.wire.frame(NO_CHANNEL, &ping).await?;
            self.wire.ping().await?;
        }
        if let Some(channel) = self.cluster.as_mut().filter(|c| c.due().is_some_and(|at| at <= now)) {
            channel.snapshot(&self.site, &mut self.wire).await?;
        }
        if let Some(channel) = self.events.as_mut().filter(|c| c.due().is_some_and(|at| at <= now)) {
            channel.settle(&self.site, &mut self.wire).await?;
        }
        Ok(())
    }

    async fn hello(&mut self) -> Result<(), End> {
        let hello = ServerFrame::Hello {
            proto: PROTO,
            epoch: self.site.state.epoch().to_owned(),
            build: self.site.build.to_owned(),
            server_time_ms: self.site.clock.now_ms(),
            heartbeat_ms: i64::try_from(HEARTBEAT.as_millis()).unwrap_or(i64::MAX),
        };
        self.wire.frame(NO_CHANNEL, &hello).await
    }

    /// Whether the credential is still good. A store that cannot say ends nothing by itself: it is asked again,
    /// and every REST call is refused meanwhile.
    async fn check(&mut self) -> Result<(), End> {
        let keeper = &self.site.keeper;
        let good = match &self.credential {
            Credential::Session(hash) => keeper.session_by_hash(*hash).await.map(|s| s.is_some()),
            Credential::Token(_, hash) => {
                let token = keeper.token_by_hash(*hash).await;
                token.map(|t| t.is_some_and(|t| t.scopes.has(Scope::Read)))
            }
        };
        match good {
            Ok(true) => Ok(()),
            Ok(false) => Err(End::Access),
            Err(error) => {
                tracing::warn!(%error, "the right to a stream could not be looked up");
                Ok(())
            }
        }
    }

    fn is_mine(&self, what: &Ended) -> bool {
        match (what, &self.credential) {
            (Ended::Anything, _) | (Ended::AllSessions, Credential::Session(_)) => true,
            (Ended::Session(ended), Credential::Session(mine)) => ended == mine,
            (Ended::Token(ended), Credential::Token(mine, _)) => ended == mine,
            _ => false,
        }
    }

    async fn hear(&mut self, said: Option<Result<AggregatedMessage, ProtocolError>>) -> Result<(), End> {
        let now = self.site.clock.monotonic();
        self.heard = now;
        let message = match said {
            Some(Ok(message)) => message,
            Some(Err(ProtocolError::Overflow)) => return Err(End::TooLarge),
            // A connection that breaks off is the usual end of a stream.
            Some(Err(_)) | None => return Err(End::Gone),
        };
        if !self.inbox.admits(now) {
            return Err(End::Flood);
        }
        match message {
            AggregatedMessage::Text(text) => match inbox::read(&text) {
                Some(frame) => self.obey(frame).await,
                None => Ok(()),
            },
            AggregatedMessage::Ping(bytes) => self.wire.pong(&bytes).await,
            AggregatedMessage::Close(_) => Err(End::Gone),
            AggregatedMessage::Binary(_) | AggregatedMessage::Pong(_) => Ok(()),
        }
    }

    async fn obey(&mut self, frame: ClientFrame) -> Result<(), End> {
        match frame {
            ClientFrame::Subscribe { channel } => self.subscribe(&channel, None).await,
            ClientFrame::Unsubscribe { channel } => {
                match channel.as_str() {
                    cluster::NAME => {
                        let closed = self.cluster.take();
                        self.snapshots_at.0 = closed.and_then(|c| c.snapshot_at()).or(self.snapshots_at.0);
                    }
                    events::NAME => {
                        let closed = self.events.take();
                        self.snapshots_at.1 = closed.and_then(|c| c.snapshot_at()).or(self.snapshots_at.1);
                    }
                    acting::NAME => self.acting = None,
                    _ => {}
                }
                Ok(())
            }
            ClientFrame::Resync { channel } if channel == acting::NAME => match &mut self.acting {
                Some(channel) => channel.resync(&self.site, &mut self.wire).await,
                None => Ok(()),
            },
            ClientFrame::Resync { channel } => {
                match (channel.as_str(), &mut self.cluster, &mut self.events) {
                    (cluster::NAME, Some(channel), _) => channel.resync(&self.site),
                    (events::NAME, _, Some(channel)) => channel.resync(&self.site),
                    _ => {}
                }
                Ok(())
            }
            ClientFrame::Pong => Ok(()),
        }
    }

    /// Opens a channel that is not open; a place to resume at comes only with the connection itself.
    async fn subscribe(&mut self, channel: &str, place: Option<&StreamQuery>) -> Result<(), End> {
        if channel == cluster::NAME && self.cluster.is_none() {
            let place = place.and_then(|q| q.epoch.as_deref().zip(q.cluster_seq));
            self.cluster =
                Some(cluster::Channel::open(&self.site, &mut self.wire, place, self.snapshots_at.0).await?);
        } else if channel == events::NAME && self.events.is_none() {
            let place = place.and_then(|q| q.events_seq);
            self.events =
                Some(events::Channel::open(&self.site, &mut self.wire, place, self.snapshots_at.1).await?);
        } else if channel == acting::NAME && self.acting.is_none() {
            self.acting = Some(acting::Channel::open(&self.site, &mut self.wire).await?);
        }
        Ok(())
    }
}
