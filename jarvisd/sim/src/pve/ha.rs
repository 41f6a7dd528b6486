//! `/cluster/ha`: resources, their requested states, and what the manager makes of them.

use serde_json::{Map, Value, json};

use super::access::empty;
use super::params::{Must, opt, req};
use super::reply::Reply;
use super::storage::CFS_LOCK_MS;
use super::{Call, Perm, Route, delete, get, post, put};
use crate::cluster::World;
use crate::cluster::ha::Wanted;
use crate::cluster::model::{Guest, Kind};

const AUDIT: Perm = Perm::Root("Sys.Audit");
const CONSOLE: Perm = Perm::Root("Sys.Console");
const STATE: Must = Must::OneOf(&["started", "stopped", "enabled", "disabled", "ignored"]);
const ONE: &str = "/cluster/ha/resources/{sid}";

pub const ROUTES: &[Route] = &[
    get("/cluster/ha/status/current", AUDIT, &[], current),
    get("/cluster/ha/status/manager_status", AUDIT, &[], manager),
    get("/cluster/ha/resources", AUDIT, &[opt("type", Must::Text)], list),
    post("/cluster/ha/resources", CONSOLE, &[req("sid", Must::Text), opt("state", STATE), COMMENT], add)
        .open(),
    get(ONE, AUDIT, &[], read),
    put(ONE, CONSOLE, &[opt("state", STATE), COMMENT, opt("digest", Must::Text)], change).open(),
    delete(ONE, CONSOLE, &[opt("purge", Must::Bool)], remove),
    post("/cluster/ha/resources/{sid}/migrate", CONSOLE, &[req("node", Must::Text)], migrate),
    post("/cluster/ha/resources/{sid}/relocate", CONSOLE, &[req("node", Must::Text)], migrate),
    get("/cluster/ha/rules", AUDIT, &[], empty).open(),
    get("/cluster/ha/groups", AUDIT, &[], groups),
];

const COMMENT: super::params::Param = opt("comment", Must::Text);

/// `vm:100` or `ct:102`.
pub fn sid_of(guest: &Guest) -> String {
    let kind = if guest.kind == Kind::Qemu { "vm" } else { "ct" };
    format!("{kind}:{}", guest.vmid)
}

/// The guest a resource id means; a bare number will do.
fn guest_of<'w>(world: &'w World, sid: &str) -> Option<&'w Guest> {
    let number = sid.rsplit(':').next().and_then(|n| n.parse().ok())?;
    world.guests.get(&number).filter(|g| sid == sid_of(g) || sid == g.vmid.to_string())
}

fn row(world: &World, guest: &Guest) -> Option<Map<String, Value>> {
    let ha = guest.ha.as_ref()?;
    let sid = sid_of(guest);
    let mut row = Map::from_iter([
        ("sid".to_owned(), json!(sid)),
        ("type".to_owned(), json!(sid.split(':').next())),
        ("state".to_owned(), json!(ha.wanted.name())),
        ("digest".to_owned(), json!(digest(world))),
    ]);
    if let Some(comment) = &ha.comment {
        row.insert("comment".into(), json!(comment));
    }
    Some(row)
}

/// Of the file that lists all resources.
fn digest(world: &World) -> String {
    let line =
        |g: &Guest| g.ha.as_ref().map(|ha| format!("{} {} {:?};", sid_of(g), ha.wanted.name(), ha.comment));
    super::config::digest(&world.guests.values().filter_map(line).collect::<String>())
}

fn list(world: &mut World, call: &Call) -> Reply {
    let wanted = call.param("type");
    let fits =
        |r: &Map<String, Value>| wanted.is_none_or(|w| r.get("type").and_then(Value::as_str) == Some(w));
    let rows = world.guests.values().filter_map(|g| row(world, g)).filter(fits).map(Value::Object);
    Reply::data(rows.collect())
}

fn read(world: &mut World, call: &Call) -> Reply {
    let sid = call.part("sid");
    match guest_of(world, sid).and_then(|g| row(world, g)) {
        Some(row) => Reply::data(Value::Object(row)),
        None => Reply::fail(format!("no such resource '{sid}'")),
    }
}

/// What stops a write to the manager's files.
fn refusal(world: &World, call: &Call, verb: &str) -> Option<Reply> {
    let text = format!("{verb} resource failed: cfs-lock 'domain-ha' error: no quorum!");
    (!world.quorate_by(&call.asked, world.now)).then(|| Reply::fail(text).taking(CFS_LOCK_MS))
}

fn add(world: &mut World, call: &Call) -> Reply {
    if let Some(reply) = refusal(world, call, "create") {
        return reply;
    }
    let sid = call.param("sid").unwrap_or_default();
    let Some(guest) = guest_of(world, sid) else {
        return Reply::fail(format!("create resource failed: guest '{sid}' does not exist"));
    };
    if guest.ha.is_some() {
        return Reply::fail(format!("create resource failed: resource ID '{sid}' already defined"));
    }
    let vmid = guest.vmid;
    let wanted = call.param("state").and_then(Wanted::of).unwrap_or(Wanted::Started);
    world.ha_add(vmid, wanted);
    comment(world, vmid, call);
    Reply::null()
}

fn comment(world: &mut World, vmid: u32, call: &Call) {
    if let (Some(text), Some(ha)) =
        (call.param("comment"), world.guests.get_mut(&vmid).and_then(|g| g.ha.as_mut()))
    {
        ha.comment = Some(text.to_owned());
    }
}

