//! The kill switch and the autonomy level: read, set, watched, and what follows from a change.
//!
//! The switch is a file, read in the instant it matters and never remembered for a decision. What is remembered here
//! is only what screens are shown.

use std::time::Duration;

use jarvis_core::{
    audit::Kind,
    policy::{Fact, Level},
    protocol::acting::{ActingChange, AutonomyView, KillView, ScoreView},
    tools::{Effect, Target},
};
use serde_json::json;

use super::{ExecutorError, Inner};
use crate::store::{KillState, KillSwitchError};

/// How often the switch's file is looked at: thrown on the command line, it voids what waits within a second.
pub const WATCH_EVERY: Duration = Duration::from_millis(500);

impl Inner {
    /// The switch as it is in this very instant.
    pub(super) async fn switch(&self) -> Fact<bool> {
        match self.parts.store.kill_switch().look().await {
            Ok(state) => Fact::Known(state.on),
            Err(error) => Fact::unknown(error.to_string()),
        }
    }

    pub(super) async fn kill_view(&self) -> KillView {
        view(&self.parts.store.kill_switch().look().await)
    }

    /// Looks at the file; a change is recorded, voids what waits, and is told.
    pub(super) async fn watch_switch(&self) -> KillView {
        let look = self.parts.store.kill_switch().look().await;
        let view = view(&look);
        let noted = match self.parts.store.standing().note_kill_switch(&look).await {
            Ok(noted) => noted.changed,
            Err(error) => {
                tracing::error!(%error, "a look at the kill switch could not be recorded");
                false
            }
        };
        let shown = {
            let mut shown = self.shown_switch.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let before = shown.replace(view.clone());
            before.is_some_and(|before| before != view)
        };
        if noted || shown {
            let word = if view.on { "on" } else { "released" };
            self.void_all(&format!("the kill switch was {word}; propose it again")).await;
            self.tell(ActingChange::KillSwitch { kill_switch: view.clone() });
        }
        view
    }

    pub(super) async fn set_switch(&self, on: bool, who: &str) -> Result<KillView, ExecutorError> {
        let switch = self.parts.store.kill_switch();
        let (who, now_ms) = (who.to_owned(), self.parts.clock.now_ms());
        let set = tokio::task::spawn_blocking(move || switch.set(on, &who, now_ms)).await;
        match set {
            Ok(Ok(_)) => Ok(self.watch_switch().await),
            Ok(Err(error)) => Err(ExecutorError::Switch(error)),
            Err(_) => Err(ExecutorError::Stopping),
        }
    }

    pub(super) async fn set_autonomy(&self, level: Level, who: &str) -> Result<AutonomyView, ExecutorError> {
        self.parts.store.standing().set_level(level, who).await?;
        self.void_all("the autonomy level was changed; propose it again").await;
        let autonomy = self.autonomy_view().await;
        self.tell(ActingChange::Autonomy { autonomy: autonomy.clone() });
        Ok(autonomy)
    }

    pub(super) async fn lift(&self, target: &Target, who: &str) -> Result<AutonomyView, ExecutorError> {
        let rows = self.parts.store.ledger();
        let _turn = self.flaps.lock().await;
        let mut flaps = rows.flaps().await?;
        flaps.lifted(target);
        let detail = json!({"quarantine": "lifted"});
        let record = self.draft(Kind::LevelChanged, who, &target.to_string(), detail);
        rows.put_flaps(&flaps, vec![record]).await?;
        let autonomy = self.autonomy_view().await;
        self.tell(ActingChange::Autonomy { autonomy: autonomy.clone() });
        Ok(autonomy)
    }

    pub(super) async fn autonomy_view(&self) -> AutonomyView {
        let now = self.parts.clock.moment();
        let force = self.in_force();
        let limits = force.limits();
        let rows = self.parts.store.ledger();
        let (standing, ledger, flaps, scores) =
            tokio::join!(self.parts.store.standing().read(), rows.entries(now), rows.flaps(), rows.scores());
        let used = |window_ms: i64| {
            let entries = ledger.as_ref().map(|ledger| ledger.entries.as_slice()).unwrap_or_default();
            let within = entries.iter().filter(|e| !e.by_human && now.surely_since_ms(&e.at) < window_ms);
            u32::try_from(within.count()).unwrap_or(u32::MAX)
        };
        let by = self.parts.store.standing().level_set().await.ok().flatten();
        let scores = scores.unwrap_or_default().into_iter().filter_map(|(kind, score)| {
            Some(ScoreView {
                effect: effect(&kind)?,
                actions: score.actions,
                hits: score.hits,
                false_alarms: score.false_alarms,
                missed: score.missed,
            })
        });
        AutonomyView {
            level: standing.as_ref().map_or(0, |standing| standing.level.into()),
            unreadable: standing.err().map(|error| error.to_string()),
            since_ms: by.as_ref().map(|(_, at_ms)| *at_ms),
            by: by.map(|(who, _)| who),
            hour_used: used(3_600_000),
            hour_max: limits.actions_per_hour_max,
            day_used: used(24 * 3_600_000),
            day_max: limits.actions_per_day_max,
            quarantined: flaps.map(|f| f.quarantined.into_keys().collect()).unwrap_or_default(),
            scores: scores.collect(),
        }
    }
}

fn view(look: &Result<KillState, KillSwitchError>) -> KillView {
    match look {
        Ok(state) => KillView {
            on: state.on,
            unreadable: None,
            by: Some(state.who.clone()),
            since_ms: Some(state.at_ms),
        },
        Err(error) => KillView { on: true, unreadable: Some(error.to_string()), by: None, since_ms: None },
    }
}

fn effect(word: &str) -> Option<Effect> {
    serde_json::from_value(serde_json::Value::String(word.to_owned())).ok()
}
