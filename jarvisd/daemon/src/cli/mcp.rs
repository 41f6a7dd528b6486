//! `jarvisd mcp`: for MCP clients that start a program. It carries to the running daemon, which decides.

use std::{net::IpAddr, path::PathBuf, process::ExitCode};

use clap::Args;

use super::words::{fail, warn};
use crate::{
    app::AppError,
    config::{self, Config, ConfigError},
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
    let base = match args.url {
        Some(url) => {
            let url = usable(url)?;
            if in_clear(&url) {
                warn("the token goes over the network unencrypted: give --url an https:// address");
            }
            url
        }
        // This machine's own.
        None => format!("http://{}", config.server.listen),
    };
    let profile = if args.act { "act" } else { "read" };
    let detail = if args.full { "full" } else { "short" };
    let url = format!("{}/mcp?profile={profile}&detail={detail}", base.trim_end_matches('/'));
    let daemon = Daemon { url, token };
    Ok(match stdio::serve(daemon, tokio::io::stdin(), tokio::io::stdout()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(1, &error),
    })
}

/// An address as a browser has it, without anything secret in it.
fn usable(url: String) -> Result<String, AppError> {
    // Never the address itself: clients keep what is said here, and a token may stand anywhere in it.
    let wrong = |value: &str, todo| {
        AppError::Config(ConfigError::Value { key: "--url", value: value.to_owned(), todo })
    };
    let Ok(read) = reqwest::Url::parse(&url) else {
        return Err(wrong("no address", "give one such as https://jarvis.lan"));
    };
    if !read.username().is_empty() || read.password().is_some() {
        return Err(wrong(
            "an address with a user or a password",
            "give it without: the token is all that is needed",
        ));
    }
    if !matches!(read.scheme(), "http" | "https") || read.query().is_some() || read.fragment().is_some() {
        return Err(wrong(
            "an address with more than scheme, name and path",
            "give one such as https://jarvis.lan",
        ));
    }
    Ok(url)
}

/// Whether others on the way can read along.
fn in_clear(url: &str) -> bool {
    let Ok(read) = reqwest::Url::parse(url) else { return false };
    let host = read.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let here =
        host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback() || ip.is_unspecified());
    read.scheme() == "http" && !here
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i30_an_address_with_a_secret_in_it_is_refused_without_telling_it() {
        for url in [
            "http://ann:canary@jarvis.lan",
            "https://canary@jarvis.lan/",
            "https://jarvis.lan/?token=canary",
            "https://jarvis.lan/#canary",
        ] {
            let why = usable(url.to_owned()).expect_err(url).to_string();
            assert!(!why.contains("canary"), "{why}");
        }
        for url in
            ["file:///etc/passwd", "jarvis.lan", "https://jarvis.lan/?token=1", "https://jarvis.lan/#a"]
        {
            assert!(usable(url.to_owned()).is_err(), "{url}");
        }
        for url in ["http://127.0.0.1:7878", "https://jarvis.lan/", "http://[::1]:7878"] {
            assert_eq!(usable(url.to_owned()).unwrap(), url);
        }
    }

    #[test]
    fn a_token_in_clear_on_the_network_is_said() {
        for here in ["http://127.0.0.1:7878", "http://[::1]:7878", "http://localhost", "http://0.0.0.0:7878"]
        {
            assert!(!in_clear(here), "{here}");
        }
        assert!(!in_clear("https://jarvis.lan") && !in_clear("https://192.168.1.9"));
        for away in
            ["http://jarvis.lan", "http://192.168.1.9:7878", "http://[fd00::9]", "http://localhost.lan"]
        {
            assert!(in_clear(away), "{away}");
        }
    }
}
