//! What was begun and has no outcome is settled by reading, and never sent again.
//!
//! A task of ours since the intent tells that it arrived; a list without one tells that it did not, once the request
//! had time to. Where neither can be told, a person looks.

use std::{collections::BTreeSet, time::Duration};

use jarvis_core::{
    cluster::{GuestKind, NodeName, Upid},
    protocol::acting::{ActionState, ActionView, BlastView, Verified},
    tools::{Effect, Operation, Target},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Executor, ExecutorError, Inner, end::Ended, run::UnderWay, verify::Before, views};
use crate::{
    clients::proxmox::{Proxmox, TaskFilter, changes::Place},
    store::{End, Intent},
};

/// Between two looks for a task.
const EVERY: Duration = Duration::from_millis(500);
/// Clocks are read to a second, and so are the beginnings of tasks.
const SLACK_MS: i64 = 2_000;
/// Tasks of a node looked through; ours is among the newest.
const TASKS_MAX: u32 = 200;
/// Intents whose tasks are known are not taken for another one's.
const INTENTS_MAX: i64 = 200;

/// What reading found of a request nobody answered.
#[derive(Debug)]
pub enum Found {
    Task(Upid),
    /// It surely was not taken on.
    Nothing(String),
    Unclear(String),
    Stopping,
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
        let open = self.0.parts.store.intents().open().await?;
        let count = open.len();
        for intent in open {
            let Some((operation, place)) = understood(&intent) else {
                let why = "what was begun is not understood by this version; look at the target".to_owned();
                let ended = Ended::plain(End::Unknown, Verified::Inconclusive, why);
                self.0.settle_blind(&intent, ended).await?;
                continue;
            };
            let pass = self.0.line.hold(Inner::lanes(&operation, Some(&place)));
            let page = self.0.book.open(self.0.view_of(&intent));
            let this = self.clone();
            self.0.spawn(async move {
                let under_way = UnderWay {
                    upid: intent.upid.as_deref().and_then(|upid| upid.parse().ok()),
                    place,
                    before: Before { sent_ms: intent.new.at.wall_ms, ..Before::default() },
                    answered: intent.upid.is_some(),
                };
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
    /// Looks for the task that a request became which nobody answered.
    pub(super) async fn found_task(&self, operation: &Operation, place: &Place, before: &Before) -> Found {
        let kinds = kinds(operation.effect());
        let Some(proxmox) = self.parts.proxmox.clone() else {
            return Found::Unclear("no cluster is configured".to_owned());
        };
        if kinds.is_empty() {
            return Found::Unclear("such a request leaves no task".to_owned());
        }
        let bounds = operation.descriptor().bounds;
        let deadline = self.parts.clock.monotonic() + Duration::from_secs(bounds.timeout_s.into());
        let settled = self.parts.clock.monotonic() + self.parts.settle;
        loop {
            let looked = self.our_task(&proxmox, operation, kinds, place, before).await;
            let now = self.parts.clock.monotonic();
            match looked {
                Ok(Some(upid)) => return Found::Task(upid),
                Ok(None) if now >= settled => {
                    return Found::Nothing("no task of ours is on record, so it was not taken on".to_owned());
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

    async fn our_task(
        &self,
        proxmox: &Proxmox,
        operation: &Operation,
        kinds: &[&str],
        place: &Place,
        before: &Before,
    ) -> Result<Option<Upid>, String> {
        let skew_ms = proxmox.clock_skews_ms().into_iter().find(|(node, _)| *node == place.node);
        let since_ms =
            before.sent_ms.saturating_add(skew_ms.map_or(0, |(_, ms)| ms)).saturating_sub(SLACK_MS);
        let vmid = match operation.target() {
            Target::Guest(vmid) => Some(vmid),
            _ => None,
        };
        // Proxmox's own filter works on whole seconds of the node's clock.
        let filter = TaskFilter { vmid, since_s: Some(since_ms / 1_000), failed: false, limit: TASKS_MAX };
        let tasks = proxmox.node_tasks(&place.node, &filter).await.map_err(|e| e.to_string())?;
        let recent = self.parts.store.intents().recent(INTENTS_MAX).await.map_err(|e| e.to_string())?;
        let known: BTreeSet<String> = recent.into_iter().filter_map(|intent| intent.upid).collect();
        let ours = tasks.value.into_iter().filter(|task| {
            kinds.contains(&task.kind.as_str())
                && self.own_users.contains(&task.user)
                && task.start_ms >= since_ms
                && !known.contains(task.upid.as_str())
        });
        // The first one after the intent: a later one has an intent of its own.
        Ok(ours.min_by_key(|task| task.start_ms).map(|task| task.upid))
    }

    async fn settle_blind(&self, intent: &Intent, ended: Ended) -> Result<(), ExecutorError> {
        let detail = serde_json::json!({"message": ended.message});
        let outcome = crate::store::Outcome {
            end: ended.end,
            verified: crate::store::Verified::Inconclusive,
            detail,
            at_ms: self.parts.clock.now_ms(),
            reconciled: true,
        };
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
            asked_ms: intent.new.at.wall_ms,
            sent_ms: Some(intent.new.at.wall_ms),
            ended_ms: outcome.map(|o| o.at_ms),
        }
    }
}

fn operation_of(intent: &Intent) -> Option<Operation> {
    let call: Value = serde_json::from_str(&intent.new.operation).ok()?;
    Operation::parse(call.get("tool")?.as_str()?, call.get("args")?).ok()
}

fn predicted(value: &Value, key: &str) -> Option<Value> {
    value.get(key).filter(|v| !v.is_null()).cloned()
}

fn understood(intent: &Intent) -> Option<(Operation, Place)> {
    let place: KeptPlace = serde_json::from_value(predicted(&intent.new.predicted, "place")?).ok()?;
    let place = Place { node: place.node, kind: place.kind, running: place.running };
    Some((operation_of(intent)?, place))
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
