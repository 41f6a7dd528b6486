//! Where the shells of the nodes ask what to print: a socket in the run directory.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::log::{SshCommand, SshShell};
use super::says::{self, Says};
use super::shell::{BECOME, ERR, EXIT, FRAME_MAX, OUT, Said};
use super::table;
use crate::cluster::World;
use crate::faults::sides::SshTrouble;
use crate::num;
use crate::records::{Effect, Side};
use crate::sim::Sim;
use crate::site::Host;

/// A connection under way: whose it is, and how to break it.
#[derive(Clone, Debug)]
pub struct Line {
    pub host: Host,
    pub name: String,
    pub cut: Arc<Notify>,
}

/// The connections by number.
#[derive(Debug, Default)]
pub struct Lines {
    next: u64,
    open: BTreeMap<u64, Line>,
}

pub type Book = Arc<Mutex<Lines>>;

/// Enters a connection and gives its number.
pub fn enter(book: &Book, line: Line) -> u64 {
    let mut lines = book.lock().unwrap_or_else(PoisonError::into_inner);
    lines.next += 1;
    let number = lines.next;
    lines.open.insert(number, line);
    number
}

pub fn leave(book: &Book, number: u64) {
    book.lock().unwrap_or_else(PoisonError::into_inner).open.remove(&number);
}

/// The longest request of a shell.
const SAID_MAX: u64 = 8 * 1024 * 1024;

pub async fn serve(sim: Arc<Sim>, book: Book, homes: PathBuf, listener: UnixListener) {
    let mut open = JoinSet::new();
    loop {
        while open.try_join_next().is_some() {}
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            continue;
        };
        let (sim, book, homes) = (sim.clone(), book.clone(), homes.clone());
        open.spawn(async move {
            if let Err(e) = answer(&sim, &book, &homes, stream).await {
                tracing::debug!("a node's shell went away: {e}");
            }
        });
    }
}

async fn answer(sim: &Sim, book: &Book, homes: &Path, mut stream: UnixStream) -> std::io::Result<()> {
    let mut text = String::new();
    let (read, mut write) = stream.split();
    let mut read = BufReader::new(read.take(SAID_MAX));
    read.read_line(&mut text).await?;
    let said: Said = serde_json::from_str(&text)?;
    let line = book.lock().unwrap_or_else(PoisonError::into_inner).open.get(&said.connection).cloned();
    let Some(line) = line else { return Ok(()) };
    let Some(raw) = said.line_hex.as_deref().map(unhex) else {
        let home = homes.join(&line.name);
        std::fs::create_dir_all(&home)?;
        sim.with(|w| {
            let unix_ms = w.now.unix_ms;
            w.ssh.shell(SshShell {
                unix_ms,
                host: line.name.clone(),
                user: said.user.clone(),
                tty: said.tty,
                seq: 0,
            });
        });
        return frame(&mut write, BECOME, home.as_os_str().as_encoded_bytes()).await;
    };
    let job = sim.with(|w| begin(w, &line, &said, &raw));
    tokio::time::sleep(sim.real(job.says.takes_ms)).await;
    let says = sim.with(|w| carry_out(w, &line, &said, &job));
    if job.trouble.cut {
        line.cut.notify_one();
        return Ok(());
    }
    if job.trouble.hang {
        let half = says.out.as_bytes().get(..says.out.len() / 2).unwrap_or_default();
        frame(&mut write, OUT, half).await?;
        // Until the shell is gone.
        read.read_u8().await?;
        return Ok(());
    }
    if let Some((bytes, on_stderr)) = job.trouble.flood {
        flood(&mut write, if on_stderr { ERR } else { OUT }, bytes).await?;
    }
    frame(&mut write, OUT, says.out.as_bytes()).await?;
    frame(&mut write, ERR, says.err.as_bytes()).await?;
    frame(&mut write, EXIT, &[says.exit]).await?;
    sim.with(|w| {
        w.ssh.ended(job.seq, Some(says.exit), num::len(says.out.len()), num::len(says.err.len()));
    });
    Ok(())
}

