//! The daemon is ended exactly at each step of an action and comes back: the cluster saw the action at most once, and
//! each that was begun has its outcome, found by reading.
//!
//! The test runs itself as the daemon that acts: the whole executor on a real store, against the simulator, aborted in
//! the very call that tells of the step. What draws its moments instead is `tests/e2e/acting_kill.rs`.
#![cfg(test)]

use std::{
    cell::Cell,
    env,
    io::{BufRead, BufReader},
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use jarvis_core::{
    approval::Voice,
    policy::{Caller, Fact, Level, Limits, Scopes},
    protocol::acting::ActionState,
    tools::Operation,
};
use jarvisd::{
    app::{self, reach},
    clock::Clock,
    config,
    executor::{Answer, Call, Executor, Parts, Senders, Step},
    state::StateHub,
    store::{End, Intent, Store},
    supervisor::Supervisor,
    tools,
};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

const TASK_TEST: &str =
    "i07_i08_ended_exactly_at_each_step_an_action_is_done_at_most_once_and_has_its_outcome";
const TRIES_TEST: &str = "i12_each_try_of_a_remedy_by_a_program_doubles_the_wait_for_the_next_one";
const TRACE_TEST: &str = "i08_what_leaves_no_task_is_settled_by_what_its_target_shows";
const ENGINE_TEST: &str = "i07_i08_the_same_at_each_step_of_a_change_over_docker";
const COMMAND_TEST: &str = "i07_i08_the_same_at_each_step_of_a_change_over_ssh";
const POWER_TEST: &str = "i07_i08_the_same_at_each_step_of_a_nodes_power";
const WAKE_TEST: &str = "i07_i08_the_same_at_each_step_of_a_wake_up_packet";
/// Enough nodes that one a step may be off without the quorum being lost.
const MANY_NODES: &[&str] = &["--nodes", "24", "--guests", "24", "--time-scale", "0.1"];
/// What the child is told: its settings, the step at which it ends, and what it is to do.
const SETTINGS: &str = "STEPS_SETTINGS";
const ENDS_AT: &str = "STEPS_ENDS_AT";
const TOOL: &str = "STEPS_TOOL";
const ARGS: &str = "STEPS_ARGS";
/// A request that arrived shows its task within this time; the simulator's do at once.
const SETTLE: Duration = Duration::from_secs(1);
/// A node of the simulator with quicker time is up again within this; what was not seen by then is unknown.
const LONGEST: Duration = Duration::from_secs(15);
const PATIENCE: Duration = Duration::from_secs(60);
const SIGABRT: i32 = 6;

/// The simulator, gone with the test.
struct Sim {
    child: Child,
    ready: Value,
}

impl Sim {
    fn start(dir: &Path, args: &[&str]) -> Self {
        // target/PROFILE/deps/this-test → target/PROFILE/jarvis-sim
        let test = env::current_exe().unwrap();
        let program = test.ancestors().map(|dir| dir.join("jarvis-sim")).find(|file| file.is_file());
        let program = program.expect("jarvis-sim is not built: run `cargo build -p jarvis-sim`");
        let mut child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--"])
            .arg(program)
            .arg("--state-dir")
            .arg(dir)
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let told = lines.map_while(Result::ok).find(|line| line.starts_with('{')).expect("its addresses");
        Self { child, ready: serde_json::from_str(&told).unwrap() }
    }

    fn settings(&self, dir: &Path) -> PathBuf {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let mut settings = format!(
            "[data]\ndir = {:?}\n[own]\noutside = true\n[policy.limits]\nlooks_min = 1\n[proxmox]\nca_file = {:?}\n\
             token_file = {:?}\nact_token_file = {:?}\n",
            dir.join("data"),
            text(&self.ready["ca_file"]),
            text(&self.ready["token_files"]["read"]),
            text(&self.ready["token_files"]["act"]),
        );
        for node in self.ready["nodes"].as_array().unwrap() {
            let (name, url) = (text(&node["name"]), text(&node["url"]));
            settings.push_str(&format!("[[proxmox.nodes]]\nname = {name:?}\nurl = {url:?}\n"));
        }
        for host in self.ready["docker"].as_array().unwrap() {
            let (name, socket) = (text(&host["name"]), text(&host["socket"]));
            let vmid = &host["vmid"];
            settings.push_str(&format!(
                "[[docker.hosts]]\nname = {name:?}\nsocket = {socket:?}\nvmid = {vmid}\n"
            ));
        }
        settings.push_str(&self.ssh());
        settings.push_str(&format!("[wake]\nbroadcast = {}\n", self.ready["wake"]));
        for node in self.ready["nodes"].as_array().unwrap() {
            settings.push_str(&format!("[[wake.nodes]]\nname = {}\nmac = {}\n", node["name"], node["mac"]));
        }
        let file = dir.join("jarvisd.toml");
        std::fs::write(&file, settings).unwrap();
        file
    }

    /// How nodes are reached by command, where the simulator was told to let them be.
    fn ssh(&self) -> String {
        let ssh = &self.ready["ssh"];
        let Some(hosts) = ssh["hosts"].as_array() else { return String::new() };
        let mut settings = format!(
            "[services]\nrestart = [{{ node = \"pve\", unit = \"nfs-server\" }}]\n[ssh]\nsensors_s = 3600\nuser = {}\n\
             key_file = {}\nknown_hosts_file = {}\n",
            ssh["user"], ssh["key_file"], ssh["known_hosts_file"]
        );
        for host in hosts.iter().filter(|host| host["kind"] == "node") {
            let (name, address, port) = (&host["name"], &host["host"], &host["port"]);
            settings.push_str(&format!("[[ssh.nodes]]\nname = {name}\nhost = {address}\nport = {port}\n"));
        }
        settings
    }

    fn nodes(&self) -> Vec<String> {
        let all = self.ready["nodes"].as_array().unwrap().iter();
        all.map(|node| node["name"].as_str().unwrap().to_owned()).collect()
    }

    async fn control(&self, path: &str) -> Value {
        let url = format!("{}{path}", self.ready["control"].as_str().unwrap());
        let text = reqwest::get(url).await.unwrap().text().await.unwrap();
        serde_json::from_str(&text).unwrap()
    }

    async fn fault(&self, fault: Value) {
        let url = format!("{}/faults", self.ready["control"].as_str().unwrap());
        let answer = reqwest::Client::new().post(url).json(&fault).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    }

    /// Changes by us on any side, as they were seen there.
    async fn effects(&self) -> Vec<Value> {
        let report = self.control("/effects").await;
        let ours = |effect: &&Value| {
            let by = effect["by"].as_str().unwrap_or_default();
            effect["acted"] == true && (effect["side"] != "pve" || by.contains("jarvis"))
        };
        report["effects"].as_array().unwrap().iter().filter(ours).cloned().collect()
    }

    async fn guest(&self, fits: impl Fn(&Value) -> bool) -> u64 {
        let truth = self.control("/truth").await;
        let all = truth["guests"].as_array().unwrap();
        let plain = |guest: &&Value| guest["template"] != true && guest["lock"].is_null() && fits(guest);
        all.iter().find(plain).expect("such a guest")["vmid"].as_u64().unwrap()
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The daemon's acting part, as `app` puts it together, without what serves.
async fn executor(settings: &Path, ends_at: Option<Step>) -> (Executor, Store, Supervisor) {
    let config = Arc::new(config::load(Some(settings)).unwrap());
    let clock = Clock;
    let (client, act) = (app::cluster(&config, clock).unwrap(), app::acting(&config, clock).unwrap());
    let store = app::open_store(&config).unwrap();
    let state = StateHub::new("steps".into());
    let docker = reach::docker(&config, clock).unwrap();
    let ssh = reach::commands(&config, clock).unwrap();
    let stop = CancellationToken::new();
    let supervisor = Supervisor::new(stop.clone(), clock);
    let parts = Parts {
        clock,
        config: Arc::clone(&config),
        state: state.clone(),
        store: store.clone(),
        proxmox: client.clone(),
        send: Senders { proxmox: act, ssh: ssh.clone(), docker: docker.clone(), wake: reach::wake(&config) },
        read: tools::Parts::new(clock, state, store.clone(), (client, None), ssh, docker),
        poke: Box::new(|| {}),
        settle: SETTLE,
        longest: LONGEST,
        on_step: Box::new(move |step| {
            if ends_at == Some(step) {
                std::process::abort();
            }
        }),
    };
    let executor = Executor::new(parts, stop);
    executor.start(&supervisor, None).await.unwrap();
    (executor, store, supervisor)
}

/// Acts as a person asks, and is ended at the step.
async fn child(settings: &Path) {
    let ends_at = env::var(ENDS_AT).unwrap();
    let ends_at = Step::ALL.into_iter().find(|step| format!("{step:?}") == ends_at).unwrap();
    let args: Value = serde_json::from_str(&env::var(ARGS).unwrap()).unwrap();
    let operation = Operation::parse(&env::var(TOOL).unwrap(), &args).unwrap();
    let (executor, ..) = executor(settings, Some(ends_at)).await;
    let call = Call {
        operation,
        caller: Caller::Human { session: "ann".into() },
        token: None,
        pin: None,
        tainted: Fact::Known(false),
    };
    let answer = executor.call(call, PATIENCE).await.unwrap();
    if let Answer::Pending(approval) = answer {
        let hash = approval.hash.parse().unwrap();
        executor.decide(&approval.id, Voice::Session("ann".into()), true, hash).await.unwrap();
        tokio::time::sleep(PATIENCE).await;
    }
    panic!("it was not ended at {ends_at:?}");
}

/// Comes back after the end, and gives what is on record once nothing is open any more.
async fn settled(settings: &Path) -> Vec<Intent> {
    let (_executor, store, supervisor) = executor(settings, None).await;
    let all_settled = async {
        while !store.intents().open().await.unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, all_settled).await.expect("something stays open");
    let intents = store.intents().recent(200).await.unwrap();
    drop(supervisor);
    store.close().await.unwrap();
    intents
}

/// Lets the child act and end at the step; gives what is on record of it afterwards, and how often it was seen.
async fn ended_at(stage: &Stage, step: Step, tool: &str, args: &Value) -> (Option<(End, bool)>, usize) {
    let seen_before = stage.sim.effects().await.len();
    let status = Command::new(env::current_exe().unwrap())
        .args(["--exact", stage.test, "--nocapture"])
        .env(SETTINGS, &stage.settings)
        .env(ENDS_AT, format!("{step:?}"))
        .env(TOOL, tool)
        .env(ARGS, args.to_string())
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert_eq!(status.signal(), Some(SIGABRT), "{step:?}: {status}");
    let intents = settled(&stage.settings).await;
    let newest = intents.first().filter(|_| intents.len() > stage.begun.get());
    stage.begun.set(intents.len());
    let recorded = newest.map(|intent| {
        let outcome = intent.outcome.as_ref().expect("an outcome");
        println!("{tool} at {step:?}: {}", outcome.detail);
        (outcome.end, outcome.reconciled)
    });
    (recorded, stage.sim.effects().await.len() - seen_before)
}

/// What must be on record after an end at this step: nothing, or an outcome and whether it was found by reading.
fn expected(step: Step) -> Option<(End, bool)> {
    match step {
        Step::Decided | Step::LaneHeld => None,
        // Nothing had left, which nobody can tell from outside.
        Step::IntentKept | Step::LastLooked => Some((End::Unknown, true)),
        Step::Sent | Step::TaskKept | Step::TaskEnded | Step::Verified => Some((End::Ok, true)),
        Step::OutcomeKept => Some((End::Ok, false)),
    }
}

async fn at_each_step() {
    let stage = Stage::new(TASK_TEST);
    let vmid = stage.sim.guest(|guest| guest["status"] == "running" && guest["type"] == "qemu").await;
    for step in Step::ALL {
        let name = format!("at-{}", format!("{step:?}").to_lowercase());
        let args = json!({"vmid": vmid, "name": name});
        let (recorded, seen) = ended_at(&stage, step, "create_snapshot", &args).await;
        assert_eq!(recorded, expected(step), "{step:?}");
        assert_eq!(seen, usize::from(step >= Step::Sent), "{step:?}");
    }
    // Nothing was sent later on by whoever came back.
    let all = stage.sim.effects().await;
    assert_eq!(all.len(), Step::ALL.iter().filter(|step| **step >= Step::Sent).count());
}

/// What leaves no task: one action a step, on what is given for it.
async fn at_each_step_without_a_task(stage: &Stage, tool: &str, args: &[Value]) {
    let before = stage.sim.effects().await.len();
    for (step, args) in Step::ALL.into_iter().zip(args) {
        let (recorded, seen) = ended_at(stage, step, tool, args).await;
        assert_eq!(recorded, expected(step), "{tool} at {step:?}");
        assert_eq!(seen, usize::from(step >= Step::Sent), "{tool} at {step:?}");
    }
    let sent = Step::ALL.iter().filter(|step| **step >= Step::Sent).count();
    assert_eq!(stage.sim.effects().await.len() - before, sent, "something was sent later on");
}

async fn engine() {
    let stage = Stage::new(ENGINE_TEST);
    let args = vec![stage.labelled().await; Step::ALL.len()];
    at_each_step_without_a_task(&stage, "docker_restart", &args).await;
}

async fn command() {
    let stage = Stage::with(COMMAND_TEST, &["--ssh"]);
    let args = vec![json!({"node": "pve", "unit": "nfs-server"}); Step::ALL.len()];
    at_each_step_without_a_task(&stage, "restart_service", &args).await;
}

async fn power() {
    let stage = Stage::with(POWER_TEST, MANY_NODES);
    // The first nodes are those the daemon asks.
    let args: Vec<_> = stage.sim.nodes().iter().rev().map(|node| json!({"node": node})).collect();
    at_each_step_without_a_task(&stage, "shutdown_node", &args).await;
}

async fn wake() {
    let stage = Stage::with(WAKE_TEST, MANY_NODES);
    let off: Vec<_> = stage.sim.nodes().into_iter().rev().take(Step::ALL.len()).collect();
    for node in &off {
        stage.sim.fault(json!({"at_s": 0, "do": "node_down", "node": node, "variant": "power"})).await;
    }
    // Corosync needs ten seconds to notice, of the simulator's quicker ones.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let args: Vec<_> = off.iter().map(|node| json!({"node": node})).collect();
    at_each_step_without_a_task(&stage, "wake_node", &args).await;
}

async fn traceless() {
    let stage = Stage::new(TRACE_TEST);
    let vmid = stage.sim.guest(|guest| guest["status"] == "running" && guest["type"] == "lxc").await;
    stage.sim.fault(json!({"at_s": 0, "do": "ha_manage", "vmid": vmid})).await;
    let docker = stage.labelled().await;
    for (tool, args) in [("docker_restart", &docker), ("shutdown_guest", &json!({"vmid": vmid}))] {
        // A request that leaves no trace may still be on its way.
        for (step, end) in [(Step::LastLooked, End::Unknown), (Step::Sent, End::Ok)] {
            let (recorded, seen) = ended_at(&stage, step, tool, args).await;
            assert_eq!(recorded, Some((end, true)), "{tool} at {step:?}");
            assert_eq!(seen, usize::from(step == Step::Sent), "{tool} at {step:?}");
        }
    }
}

async fn tries() {
    let stage = Stage::new(TRIES_TEST);
    let (executor, store, _supervisor) = executor(&stage.settings, None).await;
    executor.set_level(Level::Act, "ann").await.unwrap();
    let vmid = stage.sim.guest(|guest| guest["status"] == "running" && guest["type"] == "lxc").await;
    let crash = json!({"at_s": 0, "do": "guest_crash", "vmid": vmid});
    stage.sim.fault(crash.clone()).await;
    let operation = Operation::parse("start_guest", &json!({"vmid": vmid})).unwrap();
    let call = |caller: Caller| Call {
        operation: operation.clone(),
        caller,
        token: None,
        pin: None,
        tainted: Fact::Known(false),
    };
    let token = || Caller::Token { id: "t".into(), scopes: Scopes::ALL };
    let ann = || Caller::Human { session: "ann".into() };
    let mut waits = Vec::new();
    for (caller, tries) in [(token(), 1), (token(), 2), (ann(), 2)] {
        begin(&executor, call(caller)).await;
        let flaps = store.ledger().flaps().await.unwrap();
        assert_eq!(flaps.tries.get(&operation.target().to_string()).map(|(count, _)| *count), Some(tries));
        waits.push(flaps.backoff_left_ms(&operation.target(), &Clock.moment(), &Limits::default()));
        stage.sim.fault(crash.clone()).await;
        // By itself it has to wait for its next turn.
        let runbook = Caller::Runbook { id: "guest-down".into(), structured: true };
        let plan = executor.plan(call(runbook)).await.unwrap();
        // The third fall puts it into quarantine besides.
        let mut said = plan.objections.iter().filter(|one| one.guard == "flapping");
        assert!(said.any(|one| one.reason.starts_with("the next try")), "{:?}", plan.objections);
    }
    let first_ms = Limits::default().backoff_first_ms;
    assert!(waits[0] <= first_ms && waits[0] > first_ms / 2, "{waits:?}");
    assert!(waits[1] <= 2 * first_ms && waits[1] > first_ms, "{waits:?}");
}

/// Begins it, with a person's approval where that is asked for, and waits for its end.
async fn begin(executor: &Executor, call: Call) {
    let view = match executor.call(call, PATIENCE).await.unwrap() {
        Answer::Done(view) => *view,
        Answer::Pending(approval) => {
            let (hash, voice) = (approval.hash.parse().unwrap(), Voice::Session("ann".into()));
            let decided = executor.decide(&approval.id, voice, true, hash).await.unwrap();
            let id = decided.action.expect("an action");
            loop {
                let view = executor.action(&id).await.unwrap();
                if view.state.is_over() {
                    break view;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(view.state, ActionState::Ok, "{view:?}");
}

/// A simulator and what the daemon knows of it.
struct Stage {
    test: &'static str,
    sim: Sim,
    settings: PathBuf,
    begun: Cell<usize>,
    _dir: tempfile::TempDir,
}

impl Stage {
    fn new(test: &'static str) -> Self {
        Self::with(test, &[])
    }

    fn with(test: &'static str, sim_args: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let sim = Sim::start(dir.path(), sim_args);
        Self { test, settings: sim.settings(dir.path()), sim, begun: Cell::new(0), _dir: dir }
    }

    /// A running container that may be restarted.
    async fn labelled(&self) -> Value {
        let engine = self.sim.control("/docker").await["hosts"][0].clone();
        let labelled = |one: &&Value| one["labels"]["jarvis.restart"] == "true" && one["state"] == "running";
        let all = engine["containers"].as_array().expect("containers");
        let container = all.iter().find(labelled).expect("one that may be restarted")["name"].clone();
        json!({"host": engine["name"], "name": container})
    }
}

fn told<F: Future<Output = ()>>(story: impl FnOnce() -> F) {
    // A second install is refused, which is fine.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    match env::var_os(SETTINGS) {
        Some(settings) => runtime.block_on(child(Path::new(&settings))),
        None => runtime.block_on(story()),
    }
}

#[test]
fn i07_i08_ended_exactly_at_each_step_an_action_is_done_at_most_once_and_has_its_outcome() {
    told(at_each_step);
}

#[test]
fn i08_what_leaves_no_task_is_settled_by_what_its_target_shows() {
    told(traceless);
}

#[test]
fn i12_each_try_of_a_remedy_by_a_program_doubles_the_wait_for_the_next_one() {
    told(tries);
}

#[test]
fn i07_i08_the_same_at_each_step_of_a_change_over_docker() {
    told(engine);
}

#[test]
fn i07_i08_the_same_at_each_step_of_a_change_over_ssh() {
    told(command);
}

#[test]
fn i07_i08_the_same_at_each_step_of_a_nodes_power() {
    told(power);
}

#[test]
fn i07_i08_the_same_at_each_step_of_a_wake_up_packet() {
    told(wake);
}
