//! The line in which changes wait for their lanes: one a guest, one a node, one disruptive in the cluster.
//!
//! Who may go is core's [`Lanes`]; here they are held and given back, whatever becomes of their holder.

use std::{
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jarvis_core::policy::Lanes;
use tokio::sync::oneshot;

/// Changes that may wait. One that cannot even stand in line is refused, so that callers see the jam.
pub const WAITING_MAX: usize = 32;

#[derive(Clone, Default)]
pub struct Line(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    next: u64,
    running: Vec<(u64, Lanes)>,
    waiting: Vec<(u64, Lanes, oneshot::Sender<Pass>)>,
}

/// Lanes held; dropping it gives them back and lets others go.
pub struct Pass {
    line: Line,
    number: u64,
}

/// The line is full.
#[derive(Debug)]
pub struct Full;

pub enum Entry {
    Now(Pass),
    Wait(oneshot::Receiver<Pass>),
}

impl Line {
    /// Takes the lanes if nobody holds or waits for any of them, else stands in line for them.
    pub fn enter(&self, lanes: Lanes) -> Result<Entry, Full> {
        let mut state = self.state();
        let number = state.next;
        state.next = state.next.wrapping_add(1);
        let running: Vec<Lanes> = state.running.iter().map(|(_, lanes)| lanes.clone()).collect();
        let mut line: Vec<Lanes> = state.waiting.iter().map(|(_, lanes, _)| lanes.clone()).collect();
        line.push(lanes.clone());
        let place = line.len().saturating_sub(1);
        if Lanes::ready(&running, &line).contains(&place) {
            state.running.push((number, lanes));
            return Ok(Entry::Now(Pass { line: self.clone(), number }));
        }
        if state.waiting.len() >= WAITING_MAX {
            return Err(Full);
        }
        let (sender, receiver) = oneshot::channel();
        state.waiting.push((number, lanes, sender));
        Ok(Entry::Wait(receiver))
    }

    /// Holds the lanes whoever else does: for what was begun before a restart and is not settled yet.
    pub fn hold(&self, lanes: Lanes) -> Pass {
        let mut state = self.state();
        let number = state.next;
        state.next = state.next.wrapping_add(1);
        state.running.push((number, lanes));
        Pass { line: self.clone(), number }
    }

    pub fn waiting(&self) -> usize {
        self.state().waiting.len()
    }

    fn leave(&self, number: u64) {
        let mut gone = Vec::new();
        {
            let mut state = self.state();
            state.running.retain(|(held, _)| *held != number);
            let running: Vec<Lanes> = state.running.iter().map(|(_, lanes)| lanes.clone()).collect();
            let line: Vec<Lanes> = state.waiting.iter().map(|(_, lanes, _)| lanes.clone()).collect();
            let ready = Lanes::ready(&running, &line);
            let waiting = mem::take(&mut state.waiting);
            for (place, (number, lanes, sender)) in waiting.into_iter().enumerate() {
                if ready.contains(&place) {
                    state.running.push((number, lanes));
                    let pass = Pass { line: self.clone(), number };
                    if let Err(pass) = sender.send(pass) {
                        gone.push(pass);
                    }
                } else {
                    state.waiting.push((number, lanes, sender));
                }
            }
        }
        // Who went away meanwhile gives his lanes back at once; not under the lock, which that takes again.
        drop(gone);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.line.leave(self.number);
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeSet,
        sync::atomic::{AtomicUsize, Ordering},
    };

    use jarvis_core::tools::{Operation, Tier};
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn call(which: u8, n: u32, node: u8) -> (Operation, Lanes) {
        let operation = match which {
            0 => Operation::parse("start_guest", &json!({"vmid": n})),
            1 => Operation::parse("stop_guest", &json!({"vmid": n})),
            2 => Operation::parse("migrate_guest", &json!({"vmid": n, "to": "pve0"})),
            _ => Operation::parse("reboot_node", &json!({"node": format!("pve{node}")})),
        }
        .unwrap();
        let on = format!("pve{node}").parse().unwrap();
        let lanes = Lanes::of(&operation, Some(&on));
        (operation, lanes)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn i10_one_change_a_target_one_disruptive_and_nobody_is_dropped(
            calls in prop::collection::vec((0u8..4, 100u32..104, 0u8..3, 0u8..4), 1..WAITING_MAX),
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(async {
                let line = Line::default();
                let under_way: Arc<Mutex<Vec<Operation>>> = Arc::default();
                let ended = Arc::new(AtomicUsize::new(0));
                let mut tasks = Vec::new();
                for (which, n, node, yields) in &calls {
                    let (operation, lanes) = call(*which, *n, *node);
                    let entry = line.enter(lanes).unwrap_or_else(|_| panic!("full"));
                    let (under_way, ended, yields) = (Arc::clone(&under_way), Arc::clone(&ended), *yields);
                    tasks.push(tokio::spawn(async move {
                        let pass = match entry {
                            Entry::Now(pass) => pass,
                            Entry::Wait(turn) => turn.await.unwrap(),
                        };
                        {
                            let mut all = under_way.lock().unwrap();
                            all.push(operation.clone());
                            let targets: BTreeSet<_> = all.iter().map(Operation::target).collect();
                            assert_eq!(targets.len(), all.len(), "two changes on one target");
                            assert!(all.iter().filter(|o| o.tier() == Tier::Red).count() <= 1, "two disruptive");
                        }
                        for _ in 0..yields {
                            tokio::task::yield_now().await;
                        }
                        under_way.lock().unwrap().retain(|other| *other != operation);
                        ended.fetch_add(1, Ordering::SeqCst);
                        drop(pass);
                    }));
                }
                for task in tasks {
                    task.await.unwrap();
                }
                assert_eq!(ended.load(Ordering::SeqCst), calls.len());
                assert!(line.state().running.is_empty() && line.waiting() == 0);
            });
        }
    }

    #[tokio::test]
    async fn i10_who_goes_away_while_waiting_does_not_keep_his_lanes() {
        let line = Line::default();
        let lanes = || call(1, 100, 0).1;
        let Ok(Entry::Now(first)) = line.enter(lanes()) else { panic!("free") };
        let Ok(Entry::Wait(second)) = line.enter(lanes()) else { panic!("held") };
        let Ok(Entry::Wait(third)) = line.enter(lanes()) else { panic!("held") };
        drop(second);
        drop(first);
        drop(third.await.unwrap());
        assert!(matches!(line.enter(lanes()), Ok(Entry::Now(_))));
    }
}
