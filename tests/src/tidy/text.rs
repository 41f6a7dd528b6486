//! Blanks what is not code, keeping every line where it was, so that a rule never trips over a comment
//! or a string. A small scanner, not a parser: it knows comments, strings, characters and lifetimes.

/// Rust source with comments and the insides of string literals replaced by spaces.
pub fn rust_code(text: &str) -> String {
    blank(text, Lang::Rust, true)
}

/// TypeScript with comments blanked and strings kept (imports are strings).
pub fn typescript_without_comments(text: &str) -> String {
    blank(text, Lang::TypeScript, false)
}

/// TypeScript with comments and strings blanked.
pub fn typescript_code(text: &str) -> String {
    blank(text, Lang::TypeScript, true)
}

/// Blanks the body of every item behind `#[cfg(test)]`, given code that [`rust_code`] has cleaned.
pub fn without_test_items(code: &str) -> String {
    let mut out: Vec<char> = code.chars().collect();
    let marker: Vec<char> = "#[cfg(test)]".chars().collect();
    let mut i = 0;
    while i + marker.len() <= out.len() {
        if out[i..i + marker.len()] != marker[..] {
            i += 1;
            continue;
        }
        let end = item_end(&out, i + marker.len());
        out[i..end].iter_mut().filter(|c| **c != '\n').for_each(|c| *c = ' ');
        i = end;
    }
    out.into_iter().collect()
}

/// Where the item that starts at `from` ends: its first `;` outside brackets, or its closing brace.
fn item_end(code: &[char], from: usize) -> usize {
    let (mut braces, mut others) = (0usize, 0usize);
    for (i, c) in code.iter().enumerate().skip(from) {
        match c {
            '(' | '[' => others += 1,
            ')' | ']' => others = others.saturating_sub(1),
            '{' => braces += 1,
            '}' => {
                braces = braces.saturating_sub(1);
                if braces == 0 {
                    return i + 1;
                }
            }
            ';' if braces == 0 && others == 0 => return i + 1,
            _ => {}
        }
    }
    code.len()
}

#[derive(Clone, Copy, PartialEq)]
enum Lang {
    Rust,
    TypeScript,
}

fn blank(text: &str, lang: Lang, strings_too: bool) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut i = 0;
    while i < chars.len() {
        let (end, hide) = token(&chars, i, lang);
        let hide = match hide {
            Hide::No => false,
            Hide::Comment => true,
            Hide::Literal => strings_too,
        };
        for c in &chars[i..end] {
            out.push(if hide && *c != '\n' { ' ' } else { *c });
        }
        i = end;
    }
    out
}

enum Hide {
    No,
    Comment,
    Literal,
}

/// The token at `i`: where it ends, and whether it is code.
fn token(s: &[char], i: usize, lang: Lang) -> (usize, Hide) {
    let next = s.get(i + 1).copied();
    match s[i] {
        '/' if next == Some('/') => (until_line_end(s, i), Hide::Comment),
        '/' if next == Some('*') => (block_comment_end(s, i, lang == Lang::Rust), Hide::Comment),
        '"' => (quoted_end(s, i, '"'), Hide::Literal),
        '\'' | '`' if lang == Lang::TypeScript => (quoted_end(s, i, s[i]), Hide::Literal),
        '\'' => char_or_lifetime(s, i),
        'r' if lang == Lang::Rust && !follows_word(s, i) => match raw_string_end(s, i) {
            Some(end) => (end, Hide::Literal),
            None => (i + 1, Hide::No),
        },
        _ => (i + 1, Hide::No),
    }
}

fn follows_word(s: &[char], i: usize) -> bool {
    i > 0 && (s[i - 1].is_alphanumeric() || s[i - 1] == '_') && s[i - 1] != 'b'
}

fn until_line_end(s: &[char], i: usize) -> usize {
    s[i..].iter().position(|c| *c == '\n').map_or(s.len(), |n| i + n)
}

fn block_comment_end(s: &[char], i: usize, nested: bool) -> usize {
    let (mut depth, mut at) = (1usize, i + 2);
    while at < s.len() {
        let pair = (s[at], s.get(at + 1).copied());
        if pair == ('*', Some('/')) {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else if nested && pair == ('/', Some('*')) {
            depth += 1;
            at += 2;
        } else {
            at += 1;
        }
    }
    s.len()
}

fn quoted_end(s: &[char], i: usize, quote: char) -> usize {
    let mut at = i + 1;
    while at < s.len() {
        match s[at] {
            '\\' => at += 2,
            c if c == quote => return at + 1,
            _ => at += 1,
        }
    }
    s.len()
}

fn char_or_lifetime(s: &[char], i: usize) -> (usize, Hide) {
    match (s.get(i + 1), s.get(i + 2)) {
        (Some('\\'), _) => (quoted_end(s, i, '\''), Hide::Literal),
        (Some(_), Some('\'')) => (i + 3, Hide::Literal),
        _ => (i + 1, Hide::No),
    }
}

fn raw_string_end(s: &[char], i: usize) -> Option<usize> {
    let hashes = s[i + 1..].iter().take_while(|c| **c == '#').count();
    if s.get(i + 1 + hashes) != Some(&'"') {
        return None;
    }
    let close: Vec<char> = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
    let body = i + 2 + hashes;
    let end = s.get(body..)?.windows(close.len()).position(|w| w == close.as_slice())?;
    Some(body + end + close.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_strings_vanish_and_lines_stay() {
        let text = "a // todo!\n/* x /* y */ z */ b \"c \\\" d\" r#\"e \" f\"# 'g' &'static h";
        let code = rust_code(text);
        assert_eq!(code.lines().count(), 2);
        for gone in ["todo", "x", "z", " c ", " d", " e ", " f", "g'"] {
            assert!(!code.contains(gone), "{gone:?} is still in {code:?}");
        }
        for kept in ["a ", " b ", "&'static h"] {
            assert!(code.contains(kept), "{kept:?} is gone from {code:?}");
        }
    }

    #[test]
    fn a_test_module_is_not_production_code() {
        let code = "fn a() { one() }\n#[cfg(test)]\nmod tests { fn b() { two() } }\nfn c() { three() }\n#[cfg(test)]\nuse x;\nfn d() {}";
        let left = without_test_items(code);
        assert!(left.contains("one") && left.contains("three") && left.contains("fn d"));
        assert!(!left.contains("two") && !left.contains("use x"));
        assert_eq!(left.lines().count(), code.lines().count());
    }

    #[test]
    fn typescript_keeps_imports_when_only_comments_go() {
        let text = "import { a } from './a' // from './b'\nconst c = `from './d'`";
        assert!(typescript_without_comments(text).contains("'./a'"));
        assert!(!typescript_without_comments(text).contains("./b"));
        assert!(!typescript_code(text).contains("./d"));
    }
}
