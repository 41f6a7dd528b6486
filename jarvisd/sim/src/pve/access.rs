//! `/version`, `/access`: log-in and what one may do.

use serde_json::{Value, json};

use super::params::{Must, opt, req};
use super::reply::Reply;
use super::{Call, Perm, Route, get, post};
use crate::auth::ALL;
use crate::cluster::World;

pub const VERSION: &str = "9.2.11";
pub const REPO: &str = "14a22df3";

pub const ROUTES: &[Route] = &[
    get("/version", Perm::Any, &[], version),
    get("/access/permissions", Perm::Any, &[opt("path", Must::Text), opt("userid", Must::Text)], permissions),
    get("/access/ticket", Perm::Any, &[], nothing),
    post("/access/ticket", Perm::Any, LOG_IN, nothing),
    get("/access/users", Perm::Any, &[], users).open(),
    get("/access/roles", Perm::Any, &[], roles),
    get("/access/acl", Perm::Any, &[], empty),
    get("/access/domains", Perm::Any, &[], domains),
    get("/pools", Perm::Any, &[opt("poolid", Must::Text), opt("type", Must::Text)], pools),
];

pub const LOG_IN: &[super::params::Param] = &[
    req("username", Must::Text),
    req("password", Must::Text),
    opt("realm", Must::Text),
    opt("otp", Must::Text),
    opt("path", Must::Text),
    opt("privs", Must::Text),
    opt("new-format", Must::Bool),
    opt("tfa-challenge", Must::Text),
];

pub fn version(_: &mut World, _: &Call) -> Reply {
    Reply::data(json!({"version": VERSION, "release": "9.2", "repoid": REPO}))
}

fn permissions(_: &mut World, call: &Call) -> Reply {
    let all = call.who.permissions();
    match call.param("path") {
        None => Reply::data(all),
        Some(path) => Reply::data(json!({path: all.get(path).cloned().unwrap_or_else(|| json!({}))})),
    }
}

fn nothing(_: &mut World, _: &Call) -> Reply {
    Reply::null()
}

pub fn empty(_: &mut World, _: &Call) -> Reply {
    Reply::data(json!([]))
}

/// The answer to a log-in that succeeded.
pub fn logged_in(cluster: &str, user: &str, ticket: &str, csrf: &str) -> Reply {
    let of = |prefix: &str| -> Value {
        ALL.iter()
            .filter(|p| p.starts_with(prefix))
            .map(|p| ((*p).to_owned(), json!(1)))
            .collect::<serde_json::Map<_, _>>()
            .into()
    };
    Reply::data(json!({
        "username": user, "ticket": ticket, "CSRFPreventionToken": csrf, "clustername": cluster,
        "cap": {"vms": of("VM."), "storage": of("Datastore."), "nodes": of("Sys."), "dc": of("Sys."), "access": of("User."), "sdn": of("SDN."), "mapping": of("Mapping.")},
    }))
}

fn users(world: &mut World, _: &Call) -> Reply {
    let mut ids: Vec<String> = world.auth.users.keys().cloned().collect();
    ids.extend(world.auth.tokens.iter().map(|t| t.user.clone()));
    ids.sort();
    ids.dedup();
    let row = |id: String| {
        let realm = id.rsplit('@').next().unwrap_or_default().to_owned();
        json!({"userid": id, "enable": 1, "realm-type": realm})
    };
    Reply::data(ids.into_iter().map(row).collect())
}

fn roles(_: &mut World, _: &Call) -> Reply {
    Reply::data(json!([
        {"roleid": "Administrator", "privs": ALL.join(","), "special": 1},
        {"roleid": "PVEAuditor", "privs": crate::auth::AUDITOR.join(","), "special": 1},
        {"roleid": "PVESysAdmin", "privs": "Sys.Audit,Sys.Console,Sys.Syslog", "special": 1},
        {"roleid": "NoAccess", "privs": "", "special": 1},
    ]))
}

fn domains(_: &mut World, _: &Call) -> Reply {
    Reply::data(json!([
        {"realm": "pam", "type": "pam", "comment": "Linux PAM standard authentication"},
        {"realm": "pve", "type": "pve", "comment": "Proxmox VE authentication server"},
    ]))
}

fn pools(world: &mut World, _: &Call) -> Reply {
    Reply::data(world.pools.iter().map(|(id, comment)| json!({"poolid": id, "comment": comment})).collect())
}
