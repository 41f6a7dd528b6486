//! `GET /cluster/status`: quorum, and which nodes are online.

use jarvis_core::cluster::reading::{Member, Membership};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::field::Field;
use super::{Decoded, Oddities, Unreadable, fields, rows};

#[derive(Default, Deserialize)]
#[serde(default)]
struct Fields {
    #[serde(rename = "type")]
    kind: Field<String>,
    name: Field<String>,
    quorate: Field<bool>,
    online: Field<bool>,
    ip: Field<String>,
    local: Field<bool>,
    nodeid: Field<u32>,
    level: Field<String>,
    version: Field<u64>,
}

/// Of a cluster whose row does not name it.
const UNNAMED: &str = "(unnamed)";

enum Row {
    Cluster { name: Option<String>, quorate: Option<bool>, version: Option<u64> },
    Node(Member),
}

pub(in super::super) fn membership(data: &RawValue) -> Result<Decoded<Membership>, Unreadable> {
    let mut value = Membership::default();
    let read = rows(data, row, |row| match row {
        Row::Cluster { name, quorate, version } => {
            // Only its name tells a cluster from a node alone, which has no quorum to lose.
            value.cluster_name = Some(name.unwrap_or_else(|| UNNAMED.to_owned()));
            // Rows that contradict each other: the worse one holds.
            value.quorate =
                if value.quorate == Some(false) { value.quorate } else { quorate.or(value.quorate) };
            value.version = version.or(value.version);
        }
        Row::Node(member) => value.nodes.push(member),
    })?;
    Ok(Decoded { value, odd_rows: read.odd_rows, first_odd: read.first_odd })
}

fn row(json: &str, odd: &mut Oddities) -> Result<Option<Row>, Unreadable> {
    let f: Fields = fields(json, odd)?;
    let name = f.name.read("name", odd);
    Ok(match f.kind.read("type", odd).as_deref() {
        Some("cluster") => Some(Row::Cluster {
            name,
            quorate: f.quorate.read("quorate", odd),
            version: f.version.read("version", odd),
        }),
        Some("node") => Some(Row::Node(Member {
            name: name.and_then(|n| n.parse().ok()).ok_or("no usable node name")?,
            // Not said is not seen, and not seen is never down: such a row is left out.
            online: f.online.read("online", odd).ok_or("neither online nor not")?,
            ip: f.ip.read("ip", odd),
            local: f.local.read("local", odd).unwrap_or(false),
            nodeid: f.nodeid.read("nodeid", odd),
            level: f.level.read("level", odd),
        })),
        Some(_) => None,
        None => return Err("no type".into()),
    })
}
