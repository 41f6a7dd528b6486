//! The Proxmox VE API: one table of routes, one file per family of endpoints.
//!
//! A call goes through the stages of the real proxy, in its order: log-in (`serve`), route (501),
//! privilege (403), forwarding to the node it is about (595), parameters (400), quorum, handler.

pub mod access;
pub mod cluster;
pub mod cluster_more;
pub mod config;
pub mod guests;
pub mod ha;
pub mod hardware;
pub mod node;
pub mod node_more;
pub mod params;
pub mod power;
pub mod reply;
pub mod snapshots;
pub mod storage;
pub mod tasks;
pub mod vzdump;

use crate::auth::Identity;
use crate::cluster::World;
use crate::cluster::model::{Guest, Kind, Link};
use crate::cluster::wave;
use params::{Param, Params};
use reply::Reply;

/// Privilege an endpoint needs.
#[derive(Clone, Copy, Debug)]
pub enum Perm {
    /// Everybody who is logged in; rows may be filtered.
    Any,
    Root(&'static str),
    Node(&'static str),
    Guest(&'static str),
    /// Any of these on the storage.
    Storage(&'static [&'static str]),
}

pub struct Route {
    pub method: &'static str,
    /// Template with `{node}`, `{vmid}` and the like; `{kind}` is `qemu` or `lxc`.
    pub path: &'static str,
    pub perm: Perm,
    pub takes: &'static [Param],
    /// Other parameters pass, too (configuration keys, rarely used options).
    pub open: bool,
    pub run: Run,
}

type Run = fn(&mut World, &Call) -> Reply;

const fn route(
    method: &'static str,
    path: &'static str,
    perm: Perm,
    takes: &'static [Param],
    run: Run,
) -> Route {
    Route { method, path, perm, takes, open: false, run }
}

const fn get(path: &'static str, perm: Perm, takes: &'static [Param], run: Run) -> Route {
    route("GET", path, perm, takes, run)
}

const fn post(path: &'static str, perm: Perm, takes: &'static [Param], run: Run) -> Route {
    route("POST", path, perm, takes, run)
}

const fn put(path: &'static str, perm: Perm, takes: &'static [Param], run: Run) -> Route {
    route("PUT", path, perm, takes, run)
}

const fn delete(path: &'static str, perm: Perm, takes: &'static [Param], run: Run) -> Route {
    route("DELETE", path, perm, takes, run)
}

impl Route {
    /// Lets parameters pass that are not listed.
    const fn open(self) -> Self {
        Self { open: true, ..self }
    }
}

/// A call on its way to a handler.
pub struct Call {
    pub method: String,
    /// Path without `/api2/json`.
    pub path: String,
    pub params: Params,
    pub who: Identity,
    /// The node whose address was asked.
    pub asked: String,
    pub captured: Vec<(&'static str, String)>,
}

impl Call {
    pub fn part(&self, name: &str) -> &str {
        self.captured.iter().find(|(n, _)| *n == name).map_or("", |(_, v)| v.as_str())
    }

    pub fn param(&self, name: &str) -> Option<&str> {
        self.params.get(name).map(String::as_str)
    }

    pub fn number(&self, name: &str) -> Option<u64> {
        self.param(name).and_then(|v| v.parse().ok())
    }

    pub fn flag(&self, name: &str) -> bool {
        self.param(name).is_some_and(|v| matches!(v, "1" | "true" | "yes" | "on"))
    }

    pub fn vmid(&self) -> u32 {
        self.part("vmid").parse().unwrap_or_default()
    }

    pub fn kind(&self) -> Kind {
        Kind::of(self.part("kind")).unwrap_or(Kind::Qemu)
    }

    /// The guest a call is about, or PVE's error.
    pub fn guest<'w>(&self, world: &'w World) -> Result<&'w Guest, Reply> {
        let (node, kind, vmid) = (self.part("node"), self.kind(), self.vmid());
        let found = world.guests.get(&vmid).filter(|g| g.node == node && g.kind == kind);
        found.ok_or_else(|| {
            let folder = kind.folder();
            Reply::fail(format!("Configuration file 'nodes/{node}/{folder}/{vmid}.conf' does not exist"))
        })
    }
}

/// A route found, with what its template captured.
pub struct Found {
    pub route: &'static Route,
    pub captured: Vec<(&'static str, String)>,
}

impl Found {
    /// `GET /nodes/{node}/status`, for counting.
    pub fn endpoint(&self) -> String {
        format!("{} {}", self.route.method, self.route.path)
    }

    fn part(&self, name: &str) -> Option<&str> {
        self.captured.iter().find(|(n, _)| *n == name).map(|(_, v)| v.as_str())
    }

    /// The node the call concerns.
    pub fn node(&self) -> Option<&str> {
        self.part("node")
    }

