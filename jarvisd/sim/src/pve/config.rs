//! Guest configuration: read, pending, change.

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::params::{Must, opt};
use super::reply::Reply;
use super::{Call, Perm, Route, get, post, put, wave};
use crate::cluster::World;
use crate::cluster::edit;
use crate::cluster::model::{Guest, Kind};
use crate::cluster::task::NewTask;
use crate::cluster::work::{Act, Op};

const AUDIT: Perm = Perm::Guest("VM.Audit");
const OPTIONS: Perm = Perm::Guest("VM.Config.Options");
const PATH: &str = "/nodes/{node}/{kind}/{vmid}/config";

pub const ROUTES: &[Route] = &[
    get(PATH, AUDIT, &[opt("current", Must::Bool), opt("snapshot", Must::Text)], read),
    get("/nodes/{node}/{kind}/{vmid}/pending", AUDIT, &[], pending),
    put(PATH, OPTIONS, CHANGES, change_now),
    post(PATH, OPTIONS, CHANGES, change_by_task),
];

/// Configuration keys that may be set; disks and devices are left to a later cut.
const CHANGES: &[super::params::Param] = &[
    opt("name", Must::Text),
    opt("hostname", Must::Text),
    opt("description", Must::Text),
    opt("tags", Must::Text),
    opt("cores", Must::Int { min: 1 }),
    opt("sockets", Must::Int { min: 1 }),
    opt("memory", Must::Memory),
    opt("swap", Must::Int { min: 0 }),
    opt("balloon", Must::Int { min: 0 }),
    opt("onboot", Must::Bool),
    opt("protection", Must::Bool),
    opt("agent", Must::Text),
    opt("startup", Must::Text),
    opt("lock", Must::Text),
    opt("delete", Must::Text),
    opt("revert", Must::Text),
    opt("digest", Must::Text),
    opt("skiplock", Must::Bool),
    opt("force", Must::Bool),
    opt("background_delay", Must::Int { min: 1 }),
];

/// 40 hexadecimal digits of a text.
pub fn digest(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().take(20).map(|b| format!("{b:02x}")).collect()
}

pub fn mac_of(guest: &Guest) -> String {
    let h = wave::hash(guest.how.seed, 21);
    let [a, b, c, ..] = h.to_be_bytes();
    format!("BC:24:11:{a:02X}:{b:02X}:{c:02X}")
}

fn uuid(guest: &Guest, n: u64) -> String {
    let (a, b) = (wave::hash(guest.how.seed, n), wave::hash(guest.how.seed, n + 100));
    let text = format!("{a:016x}{b:016x}");
    let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
    format!("{}-{}-4{}-a{}-{}", part(0, 8), part(8, 12), part(13, 16), part(17, 20), part(20, 32))
}

/// The configuration as the API prints it: memory is text for a VM, a number for a container.
pub fn config(guest: &Guest) -> Map<String, Value> {
    let mut map = Map::new();
    let mut set = |key: &str, value: Value| {
        map.insert(key.to_owned(), value);
    };
    let (vmid, storage, mib) = (guest.vmid, &guest.storage, guest.mem_bytes >> 20);
    let gib = guest.disk_bytes >> 30;
    let base = if guest.template { "base" } else { "vm" };
    set("cores", json!(guest.cores));
    match guest.kind {
        Kind::Qemu => {
            let ctime = guest.created_s;
            set("name", json!(guest.name));
            set("memory", json!(mib.to_string()));
            set("ostype", json!("l26"));
            set("boot", json!("order=scsi0;net0"));
            set("scsi0", json!(format!("{storage}:{base}-{vmid}-disk-0,size={gib}G")));
            set("net0", json!(format!("virtio={},bridge=vmbr0", mac_of(guest))));
            set("smbios1", json!(format!("uuid={}", uuid(guest, 1))));
            set("vmgenid", json!(uuid(guest, 2)));
            set("meta", json!(format!("creation-qemu=10.1.2,ctime={ctime}")));
            if guest.agent {
                set("agent", json!("1"));
            }
        }
        Kind::Lxc => {
            set("hostname", json!(guest.name));
            set("memory", json!(mib));
            set("swap", json!(guest.swap_bytes >> 20));
            set("ostype", json!("debian"));
            set("arch", json!("amd64"));
            set("unprivileged", json!(1));
            set("rootfs", json!(format!("{storage}:vm-{vmid}-disk-0,size={gib}G")));
            set("net0", json!(format!("name=eth0,bridge=vmbr0,hwaddr={},ip=dhcp,type=veth", mac_of(guest))));
        }
    }
    if !guest.tags.is_empty() {
        set("tags", json!(guest.tags));
    }
    if guest.onboot {
        set("onboot", json!(1));
    }
    if guest.template {
        set("template", json!(1));
    }
    if let Some(lock) = &guest.lock {
        set("lock", json!(lock));
    }
    if let Some(last) = guest.snapshots.last() {
        set("parent", json!(last.name));
    }
    map.extend(guest.config.iter().filter(|(k, _)| !k.starts_with('_')).map(|(k, v)| (k.clone(), v.clone())));
    let sum = digest(&Value::Object(map.clone()).to_string());
    map.insert("digest".into(), json!(sum));
    map
}

fn read(world: &mut World, call: &Call) -> Reply {
    match call.guest(world) {
        Ok(guest) => Reply::data(Value::Object(config(guest))),
        Err(reply) => reply,
    }
}

fn pending(world: &mut World, call: &Call) -> Reply {
    match call.guest(world) {
        Ok(guest) => {
            Reply::data(config(guest).into_iter().map(|(k, v)| json!({"key": k, "value": v})).collect())
        }
        Err(reply) => reply,
    }
}

/// What stops a change of this guest's configuration, if anything.
fn refusal(world: &World, call: &Call) -> Option<Reply> {
    let guest = match call.guest(world) {
        Ok(guest) => guest,
        Err(reply) => return Some(reply),
    };
    if !world.quorate_by(&call.asked, world.now) {
        let path = guest.config_path();
        return Some(Reply::fail(format!(
            "unable to open file '/etc/pve/{path}.tmp.120' - Permission denied"
        )));
    }
    if let Some(lock) = &guest.lock {
        return Some(Reply::fail(format!("{} is locked ({lock})", guest.kind.noun())));
    }
    if let Some(old) = call.param("digest")
        && config(guest).get("digest").and_then(Value::as_str) != Some(old)
    {
        return Some(Reply::fail("detected modified configuration - file changed by other user? Try again."));
    }
    None
}

fn changes(call: &Call) -> Map<String, Value> {
    call.params.iter().map(|(k, v)| (k.clone(), json!(v))).collect()
}

fn change_now(world: &mut World, call: &Call) -> Reply {
    if let Some(reply) = refusal(world, call) {
        return reply;
    }
    if let Some(guest) = world.guests.get_mut(&call.vmid()) {
        edit::apply(guest, &changes(call));
    }
    Reply::null()
}

fn change_by_task(world: &mut World, call: &Call) -> Reply {
    if call.kind() == Kind::Lxc {
        return Reply::not_implemented(&call.method, &call.path);
    }
    if let Some(reply) = refusal(world, call) {
        return reply;
    }
    let vmid = call.vmid();
    let op = Op::Guest { vmid, kind: Some(Kind::Qemu), act: Act::Configure(changes(call)) };
    let id = vmid.to_string();
    let node = call.part("node");
    let upid =
        world.spawn(NewTask { node, kind: "qmconfig", id: &id, asker: &call.who.asker, op, lasts_ms: 300 });
    Reply::data(json!(upid))
}
