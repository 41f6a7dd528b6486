//! The command itself: its line, its files, its end.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use jarvis_sim::Ready;

fn launch(args: &[&str]) -> (Child, Ready) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_jarvis-sim"));
    command.args(args).arg("--die-with-parent").stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    (child, serde_json::from_str(&line).unwrap())
}

async fn ends(child: &mut Child) -> bool {
    for _ in 0..250 {
        if child.try_wait().unwrap().is_some() {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let _ = child.kill();
    false
}

#[tokio::test]
async fn it_says_where_it_is_and_ends_on_term() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("ready.json");
    let state = dir.path().join("state");
    let (mut child, ready) =
        launch(&["--ready-file", file.to_str().unwrap(), "--state-dir", state.to_str().unwrap()]);
    let written: Ready = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!(written, ready);
    assert_eq!(ready.nodes.len(), 4);
    let token = std::fs::read_to_string(state.join("act.token")).unwrap();
    assert_eq!(token, ready.tokens["act"]);
    assert!(token.starts_with("jarvis@pve!act=") && token.len() == "jarvis@pve!act=".len() + 36);
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert!(ends(&mut child).await);
}

#[test]
fn own_inventories_and_wrong_ones() {
    let dir = tempfile::tempdir().unwrap();
    let good = dir.path().join("good.toml");
    std::fs::write(
        &good,
        "name = \"tiny\"\n[[nodes]]\nname = \"solo\"\ncpus = 4\nmem_gib = 8\n[[guests]]\nvmid = 100\nkind = \"lxc\"\nname = \"web\"\nnode = \"solo\"\n",
    )
    .unwrap();
    let (mut child, ready) = launch(&["--inventory", good.to_str().unwrap()]);
    assert_eq!((ready.cluster.as_str(), ready.nodes.len()), ("tiny", 1));
    child.kill().unwrap();
    let _ = child.wait();
    let bad = dir.path().join("bad.toml");
    std::fs::write(&bad, "[[nodes]]\nname = \"solo\"\ncpus = 4\nmem_gib = 8\n[[guests]]\nvmid = 100\nkind = \"lxc\"\nname = \"web\"\nnode = \"other\"\n").unwrap();
    let output =
        Command::new(env!("CARGO_BIN_EXE_jarvis-sim")).arg("--inventory").arg(&bad).output().unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("there is no node 'other'"));
}
