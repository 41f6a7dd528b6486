//! Where the moving numbers come from: pure functions of seed and time.
//!
//! Any instant, past or present, can be asked for, so history charts and live figures agree and nothing
//! is computed while nobody looks. Load has a daily rhythm, bursts, its own noise and a share of one
//! cluster-wide swell, so that machines move together as they do when people come home. Counters are
//! exact integrals of the rates. Not here: faults that add load (`faults`).

use std::f64::consts::TAU;

use crate::num;

const DAY_S: f64 = 86_400.0;

/// splitmix64: small, good enough, and the same everywhere.
pub fn hash(seed: u64, key: u64) -> u64 {
    let mut z = seed ^ key.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = z.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// A number in 0..1 for a key.
pub fn unit(seed: u64, key: u64) -> f64 {
    num::real(hash(seed, key) >> 11) / num::real(1 << 53)
}

/// A number for a text, the same in every run.
pub fn key_of(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3))
}

/// Smooth noise in 0..1 that changes over about `period_s`.
pub fn noise(seed: u64, t_s: f64, period_s: f64) -> f64 {
    let x = t_s / period_s;
    let cell = x.floor();
    let part = x - cell;
    let smooth = part * part * (3.0 - 2.0 * part);
    let cell = num::whole(cell);
    let (a, b) = (unit(seed, cell), unit(seed, cell + 1));
    a + (b - a) * smooth
}

/// How one guest (or the host itself) behaves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Personality {
    pub seed: u64,
    /// Share of its CPUs used in the quietest hour.
    pub cpu_floor: f64,
    /// What the busiest hour adds.
    pub cpu_daily: f64,
    /// Hour of the day (UTC) with the most load.
    pub peak_hour: f64,
    /// Height of a burst, and how many of ten slots have one.
    pub burst: f64,
    pub burst_share: f64,
    /// Share of its memory in use.
    pub mem: f64,
    pub disk: f64,
    /// Mean bytes a second.
    pub net_in: f64,
    pub net_out: f64,
    pub disk_read: f64,
    pub disk_write: f64,
}

/// Length of a slot in which a burst may fall.
const BURST_SLOT_S: f64 = 420.0;

impl Personality {
    /// CPU use as a share of what the guest has, 0..0.98.
    pub fn cpu(&self, cluster_seed: u64, t_s: f64) -> f64 {
        let day = day_curve(t_s, self.peak_hour);
        let own = noise(self.seed, t_s, 40.0) - 0.5;
        let swell = noise(cluster_seed, t_s, 900.0) - 0.5;
        let level = self.cpu_floor + self.cpu_daily * day;
        let moved = level * (1.0 + 0.5 * own + 0.5 * swell) + self.burst_at(t_s) + 0.004 * own.abs();
        moved.clamp(0.0005, 0.98)
    }

    fn burst_at(&self, t_s: f64) -> f64 {
        let slot = num::whole(t_s / BURST_SLOT_S);
        if unit(self.seed ^ 0xb5, slot) >= self.burst_share {
            return 0.0;
        }
        let part = (t_s / BURST_SLOT_S).fract();
        self.burst * (part * std::f64::consts::PI).sin().max(0.0)
    }

    /// Share of memory in use, 0..0.97.
    pub fn mem_share(&self, t_s: f64) -> f64 {
        let slow = noise(self.seed ^ 0x3e, t_s, 5_400.0) - 0.5;
        let fast = noise(self.seed ^ 0x3f, t_s, 90.0) - 0.5;
        (self.mem * (1.0 + 0.18 * slow + 0.03 * fast)).clamp(0.01, 0.97)
    }

    /// Bytes a second at an instant for a mean rate.
    pub fn rate(&self, mean: f64, t_s: f64) -> f64 {
        let phase = self.phase();
        let waves: f64 = RHYTHM.iter().map(|(p, a)| a * (TAU * t_s / p + phase).sin()).sum();
        mean * (1.0 + waves)
    }

    /// Bytes moved between two instants: the integral of `rate`.
    pub fn moved(&self, mean: f64, from_s: f64, to_s: f64) -> u64 {
        let phase = self.phase();
        let waves: f64 = RHYTHM
            .iter()
            .map(|(p, a)| {
                let w = TAU / p;
                a / w * ((w * from_s + phase).cos() - (w * to_s + phase).cos())
            })
            .sum();
        num::whole((mean * (to_s - from_s + waves)).max(0.0))
    }

    fn phase(&self) -> f64 {
        TAU * unit(self.seed, 7)
    }
}

/// Periods in seconds and their shares; together below 1, so that rates stay positive.
const RHYTHM: [(f64, f64); 4] = [(DAY_S, 0.45), (3_700.0, 0.2), (611.0, 0.15), (97.0, 0.12)];

/// 0 in the quietest hour, 1 in the busiest.
fn day_curve(t_s: f64, peak_hour: f64) -> f64 {
    let hour = (t_s % DAY_S) / 3600.0;
    let c = 0.5 + 0.5 * (TAU * (hour - peak_hour) / 24.0).cos();
    c * c
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn person(seed: u64) -> Personality {
        Personality {
            seed,
            cpu_floor: 0.05,
            cpu_daily: 0.3,
            peak_hour: 20.0,
            burst: 0.3,
            burst_share: 0.2,
            mem: 0.6,
            disk: 0.4,
            net_in: 10_000.0,
            net_out: 5_000.0,
            disk_read: 1_000.0,
            disk_write: 2_000.0,
        }
    }

    proptest! {
        #[test]
        fn shares_stay_between_nothing_and_all(seed: u64, t in 1.0e9..2.0e9) {
            let p = person(seed);
            prop_assert!((0.0..=1.0).contains(&p.cpu(3, t)));
            prop_assert!((0.0..=1.0).contains(&p.mem_share(t)));
        }

        #[test]
        fn counters_never_run_backwards(seed: u64, from in 1.0e9..1.1e9, a in 0.0..1.0e6, b in 0.0..1.0e6) {
            let p = person(seed);
            let (near, far) = (f64::min(a, b), f64::max(a, b));
            prop_assert!(p.moved(p.net_in, from, from + near) <= p.moved(p.net_in, from, from + far));
        }

        #[test]
        fn the_same_seed_and_time_give_the_same_number(seed: u64, t in 1.0e9..2.0e9) {
            prop_assert_eq!(person(seed).cpu(9, t).to_bits(), person(seed).cpu(9, t).to_bits());
        }
    }

    #[test]
    fn a_counter_grows_by_about_its_rate() {
        let p = person(5);
        let t = 1.7e9;
        let moved = num::real(p.moved(p.net_in, t, t + 10.0)) / 10.0;
        assert!((moved / p.rate(p.net_in, t + 5.0) - 1.0).abs() < 0.1);
    }

    #[test]
    fn load_moves_within_minutes_and_between_night_and_evening() {
        let p = person(11);
        let evening = p.cpu(1, 1_795_378_800.0 - 1_795_378_800.0 % DAY_S + 20.0 * 3600.0);
        let morning = p.cpu(1, 1_795_378_800.0 - 1_795_378_800.0 % DAY_S + 8.0 * 3600.0);
        assert!(evening > morning + 0.05, "{evening} against {morning}");
    }
}
