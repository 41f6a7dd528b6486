//! Finds where in a text secrets are. One pass; every rule starts at the beginning of a word.

use std::ops::Range;

use super::{MARK, names};

/// Our own tokens are found wherever they stand.
const OWN: &str = "jv_";
/// Beginnings of tokens, with how many of their own characters must follow at least.
const PREFIXES: &[(&str, usize)] = &[
    (OWN, 16),
    ("sk-", 16),
    ("sk_live_", 10),
    ("ghp_", 16),
    ("gho_", 16),
    ("ghs_", 16),
    ("github_pat_", 16),
    ("glpat-", 16),
    ("xoxb-", 10),
    ("xoxp-", 10),
    ("AKIA", 16),
    ("AIza", 20),
    ("hf_", 20),
    ("tskey-", 10),
    ("ya29.", 16),
    ("eyJ", 30),
];
const KEY_BEGINS: &str = "-----BEGIN ";
const KEY_ENDS: &str = "-----END ";
/// The name of a URL's user and its password are not longer.
const USERINFO_BYTES_MAX: usize = 1_024;
/// Hexadecimal digits of a Proxmox token's secret.
const UUID_CHARS_MIN: usize = 32;
/// In a ticket, user and time come before the signature.
const TICKET_HEAD_BYTES_MAX: usize = 128;
/// A password with a slash in it, and whatever comes before the `@`, is not longer.
const SLASHED_BYTES_MAX: usize = 256;
/// A user name of a URL that is longer is a token.
const USER_BYTES_MAX: usize = 24;

/// Ranges of secrets, in order, none touching another's inside.
pub fn secrets(input: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    let mut before = None;
    // Whether a double quote is open on this line: a value then ends where it closes.
    let mut quoted = false;
    while let Some(c) = rest(input, at).chars().next() {
        if let Some(secret) = starts_here(input, at, before, quoted) {
            let end = secret.end.max(at + c.len_utf8());
            quoted = input.get(at..end).unwrap_or_default().chars().fold(quoted, toggled);
            before = input.get(..end).and_then(|text| text.chars().next_back());
            at = end;
            if input.get(secret.clone()).is_some_and(|hidden| !hidden.is_empty() && hidden != MARK) {
                found.push(secret);
            }
            continue;
        }
        quoted = toggled(quoted, c);
        before = Some(c);
        at += c.len_utf8();
    }
    found
}

fn toggled(quoted: bool, c: char) -> bool {
    match c {
        '"' => !quoted,
        '\n' => false,
        _ => quoted,
    }
}

/// The secret of a rule that begins at this place.
fn starts_here(input: &str, at: usize, before: Option<char>, quoted: bool) -> Option<Range<usize>> {
    let rest = rest(input, at);
    let after = |range: Range<usize>| Some(at + range.start..at + range.end);
    if rest.starts_with("://") {
        return url(rest).and_then(after);
    }
    if rest.starts_with(OWN) {
        return token(rest).and_then(after);
    }
    if before.is_some_and(|c| c.is_ascii_alphanumeric()) {
        return None;
    }
    if rest.starts_with(KEY_BEGINS) {
        return private_key(rest).and_then(after);
    }
    let found =
        token(rest).or_else(|| ticket(rest)).or_else(|| scheme(rest)).or_else(|| user_flag(rest, before));
    if found.is_some() {
        return found.and_then(after);
    }
    if before.is_some_and(in_name) {
        return None;
    }
    named(rest, before, quoted).and_then(after)
}

/// `name=value`, `"name": "value"`, `--name value`, `Header: value`, and `!name=uuid` of a Proxmox token.
fn named(rest: &str, before: Option<char>, quoted: bool) -> Option<Range<usize>> {
    let name_end = rest.find(|c| !in_name(c)).unwrap_or(rest.len());
    let name = rest.get(..name_end).filter(|name| !name.is_empty())?;
    let flag = name.starts_with("--");
    let closers = skip(rest, name_end, |c| matches!(c, '\\' | '"' | '\'' | '`' | ']'));
    let blanks = skip(rest, closers, is_blank);
    let after_separator =
        separator(rest, blanks).or_else(|| (flag && blanks > name_end).then_some(blanks))?;
    let start = skip(rest, after_separator, is_blank);
    if !names::secret(name.trim_start_matches('-')) {
        return (before == Some('!')).then(|| uuid(rest, start)).flatten();
    }
    if flag && rest.get(start..)?.starts_with('-') {
        return None;
    }
    let some = if rest.get(start..)?.starts_with("Some(") { "Some(".len() } else { 0 };
    let range = value(rest, start + some, quoted, names::takes_line(name))?;
    worth_hiding(name, rest.get(range.clone())?).then_some(range)
}

