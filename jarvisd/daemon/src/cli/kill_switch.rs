//! `jarvisd kill-switch …`: the file itself, whether or not a daemon runs. A running one notices within a second.

use std::{path::Path, process::ExitCode};

use clap::Subcommand;

use super::words::{fail, instant, say};
use crate::{
    clock::Clock,
    store::{KillState, KillSwitch, KillSwitchError},
};

/// For scripts: `status` says with it that the switch is on.
const ON: u8 = 3;

#[derive(Debug, Clone, Copy, Subcommand)]
pub enum KillSwitchCommand {
    /// Nothing above reading leaves from now on, whoever asks; what waits is void.
    On,
    /// Release it. Nothing that was asked for before runs; it must be asked for again.
    Off,
    /// Exit code 0 when it is off, 3 when it is on or cannot be read.
    Status,
}

pub fn run(command: KillSwitchCommand, dir: &Path) -> ExitCode {
    match act(command, dir) {
        Ok(code) => code,
        Err(error) => fail(1, &error),
    }
}

fn act(command: KillSwitchCommand, dir: &Path) -> Result<ExitCode, KillSwitchError> {
    let on = match command {
        KillSwitchCommand::On => true,
        KillSwitchCommand::Off => false,
        KillSwitchCommand::Status => return Ok(status(&KillSwitch::existing(dir)?)),
    };
    let switch = KillSwitch::of(dir)?;
    let who = format!("cli/uid-{}", rustix::process::getuid().as_raw());
    let set = switch.set(on, &who, Clock.now_ms())?;
    say(&line(&set));
    say(match (set.on, set.by_removal) {
        (true, false) => "nothing above reading leaves from now on; a running daemon voids what waits",
        (true, true) => {
            "the disk took no new file, so the old one was removed: a missing switch counts as on; make room"
        }
        (false, _) => "nothing that was asked for before runs; ask for it again",
    });
    Ok(ExitCode::SUCCESS)
}

fn status(switch: &KillSwitch) -> ExitCode {
    match switch.read() {
        Ok(state) => {
            say(&line(&state));
            if state.on { ExitCode::from(ON) } else { ExitCode::SUCCESS }
        }
        Err(error) => {
            say(&format!("the kill switch is ON: {error}"));
            ExitCode::from(ON)
        }
    }
}

fn line(state: &KillState) -> String {
    let KillState { on, at_ms, who, .. } = state;
    format!("the kill switch is {}, set by {who} at {}", if *on { "ON" } else { "off" }, instant(*at_ms))
}
