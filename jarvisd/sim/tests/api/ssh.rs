//! The machines over SSH, with the system's own client.

use std::process::{Output, Stdio};
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::{Lab, options};

const FRONT: &str = "/usr/bin/env -i LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin PAGER=cat SYSTEMD_PAGER=cat SYSTEMD_COLORS=0 TERM=dumb";
pub const SENSORS: &str = "/usr/bin/sensors -j";
pub const RESTART: &str = "/usr/bin/systemctl --no-pager --no-ask-password restart --";
const FAILED: &str = "/usr/bin/systemctl list-units --failed --plain --no-legend --no-pager --full";
const SMART: &str = "/usr/sbin/smartctl --json=c --info --health --attributes --nocheck=standby --";

pub async fn lab(scale: f64) -> Lab {
    let mut with = options(scale);
    with.ssh = true;
    with.shell_bin = Some(env!("CARGO_BIN_EXE_jarvis-sim").into());
    let lab = Lab::with(with).await;
    assert!(lab.running.ready.ssh.is_some(), "no sshd here: apt-get install openssh-server");
    lab
}

pub fn quote(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|w| format!("'{}'", w.replace('\'', "'\\''"))).collect();
    quoted.join(" ")
}

/// A line as the daemon sends it.
pub fn line(text: &str) -> String {
    quote(&FRONT.split(' ').chain(text.split(' ')).collect::<Vec<_>>())
}

impl Lab {
    pub fn ssh(&self, host: &str) -> Command {
        let ssh = self.running.ready.ssh.as_ref().unwrap();
        let at = ssh.hosts.iter().find(|h| h.name == host).unwrap();
        let mut command = Command::new("ssh");
        command.args([
            "-F",
            "none",
            "-o",
            "BatchMode=yes",
            "-o",
            "IdentitiesOnly=yes",
            "-o",
            "StrictHostKeyChecking=yes",
        ]);
        command.arg("-o").arg(format!("UserKnownHostsFile={}", ssh.known_hosts_file.display()));
        command.arg("-i").arg(&ssh.key_file).arg("-p").arg(at.port.to_string());
        command.arg(format!("{}@{}", ssh.user, at.host)).stdin(Stdio::null()).kill_on_drop(true);
        command
    }

    pub async fn run(&self, host: &str, line: &str) -> Output {
        let mut ssh = self.ssh(host);
        tokio::time::timeout(Duration::from_secs(60), ssh.arg(line).output()).await.unwrap().unwrap()
    }

