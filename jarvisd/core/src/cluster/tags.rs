//! Tags of a guest, held in Proxmox's own form (`docker;prod`): one short text instead of a list of them,
//! because ten thousand guests are copied and compared with every big answer. On the wire it is a list.

use std::{borrow::Cow, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::text::Text;

/// In the order Proxmox gives them; none is empty, none comes twice.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Tags(Text);

impl Tags {
    /// Proxmox writes `;`; people have always been allowed the others.
    const SEPARATORS: [char; 3] = [';', ',', ' '];

    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.split(';').filter(|tag| !tag.is_empty())
    }

    pub fn contains(&self, tag: &str) -> bool {
        self.iter().any(|known| known == tag)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As Proxmox writes them: `docker;prod`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Tags {
    fn default() -> Self {
        Self("".into())
    }
}

/// From Proxmox's form.
impl From<&str> for Tags {
    fn from(text: &str) -> Self {
        [text].into_iter().collect()
    }
}

/// A tag that holds a separator is several, as it is to Proxmox.
impl<T: AsRef<str>> FromIterator<T> for Tags {
    fn from_iter<I: IntoIterator<Item = T>>(tags: I) -> Self {
        let mut joined = String::new();
        for tags in tags {
            for tag in tags.as_ref().split(Self::SEPARATORS).filter(|tag| !tag.is_empty()) {
                if joined.split(';').any(|known| known == tag) {
                    continue;
                }
                if !joined.is_empty() {
                    joined.push(';');
                }
                joined.push_str(tag);
            }
        }
        Self(joined.into())
    }
}

impl fmt::Debug for Tags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl Serialize for Tags {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for Tags {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Vec::<Cow<'de, str>>::deserialize(d).map(Self::from_iter)
    }
}

impl JsonSchema for Tags {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Tags".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Vec::<String>::json_schema(generator)
    }
}

/// A plain `Array<string>` to the dashboard.
#[cfg(test)]
impl ts_rs::TS for Tags {
    type WithoutGenerics = Self;
    type OptionInnerType = Self;
    fn name(cfg: &ts_rs::Config) -> String {
        <Vec<String> as ts_rs::TS>::name(cfg)
    }
    fn inline(cfg: &ts_rs::Config) -> String {
        <Vec<String> as ts_rs::TS>::inline(cfg)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_proxmox_allows_is_the_same_list_and_reads_back_from_the_wire() {
        for text in ["docker;prod", "docker,prod", "docker prod", ";docker;;prod;docker"] {
            let tags = Tags::from(text);
            assert_eq!(tags.iter().collect::<Vec<_>>(), ["docker", "prod"], "{text}");
            assert_eq!(tags.as_str(), "docker;prod");
            assert!(tags.contains("prod") && !tags.contains("pro") && !tags.contains(""));
            let json = serde_json::to_string(&tags).unwrap();
            assert_eq!(json, r#"["docker","prod"]"#);
            assert_eq!(serde_json::from_str::<Tags>(&json).unwrap(), tags);
        }
    }

    #[test]
    fn no_tags_are_an_empty_list() {
        let none = Tags::from("");
        assert_eq!((none.clone(), none.is_empty(), none.contains("")), (Tags::default(), true, false));
        assert_eq!(serde_json::to_string(&none).unwrap(), "[]");
        assert_eq!(serde_json::from_str::<Tags>("[]").unwrap(), none);
    }
}
