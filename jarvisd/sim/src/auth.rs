//! Who is asking: API tokens, log-in tickets, privileges on paths.
//!
//! Not here: which privilege an endpoint needs (its route says so).

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::cluster::task::Asker;
use crate::cluster::wave;

/// Every privilege of the administrator, as a real cluster lists them.
pub const ALL: [&str; 47] = [
    "Datastore.Allocate",
    "Datastore.AllocateSpace",
    "Datastore.AllocateTemplate",
    "Datastore.Audit",
    "Group.Allocate",
    "Mapping.Audit",
    "Mapping.Modify",
    "Mapping.Use",
    "Permissions.Modify",
    "Pool.Allocate",
    "Pool.Audit",
    "Realm.Allocate",
    "Realm.AllocateUser",
    "SDN.Allocate",
    "SDN.Audit",
    "SDN.Use",
    "Sys.AccessNetwork",
    "Sys.Audit",
    "Sys.Console",
    "Sys.Incoming",
    "Sys.Modify",
    "Sys.PowerMgmt",
    "Sys.Syslog",
    "User.Modify",
    "VM.Allocate",
    "VM.Audit",
    "VM.Backup",
    "VM.Clone",
    "VM.Config.CDROM",
    "VM.Config.CPU",
    "VM.Config.Cloudinit",
    "VM.Config.Disk",
    "VM.Config.HWType",
    "VM.Config.Memory",
    "VM.Config.Network",
    "VM.Config.Options",
    "VM.Console",
    "VM.GuestAgent.Audit",
    "VM.GuestAgent.FileRead",
    "VM.GuestAgent.FileSystemMgmt",
    "VM.GuestAgent.FileWrite",
    "VM.GuestAgent.Unrestricted",
    "VM.Migrate",
    "VM.PowerMgmt",
    "VM.Replicate",
    "VM.Snapshot",
    "VM.Snapshot.Rollback",
];

/// The role PVEAuditor.
pub const AUDITOR: [&str; 7] = [
    "Datastore.Audit",
    "Mapping.Audit",
    "Pool.Audit",
    "SDN.Audit",
    "Sys.Audit",
    "VM.Audit",
    "VM.GuestAgent.Audit",
];

/// What acting on guests and nodes needs beyond auditing.
const OPERATOR: [&str; 11] = [
    "VM.PowerMgmt",
    "VM.Snapshot",
    "VM.Snapshot.Rollback",
    "VM.Migrate",
    "VM.Backup",
    "VM.Config.Options",
    "Datastore.AllocateSpace",
    "Sys.PowerMgmt",
    "Sys.Syslog",
    // Restarting services, and requests to the HA manager.
    "Sys.Modify",
    "Sys.Console",
];

/// Paths under which `/access/permissions` reports.
const PATHS: [&str; 8] = ["/", "/access", "/access/groups", "/nodes", "/pool", "/sdn", "/storage", "/vms"];

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    pub user: String,
    pub id: String,
    pub secret: String,
    /// Path and privileges below it.
    pub acl: Vec<(String, Vec<String>)>,
    pub refused: bool,
}

impl Token {
    pub fn full(&self) -> String {
        format!("{}!{}", self.user, self.id)
    }

    pub fn text(&self) -> String {
        format!("{}={}", self.full(), self.secret)
    }
}

#[derive(Clone, Debug)]
struct Ticket {
    user: String,
    csrf: String,
    issued_s: u64,
}

/// A ticket's life.
const TICKET_LIFE_S: u64 = 7_200;

#[derive(Debug, Default)]
pub struct AuthBook {
    pub tokens: Vec<Token>,
    /// User and password.
    pub users: BTreeMap<String, String>,
    tickets: BTreeMap<String, Ticket>,
    seed: u64,
    pub refuse_all: bool,
}

/// Somebody who has proved who they are.
#[derive(Clone, Debug)]
pub struct Identity {
    pub asker: Asker,
    acl: Vec<(String, Vec<String>)>,
    all: bool,
}

impl Identity {
    pub fn can(&self, path: &str, privilege: &str) -> bool {
        self.all
            || self.acl.iter().any(|(at, privs)| covers(at, path) && privs.iter().any(|p| p == privilege))
    }

    pub fn permissions(&self) -> Value {
        let mut out = Map::new();
        let mut paths: Vec<&str> = PATHS.to_vec();
        paths.extend(self.acl.iter().map(|(p, _)| p.as_str()));
        for path in paths {
            let has: Map<String, Value> =
                ALL.iter().filter(|p| self.can(path, p)).map(|p| ((*p).to_owned(), json!(1))).collect();
            if !has.is_empty() {
                out.insert(path.to_owned(), Value::Object(has));
            }
        }
        Value::Object(out)
    }
}

fn covers(at: &str, path: &str) -> bool {
    at == "/" || at == path || path.strip_prefix(at).is_some_and(|rest| rest.starts_with('/'))
}

/// Why somebody is not let in: the reason phrase, and whether a JSON body comes with it.
#[derive(Debug, PartialEq, Eq)]
pub struct Denied {
    pub reason: &'static str,
    pub with_body: bool,
}

fn denied<T>(reason: &'static str) -> Result<T, Denied> {
    Err(Denied { reason, with_body: false })
}

