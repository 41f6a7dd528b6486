//! So many calls of one tool at once, over all callers, and so many that wait.

use std::{collections::BTreeMap, sync::Arc};

use jarvis_core::tools::{ALL, Descriptor};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::ToolError;

/// Calls of one tool that may wait for their turn; more are refused at once.
const WAITING_MAX: usize = 16;

pub(super) struct Gates(BTreeMap<&'static str, Gate>);

struct Gate {
    seats: Arc<Semaphore>,
    /// Seats and waiting places together.
    places: Arc<Semaphore>,
}

/// While it lives, the call counts.
pub(super) struct Pass {
    _seat: OwnedSemaphorePermit,
    _place: OwnedSemaphorePermit,
}

impl Default for Gates {
    fn default() -> Self {
        let gate = |tool: &Descriptor| {
            let seats = usize::from(tool.bounds.at_once_max.max(1));
            let gate = Gate {
                seats: Arc::new(Semaphore::new(seats)),
                places: Arc::new(Semaphore::new(seats + WAITING_MAX)),
            };
            (tool.name, gate)
        };
        Self(ALL.iter().map(gate).collect())
    }
}

impl Gates {
    /// Waits for a seat; the caller bounds how long.
    pub(super) async fn enter(&self, tool: &Descriptor) -> Result<Pass, ToolError> {
        let busy = || ToolError::Busy { tool: tool.name };
        let gate = self.0.get(tool.name).ok_or_else(busy)?;
        let place = Arc::clone(&gate.places).try_acquire_owned().map_err(|_| busy())?;
        // Never closed.
        let seat = Arc::clone(&gate.seats).acquire_owned().await.map_err(|_| busy())?;
        Ok(Pass { _seat: seat, _place: place })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn i32_only_so_many_calls_run_at_once_and_only_so_many_wait() {
        let gates = Arc::new(Gates::default());
        let tool = jarvis_core::tools::find("journal").unwrap();
        let seats = usize::from(tool.bounds.at_once_max);
        let mut held = Vec::new();
        for _ in 0..seats {
            held.push(gates.enter(&tool).await.unwrap());
        }
        let waiting: Vec<_> = (0..WAITING_MAX)
            .map(|_| {
                let gates = Arc::clone(&gates);
                tokio::spawn(async move { gates.enter(&tool).await.map(drop) })
            })
            .collect();
        tokio::task::yield_now().await;
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        assert!(matches!(gates.enter(&tool).await, Err(ToolError::Busy { .. })));
        assert!(
            gates.enter(&jarvis_core::tools::find("guests").unwrap()).await.is_ok(),
            "another tool is free"
        );
        drop(held);
        for one in waiting {
            one.await.unwrap().unwrap();
        }
    }
}
