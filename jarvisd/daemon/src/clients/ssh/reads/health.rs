//! What a disk says of itself: `smartctl --json`.

use serde::Serialize;
use serde_json::Value;

use super::Odd;

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Disk {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// The disk's own verdict.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passed: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temp_c: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub powered_hours: Option<u64>,
    /// Of an SSD's life, where it says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worn_percent: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media_errors: Option<u64>,
    pub attributes: Vec<Attribute>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Attribute {
    pub id: u64,
    pub name: String,
    pub value: u64,
    pub worst: u64,
    pub threshold: u64,
    pub raw: String,
    /// The maker's threshold was crossed.
    pub failing: bool,
}

pub fn smart(text: &str) -> Result<Disk, Odd> {
    let value: Value = serde_json::from_str(text).map_err(|_| "not the JSON of smartctl")?;
    let at = |pointer: &str| value.pointer(pointer);
    let word = |pointer: &str| at(pointer).and_then(Value::as_str).map(str::to_owned);
    let number = |pointer: &str| at(pointer).and_then(Value::as_u64);
    let rows = at("/ata_smart_attributes/table").and_then(Value::as_array);
    let attribute = |row: &Value| {
        let number = |name: &str| row.get(name).and_then(Value::as_u64);
        Some(Attribute {
            id: number("id")?,
            name: row.get("name")?.as_str()?.to_owned(),
            value: number("value")?,
            worst: number("worst").unwrap_or(0),
            threshold: number("thresh").unwrap_or(0),
            raw: row.pointer("/raw/string").and_then(Value::as_str).unwrap_or_default().to_owned(),
            failing: row.get("when_failed").and_then(Value::as_str).is_some_and(|w| !w.is_empty()),
        })
    };
    let disk = Disk {
        model: word("/model_name"),
        serial: word("/serial_number"),
        passed: at("/smart_status/passed").and_then(Value::as_bool),
        temp_c: at("/temperature/current").and_then(Value::as_f64),
        powered_hours: number("/power_on_time/hours"),
        worn_percent: number("/nvme_smart_health_information_log/percentage_used"),
        media_errors: number("/nvme_smart_health_information_log/media_errors"),
        attributes: rows.into_iter().flatten().filter_map(attribute).collect(),
    };
    if disk == Disk::default() { Err("nothing about a disk in it") } else { Ok(disk) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_disks_are_read() {
        let ata = r#"{"model_name":"WD Red","serial_number":"X1","smart_status":{"passed":false},"temperature":{"current":38},
            "power_on_time":{"hours":41000},"ata_smart_attributes":{"table":[
            {"id":5,"name":"Reallocated_Sector_Ct","value":90,"worst":90,"thresh":140,"when_failed":"now","raw":{"value":2000,"string":"2000"}}]}}"#;
        let disk = smart(ata).unwrap();
        assert_eq!((disk.passed, disk.temp_c, disk.powered_hours), (Some(false), Some(38.0), Some(41_000)));
        assert!(disk.attributes[0].failing && disk.attributes[0].raw == "2000");
        let nvme = r#"{"model_name":"980 PRO","smart_status":{"passed":true},"nvme_smart_health_information_log":{"percentage_used":7,"media_errors":0}}"#;
        let disk = smart(nvme).unwrap();
        assert_eq!((disk.worn_percent, disk.media_errors, disk.passed), (Some(7), Some(0), Some(true)));
        assert!(smart("{}").is_err() && smart("x").is_err());
    }
}
