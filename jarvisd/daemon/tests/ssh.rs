//! The SSH client against the system's own OpenSSH server on loopback.
#![cfg(test)]

mod sshd;

use std::{
    fs,
    io::Read,
    net::TcpListener,
    path::Path,
    process::Command as Process,
    time::{Duration, Instant},
};

use bytes::Bytes;
use jarvis_core::shapes::{NodeRead, Word, quote};
use jarvisd::{
    clients::ssh::{
        Command, HostKeys, Settings, ShellEvent, Shells, Size, Ssh, SshError, Target,
        reads::{self, ReadError},
    },
    clock::Clock,
};
use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};
use rustix::process::Signal;
use secrecy::SecretString;
use sshd::{Sshd, client, free_port, whoami};

fn command(line: &str) -> Command {
    Command { line: line.into(), timeout: Duration::from_secs(30), output_bytes_max: 1 << 20 }
}

fn pve() -> jarvis_core::cluster::NodeName {
    "pve".parse().unwrap()
}

#[tokio::test]
async fn a_command_gives_its_streams_and_its_exit_code() {
    let server = Sshd::start();
    let ssh = server.client();
    for _ in 0..5 {
        let out = ssh.exec(&pve(), command("echo out; echo err >&2; exit 7")).await.unwrap();
        assert_eq!((out.stdout.as_slice(), out.stderr.as_slice()), (&b"out\n"[..], &b"err\n"[..]));
        assert_eq!((out.exit, out.cut), (Some(7), false));
    }
}

#[tokio::test]
async fn a_flood_on_standard_error_does_not_stall_standard_output() {
    let server = Sshd::start();
    let line = "head -c 8000000 /dev/zero >&2; echo done";
    let out =
        server.client().exec(&pve(), Command { output_bytes_max: 9_000_000, ..command(line) }).await.unwrap();
    assert_eq!(out.stderr.len(), 8_000_000);
    assert_eq!(out.stdout, b"done\n");
}

#[tokio::test]
async fn fifty_megabytes_are_cut_at_the_cap_and_the_next_command_works() {
    let server = Sshd::start();
    let ssh = server.client();
    let flood = Command { output_bytes_max: 65_536, ..command("head -c 50000000 /dev/zero") };
    let out = ssh.exec(&pve(), flood).await.unwrap();
    assert_eq!((out.stdout.len(), out.exit, out.cut), (65_536, None, true));
    let exact = Command { output_bytes_max: 65_536, ..command("head -c 65536 /dev/zero") };
    let out = ssh.exec(&pve(), exact).await.unwrap();
    assert_eq!((out.stdout.len(), out.exit, out.cut), (65_536, Some(0), false));
}

#[tokio::test]
async fn a_hung_command_times_out_and_the_next_one_gets_a_new_session() {
    let server = Sshd::start();
    let ssh = server.client();
    let began = Instant::now();
    let hung = Command { timeout: Duration::from_secs(2), ..command("sleep 60") };
    let error = ssh.exec(&pve(), hung).await.unwrap_err();
    assert!(matches!(error, SshError::TimedOut { .. }), "{error}");
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert_eq!(ssh.exec(&pve(), command("echo again")).await.unwrap().stdout, b"again\n");
}

/// As when sshd is restarted, the node boots, or something on the way forgets the connection.
#[tokio::test]
async fn a_session_that_died_unnoticed_is_replaced_and_the_command_runs_once() {
    let server = Sshd::start();
    let ssh = server.client();
    let count = server.dir.path().join("count");
    let line = format!("echo run >> {}", count.display());
    ssh.exec(&pve(), command(&line)).await.unwrap();
    for (signal, runs) in [(Signal::KILL, 2), (Signal::STOP, 3)] {
        server.signal_connections(signal);
        let began = Instant::now();
        let out = ssh.exec(&pve(), command(&line)).await;
        assert_eq!(out.unwrap_or_else(|e| panic!("{signal:?}: {e}")).exit, Some(0));
        assert!(began.elapsed() < Duration::from_secs(8), "{signal:?}: {:?}", began.elapsed());
        assert_eq!(fs::read_to_string(&count).unwrap().lines().count(), runs, "{signal:?}");
    }
    server.signal_connections(Signal::KILL);
}

