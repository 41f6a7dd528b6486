use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

fn every_read() -> Vec<NodeRead> {
    let unit = || "smbd".parse().unwrap();
    let since = Some("2026-10-20T14:03:00Z".parse().unwrap());
    vec![
        NodeRead::Journal { unit: unit(), lines: 100, since: since.clone() },
        NodeRead::Journal { unit: unit(), lines: 0, since: None },
        NodeRead::KernelLog { lines: u32::MAX, since },
        NodeRead::Sensors,
        NodeRead::ThermalZones,
        NodeRead::Smart("/dev/sda".parse().unwrap()),
        NodeRead::ZpoolStatus,
        NodeRead::ZpoolList,
        NodeRead::Lvm,
        NodeRead::Ceph,
        NodeRead::Processes,
        NodeRead::Sockets,
        NodeRead::Mounts,
        NodeRead::ShareFill("/mnt/pve/nas".parse().unwrap()),
        NodeRead::Exports,
        NodeRead::Samba,
        NodeRead::UnitState(unit()),
        NodeRead::FailedUnits,
        NodeRead::Pressure,
        NodeRead::Links,
        NodeRead::DockerList,
        NodeRead::DockerStats,
        NodeRead::DockerLogs { name: "web".parse().unwrap(), lines: 10 },
    ]
}

#[test]
fn every_rows_own_examples_hold() {
    for shape in ALL {
        assert!(!shape.accept.is_empty() && !shape.reject.is_empty(), "{}", shape.name);
        for words in shape.accept {
            assert_eq!(shape.check(words), Ok(()), "{} {words:?}", shape.name);
        }
        for words in shape.reject {
            assert!(shape.check(words).is_err(), "{} took {words:?}", shape.name);
        }
    }
}

#[test]
fn i32_every_row_is_absolute_bounded_and_named_once() {
    let mut names = BTreeSet::new();
    for shape in ALL {
        assert!(names.insert(shape.name), "{} twice", shape.name);
        assert!(shape.program.starts_with('/') && !shape.program.contains(".."), "{}", shape.name);
        assert!(shape.timeout_s > 0 && shape.timeout_s <= 30 && shape.output_bytes_max > 0, "{}", shape.name);
        for flag in shape.flags {
            assert!(flag.name.starts_with("--") && flag.name.ends_with('='), "{} {}", shape.name, flag.name);
        }
    }
}

#[test]
fn i31_reads_hold_no_word_that_writes() {
    let writing = [
        "restart", "stop", "start", "kill", "set", "rm", "write", "--vacuum", "--rotate", "--flush", "-t",
        "--test", "scrub", "clear", "create", "destroy", "exec", "run", "prune",
    ];
    for shape in ALL.iter().filter(|shape| !shape.changes) {
        for word in shape.lead {
            assert!(
                !writing.iter().any(|bad| word == bad || word.starts_with("--vacuum")),
                "{} {word}",
                shape.name
            );
        }
    }
    let changing: Vec<_> = ALL.iter().filter(|shape| shape.changes).map(|shape| shape.name).collect();
    assert_eq!(changing, ["restart_service"]);
}

#[test]
fn what_is_built_from_typed_values_fits_its_row_and_is_recognised() {
    let mut used = BTreeSet::new();
    for read in every_read() {
        let command = read.command().unwrap();
        let words: Vec<_> = command.words().iter().map(Word::as_str).collect();
        assert_eq!(Command::recognise(&words), Some(read.shape()), "{words:?}");
        used.insert(read.shape().name);
    }
    let reads: BTreeSet<_> = ALL.iter().filter(|shape| !shape.changes).map(|shape| shape.name).collect();
    assert_eq!(used, reads, "every row is used and every read has a row");
}

#[test]
fn no_environment_but_ours_is_passed_and_there_is_no_pager() {
    let line = NodeRead::Sensors.command().unwrap().line();
    assert!(line.starts_with("'/usr/bin/env' '-i' 'LC_ALL=C' "), "{line}");
    assert!(line.contains("'SYSTEMD_PAGER=cat'"), "{line}");
}

proptest! {
    #[test]
    fn any_word_added_or_changed_is_not_recognised_unless_it_is_such_a_value(
        which in any::<prop::sample::Index>(), place in any::<prop::sample::Index>(), text in "\\PC{0,20}|[-;|&$(){}'\"\n /.a-z=]{0,14}",
    ) {
        let reads = every_read();
        let read = &reads[which.index(reads.len())];
        let command = read.command().unwrap();
        let mut words: Vec<_> = command.words().iter().map(Word::as_str).collect();
        let at = place.index(words.len());
        let before = words[at];
        words[at] = &text;
        if let Some(shape) = Command::recognise(&words) {
            let value = text.rsplit('=').next().unwrap_or_default();
            let grammars = shape.flags.iter().map(|f| f.value).chain(shape.operands.iter().copied());
            prop_assert!(text == before || grammars.into_iter().any(|g| g.accepts(&text) || g.accepts(value)));
        }
        words[at] = before;
        words.push(&text);
        let optional = text.starts_with("--since=");
        prop_assert!(Command::recognise(&words).is_none() || optional, "{words:?}");
    }

    #[test]
    fn what_no_grammar_takes_never_begins_with_a_dash(text in "-\\PC{0,20}") {
        for grammar in [Grammar::Count(10), Grammar::Unit, Grammar::Disk, Grammar::Mount, Grammar::Container, Grammar::Time] {
            prop_assert!(!grammar.accepts(&text));
        }
    }
}
