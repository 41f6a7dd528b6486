//! The audit, the kill switch and access from the command line, beside a running daemon and without one.

use std::{process::Output, time::Duration};

use anyhow::{Context, Result, ensure};
use jarvis_tests::{
    daemon::{Home, Jarvisd},
    process::PATIENCE,
    socket::{Door, Socket},
};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(5);

fn run(home: &Home, words: &[&str]) -> Result<Output> {
    Ok(home.command(words)?.output()?)
}

fn done(home: &Home, words: &[&str]) -> Result<String> {
    let output = run(home, words)?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let failed = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{words:?} ended with {}\n{said}\n{failed}", output.status);
    Ok(said)
}

/// Every row as the command line exports it.
fn rows(home: &Home) -> Result<Vec<Value>> {
    done(home, &["audit", "export"])?.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}

fn kinds(rows: &[Value]) -> Vec<&str> {
    rows.iter().filter_map(|row| row["kind"].as_str()).collect()
}

#[tokio::test]
async fn i29_log_ins_set_up_tokens_start_and_stop_are_in_a_chain_that_is_verified_while_the_daemon_runs()
-> Result<()> {
    let mut jarvisd = Jarvisd::at(Home::new(None, "")?).await?;
    let wrong = json!({"password": "CANARY-not-the-password"});
    let answer = jarvisd.bare().with("origin", &jarvisd.home.api()).post("/api/v1/login", &wrong).await?;
    ensure!(answer.status == 401, "{}", answer.text);
    let kept = rows(&jarvisd.home)?;
    let seen = kinds(&kept);
    for kind in ["started", "access_changed", "logged_in", "log_in_failed"] {
        ensure!(seen.contains(&kind), "no row of {kind}: {seen:?}");
    }
    let made = kept.iter().find(|row| row["subject"] == "token/1").context("the token's row")?;
    ensure!(made["who"] == "human/operator", "{made}");
    let text = kept.iter().map(Value::to_string).collect::<String>();
    ensure!(!text.contains("CANARY") && !text.contains(&jarvisd.token), "a secret is in the audit: {text}");

    let said = done(&jarvisd.home, &["audit", "verify"])?;
    let checkpoint =
        said.lines().find_map(|line| line.strip_prefix("checkpoint ")).context("no checkpoint")?.to_owned();
    let log = jarvisd.process.log();
    ensure!(
        log.contains("the audit stands") && log.contains("checkpoint"),
        "no checkpoint in the log\n{log}"
    );

    jarvisd.process.kill()?;
    done(&jarvisd.home, &["audit", "verify", "--from", &checkpoint])?;
    jarvisd.again().await?;
    jarvisd.process.terminate()?;
    jarvisd.process.ended(PATIENCE).await?;
    let (number, hash) = checkpoint.split_once(':').context("number:hash")?;
    ensure!(kinds(&rows(&jarvisd.home)?).last() == Some(&"stopped"), "no row of the stop");
    let beyond = format!("{}:{hash}", number.parse::<u64>()? + 1_000);
    let output = run(&jarvisd.home, &["audit", "verify", "--from", &beyond])?;
    let failed = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.code() == Some(1) && failed.contains("cut off"), "{failed}");
    let forged = format!("{number}:{}", "0".repeat(64));
    ensure!(
        run(&jarvisd.home, &["audit", "verify", "--from", &forged])?.status.code() == Some(1),
        "{forged}"
    );

    let file = jarvisd.home.dir.path().join("audit.jsonl");
    let name = file.to_str().context("a name")?;
    done(&jarvisd.home, &["audit", "export", "--out", name])?;
    ensure!(
        std::fs::read_to_string(&file)?.lines().count() == rows(&jarvisd.home)?.len(),
        "rows are missing"
    );
    ensure!(!run(&jarvisd.home, &["audit", "export", "--out", name])?.status.success(), "it was overwritten");
    Ok(())
}

