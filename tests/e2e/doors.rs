//! Every route of the OpenAPI document with every kind of credential. The document names what each needs;
//! what is answered here is judged by this file alone.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use jarvis_tests::{
    daemon::Jarvisd,
    fakepve::python_tool,
    process::PATIENCE,
    rest::{Answer, Rest},
    sim::Sim,
};
use reqwest::Method;
use serde_json::{Value, json};

const SCOPES: [&str; 5] = ["read", "chat", "act", "mcp", "metrics"];

struct Route {
    method: Method,
    path: String,
    /// `None`: open. `Some("session")`, or a scope.
    need: Option<String>,
    body: bool,
}

#[tokio::test]
async fn every_route_answers_every_credential_as_its_row_says() -> Result<()> {
    let sim = Sim::start().await?;
    let mut jarvisd = Jarvisd::start(&sim.cluster()?).await?;
    jarvisd.readyz(PATIENCE, "that it is ready", |status, _| status == 200).await?;
    let routes = routes(&jarvisd.bare().json("/api/v1/openapi.json").await?)?;
    ensure!(routes.len() >= 20, "only {} routes in the document", routes.len());

    let mut by_scope = Vec::new();
    for scope in SCOPES {
        by_scope.push((scope, jarvisd.new_token(&[scope]).await?));
    }
    let expired = expired_token(&mut jarvisd).await?;
    let wrong = by_scope[0].1.chars().rev().collect::<String>().chars().rev().map(turned).collect::<String>();

    let (mut asked, mut faults) = (0, Vec::new());
    for route in &routes {
        let mut expect = |who: &str, answer: Result<Answer>, allowed: bool| -> Result<()> {
            asked += 1;
            if let Some(fault) = judge(route, &answer?, allowed) {
                faults.push(format!("{} {} with {who}: {fault}", route.method, route.path));
            }
            Ok(())
        };
        let open = route.need.is_none();
        let bare = jarvisd.bare();
        expect("nothing", ask(&bare, route).await, open)?;
        expect("a wrong token", ask(&bare.token(&wrong), route).await, open)?;
        expect("an expired token", ask(&bare.token(&expired), route).await, open)?;
        expect("a wrong session", ask(&bare.session("jarvis_session=0000"), route).await, open)?;
        for (scope, token) in &by_scope {
            let allowed =
                open || route.need.as_deref().is_some_and(|need| need.split('|').any(|one| one == *scope));
            expect(&format!("a token for {scope}"), ask(&bare.token(token), route).await, allowed)?;
        }
        // Logging out would end the session for the routes after it.
        if !route.path.ends_with("/logout") {
            expect("a session", ask(&jarvisd.browser(), route).await, true)?;
        }
        if route.method != Method::GET && !open {
            let foreign =
                jarvisd.bare().with("cookie", &jarvisd.cookie).with("origin", "https://evil.example");
            expect("a session from a foreign origin", ask(&foreign, route).await, false)?;
            let silent = jarvisd.bare().with("cookie", &jarvisd.cookie);
            expect("a session without an origin", ask(&silent, route).await, false)?;
        }
        let elsewhere = jarvisd.bare().token(&by_scope[0].1).with("host", "evil.example");
        if route.method != Method::GET {
            expect("a foreign host", ask(&elsewhere, route).await, false)?;
        }
    }
    println!("{asked} requests to {} routes, {} unexpected answers", routes.len(), faults.len());
    ensure!(faults.is_empty(), "{} unexpected answers:\n{}", faults.len(), faults.join("\n"));
    Ok(())
}

#[tokio::test]
async fn what_is_not_in_the_table_is_404_and_tokens_in_urls_are_refused() -> Result<()> {
    let sim = Sim::start().await?;
    let jarvisd = Jarvisd::start(&sim.cluster()?).await?;
    for path in
        ["/", "/api", "/api/v1", "/api/v1/nope", "/api/v2/cluster", "/api/v1/../../etc/passwd", "/metrics"]
    {
        let answer = jarvisd.rest().get(path).await?;
        ensure!(
            answer.status == 404 && !answer.kind().is_empty(),
            "{path}: {} {}",
            answer.status,
            answer.text
        );
    }
    let leaked = jarvisd.bare().get(&format!("/api/v1/cluster?token={}", jarvisd.token)).await?;
    ensure!(leaked.status.is_client_error(), "a token in the URL was taken: {}", leaked.status);
    Ok(())
}

