//! One frame to a thousand sockets: from the daemon's stamp to the last reader.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result, ensure};
use futures_util::{SinkExt, StreamExt};
use jarvis_tests::{daemon::Jarvisd, process::PATIENCE, sim::Sim, socket::Door};
use tokio_tungstenite::{
    connect_async_with_config,
    tungstenite::{Message, client::IntoClientRequest, protocol::WebSocketConfig},
};

use crate::{
    figures::{Table, ms, percentile},
    idle::rss_mb,
};

const SOCKETS: usize = 1_000;
const PROMISE_MS: f64 = 50.0;
const MEASURED: Duration = Duration::from_secs(40);

/// What is promised is promised for frames of this size.
const FRAME_BYTES: usize = 4_000;
/// Frames that count. Smaller ones are only a source's age.
const FRAME_BYTES_MIN: usize = 3_000;
/// Guests whose figures make a frame of about that size around noon; the hour of the day moves more or fewer of them.
const GUESTS: usize = 95;
const SIZED: Duration = Duration::from_secs(6);

/// The library clears its whole buffer before each read; its 128 KiB for each of a thousand sockets would take the
/// processor from the daemon that is measured.
const READ_BYTES: usize = 8 * 1024;

/// How late this machine wakes a task that asked for a time, p99: no frame can be more punctual.
pub async fn jitter() -> Duration {
    let mut late = Vec::new();
    let mut tick = tokio::time::interval(Duration::from_millis(5));
    for _ in 0..600 {
        let asked = tick.tick().await;
        late.push(asked.elapsed().as_secs_f64());
    }
    Duration::from_secs_f64(percentile(&mut late, 0.99))
}

pub async fn run(table: &mut Table, jitter: Duration) -> Result<()> {
    let mean = mean_frame().await?;
    let (_sim, jarvisd) = cluster_of((GUESTS * FRAME_BYTES).div_ceil(mean)).await?;
    let (seen, open) = (Arc::new(Mutex::new(Seen::default())), Arc::new(AtomicUsize::new(0)));
    let door = jarvisd.door();
    let mut readers = Vec::new();
    let unwatched = rss_mb(jarvisd.process.pid())?;
    for _ in 0..SOCKETS {
        let socket = connect(&door).await?;
        let (seen, open) = (seen.clone(), open.clone());
        readers.push(tokio::spawn(read(socket, seen, open)));
    }
    tokio::time::sleep(Duration::from_secs(5)).await;
    seen.lock().expect("no reader panics").reset();
    let cpu_before = cpu_s(jarvisd.process.pid())?;
    tokio::time::sleep(MEASURED).await;
    let cpu = (cpu_s(jarvisd.process.pid())? - cpu_before) / MEASURED.as_secs_f64();
    let still = open.load(Ordering::Relaxed);
    ensure!(still == SOCKETS, "only {still} of {SOCKETS} sockets are still open");
    let mut result = std::mem::take(&mut *seen.lock().expect("no reader panics"));
    ensure!(
        result.late_ms.len() > SOCKETS * 10,
        "only {} frames of {FRAME_BYTES_MIN} bytes came",
        result.late_ms.len()
    );
    readers.iter().for_each(tokio::task::JoinHandle::abort);

    let frame = result.bytes as f64 / result.late_ms.len() as f64 / 1000.0;
    let frames = result.late_ms.len() / SOCKETS;
    println!(
        "{SOCKETS} sockets, {frames} frames of {frame:.1} kB each, machine's own lateness {}",
        ms(jitter)
    );
    let median = percentile(&mut result.late_ms, 0.5);
    let p99 = percentile(&mut result.late_ms, 0.99);
    let slowest = percentile(&mut result.late_ms, 1.0);
    println!("the slowest reader of all: {slowest:.1} ms");
    let above = p99 - jitter.as_secs_f64() * 1_000.0;
    table.told(&format!("fan-out of {frame:.1} kB to {SOCKETS} sockets, median"), format!("{median:.1} ms"));
    table.judged("fan-out, p99 above the machine's own lateness", above, PROMISE_MS, "ms");
    table.told("CPU while a thousand look", format!("{:.1} %", cpu * 100.0));
    let watched = rss_mb(jarvisd.process.pid())?;
    table.told("memory while a thousand look", format!("{watched:.1} MB"));
    table.told(
        "memory of each of them",
        format!("{:.1} kB", (watched - unwatched) * 1_000.0 / SOCKETS as f64),
    );
    Ok(())
}

