//! The one function that turns words into a command line for a POSIX shell.

use thiserror::Error;

/// A word that a command line can carry: any text without NUL, which no program can be given.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Word(String);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a word of a command holds a NUL character")]
pub struct WordHasNul;

impl Word {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Word {
    type Error = WordHasNul;
    fn try_from(text: String) -> Result<Self, WordHasNul> {
        if text.contains('\0') { Err(WordHasNul) } else { Ok(Self(text)) }
    }
}

impl TryFrom<&str> for Word {
    type Error = WordHasNul;
    fn try_from(text: &str) -> Result<Self, WordHasNul> {
        text.to_owned().try_into()
    }
}

/// The words as one line from which any POSIX shell makes exactly these words again.
///
/// Every word is put between single quotes, within which a shell takes every character for itself; a single quote is
/// written outside of them, behind a backslash. There is no list of harmless characters that could be wrong.
pub fn quote(words: &[Word]) -> String {
    let mut line = String::with_capacity(words.iter().map(|word| word.0.len() + 3).sum());
    for (i, word) in words.iter().enumerate() {
        if i > 0 {
            line.push(' ');
        }
        line.push('\'');
        line.push_str(&word.0.replace('\'', "'\\''"));
        line.push('\'');
    }
    line
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// How POSIX says a shell reads words, for lines without expansions; written from the standard, not from `quote`.
    fn shell_words(line: &str) -> Option<Vec<String>> {
        let mut words = Vec::new();
        let mut word: Option<String> = None;
        let mut chars = line.chars();
        while let Some(c) = chars.next() {
            match c {
                ' ' | '\t' | '\n' => words.extend(word.take()),
                '\'' => {
                    let word = word.get_or_insert_default();
                    loop {
                        match chars.next()? {
                            '\'' => break,
                            inner => word.push(inner),
                        }
                    }
                }
                '\\' => match chars.next()? {
                    '\n' => {}
                    escaped => word.get_or_insert_default().push(escaped),
                },
                // Anything that means something to a shell must not stand unquoted.
                '"' | '$' | '`' | ';' | '&' | '|' | '<' | '>' | '(' | ')' | '*' | '?' | '[' | ']' | '#'
                | '~' | '!' | '{' | '}' | '=' | '%' | '^' => return None,
                plain => word.get_or_insert_default().push(plain),
            }
        }
        words.extend(word);
        Some(words)
    }

    proptest! {
        #[test]
        fn a_shell_reads_exactly_the_words_that_were_quoted(
            words in prop::collection::vec(any::<String>().prop_map(|s| s.replace('\0', "")), 0..8),
        ) {
            let quoted: Vec<Word> = words.iter().map(|w| w.as_str().try_into().unwrap()).collect();
            prop_assert_eq!(shell_words(&quote(&quoted)), Some(words));
        }

        #[test]
        fn metacharacters_stay_words(words in prop::collection::vec("[ '\"\\\\$`;&|<>(){}*?!#~\n\t=a-]{0,12}", 1..6)) {
            let quoted: Vec<Word> = words.iter().map(|w| w.as_str().try_into().unwrap()).collect();
            prop_assert_eq!(shell_words(&quote(&quoted)), Some(words));
        }
    }

    #[test]
    fn nul_is_no_part_of_a_word() {
        assert_eq!(Word::try_from("a\0b"), Err(WordHasNul));
    }
}
