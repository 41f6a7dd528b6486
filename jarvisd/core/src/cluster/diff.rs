//! What changed between two states, as typed merge patches, and merging them again.
//!
//! Records are compared by pointer first: `absorb` shares every record it did not touch, so a quiet
//! cluster costs one walk over pointers. Not here: what a change means to people (`activity`).

use std::{cmp::Ordering, collections::BTreeMap, fmt::Display, sync::Arc};

use thiserror::Error;

use super::{Cluster, ClusterState, Patch, patch::Record};
use crate::protocol::{Entities, EntityKind, Removal, Upsert};

/// Id of the one cluster record.
pub const CLUSTER_ID: &str = "cluster";

/// A patch that cannot be merged: the sides have drifted apart and the client must take a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the patch for {kind:?} `{id}` creates a record but lacks required fields: take a new snapshot")]
pub struct ApplyError {
    pub kind: EntityKind,
    pub id: String,
}

/// What must be merged into the published part of `a` to get that of `b`.
pub fn diff(a: &ClusterState, b: &ClusterState) -> (Vec<Upsert>, Vec<Removal>) {
    let mut out = Changes::default();
    // Room for the changes of a big poll is made once.
    out.up.reserve(a.guests.values().zip(b.guests.values()).filter(|(a, b)| !Arc::ptr_eq(a, b)).count());
    out.cluster(a.cluster.as_ref(), b.cluster.as_ref());
    out.map(&a.nodes, &b.nodes, EntityKind::Node, Upsert::Node);
    out.map(&a.guests, &b.guests, EntityKind::Guest, Upsert::Guest);
    out.map(&a.storages, &b.storages, EntityKind::Storage, Upsert::Storage);
    out.map(&a.tasks, &b.tasks, EntityKind::Task, Upsert::Task);
    out.map(&a.sources, &b.sources, EntityKind::Source, Upsert::Source);
    (out.up, out.del)
}

#[derive(Default)]
struct Changes {
    up: Vec<Upsert>,
    del: Vec<Removal>,
}

impl Changes {
    fn cluster(&mut self, a: Option<&Arc<Cluster>>, b: Option<&Arc<Cluster>>) {
        let patch = match (a, b) {
            (Some(a), Some(b)) => Patch::between(a, b),
            (None, Some(b)) => Some(Patch::whole(b)),
            (Some(_), None) => {
                self.del.push(Removal(EntityKind::Cluster, CLUSTER_ID.into()));
                None
            }
            (None, None) => None,
        };
        self.up.extend(patch.map(Upsert::Cluster));
    }

    /// Both maps are sorted: one walk over the two sides.
    fn map<K: Ord + Clone + Display, R: Record>(
        &mut self,
        a: &BTreeMap<K, Arc<R>>,
        b: &BTreeMap<K, Arc<R>>,
        kind: EntityKind,
        upsert: impl Fn(K, Patch<R>) -> Upsert,
    ) {
        let (mut old, mut new) = (a.iter().peekable(), b.iter().peekable());
        loop {
            let order = match (old.peek(), new.peek()) {
                (Some((k, _)), Some((l, _))) => k.cmp(l),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (None, None) => break,
            };
            let was = if order.is_le() { old.next() } else { None };
            let is = if order.is_ge() { new.next() } else { None };
            match (was, is) {
                (Some((_, was)), Some((id, is))) => {
                    if let Some(patch) = Patch::between(was, is) {
                        self.up.push(upsert(id.clone(), patch));
                    }
                }
                (None, Some((id, is))) => self.up.push(upsert(id.clone(), Patch::whole(is))),
                (Some((id, _)), None) => self.del.push(Removal(kind, id.to_string())),
                (None, None) => {}
            }
        }
    }
}

impl From<&ClusterState> for Entities {
    fn from(state: &ClusterState) -> Self {
        fn texts<K: Display, R>(map: &BTreeMap<K, Arc<R>>) -> BTreeMap<String, Arc<R>> {
            map.iter().map(|(k, v)| (k.to_string(), Arc::clone(v))).collect()
        }
        Self {
            cluster: state.cluster.iter().map(|c| (CLUSTER_ID.to_owned(), Arc::clone(c))).collect(),
            node: texts(&state.nodes),
            guest: texts(&state.guests),
            storage: texts(&state.storages),
            task: texts(&state.tasks),
            source: texts(&state.sources),
        }
    }
}

impl Entities {
    /// Merges one change, as every client does. On an error the entities are half-merged: take a snapshot.
    pub fn apply(&mut self, up: Vec<Upsert>, del: &[Removal]) -> Result<(), ApplyError> {
        for upsert in up {
            match upsert {
                Upsert::Cluster(p) => merge(&mut self.cluster, EntityKind::Cluster, CLUSTER_ID.into(), p)?,
                Upsert::Node(id, p) => merge(&mut self.node, EntityKind::Node, id.to_string(), p)?,
                Upsert::Guest(id, p) => merge(&mut self.guest, EntityKind::Guest, id.to_string(), p)?,
                Upsert::Storage(id, p) => merge(&mut self.storage, EntityKind::Storage, id.to_string(), p)?,
                Upsert::Task(id, p) => merge(&mut self.task, EntityKind::Task, id.to_string(), p)?,
                Upsert::Source(id, p) => merge(&mut self.source, EntityKind::Source, id.to_string(), p)?,
            }
        }
        for Removal(kind, id) in del {
            match kind {
                EntityKind::Cluster => drop(self.cluster.remove(id)),
                EntityKind::Node => drop(self.node.remove(id)),
                EntityKind::Guest => drop(self.guest.remove(id)),
                EntityKind::Storage => drop(self.storage.remove(id)),
                EntityKind::Task => drop(self.task.remove(id)),
                EntityKind::Source => drop(self.source.remove(id)),
            }
        }
        Ok(())
    }
}

fn merge<R: Record>(
    map: &mut BTreeMap<String, Arc<R>>,
    kind: EntityKind,
    id: String,
    patch: Patch<R>,
) -> Result<(), ApplyError> {
    if let Some(there) = map.get_mut(&id) {
        Arc::make_mut(there).merge(patch.into_values());
        return Ok(());
    }
    match R::create(patch.into_values()) {
        Some(record) => {
            map.insert(id, Arc::new(record));
            Ok(())
        }
        None => Err(ApplyError { kind, id }),
    }
}
