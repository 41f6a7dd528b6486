//! Processes, sockets, network cards and pressure: programs that write tables.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::Odd;

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Process {
    pub pid: u32,
    pub user: String,
    /// Of one core, 100 is a whole one.
    pub cpu_percent: f64,
    pub mem_percent: f64,
    pub resident_bytes: u64,
    pub running_s: u64,
    pub name: String,
}

/// `ps -o pid=,user=,pcpu=,pmem=,rss=,etimes=,comm=`
pub fn processes(text: &str) -> Vec<Process> {
    let row = |line: &str| {
        let mut words = line.split_whitespace();
        let process = Process {
            pid: words.next()?.parse().ok()?,
            user: words.next()?.to_owned(),
            cpu_percent: words.next()?.parse().ok()?,
            mem_percent: words.next()?.parse().ok()?,
            resident_bytes: words.next()?.parse::<u64>().ok()?.saturating_mul(1024),
            running_s: words.next()?.parse().ok()?,
            name: words.collect::<Vec<_>>().join(" "),
        };
        Some(process)
    };
    text.lines().filter_map(row).collect()
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Socket {
    pub protocol: String,
    pub address: String,
    pub port: u16,
    /// Who listens, when we may know.
    pub programs: Vec<String>,
}

/// `ss --listening --numeric --processes --no-header`
pub fn sockets(text: &str) -> Vec<Socket> {
    let row = |line: &str| {
        let mut words = line.split_whitespace();
        let protocol = words.next()?.to_owned();
        // State and two queues come before the address.
        let local = words.nth(3)?;
        let (address, port) = local.rsplit_once(':')?;
        let rest: String = words.skip(1).collect::<Vec<_>>().join(" ");
        // `users:(("sshd",pid=1,fd=3),("sshd",pid=2,fd=3))`: every second piece between quotes is a name.
        let mut programs: Vec<String> = rest.split('"').skip(1).step_by(2).map(str::to_owned).collect();
        programs.sort();
        programs.dedup();
        let address = address.trim_matches(['[', ']']).to_owned();
        Some(Socket { protocol, address, port: port.parse().ok()?, programs })
    };
    text.lines().filter_map(row).collect()
}

/// `ip -json link show`: name → hardware address of the cards that have one.
pub fn links(text: &str) -> Result<BTreeMap<String, String>, Odd> {
    #[derive(Deserialize)]
    struct Row {
        ifname: String,
        #[serde(default)]
        link_type: String,
        #[serde(default)]
        address: String,
    }
    let rows: Vec<Row> = serde_json::from_str(text).map_err(|_| "not the JSON of ip")?;
    let ether = rows.into_iter().filter(|row| row.link_type == "ether" && row.address.len() == 17);
    Ok(ether.map(|row| (row.ifname, row.address.to_ascii_lowercase())).collect())
}

/// `tail --verbose` of `/proc/pressure/*` and `/proc/meminfo`, by file.
pub fn pressure(text: &str) -> Value {
    let (mut file, mut out) = (String::new(), Map::new());
    for line in text.lines() {
        if let Some(path) = line.strip_prefix("==> ").and_then(|rest| rest.strip_suffix(" <==")) {
            file = path.rsplit('/').next().unwrap_or_default().to_owned();
        } else if file == "meminfo" {
            const WANTED: [&str; 5] = ["MemTotal", "MemAvailable", "SwapTotal", "SwapFree", "Dirty"];
            if let Some((name, value)) = line.split_once(':')
                && WANTED.contains(&name)
                && let Some(kib) = value.split_whitespace().next().and_then(|n| n.parse::<u64>().ok())
            {
                out.insert(format!("{}_bytes", snake(name)), json!(kib.saturating_mul(1024)));
            }
        } else if let Some((who, rest)) = line.split_once(' ') {
            let avg10 = rest.split_whitespace().find_map(|w| w.strip_prefix("avg10="));
            if let Some(percent) = avg10.and_then(|n| n.parse::<f64>().ok()) {
                out.insert(format!("{file}_{who}_percent_10s"), json!(percent));
            }
        }
    }
    Value::Object(out)
}

/// `MemTotal` → `mem_total`
fn snake(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_read_and_odd_lines_left_out() {
        let ps = "   1234 root      12.5  3.4 102400  8000 kvm\n     12 www-data   0.0  0.1   2048    60 pveproxy worker\nPID USER\n";
        let all = processes(ps);
        assert_eq!(all.len(), 2);
        assert_eq!((all[0].cpu_percent, all[0].resident_bytes, all[0].running_s), (12.5, 104_857_600, 8_000));
        assert_eq!(all[1].name, "pveproxy worker");
        let ss = "tcp LISTEN 0 128 0.0.0.0:22 0.0.0.0:* users:((\"sshd\",pid=1,fd=3))\n\
                  tcp LISTEN 0 511 *:8006 *:* users:((\"pveproxy work\",pid=5,fd=6),(\"pveproxy\",pid=4,fd=6))\n\
                  udp UNCONN 0 0 [::1]:323 [::]:*\nnonsense\n";
        let all = sockets(ss);
        assert_eq!(all.len(), 3);
        assert_eq!((all[0].port, all[0].programs.as_slice()), (22, &["sshd".to_owned()][..]));
        assert_eq!(all[1].programs, ["pveproxy", "pveproxy work"]);
        assert_eq!((all[2].protocol.as_str(), all[2].address.as_str(), all[2].port), ("udp", "::1", 323));
    }

    #[test]
    fn cards_and_pressure_are_read() {
        let ip = r#"[{"ifname":"lo","link_type":"loopback","address":"00:00:00:00:00:00"},{"ifname":"eno1","link_type":"ether","address":"AA:bb:cc:dd:ee:01"}]"#;
        assert_eq!(
            links(ip).unwrap().into_iter().collect::<Vec<_>>(),
            [("eno1".to_owned(), "aa:bb:cc:dd:ee:01".to_owned())]
        );
        assert!(links("x").is_err());
        let text = "==> /proc/pressure/cpu <==\nsome avg10=1.50 avg60=0.80 avg300=0.1 total=12\n==> /proc/meminfo <==\nMemTotal:       1024 kB\nHugepagesize: 2 kB\n";
        assert_eq!(pressure(text), json!({"cpu_some_percent_10s": 1.5, "mem_total_bytes": 1_048_576}));
    }
}
