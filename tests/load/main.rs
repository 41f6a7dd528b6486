//! What a running daemon costs, against the promises: fan-out, start-up, memory, lists, history.
//!
//! Figures of functions and the dashboard's weight are taken by others and handed over as files:
//! `load [--functions FILE] [--dashboard FILE]`. Exit 1 when a promise is missed, 2 when a figure cannot be had.
//! Everything runs on one machine, driver included, so
//! the machine's own jitter is measured first, with the same clocks, and stands beside the figures.

mod fanout;
mod figures;
mod idle;
mod questions;
mod taken;

use std::{path::Path, process::ExitCode};

use anyhow::{Context, Result, bail};
use figures::Table;

/// Sockets of the fan-out; both ends of each are files of somebody.
const FILES_MIN: u64 = 8_192;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> ExitCode {
    let mut table = Table::default();
    let measured = measure(&mut table).await;
    println!("\n{table}");
    match measured {
        Ok(()) => ExitCode::from(u8::from(table.missed())),
        Err(error) => {
            eprintln!("not everything could be measured: {error:#}");
            ExitCode::from(2)
        }
    }
}

async fn measure(table: &mut Table) -> Result<()> {
    raise_file_limit();
    // What costs nothing to read first: a wrong file is told at once.
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let file = words.next().with_context(|| format!("{word} needs a file"))?;
        match word.as_str() {
            "--functions" => taken::functions(table, Path::new(&file))?,
            "--dashboard" => taken::dashboard(table, Path::new(&file))?,
            _ => bail!("{word} is not known: load [--functions FILE] [--dashboard FILE]"),
        }
    }
    let jitter = fanout::jitter().await;
    table.told("this machine's own lateness, p99", figures::ms(jitter));
    idle::start_up(table).await?;
    idle::memory(table).await?;
    questions::ask(table).await?;
    fanout::run(table, jitter).await
}

/// The soft limit of many systems is 1,024; the daemon inherits ours.
fn raise_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let now = getrlimit(Resource::Nofile);
    let wanted = now.maximum.map_or(FILES_MIN, |max| max.min(FILES_MIN));
    if now.current.is_some_and(|current| current < wanted) {
        // Fewer sockets then, which the fan-out will say.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: now.maximum });
    }
}
