//! The three revisions of MCP as their texts have them, and everything on the wire that is none of them.

use anyhow::{Result, ensure};
use jarvis_core::tools::listing::{FULL_LIST_BYTES_MAX, READ_LIST_BYTES_MAX};
use jarvis_tests::{
    acting::{OUTSIDE, Stage},
    mcp::{NEW, OLD, Wire, hello, meta, request},
    rest::Answer,
};
use reqwest::Method;
use serde_json::{Value, json};

async fn wire(stage: &Stage) -> Result<Wire> {
    Wire::new(&stage.jarvisd.home.api(), "", &stage.jarvisd.new_token(&["mcp"]).await?)
}

/// Every answer of the protocol is JSON, also one to nonsense.
fn code(answer: &Answer) -> Result<i64> {
    let kind = answer.headers.get("content-type").and_then(|v| v.to_str().ok()).unwrap_or_default();
    ensure!(kind.starts_with("application/json"), "{kind}: {}", answer.text);
    let value = answer.value()?;
    ensure!(value["jsonrpc"] == "2.0", "{value}");
    Ok(value["error"]["code"].as_i64().unwrap_or_default())
}

#[tokio::test]
async fn each_revision_is_agreed_on_and_served_as_its_text_says() -> Result<()> {
    let stage = Stage::new(OUTSIDE).await?;
    let wire = wire(&stage).await?;
    for revision in OLD {
        let answer = wire.post(&[], &hello(revision)).await?.ok()?["result"].clone();
        ensure!(
            answer["protocolVersion"] == revision && answer["serverInfo"]["name"] == "jarvis",
            "{answer}"
        );
        ensure!(
            answer["capabilities"] == json!({"tools": {}}) && answer["instructions"].is_string(),
            "{answer}"
        );
        let heard = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
        let heard = wire.post(&[("mcp-protocol-version", revision)], &heard).await?;
        ensure!(heard.status == 202 && heard.text.is_empty(), "{}: {}", heard.status, heard.text);
        let pong = wire.ask(revision, "ping", json!({})).await?.ok()?;
        ensure!(pong == json!({"jsonrpc": "2.0", "id": 1, "result": {}}), "{pong}");
        let list = wire.ask(revision, "tools/list", json!({})).await?.ok()?["result"].clone();
        ensure!(list["tools"].as_array().is_some_and(|t| t.len() > 20), "{list}");
        ensure!(list.as_object().is_some_and(|l| l.len() == 1), "fields of a later revision: {list}");
    }
    let found = wire.ask(NEW, "server/discover", json!({})).await?.ok()?["result"].clone();
    ensure!(found["supportedVersions"] == json!([OLD[0], OLD[1], NEW]), "{found}");
    let list = wire.ask(NEW, "tools/list", json!({})).await?.ok()?["result"].clone();
    ensure!(
        list["resultType"] == "complete" && list["ttlMs"].is_u64() && list["cacheScope"].is_string(),
        "{list}"
    );
    // The handshake is none of its parts, and neither is ping.
    let answer = wire.post(&[], &hello(NEW)).await?.ok()?;
    ensure!(answer["result"]["protocolVersion"] == OLD[1], "{answer}");
    let pong = wire.ask(NEW, "ping", json!({})).await?;
    ensure!(pong.status == 404 && code(&pong)? == -32601, "{}: {}", pong.status, pong.text);
    for revision in [OLD[0], OLD[1], NEW] {
        let params = json!({"name": "guests", "arguments": {"kind": "lxc"}});
        let result = wire.ask(revision, "tools/call", params).await?.ok()?["result"].clone();
        let text: Value = serde_json::from_str(result["content"][0]["text"].as_str().unwrap_or_default())?;
        ensure!(text == result["structuredContent"] && text["state"] == "ok", "{revision}: {result}");
        ensure!(
            result["isError"] == false && result["resultType"].is_string() == (revision == NEW),
            "{result}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_revision_that_is_not_served_is_refused_with_those_that_are() -> Result<()> {
    let stage = Stage::new(OUTSIDE).await?;
    let wire = wire(&stage).await?;
    for strange in ["2024-11-05", "2025-03-26", "2030-01-01", "banana", ""] {
        let answer = wire.ask(strange, "tools/list", json!({})).await?;
        ensure!(answer.status == 400 && code(&answer)? == -32022, "{strange}: {}", answer.text);
        ensure!(
            answer.value()?["error"]["data"]["supported"] == json!([OLD[0], OLD[1], NEW]),
            "{}",
            answer.text
        );
        let noted = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
        ensure!(wire.post(&[("mcp-protocol-version", strange)], &noted).await?.status == 400);
        // In the handshake the server proposes the newest that has one.
        let answer = wire.post(&[], &hello(strange)).await?.ok()?;
        ensure!(answer["result"]["protocolVersion"] == OLD[1], "{answer}");
        let said = request("tools/list", json!({"_meta": meta(strange)}));
        let heads = [("mcp-protocol-version", strange), ("mcp-method", "tools/list")];
        let answer = wire.post(&heads, &said).await?;
        ensure!(answer.status == 400 && code(&answer)? == -32022, "{strange}: {}", answer.text);
    }
    // Without a header it is a client that cannot say; what it lacks are fields it need not read.
    ensure!(wire.post(&[], &request("tools/list", json!({}))).await?.status == 200);
    let new = request("tools/list", json!({"_meta": meta(NEW)}));
    for (heads, what) in [
        (vec![], "no headers"),
        (vec![("mcp-protocol-version", NEW)], "no method"),
        (vec![("mcp-protocol-version", OLD[1]), ("mcp-method", "tools/list")], "another revision"),
        (vec![("mcp-protocol-version", NEW), ("mcp-method", "tools/call")], "another method"),
    ] {
        let answer = wire.post(&heads, &new).await?;
        ensure!(answer.status == 400 && code(&answer)? == -32020, "{what}: {}", answer.text);
    }
    let twice = [("mcp-protocol-version", NEW), ("mcp-method", "tools/list"), ("mcp-method", "ping")];
    ensure!(wire.post(&twice, &new).await?.status == 400, "two readers could see two methods");
    let bare = request("tools/list", json!({}));
    let heads = [("mcp-protocol-version", NEW), ("mcp-method", "tools/list")];
    let answer = wire.post(&heads, &bare).await?;
    ensure!(answer.status == 400 && code(&answer)? == -32602, "without _meta: {}", answer.text);
    Ok(())
}

#[tokio::test]
async fn what_is_no_message_is_answered_in_the_protocol() -> Result<()> {
    let stage = Stage::new(OUTSIDE).await?;
    let wire = wire(&stage).await?;
    let json = [("content-type", "application/json")];
    let deep = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"ping","params":{}1{}}}"#,
        "[".repeat(5_000),
        "]".repeat(5_000)
    );
    for (body, status, expected) in [
        ("", 400, -32700),
        ("{\"a", 400, -32700),
        (deep.as_str(), 400, -32700),
        ("5", 400, -32600),
        ("[]", 400, -32600),
        (
            r#"[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","id":2,"method":"ping"}]"#,
            400,
            -32600,
        ),
        (r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, 400, -32600),
        (r#"{"jsonrpc":"2.0","id":1,"result":{}}"#, 400, -32600),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":7}}"#, 200, -32602),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"guests","arguments":"x"}}"#,
            200,
            -32602,
        ),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"no_such_tool"}}"#, 200, -32602),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"cursor":"x"}}"#, 200, -32602),
        (r#"{"jsonrpc":"2.0","id":1,"method":"resources/list"}"#, 200, -32601),
    ] {
        let answer = wire.send(Method::POST, &json, body.into()).await?;
        ensure!(
            answer.status == status && code(&answer)? == expected,
            "{body:.90}: {} {}",
            answer.status,
            answer.text
        );
    }
    let unknown = r#"{"jsonrpc":"2.0","method":"notifications/no_such_thing"}"#;
    ensure!(wire.send(Method::POST, &json, unknown.into()).await?.status == 202);
    let ping = request("ping", json!({})).to_string();
    for (kind, status) in
        [("text/plain", 415), ("application/xml", 415), ("application/json; charset=utf-8", 200)]
    {
        let answer = wire.send(Method::POST, &[("content-type", kind)], ping.clone().into()).await?;
        ensure!(answer.status == status, "{kind}: {}", answer.status);
    }
    for (accept, status) in
        [("text/html", 406), ("application/json;q=0", 406), ("*/*", 200), ("application/json", 200)]
    {
        let answer = wire.post(&[("accept", accept)], &request("ping", json!({}))).await?;
        ensure!(answer.status == status, "{accept}: {}", answer.status);
    }
    for bytes in [64 * 1024, 10_000_000] {
        let args = json!({"name": "guests", "arguments": {"name": "x".repeat(bytes)}});
        // The daemon may hang up while the rest is still being sent.
        if let Ok(answer) = wire.post(&[], &request("tools/call", args)).await {
            ensure!(answer.status == 413, "{bytes}: {}", answer.status);
        }
    }
    ensure!(wire.ask(OLD[1], "ping", json!({})).await?.status == 200, "it serves on");
    Ok(())
}

