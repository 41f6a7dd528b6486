use proptest::prelude::*;

use super::*;

fn draft(n: u8, text: &str) -> Draft {
    Draft {
        at_ms: i64::from(n) * 1_000,
        kind: Kind::ALL[usize::from(n) % Kind::ALL.len()],
        who: format!("human/{n}"),
        subject: "guest/100".into(),
        detail: format!("{{\"text\":{text:?}}}"),
    }
}

fn chain(texts: &[String]) -> Vec<Row> {
    let mut head = Head::EMPTY;
    let mut rows = Vec::new();
    for (n, text) in texts.iter().enumerate() {
        let (row, next) = head.next(draft(u8::try_from(n).unwrap(), text));
        rows.push(row);
        head = next;
    }
    rows
}

fn end(rows: &[Row]) -> Checkpoint {
    Head::after(rows.last().unwrap()).checkpoint()
}

#[test]
fn kinds_are_stored_by_the_word_that_is_shown() {
    for kind in Kind::ALL {
        assert_eq!(serde_json::to_value(kind).unwrap(), kind.word());
    }
}

#[test]
fn a_checkpoint_is_read_as_it_is_written() {
    let checkpoint = end(&chain(&["a".into()]));
    assert_eq!(checkpoint.to_string().parse(), Ok(checkpoint));
    assert!("1:abc".parse::<Checkpoint>().is_err() && "abc".parse::<Checkpoint>().is_err());
}

#[test]
fn a_walk_from_a_trusted_checkpoint_reads_only_what_follows() {
    let rows = chain(&["a".into(), "b".into(), "c".into()]);
    let trusted = Head::after(&rows[0]).checkpoint();
    let mut walk = Walk::from_checkpoint(trusted, &[]);
    rows[1..].iter().try_for_each(|row| walk.step(row)).unwrap();
    assert_eq!(walk.finish(), Ok(end(&rows)));
}

proptest! {
    #[test]
    fn i29_any_edit_deletion_reordering_insertion_or_truncation_before_the_checkpoint_is_found(
        texts in prop::collection::vec("\\PC{0,12}", 2..12),
        at in any::<prop::sample::Index>(), other in any::<prop::sample::Index>(), field in 0u8..8, how in 0u8..6,
    ) {
        let rows = chain(&texts);
        let checkpoint = end(&rows);
        prop_assert_eq!(verify(&rows, &[checkpoint]), Ok(checkpoint));

        let mut bad = rows.clone();
        let (at, other) = (at.index(rows.len()), other.index(rows.len()));
        match how {
            0 => match field {
                0 => bad[at].seq += 1,
                1 => bad[at].at_ms += 1,
                2 => bad[at].kind = if bad[at].kind == Kind::Started { Kind::Stopped } else { Kind::Started },
                3 => bad[at].who.push('x'),
                4 => bad[at].subject.push('x'),
                5 => bad[at].detail.push(' '),
                6 => bad[at].prev = Digest::of("x", [b"x".as_slice()]),
                _ => bad[at].hash = Digest::of("x", [b"x".as_slice()]),
            },
            1 => { bad.remove(at); }
            2 => {
                prop_assume!(at != other);
                bad.swap(at, other);
            }
            3 => bad.truncate(at),
            4 => {
                let copy = bad[other].clone();
                bad.insert(at, copy);
                prop_assume!(bad != rows);
            }
            // The cleverest forger: changes a row and reckons all that follows anew.
            _ => {
                bad[at].detail.push('!');
                let mut head = if at == 0 { Head::EMPTY } else { Head::after(&bad[at - 1]) };
                for row in &mut bad[at..] {
                    let Row { at_ms, kind, who, subject, detail, .. } = row.clone();
                    (*row, head) = head.next(Draft { at_ms, kind, who, subject, detail });
                }
            }
        }
        prop_assert!(verify(&bad, &[checkpoint]).is_err());
    }
}
