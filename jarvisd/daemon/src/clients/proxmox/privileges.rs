//! What a token may do, measured by what Jarvis needs: missing, or more than that.
//!
//! Not here: how the permissions are read, and everything else that the self-test looks at (doctor).

use super::Permissions;
use super::doctor::{Finding, Level};

/// What reading needs: where, which privilege, what is not seen without it.
const NEEDED: [(&str, &str, &str); 3] = [
    ("/", "Sys.Audit", "quorum, tasks and the nodes' load"),
    ("/vms", "VM.Audit", "guests"),
    ("/storage", "Datastore.Audit", "storages"),
];
/// What changes of guests need, and what cannot be done without it. Each may be held on some paths alone.
const CHANGING: [(&str, &str); 4] = [
    ("VM.PowerMgmt", "started, stopped or rebooted"),
    ("VM.Snapshot", "given a snapshot"),
    ("VM.Backup", "backed up"),
    ("VM.Migrate", "moved"),
];
/// What no part of Jarvis ever uses: a stolen token should not have it either.
const NEVER_NEEDED: [&str; 8] = [
    "Permissions.Modify",
    "User.Modify",
    "Group.Allocate",
    "Realm.Allocate",
    "Realm.AllocateUser",
    "VM.Allocate",
    "Datastore.Allocate",
    "SDN.Allocate",
];

/// What the token may do, measured by what Jarvis needs.
pub(super) fn reading(id: &str, held: &Permissions) -> Vec<Finding> {
    let all = &held.0;
    if all.values().all(|privileges| privileges.is_empty()) {
        // Proxmox answers such a token with empty lists, not with a refusal: it looks like an empty cluster.
        return vec![Finding::care(
            Level::Fail,
            format!(
                "token {id} has no privilege at all; with privilege separation a token needs permissions of its own: \
                 pveum acl modify / --tokens '{id}' --roles PVEAuditor (its user needs them too)"
            ),
        )];
    }
    let mut findings: Vec<Finding> = NEEDED.iter().filter_map(|need| missing(id, held, *need)).collect();
    if findings.is_empty() {
        findings.push(Finding::care(Level::Ok, format!("token {id} may read everything that is shown")));
    }
    findings.extend(superfluous(id, held));
    findings
}

/// The token changes are made with. Which guests it may touch is the operator's to choose, so only what it may do to
/// none is told.
pub(super) fn changing(id: &str, held: &Permissions) -> Vec<Finding> {
    let missing = CHANGING.iter().filter(|(privilege, _)| !holds(held, privilege));
    let missing: Vec<String> =
        missing.map(|(privilege, what)| format!("no guest can be {what} ({privilege})")).collect();
    let mut findings = vec![match missing.len() {
        0 => Finding::care(Level::Ok, format!("token {id} may make changes to guests")),
        n => {
            let level = if n == CHANGING.len() { Level::Fail } else { Level::Warn };
            let text = format!(
                "with token {id} of proxmox.act_token_file {}; grant what shall be possible to it and to its user on \
                 /vms or a pool",
                missing.join(", ")
            );
            Finding::care(level, text)
        }
    }];
    findings.extend(superfluous(id, held));
    findings
}

impl Permissions {
    /// Whether the token has this privilege there. Where a path has an entry of its own, that one counts: a role there
    /// replaces what comes from above.
    pub fn hold(&self, path: &str, privilege: &str) -> bool {
        let above = std::iter::successors(Some(path), |p| {
            let (up, _) = p.rsplit_once('/')?;
            (*p != "/").then_some(if up.is_empty() { "/" } else { up })
        });
        above.into_iter().find_map(|p| self.0.get(p)).is_some_and(|privileges| privileges.contains(privilege))
    }
}

fn holds(held: &Permissions, privilege: &str) -> bool {
    held.0.values().any(|privileges| privileges.contains(privilege))
}

fn superfluous(id: &str, held: &Permissions) -> Option<Finding> {
    let extra: Vec<&str> = NEVER_NEEDED.into_iter().filter(|name| holds(held, name)).collect();
    (!extra.is_empty()).then(|| {
        let text = format!(
            "token {id} may do what Jarvis never does ({}); use a token with privilege separation and a role that \
             has no more than is needed",
            extra.join(", ")
        );
        Finding::care(Level::Warn, text)
    })
}

fn missing(id: &str, held: &Permissions, (path, privilege, sees): (&str, &str, &str)) -> Option<Finding> {
    if held.hold(path, privilege) {
        return None;
    }
    let has = |p: &str| held.0.get(p).is_some_and(|privileges| privileges.contains(privilege));
    let below = format!("{}/", path.trim_end_matches('/'));
    let parts: Vec<&str> =
        held.0.keys().filter(|p| p.starts_with(&below) && has(p)).map(String::as_str).collect();
    if parts.is_empty() {
        let text = format!(
            "token {id} lacks {privilege} on {path}, so {sees} stay unseen; grant it role PVEAuditor on {path}"
        );
        return Some(Finding::care(Level::Fail, text));
    }
    let text = format!("token {id} has {privilege} only on {}: other {sees} stay unseen", parts.join(", "));
    Some(Finding::care(Level::Warn, text))
}
