//! Times as REST writes and reads them: RFC 3339 in UTC.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use time::{OffsetDateTime, UtcOffset, format_description::well_known::Rfc3339};

/// A moment in UTC milliseconds whose outer form is RFC 3339.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct When(pub i64);

impl When {
    pub fn parse(text: &str) -> Option<Self> {
        let moment = OffsetDateTime::parse(text, &Rfc3339).ok()?;
        i64::try_from(moment.unix_timestamp_nanos().div_euclid(1_000_000)).ok().map(Self)
    }

    /// `None` for a moment outside the years 0 to 9999, which RFC 3339 cannot write.
    fn text(self) -> Option<String> {
        let moment = OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000_000).ok()?;
        moment.to_offset(UtcOffset::UTC).format(&Rfc3339).ok()
    }
}

impl Serialize for When {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        // A time we were given and cannot write is shown as the edge it lies beyond.
        let edge = if self.0 < 0 { "0000-01-01T00:00:00Z" } else { "9999-12-31T23:59:59Z" };
        s.serialize_str(self.text().as_deref().unwrap_or(edge))
    }
}

impl<'de> Deserialize<'de> for When {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(d)?;
        Self::parse(&text).ok_or_else(|| {
            let text: String = text.chars().take(40).collect();
            serde::de::Error::custom(format!("`{text}` is not a time: write it as 2026-01-31T12:00:00Z"))
        })
    }
}

impl JsonSchema for When {
    fn schema_name() -> Cow<'static, str> {
        "When".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date-time" })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times_are_written_in_utc() {
        assert_eq!(serde_json::to_string(&When(0)).unwrap(), "\"1970-01-01T00:00:00Z\"");
        assert_eq!(serde_json::to_string(&When(1_500)).unwrap(), "\"1970-01-01T00:00:01.5Z\"");
        assert_eq!(serde_json::to_string(&When(i64::MAX)).unwrap(), "\"9999-12-31T23:59:59Z\"");
        assert_eq!(When::parse("1970-01-01T02:00:00+02:00"), Some(When(0)));
        assert_eq!(When::parse("yesterday"), None);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(ms in -60_000_000_000_000_i64..250_000_000_000_000) {
            let text = serde_json::to_string(&When(ms)).unwrap();
            prop_assert_eq!(serde_json::from_str::<When>(&text).unwrap(), When(ms));
        }
    }
}
