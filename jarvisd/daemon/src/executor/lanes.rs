//! The line in which changes wait for their lanes: one a guest, one a node, one disruptive in the cluster.
//!
//! Who may go is core's [`Lanes`]; here they are held and given back, whatever becomes of their holder. Whoever waits is
//! told for whom, and can be taken out of the line singly.

use std::{
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jarvis_core::policy::Lanes;
use tokio::sync::{oneshot, watch};

use crate::clock::Clock;

/// Changes that may wait. One that cannot even stand in line is refused, so that callers see the jam.
pub const WAITING_MAX: usize = 32;

#[derive(Clone)]
pub struct Line {
    state: Arc<Mutex<State>>,
    /// Counts every change of it.
    moved: watch::Sender<u64>,
    clock: Clock,
}

#[derive(Default)]
struct State {
    next: u64,
    running: Vec<Held>,
    waiting: Vec<Standing>,
}

/// An action that holds lanes or stands in line for some.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Who {
    /// Number of the action.
    pub id: String,
    /// Number of the API token it was asked with.
    pub token: Option<i64>,
    /// What it is, for people: `Reboot guest, guest 110 gitea`.
    pub what: String,
    /// After having its lanes for so long it has been given up.
    pub limit_ms: i64,
}

struct Held {
    number: u64,
    lanes: Lanes,
    who: Who,
    since_ms: i64,
}

struct Standing {
    number: u64,
    lanes: Lanes,
    who: Who,
    turn: oneshot::Sender<Turn>,
}

/// What becomes of who stands in line.
enum Turn {
    Yours(Pass),
    /// Somebody took it out.
    TakenBack,
}

/// Lanes held; dropping it gives them back and lets others go.
pub struct Pass {
    line: Line,
    number: u64,
}

/// A place in line; dropping it leaves the line.
pub struct Place {
    line: Line,
    number: u64,
    turn: oneshot::Receiver<Turn>,
}

/// For whom somebody waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Awaits {
    pub who: Who,
    /// Since when that one has the lanes; missing when it waits in line itself.
    pub since_ms: Option<i64>,
}

impl Awaits {
    /// When that one has been given up at the latest; missing when it waits in line itself.
    pub fn until_ms(&self) -> Option<i64> {
        Some(self.since_ms?.saturating_add(self.who.limit_ms))
    }
}

/// The line is full.
#[derive(Debug)]
pub struct Full;

pub enum Entry {
    Now(Pass),
    Wait(Place),
}

impl Line {
    pub fn new(clock: Clock) -> Self {
        Self { state: Arc::default(), moved: watch::Sender::new(0), clock }
    }

    /// Takes the lanes if nobody holds or waits for any of them, else stands in line for them.
    pub fn enter(&self, lanes: Lanes, who: Who) -> Result<Entry, Full> {
        let mut state = self.state();
        let number = state.number();
        let running: Vec<Lanes> = state.running.iter().map(|held| held.lanes.clone()).collect();
        let mut line: Vec<Lanes> = state.waiting.iter().map(|standing| standing.lanes.clone()).collect();
        line.push(lanes.clone());
        let place = line.len().saturating_sub(1);
        if Lanes::ready(&running, &line).contains(&place) {
            state.running.push(Held { number, lanes, who, since_ms: self.clock.now_ms() });
            return Ok(Entry::Now(Pass { line: self.clone(), number }));
        }
        if state.waiting.len() >= WAITING_MAX {
            return Err(Full);
        }
        let (sender, turn) = oneshot::channel();
        state.waiting.push(Standing { number, lanes, who, turn: sender });
        Ok(Entry::Wait(Place { line: self.clone(), number, turn }))
    }

    /// Holds the lanes whoever else does: for what was begun before a restart and is not settled yet.
    pub fn hold(&self, lanes: Lanes, who: Who) -> Pass {
        let mut state = self.state();
        let number = state.number();
        state.running.push(Held { number, lanes, who, since_ms: self.clock.now_ms() });
        Pass { line: self.clone(), number }
    }

