//! What a running daemon costs, against the promises: fan-out, start-up, memory, lists, history.
//!
//! Figures of functions are in the crates' own benches. Everything runs on one machine, driver included, so
//! the machine's own jitter is measured first, with the same clocks, and stands beside the figures.

mod fanout;
mod figures;
mod idle;
mod questions;

use anyhow::Result;
use figures::Table;

/// Sockets of the fan-out; both ends of each are files of somebody.
const FILES_MIN: u64 = 8_192;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<()> {
    raise_file_limit();
    let mut table = Table::default();
    let jitter = fanout::jitter().await;
    table.told("this machine's own lateness, p99", figures::ms(jitter));
    idle::start_up(&mut table).await?;
    idle::memory(&mut table).await?;
    questions::ask(&mut table).await?;
    fanout::run(&mut table, jitter).await?;
    println!("\n{table}");
    std::process::exit(i32::from(table.missed()));
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
