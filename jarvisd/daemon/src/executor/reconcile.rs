//! What was begun and has no outcome is settled by reading, and never sent again.
//!
//! A task of ours since the intent tells that it arrived. A list without one tells nothing: the request may still be on
//! its way, and a node's clock may differ. Then a person looks.

use std::{collections::BTreeSet, time::Duration};

use jarvis_core::{
    cluster::{GuestKind, NodeName, Upid, Vmid},
    protocol::acting::{ActionState, ActionView, BlastView, ExactCall, Verified},
    tools::{Effect, Operation, Target},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Executor, ExecutorError, Inner, end::Ended, run::UnderWay, verify::Before, views};
use crate::{
    clients::proxmox::{
        Proxmox, TaskFilter,
        changes::{self, Place},
    },
    store::{End, Intent, StoreError},
};

/// Between two looks for a task.
const EVERY: Duration = Duration::from_millis(500);
/// Clocks are read to a second, and so are the beginnings of tasks.
const SLACK_MS: i64 = 2_000;
/// Tasks of a node looked through; ours is among the newest.
const TASKS_MAX: u32 = 200;
/// Requests to the HA manager begin with this.
const HA_PATH: &str = "/cluster/ha/";
/// Only its API keeps tasks.
const PROXMOX: &str = "proxmox";
/// Intents whose tasks are known are not taken for another one's.
const INTENTS_MAX: i64 = 200;

/// What reading found of a request nobody answered.
#[derive(Debug)]
pub enum Found {
    Task(Upid),
    /// Such a request leaves no task: only its target tells.
    Traceless,
    Unclear(String),
    Stopping,
}

/// What a request leaves behind by which its arrival can be told, though nobody answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trace {
    /// A task of ours.
    Task,
    /// What the HA manager is asked for.
    HaRequest,
    /// Nothing but what becomes of its target.
    Target,
}

impl Trace {
    pub fn of(operation: &Operation, exact: &ExactCall) -> Self {
        let by_ha = exact.path.starts_with(HA_PATH);
        if exact.via != PROXMOX || kinds(operation.effect()).is_empty() {
            return Self::Target;
        }
        match (by_ha, wanted_of_ha(operation)) {
            (true, Some(_)) => Self::HaRequest,
            // Where the guest is in the end tells of a move.
            (true, None) => Self::Target,
            (false, _) => Self::Task,
        }
    }
}

/// Where it was to go, as an intent keeps it.
#[derive(Debug, Serialize, Deserialize)]
pub struct KeptPlace {
    node: NodeName,
    kind: Option<GuestKind>,
    running: bool,
}

impl KeptPlace {
    pub fn of(place: Option<&Place>) -> Option<Self> {
        place.map(|place| Self { node: place.node.clone(), kind: place.kind, running: place.running })
    }
}

impl Executor {
    /// Takes up what a former life left open: its lanes are held at once, its end is found in a task of its own.
    pub(super) async fn take_up(&self) -> Result<usize, ExecutorError> {
        self.0.await_unknown().await?;
        let open = self.0.parts.store.intents().open().await?;
        let count = open.len();
        for intent in open {
            let Some((operation, place)) = understood(&intent) else {
                let why = "what was begun is not understood by this version; look at the target".to_owned();
                let ended = Ended::plain(End::Unknown, Verified::Inconclusive, why);
                self.0.settle_blind(&intent, ended).await?;
                continue;
            };
            let pass = self.0.line.hold(
                Inner::lanes(&operation, Some(&place)),
                self.0.who_is(&intent.new.id, &operation, None),
            );
            let page = self.0.book.open(self.0.view_of(&intent));
            let this = self.clone();
            self.0.spawn(async move {
                let under_way = this.0.taken_up(&intent, &operation, place);
                let ended = this.0.to_its_end(&operation, &under_way, Some(&page)).await;
                if let Some(ended) = ended {
                    this.0.conclude(&page, &operation, ended, None, true).await;
                }
                drop(pass);
            });
        }
        Ok(count)
    }
}

impl Inner {
    /// What was under way, as its intent tells.
    pub(super) fn taken_up(&self, intent: &Intent, operation: &Operation, place: Place) -> UnderWay {
        let kept = predicted(&intent.new.predicted, "before");
        let before = kept.and_then(|kept| serde_json::from_value(kept).ok()).unwrap_or_default();
        // Without the request as it was to be sent only the target tells.
        let exact = serde_json::from_value::<ExactCall>(intent.new.exact.clone());
        UnderWay {
            upid: intent.upid.as_deref().and_then(|upid| upid.parse().ok()),
            place,
            before: Before { sent_ms: intent.new.at.wall_ms, ..before },
            trace: exact.map_or(Trace::Target, |exact| Trace::of(operation, &exact)),
            answered: intent.upid.is_some(),
            age_ms: self.parts.clock.moment().surely_since_ms(&intent.new.at),
        }
    }

