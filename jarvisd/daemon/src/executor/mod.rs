//! The one door to every action: chat, runbooks, MCP, buttons and curl all call [`Executor`].
//!
//! It gathers facts, asks policy, records the intent, sends once, follows the task to its own end, looks for itself
//! whether it worked, and records that too. Not here: what may be done (core's policy), how a request is put
//! (clients), and who is asking (http and mcp build the caller from the connection).

mod call;
mod error;

use std::{sync::Arc, time::Duration};

use jarvis_core::{
    approval::Voice,
    policy::Level,
    protocol::acting::{ActingChange, ActingView, ActionView, ApprovalView, AutonomyView, KillView, Plan},
    tools::Digest,
};
use tokio::sync::broadcast;

pub use call::{Answer, Call};
pub use error::{DecideError, ExecutorError};

use crate::{clients::proxmox::Proxmox, clock::Clock, config::Config, state::StateHub, store::Store};

/// Changes a slow listener may be behind before it takes everything anew.
pub const CHANGES_BEHIND_MAX: usize = 256;

/// What the executor works with.
pub struct Parts {
    pub clock: Clock,
    pub config: Arc<Config>,
    pub state: StateHub,
    pub store: Store,
    /// Missing: no cluster is configured.
    pub proxmox: Option<Proxmox>,
    /// Asks the poller to look now.
    pub poke: Box<dyn Fn() + Send + Sync>,
}

/// A handle; clones share it.
#[derive(Clone)]
pub struct Executor(Arc<Inner>);

struct Inner {
    changes: broadcast::Sender<ActingChange>,
    #[expect(dead_code, reason = "used by what follows")]
    parts: Parts,
}

impl Executor {
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(Inner { changes: broadcast::Sender::new(CHANGES_BEHIND_MAX), parts }))
    }

    /// Answers a read; decides on a change and carries it out. A change that is still under way after `wait` is
    /// answered with [`Answer::Running`]; dropping this future stops nothing that was begun.
    ///
    /// # Errors
    /// What kept it from being decided or carried out at all; a refusal is no error.
    pub async fn call(&self, call: Call, _wait: Duration) -> Result<Answer, ExecutorError> {
        Err(ExecutorError::NotBuilt { what: call.operation.descriptor().name })
    }

    /// What `call` would do, and the exact requests it would make; nothing is sent or recorded.
    pub async fn plan(&self, call: Call) -> Result<Plan, ExecutorError> {
        Err(ExecutorError::NotBuilt { what: call.operation.descriptor().name })
    }

    /// Pending and recent, newest first.
    pub async fn approvals(&self) -> Vec<ApprovalView> {
        Vec::new()
    }

    /// Decides an approval. An approved one begins its action at once; the view names it.
    pub async fn decide(
        &self,
        id: &str,
        _voice: Voice,
        _approve: bool,
        _hash: Digest,
    ) -> Result<ApprovalView, DecideError> {
        Err(DecideError::Unknown(id.to_owned()))
    }

    /// Gives a pending approval its full time again.
    pub async fn extend(&self, id: &str, _voice: Voice) -> Result<ApprovalView, DecideError> {
        Err(DecideError::Unknown(id.to_owned()))
    }

    pub async fn action(&self, _id: &str) -> Option<ActionView> {
        None
    }

    /// Newest first.
    pub async fn actions(&self, _limit: usize) -> Vec<ActionView> {
        Vec::new()
    }

    pub async fn kill_switch(&self) -> KillView {
        let why = "the switch is not built in yet".to_owned();
        KillView { on: true, unreadable: Some(why), by: None, since_ms: None }
    }

    /// On: voids whatever is pending. Off: runs nothing that was proposed before.
    pub async fn set_kill_switch(&self, _on: bool, _who: &str) -> Result<KillView, ExecutorError> {
        Err(ExecutorError::NotBuilt { what: "kill switch" })
    }

    pub async fn autonomy(&self) -> AutonomyView {
        AutonomyView {
            level: 0,
            unreadable: Some("the level is not built in yet".to_owned()),
            by: None,
            since_ms: None,
            hour_used: 0,
            hour_max: 0,
            day_used: 0,
            day_max: 0,
            quarantined: Vec::new(),
            scores: Vec::new(),
        }
    }

    pub async fn set_level(&self, _level: Level, _who: &str) -> Result<AutonomyView, ExecutorError> {
        Err(ExecutorError::NotBuilt { what: "autonomy level" })
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

/// A screen shows this many of the last actions.
pub const ACTIONS_SHOWN: usize = 50;
