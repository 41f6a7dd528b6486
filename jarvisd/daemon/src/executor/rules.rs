//! The rules in force, and how other ones are taken.
//!
//! What only tightens is taken at once, from whomever; what loosens anything is taken from a person who has just
//! logged in. Either way it begins a new epoch, so that nothing proposed under other rules runs. Not here: which
//! rules are looser (core).

use std::sync::{Arc, PoisonError};

use jarvis_core::{
    audit::Kind,
    graph::{Declared, Runs},
    policy::{Limits, Loosens, Rules, Window},
    protocol::acting::{ActingChange, PolicyView},
    tools::Target,
};
use serde_json::json;

use super::{ExecutorError, Inner};
use crate::config::{self, Config, OwnPlace};

/// Rules, and the number by which permits and approvals are told from those of others.
#[derive(Debug)]
pub struct InForce {
    pub version: u64,
    pub rules: Rules,
}

impl InForce {
    pub fn of(config: &Config) -> Self {
        let version = config::rules_version(&config.own, &config.policy, &config.services);
        Self { version, rules: rules(config) }
    }

    pub fn limits(&self) -> &Limits {
        &self.rules.limits
    }
}

fn rules(config: &Config) -> Rules {
    let Config { own, policy, services, .. } = config;
    let windows = policy.windows.iter().filter_map(|window| {
        let (from_ms, until_ms) = window.bounds_ms()?;
        Some(Window { on: window.on.clone(), from_ms, until_ms })
    });
    let links = policy.links.iter().map(|link| Declared {
        dependent: link.dependent.clone(),
        on: link.on.clone(),
        need: link.need,
    });
    let restart = services.restart.iter();
    Rules {
        limits: policy.limits.clone(),
        windows: windows.collect(),
        links: links.collect(),
        restart: restart
            .map(|service| Target::Service { node: service.node.clone(), unit: service.unit.clone() })
            .collect(),
        runs: runs(own),
        model_hosts: own.model_hosts.iter().cloned().collect(),
        needs: own.needs.iter().cloned().collect(),
    }
}

fn runs(own: &OwnPlace) -> Option<Runs> {
    match (own.vmid, &own.node, own.outside) {
        (Some(vmid), ..) => Some(Runs::Guest { vmid, identity: own.identity.clone() }),
        (None, Some(node), _) => Some(Runs::Node(node.clone())),
        (None, None, true) => Some(Runs::Outside),
        (None, None, false) => None,
    }
}

impl Inner {
    pub(super) fn in_force(&self) -> Arc<InForce> {
        Arc::clone(&self.rules.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the settings again and takes their rules. `fresh`: a person asks who has just logged in.
    pub(super) async fn reload(&self, who: &str, fresh: bool) -> Result<PolicyView, ExecutorError> {
        // One after the other, so that each is held against what is really in force.
        let _turn = self.reloading.lock().await;
        let config = Arc::clone(&self.parts.config);
        let read = tokio::task::spawn_blocking(move || config::again(&config)).await;
        let next = InForce::of(&read.map_err(|_| ExecutorError::Stopping)??);
        let now = self.in_force();
        if next.version == now.version {
            return Ok(PolicyView { changed: false, loosened: Vec::new() });
        }
        let loosened = now.rules.loosened_by(&next.rules);
        let taken = now.rules.reloaded(next.rules.clone(), fresh);
        let detail = json!({
            "taken": taken.is_ok(), "loosened": loosened, "from": now.version.to_string(), "to": next.version.to_string(),
        });
        let record = self.draft(Kind::PolicyReloaded, who, "policy", detail);
        if let Err(Loosens(names)) = taken {
            self.parts.store.audit().append(record).await?;
            return Err(ExecutorError::Loosens(Loosens(names)));
        }
        // First the epoch, which is durable: a permit given meanwhile is of neither.
        self.parts.store.standing().begin_epoch(record).await?;
        *self.rules.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(next);
        self.void_all("the policy was changed; propose it again").await;
        let autonomy = self.autonomy_view().await;
        self.tell(ActingChange::Autonomy { autonomy });
        tracing::info!(who, ?loosened, "the policy was read again and is in force");
        Ok(PolicyView { changed: true, loosened: loosened.into_iter().map(str::to_owned).collect() })
    }
}