    /// Looks for what became of a request that nobody answered.
    pub(super) async fn found(&self, operation: &Operation, under_way: &UnderWay) -> Found {
        let Some(proxmox) = self.parts.proxmox.clone() else {
            return Found::Unclear("no cluster is configured".to_owned());
        };
        if under_way.trace == Trace::Target {
            return Found::Traceless;
        }
        let deadline = self.parts.clock.monotonic() + self.parts.allowed(operation);
        let settled = self.parts.clock.monotonic() + self.parts.settle;
        loop {
            let looked = match (under_way.trace, wanted_of_ha(operation)) {
                (Trace::HaRequest, Some((vmid, wanted))) => asked_of_ha(&proxmox, vmid, wanted).await,
                _ => self.our_task(&proxmox, operation, under_way).await,
            };
            let now = self.parts.clock.monotonic();
            match looked {
                Ok(Some(found)) => return found,
                Ok(None) if now >= settled => {
                    let sign = match under_way.trace {
                        Trace::HaRequest => "the HA manager is not asked for it",
                        _ => "no task of ours is on record",
                    };
                    return Found::Unclear(format!("{sign}, which it may still become or have been"));
                }
                Err(why) if now >= deadline => return Found::Unclear(why),
                Ok(None) | Err(_) => {}
            }
            tokio::select! {
                () = tokio::time::sleep(EVERY) => {}
                () = self.stop.cancelled() => return Found::Stopping,
            }
        }
    }

    /// One look for the task of a request that was refused; where none is to be seen, the refusal counts.
    pub(super) async fn begun_all_the_same(
        &self,
        operation: &Operation,
        under_way: &UnderWay,
    ) -> Option<Upid> {
        let proxmox = self.parts.proxmox.as_ref().filter(|_| under_way.trace == Trace::Task)?;
        match self.our_task(proxmox, operation, under_way).await {
            Ok(Some(Found::Task(upid))) => Some(upid),
            Ok(_) => None,
            Err(why) => {
                tracing::warn!(%why, "whether a refused request began a task cannot be seen; it counts as refused");
                None
            }
        }
    }

    async fn our_task(
        &self,
        proxmox: &Proxmox,
        operation: &Operation,
        under_way: &UnderWay,
    ) -> Result<Option<Found>, String> {
        let place = &under_way.place;
        let since_ms = begins_ms(proxmox, under_way);
        let vmid = match operation.target() {
            Target::Guest(vmid) => Some(vmid),
            _ => None,
        };
        // Proxmox's own filter works on whole seconds of the node's clock.
        let filter = TaskFilter { vmid, since_s: Some(since_ms / 1_000), failed: false, limit: TASKS_MAX };
        let tasks = proxmox.node_tasks(&place.node, &filter).await.map_err(|e| e.to_string())?;
        let known = self.known_tasks().await.map_err(|e| e.to_string())?;
        let ours = tasks.value.into_iter().filter(|task| {
            let (kind, on) = (task.kind.as_str(), task.target.as_deref());
            self.own_users.contains(&task.user)
                && is_task_of(operation, kind, on)
                && task.start_ms >= since_ms
                && !known.contains(task.upid.as_str())
        });
        // The first one after the intent: a later one has an intent of its own.
        Ok(ours.min_by_key(|task| task.start_ms).map(|task| Found::Task(task.upid)))
    }

    /// Tasks that are those of actions on record.
    pub(super) async fn known_tasks(&self) -> Result<BTreeSet<String>, StoreError> {
        let recent = self.parts.store.intents().recent(INTENTS_MAX).await?;
        Ok(recent.into_iter().filter_map(|intent| intent.upid).collect())
    }

    async fn settle_blind(&self, intent: &Intent, ended: Ended) -> Result<(), ExecutorError> {
        let outcome = ended.outcome(None, self.parts.clock.now_ms(), true);
        self.parts.store.intents().outcome(&intent.new.id, outcome).await?;
        Ok(())
    }

    /// An action of this life, or one from the store.
    pub(super) async fn action_view(&self, id: &str) -> Option<ActionView> {
        if let Some(view) = self.book.get(id) {
            return Some(view.borrow().clone());
        }
        let stored = self.parts.store.intents().get(id).await.ok().flatten();
        stored.map(|intent| self.view_of(&intent))
    }

    /// The action with this number, or the one that the approval with this number began.
    pub(super) async fn action_of(&self, id: &str) -> Option<ActionView> {
        if let Some(view) = self.action_view(id).await {
            return Some(view);
        }
        let begun = self.approval_view_of(id).await?.action?;
        self.action_view(&begun).await
    }

