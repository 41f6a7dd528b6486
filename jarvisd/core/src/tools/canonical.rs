//! One spelling for one operation, and digests that two programs can compute alike.
//!
//! Canonical JSON here: object keys sorted by their bytes, no white space, numbers as serde_json writes them
//! (arguments hold integers only). A digest is SHA-256 over fields that are each preceded by their length, so
//! that no two different lists of fields give the same bytes.

use std::{fmt, fmt::Write as _, str::FromStr};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::Operation;

/// SHA-256, shown and stored as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest([u8; 32]);

impl Digest {
    /// Of nothing yet: where a chain begins.
    pub const ZERO: Self = Self([0; 32]);

    /// Over a domain word, so that digests of different kinds never meet, and fields.
    pub fn of<'a>(domain: &'a str, fields: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut hash = Sha256::new();
        for field in std::iter::once(domain.as_bytes()).chain(fields) {
            // usize is at most 64 bits wide here.
            hash.update(u64::try_from(field.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(field);
        }
        Self(hash.finalize().into())
    }

    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> String {
        digest.to_string()
    }
}

impl FromStr for Digest {
    type Err = &'static str;
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        const RULE: &str = "a digest has 64 lower-case hexadecimal digits";
        if s.len() != 64 || !s.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(RULE);
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(s.as_bytes().chunks_exact(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| RULE)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| RULE)?;
        }
        Ok(Self(bytes))
    }
}

impl TryFrom<String> for Digest {
    type Error = &'static str;
    fn try_from(s: String) -> Result<Self, Self::Error> {
        s.parse()
    }
}

/// The value as canonical JSON.
pub fn canonical(value: &Value) -> String {
    let mut out = String::new();
    write_canonical(value, &mut out);
    out
}

fn write_canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by(|a, b| a.0.cmp(b.0));
            out.push('{');
            for (i, (key, inner)) in entries.into_iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write_scalar(&Value::String(key.clone()), out);
                out.push(':');
                write_canonical(inner, out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write_canonical(item, out);
            }
            out.push(']');
        }
        scalar => write_scalar(scalar, out),
    }
}

fn write_scalar(value: &Value, out: &mut String) {
    // Writing into a String does not fail.
    let _ = write!(out, "{value}");
}

impl Operation {
    /// `{"args":{…},"tool":"start_guest"}`, the same bytes for the same operation.
    pub fn canonical(&self) -> String {
        format!("{{\"args\":{},\"tool\":\"{}\"}}", canonical(&self.args()), self.descriptor().name)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn order_and_white_space_of_arguments_do_not_matter() {
        let a: Value = serde_json::from_str(r#"{"b": 1, "a": {"d": [1, 2], "c": "é\"\u0001"}}"#).unwrap();
        let b: Value = serde_json::from_str(r#"{"a":{"c":"é\"\u0001","d":[1,2]},"b":1}"#).unwrap();
        assert_eq!(canonical(&a), canonical(&b));
        assert_eq!(serde_json::from_str::<Value>(&canonical(&a)).unwrap(), a);
    }

    #[test]
    fn an_operation_has_one_spelling() {
        let one = Operation::parse("migrate_guest", &json!({"vmid": 100, "to": "pve"})).unwrap();
        let two = Operation::parse("migrate_guest", &json!({"to": "pve", "vmid": 100})).unwrap();
        assert_eq!(one.canonical(), two.canonical());
        assert_eq!(one.canonical(), r#"{"args":{"to":"pve","vmid":100},"tool":"migrate_guest"}"#);
    }

    #[test]
    fn fields_do_not_run_into_each_other() {
        let digest = |fields: &[&str]| Digest::of("x", fields.iter().map(|f| f.as_bytes()));
        assert_ne!(digest(&["ab", "c"]), digest(&["a", "bc"]));
        assert_ne!(digest(&["", "a"]), digest(&["a", ""]));
        assert_ne!(digest(&["a"]), Digest::of("y", [b"a".as_slice()]));
        assert_eq!(digest(&["a"]).to_string().parse(), Ok(digest(&["a"])));
        assert!("0".repeat(63).parse::<Digest>().is_err() && "G".repeat(64).parse::<Digest>().is_err());
    }
}
