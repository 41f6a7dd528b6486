//! The one door to every action: chat, runbooks, MCP, buttons and curl all call [`Executor`].
//!
//! It gathers facts, asks policy, records the intent, sends once, follows the task to its own end, looks for itself
//! whether it worked, and records that too. Not here: what may be done (core's policy), how a request is put
//! (clients), and who is asking (http and mcp build the caller from the connection).

mod approvals;
mod book;
mod call;
mod configs;
mod credentials;
mod door;
mod drift;
mod end;
mod error;
mod eyes;
mod facts;
mod falls;
mod follow;
mod lanes;
mod late;
mod look;
mod parts;
mod reconcile;
mod rules;
mod run;
mod send;
mod standing;
mod units;
mod verify;
mod views;

use std::{sync::Arc, time::Duration};

use jarvis_core::{
    approval::Voice,
    policy::{Caller, Level},
    protocol::acting::{
        ActingChange, ActingView, ActionView, ApprovalView, AutonomyView, KillView, Plan, PolicyView,
    },
    tools::{Digest, Target},
};
use tokio::sync::broadcast;

pub use call::{Answer, Call};
pub use error::{DecideError, ExecutorError, TakeBackError};
use parts::Inner;
pub use parts::{CHANGES_BEHIND_MAX, Parts, SETTLE, Step};
pub use send::Senders;

/// A screen shows this many of the last actions.
pub const ACTIONS_SHOWN: usize = 50;
/// … and of the last approvals.
pub const APPROVALS_SHOWN: usize = 50;

/// A handle; clones share it.
#[derive(Clone)]
pub struct Executor(Arc<Inner>);

impl Executor {
    /// Answers a read; decides on a change and carries it out. A change that is still under way after `wait` is
    /// answered with [`Answer::Running`]; dropping this future stops nothing that was begun.
    ///
    /// # Errors
    /// What kept it from being decided or carried out at all; a refusal is no error.
    pub async fn call(&self, call: Call, wait: Duration) -> Result<Answer, ExecutorError> {
        self.enter(call, wait).await
    }

    /// What `call` would do, and the exact requests it would make; nothing is sent or recorded.
    pub async fn plan(&self, call: Call) -> Result<Plan, ExecutorError> {
        Ok(self.0.planned(call).await)
    }

    /// Pending and recent, newest first.
    pub async fn approvals(&self) -> Vec<ApprovalView> {
        self.0.approval_views(APPROVALS_SHOWN).await
    }

    /// One of them, however old it is.
    pub async fn approval(&self, id: &str) -> Option<ApprovalView> {
        self.0.approval_view_of(id).await
    }

    /// Decides an approval. An approved one begins its action at once; the view names it.
    ///
    /// # Errors
    /// Who comes second is told who decided and what.
    pub async fn decide(
        &self,
        id: &str,
        voice: Voice,
        approve: bool,
        hash: Digest,
    ) -> Result<ApprovalView, DecideError> {
        self.decided(id, voice, approve, hash).await
    }

    /// Gives a pending approval its full time again.
    pub async fn extend(&self, id: &str, voice: Voice) -> Result<ApprovalView, DecideError> {
        self.0.extend_approval(id, &voice).await
    }

    /// By its own number, or by that of the approval that began it.
    pub async fn action(&self, id: &str) -> Option<ActionView> {
        self.0.action_of(id).await
    }

    /// Takes an action out of the line before its turn. `token` is the number of the API token that asks for it.
    ///
    /// # Errors
    /// It is somebody else's, or does not wait.
    pub async fn take_back(
        &self,
        id: &str,
        by: &Caller,
        token: Option<i64>,
    ) -> Result<ActionView, TakeBackError> {
        self.taken_back(id, by, token).await
    }

    /// Voids what tokens asked for that are over, as far as it has not begun. A loop does so too; who has just revoked
    /// one need not wait for that.
    pub async fn tokens_ended(&self) {
        self.0.end_what_tokens_asked().await;
    }

    /// Newest first.
    pub async fn actions(&self, limit: usize) -> Vec<ActionView> {
        let mut views = self.0.book.newest(limit);
        let rows = self.0.parts.store.intents().recent(i64::try_from(limit).unwrap_or(i64::MAX)).await;
        for intent in rows.unwrap_or_default() {
            if views.iter().all(|view| view.id != intent.new.id) {
                views.push(self.0.view_of(&intent));
            }
        }
        views.sort_by(|a, b| (b.asked_ms, &b.id).cmp(&(a.asked_ms, &a.id)));
        views.truncate(limit);
        views
    }

    pub async fn kill_switch(&self) -> KillView {
        self.0.kill_view().await
    }

    /// On: voids whatever is pending. Off: runs nothing that was proposed before.
    pub async fn set_kill_switch(&self, on: bool, who: &str) -> Result<KillView, ExecutorError> {
        self.0.set_switch(on, who).await
    }

    pub async fn autonomy(&self) -> AutonomyView {
        self.0.autonomy_view().await
    }

    pub async fn set_level(&self, level: Level, who: &str) -> Result<AutonomyView, ExecutorError> {
        self.0.set_autonomy(level, who).await
    }

    /// Reads the settings again and takes their policy. What loosens anything is taken only when `fresh`: a person
    /// asks who has just logged in.
    pub async fn reload_policy(&self, who: &str, fresh: bool) -> Result<PolicyView, ExecutorError> {
        self.0.reload(who, fresh).await
    }

    /// A person's act: forgets the falls of this target and ends its quarantine.
    pub async fn lift_quarantine(&self, target: &Target, who: &str) -> Result<AutonomyView, ExecutorError> {
        self.0.lift(target, who).await
    }

    /// Everything a screen shows of acting. Subscribe to [`Executor::changes`] first.
    pub async fn view(&self) -> ActingView {
        ActingView {
            kill_switch: self.kill_switch().await,
            autonomy: self.autonomy().await,
            approvals: self.approvals().await,
            actions: self.actions(ACTIONS_SHOWN).await,
        }
    }

    pub fn changes(&self) -> broadcast::Receiver<ActingChange> {
        self.0.changes.subscribe()
    }
}