    /// A stored action as it is shown.
    pub(super) fn view_of(&self, intent: &Intent) -> ActionView {
        let operation = operation_of(intent);
        let (_, state) = self.parts.state.current();
        let (node, vmid) = views::place(&intent.new.target, &state);
        let outcome = intent.outcome.as_ref();
        let detail = |key: &str| outcome.and_then(|o| o.detail.get(key)).cloned().unwrap_or_default();
        let text = |key: &str| detail(key).as_str().map(str::to_owned);
        let effect = operation.as_ref().map_or(Effect::Read, Operation::effect);
        let descriptor = operation.as_ref().map(Operation::descriptor);
        ActionView {
            id: intent.new.id.clone(),
            tool: descriptor.map_or("unknown", |d| d.name).to_owned(),
            title: descriptor.map_or("Unknown action", |d| d.title).to_owned(),
            args: operation.as_ref().map(Operation::args).unwrap_or_default(),
            target: intent.new.target.to_string(),
            node,
            vmid,
            tier: effect.tier(),
            effect,
            caller: intent.new.caller.clone(),
            approval: intent.new.approval.clone(),
            state: match outcome.map(|o| o.end) {
                None if intent.upid.is_some() => ActionState::Running,
                None => ActionState::Sending,
                Some(End::Ok) => ActionState::Ok,
                Some(End::Warnings) => ActionState::Warnings,
                Some(End::Failed | End::NotSent) => ActionState::Failed,
                Some(End::Unknown) => ActionState::Unknown,
            },
            message: text("message"),
            upid: intent.upid.as_deref().and_then(|upid| upid.parse().ok()),
            exit: text("exit"),
            log: serde_json::from_value(detail("log")).unwrap_or_default(),
            verified: outcome.map(|o| match o.verified {
                crate::store::Verified::Yes => Verified::Yes,
                crate::store::Verified::No => Verified::No,
                crate::store::Verified::Inconclusive => Verified::Inconclusive,
            }),
            evidence: text("evidence"),
            sent: serde_json::from_value(intent.new.exact.clone()).ok(),
            predicted: predicted(&intent.new.predicted, "blast")
                .and_then(|v| serde_json::from_value::<BlastView>(v).ok()),
            observed: serde_json::from_value(detail("observed")).ok(),
            waits_for: None,
            waits_since_ms: None,
            waits_until_ms: None,
            asked_ms: intent.new.at.wall_ms,
            sent_ms: Some(intent.new.at.wall_ms),
            ended_ms: outcome.map(|o| o.at_ms),
        }
    }
}

pub fn operation_of(intent: &Intent) -> Option<Operation> {
    let call: Value = serde_json::from_str(&intent.new.operation).ok()?;
    Operation::parse(call.get("tool")?.as_str()?, call.get("args")?).ok()
}

fn predicted(value: &Value, key: &str) -> Option<Value> {
    value.get(key).filter(|v| !v.is_null()).cloned()
}

pub fn understood(intent: &Intent) -> Option<(Operation, Place)> {
    let place: KeptPlace = serde_json::from_value(predicted(&intent.new.predicted, "place")?).ok()?;
    let place = Place { node: place.node, kind: place.kind, running: place.running };
    Some((operation_of(intent)?, place))
}

/// The state that the HA manager is asked for, where it is asked for one.
fn wanted_of_ha(operation: &Operation) -> Option<(Vmid, &'static str)> {
    match operation {
        Operation::StartGuest(call) => Some((call.vmid, "started")),
        Operation::ShutdownGuest(call) => Some((call.vmid, "stopped")),
        _ => None,
    }
}

/// Whether the HA manager is asked for it now. The request itself is in its files, so the answer is not late.
async fn asked_of_ha(proxmox: &Proxmox, vmid: Vmid, wanted: &str) -> Result<Option<Found>, String> {
    let states = proxmox.ha_states().await.map_err(|e| e.to_string())?;
    let ha = states.value.get(&vmid).ok_or("the HA manager does not list it")?;
    let asked = ha.wanted.as_deref().ok_or("the HA manager does not say what it is asked for")?;
    Ok((asked == wanted).then_some(Found::Traceless))
}

/// The earliest beginning of a task of this request, on the clock of its node.
pub fn begins_ms(proxmox: &Proxmox, under_way: &UnderWay) -> i64 {
    let skew_ms = proxmox.clock_skews_ms().into_iter().find(|(node, _)| *node == under_way.place.node);
    let sent_ms = under_way.before.sent_ms.saturating_add(skew_ms.map_or(0, |(_, ms)| ms));
    sent_ms.saturating_sub(SLACK_MS)
}

