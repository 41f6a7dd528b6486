//! What surrounds every answer, listed route or not: Host, rate, security headers, and the count.

use std::rc::Rc;

use actix_web::{
    Error, ResponseError,
    body::{BoxBody, EitherBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::{
        Method,
        header::{self, HeaderName, HeaderValue},
    },
    middleware::Next,
};

use super::{guard, routes, site::Site};

/// On every answer. This is an API: no page of ours is served here, so nothing may be framed, run or kept.
const HEADERS: [(&str, &str); 6] = [
    ("x-content-type-options", "nosniff"),
    ("cache-control", "no-store"),
    ("referrer-policy", "no-referrer"),
    ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
    ("x-frame-options", "DENY"),
    ("cross-origin-resource-policy", "same-origin"),
];

pub async fn around<B: MessageBody + 'static>(
    site: Rc<Site>,
    mut req: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B, BoxBody>>, Error> {
    let began = site.clock.monotonic();
    let method = method_label(req.method());
    settle_encoding(&mut req);
    let refused =
        guard::check_host(&site, req.request()).and_then(|()| guard::charge(&site, req.request(), 1));
    let mut response = match refused {
        Ok(()) => next.call(req).await?.map_into_left_body(),
        Err(error) => req.into_response(error.error_response()).map_into_right_body(),
    };
    for (name, value) in HEADERS {
        let value = HeaderValue::from_static(value);
        response.headers_mut().insert(HeaderName::from_static(name), value);
    }
    let route = routes::template(response.request().match_pattern().as_deref());
    let took = site.clock.monotonic().saturating_duration_since(began);
    site.meter.answered(route, method, response.status().as_u16(), took);
    Ok(response)
}

/// Gzip or nothing. Whatever else a client lists is its affair: an answer is never refused over its encoding. Where
/// an upgrade is asked for there is none: actix announces chunks for such an answer and then writes none.
fn settle_encoding(req: &mut ServiceRequest) {
    let headers = req.headers_mut();
    let gzip = headers
        .get_all(header::ACCEPT_ENCODING)
        .filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split(','))
        .any(accepts_gzip);
    headers.remove(header::ACCEPT_ENCODING);
    if gzip && !headers.contains_key(header::UPGRADE) {
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
    }
}

/// `gzip`, `gzip;q=0.5`, `*`; not `gzip;q=0`.
fn accepts_gzip(coding: &str) -> bool {
    let mut parts = coding.split(';').map(str::trim);
    let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip") || name == "*");
    let refused = parts.filter_map(|p| p.strip_prefix("q=")).any(|q| q.parse().is_ok_and(|q: f32| q <= 0.0));
    named && !refused
}

/// Methods anybody may invent, as one of a few.
fn method_label(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "DELETE" => "DELETE",
        "PATCH" => "PATCH",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_used_when_it_is_accepted() {
        for (coding, yes) in [
            ("gzip", true),
            (" GZIP;q=0.5", true),
            ("*", true),
            ("gzip;q=0", false),
            ("br", false),
            ("", false),
        ] {
            assert_eq!(accepts_gzip(coding), yes, "{coding}");
        }
    }
}
