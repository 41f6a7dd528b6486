//! The simulator's table of commands and the daemon's say the same, though neither was made from the other.

use jarvis_core::shapes::{ALL, Command, NodeRead, Shape, Word};
use jarvis_sim::ssh::table::recognise;
use proptest::prelude::*;

/// The words of a row with these values; what stands before the program is taken from a command as it is sent.
fn words(shape: &Shape, tail: &[&str]) -> Vec<String> {
    let sent = NodeRead::Sensors.command().unwrap();
    let front: Vec<&str> =
        sent.words().iter().map(Word::as_str).take_while(|w| *w != "/usr/bin/sensors").collect();
    let row = [shape.program].into_iter().chain(shape.lead.iter().copied()).chain(tail.iter().copied());
    front.into_iter().chain(row).map(str::to_owned).collect()
}

fn theirs(words: &[String]) -> Option<&'static str> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    Command::recognise(&words).map(|s| s.name)
}

fn ours(words: &[String]) -> Option<&'static str> {
    recognise(words).map(|(name, _)| name)
}

#[test]
fn every_example_of_every_row_is_taken_or_refused_by_both() {
    for shape in ALL {
        for tail in shape.accept {
            let words = words(shape, tail);
            assert_eq!((ours(&words), theirs(&words)), (Some(shape.name), Some(shape.name)), "{words:?}");
        }
        for tail in shape.reject {
            let words = words(shape, tail);
            assert_eq!(ours(&words), theirs(&words), "{words:?}");
        }
    }
}

proptest! {
    #[test]
    fn whatever_is_changed_both_still_agree(
        which in any::<prop::sample::Index>(),
        example in any::<prop::sample::Index>(),
        place in any::<prop::sample::Index>(),
        text in "\\PC{0,12}|[-./a-z0-9@:=_ ]{0,16}|/dev/[a-z0-9]{1,8}|--lines=[0-9]{1,5}|--since=20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9]Z|[a-z]{1,5}\\.(service|timer|x)|/[a-z .]{1,6}/[a-z.-]{1,6}",
        how in 0..4_u8,
    ) {
        let shape = ALL[which.index(ALL.len())];
        let mut words = words(shape, shape.accept[example.index(shape.accept.len())]);
        // Mostly near the end, where the values are.
        let at = match how {
            0 => place.index(words.len()),
            _ => words.len() - 1 - place.index(3),
        };
        match how {
            1 => words.insert(at, text),
            2 => words.push(text),
            _ => words[at] = text,
        }
        prop_assert_eq!(ours(&words), theirs(&words), "{:?}", words);
    }
}
