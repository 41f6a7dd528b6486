//! One connection: an sshd of its own, and the bytes between it and the client.
//!
//! They pass through here so that a cut line is silent, a machine that went off forgets the connection, and
//! sshd ends when the simulator does, however that ends.

use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::process::{Child, Command};
use tokio::sync::Notify;

use super::Site;
use super::room::{Line, enter, leave};
use crate::faults::catalog::What;
use crate::site;

/// What sshd gets to end by itself.
const GRACE: Duration = Duration::from_secs(3);
/// Bytes on their way in one direction.
const CHUNK: usize = 64 * 1024;

pub async fn connection(site: &Site, mut client: TcpStream) -> anyhow::Result<()> {
    let host = &site.host;
    let dropped = site.sim.with(|w| {
        w.ssh.connections += 1;
        w.fault_on(What::SshRefuse, host).is_some_and(|s| s.variant.as_deref() == Some("drop"))
    });
    if dropped {
        return Ok(());
    }
    client.set_nodelay(true)?;
    let cut = Arc::new(Notify::new());
    let line = Line { host: host.clone(), name: site.name.clone(), cut: cut.clone() };
    let number = enter(&site.book, line);
    let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
    let mut sshd = spawn(site, number, theirs)?;
    ours.set_nonblocking(true)?;
    let server = UnixStream::from_std(ours)?;
    let broken = tokio::select! {
        _ = between(site, &mut client, server) => false,
        () = cut.notified() => true,
        () = site::restarted(&site.sim, host) => true,
    };
    leave(&site.book, number);
    if broken {
        // Without a farewell.
        let _ = client.set_zero_linger();
    }
    drop(client);
    // It sees the end of its connection and puts its terminals away; it is not waited for for ever.
    if tokio::time::timeout(GRACE, sshd.wait()).await.is_err() {
        let _ = sshd.start_kill();
        let _ = sshd.wait().await;
    }
    Ok(())
}

fn spawn(site: &Site, number: u64, stream: std::os::unix::net::UnixStream) -> anyhow::Result<Child> {
    let host = &site.host;
    let (other, denied, sessions) = site.sim.with(|w| {
        let sessions = w.fault_on(What::SshSessions, host).and_then(|s| s.count).unwrap_or(10);
        (w.fault_on(What::SshHostKey, host).is_some(), w.fault_on(What::SshDenied, host).is_some(), sessions)
    });
    let quoted = |p: &std::path::Path| format!("'{}'", p.display().to_string().replace('\'', "'\\''"));
    let (program, socket) = (quoted(&site.program), quoted(&site.socket));
    let forced = format!("ForceCommand=exec {program} {} {socket} {number}", super::shell::NAME);
    let mut command = Command::new(&site.sshd);
    command.arg("-i").arg("-f").arg(&site.config).arg("-E").arg(&site.log);
    command.arg("-h").arg(if other { &site.other_key } else { &site.key });
    command.arg("-o").arg(forced).arg("-o").arg(format!("MaxSessions={sessions}"));
    if denied {
        command.arg("-o").arg("AuthorizedKeysFile=none");
    }
    let input: OwnedFd = stream.try_clone()?.into();
    let output: OwnedFd = stream.into();
    command.stdin(Stdio::from(input)).stdout(Stdio::from(output)).stderr(Stdio::null()).kill_on_drop(true);
    Ok(command.spawn()?)
}

/// Copies both ways until one side has ended.
async fn between(site: &Site, client: &mut TcpStream, server: UnixStream) -> std::io::Result<()> {
    let (mut from_server, mut to_server) = server.into_split();
    let (mut from_client, mut to_client) = client.split();
    tokio::select! {
        done = copy(site, &mut from_client, &mut to_server) => done,
        // What sshd said last still goes out.
        done = copy(site, &mut from_server, &mut to_client) => done,
    }
}

async fn copy(
    site: &Site,
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
) -> std::io::Result<()> {
    let mut chunk = vec![0; CHUNK];
    loop {
        let n = from.read(&mut chunk).await?;
        if n == 0 {
            return to.shutdown().await;
        }
        site::reachable(&site.sim, &site.host).await;
        to.write_all(chunk.get(..n).unwrap_or_default()).await?;
    }
}
