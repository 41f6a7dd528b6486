//! Conversions between whole and real numbers, saturating and in one place.
//!
//! Rates and ratios are computed as `f64`, the API speaks in whole bytes and seconds; the lossy casts
//! live here so that no other file needs one. Not here: any rounding for display.

/// A whole number as a real one; exact below 2^53, which every byte count here is.
#[expect(clippy::as_conversions, reason = "there is no lossless From<u64> for f64")]
pub fn real(n: u64) -> f64 {
    n as f64
}

/// The whole part of a real number, 0 for negatives and NaN, saturating at the top.
#[expect(clippy::as_conversions, reason = "float casts saturate, which is what is wanted")]
pub fn whole(x: f64) -> u64 {
    x as u64
}

/// The signed whole part of a real number.
#[expect(clippy::as_conversions, reason = "float casts saturate, which is what is wanted")]
pub fn signed(x: f64) -> i64 {
    x as i64
}

/// A length as `u64`.
pub fn len(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

/// A count as `usize`.
pub fn size(n: u64) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}
