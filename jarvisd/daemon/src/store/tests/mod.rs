//! Stories told to a real database in a temporary directory.

mod access;
mod acting;
mod backups;
mod beside;
mod chain;
mod feed;
mod refusals;
mod size;
mod switch;
mod writing;

use std::path::Path;

use jarvis_core::protocol::{EventKind, EventSource, Severity, event::NewEvent};

use super::{Limits, Store, StoreError};
use crate::clock::Clock;

pub(super) fn open(dir: &Path) -> Store {
    Store::open(dir, Clock, Limits::default()).expect("a store opens in a temporary directory")
}

pub(super) fn refused(dir: &Path) -> StoreError {
    Store::open(dir, Clock, Limits::default()).expect_err("this directory must be refused")
}

pub(super) fn event(title: &str) -> NewEvent {
    NewEvent {
        ts_ms: Clock.now_ms(),
        kind: EventKind::System,
        severity: Severity::Info,
        source: EventSource::Sys,
        title: title.into(),
        detail: None,
        node: None,
        vmid: None,
        upid: None,
    }
}
