//! One moment of the series of a shard: pairs of place and value, five bytes each, ordered by place.

use std::collections::BTreeMap;

use super::figure::{RAW_BITS, pack, unpack};

/// Series of one shard. 128 pairs stay below a quarter page, so no row needs a page of its own.
pub(super) const SHARD: i64 = 128;

/// Values by place within the shard.
pub(super) type Moment = BTreeMap<u8, f64>;

pub(super) fn shard_of(series: i64) -> i64 {
    series.div_euclid(SHARD)
}

pub(super) fn place_of(series: i64) -> u8 {
    u8::try_from(series.rem_euclid(SHARD)).unwrap_or(0)
}

pub(super) fn encode(moment: &Moment) -> Vec<u8> {
    moment
        .iter()
        .flat_map(|(place, value)| std::iter::once(*place).chain(pack(*value, RAW_BITS).to_le_bytes()))
        .collect()
}

/// Bytes left over at the end belong to no pair and are passed over.
pub(super) fn decode(bytes: &[u8]) -> impl Iterator<Item = (u8, f64)> {
    bytes.chunks_exact(5).filter_map(|pair| match pair {
        [place, a, b, c, d] => Some((*place, unpack(u32::from_le_bytes([*a, *b, *c, *d]), RAW_BITS))),
        _ => None,
    })
}
