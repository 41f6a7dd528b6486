//! `jarvisd check` says whether the daemon can run, `jarvisd doctor` what it would suffer from.

use anyhow::{Result, ensure};
use jarvis_tests::{daemon::Home, sim::Sim};
use serde_json::json;

#[tokio::test]
async fn a_sound_cluster_passes_both() -> Result<()> {
    let sim = Sim::start().await?;
    let home = Home::new(Some(&sim.cluster()?), "")?;
    let (code, check) = said(&home, "check").await?;
    ensure!(code == 0 && check.contains("data directory") && check.contains("answers"), "{code}: {check}");
    ensure!(!home.data().exists(), "`check` made the data directory");
    let (code, doctor) = said(&home, "doctor").await?;
    ensure!(code == 0, "{code}: {doctor}");
    for word in ["certificate", "clock", "may read everything", "host keys"] {
        ensure!(doctor.contains(word), "nothing about {word}:\n{doctor}");
    }
    ensure!(doctor.lines().all(|l| l.starts_with("ok ")), "{doctor}");
    Ok(())
}

#[tokio::test]
async fn a_token_with_privilege_separation_and_no_acl_fails_both() -> Result<()> {
    let sim = Sim::start().await?;
    let mut cluster = sim.cluster()?;
    // The simulator lays its tokens side by side.
    cluster.token_file = cluster.token_file.with_file_name("noacl.token");
    let home = Home::new(Some(&cluster), "")?;
    for command in ["check", "doctor"] {
        let (code, text) = said(&home, command).await?;
        ensure!(code == 1 && text.contains("pveum acl modify / --tokens"), "{command} {code}: {text}");
    }
    Ok(())
}

#[tokio::test]
async fn two_hours_between_the_clocks_fail_both() -> Result<()> {
    let sim = Sim::start().await?;
    let cluster = sim.cluster()?;
    let (node, _) = &cluster.nodes[1];
    sim.fault("clock_skew", json!({"node": node, "by_s": 7200})).await?;
    let home = Home::new(Some(&cluster), "")?;
    for command in ["check", "doctor"] {
        let (code, text) = said(&home, command).await?;
        let told = text.lines().any(|l| l.starts_with("fail") && l.contains(node) && l.contains("clock"));
        ensure!(code == 1 && told, "{command} {code}: {text}");
    }
    Ok(())
}

#[tokio::test]
async fn a_directory_that_cannot_hold_data_fails_the_check() -> Result<()> {
    let home = Home::new(None, "")?;
    std::fs::write(home.data(), "a file")?;
    let (code, text) = said(&home, "check").await?;
    ensure!(code == 1 && text.contains("fail the data directory"), "{code}: {text}");
    Ok(())
}

async fn said(home: &Home, word: &str) -> Result<(i32, String)> {
    let mut command = home.command(&[word])?;
    let out = tokio::task::spawn_blocking(move || command.output()).await??;
    let text = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    Ok((out.status.code().unwrap_or(-1), text))
}
