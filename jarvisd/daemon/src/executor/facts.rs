//! Everything a decision looks at, gathered for it and for nothing else. Nothing is judged here.

use std::{collections::BTreeSet, sync::Arc};

use jarvis_core::{
    cluster::{ClusterState, NodeStatus, SourceId, Vmid},
    graph::{Graph, Inputs, Own, OwnSettings, Runs, Thing},
    policy::{
        Autonomy, Caller, Condition, Destination, Fact, Facts, Identity, PolicyVersion, Rules, TargetFacts,
        evidence,
    },
    protocol::acting::BlastView,
    tools::{Effect, Impact, Operation, Target, Tier},
};

use super::{
    Inner,
    approvals::Proposed,
    look::{self, Look},
    views,
};
use crate::clients::{proxmox::changes::Place, wake::Mac};

/// Facts, and what is needed to carry out what is decided on them.
#[derive(Debug)]
pub struct Gathered {
    pub facts: Facts,
    pub state: Arc<ClusterState>,
    /// Where Proxmox finds the target; missing when that is not known.
    pub place: Option<Place>,
    /// The hardware address of a node to be woken, as it was learnt.
    pub learnt: Option<Mac>,
}

impl Gathered {
    pub fn blast_view(&self) -> Option<BlastView> {
        self.facts.blast.known().map(|blast| views::blast(blast, &self.state))
    }
}

impl Inner {
    pub(super) async fn gather(&self, proposed: &Proposed) -> Gathered {
        let Proposed { operation, caller, token, .. } = proposed;
        if operation.tier() == Tier::Green {
            return self.for_read();
        }
        // What was done to the switch since the last look begins a new epoch before anything is decided in it.
        self.watch_switch().await;
        let target = operation.target();
        let force = self.in_force();
        let look = self.look(&target, force.limits().looks_min).await;
        let own = self.own(&look.state, &force.rules).await;
        let blast = self.blast(operation, &look.state, &own, &force.rules).await;
        let now = self.parts.clock.moment();
        let (standing, ledger) =
            tokio::join!(self.parts.store.standing().read(), self.parts.store.ledger().entries(now));
        let (flaps, writable, credential_over) = tokio::join!(
            self.parts.store.ledger().flaps(),
            self.parts.store.intents().writable(now),
            self.credential_over(*token)
        );
        let autonomy = match &standing {
            Ok(standing) => self.autonomy_of(standing.level, &target, caller).await,
            Err(error) => Fact::unknown(error.to_string()),
        };
        let epoch = standing.as_ref().map_or(0, |standing| standing.epoch);
        let (state, node) = (Arc::clone(&look.state), look.node.clone());
        let running = look.condition == Fact::Known(Condition::Up);
        let place = node.map(|node| Place { node, kind: look.kind, running });
        let facts = Facts {
            now,
            version: PolicyVersion { rules: force.version, epoch },
            limits: Fact::Known(force.limits().clone()),
            kill_switch: self.switch().await,
            intent_log_writable: match writable {
                Ok(()) => Fact::Known(true),
                Err(error) => Fact::unknown(error.to_string()),
            },
            credential_over,
            autonomy,
            own,
            ledger: Fact::from(ledger),
            flaps: Fact::from(flaps),
            // No model has a run on record here yet: one that asks for a change is refused.
            budget: Fact::Known(None),
            sight: evidence::sight(&state),
            trouble: evidence::trouble(&state, &self.fallen(&state), own_network_suspect(&state)),
            windows: Fact::Known(force.rules.windows.clone()),
            clock_steady: Fact::Known(self.eyes.clock_steady()),
            target: self.target(operation, &target, look, &now),
            blast,
        };
        Gathered { facts, state, place, learnt: self.learnt(operation).await }
    }

    /// Guests that were seen to fall and are still down, unless they are known to be meant so.
    fn fallen(&self, state: &ClusterState) -> BTreeSet<Vmid> {
        let configs = self.configs.all();
        let meant = |vmid: &Vmid| {
            let meant = evidence::meant_off(state, &configs, &Target::Guest(*vmid));
            matches!(meant, Fact::Known(Some(_)))
        };
        self.eyes.down().into_iter().filter(|vmid| !meant(vmid)).collect()
    }