    pub fn waiting(&self) -> usize {
        self.state().waiting.len()
    }

    /// Actions that wait, with the API token they were asked with.
    pub fn waiting_tokens(&self) -> Vec<(String, i64)> {
        let state = self.state();
        let with = state.waiting.iter().filter_map(|one| Some((one.who.id.clone(), one.who.token?)));
        with.collect()
    }

    /// Takes an action out of the line; `false` when it does not stand there.
    pub fn take_back(&self, id: &str) -> bool {
        let taken = {
            let mut state = self.state();
            let place = state.waiting.iter().position(|standing| standing.who.id == id);
            place.map(|place| state.waiting.remove(place))
        };
        let Some(Standing { number, turn, .. }) = taken else { return false };
        // Who went away meanwhile need not be told.
        let _ = turn.send(Turn::TakenBack);
        self.leave(number);
        true
    }

    /// For whom this place waits: who holds a lane it needs, else who stands before it for one.
    fn awaits(&self, number: u64) -> Option<Awaits> {
        let state = self.state();
        let place = state.waiting.iter().position(|standing| standing.number == number)?;
        let own = state.waiting.get(place)?;
        let held = state.running.iter().find(|held| held.lanes.conflicts(&own.lanes));
        if let Some(held) = held {
            return Some(Awaits { who: held.who.clone(), since_ms: Some(held.since_ms) });
        }
        let before = state.waiting.iter().take(place).find(|standing| standing.lanes.conflicts(&own.lanes));
        before.map(|standing| Awaits { who: standing.who.clone(), since_ms: None })
    }

