//! The record of falls: what went down unwished, what was quarantined for it, and which remedies were tried.
//!
//! Not here: how often is too often, and how long to wait (core).

use std::collections::BTreeSet;

use jarvis_core::{
    cluster::ClusterState,
    policy::{Caller, Fact, evidence},
    protocol::{EventKind, EventSource, NewEvent, Severity},
    tools::{Impact, Operation, Target, Tier},
};

use super::{Inner, views};

impl Inner {
    /// Notes that automation tries a remedy, before it is sent: the next one on this target waits twice as long.
    pub(super) async fn note_try(&self, operation: &Operation, caller: &Caller) {
        let remedy = operation.tier() == Tier::Yellow && operation.effect().impact() != Impact::None;
        if !remedy || caller.is_human() {
            return;
        }
        let now = self.parts.clock.moment();
        let force = self.in_force();
        let rows = self.parts.store.ledger();
        let _turn = self.flaps.lock().await;
        let kept = match rows.flaps().await {
            Ok(mut flaps) => {
                flaps.tried(&operation.target(), now, force.limits());
                rows.put_flaps(&flaps, Vec::new()).await
            }
            Err(error) => Err(error),
        };
        if let Err(error) = kept {
            tracing::error!(%error, "a try could not be recorded");
        }
    }

    /// Takes a state in; what fell without anybody's wish goes into the record of falls.
    pub(super) async fn note_falls(&self, state: &ClusterState) {
        let now = self.parts.clock.moment();
        let fallen = self.eyes.see(state, now);
        if fallen.is_empty() {
            return;
        }
        let configs = self.configs.all();
        let force = self.in_force();
        let unwished = fallen
            .into_iter()
            .map(Target::Guest)
            .filter(|target| evidence::meant_off(state, &configs, target) == Fact::Known(None));
        let mut quarantined = BTreeSet::new();
        let rows = self.parts.store.ledger();
        let _turn = self.flaps.lock().await;
        let flaps = rows.flaps().await.map(|mut flaps| {
            for target in unwished {
                let before = flaps.is_quarantined(&target);
                flaps.went_down(&target, now, force.limits());
                if !before && flaps.is_quarantined(&target) {
                    quarantined.insert(target);
                }
            }
            flaps
        });
        let kept = match flaps {
            Ok(flaps) => rows.put_flaps(&flaps, Vec::new()).await,
            Err(error) => Err(error),
        };
        if let Err(error) = kept {
            tracing::error!(%error, "a fall could not be recorded");
        }
        let told = quarantined.into_iter().map(|target| {
            let (node, vmid) = views::place(&target, state);
            let name = views::named(&target, state);
            NewEvent {
                ts_ms: now.wall_ms,
                kind: EventKind::System,
                severity: Severity::Warning,
                source: EventSource::Auto,
                title: format!("{name} fell again and again and is in quarantine until you lift it"),
                detail: None,
                node,
                vmid,
                upid: None,
            }
        });
        if let Err(error) = self.parts.store.events().append(told.collect()).await {
            tracing::error!(%error, "a quarantine could not be told");
        }
    }
}
