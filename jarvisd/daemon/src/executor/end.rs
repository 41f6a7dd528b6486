//! How an action ended, and what is done with that: its outcome kept, told, scored and learnt from.

use jarvis_core::{
    audit::Kind,
    cluster::TaskStatus,
    graph::{Score, Thing},
    policy::Caller,
    protocol::{
        EventKind, EventSource, NewEvent, Severity,
        acting::{ActionState, ActionView, Observed, Verified},
    },
    tools::{Impact, Operation},
};
use serde_json::json;

use super::{
    Inner, Step,
    book::Page,
    facts::{self, Gathered},
    follow::Followed,
    views,
};
use crate::store::{self, End, Outcome};

/// Durations kept of each kind, for the next forecast.
const DURATIONS_MAX: usize = 20;
/// Past actions looked through for them at the start.
const RECALLED_MAX: i64 = 500;

#[derive(Debug, Clone)]
pub struct Ended {
    pub end: End,
    pub verified: Verified,
    pub message: String,
    pub exit: Option<String>,
    pub log: Vec<String>,
    pub evidence: Option<String>,
}

impl Ended {
    pub fn plain(end: End, verified: Verified, message: String) -> Self {
        Self { end, verified, message, exit: None, log: Vec::new(), evidence: None }
    }

    pub fn not_sent(why: String) -> Self {
        Self::plain(End::NotSent, Verified::No, format!("nothing was sent: {why}"))
    }

    /// Nobody can tell whether it was taken on; what the target shows is told, and a person looks.
    pub fn unclear(why: String, verified: Verified, evidence: String) -> Self {
        let message = format!("whether it was taken on is not known ({why}); look at the target");
        Self { evidence: Some(evidence), ..Self::plain(End::Unknown, verified, message) }
    }

    /// Success needs both: the task's own word and what is seen. Not being able to tell is no success.
    pub fn of_task(followed: Followed, verified: Verified, evidence: String) -> Self {
        let (end, message, exit, log) = match followed {
            Followed::Ended { status, exit, log } => {
                let said = exit.clone().unwrap_or_else(|| "nothing".to_owned());
                let (end, message) = match (status, verified) {
                    (TaskStatus::Ok, Verified::Yes) => (End::Ok, "done, and seen to have worked".to_owned()),
                    (TaskStatus::Warnings, Verified::Yes) => {
                        (End::Warnings, format!("done; its task says {said}"))
                    }
                    (TaskStatus::Ok | TaskStatus::Warnings, Verified::No) => {
                        (End::Failed, format!("its task says {said}, but it did not work: {evidence}"))
                    }
                    (TaskStatus::Ok | TaskStatus::Warnings, Verified::Inconclusive) => (
                        End::Failed,
                        format!("its task says {said}, but it could not be seen to have worked: {evidence}"),
                    ),
                    (TaskStatus::Failed, _) => (End::Failed, format!("its task failed: {said}")),
                    (TaskStatus::Unknown | TaskStatus::Running, _) => {
                        (End::Unknown, format!("its task ended without a word ({said}); look at the target"))
                    }
                };
                (end, message, exit, log)
            }
            Followed::Lost { why, log } => (End::Unknown, format!("{why}; look at the node"), None, log),
            Followed::Stopping => (End::Unknown, "the daemon was stopped".to_owned(), None, Vec::new()),
        };
        Self { end, verified, message, exit, log, evidence: Some(evidence) }
    }

    /// Where no task tells, only the target does.
    pub fn of_look(verified: Verified, evidence: String) -> Self {
        let (end, message) = match verified {
            Verified::Yes => (End::Ok, "done, and seen to have worked".to_owned()),
            Verified::No => (End::Failed, format!("it did not work in the time it may take: {evidence}")),
            Verified::Inconclusive => {
                (End::Unknown, format!("it could not be seen to have worked: {evidence}; look at the target"))
            }
        };
        Self { evidence: Some(evidence), ..Self::plain(end, verified, message) }
    }

    /// Of a request that nobody answered and that leaves no task: what is seen of it, or that nothing is.
    pub fn of_trace(verified: Verified, evidence: String) -> Self {
        let why = match verified {
            Verified::Yes => {
                let message = "nobody answered, but it is seen to have worked".to_owned();
                return Self { evidence: Some(evidence), ..Self::plain(End::Ok, verified, message) };
            }
            // It may never have arrived, or not have worked, or still be about to.
            Verified::No => format!("nobody answered, and it was not seen to happen; last seen: {evidence}"),
            Verified::Inconclusive => "nobody answered".to_owned(),
        };
        Self::unclear(why, verified, evidence)
    }

