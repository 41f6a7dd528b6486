//! Questions put to people: what waits, and a person's decision. Only a session decides; see `jarvis_core::approval`.

use std::str::FromStr;

use actix_web::HttpResponse;
use jarvis_core::{
    approval::{ApprovalError, Voice},
    tools::{Digest, words::RecordId},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    acting::ApprovalTold,
    call::{Call, json},
    error::{ApiError, Kind},
    guard::store_error,
    query::NoQuery,
};
use crate::executor::DecideError;

#[derive(Debug, Serialize, JsonSchema)]
pub struct Approvals {
    items: Vec<ApprovalTold>,
}

/// Pending and recent, newest first.
pub async fn list(call: Call) -> Result<HttpResponse, ApiError> {
    call.query::<NoQuery>()?;
    let all = call.site.executor.approvals().await;
    json(&Approvals { items: all.into_iter().map(ApprovalTold::from).collect() })
}

/// For whoever proposed it and waits.
pub async fn one(call: Call) -> Result<HttpResponse, ApiError> {
    call.query::<NoQuery>()?;
    let id: RecordId = call.param("record")?;
    let found = call.site.executor.approval(id.as_str()).await;
    let found = found.ok_or_else(|| unknown(DecideError::Unknown(id.to_string())))?;
    json(&ApprovalTold::from(found))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Choice {
    Approve,
    Deny,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    decision: Choice,
    /// The `hash` of the approval as it was shown.
    #[schemars(regex(pattern = r"^[0-9a-f]{64}$"))]
    hash: String,
}

/// Decides it. An approved action begins at once; the answer names it.
pub async fn decide(mut call: Call) -> Result<HttpResponse, ApiError> {
    call.query::<NoQuery>()?;
    let Decision { decision, hash } = call.body().await?;
    let id: RecordId = call.param("record")?;
    let hash = Digest::from_str(&hash).map_err(|e| ApiError::new(Kind::Invalid, format!("`hash`: {e}")))?;
    let voice = Voice::Session(call.session()?.account.clone());
    let decided = call.site.executor.decide(id.as_str(), voice, decision == Choice::Approve, hash).await;
    json(&ApprovalTold::from(decided.map_err(unknown)?))
}

/// Gives it its full time again.
pub async fn extend(call: Call) -> Result<HttpResponse, ApiError> {
    call.query::<NoQuery>()?;
    let id: RecordId = call.param("record")?;
    let voice = Voice::Session(call.session()?.account.clone());
    json(&ApprovalTold::from(call.site.executor.extend(id.as_str(), voice).await.map_err(unknown)?))
}

fn unknown(error: DecideError) -> ApiError {
    match error {
        DecideError::Unknown(_) => ApiError::not_found(error.to_string()),
        DecideError::Approval(ApprovalError::NotASession) => {
            ApiError::new(Kind::SessionNeeded, error.to_string())
        }
        DecideError::Approval(
            ApprovalError::OtherAction
            | ApprovalError::Over(_)
            | ApprovalError::Undecided
            | ApprovalError::TooOften,
        ) => ApiError::new(Kind::Conflict, error.to_string()),
        DecideError::NotBegun(_) => ApiError::new(Kind::TooMany, error.to_string()),
        DecideError::Store(fault) => store_error("recording the decision", fault),
    }
}