    fn missing(&self, who: &Identity) -> Option<Reply> {
        let refuse = |path: String, privilege: &str| {
            (!who.can(&path, privilege)).then(|| Reply::forbidden(&path, privilege))
        };
        match self.route.perm {
            Perm::Any => None,
            Perm::Root(p) => refuse("/".into(), p),
            Perm::Node(p) => refuse(format!("/nodes/{}", self.part("node")?), p),
            Perm::Guest(p) => refuse(format!("/vms/{}", self.part("vmid")?), p),
            Perm::Storage(any) => {
                let path = format!("/storage/{}", self.part("storage")?);
                (!any.iter().any(|p| who.can(&path, p))).then(|| Reply::forbidden(&path, &any.join("|")))
            }
        }
    }
}

fn families() -> [&'static [Route]; 14] {
    [
        access::ROUTES,
        cluster::ROUTES,
        cluster_more::ROUTES,
        ha::ROUTES,
        hardware::ROUTES,
        node::ROUTES,
        node_more::ROUTES,
        guests::ROUTES,
        config::ROUTES,
        power::ROUTES,
        snapshots::ROUTES,
        storage::ROUTES,
        tasks::ROUTES,
        vzdump::ROUTES,
    ]
}

/// Finds the route of a call, or PVE's 501.
pub fn find(method: &str, path: &str) -> Result<Found, Reply> {
    let parts: Vec<&str> = path.split('/').filter(|p| !p.is_empty()).collect();
    for route in families().into_iter().flatten().filter(|r| r.method == method) {
        if let Some(captured) = capture(route.path, &parts) {
            return Ok(Found { route, captured });
        }
    }
    Err(Reply::not_implemented(method, path))
}

fn capture(template: &'static str, parts: &[&str]) -> Option<Vec<(&'static str, String)>> {
    let mut captured = Vec::new();
    let mut left = parts.iter();
    for want in template.split('/').filter(|p| !p.is_empty()) {
        let got = left.next()?;
        match want.strip_prefix('{').and_then(|w| w.strip_suffix('}')) {
            Some(name) => {
                let value = params::unescape(got);
                let fits = match name {
                    "kind" => Kind::of(&value).is_some(),
                    "vmid" => value.parse::<u32>().is_ok(),
                    _ => true,
                };
                if !fits {
                    return None;
                }
                captured.push((name, value));
            }
            None if want == *got => {}
            None => return None,
        }
    }
    left.next().is_none().then_some(captured)
}

/// Milliseconds an answer of the asked node takes, and more if it is passed on.
const BASE_MS: u64 = 22;
const PROXY_MS: u64 = 18;

/// How long a call takes on its way before the handler sees the cluster, or the answer instead of it.
pub fn on_the_way(world: &World, asked: &str, found: &Found, who: &Identity) -> Result<u64, Reply> {
    if let Some(refused) = found.missing(who) {
        return Err(refused.taking(BASE_MS));
    }
    let Some(about) = found.node().filter(|n| *n != asked && *n != "localhost") else { return Ok(BASE_MS) };
    let Some(node) = world.node(about) else {
        let text = format!(
            "hostname lookup '{about}' failed - failed to get address info for: {about}: Temporary failure in name resolution"
        );
        return Err(Reply::fail(text).taking(BASE_MS));
    };
    if found.route.path == WAKE {
        // Sent by whoever is asked; that is the point of it.
        return Ok(BASE_MS);
    }
    match node.link {
        Link::Up { .. } => Ok(BASE_MS + PROXY_MS),
        Link::Cut { since_ms, .. } => Err(unreachable(world, about, since_ms)),
        Link::Booting { .. } => Err(Reply::bare(595, "Connection refused", 700)),
    }
}

/// The one call about a node that is not passed on to it.
const WAKE: &str = "/nodes/{node}/wakeonlan";

/// From when on neighbours know that a machine does not answer, and connects fail soon.
const NEIGHBOURS_KNOW_MS: u64 = 25_000;
/// The proxy's own limit for a connect.
const CONNECT_MAX_MS: u64 = 30_000;

/// The proxy tries to reach a machine that is cut off: long hangs at first, then quick failures.
fn unreachable(world: &World, node: &str, since_ms: u64) -> Reply {
    let ago_ms = world.now.sim_ms.saturating_sub(since_ms);
    let dice = wave::unit(world.seed ^ wave::key_of(node), world.now.sim_ms);
    let ms = |from: f64, to: f64| crate::num::whole(from + (to - from) * dice);
    match ago_ms < NEIGHBOURS_KNOW_MS {
        true if dice < 0.3 => Reply::bare(595, "Connection timed out", CONNECT_MAX_MS),
        true => Reply::bare(595, "No route to host", ms(10_000.0, 22_000.0)),
        false => Reply::bare(595, "No route to host", ms(700.0, 3_100.0)),
    }
}

/// Checks parameters and runs the handler.
pub fn run(world: &mut World, found: &Found, call: &Call) -> Reply {
    if let Err(reply) = params::check(&call.params, found.route.takes, found.route.open) {
        return reply;
    }
    world.publish_due(world.now);
    (found.route.run)(world, call)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_is_found_by_its_own_template() {
        for route in families().into_iter().flatten() {
            let path = route.path.replace("{kind}", "qemu").replace("{vmid}", "100").replace(['{', '}'], "x");
            let found = find(route.method, &path).unwrap_or_else(|_| panic!("{} {path}", route.method));
            assert_eq!(found.route.path, route.path, "{path} is shadowed");
        }
    }

    #[test]
    fn unknown_paths_and_methods_are_not_implemented() {
        let reply = find("DELETE", "/version").err().unwrap();
        assert_eq!(reply.status, 501);
        assert_eq!(reply.reason.as_deref(), Some("Method 'DELETE /version' not implemented"));
        assert!(find("POST", "/nodes/Home/qemu/100/status/explode").is_err());
        assert!(find("GET", "/nodes/Home/qemu/abc/config").is_err());
    }
}
