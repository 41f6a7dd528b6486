//! Reads that take more than one command, or more than one meaning of an exit code.

use jarvis_core::{cluster::NodeName, shapes::NodeRead};

use super::{Fill, Mount, ReadError, Temperature, fill, mounts, sensors, thermal_zones};
use crate::clients::ssh::Ssh;

impl Ssh {
    /// Every temperature a node tells of: lm-sensors where it is installed, else the kernel's thermal zones.
    pub async fn temperatures(&self, node: &NodeName) -> Result<Vec<Temperature>, ReadError> {
        match self.read(node, &NodeRead::Sensors).await {
            Ok(said) if said.exit == Some(0) => match sensors(&said.text) {
                Ok(all) if !all.is_empty() => return Ok(all),
                Ok(_) | Err(_) => {}
            },
            Ok(_) | Err(ReadError::NotThere { .. }) => {}
            Err(error) => return Err(error),
        }
        // A zone that is missing makes `tail` end badly; those that are there are told all the same.
        let said = self.read(node, &NodeRead::ThermalZones).await?;
        Ok(thermal_zones(&said.text))
    }

    /// Network shares that a node has mounted.
    pub async fn mounts(&self, node: &NodeName) -> Result<Vec<Mount>, ReadError> {
        let read = NodeRead::Mounts;
        let said = self.read(node, &read).await?;
        match said.exit {
            // findmnt ends with 1 when it found none.
            None | Some(0 | 1) => mounts(&said.text).map_err(|what| ReadError::odd(node, &read, what)),
            Some(exit) => Err(ReadError::failed(node, &read, exit, &said.error)),
        }
    }

    /// How full a mounted share is; `None` when its server does not answer.
    pub async fn fill(&self, node: &NodeName, mount: &Mount) -> Result<Option<Fill>, ReadError> {
        /// `timeout` killed it: by its own word, and by a shell's.
        const KILLED: [i32; 2] = [124, 137];
        let Ok(point) = mount.target.parse() else {
            let what = format!("the mount point `{}` cannot be asked about", mount.target.escape_debug());
            return Err(ReadError::odd(node, &NodeRead::Mounts, what));
        };
        let read = NodeRead::ShareFill(point);
        let said = match self.read(node, &read).await {
            // `timeout` may die by the signal it sends.
            Err(ReadError::Ssh(crate::clients::ssh::SshError::Signalled { .. })) => return Ok(None),
            other => other?,
        };
        match said.exit {
            Some(0) => fill(&said.text).map(Some).map_err(|what| ReadError::odd(node, &read, what)),
            Some(exit) if KILLED.contains(&exit) || said.error.contains("Stale file handle") => Ok(None),
            Some(exit) => Err(ReadError::failed(node, &read, exit, &said.error)),
            None => Err(ReadError::odd(node, &read, "more than four numbers")),
        }
    }
}
