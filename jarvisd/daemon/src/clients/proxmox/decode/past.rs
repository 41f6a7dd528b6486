//! `GET /nodes/{node}/rrddata`: the last hour as the node itself recorded it.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::field::Field;
use super::{Decoded, Oddities, Unreadable, rows};

/// Averages over the minute that ends at `end_ms`; a missing figure was not recorded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PastMinute {
    pub end_ms: i64,
    /// Share of all cores, 0..=1.
    pub cpu: Option<f64>,
    pub cpu_cores: Option<f64>,
    pub mem_used_bytes: Option<f64>,
    pub mem_total_bytes: Option<f64>,
    pub disk_used_bytes: Option<f64>,
    pub load1: Option<f64>,
    /// Share of time waiting for disks, 0..=1.
    pub iowait: Option<f64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Fields {
    time: Field<u64>,
    cpu: Field<f64>,
    maxcpu: Field<f64>,
    memused: Field<f64>,
    memtotal: Field<f64>,
    rootused: Field<f64>,
    loadavg: Field<f64>,
    iowait: Field<f64>,
}

/// Minutes without data carry only their time and are skipped.
pub(in super::super) fn node_past(data: &RawValue) -> Result<Decoded<Vec<PastMinute>>, Unreadable> {
    let mut value = Vec::new();
    let read = rows(data, row, |minute| value.push(minute))?;
    Ok(Decoded { value, odd_rows: read.odd_rows, first_odd: read.first_odd })
}

fn row(json: &str, odd: &mut Oddities) -> Result<Option<PastMinute>, Unreadable> {
    let f: Fields = serde_json::from_str(json).map_err(|e| format!("not a row ({e})"))?;
    let time_s = f.time.read("time", odd).ok_or("no time")?;
    let end_ms = i64::try_from(time_s).ok().and_then(|s| s.checked_mul(1_000)).ok_or("no usable time")?;
    let minute = PastMinute {
        end_ms,
        cpu: f.cpu.read("cpu", odd),
        cpu_cores: f.maxcpu.read("maxcpu", odd),
        mem_used_bytes: f.memused.read("memused", odd),
        mem_total_bytes: f.memtotal.read("memtotal", odd),
        disk_used_bytes: f.rootused.read("rootused", odd),
        load1: f.loadavg.read("loadavg", odd),
        iowait: f.iowait.read("iowait", odd),
    };
    Ok((minute.cpu.is_some() || minute.mem_used_bytes.is_some()).then_some(minute))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minutes_with_only_a_time_are_skipped_and_odd_ones_counted() {
        let json = r#"[{"time":60},{"time":120,"cpu":0.25,"maxcpu":20,"memused":"5","netin":1},{"time":"x","cpu":1}]"#;
        let data = RawValue::from_string(json.to_owned()).unwrap();
        let read = node_past(&data).unwrap();
        assert_eq!((read.value.len(), read.odd_rows), (1, 1));
        let minute = read.value[0];
        assert_eq!((minute.end_ms, minute.cpu, minute.mem_used_bytes), (120_000, Some(0.25), Some(5.0)));
        assert_eq!(minute.load1, None);
    }
}
