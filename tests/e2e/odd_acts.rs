//! A Proxmox API that answers a change as no Proxmox does: what became of it is found out all the same.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::{Result, ensure};
use jarvis_tests::{
    certificates::{Authority, Validity},
    daemon::{Cluster, Home, Jarvisd},
    process::PATIENCE,
    tls_server::{Reply, Request, TlsServer},
};
use serde_json::{Value, json};
use tempfile::TempDir;

const UPID: &str = "UPID:pve:0000ABCD:0000ABCD:6B0330F7:qmstart:101:jarvis@pve!acts:";
/// Without looking for its task this takes five minutes.
const SOON: Duration = Duration::from_secs(45);

#[tokio::test]
async fn i08_a_change_that_is_answered_without_a_task_is_found_among_the_tasks() -> Result<()> {
    found_among_the_tasks(|| data(&Value::Null)).await
}

#[tokio::test]
async fn i08_a_change_that_is_refused_after_its_task_began_is_found_among_the_tasks() -> Result<()> {
    let said = r#"{"data":null,"message":"got no worker upid\n"}"#;
    found_among_the_tasks(move || Reply { status: "500 got no worker upid".into(), ..Reply::json(said) })
        .await
}

/// Starts a guest whose task begins, whatever the answer says.
async fn found_among_the_tasks(reply: impl Fn() -> Reply + Send + Sync + 'static) -> Result<()> {
    let (dir, authority) = (TempDir::new()?, Authority::new("Proxmox Virtual Environment")?);
    // When it was asked for; its task fails at once.
    let begun: Arc<Mutex<Option<u64>>> = Arc::default();
    let seen = Arc::clone(&begun);
    let leaf = authority.leaf("pve", Validity::Now)?;
    let server = TlsServer::start(&leaf, move |request| answer(request, &seen, &reply)).await?;
    let token = "jarvis@pve!acts=11111111-2222-3333-4444-555555555555";
    let cluster = Cluster::laid_down(dir.path(), "pve", &server.url(), &authority.pem(), token)?;
    let jarvisd = Jarvisd::at(Home::new(Some(&cluster), "[own]\noutside = true\n")?).await?;
    jarvisd.readyz(PATIENCE, "that it is ready", |status, _| status == 200).await?;

    let asked = Instant::now();
    let person = jarvisd.browser().patient(SOON);
    let told = person.post("/api/v1/tools/start_guest", &json!({"args": {"vmid": 101}})).await?;
    ensure!(told.status == 502 && asked.elapsed() < SOON, "{} {}", told.status, told.text);
    let ended = &told.value()?["error"]["details"]["action"];
    ensure!(ended["state"] == "failed" && ended["exit"] == "out of memory", "{ended}");
    ensure!(ended["upid"] == UPID, "{ended}");
    Ok(())
}

fn answer(request: &Request, begun: &Mutex<Option<u64>>, to_change: impl Fn() -> Reply) -> Reply {
    let path = request.target.trim_start_matches("/api2/json").split('?').next().unwrap_or_default();
    let mut begun = begun.lock().expect("nobody panics with it");
    if request.method != "GET" {
        *begun = SystemTime::now().duration_since(UNIX_EPOCH).ok().map(|now| now.as_secs());
        return to_change();
    }
    let task = begun.map(|at_s| {
        json!({
            "upid": UPID, "node": "pve", "type": "qmstart", "id": "101", "user": "jarvis@pve!acts",
            "starttime": at_s, "endtime": at_s, "status": "out of memory", "saved": "1",
        })
    });
    let guest =
        json!({"vmid": 101, "name": "dns", "status": "stopped", "maxmem": 1024, "maxcpu": 1, "cpu": 0});
    data(&match path {
        "/version" => json!({"version": "9.0.3", "release": "9.0"}),
        "/cluster/status" => json!([
            {"type": "cluster", "name": "lab", "quorate": 1, "nodes": 1, "version": 1},
            {"type": "node", "name": "pve", "online": 1, "local": 1, "ip": "127.0.0.1"},
        ]),
        "/cluster/resources" => json!([
            {"type": "node", "node": "pve", "status": "online", "cpu": 0.1, "maxcpu": 4, "mem": 1, "maxmem": 9},
            {"type": "qemu", "id": "qemu/101", "node": "pve", "vmid": 101, "name": "dns", "status": "stopped",
             "maxmem": 1024, "maxcpu": 1, "cpu": 0, "template": 0},
            {"type": "storage", "id": "storage/pve/local", "storage": "local", "node": "pve", "status": "available",
             "disk": 1, "maxdisk": 100, "plugintype": "dir", "content": "images", "shared": 0},
        ]),
        "/cluster/tasks" | "/nodes/pve/tasks" => Value::from_iter(task),
        "/nodes/pve/qemu/101/config" => json!({
            "name": "dns", "memory": "1", "onboot": 1, "scsi0": "local:vm-101-disk-0,size=1G", "digest": "d",
            "smbios1": "uuid=11111111-1111-1111-1111-111111111111",
        }),
        "/nodes/pve/qemu/101/status/current" => guest,
        "/storage" => json!([{"storage": "local", "type": "dir", "content": "images"}]),
        "/access/permissions" => json!({"/": {"Sys.Audit": 1, "VM.Audit": 1, "VM.PowerMgmt": 1}}),
        path if path.ends_with("/log") => json!([{"n": 1, "t": "TASK ERROR: out of memory"}]),
        path if path.contains("/tasks/UPID") => json!({
            "upid": UPID, "node": "pve", "type": "qmstart", "id": "101", "status": "stopped",
            "exitstatus": "out of memory", "user": "jarvis@pve!acts",
        }),
        _ => json!([]),
    })
}

fn data(value: &Value) -> Reply {
    Reply::json(json!({ "data": value }).to_string())
}
