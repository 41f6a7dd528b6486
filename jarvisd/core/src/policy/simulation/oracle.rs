//! What must never be permitted, said once more and differently: each invariant by itself, over raw facts, in the
//! words of the safety rules and not of the guards.

use super::super::*;
use crate::tools::{Operation, Target};

/// A call that was permitted, and what was so when it was.
pub(super) struct Seen<'a> {
    pub facts: &'a Facts,
    pub operation: &'a Operation,
    pub caller: &'a Caller,
    pub pin: Option<&'a Identity>,
    pub tainted: &'a Fact<bool>,
    /// A person, in a session, in time, has approved this very action in this very state.
    pub approved: bool,
}

/// The ids of the invariants that permitting this would break.
pub(super) fn broken(seen: &Seen<'_>) -> Vec<&'static str> {
    let name = seen.operation.descriptor().name;
    let reads = GREEN.contains(&name);
    let mut ids = credential(seen, reads);
    if reads {
        return ids;
    }
    ids.extend(switches(seen, name));
    ids.extend(sight(seen, name));
    ids.extend(target(seen, name));
    ids.extend(pace(seen, name));
    ids.extend(own(seen, name));
    ids
}

/// Written out, so that a tool that changes its tier is noticed here.
const GREEN: [&str; 25] = [
    "cluster_status",
    "node_status",
    "guests",
    "guest",
    "storages",
    "storage_content",
    "backups",
    "tasks",
    "task_log",
    "temperatures",
    "history",
    "firewall",
    "services",
    "disks",
    "volumes",
    "journal",
    "processes",
    "sockets",
    "shares",
    "docker",
    "docker_logs",
    "events",
    "incidents",
    "audit",
    "action",
];
const YELLOW: [&str; 7] = [
    "start_guest",
    "resume_guest",
    "wake_node",
    "restart_service",
    "create_snapshot",
    "start_backup",
    "docker_start",
];

fn collect<const N: usize>(rules: [(&'static str, bool); N]) -> Vec<&'static str> {
    rules.into_iter().filter(|(_, broken)| *broken).map(|(id, _)| id).collect()
}

fn person(seen: &Seen<'_>) -> bool {
    matches!(seen.caller, Caller::Human { .. })
}

/// A person stands behind it: their own act, or their approval of this very thing. Never behind a runbook's haste.
fn person_decided(seen: &Seen<'_>) -> bool {
    person(seen) || (seen.approved && !matches!(seen.caller, Caller::Runbook { .. }))
}

fn credential(seen: &Seen<'_>, reads: bool) -> Vec<&'static str> {
    let allowed = match seen.caller {
        Caller::Human { .. } | Caller::Runbook { .. } => true,
        Caller::Token { scopes, .. } => {
            if reads {
                scopes.read
            } else {
                scopes.act
            }
        }
        Caller::Mcp { scopes, profile, .. } => {
            scopes.mcp && (reads || (scopes.act && *profile == crate::tools::listing::Profile::Act))
        }
        Caller::Model { scopes, local, .. } => scopes.chat && (reads || (scopes.act && !local)),
    };
    let exhausted = matches!(seen.caller, Caller::Model { .. })
        && match &seen.facts.budget {
            Fact::Known(Some(b)) => {
                [u64::from(b.steps_left), b.tokens_left, b.money_left_pico_usd, u64::from(b.repeats_left)]
                    .contains(&0)
                    || b.time_left_ms <= 0
            }
            Fact::Known(None) => !reads,
            Fact::Unknown(_) => !reads,
        };
    let ended = !reads && seen.facts.credential_over != Fact::Known(None);
    collect([("scopes", !allowed), ("credential", ended), ("i34", exhausted)])
}

fn switches(seen: &Seen<'_>, name: &str) -> Vec<&'static str> {
    let f = seen.facts;
    let level = f.autonomy.known().map(|a| match seen.caller {
        Caller::Runbook { .. } => a.trust.map_or(0, |t| {
            let mut level = u8::from(a.global).min(u8::from(t.granted)).min(u8::from(t.left));
            if !a.tests_pass {
                level = level.min(2);
            }
            level
        }),
        _ => u8::from(a.global),
    });
    let level_forbids = !person(seen)
        && match level {
            None | Some(0) => true,
            Some(1) => !person_decided(seen),
            Some(2) => !seen.approved,
            Some(_) => false,
        };
    let tainted = seen.tainted != &Fact::Known(false);
    let trusted = matches!(seen.caller, Caller::Runbook { structured: true, .. });
    let red = !YELLOW.contains(&name);
    collect([
        ("i1", f.kill_switch == Fact::Known(true)),
        ("i2", f.kill_switch.known().is_none() || f.autonomy.known().is_none()),
        ("i2", f.budget.known().is_none() || f.limits.known().is_none() || f.own.known().is_none()),
        ("i6", red && !seen.approved),
        ("level", level_forbids),
        ("i28", f.intent_log_writable != Fact::Known(true)),
        ("i33", tainted && !trusted && !person(seen) && !seen.approved),
    ])
}

fn sight(seen: &Seen<'_>, name: &str) -> Vec<&'static str> {
    let f = seen.facts;
    let sight = f.sight.known();
    let quorate = sight.is_some_and(|s| s.quorate != Some(false));
    let agreed = sight.is_some_and(|s| s.contradiction.is_none());
    let node_power = name == "reboot_node" || name == "shutdown_node";
    let loses = f.blast.known().is_none_or(|b| matches!(b.quorum, crate::graph::QuorumAfter::Lost { .. }));
    collect([
        ("i14", f.target.matches != Fact::Known(1)),
        ("i15", !quorate || !agreed || f.target.looks.known().is_none_or(|looks| *looks < 2)),
        ("i15", f.target.condition.known().is_none()),
        ("i16", loses || (node_power && !person(seen))),
        ("i9", name == "start_guest" && f.target.condition != Fact::Known(Condition::Down)),
        ("i9", name == "start_guest" && f.target.node_online != Fact::Known(true)),
    ])
}

fn target(seen: &Seen<'_>, name: &str) -> Vec<&'static str> {
    let t = &seen.facts.target;
    let on_guest = matches!(seen.operation.target(), Target::Guest(_));
    let node_power = name == "reboot_node" || name == "shutdown_node";
    let ha_forbids = match &t.ha {
        Fact::Known(None) => false,
        Fact::Known(Some(state)) => !["started", "stopped", "ignored"].contains(&state.as_str()),
        Fact::Unknown(_) => true,
    };
    // What HA has no request for would be a direct act on a guest of its.
    let ha_fought = matches!(&t.ha, Fact::Known(Some(state)) if state != "ignored")
        && ["resume_guest", "stop_guest", "reboot_guest", "suspend_guest"].contains(&name);
    let full = match &t.storages {
        Fact::Known(all) => {
            all.iter().any(|s| !s.available || s.fill_percent.is_none_or(|percent| percent >= 95))
        }
        Fact::Unknown(_) => true,
    };
    let needs_room = ["start_guest", "resume_guest", "create_snapshot", "start_backup"].contains(&name);
    let pinned_elsewhere = seen.pin.is_some() && seen.pin != t.identity.known();
    let unpinned = seen.pin.is_none() && matches!(seen.caller, Caller::Runbook { .. });
    let listed_only = name == "restart_service" || name.starts_with("docker_");
    let goes_nowhere = match seen.operation {
        Operation::MigrateGuest(call) => {
            t.destination != Fact::Known(Some(Destination::Online))
                || t.node == Fact::Known(Some(call.to.clone()))
        }
        _ => false,
    };
    let off = !matches!(&t.meant_off, Fact::Known(None));
    let brings_up = ["start_guest", "resume_guest", "wake_node", "docker_start"].contains(&name);
    collect([
        ("i14", goes_nowhere),
        ("i18", on_guest && (ha_forbids || ha_fought)),
        ("i19", on_guest && t.lock != Fact::Known(None)),
        ("i19", (on_guest || node_power) && t.busy.known().is_none_or(|busy| !busy.is_empty())),
        ("i21", t.identity.known().is_none() || pinned_elsewhere || unpinned),
        ("i22", brings_up && off && !(person_decided(seen) && t.meant_off.known().is_some())),
        ("i23", needs_room && full),
        ("i23", name == "delete_snapshot" && matches!(seen.caller, Caller::Runbook { .. })),
        ("i24", name == "wake_node" && t.absent != Fact::Known(true)),
        ("listed", listed_only && t.listed != Fact::Known(Listed::Yes)),
    ])
}

/// How many entries happened, for sure or perhaps, within the last minutes.
fn within<'l>(ledger: &'l Ledger, now: &'l Moment, minutes: i64) -> impl Iterator<Item = &'l Entry> {
    ledger.entries.iter().filter(move |entry| {
        let age_ms = if entry.at.boot == now.boot { now.boot_ms - entry.at.boot_ms } else { now.boot_ms };
        age_ms < minutes * 60_000
    })
}

fn pace(seen: &Seen<'_>, name: &str) -> Vec<&'static str> {
    let f = seen.facts;
    let target = seen.operation.target();
    let key = target.to_string();
    let runbook = matches!(seen.caller, Caller::Runbook { .. });
    let too_many = f.ledger.known().is_none_or(|ledger| {
        let auto = |minutes| within(ledger, &f.now, minutes).filter(|e| !e.by_human);
        !person(seen)
            && (auto(60).count() >= 6
                || auto(24 * 60).count() >= 20
                || auto(60).filter(|e| e.target == target).count() >= 3
                || (runbook && auto(60).filter(|e| e.runbook.as_deref() == Some("guest-down")).count() >= 3))
    });
    let woken = f.ledger.known().is_none_or(|l| within(l, &f.now, 60).any(|e| e.wake && e.target == target));
    let flapping = f.flaps.known().is_none_or(|flaps| {
        let quarantined = flaps.quarantined.contains_key(&key) && !person_decided(seen);
        quarantined || (runbook && flaps.tries.contains_key(&key))
    });
    let storm = f.trouble.known().is_none_or(|t| {
        let share =
            f64::from(t.guests_unhealthy) >= 0.3 * f64::from(t.guests_total) && t.guests_unhealthy > 0;
        (t.nodes_unhealthy >= 2 || share || t.own_network_suspect) && !person_decided(seen)
    });
    let hands_on = match &f.target.human_task {
        Fact::Known(None) => false,
        Fact::Known(Some(at)) => f.now.boot_ms - at.boot_ms < 15 * 60_000 && !person_decided(seen),
        Fact::Unknown(_) => true,
    };
    // Through Jarvis or past it: a hand is a hand.
    let hands_on = hands_on
        || f.ledger.known().is_none_or(|ledger| {
            let lately = |at: &Moment| {
                let age_ms = if at.boot == f.now.boot { f.now.boot_ms - at.boot_ms } else { f.now.boot_ms };
                age_ms < 15 * 60_000
            };
            let theirs = ledger.entries.iter().filter(|e| e.by_human && e.target == target);
            theirs.into_iter().any(|e| lately(&e.until)) && !person_decided(seen)
        });
    let window = f.windows.known().is_none_or(|windows| {
        let node = f.target.node.known().cloned().flatten();
        let open = windows.iter().any(|w| {
            let on = w.on.as_ref().map(ToString::to_string);
            let covers = on.is_none_or(|on| {
                on == key.replace('/', " ") || node.as_ref().is_some_and(|node| on == format!("node {node}"))
            });
            covers && w.from_ms <= f.now.wall_ms && f.now.wall_ms < w.until_ms
        });
        let doubtful = !windows.is_empty() && f.clock_steady != Fact::Known(true);
        (open || doubtful) && !person_decided(seen)
    });
    collect([
        ("i11", too_many),
        ("i12", flapping),
        ("i13", storm),
        ("i22", window),
        ("i24", name == "wake_node" && woken),
        ("i25", hands_on),
    ])
}

/// The small world's own truth of who is who, not read from the forecast.
fn own(seen: &Seen<'_>, name: &str) -> Vec<&'static str> {
    let f = seen.facts;
    let target = seen.operation.target().to_string();
    let hit = |names: &[&str]| names.contains(&target.as_str());
    let core = hit(&["guest/103", "node/agent1", "service/agent1/smbd.service"]);
    let needed = hit(&["guest/110", "container/docker1/proxy"]);
    let harmless = [
        "start_guest",
        "resume_guest",
        "wake_node",
        "docker_start",
        "create_snapshot",
        "start_backup",
        "delete_snapshot",
    ];
    let disturbs = !harmless.contains(&name);
    let takes_model_along = disturbs && target == "node/pve2" && name != "restart_service";
    let blast = f.blast.known();
    let others = blast.is_none_or(|b| b.down.iter().any(|s| s.through.is_some()));
    let protected = f.limits.known().is_none_or(|limits| {
        limits.protected.iter().any(|thing| {
            let thing = thing.to_string();
            thing == target.replace('/', " ")
                || (target.starts_with("service/pve/") && thing == "node pve")
                || blast.is_some_and(|b| {
                    b.down.iter().any(|s| s.through.is_some() && s.thing.to_string() == thing)
                })
        })
    });
    collect([
        ("i20", core || (needed && disturbs) || takes_model_along || protected),
        ("i20", needed && !seen.approved),
        ("blast", others && !seen.approved),
    ])
}
