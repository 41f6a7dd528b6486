//! Figures that other tools have taken just before: divan of functions, the dashboard's weighing of its build.
//! They are judged here, so that one table holds every promise.

use std::{fs, path::Path};

use anyhow::{Context, Result, ensure};

use crate::figures::Table;

/// A poll in which all of ten thousand guests changed, read in and compared.
const ABSORB_DIFF_MS: f64 = 10.0;
/// What a first visit has to load before it shows anything.
const ENTRY_KB: f64 = 150.0;

pub fn functions(table: &mut Table, report: &Path) -> Result<()> {
    let text = read(report)?;
    for (bench, what, promised) in [
        ("absorb_diff_all", "all changed", Some(ABSORB_DIFF_MS)),
        ("absorb_diff_tenth", "a tenth changed", None),
        ("absorb_diff_quiet", "none changed", None),
    ] {
        let times = divan(&text, bench, "10000")
            .with_context(|| format!("{} holds no {bench} of 10000", report.display()))?;
        let what = format!("absorb + diff of 10,000 guests, {what}");
        table.told(&format!("{what}, fastest"), format!("{:.1} ms", times.fastest_ms));
        match promised {
            Some(limit) => table.judged(&format!("{what}, median"), times.median_ms, limit, "ms"),
            None => table.told(&format!("{what}, median"), format!("{:.1} ms", times.median_ms)),
        }
    }
    Ok(())
}

pub fn dashboard(table: &mut Table, report: &Path) -> Result<()> {
    let kib = entry_kib(&read(report)?)
        .with_context(|| format!("{} does not say what the entry weighs", report.display()))?;
    table.judged("dashboard, scripts of the first visit, gzip", kib * 1.024, ENTRY_KB, "kB");
    Ok(())
}

fn read(report: &Path) -> Result<String> {
    let text = fs::read_to_string(report).with_context(|| report.display().to_string())?;
    ensure!(!text.trim().is_empty(), "{} is empty", report.display());
    Ok(text)
}

#[derive(Debug, PartialEq)]
struct Times {
    fastest_ms: f64,
    median_ms: f64,
}

/// One line of divan's tree: `│  ╰─ 10000   6.9 ms │ 30.2 ms │ 9.6 ms │ …`: fastest, slowest, median, mean.
fn divan(text: &str, bench: &str, size: &str) -> Option<Times> {
    let mut within = false;
    for line in text.lines() {
        let cells: Vec<&str> = line.trim_start_matches(['│', '├', '╰', '─', ' ']).split('│').collect();
        let (name, first) = cells.first()?.trim().split_once(' ').unwrap_or((cells.first()?.trim(), ""));
        if first.trim().is_empty() {
            within = name == bench;
        } else if within && name == size {
            return Some(Times { fastest_ms: milliseconds(first)?, median_ms: milliseconds(cells.get(2)?)? });
        }
    }
    None
}

fn milliseconds(text: &str) -> Option<f64> {
    let (number, unit) = text.trim().split_once(' ')?;
    let number: f64 = number.parse().ok()?;
    match unit {
        "ns" => Some(number / 1e6),
        "µs" => Some(number / 1e3),
        "ms" => Some(number),
        "s" => Some(number * 1e3),
        _ => None,
    }
}

/// `ok   entry js   132.4 KiB of 150`
fn entry_kib(text: &str) -> Option<f64> {
    let line = text.lines().find(|l| l.contains("entry js"))?;
    line.split("entry js").nth(1)?.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TREE: &str = "\
Timer precision: 20 ns
state                 fastest       │ slowest       │ median        │ mean          │ samples │ iters
├─ absorb_diff_all                  │               │               │               │         │
│  ├─ 2000            880.5 µs      │ 5.249 ms      │ 1.81 ms       │ 2.819 ms      │ 100     │ 100
│  ╰─ 10000           6.979 ms      │ 86.97 ms      │ 9.5 ms        │ 19.67 ms      │ 100     │ 100
╰─ absorb_diff_quiet                │               │               │               │         │
   ╰─ 10000           1.2 s         │ 12.88 ms      │ 640 ns        │ 7.658 ms      │ 100     │ 100
";

    #[test]
    fn divans_tree_is_read_by_name_and_size() {
        let all = divan(TREE, "absorb_diff_all", "10000");
        assert_eq!(all, Some(Times { fastest_ms: 6.979, median_ms: 9.5 }));
        assert_eq!(divan(TREE, "absorb_diff_all", "2000").map(|t| t.fastest_ms), Some(0.8805));
        let quiet = divan(TREE, "absorb_diff_quiet", "10000");
        assert_eq!(quiet, Some(Times { fastest_ms: 1200.0, median_ms: 0.00064 }));
        assert_eq!(divan(TREE, "absorb_diff_quiet", "2000"), None, "of another bench");
        assert_eq!(divan(TREE, "absorb_diff_tenth", "10000"), None);
    }

    #[test]
    fn the_entry_is_read_whatever_is_thought_of_it() {
        assert_eq!(entry_kib("ok   css      9.0 KiB of 20\nok   entry js    132.4 KiB of 150"), Some(132.4));
        assert_eq!(entry_kib("OVER entry js    161.0 KiB of 150\n"), Some(161.0));
        assert_eq!(entry_kib("cannot find dist"), None);
    }
}
