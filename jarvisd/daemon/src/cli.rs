//! The command line: what a command does is in its own room; this only asks for it and says how it went.
//!
//! Exit codes: 0 done; 1 it could not be done, one line on standard error says why; 2 wrong usage or configuration;
//! 3 `kill-switch status` when it is on.

mod account;
mod audit;
mod doctor;
mod enrol;
mod kill_switch;
mod mcp;
mod words;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

use crate::{
    app::{self, AppError, Listeners},
    config::{self, Config, ConfigError},
    store,
};
use account::{TokenCommand, UserCommand};
use audit::AuditCommand;
use enrol::SshCommand;
use kill_switch::KillSwitchCommand;
use mcp::McpArgs;
use words::{fail, say};

/// Threads of the main runtime: it polls and waits; HTTP has its own workers.
const WORKERS: usize = 2;
/// Password hashing and store reads; both bound themselves below this.
const BLOCKING_THREADS_MAX: usize = 8;

/// The command centre of a Proxmox VE homelab.
#[derive(Debug, Parser)]
#[command(name = "jarvisd", version)]
struct Cli {
    /// The settings; deploy/jarvisd.example.toml documents every key.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the daemon (the default).
    Serve,
    /// Check the settings, the data directory and whether the cluster is reached, each line ok, warn or fail.
    Check,
    /// Look at the token's privileges, certificates, clocks and host keys, each line ok, warn or fail.
    Doctor,
    /// Write a consistent copy of the database to a new file; works while the daemon runs.
    Backup { file: PathBuf },
    /// Put a copy back into an empty data directory.
    Restore { file: PathBuf },
    /// The operator's account.
    #[command(subcommand)]
    User(UserCommand),
    /// API tokens.
    #[command(subcommand)]
    Token(TokenCommand),
    /// Stop everything above reading, or let it go on; works with the daemon up or down.
    KillSwitch {
        #[command(subcommand)]
        command: KillSwitchCommand,
        /// The data directory, for when the settings cannot be read.
        #[arg(long, global = true, value_name = "DIR")]
        data_dir: Option<PathBuf>,
    },
    /// The record of everything decided and done; works with the daemon up or down.
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Host keys of the nodes.
    #[command(subcommand)]
    Ssh(SshCommand),
    /// MCP over standard input and output, carried to the running daemon.
    Mcp(McpArgs),
}

/// Parses the arguments, runs the command, and gives the exit code.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    // Before the settings are read: a fault in them must not stand between a person and the switch.
    if let Some(Command::KillSwitch { command, data_dir: Some(dir) }) = &cli.command {
        return kill_switch::run(*command, dir);
    }
    let config = match config::load(cli.config.as_deref()) {
        Ok(config) => config,
        Err(error) => return fail(2, &error),
    };
    if let Err(error) = logging(&config) {
        return fail(2, &error);
    }
    // Before the first TLS client; a second call only says that it is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .max_blocking_threads(BLOCKING_THREADS_MAX)
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(source) => return fail(1, &AppError::Runtime(source)),
    };
    let command = cli.command.unwrap_or(Command::Serve);
    match runtime.block_on(execute(command, config)) {
        Ok(code) => code,
        Err(error @ AppError::Config(_)) => fail(2, &error),
        Err(error) => fail(1, &error),
    }
}

async fn execute(command: Command, config: Config) -> Result<ExitCode, AppError> {
    match command {
        Command::Serve => serve(config).await,
        Command::Check => Ok(doctor::check(&config).await),
        Command::Doctor => Ok(doctor::doctor(&config).await),
        Command::Backup { file } => {
            store::backup(&config.data.dir, &file)?;
            say(&format!("the database was copied to {}", file.display()));
            Ok(ExitCode::SUCCESS)
        }
        Command::Restore { file } => {
            store::restore(&config.data.dir, &file)?;
            say(&format!("{} was put into {}", file.display(), config.data.dir.display()));
            Ok(ExitCode::SUCCESS)
        }
        Command::User(command) => account::user(command, &config).await,
        Command::Token(command) => account::token(command, &config).await,
        Command::Ssh(command) => enrol::run(&command, &config),
        Command::KillSwitch { command, .. } => Ok(kill_switch::run(command, &config.data.dir)),
        Command::Audit(command) => audit::run(command, &config.data.dir),
        Command::Mcp(args) => mcp::run(args, &config).await,
    }
}

async fn serve(config: Config) -> Result<ExitCode, AppError> {
    // First: without somebody who listens for it a hang-up ends the process, and opening a database takes its time.
    let hang_up = signal(SignalKind::hangup()).map_err(AppError::Signal)?;
    let listeners = Listeners::bind(&config)?;
    let store = app::open_store(&config)?;
    let shutdown = CancellationToken::new();
    let told = shutdown.clone();
    tokio::spawn(async move {
        if let Err(error) = stop_signal().await {
            tracing::error!(%error, "signals cannot be received; stop the daemon by ending its process");
            return;
        }
        told.cancel();
    });
    let address = listeners.address().unwrap_or(config.server.listen);
    app::run(config, listeners, store, hang_up, shutdown, |offer| {
        say(&format!(
            "No operator yet. Open the dashboard (or POST http://{address}/api/v1/setup) with this one-time token:\n\
             \n    {}\n\nIt is also in {}",
            offer.token.reveal(),
            offer.file.display()
        ));
    })
    .await?;
    Ok(ExitCode::SUCCESS)
}

async fn stop_signal() -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

fn logging(config: &Config) -> Result<(), ConfigError> {
    let filter = EnvFilter::try_new(&config.log.filter).map_err(|error| ConfigError::Value {
        key: "log.filter",
        value: format!("`{}` ({error})", config.log.filter),
        todo: "give something like jarvisd=info,warn",
    })?;
    // What others send that is no HTTP, or no method of the protocol, is their affair: it would fill the log.
    let others = ["actix_http", "rmcp"].into_iter().filter(|name| !config.log.filter.contains(name));
    let filter =
        others.filter_map(|name| format!("{name}=off").parse().ok()).fold(filter, EnvFilter::add_directive);
    // A log that takes no more, a full disk or a closed pipe, is no reason to end: told about it on the same standard
    // error, the daemon would panic over its own complaint.
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .log_internal_errors(false);
    if config.log.json {
        builder.json().flatten_event(true).init();
    } else {
        builder.with_target(false).init();
    }
    Ok(())
}
