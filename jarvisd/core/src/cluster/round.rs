//! Figures rounded to what is shown, so that a quiet value causes no change.

const MIB: u64 = 1 << 20;

/// A share of 1, to three decimals; nonsense (negative, not a number) is unknown.
pub(crate) fn share(x: Option<f64>) -> Option<f64> {
    x.filter(|x| x.is_finite() && *x >= 0.0).map(|x| (x * 1000.0).round() / 1000.0)
}

/// Whole degrees are shown; what no machine survives is no temperature.
pub(crate) fn celsius(x: f64) -> Option<f64> {
    Some(x).filter(|x| (-60.0..=200.0).contains(x)).map(f64::round)
}

/// Load averages come with two decimals.
pub(crate) fn load(x: f64) -> Option<f64> {
    Some(x).filter(|x| x.is_finite() && *x >= 0.0).map(|x| (x * 100.0).round() / 100.0)
}

/// Whole MiB, but never more than there is.
pub(crate) fn used(bytes: Option<u64>, total: Option<u64>) -> Option<u64> {
    let rounded = bytes?.saturating_add(MIB / 2) / MIB * MIB;
    Some(total.filter(|t| *t > 0).map_or(rounded, |t| rounded.min(t)))
}

/// Two significant digits.
pub(crate) fn rate(n: u64) -> u64 {
    // By steps the compiler knows: a division by one it does not know takes ten times as long, and 10,000 guests have
    // 40,000 rates.
    match n.checked_ilog10().unwrap_or(0) {
        0 | 1 => n,
        2 => to::<10>(n),
        3 => to::<100>(n),
        4 => to::<1_000>(n),
        5 => to::<10_000>(n),
        6 => to::<100_000>(n),
        7 => to::<1_000_000>(n),
        8 => to::<10_000_000>(n),
        9 => to::<100_000_000>(n),
        digits => {
            let step = 10u64.pow(digits - 1);
            n.saturating_add(step / 2) / step * step
        }
    }
}

fn to<const STEP: u64>(n: u64) -> u64 {
    (n + STEP / 2) / STEP * STEP
}

/// Bytes a second from a counter that grew by `bytes` in `ms`.
pub(crate) fn per_second(bytes: u64, ms: i64) -> Option<u64> {
    let ms = u64::try_from(ms).ok().filter(|ms| *ms > 0)?;
    Some(rate(bytes.saturating_mul(1000) / ms))
}

/// `part` of `whole` in thousandths; unknown without a whole.
pub(crate) fn permille(part: Option<u64>, whole: Option<u64>) -> Option<u64> {
    let (part, whole) = (part?, whole.filter(|w| *w > 0)?);
    // Beyond 16 PiB a thousandth less exact is exact enough.
    Some(part.checked_mul(1000).map_or_else(|| part / (whole / 1000).max(1), |p| p / whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_have_three_decimals_and_nonsense_is_unknown() {
        assert_eq!(share(Some(0.005_449_657)), Some(0.005));
        assert_eq!(share(Some(0.999_96)), Some(1.0));
        for nonsense in [f64::NAN, f64::INFINITY, -0.1] {
            assert_eq!(share(Some(nonsense)), None);
        }
    }

    #[test]
    fn used_is_whole_mib_and_never_above_the_total() {
        assert_eq!(used(Some(MIB + 1), None), Some(MIB));
        assert_eq!(used(Some(MIB * 3 / 2), None), Some(2 * MIB));
        assert_eq!(used(Some(10 * MIB - 1), Some(10 * MIB - 1)), Some(10 * MIB - 1));
        assert_eq!(used(Some(u64::MAX), None).map(|n| n % MIB), Some(0));
        assert_eq!(used(None, Some(1)), None);
    }

    #[test]
    fn rates_have_two_significant_digits() {
        for (n, shown) in [(0, 0), (7, 7), (99, 99), (101, 100), (149, 150), (1_249, 1_200), (995, 1000)] {
            assert_eq!(rate(n), shown, "{n}");
        }
        for digits in 2..19u32 {
            let step = 10u64.pow(digits - 1);
            for (n, shown) in
                [(10 * step, 10), (14 * step + step / 2, 15), (42 * step - step / 2 - 1, 41), (99 * step, 99)]
            {
                assert_eq!(rate(n), shown * step, "{n}");
            }
        }
        assert_eq!(per_second(10_000, 10_000), Some(1_000));
        assert_eq!(per_second(10_000, 0), None);
        assert_eq!(per_second(10_000, -5), None);
        assert!(rate(u64::MAX) > 0);
    }

    #[test]
    fn a_share_without_a_whole_is_unknown() {
        assert_eq!(permille(Some(5), Some(0)), None);
        assert_eq!(permille(Some(u64::MAX), Some(u64::MAX)), Some(1000));
    }
}
