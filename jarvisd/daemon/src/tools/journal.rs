//! `journal`: a unit's journal, or the kernel's log, by a command on the node.
//!
//! Proxmox's API has the journal too, but behind a privilege that is no audit privilege, so it is not asked.

use jarvis_core::{shapes::NodeRead, tools::Journal};
use serde_json::json;

use super::{Parts, Read, ToolError};
use crate::clients::ssh::reads::{self, ReadError};

const LINES_DEFAULT: u32 = 100;

pub(super) async fn journal(call: &Journal, parts: &Parts) -> Result<Read, ToolError> {
    parts.known_node(&call.node)?;
    let node = &call.node;
    let lines = call.lines.map_or(LINES_DEFAULT, |lines| lines.get());
    let since = call.since.clone();
    let ssh = parts.ssh_to(node, "the journal")?;
    let read = match &call.unit {
        None => NodeRead::KernelLog { lines, since },
        Some(unit) => {
            let look = NodeRead::UnitState(unit.clone());
            let said = ssh.read_well(node, &look).await?;
            let state = reads::unit_state(&said.text).map_err(|what| ReadError::odd(node, &look, what))?;
            if !state.is_there() {
                let what = format!("unit {unit} on {node}");
                return Err(ToolError::Absent { what, todo: "`services` names those Proxmox knows" });
            }
            NodeRead::Journal { unit: unit.clone(), lines, since }
        }
    };
    let said = ssh.read_well(node, &read).await?;
    let unit = call.unit.as_ref().map_or("kernel", |unit| unit.as_str());
    let value = json!({ "node": node, "unit": unit, "lines": reads::lines(&said.text) });
    Ok(Read { value, as_of_ms: parts.now_ms() })
}
