//! A unit of a node as it is now: by Proxmox's API where that knows it, else by systemd's own word over SSH.

use jarvis_core::{cluster::NodeName, shapes::NodeRead, tools::words::UnitName};

use super::Inner;
use crate::clients::{
    proxmox::{Proxmox, changes},
    ssh::{Ssh, reads},
};

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UnitNow {
    pub there: bool,
    /// Missing where nobody says.
    pub runs: Option<bool>,
    /// Since when it is active, in systemd's words; missing without SSH.
    pub since: Option<String>,
}

impl Inner {
    /// # Errors
    /// Why it could not be read, for a person.
    pub(super) async fn unit_now(
        &self,
        proxmox: &Proxmox,
        node: &NodeName,
        unit: &UnitName,
    ) -> Result<UnitNow, String> {
        let ssh = self.parts.send.ssh.as_ref().filter(|ssh| ssh.knows(node));
        let Some(known_as) = changes::known_as(unit) else {
            let ssh = ssh.ok_or_else(|| {
                format!("Proxmox does not know {unit}, and {node} is not reached over SSH; configure [ssh]")
            })?;
            return by_systemd(ssh, node, unit).await;
        };
        let units = proxmox.services(node).await.map_err(|error| error.to_string())?.value;
        let since = match ssh {
            // Only for telling a restart from none; Proxmox's own word is enough without it.
            Some(ssh) => by_systemd(ssh, node, unit).await.ok().and_then(|now| now.since),
            None => None,
        };
        let found = units.get(known_as);
        Ok(UnitNow { there: found.is_some(), runs: found.copied().flatten(), since })
    }
}

async fn by_systemd(ssh: &Ssh, node: &NodeName, unit: &UnitName) -> Result<UnitNow, String> {
    let look = NodeRead::UnitState(unit.clone());
    let said = ssh.read_well(node, &look).await.map_err(|error| error.to_string())?;
    let state = reads::unit_state(&said.text).map_err(|what| format!("{node} on {unit}: {what}"))?;
    let runs = match state.active.as_str() {
        "active" | "reloading" => Some(true),
        "inactive" | "failed" => Some(false),
        // On its way up or down.
        _ => None,
    };
    let since = Some(state.active_since.clone()).filter(|since| !since.is_empty());
    Ok(UnitNow { there: state.is_there(), runs, since })
}