/// The secret half of a Proxmox token, whose name says nothing.
fn uuid(rest: &str, start: usize) -> Option<Range<usize>> {
    let end = skip(rest, start, |c| c.is_ascii_hexdigit() || c == '-');
    (end - start >= UUID_CHARS_MIN).then_some(start..end)
}

fn separator(rest: &str, at: usize) -> Option<usize> {
    let here = rest.get(at..)?;
    ["=>", ":=", "==", "=", "%3D", "%3d", ":"]
        .iter()
        .find(|separator| here.starts_with(**separator))
        .filter(|_| !here.starts_with("://"))
        .map(|separator| at + separator.len())
}

/// From an opening quote to its closing one; else to the next blank, or to the end of the line.
fn value(rest: &str, start: usize, quoted: bool, line: bool) -> Option<Range<usize>> {
    let open = skip(rest, start, |c| c == '\\');
    let quote = rest.get(open..)?.chars().next().filter(|c| matches!(c, '"' | '\'' | '`'));
    if let Some(quote) = quote {
        let from = open + quote.len_utf8();
        let inside = rest.get(from..)?;
        let mut escaped = false;
        let escapes_its_quote = open > start;
        for (n, c) in inside.char_indices() {
            match c {
                '\\' if escapes_its_quote && inside.get(n + 1..).is_some_and(|r| r.starts_with(quote)) => {
                    return Some(from..from + n);
                }
                '\n' => return Some(from..from + n),
                _ if c == quote && !escaped => return Some(from..from + n),
                _ => escaped = c == '\\' && !escaped,
            }
        }
        return Some(from..rest.len());
    }
    let ends = |c: char| match c {
        '\n' | '\r' => true,
        '"' => quoted,
        c => !line && c.is_whitespace(),
    };
    let length = rest.get(start..)?.find(ends).unwrap_or(rest.len() - start);
    Some(start..start + length)
}

/// Words that only say whether there is a secret, and counts, may stay.
fn worth_hiding(name: &str, hidden: &str) -> bool {
    let bare = hidden.trim_end_matches([',', ';', '}', ')', ']']);
    let says_nothing = ["", "true", "false", "null", "none", "None"].contains(&bare);
    let number = !bare.is_empty() && bare.bytes().all(|b| b.is_ascii_digit());
    let hidden_before =
        hidden.strip_prefix(MARK).is_some_and(|rest| rest.chars().all(|c| ",;})]".contains(c)));
    !(says_nothing || number && names::counts(name) || hidden_before)
}

/// Tokens that are known by how they begin.
fn token(rest: &str) -> Option<Range<usize>> {
    let (prefix, chars_min) = PREFIXES.iter().find(|(prefix, _)| rest.starts_with(prefix))?;
    let length = skip(rest, prefix.len(), in_token) - prefix.len();
    (length >= *chars_min).then(|| 0..prefix.len() + length)
}

/// `PVE:user@realm:4EEC61E2::signature`, Proxmox's log-in ticket.
fn ticket(rest: &str) -> Option<Range<usize>> {
    if !["PVE:", "PVEVNC:", "PMG:"].iter().any(|prefix| rest.starts_with(prefix)) {
        return None;
    }
    let named = |c| in_token(c) || matches!(c, ':' | '@' | '!');
    until(rest, 0, TICKET_HEAD_BYTES_MAX, |c| !named(c))?.contains("::").then(|| 0..skip(rest, 0, named))
}

