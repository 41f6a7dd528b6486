//! From a call to its answer: decided, recorded, and begun in a task of its own.

use std::time::Duration;

use jarvis_core::{
    approval::Voice,
    audit::Kind,
    policy::{self, Answer as Decided, Caller, Objection, Request},
    protocol::acting::{ActionState, ActionView, ApprovalView, ExactCall, Plan, ReadResult, Refusal},
    tools::{Digest, Operation, Tier},
};
use serde_json::json;

use super::{
    Answer, Call, DecideError, Executor, ExecutorError, Inner, Step, TakeBackError,
    approvals::Proposed,
    book::Page,
    facts::Gathered,
    lanes::{Entry, Who},
    run::{Basis, Ready, Turn},
    views,
};
use crate::{store::StoreError, tools};

/// Deciding anew, sending and looking come on top of the time an operation may take, each with its own bounds.
const AROUND_MS: i64 = 120_000;

/// What became of a proposal.
enum Begun {
    Refused(Refusal),
    Asked(Box<ApprovalView>),
    Action(Page),
}

impl Executor {
    pub(super) async fn enter(&self, call: Call, wait: Duration) -> Result<Answer, ExecutorError> {
        let proposed = Proposed::from(call);
        if proposed.operation.tier() == Tier::Green {
            return self.0.read(proposed).await;
        }
        // Whoever asked may go away at any point; what was begun is not left half done.
        let this = self.clone();
        let begun = self.0.spawn(async move { this.propose(proposed).await });
        match begun.await.map_err(|_| ExecutorError::Stopping)?? {
            Begun::Refused(refusal) => Ok(Answer::Refused(refusal)),
            Begun::Asked(view) => Ok(Answer::Pending(view)),
            Begun::Action(page) => {
                let mut watch = page.watch();
                let over = watch.wait_for(|view| view.state.is_over());
                Ok(match tokio::time::timeout(wait, over).await {
                    Ok(Ok(view)) => Answer::Done(Box::new(view.clone())),
                    Ok(Err(_)) | Err(_) => Answer::Running(Box::new(page.view())),
                })
            }
        }
    }

    async fn propose(&self, mut proposed: Proposed) -> Result<Begun, ExecutorError> {
        let voids = self.0.voids.subscribe();
        let gathered = self.0.gather(&proposed).await;
        let request = proposed.request();
        let decision = policy::decide(&gathered.facts, request);
        let reasons: Vec<String> = decision.reasons().collect();
        self.0.step(Step::Decided);
        match decision.answer {
            Decided::Refuse => {
                self.0.record(Kind::Refused, &proposed, &reasons).await?;
                Ok(Begun::Refused(refusal(&proposed.operation, &decision.objections)))
            }
            Decided::Ask(ask) => {
                proposed.pin = Some(ask.identity.clone());
                let view = self.0.ask(&ask, proposed, &gathered).await?;
                Ok(Begun::Asked(Box::new(view)))
            }
            Decided::Permit(permit) => {
                proposed.pin = permit.identity().cloned();
                let lanes = Inner::lanes(&proposed.operation, gathered.place.as_ref());
                let id = self.0.new_id("act")?;
                let entry = self.0.line.enter(lanes, self.0.who(&id, &proposed));
                let entry = entry.map_err(|_| ExecutorError::LineFull { waiting: self.0.line.waiting() })?;
                let page = self.0.open_page(id, &proposed, Some(&gathered), None);
                let turn = match entry {
                    Entry::Now(pass) => {
                        if let Err(error) = self.0.record(Kind::Permitted, &proposed, &reasons).await {
                            self.0.came_to_nothing(&page, &format!("it could not be recorded: {error}"));
                            return Err(error.into());
                        }
                        Turn::Now(pass, Box::new(Ready { permit, gathered }))
                    }
                    // Decided again when it is its turn: what is seen now is old by then.
                    waiting @ Entry::Wait(_) => Turn::InLine(waiting, voids),
                };
                self.begin(page.clone(), proposed, Basis::Policy, turn);
                Ok(Begun::Action(page))
            }
        }
    }

