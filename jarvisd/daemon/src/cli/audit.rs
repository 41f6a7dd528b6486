//! `jarvisd audit …`: reads the database beside a running daemon or without one, and changes nothing.

use std::{
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Subcommand;
use jarvis_core::audit::Checkpoint;

use super::words::{fail, say};
use crate::{
    app::AppError,
    store::{StoreError, audit_export, audit_export_to, audit_verify},
};

#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Walk the whole chain: any edit, deletion or exchange of rows is found, and any loss before a checkpoint.
    Verify {
        /// A checkpoint kept elsewhere, from the log or a digest; the chain must contain it. May be repeated.
        #[arg(long = "from", value_name = "NUMBER:HASH")]
        from: Vec<Checkpoint>,
    },
    /// Every row as a line of JSON, oldest first.
    Export {
        /// A new file; standard output when left out.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
}

pub fn run(command: AuditCommand, dir: &Path) -> Result<ExitCode, AppError> {
    match command {
        AuditCommand::Verify { from } => verify(dir, from),
        AuditCommand::Export { out: Some(file) } => {
            let rows = audit_export_to(dir, &file)?;
            say(&format!("{rows} rows of the audit were written to {}", file.display()));
            Ok(ExitCode::SUCCESS)
        }
        AuditCommand::Export { out: None } => {
            let mut out = BufWriter::new(io::stdout().lock());
            audit_export(dir, &mut out)?;
            // The reader may have had enough.
            let _ = out.flush();
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn verify(dir: &Path, known: Vec<Checkpoint>) -> Result<ExitCode, AppError> {
    let against = known.len();
    let end = match audit_verify(dir, known) {
        Ok(end) => end,
        Err(StoreError::Audit(broken)) => return Ok(fail(1, &format!("the audit is broken: {broken}"))),
        Err(error) => return Err(error.into()),
    };
    if end.seq == 0 {
        return Ok(fail(
            1,
            &"the audit has no row at all: a daemon that ever ran has at least its start on record. Either none ran on \
             this data directory, or all rows were taken out; restore a backup",
        ));
    }
    say(&format!("the audit stands: {} rows, each continuing the one before it", end.seq));
    say(&format!("checkpoint {end}"));
    if against == 0 {
        say(
            "keep the checkpoint elsewhere and give it with --from next time: rows cut off the end leave no trace \
             in the rest",
        );
    } else {
        say(&format!("checkpoints held against it: {against}"));
    }
    Ok(ExitCode::SUCCESS)
}
