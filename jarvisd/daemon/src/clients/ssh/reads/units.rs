//! systemd's word on units.

use serde::Serialize;

use super::Odd;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct UnitState {
    pub id: String,
    /// `loaded`, or `not-found` when there is no such unit.
    pub load: String,
    /// `active`, `failed` …
    pub active: String,
    /// `running`, `dead` …
    pub sub: String,
    /// How it ended last.
    pub result: String,
    pub restarts: u32,
    /// As systemd writes it.
    pub active_since: String,
    pub inactive_since: String,
}

impl UnitState {
    pub fn is_there(&self) -> bool {
        self.load != "not-found"
    }
}

/// `systemctl show --property=…`
pub fn unit_state(text: &str) -> Result<UnitState, Odd> {
    let mut unit = UnitState::default();
    for (name, value) in text.lines().filter_map(|line| line.split_once('=')) {
        let value = value.trim().to_owned();
        match name {
            "Id" => unit.id = value,
            "LoadState" => unit.load = value,
            "ActiveState" => unit.active = value,
            "SubState" => unit.sub = value,
            "Result" => unit.result = value,
            "NRestarts" => unit.restarts = value.parse().unwrap_or(0),
            "ActiveEnterTimestamp" => unit.active_since = value,
            "InactiveEnterTimestamp" => unit.inactive_since = value,
            _ => {}
        }
    }
    if unit.load.is_empty() { Err("no LoadState") } else { Ok(unit) }
}

/// `systemctl list-units --failed --plain --no-legend`: the names.
pub fn failed_units(text: &str) -> Vec<String> {
    let name = |line: &str| line.split_whitespace().next().map(str::to_owned);
    text.lines().filter_map(name).filter(|name| name.contains('.')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_read() {
        let text = "Id=smbd.service\nLoadState=loaded\nActiveState=failed\nSubState=failed\nResult=exit-code\nNRestarts=3\nActiveEnterTimestamp=\n";
        let unit = unit_state(text).unwrap();
        assert_eq!(
            (unit.active.as_str(), unit.result.as_str(), unit.restarts, unit.is_there()),
            ("failed", "exit-code", 3, true)
        );
        assert!(!unit_state("LoadState=not-found\n").unwrap().is_there());
        assert!(unit_state("Failed to connect to bus").is_err());
        let text = "smbd.service loaded failed failed Samba SMB Daemon\nzfs-mount.service loaded failed failed Mount\n\n";
        assert_eq!(failed_units(text), ["smbd.service", "zfs-mount.service"]);
        assert!(failed_units("").is_empty());
    }
}
