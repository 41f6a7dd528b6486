//! `jarvisd mcp`: for MCP clients that start a program. It carries to the running daemon, which decides.

use std::{path::PathBuf, process::ExitCode};

use clap::Args;

use super::words::fail;
use crate::{
    app::AppError,
    config::{self, Config},
    mcp::stdio::{self, Daemon},
};

#[derive(Debug, Args)]
pub struct McpArgs {
    /// File with an API token that has the scope `mcp`.
    #[arg(long, value_name = "FILE")]
    token_file: PathBuf,
    /// Offer the tools that change something too; the token needs the scope `act`.
    #[arg(long)]
    act: bool,
    /// List every tool in full: titles, all hints, the schemas of arguments and answers.
    #[arg(long)]
    full: bool,
    /// Where the daemon is; by default where the settings say that it listens.
    #[arg(long, value_name = "URL")]
    url: Option<String>,
}

pub async fn run(args: McpArgs, config: &Config) -> Result<ExitCode, AppError> {
    let token = config::secret("--token-file", &args.token_file)?;
    let base = args.url.unwrap_or_else(|| format!("http://{}", config.server.listen));
    let profile = if args.act { "act" } else { "read" };
    let detail = if args.full { "full" } else { "short" };
    let url = format!("{}/mcp?profile={profile}&detail={detail}", base.trim_end_matches('/'));
    let daemon = Daemon { url, token };
    Ok(match stdio::serve(daemon, tokio::io::stdin(), tokio::io::stdout()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(1, &error),
    })
}