    /// Of a task that turned up after its action had ended as unknown. What the target shows by then may be somebody
    /// else's doing, so it can show success and not failure.
    pub fn late(followed: Followed, verified: Verified, evidence: String) -> Self {
        let done = followed.ended_well();
        let ended = Self::of_task(followed, verified, evidence);
        if done && verified != Verified::Yes {
            let seen = ended.evidence.clone().unwrap_or_default();
            let said = ended.exit.clone().unwrap_or_default();
            let message = format!(
                "its task turned up late and says {said}, which is not seen: {seen}; look at the target"
            );
            return Self { end: End::Unknown, message, ..ended };
        }
        Self { message: format!("its task turned up late: {}", ended.message), ..ended }
    }

    /// As it is kept.
    pub fn outcome(&self, observed: Option<&Observed>, at_ms: i64, reconciled: bool) -> Outcome {
        Outcome {
            end: self.end,
            verified: match self.verified {
                Verified::Yes => store::Verified::Yes,
                Verified::No => store::Verified::No,
                Verified::Inconclusive => store::Verified::Inconclusive,
            },
            detail: json!({
                "message": self.message, "exit": self.exit, "log": self.log, "evidence": self.evidence,
                "observed": observed,
            }),
            at_ms,
            reconciled,
        }
    }

    fn state(&self) -> ActionState {
        match self.end {
            End::Ok => ActionState::Ok,
            End::Warnings => ActionState::Warnings,
            End::Failed | End::NotSent => ActionState::Failed,
            End::Unknown => ActionState::Unknown,
        }
    }

    pub fn went_well(&self) -> bool {
        matches!(self.end, End::Ok | End::Warnings)
    }
}

impl Inner {
    /// Keeps the outcome, then tells it.
    pub(super) async fn conclude(
        &self,
        page: &Page,
        operation: &Operation,
        ended: Ended,
        gathered: Option<&Gathered>,
        reconciled: bool,
    ) {
        let observed = match gathered {
            Some(gathered) if ended.end != End::NotSent => self.score(operation, gathered, &ended).await,
            _ => None,
        };
        let now_ms = self.parts.clock.now_ms();
        let outcome = ended.outcome(observed.as_ref(), now_ms, reconciled);
        let kept = self.parts.store.intents().outcome(&page.id(), outcome).await;
        self.step(Step::OutcomeKept);
        if let Err(error) = &kept {
            // The intent stays open, so the next start settles it by reading.
            tracing::error!(%error, action = page.id(), "an outcome could not be stored");
        } else if ended.end == End::Unknown {
            self.await_late_of(&page.id()).await;
        }
        let duration_s = page.view().sent_ms.map(|sent_ms| now_ms.saturating_sub(sent_ms) / 1_000);
        page.write(|view| {
            view.state = ended.state();
            view.message = Some(ended.message.clone());
            view.exit.clone_from(&ended.exit);
            view.log.clone_from(&ended.log);
            view.verified = Some(ended.verified);
            view.evidence.clone_from(&ended.evidence);
            view.observed = observed;
            view.ended_ms = Some(now_ms);
        });
        if ended.went_well() {
            self.remember_duration(operation, duration_s);
        }
        self.notice(page, operation, &ended).await;
        self.parts.poke();
    }

    /// What was foretold against what was seen to go down.
    async fn score(&self, operation: &Operation, gathered: &Gathered, ended: &Ended) -> Option<Observed> {
        let predicted = gathered.facts.blast.known()?;
        let mut seen = self.eyes.fallen_since(&gathered.facts.now);
        // The target's own fall is what verifying saw.
        let takes_down = operation.effect().impact() == Impact::TakesDown;
        if takes_down && ended.verified == Verified::Yes {
            seen.extend(Thing::of(&operation.target()));
        }
        let score = Score::of(predicted, &seen);
        let kind = facts::word(operation.effect());
        if let Err(error) = self.parts.store.ledger().add_score(&kind, score).await {
            tracing::warn!(%error, "a score could not be stored");
        }
        Some(Observed {
            down: seen.iter().map(Thing::to_string).collect(),
            hits: score.hits,
            false_alarms: score.false_alarms,
            missed: score.missed,
        })
    }

    /// What acts took before this start, for forecasts.
    pub(super) async fn recall_durations(&self) {
        let rows = match self.parts.store.intents().recent(RECALLED_MAX).await {
            Ok(rows) => rows,
            Err(error) => return tracing::warn!(%error, "how long acts took before cannot be read"),
        };
        for intent in rows.iter().rev() {
            let Some(outcome) = &intent.outcome else { continue };
            // One that was settled after an interruption was not timed.
            if outcome.reconciled || !matches!(outcome.end, End::Ok | End::Warnings) {
                continue;
            }
            if let Some(operation) = super::reconcile::operation_of(intent) {
                let took_s = outcome.at_ms.saturating_sub(intent.new.at.wall_ms) / 1_000;
                self.remember_duration(&operation, Some(took_s));
            }
        }
    }

