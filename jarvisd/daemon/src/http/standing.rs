//! The kill switch and the autonomy level. To tighten takes a session; to loosen takes a fresh log-in as well.

use actix_web::HttpResponse;
use jarvis_core::policy::Level;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    acting::{AutonomyTold, KillTold},
    call::{Call, json},
    error::{ApiError, Kind},
    query::NoQuery,
    tools::failed,
};

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Switch {
    /// `true`: nothing but reads leaves from now on. `false`: allowed again; nothing old is run.
    on: bool,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewLevel {
    /// 0 observe, 1 alert, 2 recommend, 3 act, 4 act quietly.
    #[schemars(range(min = 0, max = 4))]
    level: u8,
}

pub async fn kill_switch(call: Call) -> Result<HttpResponse, ApiError> {
    call.query::<NoQuery>()?;
    json(&KillTold::from(call.site.executor.kill_switch().await))
}

pub async fn throw(mut call: Call) -> Result<HttpResponse, ApiError> {
    call.query::<NoQuery>()?;
    let Switch { on } = call.exact_body().await?;
    if !on {
        loosening(&call, "releasing the kill switch")?;
    }
    let who = call.session()?.account.clone();
    json(&KillTold::from(call.site.executor.set_kill_switch(on, &who).await.map_err(failed)?))
}

pub async fn autonomy(call: Call) -> Result<HttpResponse, ApiError> {
    call.query::<NoQuery>()?;
    json(&AutonomyTold::from(call.site.executor.autonomy().await))
}

pub async fn set_level(mut call: Call) -> Result<HttpResponse, ApiError> {
    call.query::<NoQuery>()?;
    let NewLevel { level } = call.exact_body().await?;
    let level = Level::try_from(level).map_err(|e| ApiError::bad_request(e.to_string()))?;
    if u8::from(level) > call.site.executor.autonomy().await.level {
        loosening(&call, "raising the level")?;
    }
    let who = call.session()?.account.clone();
    json(&AutonomyTold::from(call.site.executor.set_level(level, &who).await.map_err(failed)?))
}

/// Reads the policy of the settings again.
pub async fn reload(call: Call) -> Result<HttpResponse, ApiError> {
    call.query::<NoQuery>()?;
    let session = call.session()?;
    let fresh = session.times.fresh(call.site.keeper.session_rule(), call.now_ms);
    let who = session.account.clone();
    json(&call.site.executor.reload_policy(&who, fresh).await.map_err(failed)?)
}

fn loosening(call: &Call, what: &str) -> Result<(), ApiError> {
    let session = call.session()?;
    if session.times.fresh(call.site.keeper.session_rule(), call.now_ms) {
        return Ok(());
    }
    let message = format!("{what} needs a fresh log-in; log in again and repeat it");
    Err(ApiError::new(Kind::FreshLoginNeeded, message))
}
