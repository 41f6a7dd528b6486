//! Questions put to people: opened, shown, decided once, and void when anything they rest on changes.
//!
//! What an approval binds and when it is over is core's matter. Here they are held, stored with their rows of the
//! audit, and told to screens. A decision is made in memory first, so that of two the second one loses, and counts
//! once it is on the disk.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use jarvis_core::{
    approval::{Approval, ApprovalError, Grant, State, Voice},
    audit::{Draft, Kind},
    cluster::ClusterState,
    policy::{Ask, Caller, Fact, Facts, Identity, Moment},
    protocol::acting::{ActingChange, ApprovalState, ApprovalView},
    tools::{Digest, Operation, canonical::canonical},
};
use serde_json::json;

use super::{
    DecideError, ExecutorError, Inner,
    drift::{Glimpse, differences, told},
    facts::Gathered,
    views,
};

/// Questions that may wait at once. More is a flood, which nobody reads.
pub const PENDING_MAX: usize = 50;
/// … and that one program may have waiting, so that it never keeps a person or another program from asking.
pub const PENDING_EACH_MAX: usize = 10;
/// Decided ones kept for screens; the store has the others.
const KEPT_MAX: usize = 200;

/// What was asked for, as the original caller asked it.
#[derive(Debug, Clone)]
pub struct Proposed {
    pub operation: Operation,
    pub caller: Caller,
    /// Number of the API token it came with.
    pub token: Option<i64>,
    pub pin: Option<Identity>,
    pub tainted: Fact<bool>,
}

struct Live {
    /// What was seen when it was asked, for saying what differs.
    facts: Vec<(&'static str, String)>,
    approval: Approval,
    proposed: Proposed,
    view: ApprovalView,
    glimpse: Glimpse,
}

#[derive(Default)]
pub struct Approvals(Mutex<BTreeMap<String, Live>>);

impl Inner {
    /// Opens one for what policy asks, or gives the one that is open for the very same already.
    pub(super) async fn ask(
        &self,
        ask: &Ask,
        proposed: Proposed,
        gathered: &Gathered,
    ) -> Result<ApprovalView, ExecutorError> {
        let now = self.parts.clock.moment();
        let id = self.new_id("apr")?;
        let valid_ms = self.in_force().limits().approval_ms;
        let (view, body, card) = {
            let mut all = self.approvals.all();
            all.values_mut().for_each(|live| live.refresh(&now));
            let pending = || all.values().filter(|live| live.view.state == ApprovalState::Pending);
            let twin = pending()
                .find(|live| live.approval.hash() == ask.hash && live.proposed.caller == proposed.caller);
            if let Some(twin) = twin {
                return Ok(twin.view.clone());
            }
            let waiting = pending().count();
            if waiting >= PENDING_MAX {
                return Err(ExecutorError::TooManyQuestions { waiting });
            }
            let proposer = proposed.caller.label();
            let theirs = pending().filter(|live| live.approval.proposer() == proposer).count();
            if theirs >= PENDING_EACH_MAX && !proposed.caller.is_human() {
                return Err(ExecutorError::TooManyQuestions { waiting: theirs });
            }
            let approval = Approval::open(id.clone(), ask, proposer, now, valid_ms);
            let view = self.approval_view(&approval, ask, &proposed, gathered, &now);
            let glimpse = Glimpse::of(&proposed.operation.target(), &gathered.state);
            let body = approval.clone();
            let facts = told(&gathered.facts);
            all.insert(id.clone(), Live { facts, approval, proposed, view: view.clone(), glimpse });
            self.approvals.trim(&mut all);
            let card = serde_json::to_value(&view).unwrap_or_default();
            (view, body, card)
        };
        let record = self.draft(
            Kind::Asked,
            &view.proposer,
            &view.target,
            json!({"approval": id, "hash": view.hash, "operation": ask.operation.canonical(),
                   "reasons": body.reasons()}),
        );
        if let Err(error) = self.parts.store.approvals().put(&body, &card, vec![record]).await {
            self.approvals.all().remove(&id);
            return Err(error.into());
        }
        self.tell(ActingChange::Approval { approval: view.clone() });
        Ok(view)
    }

