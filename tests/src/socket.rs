//! A screen's socket: connects, keeps a [`Screen`], asks for what it missed, answers pings.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use futures_util::{SinkExt, StreamExt};
use jarvis_core::protocol::ServerFrame;
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Message, client::IntoClientRequest, http::HeaderValue, protocol::CloseFrame},
};

use crate::screen::{Next, Screen};

pub struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    pub screen: Screen,
    /// Every snapshot of the channel `cluster` that came: 1 unless something was missed.
    pub snapshots: usize,
    pub resumed_cluster: usize,
    pub closed: Option<CloseFrame>,
}

/// Where and as whom a socket connects.
#[derive(Debug, Clone)]
pub struct Door {
    /// `http://127.0.0.1:7878`
    pub api: String,
    pub token: String,
}

impl Socket {
    /// Connects and waits for the first snapshot.
    pub async fn open(door: &Door) -> Result<Self> {
        let mut socket = Self::connect(door, Screen::default()).await?;
        socket.until(Duration::from_secs(20), "the first snapshot", |s| s.seq.is_some()).await?;
        Ok(socket)
    }

    /// Connects with what a screen holds already, as a browser does after a drop.
    pub async fn connect(door: &Door, screen: Screen) -> Result<Self> {
        let mut url = format!("{}/ws?channels=cluster,events", door.api.replacen("http", "ws", 1));
        if let Some(seq) = screen.seq {
            url.push_str(&format!("&epoch={}&cluster_seq={seq}", screen.epoch));
            if let Some(seq) = screen.event_seq {
                url.push_str(&format!("&events_seq={seq}"));
            }
        }
        let mut request = url.as_str().into_client_request()?;
        let bearer = HeaderValue::from_str(&format!("Bearer {}", door.token))?;
        request.headers_mut().insert("authorization", bearer);
        let (stream, _) = connect_async(request).await.with_context(|| format!("no socket at {url}"))?;
        Ok(Self { stream, screen, snapshots: 0, resumed_cluster: 0, closed: None })
    }

    /// The next frame, taken into the screen; `None` when the server has closed.
    pub async fn next(&mut self) -> Result<Option<ServerFrame>> {
        loop {
            let Some(message) = self.stream.next().await else { return Ok(None) };
            match message {
                Ok(Message::Text(text)) => return self.frame(text.as_str()).await.map(Some),
                Ok(Message::Close(frame)) => self.closed = frame,
                Ok(_) => {}
                Err(e) if self.closed.is_none() => return Err(e.into()),
                Err(_) => return Ok(None),
            }
        }
    }

    async fn frame(&mut self, text: &str) -> Result<ServerFrame> {
        // Every frame must also be one of the published types.
        let typed: ServerFrame = serde_json::from_str(text)
            .with_context(|| format!("not a frame of the protocol: {text:.300}"))?;
        match &typed {
            ServerFrame::Snapshot { channel, .. } if channel == "cluster" => self.snapshots += 1,
            ServerFrame::Resumed { channel, .. } if channel == "cluster" => self.resumed_cluster += 1,
            ServerFrame::Ping { .. } => self.say(r#"{"type":"pong"}"#).await?,
            _ => {}
        }
        if let Next::Resync(channel) = self.screen.take(text)? {
            self.say(&format!("{{\"type\":\"resync\",\"channel\":\"{channel}\"}}")).await?;
        }
        Ok(typed)
    }

    pub async fn say(&mut self, text: &str) -> Result<()> {
        Ok(self.stream.send(Message::text(text)).await?)
    }

    /// Takes frames until the screen shows what is waited for; how long that took.
    pub async fn until(
        &mut self,
        within: Duration,
        what: &str,
        shows: impl Fn(&Screen) -> bool,
    ) -> Result<Duration> {
        let began = Instant::now();
        let deadline = tokio::time::Instant::now() + within;
        while !shows(&self.screen) {
            match tokio::time::timeout_at(deadline, self.next()).await {
                Err(_) => bail!("the screen did not show {what} within {within:?}\n{}", self.brief()),
                Ok(Ok(None)) => bail!("the server closed ({:?}) before {what}", self.closed),
                Ok(frame) => frame?,
            };
        }
        Ok(began.elapsed())
    }

    /// Takes frames for a while, whatever they are.
    pub async fn watch(&mut self, during: Duration) -> Result<()> {
        let deadline = tokio::time::Instant::now() + during;
        while let Ok(frame) = tokio::time::timeout_at(deadline, self.next()).await {
            frame?.with_context(|| format!("the server closed: {:?}", self.closed))?;
        }
        Ok(())
    }

    /// The connection breaks without a word, as when a cable is pulled; what the screen holds stays.
    pub fn drop_hard(self) -> Screen {
        self.screen
    }

    fn brief(&self) -> String {
        let s = &self.screen;
        let cluster = s.record("cluster", "cluster").map(ToString::to_string).unwrap_or_default();
        let count = |kind: &str| s.records.get(kind).map_or(0, |of| of.len());
        format!("seq {:?}, {} nodes, {} guests, cluster {cluster}", s.seq, count("node"), count("guest"))
    }
}
