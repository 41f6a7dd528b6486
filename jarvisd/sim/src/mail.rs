//! A mail server that takes everything and keeps it, for reading by `GET /mail`.
//!
//! Plain SMTP without TLS: it is for this machine alone. Not here: delivery.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::cluster::World;
use crate::faults::sides::MailTrouble;
use crate::records::{Effect, Side};
use crate::sim::Sim;

/// Messages kept.
const KEPT_MAX: usize = 1_000;
/// As large as common servers take.
const MESSAGE_MAX: usize = 10 * 1024 * 1024;
/// A command line is far shorter.
const LINE_MAX: usize = 4_096;

#[derive(Clone, Debug, Default, Serialize)]
pub struct Letter {
    pub seq: u64,
    pub unix_ms: u64,
    pub from: String,
    pub to: Vec<String>,
    pub subject: Option<String>,
    /// The whole message as it came, dots undone.
    pub data: String,
    /// Whoever logged in; passwords are not kept.
    pub auth: Option<String>,
}

#[derive(Debug, Default)]
pub struct MailBox {
    seq: u64,
    letters: VecDeque<Letter>,
}

impl MailBox {
    fn add(&mut self, letter: Letter) {
        self.seq += 1;
        self.letters.push_back(Letter { seq: self.seq, ..letter });
        if self.letters.len() > KEPT_MAX {
            self.letters.pop_front();
        }
    }

    pub fn report(&self, since: u64) -> Value {
        let mail: Vec<&Letter> = self.letters.iter().filter(|l| l.seq > since).collect();
        json!({"cursor": self.seq, "mail": mail})
    }
}

pub async fn serve(sim: Arc<Sim>, listener: TcpListener) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            continue;
        };
        let sim = sim.clone();
        tokio::spawn(async move {
            let _ = talk(&sim, stream).await;
        });
    }
}

/// One conversation.
async fn talk(sim: &Sim, stream: TcpStream) -> std::io::Result<()> {
    let trouble = sim.with(World::mail_trouble);
    match trouble {
        Some(MailTrouble::Refuse) => return Ok(()),
        Some(MailTrouble::Hang) => std::future::pending::<()>().await,
        _ => {}
    }
    let peer = stream.peer_addr().map(|p| p.to_string()).unwrap_or_default();
    let (read, mut write) = stream.into_split();
    let mut read = BufReader::new(read);
    write.write_all(b"220 mail.sim ESMTP\r\n").await?;
    let mut letter = Letter::default();
    let mut log_in = LogIn::None;
    loop {
        let Some(line) = line_of(&mut read, LINE_MAX).await? else { return Ok(()) };
        if let Some(answer) = log_in.next(line.trim_end(), &mut letter) {
            write.write_all(answer).await?;
            continue;
        }
        let verb: String =
            line.chars().take_while(char::is_ascii_alphabetic).collect::<String>().to_uppercase();
        let answer: &[u8] = match (verb.as_str(), trouble) {
            ("EHLO", _) => b"250-mail.sim\r\n250-SIZE 10485760\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 AUTH PLAIN LOGIN\r\n",
            ("HELO" | "NOOP", _) => b"250 OK\r\n",
            ("RSET", _) => {
                letter = Letter { auth: letter.auth, ..Letter::default() };
                b"250 OK\r\n"
            }
            ("AUTH", _) => log_in.begin(line.trim_end(), &mut letter),
            ("MAIL", _) => {
                letter.from = address(&line);
                b"250 OK\r\n"
            }
            ("RCPT", Some(MailTrouble::Reject)) => {
                refused(sim, &letter, &line, &peer, 550);
                b"550 5.1.1 mailbox unavailable\r\n"
            }
            ("RCPT", Some(MailTrouble::Busy)) => {
                refused(sim, &letter, &line, &peer, 451);
                b"451 4.3.2 try again later\r\n"
            }
            ("RCPT", _) => {
                letter.to.push(address(&line));
                b"250 OK\r\n"
            }
            ("DATA", _) if letter.to.is_empty() => b"503 5.5.1 no recipients\r\n",
            ("DATA", _) => {
                write.write_all(b"354 end with a dot\r\n").await?;
                let Some(data) = data_of(&mut read).await? else { return Ok(()) };
                letter.data = data;
                sim.with(|w| keep(w, &letter, &peer));
                letter = Letter { auth: letter.auth, ..Letter::default() };
                b"250 2.0.0 kept\r\n"
            }
            ("QUIT", _) => {
                write.write_all(b"221 bye\r\n").await?;
                return Ok(());
            }
            _ => b"500 5.5.2 not understood\r\n",
        };
        write.write_all(answer).await?;
    }
}