    pub(super) async fn decide_approval(
        &self,
        id: &str,
        voice: &Voice,
        approve: bool,
        hash: Digest,
    ) -> Result<(ApprovalView, Option<Proposed>), DecideError> {
        let now = self.parts.clock.moment();
        let who = voice_word(voice);
        let (view, body, proposed) = {
            let mut all = self.approvals.all();
            let live = all.get_mut(id).ok_or_else(|| DecideError::Unknown(id.to_owned()))?;
            let decided = live.approval.decide(voice, approve, hash, now);
            live.refresh(&now);
            decided?;
            (live.view.clone(), live.approval.clone(), live.proposed.clone())
        };
        let detail = json!({"approval": id, "approve": approve, "hash": view.hash, "tool": view.tool});
        let record = self.draft(Kind::ApprovalDecided, &who, &view.target, detail);
        if let Err(error) = self.put(&body, &view, vec![record]).await {
            let why = "the decision could not be recorded; propose the action again".to_owned();
            self.approvals.all().get_mut(id).into_iter().for_each(|live| {
                live.approval.void(why.clone(), &now);
                live.refresh(&now);
            });
            return Err(error);
        }
        self.tell(ActingChange::Approval { approval: view.clone() });
        Ok((view, approve.then_some(proposed)))
    }

    pub(super) async fn extend_approval(&self, id: &str, voice: &Voice) -> Result<ApprovalView, DecideError> {
        let now = self.parts.clock.moment();
        let valid_ms = self.in_force().limits().approval_ms;
        let (view, body) = {
            let mut all = self.approvals.all();
            let live = all.get_mut(id).ok_or_else(|| DecideError::Unknown(id.to_owned()))?;
            live.approval.extend(voice, now, valid_ms)?;
            live.refresh(&now);
            (live.view.clone(), live.approval.clone())
        };
        let detail = json!({"approval": id, "extended_ms": valid_ms});
        let record = self.draft(Kind::ApprovalDecided, &voice_word(voice), &view.target, detail);
        self.put(&body, &view, vec![record]).await?;
        self.tell(ActingChange::Approval { approval: view.clone() });
        Ok(view)
    }

    /// Uses an approved one for the action with this hash. Whatever comes of it is stored.
    pub(super) async fn redeem(&self, id: &str, hash: Digest, facts: &Facts) -> Result<Grant, String> {
        let now = self.parts.clock.moment();
        let (grant, view, body, differs) = {
            let mut all = self.approvals.all();
            let live = all.get_mut(id).ok_or("the approval is not on record any more")?;
            let grant = live.approval.redeem(hash, now);
            live.refresh(&now);
            let differs = differences(&live.facts, &told(facts));
            (grant, live.view.clone(), live.approval.clone(), differs)
        };
        let record = grant.as_ref().err().map(|why| {
            let detail = json!({"approval": id, "why": why.to_string(), "differs": differs});
            self.draft(Kind::ApprovalVoided, "system", &view.target, detail)
        });
        if let Err(error) = self.put(&body, &view, record.into_iter().collect()).await {
            return Err(error.to_string());
        }
        self.tell(ActingChange::Approval { approval: view });
        grant.map_err(|why| match why {
            ApprovalError::OtherAction => {
                format!("what would be done is no longer what was approved ({differs}); propose it again")
            }
            other => other.to_string(),
        })
    }

    /// Names the action an approval began.
    pub(super) fn began(&self, id: &str, action: &str) -> Option<ApprovalView> {
        let view = {
            let mut all = self.approvals.all();
            let live = all.get_mut(id)?;
            live.view.action = Some(action.to_owned());
            live.view.clone()
        };
        self.tell(ActingChange::Approval { approval: view.clone() });
        Some(view)
    }

    /// Voids every open question, and what waits in line.
    pub(super) async fn void_all(&self, why: &str) {
        self.voids.send_modify(|(count, reason)| {
            *count = count.wrapping_add(1);
            why.clone_into(reason);
        });
        self.void_where(|_, _| Some(why.to_owned())).await;
    }

    /// Voids an approval whose action will not be begun.
    pub(super) async fn void_one(&self, id: &str, why: &str) {
        self.void_where(|live, _| (live.view.id == id).then(|| why.to_owned())).await;
    }

    /// Tokens that have asked something which is still open.
    pub(super) fn asking_tokens(&self) -> BTreeSet<i64> {
        let all = self.approvals.all();
        all.values().filter(|live| live.is_open()).filter_map(|live| live.proposed.token).collect()
    }