/// A simulated cluster ten times as fast as real time, so that every poll finds all figures renewed, and its daemon.
async fn cluster_of(guests: usize) -> Result<(Sim, Jarvisd)> {
    let sim = Sim::with(&["--guests", &guests.to_string(), "--time-scale", "0.1"]).await?;
    let jarvisd = Jarvisd::start(&sim.cluster()?).await?;
    jarvisd.readyz(PATIENCE, "that it is ready", |status, _| status == 200).await?;
    Ok((sim, jarvisd))
}

/// How large the frames of [`GUESTS`] are at this hour, in bytes.
async fn mean_frame() -> Result<usize> {
    let (_sim, jarvisd) = cluster_of(GUESTS).await?;
    let mut socket = connect(&jarvisd.door()).await?;
    let mut sizes = Vec::new();
    let deadline = tokio::time::Instant::now() + SIZED;
    while let Ok(Some(message)) = tokio::time::timeout_at(deadline, socket.next()).await {
        if let Message::Text(text) = message?
            && is_change(&text)
        {
            sizes.push(text.len());
        }
    }
    ensure!(!sizes.is_empty(), "no frame of {FRAME_BYTES_MIN} bytes came in {SIZED:?}");
    Ok(sizes.iter().sum::<usize>() / sizes.len())
}

fn is_change(text: &str) -> bool {
    text.starts_with("{\"type\":\"change\"") && text.len() >= FRAME_BYTES_MIN
}

#[derive(Default)]
struct Seen {
    late_ms: Vec<f64>,
    bytes: usize,
}

impl Seen {
    fn reset(&mut self) {
        *self = Self { late_ms: Vec::with_capacity(SOCKETS * 64), bytes: 0 };
    }
}

type Socket = tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

async fn connect(door: &Door) -> Result<Socket> {
    let url = format!("{}/ws?channels=cluster", door.api.replacen("http", "ws", 1));
    let mut request = url.as_str().into_client_request()?;
    request.headers_mut().insert("authorization", format!("Bearer {}", door.token).parse()?);
    let config = WebSocketConfig::default().read_buffer_size(READ_BYTES);
    let (socket, _) = connect_async_with_config(request, Some(config), true)
        .await
        .context("a socket: is the limit of open files too low?")?;
    Ok(socket)
}

async fn read(mut socket: Socket, seen: Arc<Mutex<Seen>>, open: Arc<AtomicUsize>) {
    open.fetch_add(1, Ordering::Relaxed);
    while let Some(Ok(message)) = socket.next().await {
        let Message::Text(text) = message else { continue };
        let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |t| t.as_secs_f64() * 1_000.0);
        if is_change(&text) {
            if let Some(sent_ms) = stamp(&text) {
                let mut seen = seen.lock().expect("no reader panics");
                seen.late_ms.push(now_ms - sent_ms);
                seen.bytes += text.len();
            }
        } else if text.starts_with("{\"type\":\"ping\"") {
            // A daemon that has gone is seen by the next read.
            let _ = socket.send(Message::text("{\"type\":\"pong\"}")).await;
        }
    }
    open.fetch_sub(1, Ordering::Relaxed);
}

/// The frame's own time, without parsing four thousand bytes a thousand times.
fn stamp(text: &str) -> Option<f64> {
    let from = text.find("\"ts_ms\":")? + "\"ts_ms\":".len();
    let digits: String = text[from..].chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

/// Processor time of a process so far.
fn cpu_s(pid: u32) -> Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let after = stat.rsplit_once(')').context("a name")?.1;
    let fields: Vec<&str> = after.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|f| f.parse::<f64>().ok()).context("ticks");
    // utime and stime, in hundredths on every Linux.
    Ok((ticks(11)? + ticks(12)?) / 100.0)
}
