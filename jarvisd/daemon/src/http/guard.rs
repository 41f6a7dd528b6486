//! Stands in front of every route: Host, rate, credential, Origin, need. A handler behind it runs only for
//! whom the route table allows.

use std::{rc::Rc, time::Duration};

use actix_web::{HttpRequest, HttpResponse, http::header, web};
use jarvis_core::protocol::Severity;

use super::{
    call::{Call, Caller, client_address, session_cookie},
    error::{ApiError, Kind},
    limiter::REFUSAL_COST,
    route::{Need, Route, Verb},
    site::Site,
};
use crate::access::{AccessError, Plain, address, secret};

/// Query keys under which clients like to put credentials.
const TOKEN_KEYS: [&str; 7] = ["token", "access_token", "api_key", "apikey", "key", "authorization", "auth"];

/// Answers one request of a listed route.
pub async fn answer(
    route: &'static Route,
    site: Rc<Site>,
    req: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, ApiError> {
    refuse_token_in_url(&req)?;
    let caller = admit(route, &site, &req).await;
    if caller.as_ref().is_err_and(|e| matches!(e.kind, Kind::Unauthenticated | Kind::Forbidden)) {
        charge(&site, &req, REFUSAL_COST)?;
    }
    let caller = caller?;
    let now_ms = site.clock.now_ms();
    let call = Call { site: Rc::clone(&site), req, payload, caller, now_ms };
    let from = call.from();
    let response = (route.handle)(call).await?;
    if let Some(title) = route.audit {
        let detail = format!("from {}", from.address);
        site.keeper.note(title, Some(&detail), Severity::Notice).await.map_err(access_error)?;
    }
    Ok(response)
}

/// Exactly one `Host`, and one we are: a foreign name that resolves to us is somebody else's page at work.
pub fn check_host(site: &Site, req: &HttpRequest) -> Result<(), ApiError> {
    let mut hosts = req.headers().get_all(header::HOST);
    let (Some(host), None) = (hosts.next().and_then(|h| h.to_str().ok()), hosts.next()) else {
        return Err(ApiError::bad_request("the request must have exactly one Host header"));
    };
    let authority = req.uri().authority().map(|a| a.as_str());
    if site.doors.host(host) && authority.is_none_or(|a| site.doors.host(a)) {
        return Ok(());
    }
    let message =
        "this host name is not one of ours; use the configured address, or add it to `server.hosts`";
    Err(ApiError::new(Kind::ForbiddenHost, message))
}

/// Takes a client's share of requests.
pub fn charge(site: &Site, req: &HttpRequest, cost: u32) -> Result<(), ApiError> {
    let client = address::network(client_address(req, site));
    site.limiter.take(client, cost, site.clock.monotonic()).map_err(|wait: Duration| {
        let wait_s = i64::try_from(wait.as_secs()).unwrap_or(i64::MAX).saturating_add(1);
        ApiError::new(Kind::TooMany, format!("too many requests from this address; wait {wait_s} s"))
            .retry_after_s(wait_s)
    })
}

fn refuse_token_in_url(req: &HttpRequest) -> Result<(), ApiError> {
    let query = req.query_string();
    let keyed = query
        .split('&')
        .filter_map(|pair| pair.split('=').next())
        .any(|key| TOKEN_KEYS.iter().any(|k| key.eq_ignore_ascii_case(k)));
    if keyed || secret::contains_token(query) || secret::contains_token(req.path()) {
        let message = "a credential never belongs into a URL, which is logged on its way: send it as \
                       `Authorization: Bearer jv_…`; if it was a real token, revoke it now";
        return Err(ApiError::new(Kind::TokenInUrl, message));
    }
    Ok(())
}

/// Who asks, if the route is for them.
async fn admit(route: &Route, site: &Site, req: &HttpRequest) -> Result<Caller, ApiError> {
    let presented = Presented::read(req)?;
    let upgrade = req.headers().contains_key(header::UPGRADE);
    if route.verb != Verb::Get || upgrade {
        check_origin(site, req, &presented)?;
    }
    // An open route asks for nothing, so a credential that is over is no reason to refuse it.
    let caller = if route.need == Need::Open { Caller::Nobody } else { recognise(site, &presented).await? };
    match (&caller, route.need) {
        (_, Need::Open) => {}
        (Caller::Nobody, need) => return Err(unauthenticated(site, need).await),
        (Caller::Token(token), Need::AnyScope(scopes)) if !scopes.iter().any(|s| token.scopes.has(*s)) => {
            let words: Vec<&str> = scopes.iter().map(|s| s.as_str()).collect();
            let message = format!("the token `{}` has none of the scopes {}", token.name, words.join(", "));
            return Err(ApiError::new(Kind::Forbidden, message).detail("scope", words.join("|")));
        }
        (Caller::Token(_), Need::Session) => {
            let message = "no API token may do this, only a person who is logged in";
            return Err(ApiError::new(Kind::SessionNeeded, message));
        }
        (Caller::Token(token), Need::Scope(scope)) if !token.scopes.has(scope) => {
            let message = format!(
                "the token `{}` has no scope `{scope}`; make one that has, on the page of API tokens",
                token.name
            );
            return Err(ApiError::new(Kind::Forbidden, message).detail("scope", scope.as_str()));
        }
        (Caller::Session(session), _)
            if route.needs_fresh(req.query_string())
                && !session.times.fresh(site.keeper.session_rule(), site.clock.now_ms()) =>
        {
            let message = "the log-in is too long ago for this; log in again and repeat it";
            return Err(ApiError::new(Kind::FreshLoginNeeded, message));
        }
        _ => {}
    }
    Ok(caller)
}

/// Pages of other sites can make a browser send requests with its cookie. They cannot forge `Origin`, so it must
/// be ours; and where a cookie speaks, it must be there.
fn check_origin(site: &Site, req: &HttpRequest, presented: &Presented) -> Result<(), ApiError> {
    let mut origins = req.headers().get_all(header::ORIGIN);
    let refusal = match (origins.next(), origins.next()) {
        (None, _) if presented.by_cookie() => {
            "a request with a cookie must say which page it comes from (Origin)"
        }
        (None, _) => return Ok(()),
        (Some(origin), None) if origin.to_str().is_ok_and(|o| site.doors.origin(o)) => return Ok(()),
        _ => "the page this request comes from is not ours; if it is, add its origin to `server.origins`",
    };
    Err(ApiError::new(Kind::ForbiddenOrigin, refusal))
}

/// The credential a request carries. A header beats a cookie: it was put there on purpose.
enum Presented {
    Nothing,
    Token(Option<Plain>),
    Cookie(Option<Plain>),
}

impl Presented {
    fn read(req: &HttpRequest) -> Result<Self, ApiError> {
        let mut headers = req.headers().get_all(header::AUTHORIZATION);
        match (headers.next(), headers.next()) {
            (None, _) => {}
            (Some(value), None) => return Ok(Self::Token(value.to_str().ok().and_then(bearer))),
            _ => {
                return Err(ApiError::bad_request("the request has several Authorization headers; send one"));
            }
        }
        Ok(session_cookie(req).map_or(Self::Nothing, Self::Cookie))
    }

    fn by_cookie(&self) -> bool {
        matches!(self, Self::Cookie(_))
    }
}

pub fn bearer(value: &str) -> Option<Plain> {
    let (scheme, token) = value.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") { Plain::parse_token(token.trim()) } else { None }
}

async fn recognise(site: &Site, presented: &Presented) -> Result<Caller, ApiError> {
    let caller = match presented {
        Presented::Cookie(Some(secret)) => {
            site.keeper.session(secret).await.map_err(access_error)?.map(Caller::Session)
        }
        Presented::Token(Some(secret)) => {
            site.keeper.token(secret).await.map_err(access_error)?.map(Caller::Token)
        }
        _ => None,
    };
    Ok(caller.unwrap_or(Caller::Nobody))
}

async fn unauthenticated(site: &Site, need: Need) -> ApiError {
    let message = "log in, or send a valid API token as `Authorization: Bearer jv_…`";
    let error = ApiError::new(Kind::Unauthenticated, message);
    if need != Need::Session {
        return error;
    }
    // What a screen must know to show the right form.
    match site.keeper.set_up_needed().await {
        Ok(needed) => error
            .detail("set_up_needed", needed)
            .detail("password_length_min", site.keeper.password_length_min()),
        Err(e) => access_error(e),
    }
}

/// What access has to say, as HTTP.
pub fn access_error(error: AccessError) -> ApiError {
    match error {
        AccessError::BadCredentials => {
            ApiError::new(Kind::BadCredentials, "the password or token is wrong; check it and try again")
        }
        AccessError::LockedOut { wait_s } => ApiError::new(
            Kind::LockedOut,
            format!("too many wrong attempts from this address; wait {wait_s} s"),
        )
        .retry_after_s(wait_s),
        AccessError::Busy => ApiError::new(Kind::TooMany, error.to_string()).retry_after_s(2),
        AccessError::AlreadySetUp | AccessError::NotSetUp => ApiError::new(Kind::Conflict, error.to_string()),
        AccessError::Password(fault) => ApiError::new(Kind::Invalid, fault.to_string()),
        AccessError::Store(fault) => store_error("checking access", fault),
        AccessError::Random(_) | AccessError::Offer { .. } | AccessError::Interrupted => {
            ApiError::internal("checking access", &error)
        }
    }
}

/// What the store has to say, as HTTP.
pub fn store_error(doing: &str, error: crate::store::StoreError) -> ApiError {
    use crate::store::{StoreError, Trouble};
    match error {
        StoreError::Refused(why) => ApiError::new(Kind::Invalid, why),
        StoreError::Busy { .. } | StoreError::Closed { .. } => ApiError::unavailable(doing, &error),
        // The machine's trouble, not ours: it says what to do, and it may be over in a moment.
        StoreError::Database {
            trouble: Trouble::Full | Trouble::Disk | Trouble::ReadOnly | Trouble::Locked,
            ..
        } => ApiError::unavailable(doing, &error),
        other => ApiError::internal(doing, &other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_bearer_of_our_shape_counts() {
        let token = Plain::random_token().unwrap();
        let text = token.reveal();
        assert_eq!(bearer(&format!("Bearer {text}")), Some(token.clone()));
        assert_eq!(bearer(&format!("bearer {text}")), Some(token.clone()));
        for bad in
            [format!("Basic {text}"), text.to_owned(), "Bearer".into(), "Bearer jv_1".into(), String::new()]
        {
            assert_eq!(bearer(&bad), None, "{bad}");
        }
    }
}
