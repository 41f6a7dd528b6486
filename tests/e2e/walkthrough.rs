//! docs/API.md, executed: what it tells people to type works as it says.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use jarvis_tests::{
    acting::{OUTSIDE, Stage},
    daemon::PASSWORD,
};
use tempfile::TempDir;

#[tokio::test]
async fn the_way_through_the_api_is_as_its_page_tells_it() -> Result<()> {
    let page = std::fs::read_to_string(jarvis_tests::root().join("docs/API.md"))?;
    let blocks: Vec<&str> =
        page.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    ensure!(blocks.len() >= 8, "the page has {} blocks", blocks.len());
    let stage = Stage::new(OUTSIDE).await?;
    let token = stage.jarvisd.new_token(&["read", "act"]).await?;
    let dir = TempDir::new()?;
    let mut bash = Command::new("bash");
    bash.args(["-euo", "pipefail", "-x", "-c", &blocks.concat()]).current_dir(dir.path());
    bash.env("JARVIS", stage.jarvisd.home.api()).env("TOKEN", token).env("PASSWORD", PASSWORD);
    let out = tokio::task::spawn_blocking(move || bash.output()).await?.context("bash")?;
    let said = String::from_utf8_lossy(&out.stdout);
    ensure!(out.status.success(), "{}\n{said}\n{}", out.status, String::from_utf8_lossy(&out.stderr));
    ensure!(said.contains("red stop_guest") && said.contains("POST /nodes/"), "{said}");
    // What the script saw is what the cluster saw.
    let effects = stage.sim.effects().await?;
    ensure!(effects.len() == 1, "{effects:?}");
    stage.mediated().await
}
