//! The self-test names what is wrong before anybody wonders why the screen is empty.

use super::server::{Ca, Reply, Server, bare};
use super::*;
use crate::clients::proxmox::doctor::{Finding, Level};

const AUDITOR: &str = r#"{"/":{"Sys.Audit":1},"/vms":{"VM.Audit":1},"/storage":{"Datastore.Audit":1}}"#;

/// A sound node of a sound cluster, except for what the test says.
struct Node {
    version: &'static str,
    local: &'static str,
    quorate: u8,
    permissions: &'static str,
    ahead_s: i64,
    resources: &'static str,
    tasks: &'static str,
}

const SOUND: Node = Node {
    version: "9.2.11",
    local: "pve",
    quorate: 1,
    permissions: AUDITOR,
    ahead_s: 0,
    resources: r#"[{"type":"node","node":"pve","status":"online","cpu":0.1,"maxmem":8192}]"#,
    tasks: "[]",
};

async fn node(ca: &Ca, node: Node) -> Server {
    Server::new(ca, move |request, _| {
        let data = match request.path.as_str() {
            "/api2/json/version" => format!(r#"{{"version":"{}"}}"#, node.version),
            "/api2/json/cluster/status" => format!(
                r#"[{{"type":"cluster","name":"lab","quorate":{}}},{{"type":"node","name":"{}","online":1,"local":1}},
                    {{"type":"node","name":"agent","online":1,"local":0}}]"#,
                node.quorate, node.local
            ),
            "/api2/json/access/permissions" => node.permissions.to_owned(),
            "/api2/json/cluster/resources" => node.resources.to_owned(),
            "/api2/json/cluster/tasks" => node.tasks.to_owned(),
            _ => return bare("501 what"),
        };
        let date = time::OffsetDateTime::from_unix_timestamp(Clock.now_ms() / 1_000 + node.ahead_s).unwrap();
        let date = date.format(&time::format_description::well_known::Rfc2822).unwrap().replace("+0000", "GMT");
        let body = format!(r#"{{"data":{data}}}"#);
        let length = body.len();
        Reply::Bytes(format!("HTTP/1.1 200 OK\r\nDate: {date}\r\nContent-Length: {length}\r\n\r\n{body}").into())
    })
    .await
}

async fn findings(settings: &Settings) -> Vec<Finding> {
    let findings = client(settings).examine(Clock).await;
    for f in &findings {
        let line = f.to_string();
        assert!(!line.contains('\n') && !line.contains(CANARY), "{line}");
    }
    findings
}

async fn examined(sick: Node) -> Vec<Finding> {
    let ca = Ca::new("cluster");
    let server = node(&ca, sick).await;
    findings(&settings(&ca, &[("pve", &server)])).await
}

#[track_caller]
fn has(findings: &[Finding], level: Level, text: &str) {
    assert!(
        findings.iter().any(|f| f.level == level && f.text.contains(text)),
        "{level:?} {text:?} not in {findings:#?}"
    );
}

#[tokio::test]
async fn a_sound_cluster_is_told_to_be_sound() {
    let findings = examined(SOUND).await;
    assert!(findings.iter().all(|f| f.level == Level::Ok), "{findings:#?}");
    has(&findings, Level::Ok, "answers: Proxmox VE 9.2.11");
    has(&findings, Level::Ok, "the clock of pve");
    has(&findings, Level::Ok, "is good for");
    has(&findings, Level::Ok, "may read everything");
    has(&findings, Level::Ok, "quorum");
    has(&findings, Level::Ok, "not in proxmox.nodes: agent");
}

#[tokio::test]
async fn a_token_without_permissions_of_its_own_fails_loudly() {
    let findings = examined(Node { permissions: "{}", ..SOUND }).await;
    has(&findings, Level::Fail, "pveum acl modify / --tokens 'jarvis@pve!read' --roles PVEAuditor");
}

#[tokio::test]
async fn missing_and_superfluous_privileges_are_named() {
    let partly = r#"{"/":{"Sys.Audit":1},"/vms/100":{"VM.Audit":1},"/storage":{"Datastore.Allocate":1}}"#;
    let findings = examined(Node { permissions: partly, ..SOUND }).await;
    has(&findings, Level::Warn, "VM.Audit only on /vms/100");
    has(&findings, Level::Fail, "lacks Datastore.Audit on /storage");
    has(&findings, Level::Warn, "may do what Jarvis never does (Datastore.Allocate)");
    let all_above = r#"{"/":{"Sys.Audit":1,"VM.Audit":1,"Datastore.Audit":1}}"#;
    has(&examined(Node { permissions: all_above, ..SOUND }).await, Level::Ok, "may read everything");
}

#[tokio::test]
async fn lists_that_cannot_be_read_fail_although_the_token_may_read_them() {
    let findings = examined(Node { resources: "null", ..SOUND }).await;
    has(&findings, Level::Fail, "GET /cluster/resources");
    has(&examined(Node { tasks: r#"{"a":1}"#, ..SOUND }).await, Level::Fail, "GET /cluster/tasks");
}

#[tokio::test]
async fn the_token_for_changes_is_looked_at_too() {
    let ca = Ca::new("cluster");
    let looked = |permissions| {
        let ca = &ca;
        async move {
            let server = node(ca, Node { permissions, ..SOUND }).await;
            client(&settings(ca, &[("pve", &server)])).examine_changes().await
        }
    };
    let all = r#"{"/pool/lab":{"VM.PowerMgmt":1,"VM.Snapshot":1,"VM.Backup":1,"VM.Migrate":1}}"#;
    has(&looked(all).await, Level::Ok, "may make changes to guests");
    let power = looked(r#"{"/vms/100":{"VM.PowerMgmt":1},"/":{"VM.Allocate":1}}"#).await;
    has(&power, Level::Warn, "no guest can be given a snapshot (VM.Snapshot)");
    has(&power, Level::Warn, "may do what Jarvis never does (VM.Allocate)");
    assert!(!power.iter().any(|f| f.text.contains("VM.PowerMgmt")), "{power:#?}");
    for none in ["{}", AUDITOR] {
        has(&looked(none).await, Level::Fail, "no guest can be started");
    }
    // One node refuses it with its own words, several together.
    let one = Server::new(&ca, |_, _| bare("401 Authentication failed!")).await;
    let other = Server::new(&ca, |_, _| bare("401 Authentication failed!")).await;
    for servers in [vec![("pve", &one)], vec![("pve", &one), ("agent", &other)]] {
        let findings = client(&settings(&ca, &servers)).examine_changes().await;
        has(&findings, Level::Fail, "proxmox.act_token_file");
    }
}

#[tokio::test]
async fn clocks_that_disagree_are_told_with_their_distance() {
    has(&examined(Node { ahead_s: 20, ..SOUND }).await, Level::Warn, "s ahead of this machine's");
    has(&examined(Node { ahead_s: -3_600, ..SOUND }).await, Level::Fail, "s behind this machine's");
}

#[tokio::test]
async fn a_swapped_name_an_old_version_and_lost_quorum_are_found() {
    has(&examined(Node { local: "Home", ..SOUND }).await, Level::Warn, "calls itself Home");
    has(&examined(Node { version: "7.4-3", ..SOUND }).await, Level::Fail, "runs version `7.4-3`");
    has(&examined(Node { quorate: 0, ..SOUND }).await, Level::Warn, "no quorum");
}

#[tokio::test]
async fn an_unknown_certificate_is_shown_so_that_it_can_be_compared() {
    let (ca, other) = (Ca::new("cluster"), Ca::new("another"));
    let server = node(&ca, SOUND).await;
    let findings = findings(&settings(&other, &[("pve", &server)])).await;
    has(&findings, Level::Fail, &format!("(it shows {})", server.fingerprint()));
    has(&findings, Level::Fail, "no node can be read");
}

#[tokio::test]
async fn a_pinned_certificate_near_its_end_is_told() {
    let ca = Ca::new("cluster");
    let end = time::OffsetDateTime::from_unix_timestamp(Clock.now_ms() / 1_000 + 5 * 86_400).unwrap();
    let end = (end.year(), u8::from(end.month()), end.day());
    let name = |r: &super::server::Request, _: usize| {
        super::server::json(if r.path.ends_with("version") {
            r#"{"data":{"version":"9.2.11"}}"#
        } else {
            r#"{"data":[]}"#
        })
    };
    let server = Server::named(&ca, &["pve"], Some(end), name).await;
    let mut settings = settings(&ca, &[("pve", &server)]);
    let by_ca = findings(&settings).await;
    has(&by_ca, Level::Warn, "ends in 4 days");
    settings.nodes[0].fingerprint = Some(server.fingerprint());
    has(&findings(&settings).await, Level::Warn, "ends in 4 days");
}

#[tokio::test]
async fn one_node_that_is_off_is_a_warning_while_another_answers() {
    let ca = Ca::new("cluster");
    let server = node(&ca, SOUND).await;
    let mut settings = settings(&ca, &[("pve", &server)]);
    settings.nodes.push(address("agent", "https://127.0.0.1:1"));
    let findings = findings(&settings).await;
    has(&findings, Level::Warn, "agent (https://127.0.0.1:1): cannot be reached");
    assert!(findings.iter().all(|f| f.level < Level::Fail), "{findings:#?}");
}
