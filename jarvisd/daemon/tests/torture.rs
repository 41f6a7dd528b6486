//! What the store has acknowledged is there after SIGKILL at any moment, and its chain stands.
//!
//! The test runs itself as a child that records intents, outcomes and the kill switch from several tasks at once and
//! says each time what it was promised; the parent kills it at a random moment and looks.
#![cfg(test)]

use std::{
    collections::BTreeMap,
    env,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use jarvis_core::{
    audit::Checkpoint,
    policy::Moment,
    tools::{Digest, Target},
};
use jarvisd::{
    clock::Clock,
    store::{End, Limits, NewIntent, Outcome, Store, Verified, audit_verify},
};
use serde_json::json;

const DIR: &str = "JARVIS_TORTURE_DIR";
const ROUND: &str = "JARVIS_TORTURE_ROUND";
/// More by `JARVIS_TORTURE_ROUNDS`.
const ROUNDS: u64 = 100;
const TASKS: u64 = 4;

fn intent(id: &str) -> NewIntent {
    NewIntent {
        id: id.into(),
        hash: Digest::of("torture", [id.as_bytes()]),
        operation: "{}".into(),
        caller: "runbook/torture".into(),
        approval: None,
        target: Target::Cluster,
        runbook: Some("torture".into()),
        by_human: false,
        wake: false,
        identity: None,
        exact: json!({ "path": "/x".repeat(300) }),
        predicted: json!(null),
        at: Moment { wall_ms: 0, boot_ms: 1, boot: 1 },
    }
}

fn say(words: &str) {
    // One write a line: a line that is there is whole.
    // A parent that is gone hears nothing.
    let _ = std::io::stdout().write_all(format!("@{words}\n").as_bytes());
}

async fn child(dir: &Path, round: u64) {
    let store = Store::open(dir, Clock, Limits::default()).unwrap();
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let store = store.clone();
            tokio::spawn(async move {
                for n in 0_u64.. {
                    let id = format!("{round}-{task}-{n}");
                    let row = store.intents().begin(intent(&id)).await.unwrap();
                    say(&format!("begun {id} {}:{}", row.seq, row.hash));
                    let outcome = Outcome {
                        end: End::Ok,
                        verified: Verified::Yes,
                        detail: json!({ "n": n }),
                        at_ms: 1,
                        reconciled: false,
                    };
                    let row = store.intents().outcome(&id, outcome).await.unwrap();
                    say(&format!("ended {id} {}:{}", row.seq, row.hash));
                }
            })
        })
        .collect();
    let switch = store.kill_switch();
    for n in 0_i64.. {
        let at_ms = i64::try_from(round).unwrap() * 1_000_000 + n;
        switch.set(n % 2 == 0, "torture", at_ms).unwrap();
        say(&format!("switch {at_ms}"));
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    for task in tasks {
        task.await.unwrap();
    }
}

/// What was acknowledged, over all rounds.
#[derive(Default)]
struct Promised {
    /// Whether an intent has its outcome.
    intents: BTreeMap<String, bool>,
    rows: BTreeMap<u64, Checkpoint>,
    switch_ms: i64,
}

impl Promised {
    fn hear(&mut self, line: &str) {
        // The test harness writes on the same line before the first of ours.
        let Some((_, words)) = line.split_once('@') else { return };
        let words: Vec<_> = words.split(' ').collect();
        match words[..] {
            ["begun" | "ended", id, checkpoint] => {
                let checkpoint: Checkpoint = checkpoint.parse().unwrap();
                self.intents.insert(id.into(), words[0] == "ended");
                assert!(self.rows.insert(checkpoint.seq, checkpoint).is_none(), "a number was given twice");
            }
            ["switch", at_ms] => self.switch_ms = at_ms.parse().unwrap(),
            _ => panic!("{line}"),
        }
    }

    async fn check(&self, dir: &Path) {
        let known: Vec<_> = self.rows.values().copied().collect();
        let end = audit_verify(dir, known).unwrap();
        let store = Store::open(dir, Clock, Limits::default()).unwrap();
        let open: Vec<String> =
            store.intents().open().await.unwrap().into_iter().map(|intent| intent.new.id).collect();
        for (id, ended) in self.intents.iter().rev().take(2_000) {
            assert!(!(*ended && open.contains(id)), "the outcome of {id} is lost");
            assert!(store.intents().get(id).await.unwrap().is_some(), "{id} is lost");
        }
        let switch = store.kill_switch().read().unwrap();
        // What was being set when the kill came may have taken effect; what was acknowledged has.
        assert!(switch.at_ms >= self.switch_ms, "{switch:?} {}", self.switch_ms);
        // An interrupted action is settled by reading: here it is only closed, so that the open ones stay few.
        for id in open {
            let outcome = Outcome {
                end: End::Unknown,
                verified: Verified::Inconclusive,
                detail: json!(null),
                at_ms: 1,
                reconciled: true,
            };
            store.intents().outcome(&id, outcome).await.unwrap();
        }
        assert!(store.audit().head().await.unwrap().seq >= end.seq);
        store.close().await.unwrap();
    }
}

#[test]
fn i7_nothing_acknowledged_is_lost_to_kill_9_at_random_moments() {
    let runtime =
        || tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    if let Some(dir) = env::var_os(DIR) {
        let round = env::var(ROUND).unwrap().parse().unwrap();
        runtime().block_on(child(Path::new(&dir), round));
        return;
    }
    let rounds = env::var("JARVIS_TORTURE_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(ROUNDS);
    let mut seed = [0; 8];
    getrandom::fill(&mut seed).unwrap();
    let mut seed = u64::from_ne_bytes(seed) | 1;
    println!("seed {seed}");
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let runtime = runtime();
    let mut promised = Promised::default();
    for round in 0..rounds {
        // xorshift
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        let mut process = Command::new(env::current_exe().unwrap())
            .args(["--exact", "i7_nothing_acknowledged_is_lost_to_kill_9_at_random_moments", "--nocapture"])
            .env(DIR, &data)
            .env(ROUND, round.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let reader = std::thread::spawn(move || lines.map_while(Result::ok).collect::<Vec<_>>());
        // From before the store is open to well within writing.
        let wait = Duration::from_micros(5_000 + seed % 250_000);
        runtime.block_on(async { tokio::time::sleep(wait).await });
        process.kill().unwrap();
        process.wait().unwrap();
        for line in reader.join().unwrap() {
            promised.hear(&line);
        }
        if data.join("jarvis.db").exists() {
            runtime.block_on(promised.check(&data));
        }
    }
    println!(
        "{rounds} kills, {} intents and {} rows acknowledged",
        promised.intents.len(),
        promised.rows.len()
    );
    assert!(promised.rows.len() > 100, "hardly anything was written: the kills come too early");
}
