//! What can go wrong on the SSH side, met by the system's own client.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::Lab;
use crate::ssh::{RESTART, SENSORS, lab, line};

fn words(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[tokio::test]
async fn keys_and_connections_can_be_refused_in_every_way() {
    let lab = lab(0.02).await;
    let ask = async || lab.run("pve", &line(SENSORS)).await;
    let cases = [
        (json!({"do": "ssh_host_key", "node": "pve"}), "HOST IDENTIFICATION HAS CHANGED"),
        (json!({"do": "ssh_denied", "node": "pve"}), "Permission denied (publickey)"),
        (json!({"do": "ssh_refuse", "node": "pve"}), "Connection refused"),
        (json!({"do": "ssh_refuse", "node": "pve", "variant": "drop"}), "onnection"),
        (json!({"do": "ssh_sessions", "node": "pve", "count": 0}), "open failed"),
    ];
    for (fault, says) in cases {
        lab.fault(fault.clone()).await;
        // A closed door is seen at the next look.
        tokio::time::sleep(Duration::from_millis(300)).await;
        let output = ask().await;
        assert_eq!(output.status.code(), Some(255), "{fault}: {output:?}");
        assert!(words(&output.stderr).contains(says), "{fault}: {output:?}");
        assert!(
            lab.run("Home", &line(SENSORS)).await.status.success(),
            "{fault}: another node is not concerned"
        );
        lab.control(Method::DELETE, "/faults", Value::Null).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(ask().await.status.success(), "after {fault}");
    }
    let wrong = json!({"do": "ssh_refuse", "variant": "rudely"});
    assert_eq!(lab.control(Method::POST, "/faults", wrong).await.0, 400);
}

#[tokio::test]
async fn commands_can_hang_fail_flood_and_break_off() {
    let lab = lab(0.02).await;
    lab.fault(json!({"do": "ssh_hang", "node": "Home", "path": "sensors", "times": 1})).await;
    let mut ssh = lab.ssh("Home");
    let mut hung = ssh.arg(line(SENSORS)).stdout(Stdio::piped()).spawn().unwrap();
    let mut half = vec![0; 200];
    let reading = hung.stdout.as_mut().unwrap().read_exact(&mut half);
    tokio::time::timeout(Duration::from_secs(30), reading).await.unwrap().unwrap();
    assert!(
        tokio::time::timeout(Duration::from_millis(800), hung.wait()).await.is_err(),
        "it goes on for ever"
    );
    hung.kill().await.unwrap();
    assert_eq!(lab.arrived().await[0]["exit"], Value::Null);
    assert!(lab.run("Home", &line(SENSORS)).await.status.success(), "struck once");

    lab.fault(json!({"do": "ssh_fail", "node": "Home", "status": 7, "message": "no such luck", "times": 1}))
        .await;
    let failed = lab.run("Home", &line(SENSORS)).await;
    assert_eq!((failed.status.code(), words(&failed.stderr).as_str()), (Some(7), "no such luck\n"));

    lab.fault(json!({"do": "ssh_flood", "node": "Home", "amount": 50e6, "times": 1})).await;
    assert!(lab.run("Home", &line(SENSORS)).await.stdout.len() > 50_000_000);
    lab.fault(json!({"do": "ssh_flood", "node": "Home", "variant": "stderr", "amount": 3e6, "times": 1}))
        .await;
    assert!(lab.run("Home", &line(SENSORS)).await.stderr.len() >= 3_000_000);

    lab.fault(json!({"do": "ssh_cut", "node": "Home", "path": "restart", "times": 1})).await;
    let cut = lab.run("Home", &line(&format!("{RESTART} smbd.service"))).await;
    assert_eq!(cut.status.code(), Some(255), "{cut:?}");
    let (_, seen) = lab.control(Method::GET, "/effects?side=ssh", Value::Null).await;
    assert_eq!(
        (&seen["acted"]["ssh"], &seen["effects"][0]["acted"]),
        (&json!(1), &json!(true)),
        "done, though nobody heard"
    );
}

#[tokio::test]
async fn a_machine_that_goes_off_forgets_its_connections_and_comes_back_with_its_key() {
    let lab = lab(1.0).await;
    let mut ssh = lab.ssh("agent");
    let mut open = ssh.arg("-tt").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut first = [0; 1];
    let reading = open.stdout.as_mut().unwrap().read_exact(&mut first);
    tokio::time::timeout(Duration::from_secs(30), reading).await.unwrap().unwrap();
    lab.fault(json!({"do": "node_down", "node": "agent", "variant": "power"})).await;
    lab.advance(25.0).await;
    let gone = tokio::time::timeout(Duration::from_secs(20), open.wait()).await.unwrap().unwrap();
    assert_eq!(gone.code(), Some(255));
    // A closed door is seen at the next look.
    tokio::time::sleep(Duration::from_millis(400)).await;
    let refused = lab.run("agent", &line(SENSORS)).await;
    assert!(words(&refused.stderr).contains("Connection refused"), "{refused:?}");
    lab.fault(json!({"do": "node_up", "node": "agent"})).await;
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert_eq!(lab.run("agent", &line(SENSORS)).await.status.code(), Some(127), "it answers again");
}

#[tokio::test]
async fn a_cut_cable_is_silent_and_the_same_session_goes_on_when_it_is_back() {
    let lab = lab(1.0).await;
    let mut ssh = lab.ssh("agent");
    let mut open =
        ssh.arg("-tt").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let (mut stdin, mut stdout) = (open.stdin.take().unwrap(), open.stdout.take().unwrap());
    let mut until = async |end: &str, limit: u64| {
        let mut text = String::new();
        let reading = async {
            while !text.contains(end) {
                text.push(char::from(stdout.read_u8().await.unwrap()));
            }
        };
        tokio::time::timeout(Duration::from_millis(limit), reading).await.is_ok()
    };
    assert!(until("@agent:", 30_000).await);
    lab.fault(json!({"do": "node_down", "node": "agent"})).await;
    stdin.write_all(b"echo $((40+2))\n").await.unwrap();
    assert!(!until("42", 1_500).await, "nothing comes through");
    let mut new = lab.ssh("agent");
    let silent = new.arg("-o").arg("ConnectTimeout=1").arg(line(SENSORS)).output().await.unwrap();
    assert!(words(&silent.stderr).contains("timed out"), "{silent:?}");
    lab.fault(json!({"do": "node_up", "node": "agent"})).await;
    assert!(until("42", 10_000).await, "the same shell answers");
}

/// Processes whose command line names this directory.
fn processes_of(dir: &str) -> usize {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = entries.filter_map(|e| std::fs::read(e.path().join("cmdline")).ok());
    lines.filter(|l| String::from_utf8_lossy(l).contains(dir)).count()
}

#[test]
fn killed_outright_the_simulator_leaves_no_server_behind() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("only-of-this-test");
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_jarvis-sim"));
    command.args(["--ssh", "--die-with-parent", "--state-dir"]).arg(&state).stdout(Stdio::piped());
    let mut sim = command.stderr(Stdio::null()).spawn().unwrap();
    let mut text = String::new();
    BufReader::new(sim.stdout.take().unwrap()).read_line(&mut text).unwrap();
    let ready: jarvis_sim::Ready = serde_json::from_str(&text).unwrap();
    let ssh = ready.ssh.unwrap();
    let mut client = std::process::Command::new("ssh");
    client.args(["-F", "none", "-tt", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes"]);
    client.arg("-o").arg(format!("UserKnownHostsFile={}", ssh.known_hosts_file.display()));
    client.arg("-i").arg(&ssh.key_file).arg("-p").arg(ssh.hosts[0].port.to_string());
    client
        .arg(format!("{}@127.0.0.1", ssh.user))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut client = client.spawn().unwrap();
    let mut prompt = [0; 1];
    std::io::Read::read_exact(client.stdout.as_mut().unwrap(), &mut prompt).unwrap();
    assert!(processes_of(state.to_str().unwrap()) >= 2, "the simulator and an sshd");
    sim.kill().unwrap();
    sim.wait().unwrap();
    assert_eq!(client.wait().unwrap().code(), Some(255));
    let deadline = Instant::now() + Duration::from_secs(10);
    while processes_of(state.to_str().unwrap()) > 0 {
        assert!(Instant::now() < deadline, "an sshd stays");
        std::thread::yield_now();
    }
}

#[tokio::test]
async fn without_the_flag_there_is_no_ssh() {
    let lab = Lab::new(0.02).await;
    assert_eq!(lab.running.ready.ssh, None);
}