#[tokio::test]
async fn there_are_no_streams_no_sessions_and_no_strangers() -> Result<()> {
    let stage = Stage::new(OUTSIDE).await?;
    let wire = wire(&stage).await?;
    let session = [("mcp-session-id", "0a1b2c3d-of-somebody-else")];
    for method in [Method::GET, Method::DELETE, Method::PUT] {
        for headers in [&session[..], &[]] {
            let answer = wire.send(method.clone(), headers, Vec::new()).await?;
            let allow = answer.headers.get("allow").and_then(|v| v.to_str().ok());
            ensure!(answer.status == 405 && allow == Some("POST"), "{method}: {}", answer.status);
        }
    }
    // No session is given, so the id of one opens and closes nothing.
    let answer = wire.post(&session, &hello(OLD[0])).await?;
    ensure!(answer.status == 200 && answer.headers.get("mcp-session-id").is_none());
    let ping = request("ping", json!({}));
    for (headers, status) in [
        (("origin", "http://evil.example"), 403),
        (("origin", "null"), 403),
        (("host", "evil.example"), 403),
        (("origin", wire.url.trim_end_matches("/mcp")), 200),
    ] {
        let answer = wire.post(&[headers], &ping).await?;
        ensure!(answer.status == status, "{headers:?}: {}", answer.status);
    }
    let api = stage.jarvisd.home.api();
    let elsewhere = stage.jarvisd.new_token(&["read", "act"]).await?;
    let reads = stage.jarvisd.new_token(&["mcp"]).await?;
    for (query, token, status) in [
        ("", "", 401),
        ("", "jv_wrong", 401),
        ("", elsewhere.as_str(), 403),
        ("?profile=act", reads.as_str(), 403),
        ("?profile=all", reads.as_str(), 400),
    ] {
        let answer = Wire::new(&api, query, token)?.post(&[], &ping).await?;
        ensure!(answer.status == status, "{query} {token}: {}", answer.status);
        ensure!((status == 401) == answer.headers.contains_key("www-authenticate"), "{:?}", answer.headers);
    }
    Ok(())
}

