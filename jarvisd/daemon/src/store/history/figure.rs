//! Numbers in fewer bits, in an order-preserving form, and integers in as many bytes as they need.
//!
//! The order-preserving form makes the difference of two near values a small integer, which packs into a byte or
//! two. Fewer bits are honest: no chart shows a fifth digit.

/// Bits of an `f64` kept in a chunk: sign, exponent and 11 of the mantissa, within 0.025 % of the value. With
/// three bits more, most steps from one cell to the next would need a third byte.
pub(super) const CHUNK_BITS: u32 = 23;
/// Bits kept of a raw sample: 20 of the mantissa, within 0.00005 %.
pub(super) const RAW_BITS: u32 = 32;

/// Beyond this, rounding could reach infinity. Nothing measured comes near.
const LARGEST: f64 = 1e300;

/// The nearest kept number, as an integer that is ordered as the numbers are; zero is in the middle.
pub(super) fn pack(value: f64, bits: u32) -> u32 {
    let shift = 64 - bits;
    let size = (value.abs().min(LARGEST).to_bits() + (1 << (shift - 1))) >> shift;
    let middle = 1u64 << (bits - 1);
    let ordered = if value < 0.0 { middle - size } else { middle + size };
    u32::try_from(ordered).unwrap_or(u32::MAX)
}

pub(super) fn unpack(packed: u32, bits: u32) -> f64 {
    let middle = 1u64 << (bits - 1);
    let size = f64::from_bits(u64::from(packed).abs_diff(middle) << (64 - bits));
    if u64::from(packed) < middle { -size } else { size }
}

/// Seven bits a byte, lowest first; the top bit says that more follow.
pub(super) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(low_bits(value) | 0x80);
        value >>= 7;
    }
    out.push(low_bits(value));
}

fn low_bits(value: u64) -> u8 {
    u8::try_from(value & 0x7F).unwrap_or(0)
}

/// Takes a varint off the front. `None` at the end of the bytes or if it is no varint.
pub(super) fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for place in 0..10 {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7F) << (7 * place);
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// Small numbers of either sign as small numbers without one.
pub(super) fn zigzag(value: i64) -> u64 {
    let doubled = value.unsigned_abs() << 1;
    if value < 0 { doubled - 1 } else { doubled }
}

pub(super) fn unzigzag(value: u64) -> i64 {
    let half = i64::try_from(value >> 1).unwrap_or(0);
    if value & 1 == 0 { half } else { -half - 1 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_figure() -> impl Strategy<Value = f64> {
        prop_oneof![Just(0.0), 0.0..1.0f64, -1e12..1e12f64, -1e18f64..1e18]
    }

    proptest! {
        #[test]
        fn a_packed_number_is_near_and_keeps_its_order(a in any_figure(), b in any_figure()) {
            for (bits, error) in [(CHUNK_BITS, 2.45e-4), (RAW_BITS, 4.8e-7)] {
                for x in [a, b] {
                    let near = unpack(pack(x, bits), bits);
                    prop_assert!((near - x).abs() <= x.abs() * error, "{x} became {near}");
                    prop_assert_eq!(pack(near, bits), pack(x, bits));
                }
                prop_assert!(a > b || pack(a, bits) <= pack(b, bits));
            }
        }

        #[test]
        fn integers_come_back(v in any::<u64>(), s in any::<i32>()) {
            let mut out = Vec::new();
            put_varint(&mut out, v);
            put_varint(&mut out, zigzag(i64::from(s)));
            let mut rest = out.as_slice();
            prop_assert_eq!(take_varint(&mut rest), Some(v));
            prop_assert_eq!(take_varint(&mut rest).map(unzigzag), Some(i64::from(s)));
            prop_assert_eq!(take_varint(&mut rest), None);
        }
    }

    #[test]
    fn powers_of_two_and_zero_are_exact() {
        for x in [0.0, -0.0, 1.0, 0.5, 25_769_803_776.0, -4.0] {
            assert_eq!(unpack(pack(x, CHUNK_BITS), CHUNK_BITS), x);
        }
    }
}
