//! API tokens: made, listed and revoked by a person who has just logged in.

use actix_web::{HttpResponse, http::StatusCode};
use jarvis_core::tools::words::deceives;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    call::{Call, json, json_with},
    error::{ApiError, Kind},
    guard::access_error,
    query::NoQuery,
    when::When,
};
use crate::{
    access::{Scope, Scopes, TOKEN_DAYS_DEFAULT, TOKEN_DAYS_MAX, secret},
    store::Token,
};

const NAME_CHARS_MAX: usize = 100;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// To tell it from the others later: 1 to 100 characters, none of them control characters.
    #[schemars(length(min = 1, max = 100), regex(pattern = r"^[ -~]*[!-~][ -~]*$"))]
    name: String,
    #[schemars(length(min = 1, max = 20))]
    scopes: Vec<Scope>,
    /// Days until it ends; 365 when not given.
    #[serde(default)]
    #[schemars(range(min = 1, max = 3650))]
    expires_in_days: Option<u16>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct TokenView {
    id: i64,
    name: String,
    scopes: Vec<String>,
    created_at: When,
    expires_at: When,
    /// Exact to a minute; missing while it was never used.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_used_at: Option<When>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct MadeToken {
    /// Shown this once; only its hash is kept.
    token: String,
    #[serde(flatten)]
    view: TokenView,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct TokenList {
    items: Vec<TokenView>,
}

impl From<Token> for TokenView {
    fn from(token: Token) -> Self {
        Self {
            id: token.id,
            name: token.name,
            scopes: token.scopes,
            created_at: When(token.created_ms),
            expires_at: When(token.expires_ms),
            last_used_at: token.last_used_ms.map(When),
        }
    }
}

pub async fn list(call: Call) -> Result<HttpResponse, ApiError> {
    call.query::<NoQuery>()?;
    let tokens = call.site.keeper.list_tokens().await.map_err(access_error)?;
    json(&TokenList { items: tokens.into_iter().map(TokenView::from).collect() })
}

pub async fn create(mut call: Call) -> Result<HttpResponse, ApiError> {
    call.query::<NoQuery>()?;
    let body: NewToken = call.body().await?;
    let invalid = |why: String| ApiError::new(Kind::Invalid, why);
    let name = body.name.trim();
    if name.is_empty() || name.chars().count() > NAME_CHARS_MAX || name.chars().any(deceives) {
        return Err(invalid(format!(
            "the name must have 1 to {NAME_CHARS_MAX} characters, no control characters"
        )));
    }
    if secret::contains_token(name) {
        return Err(invalid(
            "the name holds a token; names are shown, so give it another one and revoke that token".into(),
        ));
    }
    let scopes = Scopes::new(body.scopes).map_err(|_| invalid("give at least one scope".into()))?;
    let days = body.expires_in_days.unwrap_or(TOKEN_DAYS_DEFAULT);
    if !(1..=TOKEN_DAYS_MAX).contains(&days) {
        return Err(invalid(format!("expires_in_days is {days}; give 1 to {TOKEN_DAYS_MAX}")));
    }
    let (plain, token) =
        call.site.keeper.create_token(name, &scopes, days, &call.from().by()).await.map_err(access_error)?;
    json_with(StatusCode::CREATED, &MadeToken { token: plain.reveal().to_owned(), view: token.into() })
}

pub async fn revoke(call: Call) -> Result<HttpResponse, ApiError> {
    call.query::<NoQuery>()?;
    let id = call.param::<i64>("id")?;
    if call.site.keeper.revoke_token(id, &call.from().by()).await.map_err(access_error)? {
        call.site.executor.tokens_ended().await;
        Ok(HttpResponse::NoContent().finish())
    } else {
        Err(ApiError::not_found(format!("there is no token {id}, or it was revoked before; list them again")))
    }
}