/// Whether a task of this kind, on what it says it works on, may be that of the operation.
pub fn is_task_of(operation: &Operation, kind: &str, on: Option<&str>) -> bool {
    let fits = match operation.target() {
        Target::Guest(vmid) => on.and_then(|on| on.parse().ok()) == Some(vmid.get()),
        Target::Service { unit, .. } => {
            let bare = |name: &str| name.trim_end_matches(".service").to_owned();
            on.is_some_and(|on| bare(on) == bare(changes::known_as(&unit).unwrap_or(unit.as_str())))
        }
        _ => true,
    };
    fits && kinds(operation.effect()).contains(&kind)
}

/// What Proxmox calls the tasks of an effect; empty where there are none.
fn kinds(effect: Effect) -> &'static [&'static str] {
    match effect {
        Effect::StartGuest => &["qmstart", "vzstart"],
        Effect::ResumeGuest => &["qmresume", "vzresume"],
        Effect::ShutdownGuest => &["qmshutdown", "vzshutdown"],
        Effect::StopGuest => &["qmstop", "vzstop"],
        Effect::RebootGuest => &["qmreboot", "vzreboot"],
        // A VM that is suspended in memory is said to be paused.
        Effect::SuspendGuest => &["qmpause", "qmsuspend", "vzsuspend"],
        Effect::MigrateGuest => &["qmigrate", "vzmigrate"],
        Effect::CreateSnapshot => &["qmsnapshot", "vzsnapshot"],
        Effect::DeleteSnapshot => &["qmdelsnapshot", "vzdelsnapshot"],
        Effect::StartBackup => &["vzdump"],
        Effect::RestartService => &["srvrestart"],
        Effect::Read
        | Effect::WakeNode
        | Effect::StartContainer
        | Effect::RestartContainer
        | Effect::StopContainer
        | Effect::RebootNode
        | Effect::ShutdownNode => &[],
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn exact(via: &str, path: &str) -> ExactCall {
        let (method, target, body) = (String::new(), "pve".to_owned(), String::new());
        ExactCall { via: via.into(), method, target, path: path.into(), body }
    }

    #[test]
    fn i08_a_task_is_that_of_an_action_by_its_kind_and_what_it_works_on() {
        let of = |tool: &str, args: Value, kind: &str, on: Option<&str>| {
            is_task_of(&Operation::parse(tool, &args).unwrap(), kind, on)
        };
        let guest = || json!({"vmid": 100});
        assert!(of("start_guest", guest(), "qmstart", Some("100")));
        assert!(of("start_guest", guest(), "vzstart", Some("100")));
        for (kind, on) in
            [("qmstop", Some("100")), ("qmstart", Some("101")), ("qmstart", Some("1000")), ("qmstart", None)]
        {
            assert!(!of("start_guest", guest(), kind, on), "{kind} {on:?}");
        }
        let unit = || json!({"node": "pve", "unit": "pveproxy.service"});
        assert!(of("restart_service", unit(), "srvrestart", Some("pveproxy")));
        assert!(!of("restart_service", unit(), "srvrestart", Some("pvedaemon")));
        assert!(!of("reboot_node", json!({"node": "pve"}), "reboot", Some("pve")), "it has no task");
    }

    #[test]
    fn i08_only_what_leaves_a_task_is_looked_for_in_the_list_of_tasks() {
        let of = |tool: &str, args: Value, via: &str, path: &str| {
            Trace::of(&Operation::parse(tool, &args).unwrap(), &exact(via, path))
        };
        let guest = json!({"vmid": 100});
        let direct = "/nodes/pve/qemu/100/status/start";
        assert_eq!(of("start_guest", guest.clone(), "proxmox", direct), Trace::Task);
        // Done by the HA manager, in tasks of its own.
        let ha = "/cluster/ha/resources/vm:100";
        assert_eq!(of("start_guest", guest.clone(), "proxmox", ha), Trace::HaRequest);
        assert_eq!(of("shutdown_guest", guest, "proxmox", ha), Trace::HaRequest);
        let moved = json!({"vmid": 100, "to": "Home"});
        assert_eq!(
            of("migrate_guest", moved, "proxmox", "/cluster/ha/resources/vm:100/migrate"),
            Trace::Target
        );
        let unit = json!({"node": "pve", "unit": "smbd.service"});
        assert_eq!(of("restart_service", unit.clone(), "ssh", "'/usr/bin/systemctl'"), Trace::Target);
        assert_eq!(of("restart_service", unit, "proxmox", "/nodes/pve/services/x/restart"), Trace::Task);
        let node = json!({"node": "pve"});
        assert_eq!(of("reboot_node", node.clone(), "proxmox", "/nodes/pve/status"), Trace::Target);
        assert_eq!(of("wake_node", node, "wake", "255.255.255.255:9"), Trace::Target);
    }
}