/// `Bearer …` and `Basic …` outside of a header.
fn scheme(rest: &str) -> Option<Range<usize>> {
    let word = ["bearer", "basic"]
        .into_iter()
        .find(|word| rest.get(..word.len()).is_some_and(|here| here.eq_ignore_ascii_case(word)))?;
    let start = skip(rest, word.len(), is_blank);
    let end = skip(rest, start, in_token);
    let value = rest.get(start..end)?;
    let mixed = value.bytes().any(|b| b.is_ascii_digit() || b == b'=')
        || (value.bytes().any(|b| b.is_ascii_uppercase()) && value.bytes().any(|b| b.is_ascii_lowercase()));
    (start > word.len() && (value.len() >= 20 || (value.len() >= 8 && mixed))).then_some(start..end)
}

/// `-u name:password` of curl.
fn user_flag(rest: &str, before: Option<char>) -> Option<Range<usize>> {
    let flag = ["-u ", "--user ", "--user="].into_iter().find(|flag| rest.starts_with(flag))?;
    let word_ends = rest.get(flag.len()..)?.find(char::is_whitespace).map_or(rest.len(), |n| flag.len() + n);
    let colon = rest.get(flag.len()..word_ends)?.find(':')? + flag.len() + 1;
    let blank_before = before.is_none_or(|c| c.is_whitespace() || c == '"' || c == '\'');
    (blank_before && colon < word_ends).then_some(colon..word_ends)
}

/// The password of `scheme://user:password@host`; a user name that is as long as a token is one.
fn url(rest: &str) -> Option<Range<usize>> {
    let from = "://".len();
    let authority = until(rest, from, USERINFO_BYTES_MAX, |c| ends_url(c) || matches!(c, '/' | '?' | '#'))?;
    let port_or_none = authority
        .rsplit_once(':')
        .is_none_or(|(_, port)| port.is_empty() || port.bytes().all(|b| b.is_ascii_digit()));
    let at = match authority.rfind('@') {
        Some(at) => at,
        // A password with a slash in it, written as it is.
        None if !port_or_none && !authority.starts_with('[') => {
            until(rest, from, SLASHED_BYTES_MAX, ends_url)?.rfind('@')?
        }
        None => return None,
    };
    match rest.get(from..from + at)?.find(':') {
        Some(colon) => Some(from + colon + 1..from + at),
        None if at > USER_BYTES_MAX => Some(from..from + at),
        None => None,
    }
}

/// What stands from `from` on before the first character that ends it, of the first `bytes_max` bytes.
fn until(text: &str, from: usize, bytes_max: usize, ends: impl Fn(char) -> bool) -> Option<&str> {
    let bounded = text.get(from..floor(text, from + bytes_max))?;
    bounded.get(..bounded.find(ends).unwrap_or(bounded.len()))
}

fn ends_url(c: char) -> bool {
    c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>' | '`')
}

/// The whole block, or all that follows when its end is missing.
fn private_key(rest: &str) -> Option<Range<usize>> {
    let title_ends = rest.get(KEY_BEGINS.len()..)?.find("-----")? + KEY_BEGINS.len();
    if !rest.get(..title_ends)?.contains("PRIVATE KEY") || rest.get(..title_ends)?.contains('\n') {
        return None;
    }
    let body = title_ends + "-----".len();
    let end = rest.get(body..)?.find(KEY_ENDS).map_or(rest.len(), |n| body + n);
    let hidden = rest.get(body..end)?;
    (hidden.trim() != MARK).then_some(body..end)
}

/// What names are made of.
fn in_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')
}

fn is_blank(c: char) -> bool {
    c == ' ' || c == '\t'
}

fn in_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '~' | '+' | '/' | '=')
}

/// The first place from `at` on where `is` does not hold.
fn skip(text: &str, at: usize, is: impl Fn(char) -> bool) -> usize {
    text.get(at..).and_then(|rest| rest.find(|c| !is(c))).map_or(text.len(), |n| at + n)
}

fn rest(text: &str, at: usize) -> &str {
    text.get(at..).unwrap_or_default()
}

/// The last boundary of a character not beyond `at`.
fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|n| text.is_char_boundary(*n)).unwrap_or(0)
}
