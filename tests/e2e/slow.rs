//! One viewer that stops reading is put out; the others notice nothing.

use std::time::Duration;

use anyhow::{Result, ensure};
use jarvis_tests::{daemon::Jarvisd, process::PATIENCE, sim::Sim, socket::Socket};

#[tokio::test]
async fn a_viewer_that_stops_reading_is_put_out_while_the_others_go_on() -> Result<()> {
    // Big enough that one frame a second fills what a kernel buffers.
    let sim = Sim::with(&["--guests", "3000"]).await?;
    let jarvisd = Jarvisd::start(&sim.cluster()?).await?;
    let mut reader = Socket::open(&jarvisd.door()).await?;
    reader
        .until(PATIENCE, "3000 guests", |s| s.records.get("guest").is_some_and(|g| g.len() >= 3000))
        .await?;
    let sleeper = Socket::open(&jarvisd.door()).await?;
    ensure!(sockets(&jarvisd).await? == 2.0, "two viewers are connected");

    let mut longest = Duration::ZERO;
    let put_out = async {
        for _ in 0..180 {
            tokio::time::sleep(Duration::from_millis(500)).await;
            if sockets(&jarvisd).await? < 2.0 {
                return Ok(true);
            }
        }
        anyhow::Ok(false)
    };
    let reading = async {
        loop {
            let from = reader.screen.seq;
            // A watched cluster of this size changes with every poll.
            let took = reader.until(Duration::from_secs(15), "the next change", |s| s.seq > from).await?;
            longest = longest.max(took);
        }
        #[expect(unreachable_code, reason = "gives the block its type")]
        anyhow::Ok(())
    };
    let gone = tokio::select! {
        gone = put_out => gone?,
        ended = reading => { ended?; false }
    };
    println!("longest wait of the reader beside it: {longest:?}");
    ensure!(gone, "the sleeper is still connected after 90 s");
    ensure!(reader.snapshots == 1, "the reader was set back: {} snapshots", reader.snapshots);
    drop(sleeper);
    Ok(())
}

/// The daemon's own count of open sockets.
async fn sockets(jarvisd: &Jarvisd) -> Result<f64> {
    let metrics = jarvisd.metrics().await?;
    let line = metrics.lines().find(|l| l.starts_with("jarvis_stream_clients"));
    let value = line.and_then(|l| l.split_whitespace().nth(1)).and_then(|v| v.parse().ok());
    value.ok_or_else(|| anyhow::anyhow!("no gauge of open sockets in\n{metrics}"))
}
