//! What the command line prints: results on standard output, one line about a failure on standard error.

use std::{
    fmt::Display,
    io::{self, Write},
    process::ExitCode,
};

use time::{OffsetDateTime, format_description::well_known::Rfc3339};

pub fn say(text: &str) {
    // Nobody is left to be told about a closed output.
    let _ = writeln!(io::stdout().lock(), "{text}");
}

/// For what is shown this once: whether it reached anybody.
pub fn hand_over(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()
}

pub fn fail(code: u8, error: &dyn Display) -> ExitCode {
    let _ = writeln!(io::stderr().lock(), "jarvisd: {error}");
    ExitCode::from(code)
}

pub fn warn(text: &str) {
    let _ = writeln!(io::stderr().lock(), "jarvisd: {text}");
}

/// A time as people and machines read it alike: RFC 3339, UTC.
pub fn instant(at_ms: i64) -> String {
    let since = i128::from(at_ms) * 1_000_000;
    let instant = OffsetDateTime::from_unix_timestamp_nanos(since).ok();
    instant.and_then(|at| at.format(&Rfc3339).ok()).unwrap_or_else(|| format!("{at_ms} ms"))
}
