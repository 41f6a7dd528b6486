//! The activity feed: numbers, pages, filters, listeners, retention.

use std::collections::BTreeSet;

use jarvis_core::{
    cluster::Vmid,
    protocol::{EventKind, EventSource, Severity, event::NewEvent},
};
use proptest::prelude::*;

use super::{event, open};
use crate::{
    clock::Clock,
    store::{EventFilter, Limits, Store, limits::DAY_MS},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_are_numbered_without_gaps_also_across_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let first = store.events().append(vec![event("a"), event("b")]).await.unwrap();
    assert_eq!(first.iter().map(|e| e.id).collect::<Vec<_>>(), [1, 2]);
    store.close().await.unwrap();
    let store = open(dir.path());
    assert_eq!(store.events().last_id().await.unwrap(), 2);
    let next = store.events().append(vec![event("c")]).await.unwrap();
    assert_eq!(next[0].id, 3);
    assert_eq!(next[0].title, "c");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i30_an_event_holds_no_secret_that_a_failed_command_named() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let said = "its task failed: command 'x --password=canary-4711 https://u:canary-4711@h' failed";
    let new = NewEvent { detail: Some(said.into()), ..event(said) };
    let stored = store.events().append(vec![new]).await.unwrap();
    let page = store.events().page(EventFilter::default(), None, 10).await.unwrap();
    let all = format!("{stored:?} {page:?}");
    assert!(all.contains("its task failed") && !all.contains("canary"), "{all}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_comes_back_as_it_was_put_in() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let new = NewEvent {
        kind: EventKind::GuestMoved,
        severity: Severity::Critical,
        source: EventSource::Auto,
        detail: Some("from pve to agent1".into()),
        node: Some("pve".parse().unwrap()),
        vmid: Some(Vmid::try_from(103).unwrap()),
        upid: Some("UPID:pve:0001:0002:673A0000:qmigrate:103:root@pam:".parse().unwrap()),
        ..event("VM 103 moved")
    };
    let stored = store.events().append(vec![new.clone()]).await.unwrap().remove(0);
    let read = store.events().after(0, 10).await.unwrap().remove(0);
    assert_eq!(stored, read);
    assert_eq!((read.kind, read.severity, read.source), (new.kind, new.severity, new.source));
    assert_eq!((read.node, read.vmid, read.upid, read.detail), (new.node, new.vmid, new.upid, new.detail));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_neither_lose_nor_repeat_an_event_while_others_append() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    for n in 0..30 {
        store.events().append((0..10).map(|i| event(&format!("{n}/{i}"))).collect()).await.unwrap();
    }
    let writer = {
        let store = store.clone();
        tokio::spawn(async move {
            for n in 0..200 {
                store.events().append(vec![event(&format!("late {n}"))]).await.unwrap();
            }
        })
    };
    for limit in [1, 7, 100] {
        let newest = store.events().page(EventFilter::default(), None, limit).await.unwrap();
        let mut seen: Vec<i64> = newest.events.iter().map(|e| e.id).collect();
        let mut cursor = newest.next_cursor;
        while cursor.is_some() {
            let page = store.events().page(EventFilter::default(), cursor, limit).await.unwrap();
            assert!(i64::try_from(page.events.len()).unwrap() <= limit);
            seen.extend(page.events.iter().map(|e| e.id));
            cursor = page.next_cursor;
        }
        let top = seen[0];
        assert_eq!(seen, (1..=top).rev().collect::<Vec<_>>(), "with pages of {limit}");
    }
    writer.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn listeners_hear_of_every_event_in_order_whoever_appends() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let mut stream = store.events().stream();
    let tasks: Vec<_> = (0..8)
        .map(|t| {
            let store = store.clone();
            tokio::spawn(async move {
                for n in 0..20 {
                    store.events().append(vec![event(&format!("{t}/{n}"))]).await.unwrap();
                }
            })
        })
        .collect();
    for id in 1..=160 {
        assert_eq!(stream.recv().await.unwrap().id, id);
    }
    for task in tasks {
        task.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_search_takes_percent_and_underscore_as_they_are() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let mut with_detail = event("nothing here");
    with_detail.detail = Some("disk at 100% of a_b".into());
    store.events().append(vec![event("load at 100 percent"), event("aXb"), with_detail]).await.unwrap();
    for (text, ids) in
        [("100%", vec![3]), ("a_b", vec![3]), ("LOAD", vec![1]), ("100", vec![3, 1]), ("", vec![3, 2, 1])]
    {
        let filter = EventFilter { text: Some(text.into()), ..EventFilter::default() };
        let page = store.events().page(filter, None, 10).await.unwrap();
        assert_eq!(page.events.iter().map(|e| e.id).collect::<Vec<_>>(), ids, "searching {text:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_text_beyond_its_length_is_cut_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let stored = store.events().append(vec![event(&"ü".repeat(10_000))]).await.unwrap().remove(0);
    assert_eq!(stored.title.chars().count(), 301);
    assert!(stored.title.ends_with('…'));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn retention_removes_from_the_front_by_age_and_by_number() {
    let dir = tempfile::tempdir().unwrap();
    let limits = Limits { events_max: 5_000, events_keep_ms: DAY_MS, ..Limits::default() };
    let store = Store::open(dir.path(), Clock, limits).unwrap();
    let old = NewEvent { ts_ms: Clock.now_ms() - 2 * DAY_MS, ..event("old") };
    store.events().append(vec![old; 3_000]).await.unwrap();
    store.events().append(vec![event("new"); 4_000]).await.unwrap();
    assert_eq!(store.events().retain().await.unwrap(), 3_000);
    assert_eq!(store.events().after(0, 1).await.unwrap()[0].id, 3_001);
    store.events().append(vec![event("newer"); 4_500]).await.unwrap();
    assert_eq!(store.events().retain().await.unwrap(), 3_500);
    assert_eq!(store.events().after(0, 1).await.unwrap()[0].id, 6_501);
    assert_eq!(store.events().last_id().await.unwrap(), 11_500);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn retention_keeps_the_newest_event_however_old_so_that_numbering_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let old = NewEvent { ts_ms: 0, ..event("old") };
    store.events().append(vec![old; 10]).await.unwrap();
    assert_eq!(store.events().retain().await.unwrap(), 9);
    assert_eq!(store.events().last_id().await.unwrap(), 10);
    assert_eq!(store.events().append(vec![event("next")]).await.unwrap()[0].id, 11);
}

const KINDS: [EventKind; 4] =
    [EventKind::NodeOffline, EventKind::GuestStarted, EventKind::TaskEnded, EventKind::Access];
const SEVERITIES: [Severity; 4] = [Severity::Info, Severity::Notice, Severity::Warning, Severity::Critical];
const SOURCES: [EventSource; 3] = [EventSource::Sys, EventSource::User, EventSource::Ai];

fn any_event() -> impl Strategy<Value = NewEvent> {
    (0..200i64, 0..4usize, 0..4usize, 0..3usize, 0..3u32, 0..3u32).prop_map(
        |(ts, kind, severity, source, node, vmid)| NewEvent {
            ts_ms: ts,
            kind: KINDS[kind],
            severity: SEVERITIES[severity],
            source: SOURCES[source],
            title: format!("at {ts}"),
            detail: None,
            node: (node > 0).then(|| format!("n{node}").parse().unwrap()),
            vmid: (vmid > 0).then(|| Vmid::try_from(100 + vmid).unwrap()),
            upid: None,
        },
    )
}

fn any_filter() -> impl Strategy<Value = EventFilter> {
    (
        proptest::option::of(0..200i64),
        proptest::option::of(0..200i64),
        proptest::collection::vec(0..4usize, 0..3),
        proptest::option::of(0..4usize),
        proptest::collection::vec(0..3usize, 0..2),
        (0..4u32, 0..4u32),
    )
        .prop_map(|(since_ms, until_ms, kinds, severity, sources, (node, vmid))| EventFilter {
            since_ms,
            until_ms,
            kinds: kinds.into_iter().map(|i| KINDS[i]).collect(),
            severity_min: severity.map(|i| SEVERITIES[i]),
            sources: sources.into_iter().map(|i| SOURCES[i]).collect(),
            node: (node > 1).then(|| format!("n{}", node - 1).parse().unwrap()),
            vmid: (vmid > 1).then(|| Vmid::try_from(99 + vmid).unwrap()),
            ..EventFilter::default()
        })
}

/// The filter said in plain Rust.
fn wanted(filter: &EventFilter, e: &NewEvent) -> bool {
    filter.since_ms.is_none_or(|t| e.ts_ms >= t)
        && filter.until_ms.is_none_or(|t| e.ts_ms < t)
        && (filter.kinds.is_empty() || filter.kinds.contains(&e.kind))
        && filter.severity_min.is_none_or(|s| e.severity >= s)
        && (filter.sources.is_empty() || filter.sources.contains(&e.source))
        && filter.node.as_ref().is_none_or(|n| e.node.as_ref() == Some(n))
        && filter.vmid.is_none_or(|v| e.vmid == Some(v))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn filtered_pages_put_together_are_exactly_what_matches(
        stored in proptest::collection::vec(any_event(), 1..80),
        filters in proptest::collection::vec(any_filter(), 8),
        limit in 1..20i64,
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_time().build().unwrap();
        runtime.block_on(async {
            let dir = tempfile::tempdir().unwrap();
            let store = open(dir.path());
            store.events().append(stored.clone()).await.unwrap();
            for filter in filters {
                let mut got = Vec::new();
                let mut cursor = None;
                loop {
                    let page = store.events().page(filter.clone(), cursor, limit).await.unwrap();
                    got.extend(page.events.iter().map(|e| e.id));
                    cursor = page.next_cursor;
                    if cursor.is_none() { break; }
                }
                let mut expected: Vec<i64> =
                    (1i64..).zip(&stored).filter(|(_, e)| wanted(&filter, e)).map(|(id, _)| id).collect();
                expected.reverse();
                prop_assert_eq!(&got, &expected);
                prop_assert_eq!(got.iter().collect::<BTreeSet<_>>().len(), got.len());
            }
            Ok(())
        })?;
    }
}
