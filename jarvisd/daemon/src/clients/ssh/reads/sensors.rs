//! Temperatures: `sensors -j` where lm-sensors is installed, else the kernel's thermal zones.

use serde::Serialize;
use serde_json::{Map, Value};

use super::Odd;

/// Outside of this a sensor is broken or not connected: boards report 0, -128 or 255 for such.
const PLAUSIBLE_C: std::ops::RangeInclusive<f64> = 1.0..=150.0;

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Temperature {
    /// `coretemp-isa-0000`, or the type of a thermal zone.
    pub chip: String,
    pub label: String,
    pub temp_c: f64,
    /// From where on the maker calls it hot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub high_c: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub critical_c: Option<f64>,
}

impl Temperature {
    /// Whether it is of a processor: the one figure that stands for a machine.
    fn is_processor(&self) -> bool {
        const CHIPS: [&str; 6] =
            ["coretemp", "k10temp", "zenpower", "cpu_thermal", "x86_pkg_temp", "cpu-thermal"];
        CHIPS.iter().any(|name| self.chip.starts_with(name))
    }

    /// The hottest of a machine's processors; without any, the hottest there is.
    pub fn of_machine(all: &[Self]) -> Option<f64> {
        let hottest = |cpu: bool| {
            let temps = all.iter().filter(|t| !cpu || t.is_processor()).map(|t| t.temp_c);
            temps.reduce(f64::max)
        };
        hottest(true).or_else(|| hottest(false))
    }
}

/// `sensors -j`
pub fn sensors(text: &str) -> Result<Vec<Temperature>, Odd> {
    let chips: Map<String, Value> = serde_json::from_str(text).map_err(|_| "not the JSON of sensors")?;
    let mut all = Vec::new();
    for (chip, features) in &chips {
        let Value::Object(features) = features else { continue };
        for (label, values) in features {
            let Value::Object(values) = values else { continue };
            let get = |ending: &str| {
                let of = values.iter().find(|(name, _)| name.starts_with("temp") && name.ends_with(ending));
                of.and_then(|(_, v)| v.as_f64()).filter(|t| PLAUSIBLE_C.contains(t))
            };
            if let Some(temp_c) = get("_input") {
                let (high_c, critical_c) = (get("_max"), get("_crit"));
                all.push(Temperature {
                    chip: chip.clone(),
                    label: label.clone(),
                    temp_c,
                    high_c,
                    critical_c,
                });
            }
        }
    }
    Ok(all)
}

/// `tail --verbose` of the zones' `type` and `temp`: a header a file.
pub fn thermal_zones(text: &str) -> Vec<Temperature> {
    let mut all = Vec::new();
    let (mut zone, mut file, mut kind) = ("", "", None::<String>);
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if let Some(path) = line.strip_prefix("==> ").and_then(|rest| rest.strip_suffix(" <==")) {
            let mut parts = path.rsplit('/');
            file = parts.next().unwrap_or_default();
            let next = parts.next().unwrap_or_default();
            if next != zone {
                kind = None;
            }
            zone = next;
        } else if file == "type" {
            kind = Some(line.to_owned());
        } else if file == "temp"
            && let Some(temp_c) =
                line.parse::<f64>().ok().map(|t| t / 1_000.0).filter(|t| PLAUSIBLE_C.contains(t))
        {
            let chip = kind.clone().unwrap_or_else(|| zone.to_owned());
            all.push(Temperature { chip, label: zone.to_owned(), temp_c, high_c: None, critical_c: None });
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sensors_are_read_and_broken_ones_left_out() {
        let text = r#"{
            "coretemp-isa-0000": {"Adapter": "ISA adapter",
                "Package id 0": {"temp1_input": 61.0, "temp1_max": 100.0, "temp1_crit": 110.0},
                "Core 0": {"temp2_input": 58.5}},
            "nvme-pci-0100": {"Adapter": "PCI adapter", "Composite": {"temp1_input": 71.9, "temp1_max": 81.8}},
            "it8728-isa-0a30": {"fan1": {"fan1_input": 900.0}, "temp3": {"temp3_input": -128.0}, "in0": {"in0_input": 1.2}}
        }"#;
        let all = sensors(text).unwrap();
        assert_eq!(all.len(), 3);
        let package = all.iter().find(|t| t.label == "Package id 0").unwrap();
        assert_eq!((package.temp_c, package.high_c, package.critical_c), (61.0, Some(100.0), Some(110.0)));
        assert_eq!(Temperature::of_machine(&all), Some(61.0), "the processor's, though a disk is hotter");
        assert_eq!(Temperature::of_machine(&all[2..]), Some(71.9));
        assert_eq!(Temperature::of_machine(&[]), None);
        assert!(sensors("No sensors found!").is_err());
    }

    #[test]
    fn thermal_zones_are_told_apart_by_their_headers() {
        let text = "==> /sys/class/thermal/thermal_zone0/type <==\nacpitz\n\n==> /sys/class/thermal/thermal_zone0/temp <==\n27800\n\n\
                    ==> /sys/class/thermal/thermal_zone1/type <==\nx86_pkg_temp\n\n==> /sys/class/thermal/thermal_zone1/temp <==\n55000\n\n\
                    ==> /sys/class/thermal/thermal_zone2/temp <==\n0\n";
        let all = thermal_zones(text);
        assert_eq!(
            all.iter().map(|t| (t.chip.as_str(), t.temp_c)).collect::<Vec<_>>(),
            [("acpitz", 27.8), ("x86_pkg_temp", 55.0)]
        );
        assert_eq!(Temperature::of_machine(&all), Some(55.0));
        assert!(thermal_zones("nonsense").is_empty());
    }
}