/// Whether an answer is what it should be; what is wrong with it.
fn judge(route: &Route, answer: &Answer, allowed: bool) -> Option<String> {
    let status = answer.status.as_u16();
    let shown = format!("{status} {:.120}", answer.text);
    if status >= 500 && !(status == 503 && route.path == "/readyz") {
        return Some(format!("a server error: {shown}"));
    }
    if answer.status.is_client_error() && answer.kind().is_empty() {
        return Some(format!("an error without a kind: {shown}"));
    }
    let kept_out = [401, 403].contains(&status);
    // Setting up again, a wrong password and the like: the door was passed, the words were wrong.
    let by_words = ["bad_credentials", "conflict"].contains(&answer.kind().as_str());
    match (allowed, kept_out && !by_words) {
        (true, true) => Some(format!("was kept out: {shown}")),
        (false, false) => Some(format!("was let in: {shown}")),
        _ => None,
    }
}

async fn ask(rest: &Rest, route: &Route) -> Result<Answer> {
    // A body that is well-formed and wrong: nothing is made, and the credential is judged first.
    let body = json!({"nothing": "of the kind"});
    rest.send(route.method.clone(), &route.path, route.body.then_some(&body)).await
}

fn routes(document: &Value) -> Result<Vec<Route>> {
    let mut found = Vec::new();
    for (path, methods) in document["paths"].as_object().context("paths")? {
        for (method, row) in methods.as_object().context("methods")? {
            let needs =
                row["security"].as_array().with_context(|| format!("{method} {path} says no security"))?;
            let need = if needs.is_empty() {
                None
            } else {
                Some(row["x-jarvis-scope"].as_str().unwrap_or("session").to_owned())
            };
            let path = path
                .replace("{node}", "pve")
                .replace("{vmid}", "103")
                .replace("{upid}", "UPID:pve:0000C530:001C9BEC:635EE8DF:qmstart:100:root@pam:")
                .replace("{id}", "999999");
            let body = row["requestBody"].is_object();
            found.push(Route { method: method.to_uppercase().parse()?, path, need, body });
        }
    }
    Ok(found)
}

/// A token that was good once. The shortest life is a day, so its end is written into the database while the
/// daemon is down.
async fn expired_token(jarvisd: &mut Jarvisd) -> Result<String> {
    let token = jarvisd.new_token(&SCOPES).await?;
    let tokens = jarvisd.browser().json("/api/v1/tokens").await?;
    let ids = tokens["items"].as_array().context("items")?.iter().filter_map(|t| t["id"].as_i64());
    let id = ids.max().context("a token")?;
    jarvisd.process.terminate()?;
    jarvisd.process.ended(PATIENCE).await?;
    let script = "import sqlite3,sys\n\
        db=sqlite3.connect(sys.argv[1])\n\
        n=db.execute('UPDATE api_tokens SET expires_ms=1000 WHERE id=?',(int(sys.argv[2]),)).rowcount\n\
        db.commit(); assert n==1, n";
    let out = Command::new(python_tool("python")?)
        .args(["-c", script])
        .arg(jarvisd.home.data().join("jarvis.db"))
        .arg(id.to_string())
        .output()?;
    ensure!(
        out.status.success(),
        "the token's end could not be written: {}",
        String::from_utf8_lossy(&out.stderr)
    );
    jarvisd.again().await?;
    let dead = jarvisd.bare().token(&token).get("/api/v1/cluster").await?;
    ensure!(dead.status == 401, "the expired token still works: {}", dead.status);
    Ok(token)
}

/// The same shape, another secret.
fn turned(c: char) -> char {
    match c {
        'a'..='f' => 'g',
        '0'..='8' => '9',
        other => other,
    }
}
