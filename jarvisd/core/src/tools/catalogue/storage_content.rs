//! `storage_content`: volumes on a storage.

use super::prelude::*;

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StorageContent {
    pub node: NodeName,
    pub storage: StorageName,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Content>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vmid: Option<Vmid>,
}

/// What a storage holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    Images,
    Rootdir,
    Backup,
    Iso,
    Vztmpl,
    Snippets,
}

impl Tool for StorageContent {
    const NAME: &'static str = "storage_content";
    const TITLE: &'static str = "Storage content";
    const ABOUT: &'static str = "Volumes on a storage.";
    const EFFECT: Effect = Effect::Read;
    const BOUNDS: Bounds = Bounds::SLOW;

    fn target(&self) -> Target {
        match StorageId::new(&self.node, self.storage.as_str()) {
            Ok(id) => Target::Storage(id),
            Err(_) => Target::Node(self.node.clone()),
        }
    }
}
