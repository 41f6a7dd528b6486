//! Arguments as they arrive: an object that says each name once.
//!
//! JSON readers keep the last of two values with one name, without a word. Of `{"vmid":100,"vmid":101}` a person who reads
//! along may have seen the first, so a target that is given twice is none. Not here: what may be in them (`screen`) and
//! what they mean (the typed parsers).

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor},
};
use serde_json::{Map, Value};

use super::words::shown;

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Arguments(Map<String, Value>);

impl Arguments {
    pub fn into_value(self) -> Value {
        Value::Object(self.0)
    }
}

impl<'de> Deserialize<'de> for Arguments {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Once)
    }
}

struct Once;

impl<'de> Visitor<'de> for Once {
    type Value = Arguments;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Arguments, A::Error> {
        let mut map = Map::new();
        // A value that is an object itself is refused by the screen, whatever is in it.
        while let Some((key, value)) = entries.next_entry::<String, Value>()? {
            if map.contains_key(&key) {
                let key = shown(&key);
                return Err(A::Error::custom(format!("the argument `{key}` is given twice; give it once")));
            }
            map.insert(key, value);
        }
        Ok(Arguments(map))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(text: &str) -> Result<Value, String> {
        serde_json::from_str::<Arguments>(text).map(Arguments::into_value).map_err(|e| e.to_string())
    }

    #[test]
    fn i14_a_target_that_is_given_twice_is_none() {
        for text in [
            r#"{"vmid":100,"vmid":101}"#,
            r#"{"vmid":100,"vmid":100}"#,
            r#"{"vmid":100,"vm\u0069d":101}"#,
            r#"{"vmid":100,"name":"a","vmid":null}"#,
        ] {
            let why = read(text).expect_err(text);
            assert!(why.starts_with("the argument `vmid` is given twice"), "{text}: {why}");
        }
    }

    #[test]
    fn what_is_said_once_is_taken_as_it_is() {
        assert_eq!(read(r#"{"vmid":100,"to":"pve"}"#), Ok(json!({"vmid": 100, "to": "pve"})));
        assert_eq!(read("{}"), Ok(json!({})));
        for text in ["null", "[]", "5", "\"vmid\""] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
