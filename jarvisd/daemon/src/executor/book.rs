//! The actions of this life of the daemon, as they stand. What is durable of them is in the store's intents.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jarvis_core::protocol::acting::{ActingChange, ActionState, ActionView};
use tokio::sync::{broadcast, watch};

/// Actions kept in memory; older ones are read from the store.
const KEPT_MAX: usize = 200;

#[derive(Clone)]
pub struct Book {
    shelf: Arc<Mutex<Shelf>>,
    changes: broadcast::Sender<ActingChange>,
}

#[derive(Default)]
struct Shelf {
    all: BTreeMap<String, watch::Sender<ActionView>>,
    /// Oldest first.
    order: VecDeque<String>,
}

/// One action's page, for whoever carries it out.
#[derive(Clone)]
pub struct Page {
    view: watch::Sender<ActionView>,
    changes: broadcast::Sender<ActingChange>,
}

impl Book {
    pub fn new(changes: broadcast::Sender<ActingChange>) -> Self {
        Self { shelf: Arc::default(), changes }
    }

    pub fn open(&self, view: ActionView) -> Page {
        let mut shelf = self.shelf();
        let id = view.id.clone();
        let page = Page { view: watch::Sender::new(view), changes: self.changes.clone() };
        shelf.all.insert(id.clone(), page.view.clone());
        shelf.order.push_back(id);
        while shelf.order.len() > KEPT_MAX {
            let over = |id: &String| shelf.all.get(id).is_none_or(|view| view.borrow().state.is_over());
            let Some(place) = shelf.order.iter().position(over) else { break };
            if let Some(old) = shelf.order.remove(place) {
                shelf.all.remove(&old);
            }
        }
        drop(shelf);
        page.tell();
        page
    }

    pub fn get(&self, id: &str) -> Option<watch::Receiver<ActionView>> {
        self.shelf().all.get(id).map(watch::Sender::subscribe)
    }

    /// The page of an action that is still in memory.
    pub fn page(&self, id: &str) -> Option<Page> {
        let view = self.shelf().all.get(id).cloned()?;
        Some(Page { view, changes: self.changes.clone() })
    }

    /// Targets of actions that were sent, or are about to be, and whose task nobody knows yet.
    pub fn under_way_without_task(&self) -> BTreeSet<String> {
        let shelf = self.shelf();
        let views = shelf.all.values().map(|view| view.borrow());
        let without = views.filter(|view| {
            matches!(view.state, ActionState::Sending | ActionState::Running) && view.upid.is_none()
        });
        without.map(|view| view.target.clone()).collect()
    }

    /// Newest first.
    pub fn newest(&self, limit: usize) -> Vec<ActionView> {
        let shelf = self.shelf();
        let views = shelf.order.iter().rev().filter_map(|id| shelf.all.get(id));
        views.take(limit).map(|view| view.borrow().clone()).collect()
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Page {
    pub fn id(&self) -> String {
        self.view.borrow().id.clone()
    }

    pub fn view(&self) -> ActionView {
        self.view.borrow().clone()
    }

    pub fn watch(&self) -> watch::Receiver<ActionView> {
        self.view.subscribe()
    }

    /// Writes on it and tells everybody.
    pub fn write(&self, f: impl FnOnce(&mut ActionView)) {
        self.view.send_modify(f);
        self.tell();
    }

    fn tell(&self) {
        // Nobody listening is no error.
        let _ = self.changes.send(ActingChange::Action { action: self.view() });
    }
}