#[tokio::test]
async fn a_full_queue_refuses_at_once() {
    let server = Sshd::start();
    let ssh = server.client();
    let slow = || Command { timeout: Duration::from_secs(3), ..command("sleep 2") };
    let waiting: Vec<_> = (0..24)
        .map(|_| {
            let (ssh, slow) = (ssh.clone(), slow());
            tokio::spawn(async move { ssh.exec(&"pve".parse().unwrap(), slow).await })
        })
        .collect();
    let mut busy = 0;
    for one in waiting {
        if matches!(one.await.unwrap(), Err(SshError::Busy { .. })) {
            busy += 1;
        }
    }
    assert!((14..=16).contains(&busy), "{busy} of 24 were refused");
}

#[tokio::test]
async fn a_changed_host_key_is_refused_with_the_fingerprint() {
    let (server, other) = (Sshd::start(), Sshd::start());
    let known = other.known().replace(&other.port.to_string(), &server.port.to_string());
    let error = server.client_with(&known).exec(&pve(), command("touch /tmp/never")).await.unwrap_err();
    assert!(matches!(error, SshError::HostKeyChanged { .. }), "{error}");
    let printed =
        Process::new("ssh-keygen").arg("-lf").arg(server.dir.path().join("host.pub")).output().unwrap();
    let printed = String::from_utf8(printed.stdout).unwrap();
    let fingerprint = printed.split_whitespace().find(|w| w.starts_with("SHA256:")).unwrap();
    assert!(error.to_string().contains(fingerprint), "{error} lacks {fingerprint}");
}

#[tokio::test]
async fn an_unknown_host_a_wrong_key_and_no_server_are_told_apart() {
    let server = Sshd::start();
    let unknown = server.client_with("").exec(&pve(), command("true")).await.unwrap_err();
    assert!(matches!(unknown, SshError::HostKeyUnknown { .. }), "{unknown}");
    let other = Sshd::start();
    let key = fs::read_to_string(other.dir.path().join("user")).unwrap();
    let refused = client(server.port, key, &server.known()).exec(&pve(), command("true")).await.unwrap_err();
    assert!(matches!(refused, SshError::LoginRefused { .. }), "{refused}");
    let nobody = client(free_port(), "no key".into(), "").exec(&pve(), command("true")).await.unwrap_err();
    assert!(matches!(nobody, SshError::Unreachable { .. }), "{nobody}");
}

#[tokio::test]
async fn a_server_that_says_nothing_costs_the_connect_time_only() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let target = Target { node: pve(), host: "127.0.0.1".into(), port, user: "x".into() };
    let settings = Settings {
        targets: vec![target],
        key: SecretString::from("k".to_owned()),
        host_keys: HostKeys::default(),
        connect: Duration::from_secs(1),
    };
    let began = Instant::now();
    let error = Ssh::new(settings, Clock).unwrap().exec(&pve(), command("true")).await.unwrap_err();
    assert!(matches!(error, SshError::Handshake { .. }), "{error}");
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

/// Reads until `want` was seen; gives everything read.
async fn until(shell: &mut jarvisd::clients::ssh::Shell, want: &str) -> String {
    let mut seen = String::new();
    let mut looked = 0;
    // Only what is new is searched: looking through all of a flood again and again would be the slow part.
    while !seen.get(looked..).is_some_and(|new| new.contains(want)) {
        looked = seen.floor_char_boundary(seen.len().saturating_sub(want.len()));
        let event = tokio::time::timeout(Duration::from_secs(15), shell.events.recv()).await;
        match event.unwrap_or_else(|_| panic!("no {want:?} in {seen:?}")) {
            Some(ShellEvent::Output(bytes)) => seen.push_str(&String::from_utf8_lossy(&bytes)),
            other => panic!("{other:?} after {seen:?}"),
        }
    }
    seen
}

