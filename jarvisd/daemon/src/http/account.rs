//! Set-up, log-in, log-out, the session and the password.

use actix_web::{
    HttpResponse, HttpResponseBuilder,
    http::{StatusCode, header},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    call::{Call, header_text, json_with, peer, session_cookie},
    error::ApiError,
    guard::access_error,
    query::NoQuery,
    when::When,
};
use crate::{
    access::{Granted, OPERATOR, SessionInfo, address, cookie},
    config::SecureCookies,
};

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetUp {
    /// The one-time token the daemon printed at its start.
    #[schemars(length(max = 200))]
    token: String,
    /// The operator's password from now on.
    #[schemars(length(max = 1024))]
    password: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LogIn {
    #[schemars(length(max = 1024))]
    password: String,
    /// There is one account, `operator`.
    #[serde(default = "operator")]
    #[schemars(length(max = 64))]
    user: String,
}

fn operator() -> String {
    OPERATOR.to_owned()
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPassword {
    #[schemars(length(max = 1024))]
    current: String,
    #[schemars(length(max = 1024))]
    new: String,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct SessionView {
    user: String,
    created_at: When,
    /// The session ends here whatever happens.
    expires_at: When,
    /// The session ends here if it is not used before.
    idle_expires_at: When,
    /// Whether the log-in is recent enough for what asks for a fresh one.
    fresh: bool,
    fresh_until: When,
    password_length_min: usize,
    server_time: When,
    server_time_ms: i64,
    build: String,
}

pub async fn set_up(mut call: Call) -> Result<HttpResponse, ApiError> {
    call.query::<NoQuery>()?;
    let body: SetUp = call.body().await?;
    let granted = call.site.keeper.set_up(&body.token, body.password, &call.from()).await;
    entered(&call, &granted.map_err(access_error)?)
}

pub async fn log_in(mut call: Call) -> Result<HttpResponse, ApiError> {
    call.query::<NoQuery>()?;
    let body: LogIn = call.body().await?;
    let granted = call.site.keeper.log_in(&body.user, body.password, &call.from()).await;
    let granted = granted.map_err(access_error)?;
    // A log-in over a living session replaces it: its secret leaves the browser, so it shall not live on.
    if let Some(old) = session_cookie(&call.req).flatten() {
        call.site.keeper.replace(old.hash(), &granted.info).await.map_err(access_error)?;
    }
    entered(&call, &granted)
}

pub async fn log_out(call: Call) -> Result<HttpResponse, ApiError> {
    call.query::<NoQuery>()?;
    call.site.keeper.log_out(call.session()?.hash).await.map_err(access_error)?;
    Ok(left(&call))
}

pub fn session(call: &Call) -> Result<HttpResponse, ApiError> {
    call.query::<NoQuery>()?;
    json_with(StatusCode::OK, &view(call, call.session()?))
}

pub async fn password(mut call: Call) -> Result<HttpResponse, ApiError> {
    call.query::<NoQuery>()?;
    let body: NewPassword = call.body().await?;
    let changed = call.site.keeper.change_password(body.current, body.new, &call.from()).await;
    changed.map_err(access_error)?;
    Ok(left(&call))
}

fn entered(call: &Call, granted: &Granted) -> Result<HttpResponse, ApiError> {
    let view = view(call, &granted.info);
    let lives_ms = granted.info.times.expires_ms(call.site.keeper.session_rule()).saturating_sub(call.now_ms);
    let cookie = cookie::give(&granted.secret, lives_ms / 1_000, secure(call));
    let mut response = json_with(StatusCode::OK, &view)?;
    let value =
        header::HeaderValue::from_str(&cookie).map_err(|e| ApiError::internal("setting the cookie", &e))?;
    response.headers_mut().insert(header::SET_COOKIE, value);
    Ok(response)
}

fn left(call: &Call) -> HttpResponse {
    HttpResponseBuilder::new(StatusCode::NO_CONTENT)
        .insert_header((header::SET_COOKIE, cookie::take_back(secure(call))))
        .finish()
}

fn secure(call: &Call) -> bool {
    let server = &call.site.config.server;
    match server.secure_cookies {
        SecureCookies::Always => true,
        SecureCookies::Never => false,
        SecureCookies::Auto => {
            let name = header::HeaderName::from_static("x-forwarded-proto");
            address::over_tls(peer(&call.req), header_text(&call.req, &name), &server.trusted_proxies)
        }
    }
}

fn view(call: &Call, info: &SessionInfo) -> SessionView {
    let rule = call.site.keeper.session_rule();
    SessionView {
        user: info.account.clone(),
        created_at: When(info.times.created_ms),
        expires_at: When(info.times.expires_ms(rule)),
        idle_expires_at: When(info.times.idle_expires_ms(rule)),
        fresh: info.times.fresh(rule, call.site.clock.now_ms()),
        fresh_until: When(info.times.fresh_until_ms(rule)),
        password_length_min: call.site.keeper.password_length_min(),
        server_time: call.when(),
        server_time_ms: call.now_ms,
        build: call.site.build.to_owned(),
    }
}