    fn leave(&self, number: u64) {
        let mut gone = Vec::new();
        {
            let mut state = self.state();
            state.running.retain(|held| held.number != number);
            state.waiting.retain(|standing| standing.number != number);
            let running: Vec<Lanes> = state.running.iter().map(|held| held.lanes.clone()).collect();
            let line: Vec<Lanes> = state.waiting.iter().map(|standing| standing.lanes.clone()).collect();
            let ready = Lanes::ready(&running, &line);
            let waiting = mem::take(&mut state.waiting);
            for (place, standing) in waiting.into_iter().enumerate() {
                if !ready.contains(&place) {
                    state.waiting.push(standing);
                    continue;
                }
                let Standing { number, lanes, who, turn } = standing;
                state.running.push(Held { number, lanes, who, since_ms: self.clock.now_ms() });
                let pass = Pass { line: self.clone(), number };
                if let Err(Turn::Yours(pass)) = turn.send(Turn::Yours(pass)) {
                    gone.push(pass);
                }
            }
        }
        // Who went away meanwhile gives his lanes back at once; not under the lock, which that takes again.
        drop(gone);
        self.moved.send_modify(|count| *count = count.wrapping_add(1));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn number(&mut self) -> u64 {
        self.next = self.next.wrapping_add(1);
        self.next
    }
}

impl Place {
    /// Waits for its turn, and tells each time anew for whom.
    pub async fn turn(mut self, mut told: impl FnMut(Option<Awaits>)) -> Option<Pass> {
        let mut moved = self.line.moved.subscribe();
        loop {
            moved.borrow_and_update();
            told(self.line.awaits(self.number));
            tokio::select! {
                biased;
                turn = &mut self.turn => {
                    return match turn {
                        Ok(Turn::Yours(pass)) => Some(pass),
                        Ok(Turn::TakenBack) | Err(_) => None,
                    };
                }
                // The line outlives its places.
                _ = moved.changed() => {}
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // A pass that was sent and not taken out gives itself back; a place still in line is left.
        let number = self.number;
        let stands = self.line.state().waiting.iter().any(|standing| standing.number == number);
        if stands {
            self.line.leave(number);
        }
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

    fn who(id: &str) -> Who {
        Who { id: id.into(), token: None, what: format!("Reboot guest, {id}"), limit_ms: 1_000 }
    }

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
                let line = Line::new(Clock);
                let under_way: Arc<Mutex<Vec<Operation>>> = Arc::default();
                let ended = Arc::new(AtomicUsize::new(0));
                let mut tasks = Vec::new();
                for (which, n, node, yields) in &calls {
                    let (operation, lanes) = call(*which, *n, *node);
                    let entry = line.enter(lanes, who("x")).unwrap_or_else(|_| panic!("full"));
                    let (under_way, ended, yields) = (Arc::clone(&under_way), Arc::clone(&ended), *yields);
                    tasks.push(tokio::spawn(async move {
                        let pass = match entry {
                            Entry::Now(pass) => pass,
                            Entry::Wait(place) => place.turn(|_| {}).await.unwrap(),
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

    fn enter(line: &Line, id: &str, lanes: (Operation, Lanes)) -> Entry {
        line.enter(lanes.1, who(id)).unwrap_or_else(|_| panic!("full"))
    }

    fn waits(entry: Entry) -> Place {
        let Entry::Wait(place) = entry else { panic!("it need not wait") };
        place
    }

    #[tokio::test]
    async fn i10_who_goes_away_while_waiting_does_not_keep_his_lanes() {
        let line = Line::new(Clock);
        let stop = || call(1, 100, 0);
        let Entry::Now(first) = enter(&line, "a", stop()) else { panic!("free") };
        let second = waits(enter(&line, "b", stop()));
        let third = waits(enter(&line, "c", stop()));
        drop(second);
        drop(first);
        drop(third.turn(|_| {}).await.unwrap());
        assert!(matches!(enter(&line, "d", stop()), Entry::Now(_)));
    }

    #[tokio::test]
    async fn i10_who_waits_is_told_for_whom_and_can_be_taken_out_without_stopping_others() {
        let line = Line::new(Clock);
        // A reboot of guest 100; then one of 101, which the cluster's lane keeps back; then a start of 101 behind it.
        let Entry::Now(holder) = enter(&line, "holder", call(1, 100, 0)) else { panic!("free") };
        let next = waits(enter(&line, "next", call(1, 101, 1)));
        let last = waits(enter(&line, "last", call(0, 101, 1)));
        let before = Clock.now_ms();
        let held = line.awaits(next.number).unwrap();
        assert_eq!((held.who.id.as_str(), held.who.limit_ms), ("holder", 1_000));
        assert!(held.since_ms.is_some_and(|since_ms| since_ms <= before));
        let behind = line.awaits(last.number).unwrap();
        assert_eq!((behind.who.id.as_str(), behind.since_ms), ("next", None));
        assert!(!line.take_back("holder"), "what has its lanes is not taken back");
        assert!(line.take_back("next") && !line.take_back("next"));
        assert!(next.turn(|_| {}).await.is_none());
        // Nobody holds what the last one needs: it goes at once, while the holder goes on.
        drop(last.turn(|_| {}).await.unwrap());
        drop(holder);
        assert!(line.state().running.is_empty() && line.waiting() == 0);
    }

    #[tokio::test]
    async fn whoever_waits_hears_when_the_one_before_has_changed() {
        let line = Line::new(Clock);
        let Entry::Now(holder) = enter(&line, "first", call(1, 100, 0)) else { panic!("free") };
        let second = waits(enter(&line, "second", call(1, 101, 1)));
        let third = waits(enter(&line, "third", call(1, 102, 2)));
        let (sender, mut told) = tokio::sync::mpsc::channel(8);
        let waiting = tokio::spawn(third.turn(move |awaits| {
            sender.try_send(awaits.map(|awaits| awaits.who.id)).unwrap();
        }));
        assert_eq!(told.recv().await.unwrap().as_deref(), Some("first"));
        drop(holder);
        let pass = second.turn(|_| {}).await.unwrap();
        assert_eq!(told.recv().await.unwrap().as_deref(), Some("second"));
        drop(pass);
        assert!(waiting.await.unwrap().is_some());
    }
}
