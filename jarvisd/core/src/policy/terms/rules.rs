//! The rules that the settings make, and whether other rules would allow more.
//!
//! What cannot be told to be stricter counts as looser. Not here: reading settings, and who may loosen them beyond
//! saying that it takes a person who has just logged in.

use std::collections::BTreeSet;

use super::{
    facts::Window,
    limits::{Limits, Loosens},
};
use crate::{
    graph::{Declared, Need, Runs, Thing},
    tools::Target,
};

/// Everything of the settings that decides what may be done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules {
    pub limits: Limits,
    /// Times in which automation keeps away.
    pub windows: Vec<Window>,
    /// What depends on what, where that cannot be seen.
    pub links: Vec<Declared>,
    /// Services that may be restarted; no other is.
    pub restart: BTreeSet<Target>,
    /// Where Jarvis itself runs; while nobody says, nothing is changed.
    pub runs: Option<Runs>,
    pub model_hosts: BTreeSet<Thing>,
    /// Whatever else Jarvis needs.
    pub needs: BTreeSet<Thing>,
}

impl Rules {
    /// What `next` would allow that `self` does not, by the names of the settings; empty when it only tightens.
    pub fn loosened_by(&self, next: &Self) -> Vec<&'static str> {
        // All fields by name, so that a new one cannot be forgotten.
        let Self { limits, windows, links, restart, runs, model_hosts, needs } = next;
        let mut loosened = self.limits.loosened_by(limits);
        let parts = [
            ("windows", !self.windows.iter().all(|old| windows.iter().any(|new| spans(new, old)))),
            ("links", !self.links.iter().all(|old| links.iter().any(|new| binds(new, old)))),
            ("services.restart", !restart.is_subset(&self.restart)),
            ("own", !stays(self.runs.as_ref(), runs.as_ref())),
            ("own.model_hosts", !model_hosts.is_superset(&self.model_hosts)),
            ("own.needs", !needs.is_superset(&self.needs)),
        ];
        loosened.extend(parts.into_iter().filter(|(_, loosens)| *loosens).map(|(name, _)| name));
        loosened
    }

    /// Takes new rules: always when they only tighten, otherwise only from a freshly logged-in person.
    pub fn reloaded(&self, next: Self, freshly_logged_in: bool) -> Result<Self, Loosens> {
        let loosened = self.loosened_by(&next);
        if loosened.is_empty() || freshly_logged_in { Ok(next) } else { Err(Loosens(loosened)) }
    }
}

/// One window keeps away whatever the other one does. A window that is over counts too: a clock may be set back.
fn spans(new: &Window, old: &Window) -> bool {
    let what = new.on.is_none() || new.on == old.on;
    what && new.from_ms <= old.from_ms && new.until_ms >= old.until_ms
}

fn binds(new: &Declared, old: &Declared) -> bool {
    let ends = new.dependent == old.dependent && new.on == old.on;
    ends && (new.need == old.need || new.need == Need::Hard)
}

