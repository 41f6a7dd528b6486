//! The SSH client against the system's own OpenSSH server on loopback.
#![cfg(test)]

mod sshd;

use std::{
    fs,
    io::Read,
    net::TcpListener,
    process::Command as Process,
    time::{Duration, Instant},
};

use bytes::Bytes;
use jarvisd::{
    clients::ssh::{Command, HostKeys, Settings, ShellEvent, Shells, Size, Ssh, SshError, Target},
    clock::Clock,
};
use secrecy::SecretString;
use sshd::{Sshd, client, free_port};

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
