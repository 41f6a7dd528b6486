//! What is known of one stretch of time: least, mean, most, and of how many samples.

/// Summary of the samples of a stretch. `n` is never 0: nothing known is the absence of a cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Cell {
    pub min: f64,
    pub mean: f64,
    pub max: f64,
    pub n: u32,
}

impl Cell {
    pub fn of_sample(value: f64) -> Self {
        Self { min: value, mean: value, max: value, n: 1 }
    }

    /// Both stretches as one; the mean weighs each by its samples.
    pub fn with(self, other: Self) -> Self {
        let n = self.n.saturating_add(other.n);
        let (min, max) = (self.min.min(other.min), self.max.max(other.max));
        let share = f64::from(other.n) / f64::from(n);
        // Rounding must not push the mean outside what it is the mean of.
        let mean = (self.mean + (other.mean - self.mean) * share).clamp(min, max);
        Self { min, mean, max, n }
    }

    pub fn fold(into: &mut Option<Self>, other: Self) {
        *into = Some(into.map_or(other, |cell| cell.with(other)));
    }
}
