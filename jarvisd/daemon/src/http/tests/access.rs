//! Set-up, log-in, lock-out, sessions, the password.

use reqwest::{Method, header};
use serde_json::json;

use super::harness::{Daemon, PASSWORD, cookie_of, kind, read};
use crate::{access::Scope, config::SecureCookies};

#[tokio::test(flavor = "multi_thread")]
async fn the_first_run_goes_from_the_token_to_a_session_once() {
    let daemon = Daemon::start().await;
    let file = daemon.dir.path().join("data/setup-token");
    assert_eq!(std::fs::read_to_string(&file).unwrap().trim(), daemon.set_up_token);
    let (status, body) = read(daemon.ask(Method::GET, "/api/v1/session")).await;
    assert_eq!(status, 401);
    assert_eq!(body["error"]["details"]["set_up_needed"], true);

    let wrong = json!({ "token": "wrong", "password": PASSWORD });
    let (status, body) = read(daemon.ask(Method::POST, "/api/v1/setup").json(&wrong)).await;
    assert_eq!((status.as_u16(), kind(&body)), (401, "bad_credentials"));
    let short = json!({ "token": daemon.set_up_token, "password": "short" });
    let (status, body) = read(daemon.ask(Method::POST, "/api/v1/setup").json(&short)).await;
    assert_eq!((status.as_u16(), kind(&body)), (422, "invalid"));

    let cookie = daemon.set_up().await;
    assert!(!file.exists());
    let (status, body) =
        read(daemon.ask(Method::GET, "/api/v1/session").header(header::COOKIE, &cookie)).await;
    assert_eq!((status.as_u16(), &body["user"], &body["fresh"]), (200, &json!("operator"), &json!(true)));

    let again = json!({ "token": daemon.set_up_token, "password": PASSWORD });
    let (status, body) = read(daemon.ask(Method::POST, "/api/v1/setup").json(&again)).await;
    assert_eq!((status.as_u16(), kind(&body)), (409, "conflict"));
    let (_, body) = read(daemon.ask(Method::GET, "/api/v1/session")).await;
    assert_eq!(body["error"]["details"]["set_up_needed"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn five_wrong_passwords_lock_out_even_the_right_one_and_survive_a_new_keeper() {
    let daemon = Daemon::start().await;
    daemon.set_up().await;
    let try_with = async |password: &str| {
        let body = json!({ "password": password });
        read(daemon.ask(Method::POST, "/api/v1/login").json(&body)).await
    };
    for _ in 0..5 {
        let (status, body) = try_with("not the password").await;
        assert_eq!((status.as_u16(), kind(&body)), (401, "bad_credentials"));
    }
    let (status, body) = try_with(PASSWORD).await;
    assert_eq!((status.as_u16(), kind(&body)), (429, "locked_out"));
    let wait_s = body["error"]["details"]["retry_after_s"].as_i64().unwrap();
    assert!((890..=901).contains(&wait_s), "{wait_s}");

    // A restart forgets nothing: what a new keeper over the same store says.
    let keeper = crate::access::Keeper::new(
        daemon.store.clone(),
        crate::clock::Clock,
        &crate::config::Access::default(),
    );
    let from = |address: &str| crate::access::From {
        address: address.into(),
        bucket: address.into(),
        user_agent: String::new(),
    };
    let locked = keeper.log_in("operator", PASSWORD.into(), &from("127.0.0.1")).await;
    assert!(matches!(locked, Err(crate::access::AccessError::LockedOut { .. })), "{locked:?}");
    // Another address is not locked out by it.
    assert!(keeper.log_in("operator", PASSWORD.into(), &from("10.0.0.9")).await.is_ok());

    // Whoever has the machine has the way in.
    keeper.reset_password("another good password".into(), &crate::store::By::cli(0)).await.unwrap();
    assert_eq!(try_with("another good password").await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forwarded_address_counts_only_from_a_trusted_proxy() {
    let daemon = Daemon::start().await;
    daemon.set_up().await;
    // A liar who changes the header each time is still one address.
    for n in 0..5 {
        let request =
            daemon.ask(Method::POST, "/api/v1/login").header("x-forwarded-for", format!("10.0.0.{n}"));
        assert_eq!(read(request.json(&json!({ "password": "wrong" }))).await.0, 401);
    }
    let request = daemon.ask(Method::POST, "/api/v1/login").header("x-forwarded-for", "10.0.0.77");
    assert_eq!(read(request.json(&json!({ "password": PASSWORD }))).await.0, 429);
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_no_text_hide_nobody_behind_his_proxy() {
    let proxy = |config: &mut crate::config::Config| {
        config.server.trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
    };
    let daemon = Daemon::start_with(proxy).await;
    daemon.set_up().await;
    let log_in = async |forwarded: &[u8], password: &str| {
        let forwarded = header::HeaderValue::from_bytes(forwarded).unwrap();
        let request = daemon.ask(Method::POST, "/api/v1/login").header("x-forwarded-for", forwarded);
        read(request.json(&json!({ "password": password }))).await.0.as_u16()
    };
    // What the client wrote, and behind it what the proxy saw.
    for _ in 0..5 {
        assert_eq!(log_in(b"\xff\xfe, 10.0.0.7", "wrong").await, 401);
    }
    assert_eq!(log_in(b"10.0.0.7", PASSWORD).await, 429, "its own attempts count for it");
    assert_eq!(log_in(b"127.0.0.1", PASSWORD).await, 200, "and for nobody else");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_session_is_found_beside_cookies_of_others() {
    let daemon = Daemon::start().await;
    let cookie = daemon.set_up().await;
    let others = [b"theme=d\xc3\xbcster; ".to_vec(), b"x=\xff\x80; ".to_vec(), b"; ;=; a; ".to_vec()];
    for other in others {
        let both = header::HeaderValue::from_bytes(&[&other, cookie.as_bytes()].concat()).unwrap();
        let ask = daemon.ask(Method::GET, "/api/v1/session").header(header::COOKIE, both);
        assert_eq!(read(ask).await.0, 200, "{other:?}");
    }
    let ask = daemon.ask(Method::GET, "/api/v1/session").header(header::COOKIE, "a=b");
    assert_eq!(read(ask.header(header::COOKIE, &cookie)).await.0, 200, "in a header of its own");
    // Still a cookie: a page that does not say where it is from gets nothing.
    let both = header::HeaderValue::from_bytes(&[b"x=\xff; ", cookie.as_bytes()].concat()).unwrap();
    let silent = daemon.bare(Method::POST, &format!("{}/api/v1/logout", daemon.base));
    assert_eq!(read(silent.header(header::COOKIE, both)).await.0, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_account_and_a_wrong_password_get_the_same_answer() {
    let daemon = Daemon::start().await;
    daemon.set_up().await;
    let ask = async |user: &str| {
        let body = json!({ "user": user, "password": "not the password" });
        read(daemon.ask(Method::POST, "/api/v1/login").json(&body)).await
    };
    assert_eq!(ask("operator").await, ask("nobody").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_password_ends_every_session_and_no_token() {
    let daemon = Daemon::start().await;
    let first = daemon.set_up().await;
    let second = daemon.log_in().await;
    let token = daemon.token(&[Scope::Read]).await;
    let body = json!({ "current": PASSWORD, "new": "another good password" });
    let change = daemon.ask(Method::POST, "/api/v1/password").header(header::COOKIE, &first).json(&body);
    assert_eq!(change.send().await.unwrap().status(), 204);
    for cookie in [first, second] {
        let session = daemon.ask(Method::GET, "/api/v1/session").header(header::COOKIE, cookie);
        assert_eq!(read(session).await.0, 401);
    }
    assert_eq!(daemon.get(&token, "/api/v1/cluster").await.0, 200);
    let old = json!({ "password": PASSWORD });
    assert_eq!(read(daemon.ask(Method::POST, "/api/v1/login").json(&old)).await.0, 401);
    let new = json!({ "password": "another good password" });
    assert_eq!(read(daemon.ask(Method::POST, "/api/v1/login").json(&new)).await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn logging_out_ends_the_session_and_takes_the_cookie_back() {
    let daemon = Daemon::start().await;
    let cookie = daemon.set_up().await;
    let out =
        daemon.ask(Method::POST, "/api/v1/logout").header(header::COOKIE, &cookie).send().await.unwrap();
    assert_eq!((out.status().as_u16(), cookie_of(&out)), (204, "jarvis_session=".to_owned()));
    let session = daemon.ask(Method::GET, "/api/v1/session").header(header::COOKIE, cookie);
    assert_eq!(read(session).await.0, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_log_in_replaces_the_session_it_came_with() {
    let daemon = Daemon::start().await;
    let old = daemon.set_up().await;
    let body = json!({ "password": PASSWORD });
    let again = daemon.ask(Method::POST, "/api/v1/login").header(header::COOKIE, &old).json(&body);
    let new = cookie_of(&again.send().await.unwrap());
    assert_ne!(old, new);
    assert_eq!(read(daemon.ask(Method::GET, "/api/v1/session").header(header::COOKIE, old)).await.0, 401);
    assert_eq!(read(daemon.ask(Method::GET, "/api/v1/session").header(header::COOKIE, new)).await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cookie_is_secure_when_a_trusted_proxy_says_tls() {
    let cookie = async |trusted: bool, setting: SecureCookies| {
        let daemon = Daemon::start_with(|c| {
            c.server.secure_cookies = setting;
            if trusted {
                c.server.trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
            }
        })
        .await;
        let body = json!({ "token": daemon.set_up_token, "password": PASSWORD });
        let request =
            daemon.ask(Method::POST, "/api/v1/setup").header("x-forwarded-proto", "https").json(&body);
        let response = request.send().await.unwrap();
        response.headers().get(header::SET_COOKIE).unwrap().to_str().unwrap().to_owned()
    };
    let strict = cookie(true, SecureCookies::Auto).await;
    for part in ["Secure", "HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(strict.split("; ").any(|p| p == part), "{strict}");
    }
    assert!(!cookie(false, SecureCookies::Auto).await.contains("Secure"));
    assert!(cookie(false, SecureCookies::Always).await.contains("Secure"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_made_listed_used_and_revoked() {
    let daemon = Daemon::start().await;
    let cookie = daemon.set_up().await;
    let with = |method: Method, path: &str| daemon.ask(method, path).header(header::COOKIE, &cookie);
    let body = json!({ "name": "grafana", "scopes": ["read", "metrics"], "expires_in_days": 30 });
    let (status, made) = read(with(Method::POST, "/api/v1/tokens").json(&body)).await;
    assert_eq!(status, 201, "{made}");
    let secret = made["token"].as_str().unwrap();
    assert!(secret.starts_with("jv_"));
    assert_eq!(daemon.get(secret, "/api/v1/cluster").await.0, 200);
    let (_, list) = read(with(Method::GET, "/api/v1/tokens")).await;
    assert_eq!((list["items"].as_array().unwrap().len(), &list["items"][0]["name"]), (1, &json!("grafana")));
    assert!(!list.to_string().contains(secret));
    assert!(list["items"][0]["last_used_at"].is_string());

    let path = format!("/api/v1/tokens/{}", made["id"]);
    assert_eq!(with(Method::DELETE, &path).send().await.unwrap().status(), 204);
    assert_eq!(read(with(Method::DELETE, &path)).await.0, 404);
    assert_eq!(daemon.get(secret, "/api/v1/cluster").await.0, 401);
    for bad in [
        json!({ "name": " ", "scopes": ["read"] }),
        json!({ "name": secret, "scopes": ["read"] }),
        json!({ "name": "x", "scopes": [] }),
        json!({ "name": "x", "scopes": ["root"] }),
        json!({ "name": "x", "scopes": ["read"], "expires_in_days": 0 }),
        json!({ "name": "x", "scopes": ["read"], "admin": true }),
    ] {
        assert_eq!(read(with(Method::POST, "/api/v1/tokens").json(&bad)).await.0, 422, "{bad}");
    }
    let token = daemon.token(&[Scope::Read]).await;
    let (_, feed) = daemon.get(&token, "/api/v1/events?type=access").await;
    let titles: Vec<&str> =
        feed["items"].as_array().unwrap().iter().map(|e| e["title"].as_str().unwrap()).collect();
    assert_eq!(titles, ["An API token was revoked", "An API token was made", "Jarvis was set up"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_log_ins_is_turned_away_and_others_are_still_served() {
    let daemon = Daemon::start_with(|c| c.access.attempts_max = 20).await;
    daemon.set_up().await;
    let token = daemon.token(&[Scope::Read]).await;
    let body = json!({ "password": "not the password" });
    let flood: Vec<_> =
        (0..40).map(|_| tokio::spawn(daemon.ask(Method::POST, "/api/v1/login").json(&body).send())).collect();
    let began = std::time::Instant::now();
    assert_eq!(daemon.get(&token, "/api/v1/widget").await.0, 200);
    let took = began.elapsed();
    let mut busy = 0;
    for one in flood {
        busy += usize::from(one.await.unwrap().unwrap().status() == 429);
    }
    assert!(busy >= 20, "{busy} of 40 were turned away");
    assert!(took.as_secs() < 3, "others waited {took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_one_large_answer_for_anybody_is_not_given_without_end() {
    let daemon = Daemon::start().await;
    let (mut given, mut refused) = (0, 0);
    for _ in 0..150 {
        match daemon.ask(Method::GET, "/api/v1/openapi.json").send().await.unwrap().status().as_u16() {
            200 => given += 1,
            429 => refused += 1,
            other => panic!("{other}"),
        }
    }
    assert!(given >= 20 && refused >= 1, "{given} given, {refused} refused");
}
