//! What the command line prints: results on standard output, one line about a failure on standard error.

use std::{
    fmt::Display,
    io::{self, Write},
    process::ExitCode,
};

pub fn say(text: &str) {
    // Nobody is left to be told about a closed output.
    let _ = writeln!(io::stdout().lock(), "{text}");
}

pub fn fail(code: u8, error: &dyn Display) -> ExitCode {
    let _ = writeln!(io::stderr().lock(), "jarvisd: {error}");
    ExitCode::from(code)
}
