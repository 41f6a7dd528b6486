//! Network shares a node has mounted, and how full they are.

use serde::{Deserialize, Serialize};

use super::Odd;

/// A mounted share, from the kernel's own table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mount {
    pub target: String,
    /// `10.0.0.9:/tank/media`, `//nas/media`
    pub source: String,
    pub fstype: String,
    pub read_only: bool,
}

/// How full a mounted share is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Fill {
    pub total_bytes: u64,
    pub used_bytes: u64,
    pub available_bytes: u64,
}

/// `findmnt --json`, which writes nothing at all when there is none.
pub fn mounts(text: &str) -> Result<Vec<Mount>, Odd> {
    #[derive(Deserialize)]
    struct Table {
        filesystems: Vec<Row>,
    }
    #[derive(Deserialize)]
    struct Row {
        target: String,
        source: String,
        fstype: String,
        #[serde(default)]
        options: String,
    }
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    let table: Table = serde_json::from_str(text).map_err(|_| "not the JSON of findmnt")?;
    let mount = |row: Row| Mount {
        read_only: row.options.split(',').any(|o| o == "ro"),
        target: row.target,
        source: row.source,
        fstype: row.fstype,
    };
    Ok(table.filesystems.into_iter().map(mount).collect())
}

/// `stat --file-system --format='%S %b %f %a'`
pub fn fill(text: &str) -> Result<Fill, Odd> {
    const SHAPE: Odd = "not four numbers";
    let numbers: Vec<u64> = text.split_whitespace().map_while(|n| n.parse().ok()).collect();
    let [block, total, free, available] = numbers.as_slice() else { return Err(SHAPE) };
    Ok(Fill {
        total_bytes: block.saturating_mul(*total),
        used_bytes: block.saturating_mul(total.saturating_sub(*free)),
        available_bytes: block.saturating_mul(*available),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_and_their_fill_are_read() {
        let text = r#"{"filesystems": [
            {"target":"/mnt/pve/nas", "source":"10.0.0.9:/tank/vm", "fstype":"nfs4", "options":"rw,relatime,vers=4.2"},
            {"target":"/mnt/pve/media files", "source":"//nas/media", "fstype":"cifs", "options":"ro,relatime"}]}"#;
        let all = mounts(text).unwrap();
        assert_eq!(
            all.iter().map(|m| (m.target.as_str(), m.read_only)).collect::<Vec<_>>(),
            [("/mnt/pve/nas", false), ("/mnt/pve/media files", true)]
        );
        assert_eq!(mounts("\n"), Ok(vec![]));
        assert!(mounts("[").is_err());
        let fill = fill("4096 1000 250 200\n").unwrap();
        assert_eq!(
            (fill.total_bytes, fill.used_bytes, fill.available_bytes),
            (4_096_000, 3_072_000, 819_200)
        );
        for bad in ["", "1 2 3", "a b c d", "1 2 3 -4", "1 2 3 4 5"] {
            assert!(super::fill(bad).is_err(), "{bad}");
        }
    }
}
