//! What is not quite JSON, or not quite text: made readable, so that one bad value costs itself and nothing around it.
//!
//! Everything here runs only after the plain way has failed, except [`printable`], which most texts pass unchanged.

use std::{borrow::Cow, collections::BTreeMap};

use jarvis_core::tools::words::deceives;
use serde_json::{Value, value::RawValue};

/// A number which is valid JSON and which no type can hold: its field is then odd, and its row says so.
const NO_NUMBER: &str = "1e999";
/// Reads as odd in every field.
const ODD: &str = "[]";

/// An answer with bytes that are no UTF-8, or with the bare words that some writers put for numbers they cannot
/// write (`NaN`, `-Infinity`). `None` when there is nothing of that kind to mend.
pub(in super::super) fn mended_text(body: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(body);
    let mut mended = String::with_capacity(text.len());
    let mut changed = matches!(text, Cow::Owned(_));
    let mut rest = text.as_ref();
    while let Some(c) = rest.chars().next() {
        let end = match c {
            '"' => string_end(rest),
            '-' | '+' => 1 + word_end(rest.get(1..).unwrap_or_default()),
            _ if c.is_ascii_alphabetic() => word_end(rest),
            _ => c.len_utf8(),
        };
        let (token, after) = rest.split_at_checked(end.max(c.len_utf8()))?;
        let word = token.trim_start_matches(['-', '+']);
        let bare = word.starts_with(|c: char| c.is_ascii_alphabetic());
        if bare && !["true", "false", "null"].contains(&token) {
            // The `e` of `1e5` stands behind a digit and is no word of its own.
            let exponent = mended.ends_with(|c: char| c.is_ascii_digit());
            changed |= !exponent;
            mended.push_str(if exponent { token } else { NO_NUMBER });
        } else {
            mended.push_str(token);
        }
        rest = after;
    }
    changed.then_some(mended)
}

/// Where the string that begins here is over, its quotes included; the whole rest when it is not.
fn string_end(text: &str) -> usize {
    let mut escaped = false;
    for (i, b) in text.bytes().enumerate().skip(1) {
        match b {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return i + 1,
            _ => {}
        }
    }
    text.len()
}

fn word_end(text: &str) -> usize {
    text.bytes().position(|b| !b.is_ascii_alphabetic()).unwrap_or(text.len())
}

/// A row whose values are each valid JSON or replaced by one that counts as odd; of a key that comes twice, the last.
pub(super) fn mended_row(json: &str) -> Option<String> {
    let fields: BTreeMap<Cow<'_, str>, &RawValue> = serde_json::from_str(json).ok()?;
    let parts = fields.iter().map(|(key, raw)| {
        let readable = serde_json::from_str::<Value>(raw.get()).is_ok();
        format!("{}:{}", Value::from(key.as_ref()), if readable { raw.get() } else { ODD })
    });
    Some(format!("{{{}}}", parts.collect::<Vec<_>>().join(",")))
}

/// Foreign text as it may be shown: one line, and no sign that hides, turns or colours what stands beside it.
pub(super) fn printable(text: Cow<'_, str>) -> String {
    // Nearly all text is of these, and there is a lot of it.
    let plain = text.bytes().all(|b| (b' '..=b'~').contains(&b));
    if plain || !text.chars().any(|c| shown_as(c) != c) {
        return text.into_owned();
    }
    text.chars().map(shown_as).collect()
}

fn shown_as(c: char) -> char {
    match c {
        '\t' => c,
        '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => ' ',
        // They join the letters of some scripts and the parts of some pictures.
        '\u{200c}' | '\u{200d}' => c,
        // Among them letters that only a program sees: a whole sentence fits into a name unseen.
        _ if deceives(c) => '\u{fffd}',
        _ => c,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_that_are_none_cost_only_themselves() {
        for (text, mended) in [
            (r#"{"a":NaN,"b":1}"#, r#"{"a":1e999,"b":1}"#),
            (r#"[-Infinity, nan,null,-1.5e+5]"#, r#"[1e999, 1e999,null,-1.5e+5]"#),
            (r#"{"NaN":"NaN \" NaN","x":inf}"#, r#"{"NaN":"NaN \" NaN","x":1e999}"#),
        ] {
            assert_eq!(mended_text(text.as_bytes()).as_deref(), Some(mended), "{text}");
        }
        assert_eq!(mended_text(b"{\"a\":\"caf\xe9\"}").unwrap(), "{\"a\":\"caf\u{fffd}\"}");
        for sound in [r#"{"a":[1,2.5e5,true,null,"x"]}"#, "", "\""] {
            assert_eq!(mended_text(sound.as_bytes()), None, "{sound}");
        }
    }

    #[test]
    fn a_rows_bad_value_is_odd_and_the_others_stay() {
        let row = r#"{"vmid":100,"mem":1e999,"name":"\ud800","cpu":0.5,"cpu":0.25}"#;
        assert_eq!(mended_row(row).unwrap(), r#"{"cpu":0.25,"mem":[],"name":[],"vmid":100}"#);
        assert_eq!(mended_row("[]"), None);
    }

    #[test]
    fn text_stays_one_line_and_shows_what_it_is() {
        let hostile = "a\u{202e}b\u{1b}[31m\0c\r\nd\te\u{2066}";
        assert_eq!(printable(hostile.into()), "a\u{fffd}b\u{fffd}[31m\u{fffd}c  d\te\u{fffd}");
        assert_eq!(printable("Größe-日本".into()), "Größe-日本");
        assert_eq!(
            printable("web\u{e0073}\u{e0074}\u{200e}\u{ad}".into()),
            "web\u{fffd}\u{fffd}\u{fffd}\u{fffd}"
        );
        assert_eq!(printable("می\u{200c}خواهم 👨\u{200d}👩".into()), "می\u{200c}خواهم 👨\u{200d}👩");
    }

    proptest! {
        #[test]
        fn sound_json_needs_no_mending(value in any::<(Vec<f64>, String, Option<bool>)>()) {
            let text = serde_json::json!({"a": value.0, "b": value.1, "c": value.2}).to_string();
            prop_assert_eq!(mended_text(text.as_bytes()), None);
        }

        #[test]
        fn whatever_comes_is_survived(body in prop::collection::vec(any::<u8>(), 0..200), text in "\\PC{0,100}") {
            let _ = (mended_text(&body), mended_row(&String::from_utf8_lossy(&body)), mended_row(&text));
            prop_assert!(!printable(text.into()).chars().any(|c| c.is_control() && c != '\t'));
        }
    }
}
