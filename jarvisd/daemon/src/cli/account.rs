//! `jarvisd user …` and `jarvisd token …`: the way in again when the dashboard's is lost.
//!
//! They work with the daemon up or down: beside a running one they write in short transactions of their own, and it
//! notices at once.

use std::{
    io::{self, BufRead, IsTerminal},
    path::PathBuf,
    process::ExitCode,
};

use clap::Subcommand;
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use secrecy::{ExposeSecret, SecretString};

use super::words::{fail, hand_over, say};
use crate::{
    access::{Keeper, Scope, Scopes, TOKEN_DAYS_DEFAULT},
    app::{self, AppError},
    clock::Clock,
    config::{self, Config},
    store::By,
};

#[derive(Debug, Subcommand)]
pub enum UserCommand {
    /// Set a new password, read from standard input or a file; ends all sessions.
    ResetPassword {
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Make a token; it is printed this once.
    Create {
        name: String,
        /// One or more of read, chat, act, mcp, metrics.
        #[arg(long = "scope", value_delimiter = ',', required = true)]
        scopes: Vec<Scope>,
        #[arg(long, default_value_t = TOKEN_DAYS_DEFAULT, value_parser = clap::value_parser!(u16).range(1..=3650))]
        days: u16,
    },
    /// Tokens that are still good.
    List,
    /// End a token by the number that `list` shows.
    Revoke { id: i64 },
}

pub async fn user(command: UserCommand, config: &Config) -> Result<ExitCode, AppError> {
    let UserCommand::ResetPassword { password_file } = command;
    let password = match password_file {
        Some(file) => config::secret("--password-file", &file)?,
        None => match ask() {
            Ok(password) => password,
            Err(error) => return Ok(fail(1, &format!("the password could not be read: {error}"))),
        },
    };
    with_keeper(config, async |keeper| {
        keeper.reset_password(password.expose_secret().to_owned(), &by()).await?;
        say("the password is set; all sessions have ended");
        Ok(ExitCode::SUCCESS)
    })
    .await
}

pub async fn token(command: TokenCommand, config: &Config) -> Result<ExitCode, AppError> {
    with_keeper(config, async |keeper| match command {
        TokenCommand::Create { name, scopes, days } => {
            let Ok(scopes) = Scopes::new(scopes) else {
                return Ok(fail(2, &"give at least one --scope"));
            };
            let (secret, token) = keeper.create_token(&name, &scopes, days, &by()).await?;
            if let Err(error) = hand_over(secret.reveal()) {
                // Nobody has it, so nobody shall miss it.
                keeper.revoke_token(token.id, &by()).await?;
                return Ok(fail(1, &format!("the token could not be printed ({error}) and was revoked")));
            }
            Ok(ExitCode::SUCCESS)
        }
        TokenCommand::List => {
            for token in keeper.list_tokens().await? {
                say(&format!("{}\t{}\t{}", token.id, token.name, token.scopes.join(",")));
            }
            Ok(ExitCode::SUCCESS)
        }
        TokenCommand::Revoke { id } => {
            if keeper.revoke_token(id, &by()).await? {
                say("revoked");
                return Ok(ExitCode::SUCCESS);
            }
            Ok(fail(1, &format!("there is no token {id}; `jarvisd token list` shows them")))
        }
    })
    .await
}

fn by() -> By {
    By::cli(rustix::process::getuid().as_raw())
}

async fn with_keeper(
    config: &Config,
    work: impl AsyncFnOnce(Keeper) -> Result<ExitCode, AppError>,
) -> Result<ExitCode, AppError> {
    let store = app::join_store(config)?;
    let done = work(Keeper::new(store.clone(), Clock, &config.access)).await;
    store.close().await?;
    done
}

/// Reads one line; a person's typing is not shown.
fn ask() -> io::Result<SecretString> {
    let input = io::stdin();
    let mut line = String::new();
    if !input.is_terminal() {
        input.lock().read_line(&mut line)?;
        return Ok(SecretString::from(line.trim_end_matches(['\r', '\n']).to_owned()));
    }
    say("New password (it is not shown):");
    let before = tcgetattr(&input)?;
    let mut quiet = before.clone();
    quiet.local_modes.remove(LocalModes::ECHO);
    tcsetattr(&input, OptionalActions::Flush, &quiet)?;
    let read = input.lock().read_line(&mut line);
    tcsetattr(&input, OptionalActions::Flush, &before)?;
    read?;
    Ok(SecretString::from(line.trim_end_matches(['\r', '\n']).to_owned()))
}
