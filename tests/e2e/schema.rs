//! schemathesis on the OpenAPI document: no server error, no answer that the document does not promise.

use std::process::Command;

use anyhow::{Result, ensure};
use jarvis_tests::{daemon::Jarvisd, fakepve::python_tool, process::PATIENCE, sim::Sim};
use tempfile::TempDir;

/// Requests tried per operation and phase.
const EXAMPLES: &str = "40";

#[tokio::test]
async fn schemathesis_finds_no_server_error_and_no_broken_promise() -> Result<()> {
    let sim = Sim::start().await?;
    let jarvisd = Jarvisd::start(&sim.cluster()?).await?;
    jarvisd.readyz(PATIENCE, "that it is ready", |status, _| status == 200).await?;
    let dir = TempDir::new()?;
    let mut command = Command::new(python_tool("schemathesis")?);
    command.current_dir(dir.path()).env("NO_COLOR", "1");
    command.arg("run").arg(format!("{}/api/v1/openapi.json", jarvisd.home.api()));
    // The operator's session reaches every route; tokens have a story of their own.
    command.arg("--header").arg(format!("Cookie: {}", jarvisd.cookie));
    command.arg("--header").arg(format!("Origin: {}", jarvisd.home.api()));
    command.args(["--max-examples", EXAMPLES, "--seed", "1", "--workers", "1"]);
    command.args([
        "--checks",
        "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance,negative_data_rejection",
    ]);
    // It would log itself out, lock the account or change its password: these have stories of their own.
    command.args(["--exclude-path-regex", "/(logout|login|setup|password)$"]);
    let out = tokio::task::spawn_blocking(move || command.output()).await??;
    let said = String::from_utf8_lossy(&out.stdout);
    println!(
        "{}",
        said.lines().rev().take(25).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join("\n")
    );
    ensure!(
        out.status.success(),
        "schemathesis: {}\n{said}\n{}",
        out.status,
        String::from_utf8_lossy(&out.stderr)
    );
    Ok(())
}