    /// The output of a command that works.
    async fn says(&self, host: &str, text: &str) -> String {
        let output = self.run(host, &line(text)).await;
        assert!(output.status.success(), "{text}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    pub async fn arrived(&self) -> Vec<Value> {
        self.control(Method::GET, "/ssh", Value::Null).await.1["commands"].as_array().unwrap().clone()
    }
}

#[tokio::test]
async fn what_arrives_is_answered_and_kept_word_for_word() {
    let lab = lab(0.02).await;
    let text = lab.says("Home", SENSORS).await;
    let sensors: Value = serde_json::from_str(&text).unwrap();
    let package = sensors["coretemp-isa-0000"]["Package id 0"]["temp1_input"].as_f64().unwrap();
    assert!((30.0..100.0).contains(&package), "{package}");
    let kept = lab.arrived().await;
    assert_eq!(kept.len(), 1);
    let first = &kept[0];
    assert_eq!(
        (&first["host"], &first["shape"], &first["exit"]),
        (&json!("Home"), &json!("sensors"), &json!(0))
    );
    assert_eq!(first["line"], json!(line(SENSORS)));
    let words: Vec<&str> = FRONT.split(' ').chain(SENSORS.split(' ')).collect();
    assert_eq!((&first["words"], &first["shell_said"]), (&json!(words), &json!("")));
    assert_eq!(first["out_bytes"], json!(text.len()));
    // The smallest machine has no such program, as real ones may not.
    let missing = lab.run("agent", &line(SENSORS)).await;
    assert_eq!(missing.status.code(), Some(127));
    let (_, later) = lab.control(Method::GET, "/ssh?since=1", Value::Null).await;
    assert_eq!((later["commands"].as_array().unwrap().len(), &later["cursor"]), (1, &json!(2)));
}

#[tokio::test]
async fn a_line_that_is_more_than_words_shows_itself_and_does_nothing() {
    let lab = lab(0.02).await;
    let dir = tempfile::tempdir().unwrap();
    let canary = dir.path().join("canary");
    let touch = format!("touch {}", canary.display());
    let good = line(SENSORS);
    let tricks = [
        format!("{good}; {touch}"),
        format!("{good} $({touch})"),
        format!("{good}\n{touch}"),
        format!("{good} `/usr/bin/{touch}`"),
        format!("{good} > {}", canary.display()),
        format!("{good} & exec {touch}"),
        // Nothing of it is left among the words, and the shell has nothing to complain of.
        format!("{good} $(true)"),
        format!("{good} *"),
    ];
    for trick in &tricks {
        assert_eq!(lab.run("pve", trick).await.status.code(), Some(126), "{trick}");
    }
    assert!(!canary.exists());
    let kept = lab.arrived().await;
    for (kept, trick) in kept.iter().zip(&tricks) {
        assert_eq!((&kept["line"], &kept["shape"]), (&json!(trick), &Value::Null));
        assert_eq!(kept["inert"], json!(false), "{kept}");
    }
    // The same characters quoted are one word each.
    let words = ["a;b", "$(id)", "`id`", "x\ny", "it's", "\"", "*", "> f", "&", "ü\t", ""];
    lab.run("pve", &quote(&words)).await;
    let last = lab.arrived().await.pop().unwrap();
    assert_eq!((&last["words"], &last["inert"]), (&json!(words), &json!(true)));
}

#[tokio::test]
async fn a_restart_is_an_effect_and_heals_a_failed_unit_on_both_sides() {
    let lab = lab(0.02).await;
    lab.fault(json!({"do": "service_fail", "node": "Home", "name": "pvestatd"})).await;
    assert!(lab.says("Home", FAILED).await.starts_with("pvestatd.service loaded failed failed "));
    assert_eq!(lab.get("/nodes/Home/services").await.row("service", "pvestatd")["state"], "failed");
    let done = lab.run("Home", &line(&format!("{RESTART} pvestatd.service"))).await;
    assert!(done.status.success(), "{done:?}");
    assert_eq!(lab.says("Home", FAILED).await, "");
    assert_eq!(lab.get("/nodes/Home/services").await.row("service", "pvestatd")["state"], "running");
    let unknown = lab.run("Home", &line(&format!("{RESTART} nonsense.service"))).await;
    assert_eq!(unknown.status.code(), Some(5));
    let (_, seen) = lab.control(Method::GET, "/effects?side=ssh", Value::Null).await;
    let rows = seen["effects"].as_array().unwrap();
    let short = |r: &Value| (r["path"].clone(), r["target"].clone(), r["acted"].clone(), r["status"].clone());
    assert_eq!(
        rows.iter().map(short).collect::<Vec<_>>(),
        [
            (json!("restart_service"), json!("service/pvestatd.service"), json!(true), json!(0)),
            (json!("restart_service"), json!("service/nonsense.service"), json!(false), json!(5)),
        ]
    );
    assert_eq!(seen["acted"]["ssh"], json!(1), "reads are no effects");
}

#[tokio::test]
async fn machines_tell_over_ssh_what_the_api_tells() {
    let lab = lab(0.02).await;
    let pool = lab.get("/nodes/pve/disks/zfs").await.row("name", "pool");
    let told = lab.says("pve", "/usr/sbin/zpool list -Hp").await;
    let fields: Vec<&str> = told.trim().split('\t').collect();
    assert_eq!((fields[0], fields[1].parse().ok()), ("pool", pool["size"].as_u64()));
    assert!(lab.says("pve", "/usr/sbin/zpool status -p").await.contains(" state: ONLINE\n"));
    let disk = lab.get("/nodes/pve/disks/list").await.row("devpath", "/dev/sda");
    let smart: Value = serde_json::from_str(&lab.says("pve", &format!("{SMART} /dev/sda")).await).unwrap();
    assert_eq!((&smart["serial_number"], &smart["smart_status"]["passed"]), (&disk["serial"], &json!(true)));
    assert_eq!(lab.run("pve", &line(&format!("{SMART} /dev/sdz"))).await.status.code(), Some(2));
    let links = lab.says("agent1", "/usr/sbin/ip -json link show").await;
    let links: Value = serde_json::from_str(&links).unwrap();
    let card = lab.get("/nodes/agent1/network").await.row("iface", "eno1");
    let mac = lab.running.ready.nodes.iter().find(|n| n.name == "agent1").unwrap().mac.to_lowercase();
    assert_eq!(links[1]["address"], json!(mac));
    assert_eq!(card["altnames"][1], json!(format!("enx{}", mac.replace(':', ""))));
    let mounts = "/usr/bin/findmnt --kernel --json --list --types nfs,nfs4,cifs,smb3 --output TARGET,SOURCE,FSTYPE,OPTIONS";
    let mounts: Value = serde_json::from_str(&lab.says("agent", mounts).await).unwrap();
    assert_eq!(mounts["filesystems"][0]["target"], "/mnt/pve/nas-pool");
    let fill = quote(
        &FRONT
            .split(' ')
            .chain([
                "/usr/bin/timeout",
                "--signal=KILL",
                "5",
                "/usr/bin/stat",
                "--file-system",
                "--format=%S %b %f %a",
                "--",
                "/mnt/pve/nas-pool",
            ])
            .collect::<Vec<_>>(),
    );
    let said = String::from_utf8(lab.run("agent", &fill).await.stdout).unwrap();
    let numbers: Vec<u64> = said.split_whitespace().map(|n| n.parse().unwrap()).collect();
    let total = lab.get("/nodes/agent/storage/nas-pool/status").await.data()["total"].as_u64().unwrap();
    assert_eq!(numbers[0] * numbers[1], total);
    lab.fault(json!({"do": "share_dead", "storage": "nas-pool", "node": "agent"})).await;
    let dead = lab.run("agent", &fill).await;
    assert_eq!((dead.status.code(), dead.stdout.len()), (Some(137), 0), "killed by its time-out");
    assert!(lab.run("Home", &fill).await.status.success(), "the others still reach it");
}

#[tokio::test]
async fn disks_pools_and_sensors_fail_on_both_sides() {
    let lab = lab(0.02).await;
    let package = async || {
        let sensors: Value = serde_json::from_str(&lab.says("pve", SENSORS).await).unwrap();
        sensors["coretemp-isa-0000"]["Package id 0"]["temp1_input"].as_f64().unwrap()
    };
    let cool = package().await;
    lab.fault(json!([
        {"do": "disk_failing", "node": "pve", "name": "/dev/sdb"},
        {"do": "pool_degraded", "node": "pve"},
        {"do": "hot", "node": "pve", "amount": 40},
    ]))
    .await;
    assert!(package().await > cool + 25.0);
    let disks = lab.get("/nodes/pve/disks/list").await;
    assert_eq!(
        (&disks.row("devpath", "/dev/sda")["health"], &disks.row("devpath", "/dev/sdb")["health"]),
        (&json!("PASSED"), &json!("FAILED"))
    );
    assert_eq!(lab.get("/nodes/pve/disks/smart?disk=/dev/sdb").await.data()["health"], "FAILED");
    let smart = lab.run("pve", &line(&format!("{SMART} /dev/sdb"))).await;
    let told: Value = serde_json::from_slice(&smart.stdout).unwrap();
    assert_eq!((smart.status.code(), &told["smart_status"]["passed"]), (Some(8), &json!(false)));
    assert_eq!(lab.get("/nodes/pve/disks/zfs").await.row("name", "pool")["health"], "DEGRADED");
    assert!(lab.says("pve", "/usr/sbin/zpool status -p").await.contains("sdb     UNAVAIL"));
    assert!(lab.says("pve", "/usr/sbin/zpool list -Hp").await.contains("\tDEGRADED\t"));
    lab.control(Method::DELETE, "/faults", Value::Null).await;
    assert_eq!(lab.get("/nodes/pve/disks/zfs").await.row("name", "pool")["health"], "ONLINE");
}

#[tokio::test]
async fn a_person_gets_a_real_shell_with_a_terminal() {
    let lab = lab(0.02).await;
    let mut ssh = lab.ssh("agent1");
    let mut child =
        ssh.arg("-tt").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut stdin, b"tty; echo \"home=$HOME\" $((6*7)); exit 3\n")
        .await
        .unwrap();
    let output =
        tokio::time::timeout(Duration::from_secs(60), child.wait_with_output()).await.unwrap().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(3), "{text}");
    assert!(
        text.contains("@agent1:") && text.contains("/dev/pts/") && text.contains("/ssh/home/agent1 42"),
        "{text}"
    );
    let (_, seen) = lab.control(Method::GET, "/ssh", Value::Null).await;
    assert_eq!((&seen["shells"][0]["host"], &seen["shells"][0]["tty"]), (&json!("agent1"), &json!(true)));
    assert_eq!(seen["commands"], json!([]));
}
