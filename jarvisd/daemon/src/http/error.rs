//! The only place where errors become HTTP: a closed set of kinds, each with its status.

use std::fmt;

use actix_web::{
    HttpResponse, ResponseError,
    http::{StatusCode, header},
};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

/// Every kind of error an answer can carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The request cannot be read: a query key that does not exist, JSON that is none …
    BadRequest,
    /// An API token in the URL: URLs are logged, so it counts as leaked.
    TokenInUrl,
    /// No credential, or one that is over.
    Unauthenticated,
    /// The password or set-up token is wrong.
    BadCredentials,
    /// The credential does not reach this far.
    Forbidden,
    /// The request names a host we are not.
    ForbiddenHost,
    /// The page that asks is not ours, or does not say where it is from.
    ForbiddenOrigin,
    /// Only a person's session may do this, no token.
    SessionNeeded,
    /// The log-in is too long ago for this.
    FreshLoginNeeded,
    /// Policy refused the action; `details.objections` has every reason.
    Refused,
    /// This is no tool on purpose; the message says why.
    Black,
    NotFound,
    MethodNotAllowed,
    Conflict,
    /// It takes something that the settings do not have; `details.section` names the section to add.
    NotConfigured,
    TooLarge,
    UnsupportedMediaType,
    /// The JSON is well-formed, its content is not what is asked for.
    Invalid,
    UpgradeNeeded,
    TooMany,
    /// Too many wrong passwords; `details.retry_after_s` says how long.
    LockedOut,
    Internal,
    /// Proxmox did not give what was needed.
    Upstream,
    /// The action was begun and did not work; `details.action` is its record.
    ActionFailed,
    /// Whether the action worked cannot be said; `details.action` is its record. Look before you repeat it.
    ActionUnknown,
    /// The daemon cannot do this at present.
    Unavailable,
}

impl Kind {
    pub fn status(self) -> StatusCode {
        match self {
            Self::BadRequest | Self::TokenInUrl => StatusCode::BAD_REQUEST,
            Self::Unauthenticated | Self::BadCredentials => StatusCode::UNAUTHORIZED,
            Self::Forbidden
            | Self::ForbiddenHost
            | Self::ForbiddenOrigin
            | Self::Refused
            | Self::Black
            | Self::SessionNeeded
            | Self::FreshLoginNeeded => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Conflict | Self::NotConfigured => StatusCode::CONFLICT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
            Self::UpgradeNeeded => StatusCode::UPGRADE_REQUIRED,
            Self::TooMany | Self::LockedOut => StatusCode::TOO_MANY_REQUESTS,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Upstream | Self::ActionFailed | Self::ActionUnknown => StatusCode::BAD_GATEWAY,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

/// What a person or a program is told: what happened, to what, what to do.
#[derive(Debug)]
pub struct ApiError {
    pub kind: Kind,
    message: String,
    details: Map<String, Value>,
    headers: Vec<(header::HeaderName, String)>,
}

/// The body of every error.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Error")]
pub struct ErrorBody {
    error: ErrorContent,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ErrorContent {
    kind: Kind,
    /// What happened, to what, what to do.
    message: String,
    /// More for programs; the keys depend on the kind.
    details: Map<String, Value>,
}

impl ApiError {
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), details: Map::new(), headers: Vec::new() }
    }

    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(Kind::BadRequest, message)
    }

    /// For routes on which other content is as malformed as other syntax.
    pub fn malformed(self) -> Self {
        match self.kind {
            Kind::Invalid => Self { kind: Kind::BadRequest, ..self },
            _ => self,
        }
    }

    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(Kind::NotFound, message)
    }

    pub fn detail(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.details.insert(key.to_owned(), value.into());
        self
    }

    pub fn header(mut self, name: header::HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub fn retry_after_s(self, seconds: i64) -> Self {
        let seconds = seconds.max(1);
        self.detail("retry_after_s", seconds).header(header::RETRY_AFTER, seconds.to_string())
    }

    /// A failure of our own: logged here, once, with its cause; the client learns only that it happened.
    pub fn internal(doing: &str, cause: &dyn std::error::Error) -> Self {
        tracing::error!(error = %chain(cause), "{doing} failed");
        Self::new(Kind::Internal, format!("{doing} failed inside jarvisd; its log says why"))
    }

    /// Something we need does not work at present and may again later: logged here, once.
    pub fn unavailable(doing: &str, cause: &dyn std::error::Error) -> Self {
        tracing::warn!(error = %chain(cause), "{doing} is not possible now");
        Self::new(Kind::Unavailable, format!("{doing} is not possible now: {cause}")).retry_after_s(5)
    }
}

/// An error with all its causes, on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let more = next.to_string();
        // Many errors already print their cause.
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = next.source();
    }
    text
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        self.kind.status()
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.kind.status());
        if self.kind.status() == StatusCode::UNAUTHORIZED {
            // Not Basic: a browser would open its own dialogue.
            response.insert_header((header::WWW_AUTHENTICATE, "Bearer realm=\"jarvis\""));
        }
        for (name, value) in &self.headers {
            response.insert_header((name.clone(), value.as_str()));
        }
        response.json(ErrorBody {
            error: ErrorContent {
                kind: self.kind,
                message: self.message.clone(),
                details: self.details.clone(),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[actix_web::test]
    async fn an_error_is_json_with_its_status_and_headers() {
        let response = ApiError::new(Kind::LockedOut, "wait").retry_after_s(0).error_response();
        assert_eq!(response.status(), 429);
        assert_eq!(response.headers().get("retry-after").unwrap(), "1");
        let body = actix_web::body::to_bytes(response.into_body()).await.unwrap();
        let value: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(
            value,
            serde_json::json!({"error": {"kind": "locked_out", "message": "wait", "details": {"retry_after_s": 1}}})
        );
    }
}
