//! Request parameters: decoding of queries, forms and JSON bodies, and PVE's checks with PVE's words.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::reply::Reply;

pub type Params = BTreeMap<String, String>;

/// What a parameter must look like.
#[derive(Clone, Copy, Debug)]
pub enum Must {
    Text,
    Int {
        min: i64,
    },
    Bool,
    OneOf(&'static [&'static str]),
    Vmid,
    Upid,
    /// A snapshot name and the like.
    ConfigId,
    /// Size of memory in MiB.
    Memory,
}

#[derive(Clone, Copy, Debug)]
pub struct Param {
    pub name: &'static str,
    pub must: Must,
    pub required: bool,
}

pub const fn opt(name: &'static str, must: Must) -> Param {
    Param { name, must, required: false }
}

pub const fn req(name: &'static str, must: Must) -> Param {
    Param { name, must, required: true }
}

/// Decodes `a=b&c=d`.
pub fn form(text: &str) -> Params {
    let pairs = text.split('&').filter(|p| !p.is_empty());
    pairs
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (unescape(&key.replace('+', " ")), unescape(&value.replace('+', " ")))
        })
        .collect()
}

/// Decodes a JSON object of scalars, as a body with a JSON content type.
pub fn json_body(text: &str) -> Option<Params> {
    let map: Map<String, Value> = serde_json::from_str(text).ok()?;
    let scalar = |v: Value| match v {
        Value::String(s) => s,
        Value::Bool(b) => u8::from(b).to_string(),
        other => other.to_string(),
    };
    Some(map.into_iter().map(|(k, v)| (k, scalar(v))).collect())
}

/// Undoes percent encoding; a broken escape stays as it is.
pub fn unescape(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(b) = bytes.next() {
        let rest = bytes.next_two();
        match (b, rest) {
            (b'%', Some(byte)) => {
                out.push(byte);
                bytes.next();
                bytes.next();
            }
            _ => out.push(b),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Looks at the two hexadecimal digits ahead.
trait Ahead {
    fn next_two(&self) -> Option<u8>;
}

impl Ahead for std::str::Bytes<'_> {
    fn next_two(&self) -> Option<u8> {
        let mut ahead = self.clone();
        let digit = |b: Option<u8>| b.and_then(|b| char::from(b).to_digit(16));
        let (high, low) = (digit(ahead.next())?, digit(ahead.next())?);
        u8::try_from(high * 16 + low).ok()
    }
}

/// Checks parameters against what the endpoint takes; the answer is PVE's 400.
pub fn check(params: &Params, takes: &[Param], open: bool) -> Result<(), Reply> {
    let mut errors = Map::new();
    for (name, value) in params {
        match takes.iter().find(|p| p.name == name) {
            Some(p) => {
                if let Some(text) = wrong(p.must, value) {
                    errors.insert(name.clone(), json!(text));
                }
            }
            None if open => {}
            None => {
                let text =
                    "property is not defined in schema and the schema does not allow additional properties";
                errors.insert(name.clone(), json!(text));
            }
        }
    }
    for p in takes.iter().filter(|p| p.required && !params.contains_key(p.name)) {
        errors.insert(p.name.to_owned(), json!("property is missing and it is not optional"));
    }
    if errors.is_empty() { Ok(()) } else { Err(Reply::bad_params(errors)) }
}

fn wrong(must: Must, value: &str) -> Option<String> {
    match must {
        Must::Text => None,
        Must::Int { min } => wrong_int(value, min),
        Must::Bool => {
            let known = ["0", "1", "true", "false", "yes", "no", "on", "off"];
            let known = known.contains(&value.to_ascii_lowercase().as_str());
            (!known).then(|| format!("type check ('boolean') failed - got '{value}'"))
        }
        Must::OneOf(list) => (!list.contains(&value)).then(|| {
            format!("value '{value}' does not have a value in the enumeration '{}'", list.join(", "))
        }),
        Must::Vmid => wrong_int(value, 100),
        Must::Upid => (!looks_like_upid(value)).then(|| "unable to parse worker upid".to_owned()),
        Must::ConfigId => {
            let mut letters = value.chars();
            let first = letters.next().is_some_and(|c| c.is_ascii_alphabetic());
            let rest = value.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
            (!first || !rest || value.len() < 2)
                .then(|| format!("invalid format - invalid configuration ID '{value}'\n"))
        }
        Must::Memory => wrong_int(value, 16)
            .map(|text| format!("invalid format - format error\nmemory.current: {text}\n")),
    }
}

fn wrong_int(value: &str, min: i64) -> Option<String> {
    match value.parse::<i64>() {
        Err(_) => Some(format!("type check ('integer') failed - got '{value}'")),
        Ok(n) if n < min => Some(format!("value must have a minimum value of {min}")),
        Ok(_) => None,
    }
}

/// `UPID:node:pid8:pstart8(9):start8:type:id:user:`
pub fn looks_like_upid(text: &str) -> bool {
    let parts: Vec<&str> = text.split(':').collect();
    let hex =
        |s: &str, min: usize| s.len() >= min && s.len() <= 9 && s.chars().all(|c| c.is_ascii_hexdigit());
    match parts.as_slice() {
        ["UPID", node, pid, pstart, start, kind, _id, user, ""] => {
            !node.is_empty()
                && hex(pid, 8)
                && hex(pstart, 8)
                && hex(start, 8)
                && !kind.is_empty()
                && user.contains('@')
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_decoded_with_escapes_and_plus_signs() {
        let got = form("a=1&note=x%3Cb%3E+y&empty=&flag");
        assert_eq!(got["note"], "x<b> y");
        assert_eq!((got["empty"].as_str(), got["flag"].as_str()), ("", ""));
        assert_eq!(unescape("100%"), "100%");
        assert_eq!(unescape("%zz%C3%A9"), "%zzé");
    }

    #[test]
    fn upids_need_every_part_and_the_last_colon() {
        assert!(looks_like_upid("UPID:Home:000002BF:0009E529:6B0330F7:qmstart:101:root@pam:"));
        assert!(looks_like_upid("UPID:Home:000002BF:0009E529:6B0330F7:aptupdate::root@pam!full:"));
        assert!(!looks_like_upid("UPID:Home:000002BF:0009E529:6B0330F7:qmstart:101:root@pam"));
        assert!(!looks_like_upid("UPID:nonsense"));
    }
}