/// Whether what is protected as Jarvis' own place stays so.
fn stays(old: Option<&Runs>, new: Option<&Runs>) -> bool {
    match (old, new) {
        // Nothing is changed any more.
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(Runs::Guest { vmid, identity: None }), Some(Runs::Guest { vmid: same, .. })) => vmid == same,
        (Some(old), Some(new)) => old == new,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::{
        graph::{Durations, Graph, Votes},
        policy::{Fact, Listed, Verdict, testing::*, weigh},
        tools::Operation,
    };

    fn window() -> impl Strategy<Value = Window> {
        let on = prop_oneof![Just(None), Just(Some(guest(102))), Just(Some(node("pve2")))];
        let from = -2i64..2;
        (on, from, 1i64..4).prop_map(|(on, from, long)| Window {
            on,
            from_ms: NOW.wall_ms + from * 1_000,
            until_ms: NOW.wall_ms + (from + long) * 1_000,
        })
    }

    fn link() -> impl Strategy<Value = Declared> {
        (100u32..104, 100u32..104, any::<bool>()).prop_map(|(dependent, on, hard)| Declared {
            dependent: guest(dependent),
            on: guest(on),
            need: if hard { Need::Hard } else { Need::Soft },
        })
    }

    fn unit(n: u8) -> Target {
        op("restart_service", json!({"node": "pve2", "unit": format!("unit{n}.service")})).target()
    }

    fn runs() -> impl Strategy<Value = Option<Runs>> {
        let identity = prop_oneof![Just(None), Just(Some("a".to_owned())), Just(Some("b".to_owned()))];
        prop_oneof![
            Just(None),
            Just(Some(Runs::Outside)),
            Just(Some(Runs::Node("agent1".parse().unwrap()))),
            (102u32..104, identity)
                .prop_map(|(n, identity)| Some(Runs::Guest { vmid: n.try_into().unwrap(), identity })),
        ]
    }

    prop_compose! {
        fn limits()(
            hour in 0u32..3, per_target in 0u32..3, off_min in 1i64..40, storm in 1u32..3, share in 5u32..20,
            full in 45u32..55, looks in 1u32..4, saved in proptest::collection::btree_set(100u32..104, 0..3),
        ) -> Limits {
            Limits {
                actions_per_hour_max: hour, target_per_hour_max: per_target, hands_off_ms: off_min * 60_000,
                storm_nodes_min: storm, storm_guests_percent_min: share, storage_full_percent_min: full,
                looks_min: looks, protected: saved.into_iter().map(guest).collect(), ..Limits::default()
            }
        }
    }

    prop_compose! {
        fn rules()(
            limits in limits(), windows in prop::collection::vec(window(), 0..3),
            links in prop::collection::vec(link(), 0..3), restart in prop::collection::btree_set(0u8..3, 0..3),
            runs in runs(), hosts in prop::collection::btree_set(100u32..103, 0..2),
            needs in prop::collection::btree_set(100u32..103, 0..2),
        ) -> Rules {
            Rules {
                limits, windows, links, runs, restart: restart.into_iter().map(unit).collect(),
                model_hosts: hosts.into_iter().map(guest).collect(), needs: needs.into_iter().map(guest).collect(),
            }
        }
    }

    /// Rules near others, so that many of them only tighten.
    fn changed(old: Rules, other: Rules, which: u8) -> Rules {
        let mut next = old.clone();
        let take = |bit: u8| which & (1 << bit) != 0;
        if take(0) {
            next.limits = other.limits;
        }
        if take(1) {
            next.windows.extend(other.windows);
        }
        if take(2) {
            next.links.extend(other.links);
        }
        if take(3) {
            next.restart = next.restart.intersection(&other.restart).cloned().collect();
        }
        if take(4) {
            next.runs = other.runs;
        }
        if take(5) {
            next.model_hosts.extend(other.model_hosts);
            next.needs.extend(other.needs);
        }
        if take(6) {
            next.windows.pop();
            next.links.pop();
        }
        if take(7) {
            next.restart.extend(other.restart);
        }
        next
    }

    /// The calm world under these rules.
    fn verdict(rules: &Rules, operation: &Operation, by: u8) -> Verdict {
        let mut graph = Graph::default();
        for (n, on) in [(100, "pve"), (101, "pve"), (102, "pve2"), (103, "agent1")] {
            graph.link(guest(n), node(on), Need::Hard);
        }
        for link in &rules.links {
            graph.link(link.dependent.clone(), link.on.clone(), link.need);
        }
        let mut facts = calm_with(operation, &graph);
        facts.limits = Fact::Known(rules.limits.clone());
        facts.windows = Fact::Known(rules.windows.clone());
        let listed = if rules.restart.contains(&operation.target()) { Listed::Yes } else { Listed::No };
        facts.target.listed = Fact::Known(listed);
        // Guest 103 bears the mark `a`.
        let core = match &rules.runs {
            None => None,
            Some(Runs::Outside) => Some(vec![]),
            Some(Runs::Node(name)) => Some(vec![Thing::Node(name.clone())]),
            Some(Runs::Guest { identity: Some(mark), .. }) if mark != "a" => None,
            Some(Runs::Guest { vmid, .. }) => Some(vec![Thing::Guest(*vmid)]),
        };
        let needs = rules.model_hosts.iter().chain(&rules.needs).cloned();
        facts.own = match core {
            Some(core) => Fact::Known(crate::graph::Own::of(core, needs)),
            None => Fact::unknown("nobody says where Jarvis runs"),
        };
        if let Fact::Known(own) = &facts.own {
            own.parts().for_each(|part| graph.link(Thing::Jarvis, part.clone(), Need::Hard));
            let votes = Votes::Cluster { online: 3, needed: 2 };
            facts.blast = Fact::Known(graph.blast_radius(operation, votes, &Durations::new()));
        }
        let caller = callers().remove(usize::from(by) % callers().len());
        weigh(&facts, &request(operation, caller)).verdict
    }

    fn operation(which: u8) -> Operation {
        match which {
            0 => op("start_guest", json!({"vmid": 102})),
            1 => op("stop_guest", json!({"vmid": 102})),
            2 => op("stop_guest", json!({"vmid": 100})),
            3 => op("restart_service", json!({"node": "pve2", "unit": "unit1.service"})),
            _ => op("create_snapshot", json!({"vmid": 101, "name": "snap"})),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_000))]
        #[test]
        fn i36_rules_that_only_tighten_allow_nobody_anything_more(
            old in rules(), other in rules(), which in any::<u8>(), tool in 0u8..5, by in any::<u8>(),
        ) {
            let next = changed(old.clone(), other, which);
            let operation = operation(tool);
            let taken = old.reloaded(next.clone(), false);
            prop_assert_eq!(taken.is_ok(), old.loosened_by(&next).is_empty());
            prop_assert!(old.reloaded(next.clone(), true).is_ok());
            if taken.is_ok() {
                let (before, after) = (verdict(&old, &operation, by), verdict(&next, &operation, by));
                prop_assert!(after >= before, "{before:?} became {after:?}");
            }
            // What is the same loosens nothing.
            prop_assert!(old.loosened_by(&old).is_empty());
        }
    }

    #[test]
    fn i36_each_part_is_named_when_it_is_loosened() {
        let old = Rules {
            windows: vec![Window { on: None, from_ms: 0, until_ms: 10 }],
            links: vec![Declared { dependent: guest(101), on: guest(100), need: Need::Hard }],
            restart: BTreeSet::from([unit(1)]),
            runs: Some(Runs::Outside),
            model_hosts: BTreeSet::from([guest(100)]),
            needs: BTreeSet::from([guest(101)]),
            ..Rules::default()
        };
        let loosened = |change: fn(&mut Rules)| {
            let mut next = old.clone();
            change(&mut next);
            old.loosened_by(&next)
        };
        assert_eq!(loosened(|r| r.windows[0].until_ms = 9), ["windows"]);
        assert_eq!(loosened(|r| r.windows[0].on = Some(guest(100))), ["windows"]);
        assert_eq!(loosened(|r| r.links[0].need = Need::Soft), ["links"]);
        assert_eq!(loosened(|r| r.restart.extend([unit(2)])), ["services.restart"]);
        assert_eq!(loosened(|r| r.runs = Some(Runs::Node("pve".parse().unwrap()))), ["own"]);
        assert_eq!(loosened(|r| r.model_hosts.clear()), ["own.model_hosts"]);
        assert_eq!(loosened(|r| r.needs.clear()), ["own.needs"]);
        assert_eq!(loosened(|r| r.limits.looks_min = 1), ["looks_min"]);
        assert!(loosened(|r| r.runs = None).is_empty());
        assert!(loosened(|r| r.windows[0].until_ms = 11).is_empty());
    }
}