/// A command between its arrival and its end.
struct Job {
    seq: u64,
    shape: Option<&'static str>,
    asked: Option<table::Asked>,
    says: Says,
    trouble: SshTrouble,
}

/// Enters the command and finds out how long it will take.
fn begin(world: &mut World, line: &Line, said: &Said, raw: &[u8]) -> Job {
    let text = String::from_utf8_lossy(raw).into_owned();
    // A substitution that leaves no word behind would look like the command alone.
    let inert = said.shell_said.is_empty() && table::plain_words(&text).as_ref() == said.words.as_ref();
    let known = said.words.as_deref().filter(|_| inert).and_then(table::recognise);
    let (shape, asked) = known.map_or((None, None), |(shape, asked)| (Some(shape), Some(asked)));
    let seq = world.ssh.command(SshCommand {
        unix_ms: world.now.unix_ms,
        host: line.name.clone(),
        user: said.user.clone(),
        line_hex: (text.as_bytes() != raw).then(|| said.line_hex.clone().unwrap_or_default()),
        words: said.words.clone(),
        inert,
        shell_said: said.shell_said.clone(),
        shape,
        line: text.clone(),
        ..SshCommand::default()
    });
    let trouble = world.ssh_trouble(&line.host, &text);
    let says = match &asked {
        Some(asked) => says::command(world, &line.host, asked),
        None => Says::fails(126, "jarvis-sim: not a command of the table\n"),
    };
    Job { seq, shape, asked, says, trouble }
}

/// The end of a command: its effect if it has one, and what it prints.
fn carry_out(world: &mut World, line: &Line, said: &Said, job: &Job) -> Says {
    let failed = job.trouble.fail.clone().map(|(code, words)| Says::fails(code, &format!("{words}\n")));
    let Some(table::Asked::RestartService(unit)) = &job.asked else {
        return failed.unwrap_or_else(|| job.says.clone());
    };
    let says = failed.unwrap_or_else(|| says::units::restart(world, &line.host, unit));
    let (acted, why) = (says.exit == 0, says.err.trim().to_owned());
    let node = match &line.host {
        Host::Node(name) => name.clone(),
        Host::Guest(vmid) => world.guests.get(vmid).map(|g| g.node.clone()).unwrap_or_default(),
    };
    let effect = Effect {
        unix_ms: world.now.unix_ms,
        side: Side::Ssh,
        by: said.user.clone(),
        method: "RUN".into(),
        path: job.shape.unwrap_or_default().into(),
        params: BTreeMap::from([("unit".to_owned(), unit.clone())]),
        target: Some(format!("service/{unit}")),
        node: Some(node),
        acted,
        status: u16::from(says.exit),
        why: (!acted).then_some(why),
        asked: line.name.clone(),
        ..Effect::default()
    };
    world.effects.add(effect);
    says
}

async fn frame(write: &mut (impl AsyncWriteExt + Unpin), kind: u8, body: &[u8]) -> std::io::Result<()> {
    let empty: [&[u8]; 1] = [&[]];
    let parts: Vec<&[u8]> = match body.is_empty() {
        true => empty.to_vec(),
        false => body.chunks(FRAME_MAX).collect(),
    };
    for part in parts {
        let length = u32::try_from(part.len()).unwrap_or_default().to_be_bytes();
        write.write_all(&[&[kind], length.as_slice(), part].concat()).await?;
    }
    Ok(())
}

/// Lines of letters, so many bytes of them.
async fn flood(write: &mut (impl AsyncWriteExt + Unpin), kind: u8, bytes: u64) -> std::io::Result<()> {
    let text = b"the quick brown fox jumps over the lazy dog 0123456789 ........\n".repeat(1_000);
    let mut left = bytes;
    while left > 0 {
        let n = num::size(left).min(text.len());
        frame(write, kind, text.get(..n).unwrap_or_default()).await?;
        left -= num::len(n);
    }
    Ok(())
}

fn unhex(text: &str) -> Vec<u8> {
    let digit = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok()).unwrap_or_default();
    text.as_bytes().chunks(2).map(|p| p.iter().fold(0, |n, b| n * 16 + digit(*b))).collect()
}
