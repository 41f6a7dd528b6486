//! Many cells of one series in few bytes.
//!
//! Layout: a version byte; the counts as (count, how often) pairs until every slot is named, 0 being a gap; then,
//! of the slots that are not gaps, the means as differences to the one before, the way down from mean to least,
//! and the way up to most. A zero is followed by how many more zeroes there are, so what stands still costs
//! next to nothing.

use super::{
    cell::Cell,
    figure::{CHUNK_BITS, pack, put_varint, take_varint, unpack, unzigzag, zigzag},
};

/// A chunk of a later layout is not read as one of this.
const VERSION: u8 = 1;

pub(super) type Slots = Vec<Option<Cell>>;

pub(super) fn encode(slots: &[Option<Cell>]) -> Vec<u8> {
    let mut out = vec![VERSION];
    let mut counts = slots.iter().map(|slot| slot.map_or(0, |cell| cell.n)).peekable();
    while let Some(count) = counts.next() {
        let mut run = 1;
        while counts.next_if_eq(&count).is_some() {
            run += 1;
        }
        put_varint(&mut out, count.into());
        put_varint(&mut out, run);
    }
    let known = || slots.iter().flatten();
    let mean = |cell: &Cell| i64::from(pack(cell.mean, CHUNK_BITS));
    let mut before = 0;
    put_column(&mut out, known().map(|cell| zigzag(mean(cell) - std::mem::replace(&mut before, mean(cell)))));
    put_column(&mut out, known().map(|cell| zigzag(mean(cell) - i64::from(pack(cell.min, CHUNK_BITS)))));
    put_column(&mut out, known().map(|cell| zigzag(i64::from(pack(cell.max, CHUNK_BITS)) - mean(cell))));
    out
}

/// `None` if these bytes are not a chunk of `length` slots.
pub(super) fn decode(bytes: &[u8], length: usize) -> Option<Slots> {
    let (&version, mut rest) = bytes.split_first()?;
    if version != VERSION {
        return None;
    }
    let mut counts: Vec<u32> = Vec::with_capacity(length);
    while counts.len() < length {
        let count = u32::try_from(take_varint(&mut rest)?).ok()?;
        let run = usize::try_from(take_varint(&mut rest)?).ok()?;
        if run == 0 || run > length - counts.len() {
            return None;
        }
        counts.resize(counts.len() + run, count);
    }
    let known = counts.iter().filter(|n| **n > 0).count();
    let means = take_column(&mut rest, known)?;
    let downs = take_column(&mut rest, known)?;
    let ups = take_column(&mut rest, known)?;
    let mut figures = means.into_iter().zip(downs).zip(ups);
    let mut mean = 0i64;
    let number = |packed: i64| Some(unpack(u32::try_from(packed).ok()?, CHUNK_BITS));
    let mut slots = Vec::with_capacity(length);
    for n in counts {
        if n == 0 {
            slots.push(None);
            continue;
        }
        let ((step, down), up) = figures.next()?;
        mean = mean.checked_add(step)?;
        let (min, max) = (number(mean.checked_sub(down)?)?, number(mean.checked_add(up)?)?);
        slots.push(Some(Cell { min, mean: number(mean)?, max, n }));
    }
    Some(slots)
}

fn put_column(out: &mut Vec<u8>, values: impl Iterator<Item = u64>) {
    let mut values = values.peekable();
    while let Some(value) = values.next() {
        put_varint(out, value);
        if value == 0 {
            let mut more = 0;
            while values.next_if_eq(&0).is_some() {
                more += 1;
            }
            put_varint(out, more);
        }
    }
}

fn take_column(bytes: &mut &[u8], length: usize) -> Option<Vec<i64>> {
    let mut values = Vec::with_capacity(length);
    while values.len() < length {
        let value = take_varint(bytes)?;
        values.push(unzigzag(value));
        if value == 0 {
            let more = usize::try_from(take_varint(bytes)?).ok()?;
            if more > length - values.len() {
                return None;
            }
            values.resize(values.len() + more, 0);
        }
    }
    Some(values)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_cell() -> impl Strategy<Value = Cell> {
        let value = prop_oneof![Just(0.0), 0.0..1.0f64, 1e3..1e12f64, -100.0..100.0f64];
        (proptest::collection::vec(value, 1..8)).prop_map(|values| {
            let mut cell = None;
            values.into_iter().for_each(|v| Cell::fold(&mut cell, Cell::of_sample(v)));
            cell.unwrap()
        })
    }

    proptest! {
        #[test]
        fn a_chunk_comes_back_with_its_gaps(slots in proptest::collection::vec(proptest::option::of(any_cell()), 60)) {
            let back = decode(&encode(&slots), 60).unwrap();
            for (was, is) in slots.iter().zip(&back) {
                match (was, is) {
                    (None, None) => {}
                    (Some(a), Some(b)) => {
                        prop_assert_eq!(a.n, b.n);
                        for (x, y) in [(a.min, b.min), (a.mean, b.mean), (a.max, b.max)] {
                            prop_assert!((x - y).abs() <= x.abs() * 2.45e-4, "{x} became {y}");
                        }
                        prop_assert!(b.min <= b.mean && b.mean <= b.max);
                    }
                    _ => prop_assert!(false, "a gap moved"),
                }
            }
            // What was packed once does not change any more.
            prop_assert_eq!(encode(&back), encode(&slots));
        }

        #[test]
        fn bytes_that_are_no_chunk_are_told_and_never_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Some(slots) = decode(&bytes, 60) {
                prop_assert_eq!(slots.len(), 60);
            }
        }
    }

    #[test]
    fn what_stands_still_costs_a_few_bytes() {
        let still = vec![Some(Cell { n: 6, ..Cell::of_sample(25_769_803_776.0) }); 60];
        assert!(encode(&still).len() <= 16, "{}", encode(&still).len());
        assert!(encode(&vec![None; 96]).len() <= 4);
    }
}
