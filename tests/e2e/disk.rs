//! A disk that fills up under a running daemon.

use std::{fs, io::Write, path::PathBuf, process::Command, time::Duration};

use anyhow::{Context, Result, ensure};
use jarvis_tests::{
    daemon::{Home, Jarvisd, PASSWORD},
    process::{PATIENCE, Process},
    sim::Sim,
    socket::Socket,
};
use serde_json::json;

/// Room of the data directory: enough to start, little to fill.
const DISK: &str = "size=12m";

#[tokio::test]
async fn a_full_disk_is_told_loses_nothing_stored_and_is_forgotten_when_there_is_room() -> Result<()> {
    if let Some(why) = no_small_disk()? {
        // Past the test's own capture: a run in which this was not tried must not look like one in which it was.
        writeln!(std::io::stderr(), "skipped: a small disk cannot be mounted here ({why})")?;
        return Ok(());
    }
    let sim = Sim::start().await?;
    let home = Home::new(Some(&sim.cluster()?), "")?;
    fs::create_dir(home.data())?;
    let process = Process::start("jarvisd", &on_small_disk(&home)?)?;
    // The small disk is mounted for that process alone; this is the way in.
    let inside = PathBuf::from(format!("/proc/{}/root{}", process.pid(), home.data().display()));
    let jarvisd = Jarvisd::adopt(process, home, &inside).await?;
    let mut socket = Socket::open(&jarvisd.door()).await?;
    let guests = running(&socket).await?;
    stop_and_see(&sim, &mut socket, &guests[0]).await?;
    let held = socket.screen.events.clone();
    ensure!(!held.is_empty(), "an event is stored before the disk fills");

    let unused = jarvisd.new_token(&["read"]).await?;
    let filler = inside.join("filler");
    let filled = fill(&filler)?;
    ensure!(filled > 1 << 20, "only {filled} bytes were free");
    for vmid in &guests[1..4] {
        sim.fault("guest_stop_by_human", json!({"vmid": vmid.parse::<u32>()?})).await?;
    }
    let words = |text: &str| text.to_lowercase().contains("full") || text.to_lowercase().contains("disk");
    let reason = jarvisd
        .readyz(Duration::from_secs(60), "that the disk is full", |status, text| status == 503 && words(text))
        .await?;
    println!("/readyz: {reason}");
    // The picture goes on living: it needs no disk.
    let last = guests[3].clone();
    socket.until(PATIENCE, "the guest stopped", |s| s.text("guest", &last, "status") == "stopped").await?;
    // Who may look, may look: that the use of a token cannot be noted is no reason against it.
    let picture = jarvisd.bare().token(&unused).get("/api/v1/guests").await?;
    ensure!(picture.status == 200, "guests on a full disk: {}", picture.text);
    // What does need the disk says so, and that it may be over soon.
    let login = json!({"password": PASSWORD});
    let refused = jarvisd.bare().with("origin", &jarvisd.home.api()).post("/api/v1/login", &login).await?;
    ensure!(refused.status == 503 && words(&refused.text), "log-in on a full disk: {}", refused.text);

    fs::remove_file(&filler)?;
    jarvisd.readyz(Duration::from_secs(60), "that it is ready again", |status, _| status == 200).await?;
    stop_and_see(&sim, &mut socket, &guests[4]).await?;
    let feed = jarvisd.rest().json("/api/v1/events?limit=500").await?;
    let items = feed["items"].as_array().context("items")?;
    for (id, event) in &held {
        ensure!(items.iter().any(|e| e["id"] == *id), "event {id} was lost: {event}");
    }
    Ok(())
}

/// Why there can be none: a container may not mount, and a chroot that is no mount of its own cannot keep one to itself.
fn no_small_disk() -> Result<Option<String>> {
    let tried = unshared(&["true"]).output()?;
    let said = String::from_utf8_lossy(&tried.stderr);
    Ok((!tried.status.success()).then(|| said.trim().to_owned()))
}

fn unshared(inner: &[&str]) -> Command {
    let mut command = Command::new("unshare");
    if !rustix::process::geteuid().is_root() {
        command.arg("--map-root-user");
    }
    command.arg("--mount").args(inner);
    command
}

/// The daemon with a small disk of its own mounted at its data directory.
fn on_small_disk(home: &Home) -> Result<Command> {
    let direct = home.command(&["serve"])?;
    let script = "mount -t tmpfs -o \"$0\" tmpfs \"$1\" && shift && exec \"$@\"";
    let mut command = unshared(&["sh", "-c", script, DISK]);
    command.arg(home.data()).arg(direct.get_program()).args(direct.get_args());
    Ok(command)
}

/// Writes until nothing more fits; how much that was.
fn fill(file: &std::path::Path) -> Result<u64> {
    let mut out = fs::File::create(file)?;
    let mut written = 0;
    for size in [64 * 1024, 4 * 1024, 512, 1] {
        let block = vec![0; size];
        while out.write_all(&block).is_ok() {
            written += size as u64;
        }
    }
    Ok(written)
}

async fn running(socket: &Socket) -> Result<Vec<String>> {
    let guests = socket.screen.records.get("guest").into_iter().flatten();
    let found: Vec<String> = guests
        .filter(|(_, g)| g["status"] == "running" && g["kind"] == "lxc")
        .map(|(id, _)| id.clone())
        .collect();
    ensure!(found.len() >= 5, "five running containers are needed: {found:?}");
    Ok(found)
}

async fn stop_and_see(sim: &Sim, socket: &mut Socket, vmid: &str) -> Result<()> {
    sim.fault("guest_stop_by_human", json!({"vmid": vmid.parse::<u32>()?})).await?;
    socket
        .until(PATIENCE, "an event of it", |s| {
            s.events.values().any(|e| e["type"] == "guest_stopped" && e["vmid"].as_u64() == vmid.parse().ok())
        })
        .await?;
    Ok(())
}
