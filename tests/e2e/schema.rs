//! schemathesis on the OpenAPI document: no server error, no answer that the document does not promise.

use std::process::Command;

use anyhow::{Result, ensure};
use jarvis_tests::{daemon::Jarvisd, fakepve::python_tool, process::PATIENCE, sim::Sim};
use tempfile::TempDir;

/// Requests tried per operation and phase.
const EXAMPLES: &str = "30";

const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_headers_conformance,response_schema_conformance";

#[tokio::test]
async fn with_a_token_no_answer_breaks_a_promise_and_no_bad_request_is_taken() -> Result<()> {
    let jarvisd = ready().await?;
    let token = jarvisd.1.new_token(&["read", "chat", "act", "mcp", "metrics"]).await?;
    let checks = format!("{CHECKS},negative_data_rejection");
    run(&jarvisd.1, &[format!("Authorization: Bearer {token}")], &checks).await
}

/// Reaches the routes that no token reaches. Requests without the cookie cannot be made this way, so what a
/// bad request deserves is left to the story above.
#[tokio::test]
async fn with_a_session_no_answer_breaks_a_promise() -> Result<()> {
    let jarvisd = ready().await?;
    let headers = [format!("Cookie: {}", jarvisd.1.cookie), format!("Origin: {}", jarvisd.1.home.api())];
    run(&jarvisd.1, &headers, CHECKS).await
}

async fn ready() -> Result<(Sim, Jarvisd)> {
    let sim = Sim::start().await?;
    let jarvisd = Jarvisd::start(&sim.cluster()?).await?;
    jarvisd.readyz(PATIENCE, "that it is ready", |status, _| status == 200).await?;
    Ok((sim, jarvisd))
}

async fn run(jarvisd: &Jarvisd, headers: &[String], checks: &str) -> Result<()> {
    let dir = TempDir::new()?;
    let mut command = Command::new(python_tool("schemathesis")?);
    command.current_dir(dir.path()).env("NO_COLOR", "1");
    command.arg("run").arg(format!("{}/api/v1/openapi.json", jarvisd.home.api()));
    for header in headers {
        command.arg("--header").arg(header);
    }
    command.args(["--max-examples", EXAMPLES, "--seed", "1", "--workers", "1", "--checks", checks]);
    // It would log itself out, lock the account or change its password: these have stories of their own.
    command.args(["--exclude-path-regex", "/(logout|login|setup|password)$"]);
    let out = tokio::task::spawn_blocking(move || command.output()).await??;
    let said = String::from_utf8_lossy(&out.stdout);
    let last: Vec<&str> = said.lines().rev().take(12).collect();
    println!("{}", last.into_iter().rev().collect::<Vec<_>>().join("\n"));
    ensure!(
        out.status.success(),
        "schemathesis: {}\n{said}\n{}",
        out.status,
        String::from_utf8_lossy(&out.stderr)
    );
    Ok(())
}
