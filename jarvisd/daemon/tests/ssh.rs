//! The SSH client against the system's own OpenSSH server on loopback.
#![cfg(test)]

use std::{
    fs,
    io::Read,
    net::{TcpListener, TcpStream},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Child, Command as Process, Stdio},
    time::{Duration, Instant},
};

use bytes::Bytes;
use jarvisd::{
    clients::ssh::{Command, HostKeys, Settings, ShellEvent, Shells, Size, Ssh, SshError, Target},
    clock::Clock,
};
use secrecy::SecretString;

const SSHD: &str = "/usr/sbin/sshd";

/// A real sshd with keys of its own; ends with the value.
struct Sshd {
    child: Child,
    port: u16,
    dir: tempfile::TempDir,
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn keygen(path: &Path, kind: &str) {
    let done = Process::new("ssh-keygen")
        .args(["-q", "-t", kind, "-N", "", "-f"])
        .arg(path)
        .stdin(Stdio::null())
        .status()
        .expect("ssh-keygen; apt-get install openssh-client");
    assert!(done.success());
}

impl Sshd {
    fn start() -> Self {
        let port = free_port();
        assert!(Path::new(SSHD).exists(), "{SSHD} is missing; apt-get install openssh-server");
        fs::create_dir_all("/run/sshd").expect("sshd wants /run/sshd");
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o700)).unwrap();
        keygen(&dir.path().join("host"), "ed25519");
        keygen(&dir.path().join("user"), "ed25519");
        fs::copy(dir.path().join("user.pub"), dir.path().join("authorized")).unwrap();
        let config = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {0}/host\nAuthorizedKeysFile {0}/authorized\n\
             PidFile none\nUsePAM no\nPasswordAuthentication no\nStrictModes no\nPermitUserRC no\n\
             PermitRootLogin yes\nLogLevel ERROR\n",
            dir.path().display()
        );
        fs::write(dir.path().join("config"), config).unwrap();
        let log = fs::File::create(dir.path().join("log")).unwrap();
        let child = Process::new(SSHD)
            .args(["-D", "-e", "-f"])
            .arg(dir.path().join("config"))
            .env("HOME", dir.path())
            .stderr(log)
            .spawn()
            .unwrap();
        let server = Self { child, port, dir };
        let deadline = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < deadline, "sshd did not listen: {}", server.log());
            std::thread::sleep(Duration::from_millis(20));
        }
        server
    }

    fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    fn known(&self) -> String {
        let key = fs::read_to_string(self.dir.path().join("host.pub")).unwrap();
        format!("[127.0.0.1]:{} {key}", self.port)
    }

    fn client(&self) -> Ssh {
        self.client_with(&self.known())
    }

    fn client_with(&self, known: &str) -> Ssh {
        client(self.port, self.key(), known)
    }

    fn shells(&self) -> Shells {
        Shells::new(settings(self.port, self.key(), &self.known()), Clock)
    }

    fn key(&self) -> String {
        fs::read_to_string(self.dir.path().join("user")).unwrap()
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn whoami() -> String {
    let out = Process::new("id").arg("-un").output().unwrap();
    String::from_utf8(out.stdout).unwrap().trim().to_owned()
}

fn client(port: u16, key: String, known: &str) -> Ssh {
    Ssh::new(settings(port, key, known), Clock).unwrap()
}

fn settings(port: u16, key: String, known: &str) -> Settings {
    let target = Target { node: "pve".parse().unwrap(), host: "127.0.0.1".into(), port, user: whoami() };
    Settings {
        targets: vec![target],
        key: SecretString::from(key),
        host_keys: HostKeys::parse(known),
        connect: Duration::from_secs(10),
    }
}

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
