//! The socket of one screen: text frames become words on the line, bytes pass. Reads and writes at the same time, so
//! that a screen which takes nothing more can still send the interrupt key.

use std::time::Duration;

use actix_ws::{AggregatedMessage, AggregatedMessageStream, CloseCode, CloseReason, ProtocolError};
use jarvis_core::protocol::{TerminalClientFrame, TerminalServerFrame};
use tokio::{sync::mpsc, time::timeout};

use super::{
    COLS_MAX, ROWS_MAX,
    line::{End, Heard, Line, Say},
};
use crate::{clients::ssh::Size, clock::Clock};

/// How often the screen must show that it lives.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Two heartbeats and some.
const SILENCE_MAX: Duration = Duration::from_secs(35);
/// A screen on a bad line may take long for a piece; one that takes nothing for this long is gone.
const SEND_WAIT: Duration = Duration::from_secs(20);
/// For the last words; the daemon stops within a second.
const FAREWELL_WAIT: Duration = Duration::from_millis(400);
/// For the first frame of a screen that says it will send one.
pub const FIRST_WAIT: Duration = Duration::from_secs(10);
/// A thousand messages a second for ever: nobody types so fast, a mouse hardly moves so fast …
const MESSAGE_EVERY: Duration = Duration::from_millis(1);
/// … and this much ahead of it.
const MESSAGES_AHEAD: Duration = Duration::from_secs(2);

/// Both directions until one of them ends.
pub async fn run(sink: actix_ws::Session, mut messages: AggregatedMessageStream, line: Line, clock: Clock) {
    let Line { hear, said } = line;
    let end = tokio::select! {
        end = write(sink.clone(), said, clock) => end,
        end = read(sink.clone(), &mut messages, hear, clock) => end,
    };
    if let Some(end) = end {
        close(sink, end).await;
    }
}

/// Says why and closes; a client that does not listen is dropped without.
pub async fn close(sink: actix_ws::Session, end: End) {
    let (code, reason) = end.farewell();
    let close = CloseReason { code: CloseCode::from(code), description: Some(reason.to_owned()) };
    let _ = timeout(FAREWELL_WAIT, sink.close(Some(close))).await;
}

/// Closes with words a person reads.
pub async fn refuse(mut sink: actix_ws::Session, message: String, end: End) {
    if let Some(text) = text(&TerminalServerFrame::Error { message }) {
        let _ = timeout(FAREWELL_WAIT, sink.text(text)).await;
    }
    close(sink, end).await;
}

/// The first frame, which says where to go back to: its secret, and how much of the output is there.
pub async fn first(messages: &mut AggregatedMessageStream) -> Option<(String, Option<u64>)> {
    let Ok(Some(Ok(AggregatedMessage::Text(text)))) = timeout(FIRST_WAIT, messages.recv()).await else {
        return None;
    };
    match serde_json::from_str(&text) {
        Ok(TerminalClientFrame::Resume { id, received }) => {
            Some((id, received.and_then(|n| u64::try_from(n).ok())))
        }
        _ => None,
    }
}

async fn write(mut sink: actix_ws::Session, mut said: mpsc::Receiver<Say>, clock: Clock) -> Option<End> {
    let mut ping_at = clock.monotonic() + HEARTBEAT;
    loop {
        let sent = tokio::select! {
            say = said.recv() => match say? {
                Say::Output(bytes) => timeout(SEND_WAIT, sink.binary(bytes)).await,
                Say::Frame(frame) => timeout(SEND_WAIT, sink.text(text(&frame)?)).await,
                Say::End(end) => return Some(end),
            },
            () = tokio::time::sleep_until(ping_at.into()) => {
                ping_at = clock.monotonic() + HEARTBEAT;
                // One for scripts, which can see it, and one for libraries, which answer it by themselves.
                let ping = text(&TerminalServerFrame::Ping { server_time_ms: clock.now_ms() })?;
                match timeout(SEND_WAIT, sink.text(ping)).await {
                    Ok(Ok(())) => timeout(SEND_WAIT, sink.ping(b"")).await,
                    other => other,
                }
            }
        };
        // Too slow or gone: the shell waits for its return.
        sent.ok()?.ok()?;
    }
}

async fn read(
    mut sink: actix_ws::Session,
    messages: &mut AggregatedMessageStream,
    hear: mpsc::Sender<Heard>,
    clock: Clock,
) -> Option<End> {
    let mut counted_to = clock.monotonic();
    loop {
        let message = match timeout(SILENCE_MAX, messages.recv()).await {
            Ok(Some(Ok(message))) => message,
            Ok(Some(Err(ProtocolError::Overflow))) => return Some(End::TooLarge),
            // Broken off or silent.
            Ok(Some(Err(_)) | None) | Err(_) => return None,
        };
        let now = clock.monotonic();
        counted_to = counted_to.max(now) + MESSAGE_EVERY;
        if counted_to.saturating_duration_since(now) > MESSAGES_AHEAD {
            return Some(End::Flood);
        }
        let heard = match message {
            AggregatedMessage::Binary(bytes) if bytes.is_empty() => continue,
            AggregatedMessage::Binary(bytes) => Heard::Keys(bytes),
            AggregatedMessage::Text(text) => match obey(&text) {
                Some(heard) => heard,
                None => continue,
            },
            AggregatedMessage::Ping(bytes) => {
                timeout(SEND_WAIT, sink.pong(&bytes)).await.ok()?.ok()?;
                continue;
            }
            AggregatedMessage::Pong(_) => continue,
            AggregatedMessage::Close(_) => return Some(End::Gone),
        };
        // The shell has its last word on the way, which `write` waits for.
        if hear.send(heard).await.is_err() {
            return std::future::pending().await;
        }
    }
}

/// Frames we do not know are ignored: a newer screen may know more.
fn obey(text: &str) -> Option<Heard> {
    match serde_json::from_str(text).ok()? {
        TerminalClientFrame::Resize { cols, rows } => Some(Heard::Resize(size(cols, rows))),
        TerminalClientFrame::Ack { bytes } => Some(Heard::Ack(bytes)),
        TerminalClientFrame::Hangup => Some(Heard::Hangup),
        TerminalClientFrame::Resume { .. } | TerminalClientFrame::Pong => None,
    }
}

/// What a terminal can be; a screen that is hidden reports nothing at all.
pub fn size(cols: u16, rows: u16) -> Size {
    Size { cols: cols.clamp(1, COLS_MAX), rows: rows.clamp(1, ROWS_MAX) }
}

fn text(frame: &TerminalServerFrame) -> Option<String> {
    match serde_json::to_string(frame) {
        Ok(text) => Some(text),
        Err(error) => {
            tracing::error!(%error, "a frame could not be written as JSON");
            None
        }
    }
}
