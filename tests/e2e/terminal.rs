//! A person's own shell on a node: nobody but a person in a session gets one, and it is on record.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures_util::{SinkExt, StreamExt};
use jarvis_tests::acting::{OUTSIDE, Stage};
use serde_json::{Value, json};
use tokio_tungstenite::{
    connect_async,
    tungstenite::{Error, Message, client::IntoClientRequest, http::HeaderValue},
};

/// Connects with these headers; the status of a refusal, or what the shell said until it ended.
async fn shell(stage: &Stage, headers: &[(&'static str, &str)], keys: &str) -> Result<Result<String, u16>> {
    let url = format!("{}/ws/terminal/pve?cols=100&rows=30", stage.home.api().replacen("http", "ws", 1));
    let mut request = url.into_client_request()?;
    for (name, value) in headers {
        request.headers_mut().insert(*name, HeaderValue::from_str(value)?);
    }
    let mut socket = match connect_async(request).await {
        Ok((socket, _)) => socket,
        Err(Error::Http(answer)) => return Ok(Err(answer.status().as_u16())),
        Err(other) => return Err(other.into()),
    };
    socket.send(Message::binary(keys.as_bytes().to_vec())).await?;
    let mut said = String::new();
    while let Some(message) = tokio::time::timeout(Duration::from_secs(30), socket.next()).await? {
        match message? {
            Message::Binary(bytes) => {
                said.push_str(&String::from_utf8_lossy(&bytes));
                socket.send(Message::text(json!({"type": "ack", "bytes": bytes.len()}).to_string())).await?;
            }
            Message::Close(_) => break,
            _ => {}
        }
    }
    Ok(Ok(said))
}

#[tokio::test]
async fn i35_a_shell_is_a_persons_alone_and_its_beginning_and_end_are_on_record() -> Result<()> {
    let stage = Stage::whole(&[], OUTSIDE).await?;
    let origin = stage.home.api();
    let token = stage.new_token(&["read", "chat", "act", "mcp", "metrics"]).await?;
    let bearer = format!("Bearer {token}");
    for headers in [
        vec![("authorization", bearer.as_str()), ("origin", origin.as_str())],
        vec![("authorization", bearer.as_str())],
        vec![("cookie", stage.cookie.as_str())],
    ] {
        let got = shell(&stage, &headers, "").await?;
        ensure!(got == Err(403), "{headers:?}: {got:?}");
    }
    // No tool writes into one, decides in one, or opens one.
    for tool in ["shell", "terminal", "terminal_write", "execute_command", "approve"] {
        let answer = stage.call(&stage.person(), tool, json!({"node": "pve", "keys": "reboot\r"})).await?;
        ensure!(matches!(answer.status.as_u16(), 403 | 404), "{tool}: {} {}", answer.status, answer.text);
    }
    let opened = |rows: &[Value]| rows.iter().filter(|r| r["kind"] == "terminal_opened").count();
    ensure!(opened(&stage.audit()?) == 0);

    let (vmid, _) = stage.guest("running", "lxc").await?;
    let asked = stage.asked(&stage.person(), "stop_guest", json!({"vmid": vmid})).await?;
    let id = asked["id"].as_str().context("an id")?;
    let person = [("cookie", stage.cookie.as_str()), ("origin", origin.as_str())];
    let keys = format!("echo approve {id} yes; echo shell-$((40+2)); exit 3\r");
    let said = shell(&stage, &person, &keys).await?;
    ensure!(said.as_ref().is_ok_and(|text| text.contains("shell-42")), "{said:?}");
    // What is typed there decides nothing here.
    ensure!(stage.approval(&asked["id"]).await?["state"] == "pending");
    ensure!(stage.sim.attempts().await?.is_empty());
    stage
        .until("its end is on record", async || {
            Ok(stage.audit()?.iter().any(|row| row["kind"] == "terminal_closed"))
        })
        .await?;
    let rows = stage.audit()?;
    for kind in ["terminal_opened", "terminal_closed"] {
        let row = rows.iter().find(|row| row["kind"] == kind).context(kind)?;
        ensure!(row["who"] == "human/operator" && row["subject"] == "node/pve", "{row}");
        ensure!(!row["detail"].to_string().contains("shell-"), "what was typed is on record: {row}");
    }
    Ok(())
}
