//! The catalogue over REST: what there is, a dry run, a call, and what became of a change.

use std::time::Duration;

use actix_web::{HttpResponse, http::StatusCode};
use jarvis_core::{
    policy::{Caller as Who, Fact},
    protocol::acting::{ActionState, ActionView, Plan},
    tools::{ALL, ArgsError, Arguments, Descriptor, Effect, Operation, ParseError, Tier, words::RecordId},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    acting::{ActionTold, ApprovalTold, ReadTold},
    call::{self, Call, Caller, json, json_with},
    error::{ApiError, Kind},
    guard::store_error,
    mcp,
    query::NoQuery,
};
use crate::{
    clients::{
        docker::DockerError,
        ssh::{SshError, reads::ReadError},
    },
    executor::{Answer, Call as Asked, ExecutorError, TakeBackError},
    tools::ToolError,
};

/// How long a call waits for the end of a change; a proxy in between gives up after a minute.
const WAIT: Duration = Duration::from_secs(50);
/// Actions in one answer.
const ACTIONS_MAX: usize = 200;

#[derive(Debug, Serialize, JsonSchema)]
pub struct Catalogue {
    items: Vec<ToolView>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ToolView {
    name: &'static str,
    title: &'static str,
    about: &'static str,
    tier: Tier,
    effect: Effect,
    /// Its answer holds text that others wrote.
    untrusted: bool,
    /// How long one call may take.
    timeout_s: u32,
    /// JSON Schema of `args`.
    args: Value,
}

impl From<&Descriptor> for ToolView {
    fn from(tool: &Descriptor) -> Self {
        let Descriptor { name, title, about, effect, untrusted, bounds, .. } = *tool;
        let timeout_s = bounds.timeout_s;
        Self { name, title, about, tier: effect.tier(), effect, untrusted, timeout_s, args: tool.schema() }
    }
}

pub fn list(call: &Call) -> Result<HttpResponse, ApiError> {
    call.query::<NoQuery>()?;
    json(&Catalogue { items: ALL.iter().map(ToolView::from).collect() })
}

/// What is asked of a tool. Nothing in it can stand for an approval.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ToolCall {
    /// As the tool's schema says; none when left out.
    #[serde(default)]
    #[schemars(with = "Map<String, Value>")]
    args: Arguments,
    /// Only tell what would be done.
    #[serde(default)]
    dry_run: bool,
}

/// The good answers of a tool.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "state", rename_all = "snake_case")]
#[expect(clippy::large_enum_variant, reason = "made once and serialised at once")]
pub enum Told {
    /// The answer of a read.
    Read(ReadTold),
    /// A dry run.
    Plan(Plan),
    /// The change is over and was seen to have worked.
    Done { action: Box<ActionTold> },
    /// It is still under way; `GET /api/v1/actions/{id}` tells how it goes on.
    Running { action: Box<ActionTold> },
    /// A person must decide first, on `POST /api/v1/approvals/{id}`.
    Pending { approval: Box<ApprovalTold> },
}

pub async fn run(mut call: Call) -> Result<HttpResponse, ApiError> {
    call.query::<NoQuery>()?;
    let ToolCall { args, dry_run } = call.body().await?;
    let name = call.req.match_info().get("tool").unwrap_or_default();
    let operation = Operation::parse(name, &args.into_value()).map_err(misread)?;
    let asked = Asked {
        operation,
        caller: who(&call.caller)?,
        token: call.caller.token(),
        pin: None,
        // Nothing stands between this caller and the call that could have read something.
        tainted: Fact::Known(false),
    };
    if dry_run {
        let plan = call.site.executor.plan(asked).await.map_err(failed)?;
        return json(&Told::Plan(plan));
    }
    match call.site.executor.call(asked, WAIT).await.map_err(failed)? {
        Answer::Read(read) => json(&Told::Read(read.into())),
        Answer::Done(action) => done(*action),
        Answer::Running(action) => {
            let action = Box::new((*action).into());
            json_with(StatusCode::ACCEPTED, &Told::Running { action })
        }
        Answer::Pending(approval) => {
            let approval = Box::new((*approval).into());
            json_with(StatusCode::ACCEPTED, &Told::Pending { approval })
        }
        Answer::Refused(refusal) => {
            let reasons: Vec<&str> = refusal.objections.iter().map(|o| o.reason.as_str()).collect();
            let message = format!("`{}` was refused: {}", refusal.tool, reasons.join("; "));
            let objections = serde_json::to_value(&refusal.objections).unwrap_or_default();
            let tier = serde_json::to_value(refusal.tier).unwrap_or_default();
            Err(ApiError::new(Kind::Refused, message).detail("tier", tier).detail("objections", objections))
        }
    }
}

/// A change that is over. One that did not work is an error with the whole record beside it.
fn done(action: ActionView) -> Result<HttpResponse, ApiError> {
    let kind = match action.state {
        ActionState::Ok | ActionState::Warnings => {
            return json(&Told::Done { action: Box::new(action.into()) });
        }
        ActionState::Failed => Kind::ActionFailed,
        ActionState::Unknown | ActionState::Waiting | ActionState::Sending | ActionState::Running => {
            Kind::ActionUnknown
        }
    };
    let message = action.message.clone().unwrap_or_else(|| format!("`{}` did not end well", action.tool));
    let record = serde_json::to_value(ActionTold::from(action)).unwrap_or_default();
    Err(ApiError::new(kind, message).detail("action", record))
}