/// How far a log-in is; every name and password will do.
enum LogIn {
    None,
    Plain,
    Name,
    Password,
}

impl LogIn {
    fn begin(&mut self, line: &str, letter: &mut Letter) -> &'static [u8] {
        let mut words = line.split_ascii_whitespace().skip(1);
        match (words.next().map(str::to_ascii_uppercase).as_deref(), words.next()) {
            (Some("PLAIN"), Some(_)) => {
                letter.auth = Some("plain".into());
                b"235 2.7.0 welcome\r\n"
            }
            (Some("PLAIN"), None) => {
                *self = Self::Plain;
                b"334 \r\n"
            }
            (Some("LOGIN"), first) => {
                *self = if first.is_some() { Self::Password } else { Self::Name };
                if first.is_some() { b"334 UGFzc3dvcmQ6\r\n" } else { b"334 VXNlcm5hbWU6\r\n" }
            }
            _ => b"504 5.5.4 no such mechanism\r\n",
        }
    }

    /// The answer to a line that belongs to the log-in.
    fn next(&mut self, _: &str, letter: &mut Letter) -> Option<&'static [u8]> {
        match self {
            Self::None => None,
            Self::Name => {
                *self = Self::Password;
                Some(b"334 UGFzc3dvcmQ6\r\n")
            }
            Self::Plain | Self::Password => {
                letter.auth = Some(if matches!(self, Self::Plain) { "plain" } else { "login" }.into());
                *self = Self::None;
                Some(b"235 2.7.0 welcome\r\n")
            }
        }
    }
}

async fn line_of(
    read: &mut BufReader<tokio::net::tcp::OwnedReadHalf>,
    max: usize,
) -> std::io::Result<Option<String>> {
    let mut line = Vec::new();
    loop {
        let part = read.fill_buf().await?;
        if part.is_empty() {
            return Ok(None);
        }
        let end = part.iter().position(|b| *b == b'\n').map(|i| i + 1);
        let n = end.unwrap_or(part.len());
        line.extend_from_slice(part.get(..n).unwrap_or_default());
        read.consume(n);
        if end.is_some() {
            return Ok(Some(String::from_utf8_lossy(&line).into_owned()));
        }
        if line.len() > max {
            return Ok(None);
        }
    }
}

async fn data_of(read: &mut BufReader<tokio::net::tcp::OwnedReadHalf>) -> std::io::Result<Option<String>> {
    let mut data = String::new();
    while let Some(line) = line_of(read, MESSAGE_MAX).await? {
        if line.trim_end() == "." {
            return Ok(Some(data));
        }
        data.push_str(line.strip_prefix('.').unwrap_or(&line));
        if data.len() > MESSAGE_MAX {
            return Ok(None);
        }
    }
    Ok(None)
}

/// What stands between the angle brackets.
fn address(line: &str) -> String {
    let inner = line.split_once('<').and_then(|(_, rest)| rest.split_once('>')).map(|(inner, _)| inner);
    inner.unwrap_or_else(|| line.split_once(':').map_or("", |(_, rest)| rest.trim())).to_owned()
}

fn keep(world: &mut World, letter: &Letter, peer: &str) {
    let header = |l: &&str| l.get(..8).is_some_and(|p| p.eq_ignore_ascii_case("subject:"));
    let subject = letter.data.lines().take_while(|l| !l.is_empty()).find(header);
    let subject = subject.and_then(|l| l.get(8..)).map(|s| s.trim().to_owned());
    let unix_ms = world.now.unix_ms;
    world.effects.add(effect(letter, subject.clone(), unix_ms, peer, 250));
    world.mail.add(Letter { unix_ms, subject, ..letter.clone() });
}

fn refused(sim: &Sim, letter: &Letter, line: &str, peer: &str, status: u16) {
    let tried = Letter { to: vec![address(line)], ..letter.clone() };
    sim.with(|w| w.effects.add(effect(&tried, None, w.now.unix_ms, peer, status)));
}

fn effect(letter: &Letter, subject: Option<String>, unix_ms: u64, peer: &str, status: u16) -> Effect {
    let acted = status == 250;
    let mut params =
        BTreeMap::from([("from".to_owned(), letter.from.clone()), ("to".to_owned(), letter.to.join(","))]);
    params.extend(subject.map(|s| ("subject".to_owned(), s)));
    Effect {
        unix_ms,
        side: Side::Mail,
        by: letter.from.clone(),
        method: "MAIL".into(),
        path: "/".into(),
        params,
        target: letter.to.first().cloned(),
        acted,
        status,
        why: (!acted).then(|| "a fault refuses mail".to_owned()),
        peer: peer.to_owned(),
        ..Effect::default()
    }
}