    fn begin(&self, page: Page, proposed: Proposed, basis: Basis, turn: Turn) {
        let this = self.clone();
        self.0.spawn(async move {
            let (caller, operation) = (proposed.caller.clone(), proposed.operation.clone());
            let inner = this.clone();
            this.run(page.clone(), proposed, basis, turn).await;
            let view = page.view();
            if view.sent_ms.is_some() && view.state.is_over() {
                let well = matches!(view.state, ActionState::Ok | ActionState::Warnings);
                inner.0.learn(&caller, &operation, well).await;
            }
        });
    }

    pub(super) async fn decided(
        &self,
        id: &str,
        voice: Voice,
        approve: bool,
        hash: Digest,
    ) -> Result<ApprovalView, DecideError> {
        let (this, id) = (self.clone(), id.to_owned());
        let deciding = self.0.spawn(async move {
            let voids = this.0.voids.subscribe();
            let (view, proposed) = this.0.decide_approval(&id, &voice, approve, hash).await?;
            let Some(proposed) = proposed else { return Ok(view) };
            let (_, state) = this.0.parts.state.current();
            let node = views::place(&proposed.operation.target(), &state).0;
            let lanes = jarvis_core::policy::Lanes::of(&proposed.operation, node.as_ref());
            let action = this.0.new_id("act").map_err(|error| DecideError::NotBegun(error.to_string()))?;
            let who = this.0.who(&action, &proposed);
            let page = this.0.open_page(action, &proposed, None, Some(&id));
            let view = this.0.began(&id, &page.id()).unwrap_or(view);
            match this.0.line.enter(lanes, who) {
                Ok(entry) => this.begin(page, proposed, Basis::Approval(id), Turn::InLine(entry, voids)),
                Err(_) => {
                    let waiting = this.0.line.waiting();
                    let why = ExecutorError::LineFull { waiting }.to_string();
                    this.0.came_to_nothing(&page, &why);
                }
            }
            Ok(view)
        });
        deciding.await.map_err(|_| DecideError::NotBegun("the daemon is stopping".to_owned()))?
    }

    /// Takes an action out of the line, for a person or for who asked for it.
    pub(super) async fn taken_back(
        &self,
        id: &str,
        by: &Caller,
        token: Option<i64>,
    ) -> Result<ActionView, TakeBackError> {
        let this = &self.0;
        let unknown = || TakeBackError::Unknown(id.to_owned());
        let view = this.action_view(id).await.ok_or_else(unknown)?;
        // Two tokens may have one name.
        let another =
            this.line.waiting_tokens().iter().any(|(waits, with)| waits == id && Some(*with) != token);
        if !by.is_human() && (by.label() != view.caller || another) {
            return Err(TakeBackError::NotYours { caller: view.caller });
        }
        if !this.line.take_back(id) {
            return Err(TakeBackError::NotWaiting(id.to_owned()));
        }
        let who = by.label();
        let why = format!("{who} took it back before its turn");
        if let Some(page) = this.book.page(id) {
            this.came_to_nothing(&page, &why);
        }
        if let Some(approval) = &view.approval {
            this.void_one(approval, &why).await;
        }
        let detail = json!({"action": id, "tool": view.tool, "args": view.args, "asked_by": view.caller});
        this.parts.store.audit().append(this.draft(Kind::TakenBack, &who, &view.target, detail)).await?;
        this.action_view(id).await.ok_or_else(unknown)
    }
}

impl Inner {
    pub(super) async fn planned(&self, call: Call) -> Plan {
        let proposed = Proposed::from(call);
        let gathered = self.gather(&proposed).await;
        let weighing = policy::weigh(&gathered.facts, &proposed.request());
        let operation = &proposed.operation;
        let descriptor = operation.descriptor();
        Plan {
            tool: descriptor.name.to_owned(),
            title: descriptor.title.to_owned(),
            args: operation.args(),
            target: operation.target().to_string(),
            tier: operation.tier(),
            effect: operation.effect(),
            verdict: weighing.verdict,
            objections: views::objections(&weighing.objections),
            blast: gathered.blast_view(),
            exact_calls: self.exact_calls(operation, &gathered),
        }
    }

    /// What the real run would send, as far as the target is known.
    pub(super) fn exact_calls(&self, operation: &Operation, gathered: &Gathered) -> Vec<ExactCall> {
        if operation.tier() == Tier::Green {
            return Vec::new();
        }
        let route = policy::route(operation.effect(), &gathered.facts.target.ha);
        self.exact(operation, gathered, route).map(|(exact, _)| exact).into_iter().collect()
    }