    fn remember_duration(&self, operation: &Operation, took_s: Option<i64>) {
        let Some(took_s) = took_s.and_then(|s| u32::try_from(s).ok()) else { return };
        let mut all = self.durations.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let of_kind = all.entry(operation.effect()).or_default();
        of_kind.push(took_s);
        if of_kind.len() > DURATIONS_MAX {
            of_kind.remove(0);
        }
    }

    /// The feed tells how it ended and who stands behind it.
    async fn notice(&self, page: &Page, operation: &Operation, ended: &Ended) {
        let severity = match ended.end {
            End::Ok => Severity::Info,
            End::Warnings | End::NotSent => Severity::Notice,
            End::Failed | End::Unknown => Severity::Warning,
        };
        let view = page.view();
        let target = views::named(&operation.target(), &self.parts.state.current().1);
        let title = format!("{}, {target}: {}", view.title, ended.message);
        let seen = ended.evidence.clone().filter(|_| !ended.went_well());
        self.show_in_feed(&view, operation, severity, title, seen).await;
    }

    /// A line of the feed on an action, with who stands behind it.
    pub(super) async fn show_in_feed(
        &self,
        view: &ActionView,
        operation: &Operation,
        severity: Severity,
        title: String,
        seen: Option<String>,
    ) {
        let detail: Vec<String> = seen.into_iter().chain([self.behind(view).await]).collect();
        let (node, vmid) = views::place(&operation.target(), &self.parts.state.current().1);
        let event = NewEvent {
            ts_ms: self.parts.clock.now_ms(),
            kind: EventKind::System,
            severity,
            source: if view.caller.starts_with("human/") { EventSource::User } else { EventSource::Auto },
            title,
            detail: Some(detail.join("; ")),
            node,
            vmid,
            upid: view.upid.clone(),
        };
        if let Err(error) = self.parts.store.events().append(vec![event]).await {
            tracing::error!(%error, "a notice on an action is lost");
        }
    }

    /// `asked for by token/ha, approved by operator`
    async fn behind(&self, view: &ActionView) -> String {
        let approval = match &view.approval {
            Some(id) => self.approval_view_of(id).await,
            None => None,
        };
        let approved = approval.and_then(|approval| approval.by).map(|by| format!(", approved by {by}"));
        format!("asked for by {}{}", view.caller, approved.unwrap_or_default())
    }

    /// A bad outcome costs a runbook a level on this class of targets until a person re-arms it.
    pub(super) async fn learn(&self, caller: &Caller, operation: &Operation, went_well: bool) {
        let Some(runbook) = caller.runbook() else { return };
        let class = operation.target().class();
        let rows = self.parts.store.ledger();
        let learnt = match rows.trust(runbook, class).await {
            Ok(Some(trust)) if trust.after(went_well) != trust => {
                let after = trust.after(went_well);
                let detail = json!({
                    "runbook": runbook, "class": class,
                    "from": u8::from(trust.left), "to": u8::from(after.left),
                });
                let record =
                    self.draft(Kind::LevelChanged, "system", &operation.target().to_string(), detail);
                rows.put_trust(runbook, class, after, vec![record]).await
            }
            Ok(_) => Ok(()),
            Err(error) => Err(error),
        };
        if let Err(error) = learnt {
            tracing::error!(%error, runbook, "what an outcome taught could not be stored");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i26_only_a_tasks_good_word_and_a_look_that_shows_it_together_are_success() {
        use TaskStatus::{Failed, Ok, Running, Unknown, Warnings};
        for status in [Ok, Warnings, Failed, Unknown, Running] {
            for verified in [Verified::Yes, Verified::No, Verified::Inconclusive] {
                let followed = Followed::Ended { status, exit: Some("x".into()), log: vec![] };
                let ended = Ended::of_task(followed, verified, "seen".into());
                let well = matches!(status, Ok | Warnings) && verified == Verified::Yes;
                assert_eq!(ended.went_well(), well, "{status:?} {verified:?}: {}", ended.message);
            }
        }
        for verified in [Verified::Yes, Verified::No, Verified::Inconclusive] {
            let lost = Followed::Lost { why: "it runs on".into(), log: vec![] };
            assert!(!Ended::of_task(lost, verified, "seen".into()).went_well());
            assert_eq!(Ended::of_look(verified, "seen".into()).went_well(), verified == Verified::Yes);
            let exited = |status| Followed::Ended { status, exit: Some("x".into()), log: vec![] };
            let late = Ended::late(exited(Ok), verified, "seen".into());
            assert_eq!(late.end, if verified == Verified::Yes { End::Ok } else { End::Unknown });
            assert_eq!(Ended::late(exited(Failed), verified, "seen".into()).end, End::Failed);
            let trace = Ended::of_trace(verified, "seen".into());
            assert_eq!(trace.went_well(), verified == Verified::Yes);
            assert_eq!(
                trace.end == End::Unknown,
                verified != Verified::Yes,
                "that nothing is seen proves nothing"
            );
        }
    }
}
