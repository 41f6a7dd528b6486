//! What may happen in the simulated world: anybody asks for anything while anything may be wrong.

use serde_json::json;

use super::{super::testing::*, super::*, dice::Dice};
use crate::{
    graph::{Durations, Graph, Struck, Votes},
    tools::{Operation, Target, listing::Profile},
};

/// Everything that can be asked for here: every tool, each change on ordinary targets and on Jarvis' own.
pub(super) fn operations() -> Vec<Operation> {
    let mut all = crate::tools::tests::examples();
    for n in [100, 101, 102, 103, 110] {
        for name in
            ["start_guest", "resume_guest", "shutdown_guest", "stop_guest", "reboot_guest", "suspend_guest"]
        {
            all.push(op(name, json!({"vmid": n})));
        }
        all.push(op("migrate_guest", json!({"vmid": n, "to": "agent1"})));
        for name in ["create_snapshot", "delete_snapshot"] {
            all.push(op(name, json!({"vmid": n, "name": "before"})));
        }
        all.push(op("start_backup", json!({"vmid": n, "storage": "local"})));
    }
    for name in ["pve", "pve2", "agent1"] {
        all.extend(["wake_node", "reboot_node", "shutdown_node"].map(|tool| op(tool, json!({"node": name}))));
        all.push(op("restart_service", json!({"node": name, "unit": "smbd"})));
    }
    for name in ["web", "proxy"] {
        for tool in ["docker_start", "docker_stop", "docker_restart"] {
            all.push(op(tool, json!({"host": "docker1", "name": name})));
        }
    }
    all
}

pub(super) fn caller(dice: &mut Dice) -> Caller {
    let scopes = if dice.one_in(4) {
        let mut on = || dice.one_in(2);
        Scopes { read: on(), chat: on(), act: on(), mcp: on() }
    } else {
        Scopes::ALL
    };
    match dice.below(6) {
        0 => human(),
        1 => Caller::Token { id: "t1".into(), scopes },
        2 => Caller::Mcp {
            id: "m1".into(),
            scopes,
            profile: if dice.one_in(4) { Profile::Read } else { Profile::Act },
        },
        3 => Caller::Model { conversation: "c1".into(), local: dice.one_in(4), scopes },
        _ => Caller::Runbook { id: "guest-down".into(), structured: !dice.one_in(4) },
    }
}

pub(super) const DISTURBANCES: u64 = 52;

/// Makes one thing wrong, or only different.
pub(super) fn disturb(which: u64, facts: &mut Facts, request: &mut Request, dice: &mut Dice, graph: &Graph) {
    if which < 21 {
        hide(which, facts, request)
    } else if which < 36 {
        upset_target(which, facts, dice)
    } else {
        upset_cluster(which, facts, request, dice, graph);
    }
}

/// One fact cannot be read.
fn hide(which: u64, f: &mut Facts, r: &mut Request) {
    fn lost<T>(fact: &mut Fact<T>) {
        *fact = Fact::unknown("not readable");
    }
    let t = &mut f.target;
    match which {
        0 => lost(&mut f.kill_switch),
        1 => lost(&mut f.intent_log_writable),
        2 => lost(&mut f.autonomy),
        3 => lost(&mut f.own),
        4 => lost(&mut f.ledger),
        5 => lost(&mut f.flaps),
        6 => lost(&mut f.budget),
        7 => lost(&mut f.sight),
        8 => lost(&mut f.trouble),
        9 => lost(&mut f.windows),
        10 => lost(&mut f.blast),
        11 => lost(&mut f.limits),
        12 => lost(&mut t.matches),
        13 => lost(&mut t.identity),
        14 => lost(&mut t.looks),
        15 => lost(&mut t.condition),
        16 => lost(&mut t.lock),
        17 => lost(&mut t.busy),
        18 => lost(&mut t.ha),
        19 => lost(&mut t.human_task),
        _ => lost(&mut r.tainted),
    }
}

fn upset_target(which: u64, f: &mut Facts, dice: &mut Dice) {
    let ago =
        |minutes: u64| Moment { boot_ms: f.now.boot_ms - 60_000 * i64::try_from(minutes).unwrap(), ..f.now };
    let t = &mut f.target;
    match which {
        21 => t.matches = Fact::Known(u32::try_from(dice.below(3)).unwrap()),
        22 => t.looks = Fact::Known(u32::try_from(dice.below(4)).unwrap()),
        23 => t.condition = Fact::Known(*dice.pick(&[Condition::Up, Condition::Down, Condition::Paused])),
        24 => t.lock = Fact::Known(Some("backup".into())),
        25 => t.busy = Fact::Known(vec!["vzdump".into()]),
        26 => {
            let states = ["started", "stopped", "ignored", "fence", "recovery", "migrate", "error"];
            t.ha = Fact::Known(Some((*dice.pick(&states)).to_owned()));
        }
        27 => t.human_task = Fact::Known(Some(ago(dice.below(30)))),
        28 => t.meant_off = Fact::Known(Some("onboot is 0".into())),
        29 => t.meant_off = Fact::unknown("not readable"),
        30 => {
            let fill = *dice.pick(&[Some(10), Some(94), Some(95), Some(99), None]);
            t.storages = Fact::Known(vec![
                StorageNow { name: "a".into(), available: true, fill_percent: Some(1) },
                StorageNow { name: "b".into(), available: !dice.one_in(3), fill_percent: fill },
            ]);
        }
        31 => t.storages = Fact::unknown("not readable"),
        32 => {
            let no = *dice.pick(&[Listed::No, Listed::OwnStack, Listed::OnlyRead]);
            t.listed = if dice.one_in(2) { Fact::Known(no) } else { Fact::unknown("not readable") };
        }
        33 => t.absent = if dice.one_in(2) { Fact::Known(false) } else { Fact::unknown("not readable") },
        34 => t.node_online = if dice.one_in(2) { Fact::Known(false) } else { Fact::unknown("not readable") },
        _ => t.config_digest = "d2".into(),
    }
}