    async fn read(&self, proposed: Proposed) -> Result<Answer, ExecutorError> {
        let gathered = self.gather(&proposed).await;
        let decision = policy::decide(&gathered.facts, proposed.request());
        let reasons: Vec<String> = decision.reasons().collect();
        let Decided::Permit(permit) = decision.answer else {
            self.record(Kind::Refused, &proposed, &reasons).await?;
            return Ok(Answer::Refused(refusal(&proposed.operation, &decision.objections)));
        };
        if let Operation::Action(call) = permit.operation() {
            return Ok(Answer::Read(self.became(call.id.as_str()).await));
        }
        Ok(Answer::Read(tools::read(permit.operation(), &self.parts.read).await?))
    }

    /// What became of an action or an approval; of an approval also what became of the action it began.
    async fn became(&self, id: &str) -> ReadResult {
        let approval = self.approval_view_of(id).await;
        let action = self.action_of(id).await;
        ReadResult {
            value: json!({"action": action, "approval": approval, "found": action.is_some() || approval.is_some()}),
            // The log of a task is text of others.
            untrusted: true,
            as_of_ms: self.parts.clock.now_ms(),
        }
    }

    /// A row of the audit on what was decided.
    pub(super) async fn record(
        &self,
        kind: Kind,
        proposed: &Proposed,
        reasons: &[String],
    ) -> Result<(), StoreError> {
        let operation = &proposed.operation;
        let detail =
            json!({"operation": operation.canonical(), "tier": operation.tier(), "reasons": reasons});
        let draft = self.draft(kind, &proposed.caller.label(), &operation.target().to_string(), detail);
        self.parts.store.audit().append(draft).await.map(drop)
    }

    /// As who it holds lanes or stands in line for them.
    fn who(&self, id: &str, proposed: &Proposed) -> Who {
        self.who_is(id, &proposed.operation, proposed.token)
    }

    pub(super) fn who_is(&self, id: &str, operation: &Operation, token: Option<i64>) -> Who {
        let descriptor = operation.descriptor();
        let target = views::named(&operation.target(), &self.parts.state.current().1);
        Who {
            id: id.to_owned(),
            token,
            what: format!("{}, {target}", descriptor.title),
            limit_ms: i64::from(descriptor.bounds.timeout_s) * 1_000 + AROUND_MS,
        }
    }

    fn open_page(
        &self,
        id: String,
        proposed: &Proposed,
        gathered: Option<&Gathered>,
        approval: Option<&str>,
    ) -> Page {
        let operation = &proposed.operation;
        let descriptor = operation.descriptor();
        let (_, state) = self.parts.state.current();
        let (node, vmid) = views::place(&operation.target(), &state);
        let view = ActionView {
            id,
            tool: descriptor.name.to_owned(),
            title: descriptor.title.to_owned(),
            args: operation.args(),
            target: operation.target().to_string(),
            node,
            vmid,
            tier: operation.tier(),
            effect: operation.effect(),
            caller: proposed.caller.label(),
            approval: approval.map(str::to_owned),
            state: ActionState::Waiting,
            message: None,
            upid: None,
            exit: None,
            log: Vec::new(),
            verified: None,
            evidence: None,
            sent: None,
            predicted: gathered.and_then(Gathered::blast_view),
            observed: None,
            waits_for: None,
            waits_since_ms: None,
            waits_until_ms: None,
            asked_ms: self.parts.clock.now_ms(),
            sent_ms: None,
            ended_ms: None,
        };
        self.book.open(view)
    }
}

impl From<Call> for Proposed {
    fn from(Call { operation, caller, token, pin, tainted }: Call) -> Self {
        Self { operation, caller, token, pin, tainted }
    }
}

impl Proposed {
    fn request(&self) -> Request {
        Request {
            operation: self.operation.clone(),
            caller: self.caller.clone(),
            pin: self.pin.clone(),
            tainted: self.tainted.clone(),
            approval: None,
        }
    }
}

fn refusal(operation: &Operation, objections: &[Objection]) -> Refusal {
    Refusal {
        tool: operation.descriptor().name.to_owned(),
        tier: operation.tier(),
        objections: views::objections(objections),
    }
}