    /// Voids what these tokens asked for; with each the reason why.
    pub(super) async fn void_of(&self, tokens: &BTreeMap<i64, String>) {
        self.void_where(|live, _| live.proposed.token.and_then(|token| tokens.get(&token).cloned())).await;
    }

    /// Lets those expire whose time is over, and voids those whose target is not as it was shown.
    pub(super) async fn age_approvals(&self, state: &ClusterState) {
        self.void_where(|live, _| {
            let now = Glimpse::of(&live.proposed.operation.target(), state);
            live.glimpse
                .differs(&now)
                .then(|| "the target is no longer as it was shown; propose it again".to_owned())
        })
        .await;
    }

    async fn void_where(&self, why: impl Fn(&Live, &Moment) -> Option<String>) {
        let now = self.parts.clock.moment();
        let changed: Vec<(ApprovalView, Approval)> = {
            let mut all = self.approvals.all();
            let open = all.values_mut().filter(|live| live.is_open());
            let over = open.filter_map(|live| {
                if !matches!(live.approval.state(&now), State::Expired)
                    && let Some(why) = why(live, &now)
                {
                    live.approval.void(why, &now);
                }
                let before = live.view.state;
                live.refresh(&now);
                (before != live.view.state).then(|| (live.view.clone(), live.approval.clone()))
            });
            over.collect()
        };
        for (view, approval) in changed {
            let detail = json!({"approval": view.id, "state": view.state, "why": view.why});
            let record = self.draft(Kind::ApprovalVoided, "system", &view.target, detail);
            if let Err(error) = self.put(&approval, &view, vec![record]).await {
                tracing::error!(%error, "an approval that is over could not be stored as such");
            }
            self.tell(ActingChange::Approval { approval: view });
        }
    }

    /// After a start: what was open then is void, since nobody knows what happened in between.
    pub(super) async fn void_stored(&self) -> Result<(), ExecutorError> {
        let now = self.parts.clock.moment();
        let why = "Jarvis was restarted; propose the action again";
        for stored in self.parts.store.approvals().unsettled().await? {
            let mut approval = stored.approval;
            approval.void(why.to_owned(), &now);
            let subject = stored.card.get("target").and_then(|v| v.as_str()).unwrap_or("approval").to_owned();
            let detail = json!({"approval": approval.id(), "state": stored.state, "why": why});
            let record = self.draft(Kind::ApprovalVoided, "system", &subject, detail);
            let mut card = stored.card;
            if let Ok(mut view) = serde_json::from_value::<ApprovalView>(card.clone()) {
                show(&mut view, &mut approval, &now);
                card = serde_json::to_value(&view).unwrap_or(card);
            }
            self.parts.store.approvals().put(&approval, &card, vec![record]).await?;
        }
        Ok(())
    }

    /// Newest first; older ones come from the store.
    pub(super) async fn approval_views(&self, limit: usize) -> Vec<ApprovalView> {
        let now = self.parts.clock.moment();
        let mut views: BTreeMap<String, ApprovalView> = BTreeMap::new();
        let rows = self.parts.store.approvals().recent(i64::try_from(limit).unwrap_or(i64::MAX)).await;
        for row in rows.unwrap_or_default() {
            if let Ok(view) = serde_json::from_value::<ApprovalView>(row.card) {
                views.insert(view.id.clone(), view);
            }
        }
        for live in self.approvals.all().values_mut() {
            live.refresh(&now);
            views.insert(live.view.id.clone(), live.view.clone());
        }
        let mut views: Vec<_> = views.into_values().collect();
        views.sort_by(|a, b| (b.opened_ms, &b.id).cmp(&(a.opened_ms, &a.id)));
        views.truncate(limit);
        views
    }

    /// One of them, however old it is.
    pub(super) async fn approval_view_of(&self, id: &str) -> Option<ApprovalView> {
        let now = self.parts.clock.moment();
        if let Some(live) = self.approvals.all().get_mut(id) {
            live.refresh(&now);
            return Some(live.view.clone());
        }
        let stored = self.parts.store.approvals().get(id).await.ok().flatten()?;
        serde_json::from_value(stored.card).ok()
    }

