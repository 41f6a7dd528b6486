//! `backups`: what there is, how old it is, and which guests have none that is recent.
//!
//! A storage that several nodes share is asked once. Guests whose storages could not be read are not called
//! unprotected: not seen is never missing.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::StreamExt;
use jarvis_core::{
    cluster::{ClusterState, NodeName, StorageStatus, Vmid},
    tools::Backups,
};
use serde_json::{Value, json};

use super::{Parts, Read, ToolError, rows};

/// Older than this counts as not backed up: nightly backups and a day of grace.
const STALE_HOURS: u32 = 48;
/// Storages asked at once; a big one takes its node a second.
const AT_ONCE_MAX: usize = 4;
/// Backups listed; the newest of each guest is in its coverage anyway.
const LISTED_MAX: usize = 200;

struct Found {
    vmid: Option<i64>,
    made_s: i64,
    told: Value,
}

pub(super) async fn backups(call: &Backups, parts: &Parts) -> Result<Read, ToolError> {
    let state = parts.seen()?;
    if let Some(node) = &call.node {
        parts.known_node(node)?;
    }
    let now_ms = parts.now_ms();
    let places = places(call, &state);
    let asked = places.into_iter().map(|(node, storage)| async move {
        let content = parts.volumes(&node, &storage, &[("content", "backup")]).await;
        (node.clone(), storage, content)
    });
    let answers: Vec<_> = futures_util::stream::iter(asked).buffer_unordered(AT_ONCE_MAX).collect().await;
    let (mut found, mut unread) = (Vec::new(), Vec::new());
    let storages = answers.len();
    for (node, storage, content) in answers {
        match content {
            Ok((all, left_out)) => {
                found.extend(rows::list(&all).filter_map(|row| backup(row, &node, &storage, now_ms)));
                unread.extend(left_out.map(|why| json!({"node": node, "storage": storage, "why": why})));
            }
            Err(error) => unread.push(json!({"node": node, "storage": storage, "why": error.to_string()})),
        }
    }
    found.retain(|backup| call.vmid.is_none_or(|vmid| backup.vmid == Some(vmid.get().into())));
    found.sort_by_key(|backup| std::cmp::Reverse(backup.made_s));
    let stale_h = call.stale_hours.map_or(STALE_HOURS, |hours| hours.get());
    let coverage = coverage(call, &state, &found, stale_h, now_ms, unread.is_empty());
    let uncovered = coverage.iter().filter(|guest| guest["state"] != "ok").count();
    let total = found.len();
    Ok(Read {
        value: json!({
            "stale_after_h": stale_h,
            "guests_without_recent_backup": uncovered,
            "coverage": coverage,
            "backups_total": total,
            "backups": found.into_iter().take(LISTED_MAX).map(|backup| backup.told).collect::<Vec<_>>(),
            "storages_read": storages - unread.len(),
            "storages_unread": unread,
        }),
        as_of_ms: now_ms,
    })
}

/// Which storages are asked, and where.
fn places(call: &Backups, state: &ClusterState) -> Vec<(NodeName, String)> {
    let mut shared_seen = BTreeSet::new();
    let wanted = state.storages.values().filter(|s| {
        s.status == StorageStatus::Available
            && s.content.iter().any(|content| content == "backup")
            && call.node.as_ref().is_none_or(|node| s.node == *node)
            && call.storage.as_ref().is_none_or(|name| s.storage == name.as_str())
    });
    let once = wanted.filter(|s| !s.shared || shared_seen.insert(s.storage.clone()));
    once.map(|s| (s.node.clone(), s.storage.clone())).collect()
}

fn backup(row: &Value, node: &NodeName, storage: &str, now_ms: i64) -> Option<Found> {
    let made_s = rows::number(row, "ctime")?;
    let mut told = super::storages::volume(row, now_ms);
    if let Value::Object(map) = &mut told {
        map.insert("node".into(), json!(node));
        map.insert("storage".into(), json!(storage));
        map.remove("content");
    }
    Some(Found { vmid: rows::number(row, "vmid"), made_s, told })
}

/// Every guest that could be backed up, and how it stands.
fn coverage(
    call: &Backups,
    state: &ClusterState,
    found: &[Found],
    stale_h: u32,
    now_ms: i64,
    all_read: bool,
) -> Vec<Value> {
    let mut newest: BTreeMap<i64, i64> = BTreeMap::new();
    for backup in found {
        if let Some(vmid) = backup.vmid {
            let slot = newest.entry(vmid).or_insert(backup.made_s);
            *slot = backup.made_s.max(*slot);
        }
    }
    let wanted = |vmid: Vmid| call.vmid.is_none_or(|only| only == vmid);
    let guests = state.guests.values().filter(|guest| !guest.template && wanted(guest.vmid));
    let told = guests.map(|guest| {
        let age_h = newest.get(&guest.vmid.get().into()).map(|made_s| rows::age_h(*made_s, now_ms));
        let word = match age_h {
            Some(age_h) if age_h <= i64::from(stale_h) => "ok",
            Some(_) => "stale",
            None if all_read && call.storage.is_none() && call.node.is_none() => "none",
            None => "not_found_in_what_was_read",
        };
        json!({"vmid": guest.vmid, "name": guest.name, "state": word, "newest_age_h": age_h})
    });
    let mut told: Vec<Value> = told.collect();
    // Those that need a look first.
    told.sort_by_key(|guest| guest["state"] == "ok");
    told
}
