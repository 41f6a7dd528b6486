//! One request on its way through a handler: who asks, and strict readers for what was sent.

use std::{net::IpAddr, rc::Rc, str::FromStr, time::Duration};

use actix_web::{
    HttpRequest, HttpResponse,
    http::{StatusCode, header},
    web,
};
use futures_util::StreamExt;
use serde::{Serialize, de::DeserializeOwned};
use tokio::time::timeout;

use super::{
    error::{ApiError, Kind},
    query,
    site::Site,
    when::When,
};
use crate::access::{self, Plain, SessionInfo, TokenInfo, address, cookie};

/// Largest JSON body: forms and settings are small.
pub const BODY_BYTES_MAX: usize = 64 * 1024;
/// A body that trickles in is not waited for.
const BODY_WAIT: Duration = Duration::from_secs(10);

/// Who asks.
#[derive(Debug, Clone)]
pub enum Caller {
    Nobody,
    Session(SessionInfo),
    Token(TokenInfo),
}

impl Caller {
    /// Number of the API token; missing where none was sent.
    pub fn token(&self) -> Option<i64> {
        match self {
            Self::Token(token) => Some(token.id),
            Self::Nobody | Self::Session(_) => None,
        }
    }
}

pub struct Call {
    pub site: Rc<Site>,
    pub req: HttpRequest,
    pub payload: web::Payload,
    pub caller: Caller,
    pub now_ms: i64,
}

impl Call {
    pub fn query<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        query::read(self.req.query_string())
    }

    /// A parameter of the path; one that cannot be what it should is not found.
    pub fn param<T>(&self, name: &str) -> Result<T, ApiError>
    where
        T: FromStr,
        T::Err: std::fmt::Display,
    {
        let text = whole(self.req.match_info().get(name).unwrap_or_default());
        text.parse().map_err(|e: T::Err| ApiError::not_found(e.to_string()))
    }

    /// The JSON body. 415 for another type, 413 over the cap, 400 for no JSON, 422 for other content.
    pub async fn body<T: DeserializeOwned>(&mut self) -> Result<T, ApiError> {
        let bytes = self.json_bytes().await?;
        // A list would be taken for the fields in their order.
        if bytes.trim_ascii_start().first() == Some(&b'[') {
            return Err(ApiError::new(Kind::Invalid, "the body is a list; give an object with names"));
        }
        serde_json::from_slice(&bytes).map_err(|e| match e.classify() {
            serde_json::error::Category::Data => {
                ApiError::new(Kind::Invalid, format!("the body is not what this asks for: {e}"))
            }
            _ => ApiError::bad_request(format!("the body is not JSON: {e}")),
        })
    }

    /// As [`Call::body`], where anything but exactly what is asked for is 400 and changes nothing.
    pub async fn exact_body<T: DeserializeOwned>(&mut self) -> Result<T, ApiError> {
        self.body().await.map_err(ApiError::malformed)
    }

    /// The bytes of a body that says it is JSON.
    pub async fn json_bytes(&mut self) -> Result<Vec<u8>, ApiError> {
        let media = header_text(&self.req, &header::CONTENT_TYPE).unwrap_or_default();
        let essence = media.split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case("application/json") {
            let message = "the body must be JSON; send it with `Content-Type: application/json`";
            return Err(ApiError::new(Kind::UnsupportedMediaType, message));
        }
        let bytes = timeout(BODY_WAIT, read_body(&mut self.payload)).await;
        bytes.map_err(|_| ApiError::bad_request("the body did not arrive in time; send it again"))?
    }

    /// The session of a route that needs one.
    pub fn session(&self) -> Result<&SessionInfo, ApiError> {
        match &self.caller {
            Caller::Session(session) => Ok(session),
            _ => Err(ApiError::new(Kind::SessionNeeded, "only a person who is logged in may do this")),
        }
    }

    pub fn address(&self) -> IpAddr {
        client_address(&self.req, &self.site)
    }

    pub fn from(&self) -> access::From {
        let address = self.address();
        access::From {
            address: address.to_string(),
            bucket: address::bucket(address),
            user_agent: header_text(&self.req, &header::USER_AGENT).unwrap_or_default().to_owned(),
        }
    }

    pub fn when(&self) -> When {
        When(self.now_ms)
    }
}

/// A part of a path with the three signs that the router leaves encoded, as they could be taken for others.
fn whole(part: &str) -> String {
    let mut out = String::with_capacity(part.len());
    let mut rest = part;
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        let sign = match after.get(..2) {
            Some("25") => Some('%'),
            Some("2B" | "2b") => Some('+'),
            Some("2F" | "2f") => Some('/'),
            _ => None,
        };
        out.push(sign.unwrap_or('%'));
        rest = if sign.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    out.push_str(rest);
    out
}

async fn read_body(payload: &mut web::Payload) -> Result<Vec<u8>, ApiError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|e| ApiError::bad_request(format!("the body broke off: {e}")))?;
        if bytes.len().saturating_add(chunk.len()) > BODY_BYTES_MAX {
            let message = format!("the body is larger than {BODY_BYTES_MAX} bytes; send less");
            return Err(ApiError::new(Kind::TooLarge, message));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// A header's text; `None` also when it is not text.
pub fn header_text<'a>(req: &'a HttpRequest, name: &header::HeaderName) -> Option<&'a str> {
    req.headers().get(name)?.to_str().ok()
}

pub fn peer(req: &HttpRequest) -> IpAddr {
    // Only a connection without addresses (none of ours) has no peer.
    req.peer_addr().map_or(IpAddr::from([0, 0, 0, 0]), |a| a.ip())
}

pub fn client_address(req: &HttpRequest, site: &Site) -> IpAddr {
    let name = header::HeaderName::from_static("x-forwarded-for");
    // Bytes that are no text cost their own entry: the proxy's stands behind them in the same line.
    let forwarded: Vec<_> =
        req.headers().get_all(name).map(|v| String::from_utf8_lossy(v.as_bytes())).collect();
    address::client(peer(req), forwarded.iter().map(AsRef::as_ref), &site.config.server.trusted_proxies)
}

/// Whether a session cookie is there, and what it holds if it can be one. Other applications of the same host write
/// theirs beside it, and not always in plain letters.
pub fn session_cookie(req: &HttpRequest) -> Option<Option<Plain>> {
    let mut headers = req.headers().get_all(header::COOKIE);
    headers.find_map(|value| cookie::find(&String::from_utf8_lossy(value.as_bytes())))
}

/// A good answer with a JSON body.
pub fn json<T: Serialize>(value: &T) -> Result<HttpResponse, ApiError> {
    json_with(StatusCode::OK, value)
}

pub fn json_with<T: Serialize>(status: StatusCode, value: &T) -> Result<HttpResponse, ApiError> {
    let text = serde_json::to_vec(value).map_err(|e| ApiError::internal("writing the answer", &e))?;
    Ok(HttpResponse::build(status).content_type("application/json").body(text))
}

#[cfg(test)]
mod tests {
    use super::whole;

    #[test]
    fn each_sign_of_a_path_is_read_once() {
        for (part, read) in [
            ("UPID:pve:1:2:3:qmstart:100:ops%2Bnight@pve:", "UPID:pve:1:2:3:qmstart:100:ops+night@pve:"),
            ("a%2Fb%2fc", "a/b/c"),
            ("%252F", "%2F"),
            ("100%25", "100%"),
            ("%", "%"),
            ("%2", "%2"),
            ("%ü", "%ü"),
            ("", ""),
        ] {
            assert_eq!(whole(part), read, "{part}");
        }
    }
}
