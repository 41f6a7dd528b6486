//! Records as REST shows them: the record itself, its age, whether it is stale, and its times in RFC 3339.

use std::sync::Arc;

use jarvis_core::{
    cluster::{Cluster, ClusterState, Guest, Node, Source, SourceId, SourceState, Storage, Task},
    protocol::Event,
};
use schemars::JsonSchema;
use serde::Serialize;

use super::when::When;

/// How old a record's figures are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Age {
    /// Milliseconds since the figures were read; missing before the first answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age_ms: Option<i64>,
    /// The figures are older than they should be: show them as the past, not as the present.
    pub stale: bool,
}

macro_rules! view {
    ($(#[$meta:meta])* $name:ident of $record:ty { $($(#[$fm:meta])* $field:ident <- $from:ident),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Serialize, JsonSchema)]
        pub struct $name {
            #[serde(flatten)]
            pub record: Arc<$record>,
            #[serde(flatten)]
            pub age: Age,
            $(
                $(#[$fm])*
                #[serde(skip_serializing_if = "Option::is_none")]
                pub $field: Option<When>,
            )*
        }

        impl $name {
            fn build(record: &Arc<$record>, age: Age) -> Self {
                $(let $field = Option::<i64>::from(record.$from).map(When);)*
                Self { record: Arc::clone(record), age, $($field),* }
            }
        }
    };
}

view!(ClusterView of Cluster {});
view!(NodeView of Node {
    started_at <- started_ms,
    as_of_at <- as_of_ms,
    detail_as_of_at <- detail_as_of_ms,
    sensors_as_of_at <- sensors_as_of_ms,
});
view!(GuestView of Guest { started_at <- started_ms, as_of_at <- as_of_ms });
view!(TaskView of Task { started_at <- start_ms, ended_at <- end_ms });
view!(SourceView of Source { seen_at <- seen_ms, error_since_at <- error_since_ms });

#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct StorageView {
    /// `node/storage`
    pub id: String,
    #[serde(flatten)]
    pub record: Arc<Storage>,
    #[serde(flatten)]
    pub age: Age,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub as_of_at: Option<When>,
}

/// An event of the feed with its time in RFC 3339.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct EventView {
    #[serde(flatten)]
    pub event: Event,
    pub at: When,
}

impl From<Event> for EventView {
    fn from(event: Event) -> Self {
        Self { at: When(event.ts_ms), event }
    }
}

/// Looks at one state at one moment.
pub struct Lens<'a> {
    pub state: &'a ClusterState,
    pub now_ms: i64,
}

impl Lens<'_> {
    pub fn cluster(&self, record: &Arc<Cluster>) -> ClusterView {
        let seen = [SourceId::resources(), SourceId::membership()];
        let seen_ms =
            seen.iter().map(|id| self.state.sources.get(id).and_then(|s| s.seen_ms)).min().flatten();
        let stale = record.sight != SourceState::Fresh;
        ClusterView::build(record, Age { age_ms: seen_ms.map(|t| self.since(t)), stale })
    }

    pub fn node(&self, record: &Arc<Node>) -> NodeView {
        NodeView::build(record, self.age(&record.src, record.as_of_ms))
    }

    pub fn guest(&self, record: &Arc<Guest>) -> GuestView {
        GuestView::build(record, self.age(&record.src, record.as_of_ms))
    }

    pub fn storage(&self, id: &str, record: &Arc<Storage>) -> StorageView {
        StorageView {
            id: id.to_owned(),
            record: Arc::clone(record),
            age: self.age(&record.src, record.as_of_ms),
            as_of_at: record.as_of_ms.map(When),
        }
    }

    pub fn task(&self, record: &Arc<Task>) -> TaskView {
        TaskView::build(record, self.age(&SourceId::tasks(), None))
    }

    pub fn source(&self, record: &Arc<Source>) -> SourceView {
        let age =
            Age { age_ms: record.seen_ms.map(|t| self.since(t)), stale: record.state != SourceState::Fresh };
        SourceView::build(record, age)
    }

    /// Frozen figures are as old as their freezing; live ones as old as their source's last answer.
    fn age(&self, src: &SourceId, as_of_ms: Option<i64>) -> Age {
        let source = self.state.sources.get(src);
        let seen_ms = as_of_ms.or_else(|| source.and_then(|s| s.seen_ms));
        let fresh = source.is_some_and(|s| s.state == SourceState::Fresh);
        Age { age_ms: seen_ms.map(|t| self.since(t)), stale: as_of_ms.is_some() || !fresh }
    }

    fn since(&self, then_ms: i64) -> i64 {
        self.now_ms.saturating_sub(then_ms).max(0)
    }
}
