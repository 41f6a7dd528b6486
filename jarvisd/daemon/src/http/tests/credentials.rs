//! Every route of the table with every kind of credential.

use reqwest::{Method, header};

use super::harness::{Daemon, UPID, kind, read};
use crate::{
    access::{OPERATOR, Plain, Scope},
    clock::Clock,
    http::{
        route::{Need, Route},
        routes::ROUTES,
    },
    store::{NewSession, NewToken},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum With {
    Nothing,
    WrongToken,
    ExpiredToken,
    RevokedToken,
    OddHeader,
    WrongCookie,
    ExpiredSession,
    NarrowToken,
    RightToken,
    FullToken,
    Session,
}

const ALL: [With; 11] = [
    With::Nothing,
    With::WrongToken,
    With::ExpiredToken,
    With::RevokedToken,
    With::OddHeader,
    With::WrongCookie,
    With::ExpiredSession,
    With::NarrowToken,
    With::RightToken,
    With::FullToken,
    With::Session,
];

/// What the rule says, told anew here: the status and kind of a refusal, or `None` when the handler is reached.
fn refusal(need: Need, with: With) -> Option<(u16, &'static str)> {
    let stranger = !matches!(with, With::NarrowToken | With::RightToken | With::FullToken | With::Session);
    match need {
        Need::Open => None,
        _ if stranger => Some((401, "unauthenticated")),
        Need::Session => (with != With::Session).then_some((403, "session_needed")),
        Need::Scope(_) | Need::AnyScope(_) => (with == With::NarrowToken).then_some((403, "forbidden")),
    }
}

async fn secret(daemon: &Daemon, need: Need, with: With) -> String {
    let now_ms = Clock.now_ms();
    let token = async |expires_ms: i64| {
        let secret = Plain::random_token().unwrap();
        let scopes = Scope::ALL.map(|s| s.to_string()).to_vec();
        let new = NewToken { name: "t".into(), hash: secret.hash(), scopes, expires_ms };
        (
            daemon.store.tokens().create(new, &crate::store::By::cli(0)).await.unwrap().id,
            secret.reveal().to_owned(),
        )
    };
    match with {
        With::Nothing | With::OddHeader => String::new(),
        With::WrongToken => Plain::random_token().unwrap().reveal().to_owned(),
        With::ExpiredToken => token(now_ms - 1).await.1,
        With::RevokedToken => {
            let (id, secret) = token(now_ms + 60_000).await;
            assert!(daemon.keeper.revoke_token(id, &crate::store::By::cli(0)).await.unwrap());
            secret
        }
        With::WrongCookie => Plain::random().unwrap().reveal().to_owned(),
        With::ExpiredSession => {
            let secret = Plain::random().unwrap();
            let new = NewSession {
                hash: secret.hash(),
                account: OPERATOR.into(),
                expires_ms: now_ms - 1,
                fresh_until_ms: now_ms + 60_000,
                address: "127.0.0.1".into(),
                user_agent: String::new(),
            };
            daemon.store.sessions().create(new).await.unwrap();
            secret.reveal().to_owned()
        }
        With::NarrowToken => daemon.token(&[Scope::Metrics]).await,
        With::RightToken => match need {
            Need::Scope(scope) => daemon.token(&[scope]).await,
            Need::AnyScope(scopes) => daemon.token(&scopes[..1]).await,
            _ => daemon.token(&[Scope::Read]).await,
        },
        With::FullToken => daemon.token(&Scope::ALL).await,
        With::Session => {
            // Straight into the store: log-ins are slow on purpose.
            let secret = Plain::random().unwrap();
            let new = NewSession {
                hash: secret.hash(),
                account: OPERATOR.into(),
                expires_ms: now_ms + 600_000,
                fresh_until_ms: now_ms + 600_000,
                address: "127.0.0.1".into(),
                user_agent: String::new(),
            };
            daemon.store.sessions().create(new).await.unwrap();
            secret.reveal().to_owned()
        }
    }
}

fn path(route: &Route) -> String {
    route
        .path
        .replace("{node}", "pve")
        .replace("{vmid}", "100")
        .replace("{upid}", UPID)
        .replace("{id}", "9999")
        .replace("{record}", "9999")
        .replace("{tool}", "cluster_status")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_answers_every_credential_as_its_row_says() {
    let daemon = Daemon::start().await;
    daemon.set_up().await;
    let mut walked = 0;
    for route in ROUTES {
        for with in ALL {
            let secret = secret(&daemon, route.need, with).await;
            let mut request = daemon.ask(route.verb.method().as_str().parse().unwrap(), &path(route));
            request = match with {
                With::Nothing => request,
                With::OddHeader => request.header(header::AUTHORIZATION, "Basic b3BlcmF0b3I6eA=="),
                With::WrongCookie | With::ExpiredSession | With::Session => {
                    request.header(header::COOKIE, format!("jarvis_session={secret}"))
                }
                _ => request.bearer_auth(&secret),
            };
            if route.body.is_some() {
                // Well-formed and never right, so that nothing is changed on the way.
                request = request.json(&serde_json::json!({ "nothing": true }));
            }
            let (status, body) = read(request).await;
            let place = format!("{} {} with {with:?}: {status} {body}", route.verb.as_str(), route.path);
            match refusal(route.need, with) {
                Some((code, word)) => assert_eq!((status.as_u16(), kind(&body)), (code, word), "{place}"),
                None => {
                    let expected: &[u16] = match (route.path, route.body) {
                        // No request of JSON-RPC.
                        ("/mcp", _) => &[400, 406, 415, 422],
                        // Anything but the one thing they take is malformed there.
                        ("/api/v1/kill-switch" | "/api/v1/autonomy", Some(_)) => &[400],
                        (_, Some(_)) => &[422],
                        ("/ws" | "/ws/terminal/{node}", _) => &[426],
                        // No cluster is configured here.
                        ("/readyz" | "/api/v1/tasks/{upid}/log", _) => &[503],
                        ("/api/v1/history", _) => &[400],
                        ("/api/v1/tokens/{id}", _) => &[404],
                        (path, None) if path.contains("{record}") => &[404],
                        ("/api/v1/logout", _) => &[204],
                        _ => &[200],
                    };
                    assert!(expected.contains(&status.as_u16()), "{place}");
                }
            }
            walked += 1;
        }
    }
    assert_eq!(walked, ROUTES.len() * ALL.len());
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_is_not_fresh_must_log_in_again_where_the_row_says_so() {
    let daemon = Daemon::start_with(|c| c.access.fresh_minutes = 0).await;
    let cookie = daemon.set_up().await;
    for route in ROUTES.iter().filter(|r| r.fresh) {
        let method: Method = route.verb.method().as_str().parse().unwrap();
        let (status, body) = read(daemon.ask(method, &path(route)).header(header::COOKIE, &cookie)).await;
        assert_eq!((status.as_u16(), kind(&body)), (403, "fresh_login_needed"), "{}", route.path);
    }
    assert!(ROUTES.iter().filter(|r| r.fresh).count() >= 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_something_is_refused_from_foreign_pages_and_foreign_names() {
    let daemon = Daemon::start().await;
    let cookie = daemon.set_up().await;
    let token = daemon.token(&Scope::ALL).await;
    for route in ROUTES {
        let method: Method = route.verb.method().as_str().parse().unwrap();
        let url = format!("{}{}", daemon.base, path(route));
        let socket = route.protocol == Some("x-websockets");
        let changing = method != Method::GET || socket;
        let ask = || {
            let request = daemon.bare(method.clone(), &url);
            // The stream counts when it is asked to upgrade.
            if socket { request.header(header::UPGRADE, "websocket") } else { request }
        };
        for (origin, with_cookie, refused) in [
            (Some("https://evil.example"), true, changing),
            (Some("https://evil.example"), false, changing),
            (Some("null"), true, changing),
            (None, true, changing),
            (None, false, false),
            (Some(daemon.base.as_str()), true, false),
        ] {
            let mut request = ask();
            if let Some(origin) = origin {
                request = request.header(header::ORIGIN, origin);
            }
            request = if with_cookie {
                request.header(header::COOKIE, &cookie)
            } else {
                request.bearer_auth(&token)
            };
            // The session must live through the walk.
            if route.path == "/api/v1/logout" && !refused {
                continue;
            }
            let (status, body) = read(request).await;
            let place =
                format!("{method} {} from {origin:?}, cookie {with_cookie}: {status} {body}", route.path);
            assert_eq!(kind(&body) == "forbidden_origin", refused, "{place}");
        }
        let (status, body) = read(
            ask()
                .header(header::HOST, "evil.example")
                .bearer_auth(&token)
                .header(header::ORIGIN, &daemon.base),
        )
        .await;
        assert_eq!((status.as_u16(), kind(&body)), (403, "forbidden_host"), "{method} {}", route.path);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_in_the_url_is_refused_even_when_it_is_a_good_one() {
    let daemon = Daemon::start().await;
    let token = daemon.token(&[Scope::Read]).await;
    for query in
        [format!("token={token}"), format!("access_token={token}"), format!("q={token}"), "api_key=x".into()]
    {
        let (status, body) = daemon.get(&token, &format!("/api/v1/guests?{query}")).await;
        assert_eq!((status.as_u16(), kind(&body)), (400, "token_in_url"), "{query}");
    }
    let (status, body) = daemon.get(&token, &format!("/ws?channels=cluster&token={token}")).await;
    assert_eq!((status.as_u16(), kind(&body)), (400, "token_in_url"));
}
