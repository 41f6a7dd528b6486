//! How current each source of facts is, by age alone: silence is never freshness.

use std::{collections::BTreeMap, sync::Arc};

use crate::cluster::{
    Source, SourceId, SourceState,
    reading::{Part, Reading},
};

/// A source is fresh within this many of its intervals …
pub const FRESH_INTERVALS: i64 = 2;
/// … late within this many, and lost after that.
pub const LATE_INTERVALS: i64 = 5;

type Sources = BTreeMap<SourceId, Arc<Source>>;

/// Notes that a source was asked, and how that went. Direct reads of a guest are no source of their own:
/// there would be as many as guests.
pub(super) fn note(sources: &mut Sources, reading: &Reading) {
    if matches!(reading.part, Ok(Part::GuestNow(_))) || reading.source.as_str().starts_with("guest/") {
        return;
    }
    let entry = sources.entry(reading.source.clone()).or_insert_with(|| Arc::new(waiting(reading)));
    let mut next = Source::clone(entry);
    next.interval_ms = reading.interval_ms;
    match &reading.part {
        Ok(_) => {
            next.seen_ms = Some(reading.at_ms);
            next.state = SourceState::Fresh;
            next.via.clone_from(&reading.via);
            next.error = None;
            next.error_since_ms = None;
            next.odd_rows = Some(reading.odd_rows).filter(|n| *n > 0);
        }
        Err(error) => complain(&mut next, error, reading.at_ms),
    }
    *entry = Arc::new(next);
}

/// Marks a source that answered, but not believably.
pub(super) fn doubt(sources: &mut Sources, id: &SourceId, was: Option<&Arc<Source>>, text: &str, at_ms: i64) {
    if let Some(entry) = sources.get_mut(id) {
        let since = was.filter(|s| s.error.as_deref() == Some(text)).and_then(|s| s.error_since_ms);
        let next = Arc::make_mut(entry);
        complain(next, text, since.unwrap_or(at_ms));
    }
}

fn complain(source: &mut Source, error: &str, at_ms: i64) {
    if source.error.is_none() {
        source.error_since_ms = Some(at_ms);
    }
    source.error = Some(error.to_owned());
}

fn waiting(reading: &Reading) -> Source {
    Source {
        id: reading.source.clone(),
        state: SourceState::Waiting,
        interval_ms: reading.interval_ms,
        seen_ms: None,
        via: None,
        error: None,
        error_since_ms: None,
        odd_rows: None,
    }
}

/// Lets every source grow old. Only an answer makes one younger: a clock that was set back does not, nor a longer
/// interval.
pub(super) fn age(sources: &mut Sources, now_ms: i64) {
    for source in sources.values_mut() {
        let Some(seen_ms) = source.seen_ms else { continue };
        // Set back, the clock has not reached that moment yet: it was seen now at the latest, and ages from here.
        let latest_ms = now_ms.saturating_add(source.interval_ms);
        let seen_ms = if seen_ms > latest_ms { now_ms } else { seen_ms };
        let state = worse(state(source.interval_ms, now_ms.saturating_sub(seen_ms)), source.state);
        if state != source.state || Some(seen_ms) != source.seen_ms {
            let source = Arc::make_mut(source);
            source.state = state;
            source.seen_ms = Some(seen_ms);
        }
    }
}

fn state(interval_ms: i64, age: i64) -> SourceState {
    let within = |intervals: i64| age <= interval_ms.saturating_mul(intervals);
    if within(FRESH_INTERVALS) {
        SourceState::Fresh
    } else if within(LATE_INTERVALS) {
        SourceState::Late
    } else {
        SourceState::Lost
    }
}

/// State of one source; a source nobody asked yet is waited for.
pub(crate) fn of(sources: &Sources, id: &SourceId) -> SourceState {
    sources.get(id).map_or(SourceState::Waiting, |s| s.state)
}

/// The worse of two: lost, then waiting, then late.
pub(crate) fn worse(a: SourceState, b: SourceState) -> SourceState {
    let rank = |s| match s {
        SourceState::Fresh => 0,
        SourceState::Late => 1,
        SourceState::Waiting => 2,
        SourceState::Lost => 3,
    };
    if rank(a) >= rank(b) { a } else { b }
}