fn upset_cluster(which: u64, f: &mut Facts, r: &mut Request, dice: &mut Dice, graph: &Graph) {
    match which {
        36 => f.kill_switch = Fact::Known(true),
        37 => f.intent_log_writable = Fact::Known(false),
        38 => {
            let level = |dice: &mut Dice| Level::try_from(u8::try_from(dice.below(5)).unwrap()).unwrap();
            let trust = (!dice.one_in(6)).then(|| Trust { granted: level(dice), left: level(dice) });
            let (global, tests_pass) = (level(dice), !dice.one_in(3));
            f.autonomy = Fact::Known(Autonomy { global, trust, tests_pass });
        }
        39 => f.ledger = Fact::Known(ledger(&r.operation.target(), f.now, dice)),
        40 => {
            let mut flaps = Flaps::default();
            let target = r.operation.target();
            if dice.one_in(2) {
                flaps.quarantined.insert(target.to_string(), f.now);
            } else {
                flaps
                    .tries
                    .insert(target.to_string(), (1, Moment { boot_ms: f.now.boot_ms - 30_000, ..f.now }));
            }
            f.flaps = Fact::Known(flaps);
        }
        41 => f.budget = Fact::Known(budget(dice)),
        42 => {
            let quorate = *dice.pick(&[Some(true), Some(false), None]);
            let contradiction = dice.one_in(3).then(|| "online 0, yet quorate".to_owned());
            f.sight = Fact::Known(Sight { quorate, contradiction });
        }
        43 => {
            let mut n = |max| u32::try_from(dice.below(max)).unwrap();
            let (nodes_unhealthy, guests_total, guests_unhealthy) = (n(4), n(12), n(6));
            let own_network_suspect = dice.one_in(4);
            f.trouble =
                Fact::Known(Trouble { nodes_unhealthy, guests_total, guests_unhealthy, own_network_suspect });
        }
        44 => {
            let on = dice
                .pick(&[None, Some(guest(100)), Some(guest(102)), Some(node("pve")), Some(node("pve2"))])
                .clone();
            let from_ms = f.now.wall_ms + i64::try_from(dice.below(4)).unwrap() - 2;
            f.windows = Fact::Known(vec![Window { on, from_ms, until_ms: from_ms + 2 }]);
            f.clock_steady = Fact::Known(!dice.one_in(3));
        }
        45 => {
            let online = 1 + u32::try_from(dice.below(3)).unwrap();
            let votes = Votes::Cluster { online, needed: 2 };
            f.blast = Fact::Known(graph.blast_radius(&r.operation, votes, &Durations::new()));
        }
        46 => {
            if let Fact::Known(blast) = &mut f.blast {
                blast.down.push(Struck { thing: guest(105), through: Some(guest(100)) });
            }
        }
        47 => {
            let protected = [dice.pick(&[guest(100), guest(101), node("pve"), guest(105)]).clone()].into();
            f.limits = Fact::Known(Limits { protected, ..Limits::default() });
        }
        48 => {
            r.pin =
                if dice.one_in(2) { None } else { Some(identity_of(&Target::Guest(101.try_into().unwrap()))) }
        }
        49 => f.credential_over = over(dice),
        50 => r.tainted = Fact::Known(true),
        _ => f.target.destination = nowhere(dice),
    }
}

fn over(dice: &mut Dice) -> Fact<Option<String>> {
    let why = Some("the token t1, which asked for it, was revoked".to_owned());
    if dice.one_in(2) { Fact::Known(why) } else { Fact::unknown("not readable") }
}

fn nowhere(dice: &mut Dice) -> Fact<Option<Destination>> {
    let to = [Some(Destination::Offline), Some(Destination::Nowhere), None];
    if dice.one_in(4) { Fact::unknown("not readable") } else { Fact::Known(*dice.pick(&to)) }
}

fn ledger(target: &Target, now: Moment, dice: &mut Dice) -> Ledger {
    let entries = (0..dice.below(24)).map(|_| {
        let longest = if dice.one_in(2) { 90 } else { 1_500 };
        let minutes = i64::try_from(dice.below(longest)).unwrap();
        let boot = if dice.one_in(12) { now.boot - 1 } else { now.boot };
        // Some took most of the time since.
        let over = i64::try_from(dice.below(u64::try_from(minutes).unwrap() + 1)).unwrap();
        let ago = |minutes: i64| Moment { boot_ms: now.boot_ms - minutes * 60_000, wall_ms: 0, boot };
        Entry {
            at: ago(minutes),
            until: ago(over),
            target: if dice.one_in(4) { target.clone() } else { Target::Guest(999.try_into().unwrap()) },
            runbook: dice.one_in(4).then(|| "guest-down".to_owned()),
            by_human: dice.one_in(2),
            wake: dice.one_in(3),
        }
    });
    Ledger { entries: entries.collect() }
}

fn budget(dice: &mut Dice) -> Option<RunBudget> {
    let mut left = || dice.below(4);
    let (steps, tokens, money, time, repeats) = (left(), left(), left(), left(), left());
    (!dice.one_in(6)).then(|| RunBudget {
        steps_left: steps.try_into().unwrap(),
        tokens_left: tokens,
        money_left_pico_usd: money,
        time_left_ms: time.try_into().unwrap(),
        repeats_left: repeats.try_into().unwrap(),
    })
}