    async fn put(
        &self,
        approval: &Approval,
        view: &ApprovalView,
        record: Vec<Draft>,
    ) -> Result<(), DecideError> {
        let card = serde_json::to_value(view).unwrap_or_default();
        Ok(self.parts.store.approvals().put(approval, &card, record).await?)
    }

    fn approval_view(
        &self,
        approval: &Approval,
        ask: &Ask,
        proposed: &Proposed,
        gathered: &Gathered,
        now: &Moment,
    ) -> ApprovalView {
        let operation = &proposed.operation;
        let (target, descriptor) = (operation.target(), operation.descriptor());
        let (node, vmid) = views::place(&target, &gathered.state);
        ApprovalView {
            id: approval.id().to_owned(),
            hash: ask.hash.to_string(),
            tool: descriptor.name.to_owned(),
            title: descriptor.title.to_owned(),
            args: operation.args(),
            target: target.to_string(),
            node,
            vmid,
            tier: operation.tier(),
            effect: operation.effect(),
            proposer: approval.proposer().to_owned(),
            objections: views::objections(&ask.objections),
            blast: gathered.blast_view(),
            exact_calls: self.exact_calls(operation, gathered),
            state: ApprovalState::Pending,
            by: None,
            decided_ms: None,
            why: None,
            opened_ms: now.wall_ms,
            expires_ms: now.wall_ms.saturating_add(approval.valid_ms()),
            action: None,
        }
    }

    pub(super) fn draft(&self, kind: Kind, who: &str, subject: &str, detail: serde_json::Value) -> Draft {
        Draft {
            at_ms: self.parts.clock.now_ms(),
            kind,
            who: who.to_owned(),
            subject: subject.to_owned(),
            detail: canonical(&detail),
        }
    }
}

impl Approvals {
    fn all(&self) -> MutexGuard<'_, BTreeMap<String, Live>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn trim(&self, all: &mut BTreeMap<String, Live>) {
        while all.len() > KEPT_MAX {
            let over = all.values().filter(|live| !live.is_open());
            let Some(oldest) = over.min_by_key(|live| live.view.opened_ms).map(|live| live.view.id.clone())
            else {
                return;
            };
            all.remove(&oldest);
        }
    }
}

impl Live {
    /// Not decided, or decided and not used.
    fn is_open(&self) -> bool {
        matches!(self.view.state, ApprovalState::Pending | ApprovalState::Approved)
    }

    fn refresh(&mut self, now: &Moment) {
        show(&mut self.view, &mut self.approval, now);
    }
}

/// Brings the card in line with the approval.
fn show(view: &mut ApprovalView, approval: &mut Approval, now: &Moment) {
    view.opened_ms = view.opened_ms.min(approval.opened().wall_ms);
    view.expires_ms = approval.opened().wall_ms.saturating_add(approval.valid_ms());
    let was_open = matches!(view.state, ApprovalState::Pending | ApprovalState::Approved);
    let (state, by, at, why) = match approval.state(now) {
        State::Pending => (ApprovalState::Pending, None, None, None),
        State::Approved { by, at } => (ApprovalState::Approved, Some(by.clone()), Some(*at), None),
        State::Denied { by, at } => (ApprovalState::Denied, Some(by.clone()), Some(*at), None),
        State::Used { by, at } => (ApprovalState::Used, Some(by.clone()), Some(*at), None),
        State::Expired => (ApprovalState::Expired, None, None, Some("its time was over".to_owned())),
        State::Voided { why } => (ApprovalState::Voided, None, None, Some(why.clone())),
    };
    let over_now = was_open && matches!(state, ApprovalState::Expired | ApprovalState::Voided);
    view.state = state;
    view.by = by.or_else(|| view.by.clone());
    view.why = why;
    match at {
        // When it was decided, not when it was used.
        Some(at) => view.decided_ms = view.decided_ms.or(Some(at.wall_ms)),
        None if over_now => view.decided_ms = Some(now.wall_ms),
        None => {}
    }
}

fn voice_word(voice: &Voice) -> String {
    match voice {
        Voice::Session(who) => format!("human/{who}"),
        Voice::Token(id) => format!("token/{id}"),
        Voice::Chat(id) => format!("chat/{id}"),
        Voice::Mcp(id) => format!("mcp/{id}"),
        Voice::Link => "link".to_owned(),
    }
}