    fn target(
        &self,
        operation: &Operation,
        target: &Target,
        look: Look,
        now: &jarvis_core::policy::Moment,
    ) -> TargetFacts {
        let state = &look.state;
        let configs = self.configs.all();
        let names = match operation {
            Operation::StartBackup(backup) => Fact::Known(look::named(&backup.storage)),
            _ => look.storages.clone(),
        };
        let storages = match &names {
            Fact::Known(names) => Fact::Known(look::storages_now(state, look.node.as_ref(), names)),
            Fact::Unknown(why) => Fact::Unknown(why.clone()),
        };
        // What copies to or from one of its storages is in the way too.
        let own_names = look.storages.known().cloned().unwrap_or_default();
        let online = look.node.as_ref().and_then(|node| state.nodes.get(node)).map(|node| node.status);
        TargetFacts {
            matches: look.matches,
            identity: evidence::identity(state, &configs, target),
            node_online: match online {
                Some(NodeStatus::Online) => Fact::Known(true),
                Some(NodeStatus::Offline) => Fact::Known(false),
                Some(NodeStatus::Unknown) | None => Fact::unknown("whether its node is online is not known"),
            },
            destination: destination(operation, state),
            node: match look.nowhere {
                Some(why) => Fact::unknown(why),
                None => Fact::Known(look.node),
            },
            looks: look.looks,
            condition: look.condition,
            lock: look.lock,
            busy: evidence::busy(state, target, &own_names),
            ha: look.ha,
            human_task: self.eyes.human_task(state, target, &self.own_users, now),
            meant_off: evidence::meant_off(state, &configs, target),
            storages,
            listed: look.listed,
            absent: look.absent,
            config_digest: look.config_digest,
        }
    }

    /// What Jarvis stands on, found anew.
    async fn own(&self, state: &ClusterState, rules: &Rules) -> Fact<Own> {
        let Some(runs) = rules.runs.clone() else {
            return Fact::unknown(
                "the settings do not say where Jarvis itself runs; give own.vmid, own.node or own.outside",
            );
        };
        if let (Runs::Guest { vmid, .. }, Some(proxmox)) = (&runs, &self.parts.proxmox)
            && let Some(guest) = state.guests.get(vmid)
            && let Err(why) = self.configs.fresh(proxmox, &guest.node, guest.kind, *vmid).await
        {
            return Fact::unknown(why);
        }
        let things = |all: &BTreeSet<Thing>| all.iter().cloned().collect();
        let settings =
            OwnSettings { runs, model_hosts: things(&rules.model_hosts), needs: things(&rules.needs) };
        Fact::from(Own::resolve(&settings, state, &self.configs.all()))
    }

    /// Only what takes something away needs to know all that leans on it.
    async fn blast(
        &self,
        operation: &Operation,
        state: &ClusterState,
        own: &Fact<Own>,
        rules: &Rules,
    ) -> Fact<jarvis_core::graph::Blast> {
        let votes = match evidence::votes(state) {
            Fact::Known(votes) => votes,
            Fact::Unknown(why) => return Fact::Unknown(why),
        };
        let Fact::Known(own) = own else {
            return Fact::unknown("what Jarvis itself stands on is not known");
        };
        let spreads =
            matches!(operation.effect().impact(), Impact::Interrupts | Impact::Moves | Impact::TakesDown);
        if spreads {
            let Some(proxmox) = &self.parts.proxmox else { return Fact::unknown("no cluster is configured") };
            if let Err(why) = self.configs.fill(proxmox, state).await {
                return Fact::unknown(why);
            }
        }
        let containers = if spreads { self.container_places().await } else { Vec::new() };
        let declared: Vec<_> = rules.links.iter().chain(&self.engines).cloned().collect();
        let inputs = Inputs {
            state,
            guests: &self.configs.all(),
            storages: &self.configs.storages(),
            containers: &containers,
            declared: &declared,
            own,
        };
        Fact::Known(Graph::derive(&inputs).blast_radius(operation, votes, &self.durations()))
    }

