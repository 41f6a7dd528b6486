//! Docker by its own command, on a host that is reached over SSH.

use serde_json::{Value, json};

/// `docker container ls` in the format of the table: one JSON object a line.
pub fn list(text: &str) -> Vec<Value> {
    text.lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(Value::is_object)
        .collect()
}

/// `docker container stats --no-stream --format '{{json .}}'`, by container name.
pub fn stats(text: &str) -> Vec<(String, Value)> {
    let row = |value: Value| {
        let word = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let percent = |name: &str| word(name).trim_end_matches('%').parse::<f64>().ok();
        let name = Some(word("Name")).filter(|name| !name.is_empty())?;
        let used = word("MemUsage").split('/').next().and_then(bytes);
        let load = json!({
            "cpu_percent": percent("CPUPerc"), "mem_percent": percent("MemPerc"), "mem_used_bytes": used,
            "processes": word("PIDs").parse::<u32>().ok(),
        });
        Some((name, load))
    };
    list(text).into_iter().filter_map(row).collect()
}

/// `10.5MiB`
fn bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let end = text.find(|c: char| c.is_ascii_alphabetic())?;
    let number: f64 = text.get(..end)?.parse().ok()?;
    let unit: f64 = match text.get(end..)? {
        "B" => 1.0,
        "kB" | "KB" => 1e3,
        "KiB" => 1_024.0,
        "MB" => 1e6,
        "MiB" => 1_048_576.0,
        "GB" => 1e9,
        "GiB" => 1_073_741_824.0,
        "TiB" => 1_099_511_627_776.0,
        _ => return None,
    };
    format!("{:.0}", number * unit).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dockers_own_words_are_read() {
        let text = "{\"CPUPerc\":\"1.50%\",\"MemPerc\":\"2.00%\",\"MemUsage\":\"10.5MiB / 1GiB\",\"Name\":\"redis\",\"PIDs\":\"5\"}\nnonsense\n{\"Name\":\"\"}\n";
        let all = stats(text);
        assert_eq!(all.len(), 1);
        assert_eq!(
            all[0].1,
            json!({"cpu_percent": 1.5, "mem_percent": 2.0, "mem_used_bytes": 11_010_048, "processes": 5})
        );
        assert_eq!((bytes("0B"), bytes("x"), bytes("5 parsecs")), (Some(0), None, None));
    }
}
