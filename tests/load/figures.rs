//! Results as a table: what was measured, what was promised, whether it was kept.

use std::{fmt, time::Duration};

#[derive(Default)]
pub struct Table {
    rows: Vec<Row>,
}

struct Row {
    what: String,
    measured: String,
    promised: String,
    kept: Option<bool>,
}

impl Table {
    /// A figure without a promise.
    pub fn told(&mut self, what: &str, measured: String) {
        println!("{what}: {measured}");
        self.rows.push(Row { what: what.into(), measured, promised: String::new(), kept: None });
    }

    pub fn judged(&mut self, what: &str, measured: f64, limit: f64, unit: &str) {
        let kept = measured <= limit;
        println!("{what}: {measured:.1} {unit}");
        self.rows.push(Row {
            what: what.into(),
            measured: format!("{measured:.1} {unit}"),
            promised: format!("≤ {limit} {unit}"),
            kept: Some(kept),
        });
    }

    pub fn missed(&self) -> bool {
        self.rows.iter().any(|r| r.kept == Some(false))
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<60} {:>14} {:>12}", "what", "measured", "promised")?;
        for Row { what, measured, promised, kept } in &self.rows {
            let word = match kept {
                None => "",
                Some(true) => "ok",
                Some(false) => "MISSED",
            };
            writeln!(f, "{what:<60} {measured:>14} {promised:>12} {word}")?;
        }
        Ok(())
    }
}

pub fn ms(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1_000.0)
}

/// The value below which `share` of all lie.
pub fn percentile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let at = ((values.len() as f64 - 1.0) * share).round() as usize;
    values.get(at).copied().unwrap_or(f64::NAN)
}