/// Who asks, in the words of policy.
pub fn who(caller: &Caller) -> Result<Who, ApiError> {
    match caller {
        Caller::Session(session) => Ok(Who::Human { session: session.account.clone() }),
        Caller::Token(token) => Ok(Who::Token { id: token.name.clone(), scopes: mcp::scopes(token) }),
        Caller::Nobody => Err(ApiError::new(Kind::Unauthenticated, "log in, or send an API token")),
    }
}

fn misread(error: ParseError) -> ApiError {
    let kind = match &error {
        ParseError::Unknown(_) => Kind::NotFound,
        ParseError::Black { .. } => Kind::Black,
        ParseError::Args(ArgsError::Screen(_) | ArgsError::Wrong { .. }) => Kind::Invalid,
    };
    ApiError::new(kind, error.to_string())
}

/// What kept a call from being decided or carried out.
pub fn failed(error: ExecutorError) -> ApiError {
    match error {
        ExecutorError::Store(fault) => store_error("recording the action", fault),
        ExecutorError::Tool(fault) => unread(fault),
        ExecutorError::LineFull { .. } | ExecutorError::TooManyQuestions { .. } => {
            ApiError::new(Kind::TooMany, error.to_string()).retry_after_s(10)
        }
        ExecutorError::Config(_) => ApiError::new(Kind::Invalid, error.to_string()),
        ExecutorError::Loosens(ref loosens) => {
            let names = Value::from(loosens.0.clone());
            ApiError::new(Kind::FreshLoginNeeded, error.to_string()).detail("loosened", names)
        }
        ExecutorError::Switch(_) | ExecutorError::Random | ExecutorError::Stopping => {
            ApiError::new(Kind::Unavailable, error.to_string())
        }
    }
}

/// Why a read gave no answer.
fn unread(error: ToolError) -> ApiError {
    if let Some(section) = unset(&error) {
        return ApiError::new(Kind::NotConfigured, error.to_string()).detail("section", section);
    }
    let kind = match &error {
        ToolError::Store(_) => Kind::Unavailable,
        ToolError::Absent { .. } | ToolError::Docker(DockerError::NoSuchHost { .. }) => Kind::NotFound,
        ToolError::Busy { .. } => return ApiError::new(Kind::TooMany, error.to_string()).retry_after_s(2),
        ToolError::NotARead { .. }
        | ToolError::NotHere { .. }
        | ToolError::NotYet
        | ToolError::NoCluster
        | ToolError::NoSsh { .. }
        | ToolError::NoDocker => Kind::Unavailable,
        ToolError::Proxmox(fault) if fault.word() == "absent" => Kind::NotFound,
        ToolError::TimedOut { .. } | ToolError::Proxmox(_) | ToolError::Command(_) | ToolError::Docker(_) => {
            Kind::Upstream
        }
    };
    ApiError::new(kind, error.to_string())
}

/// The section of the settings that is missing for this read.
fn unset(error: &ToolError) -> Option<&'static str> {
    match error {
        ToolError::NoCluster => Some("proxmox"),
        ToolError::NoSsh { .. }
        | ToolError::Command(ReadError::Ssh(SshError::NotConfigured { .. }))
        | ToolError::Docker(DockerError::Ssh(ReadError::Ssh(SshError::NotConfigured { .. }))) => {
            Some("ssh.nodes")
        }
        ToolError::NoDocker => Some("docker.hosts"),
        _ => None,
    }
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Actions {
    items: Vec<ActionTold>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ActionsQuery {
    /// 50 when left out.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<usize>,
}

/// Changes that were begun, newest first.
pub async fn actions(call: Call) -> Result<HttpResponse, ApiError> {
    let query: ActionsQuery = call.query()?;
    let limit = query.limit.unwrap_or(50);
    if !(1..=ACTIONS_MAX).contains(&limit) {
        return Err(ApiError::bad_request(format!("limit goes from 1 to {ACTIONS_MAX}")));
    }
    let all = call.site.executor.actions(limit).await;
    call::json(&Actions { items: all.into_iter().map(ActionTold::from).collect() })
}

pub async fn action(call: Call) -> Result<HttpResponse, ApiError> {
    call.query::<NoQuery>()?;
    let id: RecordId = call.param("record")?;
    let found = call.site.executor.action(id.as_str()).await;
    let missing = || ApiError::not_found(format!("there is no action `{id}`; it may be too old"));
    json(&ActionTold::from(found.ok_or_else(missing)?))
}

/// Takes a change out of the line before its turn; nothing was sent of it.
pub async fn take_back(call: Call) -> Result<HttpResponse, ApiError> {
    call.query::<NoQuery>()?;
    let id: RecordId = call.param("record")?;
    let by = who(&call.caller)?;
    match call.site.executor.take_back(id.as_str(), &by, call.caller.token()).await {
        Ok(view) => json(&ActionTold::from(view)),
        Err(TakeBackError::Store(fault)) => Err(store_error("recording that it was taken back", fault)),
        Err(error) => {
            let kind = match error {
                TakeBackError::Unknown(_) => Kind::NotFound,
                TakeBackError::NotYours { .. } => Kind::Forbidden,
                _ => Kind::Conflict,
            };
            Err(ApiError::new(kind, error.to_string()))
        }
    }
}
