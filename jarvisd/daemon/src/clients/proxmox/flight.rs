//! Single flight: of several callers who ask the same question at the same time, one asks, all get the answer.
//!
//! Only for reads. Not a cache: once the answer is there, the next caller asks anew.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;

use super::error::ProxmoxError;
use super::meter::Meter;
use super::transport::RawAnswer;

type Outcome = Result<Arc<RawAnswer>, ProxmoxError>;
type Flight = Arc<OnceCell<Outcome>>;

#[derive(Debug, Default)]
pub(super) struct Flights {
    under_way: Mutex<HashMap<String, Flight>>,
}

impl Flights {
    /// Joins the request named `key`, or makes it with `send`. When the caller who sent goes away, the next one
    /// who waits sends.
    pub(super) async fn join<F>(&self, key: &str, meter: &Meter, send: impl FnOnce() -> F) -> Outcome
    where
        F: Future<Output = Result<RawAnswer, ProxmoxError>>,
    {
        let flight = {
            let mut all = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
            match all.get(key) {
                // One that has landed is not joined: its answer is older than the question.
                Some(flight) if !flight.initialized() => {
                    meter.shared();
                    Arc::clone(flight)
                }
                _ => {
                    let flight = Flight::default();
                    all.insert(key.to_owned(), Arc::clone(&flight));
                    flight
                }
            }
        };
        let seat = Seat { flights: self, key, flight };
        seat.flight.get_or_init(|| async { send().await.map(Arc::new) }).await.clone()
    }
}

/// A caller's part in a flight; the flight is struck off when it has landed, or when its last caller leaves.
struct Seat<'a> {
    flights: &'a Flights,
    key: &'a str,
    flight: Flight,
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        let mut all = self.flights.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        let mine = all.get(self.key).is_some_and(|listed| Arc::ptr_eq(listed, &self.flight));
        // Two owners: the list and this seat.
        if mine && (self.flight.initialized() || Arc::strong_count(&self.flight) <= 2) {
            all.remove(self.key);
        }
    }
}