#[tokio::test]
async fn a_shell_has_its_size_from_the_first_byte_resizes_and_exits() {
    let server = Sshd::start();
    let mut shell = server.shells().open(&pve(), Size { cols: 132, rows: 43 }).await.unwrap();
    assert!(shell.keys.write(Bytes::from_static(b"stty size; echo first-$((1+1))\n")).await);
    assert!(until(&mut shell, "first-2").await.contains("43 132"));
    assert!(shell.keys.resize(Size { cols: 80, rows: 24 }).await);
    assert!(shell.keys.write(Bytes::from_static(b"stty size; echo second-$((1+1))\n")).await);
    assert!(until(&mut shell, "second-2").await.contains("24 80"));
    assert!(shell.keys.write(Bytes::from_static(b"exit 3\n")).await);
    loop {
        match shell.events.recv().await {
            Some(ShellEvent::Output(_)) => {}
            Some(ShellEvent::Exit { code, .. }) => {
                assert_eq!(code, Some(3));
                break;
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_shell_that_is_not_read_holds_its_flood_back_and_still_takes_keys() {
    let server = Sshd::start();
    let mut shell = server.shells().open(&pve(), Size { cols: 80, rows: 24 }).await.unwrap();
    assert!(shell.keys.write(Bytes::from_static(b"yes | head -c 20000000; echo end-$((1+1))\n")).await);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = resident_kib();
    let seen = until(&mut shell, "end-2").await;
    assert!(seen.len() > 20_000_000, "{}", seen.len());
    assert!(before < 400_000, "{before} KiB resident while nobody read");
}

fn resident_kib() -> u64 {
    let mut status = String::new();
    fs::File::open("/proc/self/status").unwrap().read_to_string(&mut status).unwrap();
    let line = status.lines().find(|l| l.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// The words with which a program was really started, as a real shell on the other side of a real sshd made them.
async fn received(ssh: &Ssh, words: &[String]) -> Vec<String> {
    let shown = ["/bin/sh", "-c", "printf '%s\\0' \"$@\"", "sh"].into_iter().map(str::to_owned);
    let all: Vec<Word> = shown.chain(words.iter().cloned()).map(|w| Word::try_from(w).unwrap()).collect();
    let out = ssh.exec(&pve(), command(&quote(&all))).await.unwrap();
    assert_eq!(out.exit, Some(0), "{}", String::from_utf8_lossy(&out.stderr));
    let text = String::from_utf8(out.stdout).unwrap();
    text.strip_suffix('\0').unwrap_or(&text).split('\0').map(str::to_owned).collect()
}

/// For arbitrary argv the remote side receives exactly those words: written by hand, and drawn.
#[tokio::test]
async fn a_node_receives_exactly_the_words_that_were_quoted() {
    let server = Sshd::start();
    let ssh = server.client();
    let canary = server.dir.path().join("canary");
    let touch = |form: &str| form.replace("CANARY", &canary.display().to_string());
    let hostile: Vec<String> = [
        "$(touch CANARY)",
        "`touch CANARY`",
        "; touch CANARY",
        "&& touch CANARY",
        "| tee CANARY",
        "\n touch CANARY\n",
        "' ; touch CANARY ; '",
        "'\\''",
        "\"$(touch CANARY)\"",
        ">CANARY",
        "$HOME",
        "~",
        "*",
        "?[a-z]",
        "{a,b}",
        "!!",
        "\\",
        "\\\\'",
        "'",
        "\"",
        "",
        " ",
        "\t",
        "-rf",
        "--",
        "a=b",
        "#",
        "ä\u{202e}日本",
        "\u{1b}[31m",
        "\u{7f}",
        "%s%n",
    ]
    .into_iter()
    .map(touch)
    .collect();
    assert_eq!(received(&ssh, &hostile).await, hostile);
    let mut runner = TestRunner::new(ProptestConfig { cases: 1, ..ProptestConfig::default() });
    let words = prop::collection::vec(
        prop_oneof![any::<String>(), "[ '\"\\\\$`;&|<>(){}*?!#~\n\t=a-]{0,16}"]
            .prop_map(|s: String| s.replace('\0', "")),
        1..8,
    );
    for _ in 0..150 {
        let drawn = words.new_tree(&mut runner).unwrap().current();
        assert_eq!(received(&ssh, &drawn).await, drawn);
    }
    assert!(!canary.exists(), "something of it was run");
}

/// The rows run what they name, with nothing of our environment, and what is not installed is told.
#[tokio::test]
async fn typed_reads_run_on_a_real_node() {
    let server = Sshd::start();
    let ssh = server.client();
    let node = pve();
    let pressure = ssh.read(&node, &NodeRead::Pressure).await.unwrap();
    assert!(reads::pressure(&pressure.text)["mem_total_bytes"].is_u64(), "{pressure:?}");
    // This machine has either sensors, or zones, or neither; none of it is an error.
    ssh.temperatures(&node).await.unwrap();
    for (read, program) in [(NodeRead::ZpoolStatus, "/usr/sbin/zpool"), (NodeRead::Processes, "/usr/bin/ps")]
    {
        match ssh.read(&node, &read).await {
            Ok(said) if program.ends_with("ps") => {
                let all = reads::processes(&said.text);
                assert!(all.iter().any(|process| process.name.contains("sshd")), "{all:?}");
            }
            Ok(said) => assert!(said.exit.is_some(), "{said:?}"),
            Err(error) => {
                assert!(matches!(error, ReadError::NotThere { .. }), "{error}");
                assert!(error.to_string().contains(program), "{error}");
            }
        }
    }
}

fn enrol(dir: &Path, accept: &[&str]) -> (i32, String) {
    let mut args = vec![
        "--config".to_owned(),
        dir.join("jarvisd.toml").display().to_string(),
        "ssh".into(),
        "enrol".into(),
    ];
    args.extend(accept.iter().flat_map(|given| ["--accept".to_owned(), (*given).to_owned()]));
    let out = Process::new(env!("CARGO_BIN_EXE_jarvisd")).args(args).output().unwrap();
    (out.status.code().unwrap(), String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).into_owned())
}

/// Nothing is pinned before its fingerprint was compared; another key is refused until that one was.
#[test]
fn a_node_is_enrolled_by_its_compared_fingerprint() {
    let (server, other) = (Sshd::start(), Sshd::start());
    let dir = tempfile::tempdir().unwrap();
    let known = dir.path().join("known_hosts");
    let config = |port: u16| {
        let text = format!(
            "[ssh]\nuser = \"{}\"\nkey_file = \"{}\"\nknown_hosts_file = \"{}\"\n[[ssh.nodes]]\nname = \"pve\"\n\
             host = \"127.0.0.1\"\nport = {port}\n",
            whoami(),
            server.dir.path().join("user").display(),
            known.display()
        );
        fs::write(dir.path().join("jarvisd.toml"), text).unwrap();
    };
    config(server.port);
    let (code, said) = enrol(dir.path(), &[]);
    assert!(code == 1 && said.contains("warn not pinned") && !known.exists(), "{code}: {said}");
    let fingerprint = said.split_whitespace().find(|w| w.starts_with("SHA256:")).unwrap().to_owned();
    let printed =
        Process::new("ssh-keygen").arg("-lf").arg(server.dir.path().join("host.pub")).output().unwrap();
    assert!(
        String::from_utf8_lossy(&printed.stdout).contains(&fingerprint),
        "as ssh-keygen prints it: {said}"
    );
    let (code, said) = enrol(dir.path(), &["SHA256:AAAA"]);
    assert!(code == 1 && !known.exists(), "another fingerprint pins nothing: {said}");
    let (code, said) = enrol(dir.path(), &[&fingerprint]);
    assert!(code == 0 && said.contains("pinned now"), "{code}: {said}");
    // What was written is what OpenSSH writes, and the client takes it.
    let key = fs::read_to_string(server.dir.path().join("host.pub")).unwrap();
    let parts: Vec<&str> = key.split_whitespace().collect();
    let expected = format!("[127.0.0.1]:{} {} {}\n", server.port, parts[0], parts[1]);
    assert_eq!(fs::read_to_string(&known).unwrap(), expected);
    let (code, said) = enrol(dir.path(), &[]);
    assert!(code == 0 && said.contains("ok   pinned"), "{code}: {said}");
    fs::write(&known, expected.replace(&server.port.to_string(), &other.port.to_string())).unwrap();
    config(other.port);
    let (code, said) = enrol(dir.path(), &[&fingerprint]);
    assert!(code == 1 && said.contains("ANOTHER key"), "{code}: {said}");
}