fn change(world: &mut World, call: &Call) -> Reply {
    if let Some(reply) = refusal(world, call, "update") {
        return reply;
    }
    let sid = call.part("sid");
    let Some(vmid) = guest_of(world, sid).filter(|g| g.ha.is_some()).map(|g| g.vmid) else {
        return Reply::fail(format!("no such resource '{sid}'"));
    };
    if call.param("digest").is_some_and(|d| d != digest(world)) {
        return Reply::fail("detected modified configuration - file changed by other user? Try again.");
    }
    comment(world, vmid, call);
    if let (Some(wanted), Some(ha)) =
        (call.param("state").and_then(Wanted::of), world.guests.get_mut(&vmid).and_then(|g| g.ha.as_mut()))
    {
        ha.ask(wanted);
    }
    Reply::null()
}

/// A request as well: the manager moves the guest at its next round.
fn migrate(world: &mut World, call: &Call) -> Reply {
    if let Some(reply) = refusal(world, call, "migrate") {
        return reply;
    }
    let (sid, to) = (call.part("sid"), call.param("node").unwrap_or_default().to_owned());
    let Some(guest) = guest_of(world, sid).filter(|g| g.ha.is_some()) else {
        return Reply::fail(format!("no such resource '{sid}'"));
    };
    let (vmid, home) = (guest.vmid, guest.node.clone());
    if to == home {
        return Reply::fail(format!("'{sid}' is already on node '{to}'"));
    }
    if !world.node(&to).is_some_and(|n| world.online(n, world.now)) {
        return Reply::fail(format!("node '{to}' is not online"));
    }
    if let Some(ha) = world.guests.get_mut(&vmid).and_then(|g| g.ha.as_mut()) {
        ha.goes_to = Some(to.clone());
    }
    Reply::data(json!({"sid": sid, "requested-node": to}))
}

fn remove(world: &mut World, call: &Call) -> Reply {
    if let Some(reply) = refusal(world, call, "delete") {
        return reply;
    }
    let sid = call.part("sid");
    let vmid = guest_of(world, sid).filter(|g| g.ha.is_some()).map(|g| g.vmid);
    match vmid.and_then(|v| world.guests.get_mut(&v)) {
        Some(guest) => {
            guest.ha = None;
            Reply::null()
        }
        None => Reply::fail(format!("cannot delete service '{sid}', not HA managed!")),
    }
}

fn current(world: &mut World, call: &Call) -> Reply {
    let now = world.now;
    let node = &call.asked;
    let quorate = world.quorate_by(node, now);
    let status = if quorate { "OK".to_owned() } else { format!("No quorum on node '{node}'!") };
    let mut rows = vec![
        json!({"id": "quorum", "type": "quorum", "node": node, "quorate": u8::from(quorate), "status": status}),
    ];
    let managed: Vec<&Guest> = world.guests.values().filter(|g| g.ha.is_some()).collect();
    let (mode, words) = match managed.is_empty() {
        true => ("standby", "standby (CRM watchdog standby)"),
        false => ("armed", "armed (CRM watchdog active)"),
    };
    rows.push(
        json!({"id": "fencing", "type": "fencing", "node": node, "status": words, "armed-state": mode}),
    );
    if let (false, Some(master)) = (managed.is_empty(), world.nodes.iter().find(|n| world.online(n, now))) {
        let stamp = crate::cluster::edit::log_stamp(now.unix_s());
        rows.push(json!({"id": "master", "type": "master", "node": master.name, "timestamp": now.unix_s(),
            "status": format!("{} (active, {stamp})", master.name)}));
        for n in &world.nodes {
            let active = managed.iter().any(|g| g.node == n.name);
            let word = match (world.online(n, now), active) {
                (false, _) => "old timestamp - dead?",
                (true, true) => "active",
                (true, false) => "idle",
            };
            rows.push(json!({"id": format!("lrm:{}", n.name), "type": "lrm", "node": n.name,
                "timestamp": now.unix_s(), "status": format!("{} ({word}, {stamp})", n.name)}));
        }
    }
    rows.extend(managed.into_iter().filter_map(|g| service(world, g)));
    Reply::data(rows.into())
}

fn service(world: &World, guest: &Guest) -> Option<Value> {
    let (ha, state, sid) = (guest.ha.as_ref()?, world.ha_state(guest)?, sid_of(guest));
    Some(json!({
        "id": format!("service:{sid}"), "type": "service", "sid": sid, "node": guest.node, "state": state,
        "crm_state": state, "request_state": ha.wanted.name(), "status": format!("{sid} ({}, {state})", guest.node),
        "max_restart": 1, "max_relocate": 1, "failback": 1,
    }))
}

fn manager(world: &mut World, call: &Call) -> Reply {
    let quorate = u8::from(world.quorate_by(&call.asked, world.now));
    let node = world.nodes.first().map(|n| n.name.clone());
    let services: Map<String, Value> = world
        .guests
        .values()
        .filter_map(|g| Some((sid_of(g), json!({"node": g.node, "state": world.ha_state(g)?}))))
        .collect();
    let manager = if services.is_empty() { json!({}) } else { json!({"service_status": services}) };
    Reply::data(
        json!({"manager_status": manager, "quorum": {"node": node, "quorate": quorate}, "lrm_status": {}}),
    )
}

fn groups(_: &mut World, _: &Call) -> Reply {
    Reply::fail("cannot index groups: ha groups have been migrated to rules")
}
