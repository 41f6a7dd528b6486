//! What sshd starts on a simulated node: it hands the command to the simulator and prints what comes back.
//!
//! It knows nothing itself and runs nothing but a shell that splits words. Without a command it becomes a
//! real interactive shell in a home of its own, as a person at a terminal expects.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The hidden subcommand.
pub const NAME: &str = "node-shell";
/// Kinds of frames: a byte, four bytes of length (big endian), the bytes.
pub const OUT: u8 = 1;
pub const ERR: u8 = 2;
pub const EXIT: u8 = 0;
/// Becomes a shell in the directory that follows.
pub const BECOME: u8 = 3;
/// The largest frame.
pub const FRAME_MAX: usize = 64 * 1024;
/// Words of one command.
const WORDS_MAX: u64 = 1024 * 1024;
/// How often it is looked whether sshd is still there.
const LOOK: Duration = Duration::from_millis(500);

/// What the simulator is told.
#[derive(Debug, Deserialize, Serialize)]
pub struct Said {
    pub connection: u64,
    pub user: String,
    pub tty: bool,
    /// In hexadecimal, since it may be any bytes; nothing when a shell is asked for.
    pub line_hex: Option<String>,
    pub words: Option<Vec<String>>,
    pub shell_said: String,
}

/// `node-shell SOCKET CONNECTION`.
pub fn run(args: impl Iterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.collect();
    let [socket, connection] = args.as_slice() else { return ExitCode::from(64) };
    let connection = connection.to_string_lossy().parse().unwrap_or_default();
    match talk(Path::new(socket), connection) {
        Ok(code) => ExitCode::from(code),
        Err(e) => {
            let _ = writeln!(io::stderr(), "the simulated node does not answer: {e}");
            ExitCode::from(255)
        }
    }
}

fn talk(socket: &Path, connection: u64) -> io::Result<u8> {
    let line = std::env::var_os("SSH_ORIGINAL_COMMAND");
    let (words, shell_said) = line.as_ref().map(split).unwrap_or_default();
    let hex = |l: &OsString| l.as_bytes().iter().map(|b| format!("{b:02x}")).collect::<String>();
    let said = Said {
        connection,
        user: std::env::var("USER").unwrap_or_default(),
        tty: std::env::var_os("SSH_TTY").is_some(),
        line_hex: line.as_ref().map(hex),
        words,
        shell_said,
    };
    let mut stream = UnixStream::connect(socket)?;
    stream.write_all(serde_json::to_string(&said)?.as_bytes())?;
    stream.write_all(b"\n")?;
    stream.set_read_timeout(Some(LOOK))?;
    let parent = rustix::process::getppid();
    let still_there = || rustix::process::getppid() == parent;
    loop {
        let mut head = [0_u8; 5];
        read_all(&mut stream, &mut head, still_there)?;
        let [kind, length @ ..] = head;
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX).min(FRAME_MAX);
        let mut body = vec![0; length];
        read_all(&mut stream, &mut body, still_there)?;
        match kind {
            OUT => io::stdout().write_all(&body).and_then(|()| io::stdout().flush())?,
            ERR => io::stderr().write_all(&body)?,
            BECOME => return Err(become_shell(&body)),
            _ => return Ok(body.first().copied().unwrap_or_default()),
        }
    }
}

/// Reads it whole, and gives up when sshd is gone.
fn read_all(stream: &mut UnixStream, mut into: &mut [u8], still_there: impl Fn() -> bool) -> io::Result<()> {
    while !into.is_empty() {
        match stream.read(into) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(n) => into = into.get_mut(n..).unwrap_or_default(),
            Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                if !still_there() {
                    return Err(io::ErrorKind::BrokenPipe.into());
                }
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

/// What a real shell makes of the line. It is a restricted one that finds no program, so that a line which is
/// more than words shows itself by its words and by what the shell says, and does no harm.
fn split(line: &OsString) -> (Option<Vec<String>>, String) {
    let script = [b"printf '%s\\0' ", line.as_bytes()].concat();
    let shell = Command::new("/bin/bash")
        .args(["--restricted", "--noprofile", "--norc", "-c"])
        .arg(std::ffi::OsStr::from_bytes(&script))
        .env_clear()
        .env("PATH", "/nonexistent")
        .env("LC_ALL", "C.UTF-8")
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut shell) = shell else { return (None, "there is no /bin/bash".to_owned()) };
    let mut out = Vec::new();
    let mut err = String::new();
    let stdout = shell.stdout.take().map(|s| s.take(WORDS_MAX).read_to_end(&mut out));
    let said = shell.stderr.take().map(|s| s.take(4_096).read_to_string(&mut err));
    // A shell that waits for more than it gets has its pipes closed above.
    let good = shell.wait().is_ok_and(|s| s.success());
    if !good || !matches!((stdout, said), (Some(Ok(_)), Some(_))) {
        return (None, err);
    }
    let text = String::from_utf8_lossy(&out);
    (Some(text.split_terminator('\0').map(str::to_owned).collect()), err)
}

/// Turns this process into an interactive shell; returns only if that fails.
fn become_shell(home: &[u8]) -> io::Error {
    let home = PathBuf::from(std::ffi::OsStr::from_bytes(home));
    let name = home.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let mut bash = Command::new("/bin/bash");
    bash.args(["--noprofile", "--norc", "-i"])
        .env("HOME", &home)
        .env("PS1", format!("\\u@{name}:\\w\\$ "))
        .env("HISTFILE", "/dev/null")
        .env_remove("SSH_ORIGINAL_COMMAND")
        .current_dir(&home);
    bash.exec()
}
