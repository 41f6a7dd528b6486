//! The last step of every answer: no control or direction characters, no escape sequences, no secrets, no flood.

use jarvis_core::{redact, tools::words::deceives};
use serde_json::{Map, Value, json};

/// A longer text is cut: no name, message or line of log that helps anybody is this long.
const TEXT_CHARS_MAX: usize = 2_000;
/// Deeper nesting is left out; nothing we build comes near.
const DEPTH_MAX: usize = 24;
/// Lists under these names keep their end when they are cut: the newest lines.
const TAILS: [&str; 1] = ["lines"];
/// Under this name the answer says what was cut.
const CUT: &str = "cut";

/// The answer as it is given away, at most `bytes_max` long when written as JSON.
pub(super) fn clean(value: Value, bytes_max: usize) -> Value {
    let mut value = redact::value(&strip(value, 0));
    let mut cuts: Vec<(String, usize)> = Vec::new();
    // Every round halves the largest list, so it ends.
    while size(&value) + room(&cuts) > bytes_max {
        let Some(path) = largest_list(&value) else { break };
        let Some(Value::Array(list)) = value.pointer_mut(&path) else { break };
        let before = list.len();
        let keep = before / 2;
        if TAILS.iter().any(|name| path.ends_with(&format!("/{name}"))) {
            list.drain(..before - keep);
        } else {
            list.truncate(keep);
        }
        if !cuts.iter().any(|(cut, _)| *cut == path) {
            cuts.push((path, before));
        }
    }
    if size(&value) > bytes_max {
        return json!({ CUT: format!("the answer is longer than {bytes_max} bytes and has no list to shorten; ask for less") });
    }
    if let (Value::Object(map), false) = (&mut value, cuts.is_empty()) {
        let told = cuts.iter().map(|(path, before)| json!({ "list": path, "of": before }));
        let told = Value::Array(told.collect());
        map.insert(CUT.to_owned(), told);
    }
    value
}

/// What saying so will take.
fn room(cuts: &[(String, usize)]) -> usize {
    cuts.iter().map(|(path, _)| path.len() + 64).sum()
}

fn size(value: &Value) -> usize {
    // A count, not the text: this is asked a few times of one answer.
    struct Count(usize);
    impl std::io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    // Counting does not fail.
    let _ = serde_json::to_writer(&mut count, value);
    count.0
}

/// JSON pointer of the list that takes most room and has something to give.
fn largest_list(value: &Value) -> Option<String> {
    fn walk(value: &Value, path: &str, best: &mut Option<(usize, String)>) {
        match value {
            Value::Array(list) => {
                let bytes = size(value);
                // Of a list in a list the outer one is as large; the inner ones are reached when it is short.
                if list.len() > 1 && best.as_ref().is_none_or(|(most, _)| bytes > *most) {
                    *best = Some((bytes, path.to_owned()));
                }
                for (i, inner) in list.iter().enumerate() {
                    walk(inner, &format!("{path}/{i}"), best);
                }
            }
            Value::Object(map) => {
                for (key, inner) in map {
                    let key = key.replace('~', "~0").replace('/', "~1");
                    walk(inner, &format!("{path}/{key}"), best);
                }
            }
            _ => {}
        }
    }
    let mut best = None;
    walk(value, "", &mut best);
    best.map(|(_, path)| path)
}

fn strip(value: Value, depth: usize) -> Value {
    match value {
        Value::String(text) => Value::String(plain(&text)),
        Value::Array(_) | Value::Object(_) if depth >= DEPTH_MAX => Value::Null,
        Value::Array(list) => list.into_iter().map(|inner| strip(inner, depth + 1)).collect(),
        Value::Object(map) => {
            let entries = map.into_iter().map(|(key, inner)| (plain(&key), strip(inner, depth + 1)));
            Value::Object(entries.collect::<Map<_, _>>())
        }
        other => other,
    }
}

