//! A text of a record: a short one lies in the record itself, a long one is shared.
//!
//! Ten thousand guests are copied and compared with every big answer, and every name that lay on the heap
//! would be fetched for it from memory that nothing else has touched since. Not here: what a text may say
//! (`ids`).

use std::{
    borrow::{Borrow, Cow},
    fmt,
    ops::Deref,
};

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

/// Up to 23 bytes without memory of its own.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Text(SmolStr);

impl Text {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Deref for Text {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Text {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Text {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<Text> for String {
    fn from(text: Text) -> String {
        text.0.into()
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl JsonSchema for Text {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "string".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        String::json_schema(generator)
    }
}

/// A plain `string` to the dashboard.
#[cfg(test)]
impl ts_rs::TS for Text {
    type WithoutGenerics = Self;
    type OptionInnerType = Self;
    fn name(cfg: &ts_rs::Config) -> String {
        <String as ts_rs::TS>::name(cfg)
    }
    fn inline(cfg: &ts_rs::Config) -> String {
        <String as ts_rs::TS>::inline(cfg)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn equal_texts_are_equal_wherever_they_lie() {
        let (a, b) = (Text::from("gitea"), Text::from(String::from("gitea")));
        assert_eq!(a, b);
        assert_eq!(a.cmp(&b), std::cmp::Ordering::Equal);
        assert!(a < Text::from("nas") && Text::from("") < a);
        let map = HashMap::from([(a, 1)]);
        assert_eq!((map.get("gitea"), map.get(&b), map.get("nas")), (Some(&1), Some(&1), None));
    }

    #[test]
    fn it_reads_and_writes_as_a_plain_text() {
        let text = Text::from("ünï\"\n");
        let json = serde_json::to_string(&text).unwrap();
        assert_eq!(json, "\"ünï\\\"\\n\"");
        assert_eq!(serde_json::from_str::<Text>(&json).unwrap(), text);
        assert_eq!(format!("{text} {text:?}"), "ünï\"\n \"ünï\\\"\\n\"");
    }
}
