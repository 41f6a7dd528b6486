//! The daemon's program: everything is in the library, so that tests can hold its parts.

use std::process::ExitCode;

fn main() -> ExitCode {
    jarvisd::cli::run()
}
