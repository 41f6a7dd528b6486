//! What a node gives to others: NFS exports, and who uses its Samba shares.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::Odd;

/// A folder given to others, and to whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Export {
    pub path: String,
    pub client: String,
    pub writable: bool,
}

/// `/var/lib/nfs/etab`: `path<TAB>client(options)`
pub fn exports(text: &str) -> Vec<Export> {
    let row = |line: &str| {
        let (path, rest) = line.split_once(['\t', ' '])?;
        let (client, options) = rest.trim().split_once('(')?;
        let writable = options.trim_end_matches(')').split(',').any(|o| o == "rw");
        Some(Export { path: path.to_owned(), client: client.to_owned(), writable })
    };
    text.lines().filter_map(row).collect()
}

/// `smbstatus --shares --json`: by share, the machines connected to it.
pub fn samba(text: &str) -> Result<BTreeMap<String, Vec<String>>, Odd> {
    let value: Value = serde_json::from_str(text).map_err(|_| "not the JSON of smbstatus")?;
    let mut shares: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (_, row) in value.get("tcons").and_then(Value::as_object).into_iter().flatten() {
        let get = |name: &str| row.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (share, machine) = (get("service"), get("machine"));
        // Every client also has a channel for talking about shares.
        if !share.is_empty() && share != "IPC$" {
            shares.entry(share).or_default().push(machine);
        }
    }
    Ok(shares)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exports_and_connections_are_read() {
        let text = "/tank/vm\t10.0.0.0/24(rw,sync,no_root_squash)\n/tank/iso\t*(ro,sync)\nnonsense\n";
        let all = exports(text);
        assert_eq!(
            all.iter().map(|e| (e.path.as_str(), e.client.as_str(), e.writable)).collect::<Vec<_>>(),
            [("/tank/vm", "10.0.0.0/24", true), ("/tank/iso", "*", false)]
        );
        let text = r#"{"timestamp":"x","tcons":{"1":{"service":"media","machine":"10.0.0.5"},"2":{"service":"IPC$","machine":"10.0.0.5"},"3":{"service":"media","machine":"10.0.0.6"}}}"#;
        assert_eq!(samba(text).unwrap()["media"], ["10.0.0.5", "10.0.0.6"]);
        assert!(samba(r#"{"timestamp":"x"}"#).unwrap().is_empty());
        assert!(samba("can't open").is_err());
    }
}
