//! Things that may not be written, where, and what to write instead. The table is in `tests/tidy.rs`.

use super::{
    Fault, Source,
    text::{rust_code, typescript_code, without_test_items},
};

/// One banned thing.
pub struct Ban {
    /// Any of these in the code is the fault. Matched at word boundaries.
    pub words: &'static [&'static str],
    /// Only files whose path starts with one of these.
    pub within: &'static [&'static str],
    /// Files (or folders) where it is right, each with the reason.
    pub except: &'static [(&'static str, &'static str)],
    pub instead: &'static str,
}

pub fn check(files: &[Source], bans: &[Ban]) -> Vec<Fault> {
    let mut faults = Vec::new();
    for file in files.iter().filter(|f| (f.is_rust() || f.is_typescript()) && !f.is_test()) {
        let inside: Vec<&Ban> = bans.iter().filter(|b| applies(b, &file.path)).collect();
        if inside.is_empty() {
            continue;
        }
        let code = if file.is_rust() {
            without_test_items(&rust_code(&file.text))
        } else {
            typescript_code(&file.text)
        };
        for (n, line) in code.lines().enumerate() {
            for ban in &inside {
                if let Some(word) = ban.words.iter().find(|w| has_word(line, w)) {
                    faults.push(file.fault(n + 1, format!("`{word}` is banned here: {}", ban.instead)));
                }
            }
        }
    }
    faults
}

/// Exceptions that name nothing any more: a list that only grows is not a list of exceptions.
pub fn stale_exceptions(files: &[Source], bans: &[Ban]) -> Vec<Fault> {
    let named = bans.iter().flat_map(|b| b.except.iter().map(|(path, _)| *path));
    named
        .filter(|path| !files.iter().any(|f| f.path.starts_with(path)))
        .map(|path| Fault {
            path: path.into(),
            line: 0,
            what: "an exception in tests/tidy.rs names no file".into(),
        })
        .collect()
}

fn applies(ban: &Ban, path: &str) -> bool {
    ban.within.iter().any(|p| path.starts_with(p)) && !ban.except.iter().any(|(p, _)| path.starts_with(p))
}

/// `word` in `line`, neither end inside a longer name.
fn has_word(line: &str, word: &str) -> bool {
    let part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let (starts, ends) = (part(word.chars().next()), part(word.chars().next_back()));
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        !(starts && part(before) || ends && part(after))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BANS: &[Ban] = &[Ban {
        words: &["Instant::now", "todo!"],
        within: &["d/src/"],
        except: &[("d/src/clock.rs", "it is the clock")],
        instead: "take `now` as an argument",
    }];

    fn faults(path: &str, text: &str) -> Vec<Fault> {
        check(&[Source::new(path, text)], BANS)
    }

    #[test]
    fn a_banned_word_is_found_with_its_line_and_its_replacement() {
        let found = faults("d/src/a.rs", "fn a() {}\nfn b() { std::time::Instant::now(); }");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].line, 2);
        assert!(found[0].what.contains("take `now`"));
        assert_eq!(faults("d/src/a.rs", "todo!()").len(), 1);
    }

    #[test]
    fn comments_strings_longer_names_exceptions_and_tests_pass() {
        let fine = "// Instant::now\nconst X: &str = \"todo!\"; MyInstant::nowhere();\n#[cfg(test)]\nmod t { fn a() { todo!() } }";
        assert_eq!(faults("d/src/a.rs", fine), vec![]);
        assert_eq!(faults("d/src/clock.rs", "Instant::now()"), vec![]);
        assert_eq!(faults("sim/a.rs", "Instant::now()"), vec![]);
    }

    #[test]
    fn an_exception_for_a_file_that_is_gone_is_a_fault() {
        assert_eq!(stale_exceptions(&[Source::new("d/src/a.rs", "")], BANS).len(), 1);
        assert_eq!(stale_exceptions(&[Source::new("d/src/clock.rs", "")], BANS).len(), 0);
    }
}