/// Text of one line: escape sequences and deceptive characters are gone, white space is a space.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len().min(TEXT_CHARS_MAX));
    let mut chars = text.chars().peekable();
    let mut count = 0;
    while let Some(c) = chars.next() {
        if count == TEXT_CHARS_MAX {
            out.push('…');
            break;
        }
        match c {
            '\u{1b}' => skip_escape(&mut chars),
            // The same introducer in one character.
            '\u{9b}' => skip_csi(&mut chars),
            '\n' | '\t' | '\r' => {
                out.push(' ');
                count += 1;
            }
            c if deceives(c) => {}
            c => {
                out.push(c);
                count += 1;
            }
        }
    }
    out
}

type Chars<'a> = std::iter::Peekable<std::str::Chars<'a>>;

fn skip_escape(chars: &mut Chars<'_>) {
    match chars.next() {
        Some('[') => skip_csi(chars),
        // A title, a link, a device's string: up to its end, or the end of the line.
        Some(']' | 'P' | 'X' | '^' | '_') => {
            while let Some(c) = chars.next() {
                match c {
                    '\u{7}' | '\u{9c}' | '\n' => return,
                    '\u{1b}' => {
                        chars.next_if_eq(&'\\');
                        return;
                    }
                    _ => {}
                }
            }
        }
        // A character set and the like: one more character.
        Some('(' | ')' | '*' | '+' | '#' | '%' | ' ') => {
            chars.next();
        }
        _ => {}
    }
}

/// Parameters, then one final character.
fn skip_csi(chars: &mut Chars<'_>) {
    while chars.next_if(|c| ('\u{20}'..='\u{3f}').contains(c)).is_some() {}
    chars.next_if(|c| ('\u{40}'..='\u{7e}').contains(c));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn escape_sequences_and_deceptive_characters_are_gone() {
        for (given, plain) in [
            ("\u{1b}[31mred\u{1b}[0m", "red"),
            ("\u{1b}]0;title\u{7}text", "text"),
            ("\u{1b}]8;;http://evil\u{1b}\\link\u{1b}]8;;\u{1b}\\", "link"),
            ("\u{9b}2Jwiped", "wiped"),
            ("evil\u{202e}gpj.exe", "evilgpj.exe"),
            ("zero\u{200b}width", "zerowidth"),
            ("a\nb\tc\rd\0e", "a b c de"),
            ("\u{1b}(Bplain", "plain"),
            ("\u{1b}", ""),
        ] {
            assert_eq!(super::plain(given), plain, "{given:?}");
        }
        let long = super::plain(&"ä".repeat(1_000_000));
        assert_eq!(long.chars().count(), TEXT_CHARS_MAX + 1);
    }

    #[test]
    fn a_long_answer_is_cut_at_its_longest_list_and_says_so() {
        let lines: Vec<String> = (0..10_000).map(|n| format!("line {n}")).collect();
        let value = clean(json!({ "unit": "smbd", "lines": lines }), 4_096);
        assert!(size(&value) <= 4_096);
        let kept = value["lines"].as_array().unwrap();
        assert_eq!(kept.last().unwrap(), "line 9999", "the end of a log is what matters");
        assert_eq!(value["cut"][0]["of"], 10_000);
        let value = clean(json!({ "guests": lines }), 4_096);
        assert_eq!(value["guests"][0], "line 0");
        assert_eq!(clean(json!({ "a": 1 }), 4_096), json!({ "a": 1 }));
        assert!(size(&clean(json!({ "a": { "b": "x".repeat(2_000) } }), 200)) <= 200);
    }

    #[test]
    fn i30_secrets_are_taken_out() {
        let value =
            clean(json!({ "lines": ["login password=c4n4ry-secret ok"], "cipassword": "c4n4ry" }), 4_096);
        assert!(!value.to_string().contains("c4n4ry"), "{value}");
    }

    proptest! {
        #[test]
        fn no_text_comes_out_with_a_control_or_direction_character(text in any::<String>()) {
            prop_assert!(!plain(&text).chars().any(deceives));
        }

        #[test]
        fn no_answer_is_longer_than_its_cap(lists in prop::collection::vec(prop::collection::vec("[a-z]{0,40}", 0..60), 0..12)) {
            let value = clean(json!({ "lists": lists, "other": lists }), 1_024);
            prop_assert!(size(&value) <= 1_024 + 200, "{}", size(&value));
        }
    }
}