#[tokio::test]
async fn the_lists_are_small_on_the_wire_and_full_when_asked_for() -> Result<()> {
    let stage = Stage::new(OUTSIDE).await?;
    let token = stage.jarvisd.new_token(&["mcp", "act"]).await?;
    let api = stage.jarvisd.home.api();
    for (query, most) in [("", READ_LIST_BYTES_MAX), ("?profile=act", FULL_LIST_BYTES_MAX)] {
        for revision in [OLD[0], OLD[1], NEW] {
            let list = Wire::new(&api, query, &token)?.ask(revision, "tools/list", json!({})).await?;
            println!("{query:14} {revision} {} bytes", list.text.len());
            ensure!(
                list.status == 200 && list.text.len() <= most,
                "{query} {revision}: {} bytes",
                list.text.len()
            );
        }
    }
    let full = Wire::new(&api, "?profile=act&detail=full", &token)?.tools().await?;
    for tool in &full {
        let hints = ["readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"];
        ensure!(hints.iter().all(|hint| tool["annotations"][hint].is_boolean()), "{tool}");
        ensure!(tool["title"].is_string() && tool["outputSchema"]["required"] == json!(["state"]), "{tool}");
    }
    let vmid =
        full.iter().find(|tool| tool["name"] == "guest").map(|t| &t["inputSchema"]["properties"]["vmid"]);
    ensure!(vmid.is_some_and(|v| v["minimum"] == 100), "{vmid:?}");
    Ok(())
}
