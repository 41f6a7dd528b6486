//! A real OpenSSH server on loopback with keys of its own, and the client's settings for it.

use std::{
    fs,
    net::{TcpListener, TcpStream},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Child, Command as Process, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use secrecy::SecretString;

use super::{Clock, HostKeys, Settings, Shells, Ssh, Target};

const SSHD: &str = "/usr/sbin/sshd";

/// A real sshd with keys of its own; ends with the value.
pub struct Sshd {
    child: Child,
    pub port: u16,
    pub dir: tempfile::TempDir,
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
    pub fn start() -> Self {
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
            // A wait that nothing ends early.
            let (_keep, never) = std::sync::mpsc::sync_channel::<()>(1);
            let _ = never.recv_timeout(Duration::from_millis(20));
        }
        server
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    /// Sends a signal to what serves the connections there are; the server itself goes on.
    pub fn signal_connections(&self, signal: Signal) {
        let parent = self.child.id();
        let children = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap();
        assert!(!children.trim().is_empty(), "sshd has no connection to signal");
        for child in children.split_whitespace() {
            let pid = Pid::from_raw(child.parse().unwrap()).unwrap();
            // It may have ended since.
            let _ = kill_process(pid, signal);
        }
    }

    pub fn known(&self) -> String {
        let key = fs::read_to_string(self.dir.path().join("host.pub")).unwrap();
        format!("[127.0.0.1]:{} {key}", self.port)
    }

    pub fn client(&self) -> Ssh {
        self.client_with(&self.known())
    }

    pub fn client_with(&self, known: &str) -> Ssh {
        client(self.port, self.key(), known)
    }

    pub fn shells(&self) -> Shells {
        Shells::new(settings(self.port, self.key(), &self.known()), Clock)
    }

    pub fn key(&self) -> String {
        fs::read_to_string(self.dir.path().join("user")).unwrap()
    }
}

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

pub fn whoami() -> String {
    let out = Process::new("id").arg("-un").output().unwrap();
    String::from_utf8(out.stdout).unwrap().trim().to_owned()
}

pub fn client(port: u16, key: String, known: &str) -> Ssh {
    Ssh::new(settings(port, key, known), Clock).unwrap()
}

pub fn settings(port: u16, key: String, known: &str) -> Settings {
    let target = Target { node: "pve".parse().unwrap(), host: "127.0.0.1".into(), port, user: whoami() };
    Settings {
        targets: vec![target],
        key: SecretString::from(key),
        host_keys: HostKeys::parse(known),
        connect: Duration::from_secs(10),
    }
}