impl AuthBook {
    /// The four tokens of the seed, with secrets taken from `secret` (same order in every run).
    pub fn seeded(seed: u64, mut secret: impl FnMut(&str) -> String, password: String) -> Self {
        let words = |list: &[&[&str]]| list.concat().iter().map(|p| (*p).to_owned()).collect::<Vec<_>>();
        let mut token = |user: &str, id: &str, acl: Vec<(String, Vec<String>)>| Token {
            user: user.into(),
            id: id.into(),
            secret: secret(id),
            acl,
            refused: false,
        };
        let tokens = vec![
            token("jarvis@pve", "read", vec![("/".into(), words(&[&AUDITOR]))]),
            token("jarvis@pve", "act", vec![("/".into(), words(&[&AUDITOR, &OPERATOR]))]),
            token("jarvis@pve", "noacl", Vec::new()),
            token("root@pam", "full", vec![("/".into(), words(&[&ALL]))]),
        ];
        let users = BTreeMap::from([("root@pam".to_owned(), password)]);
        Self { tokens, users, tickets: BTreeMap::new(), seed, refuse_all: false }
    }

    /// Proves who asks from the request's headers.
    pub fn check(
        &self,
        header: Option<&str>,
        cookie: Option<&str>,
        csrf: Option<&str>,
        write: bool,
        now_s: u64,
    ) -> Result<Identity, Denied> {
        if let Some(text) = header.and_then(|h| h.strip_prefix("PVEAPIToken=")) {
            return self.check_token(text);
        }
        let Some(ticket) = cookie.and_then(ticket_of) else { return denied("No ticket") };
        let Some(known) = self.tickets.get(&ticket) else { return denied("Authentication failed!") };
        if self.refuse_all || now_s.saturating_sub(known.issued_s) > TICKET_LIFE_S {
            return denied("Authentication failed!");
        }
        if write && csrf != Some(known.csrf.as_str()) {
            return denied("Permission denied - invalid csrf token");
        }
        Ok(Identity {
            asker: Asker { user: known.user.clone(), tokenid: None },
            acl: Vec::new(),
            all: known.user == "root@pam",
        })
    }

    fn check_token(&self, text: &str) -> Result<Identity, Denied> {
        let found = self.tokens.iter().find(|t| t.text() == text && !t.refused && !self.refuse_all);
        let Some(token) = found else { return denied("Authentication failed!") };
        let asker = Asker { user: token.user.clone(), tokenid: Some(token.id.clone()) };
        Ok(Identity { asker, acl: token.acl.clone(), all: token.user == "root@pam" })
    }

    /// Log-in by password, or renewal by an old ticket in its place.
    pub fn log_in(&mut self, user: &str, password: &str, now_s: u64) -> Result<(String, String), Denied> {
        let renews = self.tickets.get(password).is_some_and(|t| t.user == user);
        let knows = self.users.get(user).is_some_and(|p| p == password);
        if self.refuse_all || !(renews || knows) {
            return Err(Denied { reason: "authentication failure", with_body: true });
        }
        let n = u64::try_from(self.tickets.len()).unwrap_or_default();
        let salt = wave::hash(self.seed ^ wave::key_of(password), n);
        let ticket =
            format!("PVE:{user}:{now_s:08X}::{:016x}{:016x}", wave::hash(salt, 1), wave::hash(salt, 2));
        let csrf = format!("{now_s:08X}:{:016x}", wave::hash(salt, 3));
        let kept = Ticket { user: user.to_owned(), csrf: csrf.clone(), issued_s: now_s };
        self.tickets.retain(|_, t| now_s.saturating_sub(t.issued_s) <= TICKET_LIFE_S);
        self.tickets.insert(ticket.clone(), kept);
        Ok((ticket, csrf))
    }
}

fn ticket_of(cookies: &str) -> Option<String> {
    let value = cookies.split(';').find_map(|c| c.trim().strip_prefix("PVEAuthCookie="))?;
    Some(crate::pve::params::unescape(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn book() -> AuthBook {
        AuthBook::seeded(1, |id| format!("secret-{id}"), "pw".into())
    }

    #[test]
    fn a_token_with_a_wrong_secret_is_refused() {
        let wrong = book().check(Some("PVEAPIToken=jarvis@pve!read=nope"), None, None, false, 0);
        assert_eq!(wrong.unwrap_err(), Denied { reason: "Authentication failed!", with_body: false });
        assert!(book().check(Some("PVEAPIToken=jarvis@pve!read=secret-read"), None, None, false, 0).is_ok());
    }

    #[test]
    fn a_ticket_needs_the_csrf_token_for_a_change_only_and_expires() {
        let mut book = book();
        let (ticket, csrf) = book.log_in("root@pam", "pw", 100).unwrap();
        let cookie = format!("PVEAuthCookie={ticket}");
        assert!(book.check(None, Some(&cookie), None, false, 200).is_ok());
        let without = book.check(None, Some(&cookie), None, true, 200).unwrap_err();
        assert_eq!(without.reason, "Permission denied - invalid csrf token");
        assert!(book.check(None, Some(&cookie), Some(&csrf), true, 200).is_ok());
        assert!(book.check(None, Some(&cookie), None, false, 100 + TICKET_LIFE_S + 1).is_err());
    }

    #[test]
    fn a_token_without_acl_can_nothing_and_the_auditor_cannot_act() {
        let book = book();
        let id = |t: &str| {
            book.check(Some(&format!("PVEAPIToken=jarvis@pve!{t}=secret-{t}")), None, None, false, 0).unwrap()
        };
        assert_eq!(id("noacl").permissions(), json!({}));
        assert!(!id("read").can("/vms/100", "VM.PowerMgmt"));
        assert!(id("act").can("/vms/100", "VM.PowerMgmt"));
    }
}