#[tokio::test]
async fn a_token_and_a_password_are_changed_on_the_command_line_while_the_daemon_runs() -> Result<()> {
    let jarvisd = Jarvisd::at(Home::new(None, "")?).await?;
    let token = done(&jarvisd.home, &["token", "create", "shell", "--scope", "read"])?.trim().to_owned();
    let answer = jarvisd.bare().token(&token).get("/api/v1/cluster").await?;
    ensure!(answer.status == 200, "the token does not work at once: {}", answer.text);
    let list = done(&jarvisd.home, &["token", "list"])?;
    let id = list
        .lines()
        .find(|line| line.contains("\tshell\t"))
        .and_then(|line| line.split('\t').next())
        .context("the token is not listed")?;

    let mut socket = Socket::open(&Door { api: jarvisd.home.api(), token: token.clone() }).await?;
    done(&jarvisd.home, &["token", "revoke", id])?;
    let answer = jarvisd.bare().token(&token).get("/api/v1/cluster").await?;
    ensure!(answer.status == 401, "a revoked token still works: {}", answer.text);
    let ended = tokio::time::timeout(SOON, async {
        while socket.next().await?.is_some() {}
        anyhow::Ok(())
    });
    ended.await.context("the stream of a revoked token stays open")??;
    let code = socket.closed.as_ref().map(|c| u16::from(c.code));
    ensure!(code == Some(4401), "closed with {code:?}");

    let file = jarvisd.home.dir.path().join("password");
    std::fs::write(&file, "another long password\n")?;
    done(&jarvisd.home, &["user", "reset-password", "--password-file", file.to_str().context("a name")?])?;
    ensure!(jarvisd.browser().get("/api/v1/session").await?.status == 401, "the session lives on");
    let body = json!({"password": "another long password"});
    let answer = jarvisd.bare().with("origin", &jarvisd.home.api()).post("/api/v1/login", &body).await?;
    ensure!(answer.status == 200, "{}", answer.text);
    let by_hand: Vec<_> = rows(&jarvisd.home)?
        .into_iter()
        .filter(|row| row["who"].as_str().is_some_and(|who| who.starts_with("cli/uid-")))
        .collect();
    ensure!(by_hand.len() == 3, "made, revoked and reset are three rows: {by_hand:?}");
    done(&jarvisd.home, &["audit", "verify"])?;
    Ok(())
}

#[tokio::test]
async fn the_kill_switch_is_thrown_with_the_daemon_up_and_down_and_its_rows_say_by_whom() -> Result<()> {
    let mut jarvisd = Jarvisd::at(Home::new(None, "")?).await?;
    done(&jarvisd.home, &["kill-switch", "status"])?;
    done(&jarvisd.home, &["kill-switch", "on"])?;
    ensure!(run(&jarvisd.home, &["kill-switch", "status"])?.status.code() == Some(3), "on is exit code 3");
    let noticed = tokio::time::timeout(SOON, async {
        loop {
            let rows = rows(&jarvisd.home)?;
            let row = rows.iter().rev().find(|row| row["kind"] == "kill_switch").cloned();
            if let Some(row) = row.filter(|row| row["who"].as_str().is_some_and(|w| w.starts_with("cli/"))) {
                return anyhow::Ok(row);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    let row = noticed.await.context("the daemon did not record the switch")??;
    ensure!(row["detail"].as_str().is_some_and(|detail| detail.contains("\"on\":true")), "{row}");

    jarvisd.process.kill()?;
    let dir = jarvisd.home.data();
    let dir = dir.to_str().context("a name")?;
    std::fs::write(jarvisd.home.settings(), "this is no TOML [")?;
    let words = ["kill-switch", "--data-dir", dir, "status"];
    ensure!(run(&jarvisd.home, &words)?.status.code() == Some(3), "on with broken settings and no daemon");
    done(&jarvisd.home, &["kill-switch", "--data-dir", dir, "off"])?;
    done(&jarvisd.home, &words)?;
    std::fs::write(jarvisd.home.data().join("kill-switch"), "off")?;
    let output = run(&jarvisd.home, &words)?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(output.status.code() == Some(3) && said.contains("counts as on"), "torn is on: {said}");
    std::fs::remove_file(jarvisd.home.data().join("kill-switch"))?;
    ensure!(run(&jarvisd.home, &words)?.status.code() == Some(3), "missing is on");
    Ok(())
}
