//! vzdump: locks, progress lines and archives.

use super::World;
use super::model::{Kind, Volume};
use super::task::Task;
use super::work::{Refused, refused};
use crate::num;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Backup {
    pub vmids: Vec<u32>,
    pub storage: String,
    pub mode: String,
    pub notes: Option<String>,
    pub protected: bool,
}

impl World {
    pub(super) fn begin_backup(&mut self, task: &mut Task, job: &Backup) -> Result<(), Refused> {
        let Some(storage) = self.storages.iter().find(|s| s.id == job.storage) else {
            return refused(format!("storage '{}' does not exist", job.storage));
        };
        if !storage.active_on(&task.node) {
            return refused(format!(
                "could not get storage information for '{}': storage '{}' is not online",
                job.storage, job.storage
            ));
        }
        if !storage.content.split(',').any(|c| c == "backup") {
            let id = &job.storage;
            return refused(format!(
                "could not get storage information for '{id}': can't use storage '{id}' for backups - wrong content type"
            ));
        }
        for vmid in &job.vmids {
            let Some(guest) = self.guests.get_mut(vmid).filter(|g| g.node == task.node) else {
                return refused(format!("unable to find VM '{vmid}'"));
            };
            if let Some(lock) = &guest.lock {
                let text = format!("{} is locked ({lock})", guest.kind.noun());
                task.log.push(format!("ERROR: Backup of VM {vmid} failed - {text}"));
                return refused("job errors");
            }
            let vm = guest.kind.noun();
            task.log.push(format!("INFO: starting new backup job: vzdump {vmid} --storage {}", job.storage));
            task.log.push(format!("INFO: Starting Backup of VM {vmid} ({})", guest.kind.name()));
            task.log.push(format!("INFO: {vm} Name: {}", guest.name));
            task.log.push(format!("INFO: backup mode: {}", job.mode));
            guest.lock = Some("backup".into());
        }
        Ok(())
    }

    pub(super) fn half_backup(&mut self, upid: &str, job: &Backup) {
        let total: u64 = job.vmids.iter().filter_map(|v| self.guests.get(v)).map(|g| g.disk_bytes).sum();
        if let Some(task) = self.tasks.get_mut(upid) {
            let gib = num::real(total) / f64::from(1 << 30);
            let half = gib / 2.0;
            task.log.push(format!(
                "INFO:  50% ({half:.1} GiB of {gib:.1} GiB), read: 210.4 MiB/s, write: 96.1 MiB/s"
            ));
        }
    }

    pub(super) fn finish_backup(&mut self, task: &mut Task, job: &Backup) -> Result<(), String> {
        let now_s = self.now.unix_s();
        let t_s = num::real(now_s);
        for vmid in &job.vmids {
            let Some(guest) = self.guests.get_mut(vmid) else { continue };
            if guest.lock.as_deref() == Some("backup") {
                guest.lock = None;
            }
            let size = num::whole(num::real(guest.disk_bytes) * 0.38);
            let (kind, name) = (guest.kind, guest.name.clone());
            let Some(storage) = self.storages.iter_mut().find(|s| s.id == job.storage) else { continue };
            let free = storage.total_bytes.saturating_sub(storage.used_bytes(&task.node, t_s));
            if !storage.active_on(&task.node) || free < size {
                let why = if free < size { "No space left on device" } else { "Host is down" };
                task.log.push(format!("ERROR: Backup of VM {vmid} failed - {why}"));
                return Err("job errors".into());
            }
            let volume = archive(&storage.id, kind, *vmid, now_s, size);
            task.log.push(format!("INFO: creating vzdump archive '{}'", volume.volid));
            task.log.push(format!("INFO: archive file size: {:.2}GB", num::real(size) / 1e9));
            task.log.push(format!("INFO: Finished Backup of VM {vmid} (00:00:42)"));
            let notes = job.notes.clone().unwrap_or(name);
            storage.volumes.push(Volume { notes: Some(notes), protected: job.protected, ..volume });
        }
        task.log.push("INFO: Backup job finished successfully".into());
        Ok(())
    }
}

/// An archive as vzdump names it.
pub fn archive(storage: &str, kind: Kind, vmid: u32, at_s: u64, size_bytes: u64) -> Volume {
    let (format, subtype) = match kind {
        Kind::Qemu => ("vma.zst", "qemu"),
        Kind::Lxc => ("tar.zst", "lxc"),
    };
    let stamp = super::edit::stamp(at_s);
    Volume {
        volid: format!("{storage}:backup/vzdump-{subtype}-{vmid}-{stamp}.{format}"),
        vmid: Some(vmid),
        content: "backup",
        format: format.to_owned(),
        size_bytes,
        ctime_s: at_s,
        notes: None,
        protected: false,
        verified: false,
        subtype: Some(subtype),
    }
}
