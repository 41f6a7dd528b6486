//! deploy/proxmox-tokens.sh on a stand-in for a node's commands: it makes what is missing and nothing else,
//! tells a secret once, and fails in one line. Not here: whether these privileges are enough for Jarvis.

use std::{
    fs,
    io::Write,
    os::unix::fs::symlink,
    path::PathBuf,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;

const ACT: [&str; 4] = ["--act", "lab", "--backups", "nas"];
const ACT_SHOWN: [&str; 5] = ["--act", "lab", "--backups", "nas", "--dry-run"];
const ACT_RENEWED: [&str; 5] = ["--act", "lab", "--backups", "nas", "--renew=act"];

/// Who may do what after a run without options: path, whom, role, whether it is passed on.
const READING: [&str; 3] =
    ["/ jarvis@pve PVEAuditor 1", "/ jarvis@pve!read PVEAuditor 1", "/ monitor@pve PVEAuditor 1"];
/// After one with [`ACT`]. A role replaces what comes from above, so the user is an auditor on each path.
const ACTING: [&str; 9] = [
    "/ jarvis@pve PVEAuditor 1",
    "/ jarvis@pve!read PVEAuditor 1",
    "/ monitor@pve PVEAuditor 1",
    "/pool/lab jarvis@pve JarvisAct 1",
    "/pool/lab jarvis@pve PVEAuditor 1",
    "/pool/lab jarvis@pve!act JarvisAct 1",
    "/storage/nas jarvis@pve JarvisBackup 1",
    "/storage/nas jarvis@pve PVEAuditor 1",
    "/storage/nas jarvis@pve!act JarvisBackup 1",
];
const RENEWING: [&str; 4] = [
    "pveum user token remove jarvis@pve act",
    "pveum user token add jarvis@pve act --privsep 1 --output-format json",
    "pveum acl modify /pool/lab --tokens 'jarvis@pve!act' --roles JarvisAct --propagate 1",
    "pveum acl modify /storage/nas --tokens 'jarvis@pve!act' --roles JarvisBackup --propagate 1",
];

/// A folder with the commands of a node, and the cluster that they know.
struct Node(TempDir);

#[derive(Debug)]
struct Run {
    code: Option<i32>,
    out: String,
    err: String,
    calls: Vec<String>,
    /// Whether the cluster is another than before.
    changed: bool,
}

impl Node {
    /// A cluster that has never heard of Jarvis; none where there is no Perl, which is said.
    fn new() -> Result<Option<Self>> {
        let perl = Command::new("perl").args(["-MJSON::PP", "-e", "1"]).output();
        if !perl.is_ok_and(|out| out.status.success()) {
            // Past the test's own capture: a run without this must not look like one in which all was well.
            writeln!(std::io::stderr(), "skipped: there is no perl here, which every node of Proxmox has")?;
            return Ok(None);
        }
        let this = Self(TempDir::new()?);
        for name in ["pveum", "pvesh", "id"] {
            // Not copies: what was just written cannot be run while another test's child still holds it open.
            symlink(jarvis_tests::root().join("tests/fake_pveum.py"), this.at(name))?;
        }
        this.set(&json!({
            "users": {"monitor@pve": {"enable": 1}, "root@pam": {"enable": 1}},
            "tokens": {},
            "roles": {"PVEAuditor": "Datastore.Audit,Pool.Audit,Sys.Audit,VM.Audit"},
            "acl": [{
                "path": "/", "type": "user", "ugid": "monitor@pve", "roleid": "PVEAuditor", "propagate": 1,
            }],
            "pools": ["lab", "office"],
            "storages": ["local", "nas"],
        }))?;
        Ok(Some(this))
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn set(&self, state: &Value) -> Result<()> {
        Ok(fs::write(self.at("state.json"), state.to_string())?)
    }

    fn state(&self) -> Result<Value> {
        Ok(serde_json::from_slice(&fs::read(self.at("state.json"))?)?)
    }

    /// Who may do what, sorted.
    fn grants(&self) -> Result<Vec<String>> {
        let state = self.state()?;
        let word = |row: &Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
        let rows = state["acl"].as_array().context("acl")?.iter();
        let mut grants: Vec<String> = rows
            .map(|row| {
                let (path, whom, role) = (word(row, "path"), word(row, "ugid"), word(row, "roleid"));
                format!("{path} {whom} {role} {}", row["propagate"])
            })
            .collect();
        grants.sort();
        Ok(grants)
    }

    fn run(&self, words: &[&str], env: &[(&str, &str)]) -> Result<Run> {
        let mut bash = self.bash()?;
        bash.arg(jarvis_tests::root().join("deploy/proxmox-tokens.sh")).args(words).envs(env.iter().copied());
        self.ended(bash)
    }

    /// By its path: one test takes everything else away.
    fn bash(&self) -> Result<Command> {
        let mut bash = Command::new("/bin/bash");
        bash.stdin(Stdio::null());
        bash.env("PATH", format!("{}:{}", self.0.path().display(), std::env::var("PATH")?));
        Ok(bash)
    }

    fn ended(&self, mut bash: Command) -> Result<Run> {
        let before = fs::read(self.at("state.json"))?;
        fs::write(self.at("calls"), "")?;
        let out = bash.output()?;
        Ok(Run {
            code: out.status.code(),
            out: String::from_utf8(out.stdout)?,
            err: String::from_utf8(out.stderr)?,
            calls: fs::read_to_string(self.at("calls"))?.lines().map(str::to_owned).collect(),
            changed: fs::read(self.at("state.json"))? != before,
        })
    }

    /// A run that finds everything as it should be.
    fn rests(&self, words: &[&str]) -> Result<()> {
        let run = self.run(words, &[])?;
        ensure!(run.code == Some(0) && run.out.is_empty() && !run.changed, "{run:?}");
        ensure!(run.changes().is_empty(), "{run:?}");
        let state = self.state()?;
        for token in state["tokens"].as_object().context("tokens")?.values() {
            let secret = token["value"].as_str().context("a secret")?;
            ensure!(!run.err.contains(secret), "{run:?}");
        }
        Ok(())
    }

    /// A run that fails with one line and leaves the cluster alone.
    fn refuses(&self, words: &[&str], env: &[(&str, &str)], why: &str) -> Result<()> {
        let run = self.run(words, env)?;
        ensure!(run.code == Some(1) && run.out.is_empty() && !run.changed, "{words:?} {env:?}: {run:?}");
        ensure!(run.err.lines().count() == 1 && run.err.contains(why), "{words:?} {env:?}: {run:?}");
        ensure!(run.changes().is_empty(), "{words:?} {env:?}: {run:?}");
        Ok(())
    }
}

impl Run {
    /// The calls that do more than look.
    fn changes(&self) -> Vec<&str> {
        let looks = |call: &str| {
            call == "id -u" || call.starts_with("pvesh get ") || call.split(' ').any(|word| word == "list")
        };
        self.calls.iter().map(String::as_str).filter(|call| !looks(call)).collect()
    }

    /// What follows `jarvis@pve!NAME=` on the one line it printed.
    fn secret(&self, name: &str) -> Result<&str> {
        let line = self.out.strip_suffix('\n').with_context(|| format!("no line: {self:?}"))?;
        let secret = line.strip_prefix(&format!("jarvis@pve!{name}="));
        let secret = secret.with_context(|| format!("no secret of {name}: {self:?}"))?;
        let groups: Vec<usize> = secret.split('-').map(str::len).collect();
        let hex = secret.chars().all(|c| c == '-' || c.is_ascii_hexdigit());
        ensure!(hex && groups == [8, 4, 4, 4, 12], "no UUID: {self:?}");
        Ok(secret)
    }
}

#[test]
fn a_dry_run_changes_nothing_and_what_it_shows_is_all_there_is_to_do() -> Result<()> {
    let Some(node) = Node::new()? else { return Ok(()) };
    let shown = node.run(&ACT_SHOWN, &[])?;
    ensure!(shown.code == Some(0) && shown.err.is_empty() && !shown.changed, "{shown:?}");
    ensure!(shown.changes().is_empty() && shown.calls.len() > 1, "{shown:?}");
    let role = "pveum role add JarvisAct --privs VM.Audit,VM.Backup,VM.PowerMgmt";
    ensure!(shown.out.lines().any(|line| line == role), "{shown:?}");
    ensure!(shown.out.lines().all(|line| line.starts_with("pveum ")), "{shown:?}");

    // Who may not look sees what is to do where nothing is made yet, which here is the same.
    let blind = node.run(&ACT_SHOWN, &[("FAKE_UID", "1000")])?;
    ensure!(blind.code == Some(0) && blind.out == shown.out && blind.calls == ["id -u"], "{blind:?}");

    // Typed in as it stands there, it leaves nothing for a real run.
    let mut bash = node.bash()?;
    bash.args(["-e", "-c", &shown.out]);
    let typed = node.ended(bash)?;
    ensure!(typed.code == Some(0) && typed.err.is_empty() && typed.changed, "{typed:?}");
    let lines: Vec<&str> = shown.out.lines().collect();
    ensure!(typed.changes() == lines, "{typed:?}");
    ensure!(node.grants()? == ACTING, "{:?}", node.grants()?);
    node.rests(&ACT)
}

#[test]
fn each_token_is_made_once_with_what_it_needs_and_renewed_alone() -> Result<()> {
    let Some(node) = Node::new()? else { return Ok(()) };
    let first = node.run(&[], &[])?;
    ensure!(first.code == Some(0), "{first:?}");
    let read = json!({"privsep": 1, "value": first.secret("read")?});
    let state = node.state()?;
    ensure!(state["users"]["jarvis@pve"]["enable"] == 1, "{state}");
    ensure!(state["tokens"] == json!({"jarvis@pve!read": read}), "{state}");
    ensure!(node.grants()? == READING, "{:?}", node.grants()?);
    node.rests(&[])?;

    let second = node.run(&ACT, &[])?;
    ensure!(second.code == Some(0), "{second:?}");
    let act = json!({"privsep": 1, "value": second.secret("act")?});
    let state = node.state()?;
    ensure!(state["tokens"] == json!({"jarvis@pve!read": read, "jarvis@pve!act": act}), "{state}");
    ensure!(state["roles"]["JarvisAct"] == "VM.Audit,VM.Backup,VM.PowerMgmt", "{state}");
    ensure!(state["roles"]["JarvisBackup"] == "Datastore.AllocateSpace", "{state}");
    ensure!(node.grants()? == ACTING, "{:?}", node.grants()?);
    node.rests(&ACT)?;
    node.rests(&[])?;

    let renewed = node.run(&ACT_RENEWED, &[])?;
    ensure!(renewed.code == Some(0) && renewed.changes() == RENEWING, "{renewed:?}");
    let anew = json!({"privsep": 1, "value": renewed.secret("act")?});
    let mut state = node.state()?;
    ensure!(anew != act, "the secret is the old one: {renewed:?}");
    ensure!(state["tokens"] == json!({"jarvis@pve!read": read, "jarvis@pve!act": anew}), "{state}");
    ensure!(node.grants()? == ACTING, "{:?}", node.grants()?);

    // Asked for less, with a token that somebody let do whatever its user can.
    state["tokens"]["jarvis@pve!read"]["privsep"] = json!(0);
    node.set(&state)?;
    let less = node.run(&["--act", "lab"], &[])?;
    ensure!(less.code == Some(0) && less.out.is_empty(), "{less:?}");
    let away = "pveum acl delete /storage/nas --tokens 'jarvis@pve!act' --roles JarvisBackup";
    ensure!(less.err.contains(away), "{less:?}");
    let state = node.state()?;
    ensure!(state["roles"]["JarvisAct"] == "VM.Audit,VM.PowerMgmt", "{state}");
    ensure!(state["tokens"] == json!({"jarvis@pve!read": read, "jarvis@pve!act": anew}), "{state}");
    Ok(())
}

#[test]
fn a_failure_is_one_line_changes_nothing_and_loses_no_secret() -> Result<()> {
    let Some(node) = Node::new()? else { return Ok(()) };
    for alone in ["--snapshots", "--moves", "--nodes", "--services", "--ha", "--renew=act"] {
        node.refuses(&[alone], &[], &format!("{alone} is about the acting token: give --act POOL"))?;
    }
    node.refuses(&["--backups", "nas"], &[], "--backups is about the acting token: give --act POOL")?;
    node.refuses(&["--act", "--ha"], &[], "--act wants the name of a pool after it")?;
    node.refuses(&["--all"], &[], "--all is no option")?;
    node.refuses(&["--act", "attic"], &[], "there is no pool `attic` (known: lab, office)")?;
    let tape = ["--act", "lab", "--backups", "tape"];
    node.refuses(&tape, &[], "there is no storage `tape` (known: local, nas)")?;
    node.refuses(&[], &[("FAKE_UID", "1000")], "only root may do this")?;
    node.refuses(&[], &[("PATH", "/nonexistent")], "there is no pveum here")?;
    let said = "pveum acl list --output-format json failed: got no lock as the story wants it";
    node.refuses(&[], &[("FAKE_FAILS", "pveum acl list")], said)?;

    // Once a token is there its secret is told, whatever comes after.
    let cut = node.run(&[], &[("FAKE_FAILS", "pveum acl modify / --tokens")])?;
    ensure!(cut.code == Some(1), "{cut:?}");
    let tokens = json!({"jarvis@pve!read": {"privsep": 1, "value": cut.secret("read")?}});
    let last = cut.err.lines().last().context("a reason")?;
    ensure!(last.contains("--tokens jarvis@pve!read") && last.contains(" failed: got no lock"), "{cut:?}");
    let rest = node.run(&[], &[])?;
    ensure!(rest.code == Some(0) && rest.out.is_empty(), "{rest:?}");
    let mut state = node.state()?;
    ensure!(state["tokens"] == tokens, "{state}");
    ensure!(node.grants()? == READING, "{:?}", node.grants()?);

    state["users"]["jarvis@pve"]["enable"] = json!(0);
    node.set(&state)?;
    node.refuses(&[], &[], "the user jarvis@pve is disabled: pveum user modify jarvis@pve --enable 1")
}
