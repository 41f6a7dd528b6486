//! Strict query strings: every key must be known, every value whole. A typo must not silently list all.

use std::{borrow::Cow, marker::PhantomData, str::FromStr};

use actix_web::web;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error as _, IntoDeserializer, value::StrDeserializer},
};

use super::error::ApiError;

/// Rows of a list when the client does not say, and the most it can ask for.
pub const LIMIT_DEFAULT: u16 = 100;
pub const LIMIT_MAX: u16 = 500;

/// The query of routes that take none.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoQuery {}

/// Reads a query string; the error names the key or the value.
pub fn read<T: DeserializeOwned>(query: &str) -> Result<T, ApiError> {
    web::Query::<T>::from_query(query).map(web::Query::into_inner).map_err(|e| {
        ApiError::bad_request(format!("the query cannot be read: {e}; see /api/v1/openapi.json"))
    })
}

/// How many rows: 1..=500.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit(u16);

impl Limit {
    pub fn get(self) -> usize {
        self.0.into()
    }

    pub fn rows(self) -> i64 {
        self.0.into()
    }
}

impl Default for Limit {
    fn default() -> Self {
        Self(LIMIT_DEFAULT)
    }
}

impl<'de> Deserialize<'de> for Limit {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let n = u16::deserialize(d)?;
        if (1..=LIMIT_MAX).contains(&n) {
            Ok(Self(n))
        } else {
            Err(D::Error::custom(format!("limit is {n}; give 1 to {LIMIT_MAX}")))
        }
    }
}

impl JsonSchema for Limit {
    fn schema_name() -> Cow<'static, str> {
        "Limit".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": 1, "maximum": LIMIT_MAX })
    }
}

/// Search text: something, but not a book.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search(String);

const SEARCH_CHARS_MAX: usize = 200;

impl Search {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether any of the texts holds it, whatever the case.
    pub fn found_in<'a>(&self, texts: impl IntoIterator<Item = &'a str>) -> bool {
        let needle = self.0.to_lowercase();
        texts.into_iter().any(|t| t.to_lowercase().contains(&needle))
    }
}

impl<'de> Deserialize<'de> for Search {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        let n = text.chars().count();
        if (1..=SEARCH_CHARS_MAX).contains(&n) {
            Ok(Self(text))
        } else {
            Err(D::Error::custom(format!("q has {n} characters; give 1 to {SEARCH_CHARS_MAX}")))
        }
    }
}

impl JsonSchema for Search {
    fn schema_name() -> Cow<'static, str> {
        "Search".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "minLength": 1, "maxLength": SEARCH_CHARS_MAX })
    }
}

/// A field that travels as text in a query but is not text in JSON: reads by `FromStr`.
pub fn parsed<'de, T, D>(d: D) -> Result<Option<T>, D::Error>
where
    T: FromStr,
    T::Err: std::fmt::Display,
    D: Deserializer<'de>,
{
    String::deserialize(d)?.parse().map(Some).map_err(D::Error::custom)
}

/// Words of one list: more than any closed set here has.
const WORDS_MAX: usize = 50;

/// One or more words with commas between them: `severity=warning,critical`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OneOf<T>(pub Vec<T>);

impl<T: PartialEq> OneOf<T> {
    pub fn has(&self, value: &T) -> bool {
        self.0.contains(value)
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for OneOf<T> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        let words = text.split(',').count();
        if words > WORDS_MAX {
            return Err(D::Error::custom(format!("{words} words in one list; give {WORDS_MAX} at most")));
        }
        text.split(',')
            .map(|word| {
                let word: StrDeserializer<'_, D::Error> = word.into_deserializer();
                T::deserialize(word)
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

impl<T: JsonSchema> JsonSchema for OneOf<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("OneOf{}", T::schema_name()).into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let _: PhantomData<T> = PhantomData;
        json_schema!({ "type": "array", "minItems": 1, "maxItems": WORDS_MAX, "items": generator.subschema_for::<T>() })
    }
}

/// Whether a filter that was not given, or is given and holds.
pub fn holds<T>(filter: Option<&T>, test: impl FnOnce(&T) -> bool) -> bool {
    filter.is_none_or(test)
}

#[cfg(test)]
mod tests {
    use jarvis_core::protocol::Severity;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        #[serde(default)]
        limit: Limit,
        severity: Option<OneOf<Severity>>,
        flag: Option<bool>,
    }

    #[test]
    fn known_keys_are_read_and_everything_else_is_refused() {
        let sample: Sample = read("severity=warning,critical&limit=7&flag=true").unwrap();
        assert_eq!(sample.limit.get(), 7);
        assert_eq!(sample.severity, Some(OneOf(vec![Severity::Warning, Severity::Critical])));
        assert_eq!(sample.flag, Some(true));
        assert_eq!(read::<Sample>("").unwrap().limit.get(), 100);
        for bad in [
            "limt=1",
            "limit=0",
            "limit=501",
            "limit=-1",
            "limit=",
            "limit=1&limit=2",
            "severity=",
            "severity=warning,",
            "severity=loud",
            "flag=1",
            "=1",
        ] {
            assert!(read::<Sample>(bad).is_err(), "{bad}");
        }
        assert!(read::<NoQuery>("").is_ok() && read::<NoQuery>("a=1").is_err());
    }
}