    async fn autonomy_of(
        &self,
        global: jarvis_core::policy::Level,
        target: &Target,
        caller: &Caller,
    ) -> Fact<Autonomy> {
        let trust = match caller.runbook() {
            None => None,
            Some(id) => match self.parts.store.ledger().trust(id, target.class()).await {
                Ok(trust) => trust,
                Err(error) => return Fact::unknown(error.to_string()),
            },
        };
        // No runbook is there whose tests could pass; until one is, none acts above recommending.
        Fact::Known(Autonomy { global, trust, tests_pass: false })
    }

    /// A read asks little: who may, and what is left of a model's run.
    fn for_read(&self) -> Gathered {
        let (_, state) = self.parts.state.current();
        let force = self.in_force();
        let none = "this is not looked at for a read";
        let facts = Facts {
            now: self.parts.clock.moment(),
            version: PolicyVersion { rules: force.version, epoch: 0 },
            limits: Fact::Known(force.limits().clone()),
            kill_switch: Fact::unknown(none),
            intent_log_writable: Fact::unknown(none),
            credential_over: Fact::unknown(none),
            autonomy: Fact::unknown(none),
            own: Fact::unknown(none),
            ledger: Fact::unknown(none),
            flaps: Fact::unknown(none),
            budget: Fact::Known(None),
            sight: Fact::unknown(none),
            trouble: Fact::unknown(none),
            windows: Fact::unknown(none),
            clock_steady: Fact::unknown(none),
            target: TargetFacts {
                matches: Fact::unknown(none),
                identity: Fact::unknown(none),
                node: Fact::unknown(none),
                node_online: Fact::unknown(none),
                destination: Fact::unknown(none),
                looks: Fact::unknown(none),
                condition: Fact::unknown(none),
                lock: Fact::unknown(none),
                busy: Fact::unknown(none),
                ha: Fact::unknown(none),
                human_task: Fact::unknown(none),
                meant_off: Fact::unknown(none),
                storages: Fact::unknown(none),
                listed: Fact::unknown(none),
                absent: Fact::unknown(none),
                config_digest: String::new(),
            },
            blast: Fact::unknown(none),
        };
        Gathered { facts, state, place: None, learnt: None }
    }

    /// The identity as it is now, read anew, for the last look.
    pub(super) async fn identity_now(&self, target: &Target) -> Fact<Identity> {
        let Target::Guest(vmid) = target else { return Fact::Known(Identity::named(target)) };
        let Some(proxmox) = &self.parts.proxmox else { return Fact::unknown("no cluster is configured") };
        let (_, state) = self.parts.state.current();
        let Some(guest) = state.guests.get(vmid) else { return Fact::unknown("there is no such guest") };
        match self.configs.fresh(proxmox, &guest.node, guest.kind, *vmid).await {
            Err(why) => Fact::unknown(why),
            Ok(_) => evidence::identity(&self.parts.state.current().1, &self.configs.all(), target),
        }
    }
}

/// Where a move goes, as the list of members has it.
fn destination(operation: &Operation, state: &ClusterState) -> Fact<Option<Destination>> {
    let Operation::MigrateGuest(call) = operation else { return Fact::Known(None) };
    match state.nodes.get(&call.to).map(|node| node.status) {
        None => Fact::Known(Some(Destination::Nowhere)),
        Some(NodeStatus::Online) => Fact::Known(Some(Destination::Online)),
        Some(NodeStatus::Offline) => Fact::Known(Some(Destination::Offline)),
        Some(NodeStatus::Unknown) => Fact::unknown(format!("whether {} is online is not known", call.to)),
    }
}

/// Several nodes that the cluster says are there do not answer us: the fault may be on our side.
pub fn own_network_suspect(state: &ClusterState) -> bool {
    /// One silent node is that node's trouble.
    const SILENT_MIN: usize = 2;
    let online = state.nodes.values().filter(|node| node.status == NodeStatus::Online);
    let silent = online.filter(|node| {
        let source = state.sources.get(&SourceId::node(&node.name));
        source.is_some_and(|source| source.error.is_some())
    });
    let lists = [SourceId::resources(), SourceId::membership(), SourceId::tasks()];
    let failing = lists.iter().filter(|id| state.sources.get(*id).is_some_and(|s| s.error.is_some()));
    silent.count() >= SILENT_MIN || failing.count() >= SILENT_MIN
}

/// Kinds of effects by a word, for scores.
pub fn word(effect: Effect) -> String {
    serde_json::to_value(effect).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}
