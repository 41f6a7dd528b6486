//! What a real shell makes of a quoted command line.

#[cfg(test)]
mod tests {
    use std::process::Command as Process;

    use jarvis_core::shapes::{Word, quote};
    use proptest::prelude::*;

    /// The words `/bin/sh` passes on to a program.
    fn received(words: &[String]) -> Vec<String> {
        let program = ["printf".to_owned(), "%s\\0".to_owned()];
        let all: Vec<Word> =
            program.iter().chain(words).map(|w| Word::try_from(w.as_str()).unwrap()).collect();
        let out = Process::new("/bin/sh").arg("-c").arg(quote(&all)).env_clear().output().unwrap();
        assert!(out.status.success() && out.stderr.is_empty(), "{out:?}");
        let text = String::from_utf8(out.stdout).unwrap();
        text.strip_suffix('\0').map(|t| t.split('\0').map(str::to_owned).collect()).unwrap_or_default()
    }

    #[test]
    fn known_attacks_arrive_as_inert_words() {
        let words = [
            "", " ", "'", "''", "\\", "\\'", "$(id)", "`id`", "a;b", "a\nb", "a&&b", "|", ">x", "*", "~",
            "!!", "-rf", "#", "a'b'c", "\u{202e}", "é", "$HOME", "${IFS}", "\t", "\r\n", "\u{7}", "%s%n",
        ];
        let words: Vec<_> = words.iter().map(|w| (*w).to_owned()).collect();
        assert_eq!(received(&words), words);
    }

    proptest! {
        // Each case starts a process.
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn a_real_shell_receives_exactly_the_words(
            words in prop::collection::vec(any::<String>().prop_map(|s| s.replace('\0', "")), 1..10),
        ) {
            prop_assert_eq!(received(&words), words);
        }
    }
}
