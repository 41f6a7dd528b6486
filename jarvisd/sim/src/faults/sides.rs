//! Faults on the sides beside the API: SSH, Docker, mail.

use super::FaultSpec;
use super::catalog::What;
use crate::cluster::World;
use crate::cluster::docker::Health;
use crate::num;
use crate::site::Host;

/// What the faults in force do to one command on a host.
#[derive(Clone, Debug, Default)]
pub struct SshTrouble {
    pub hang: bool,
    pub cut: bool,
    /// So many bytes, on stderr if so.
    pub flood: Option<(u64, bool)>,
    /// Exit status and words.
    pub fail: Option<(u8, String)>,
}

/// What they do to one call of a Docker engine.
#[derive(Clone, Copy, Debug, Default)]
pub struct DockerTrouble {
    pub delay_ms: u64,
    pub hang: bool,
    pub lost: bool,
}

/// How mail fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailTrouble {
    Refuse,
    Reject,
    Busy,
    Hang,
}

/// Output of a flood unless the fault says otherwise.
const FLOOD_BYTES: f64 = 50_000_000.0;
/// More than this is no test of a cap any more.
const FLOOD_BYTES_MAX: f64 = 1e9;

impl FaultSpec {
    /// What is wrong with a fault of these sides, if anything.
    pub(super) fn check_sides(&self, world: &World) -> Result<(), String> {
        let known: &[&str] = match self.what() {
            Some(What::LostAnswer) => &["reset", "hang"],
            Some(What::SshRefuse) => &["refuse", "drop", "silent"],
            Some(What::SshFlood) => &["stdout", "stderr"],
            Some(What::MailFail) => &["refuse", "reject", "busy", "hang"],
            _ => &[],
        };
        if let Some(variant) = self.variant.as_deref().filter(|v| !known.is_empty() && !known.contains(v)) {
            return Err(format!(
                "fault '{}' has no variant '{variant}'; it has {}",
                self.what,
                known.join(", ")
            ));
        }
        if matches!(self.what(), Some(What::ContainerCrash | What::ContainerUnhealthy)) {
            let name = self.name.as_deref().unwrap_or_default();
            let engines = world.engines.iter().filter(|(v, _)| self.vmid.is_none_or(|w| w == **v));
            if !engines.into_iter().any(|(_, e)| e.containers.iter().any(|c| c.name == name)) {
                return Err(format!("there is no container '{name}'"));
            }
        }
        Ok(())
    }

    /// Whether a fault of SSH or Docker is about this host.
    fn on(&self, host: &Host) -> bool {
        match (&self.node, self.vmid) {
            (None, None) => true,
            (node, vmid) => match host {
                Host::Node(name) => node.as_deref() == Some(name),
                Host::Guest(number) => vmid == Some(*number),
            },
        }
    }
}

impl World {
    /// The first fault of this kind on a host.
    pub fn fault_on(&self, what: What, host: &Host) -> Option<&FaultSpec> {
        self.faults.active.iter().map(|a| &a.spec).find(|s| s.what() == Some(what) && s.on(host))
    }

    /// Collects the trouble a command meets.
    pub fn ssh_trouble(&mut self, host: &Host, line: &str) -> SshTrouble {
        let mut trouble = SshTrouble::default();
        let mut struck = Vec::new();
        for active in &self.faults.active {
            let spec = &active.spec;
            if !spec.on(host) || spec.path.as_deref().is_some_and(|p| !line.contains(p)) {
                continue;
            }
            match spec.what() {
                Some(What::SshHang) => trouble.hang = true,
                Some(What::SshCut) => trouble.cut = true,
                Some(What::SshFlood) => {
                    let bytes = spec.amount.unwrap_or(FLOOD_BYTES).clamp(0.0, FLOOD_BYTES_MAX);
                    trouble.flood = Some((num::whole(bytes), spec.variant.as_deref() == Some("stderr")));
                }
                Some(What::SshFail) => {
                    let status = spec.status.and_then(|s| u8::try_from(s).ok()).unwrap_or(1);
                    let words = spec.message.clone().unwrap_or_else(|| "simulated failure".into());
                    trouble.fail = Some((status, words));
                }
                _ => continue,
            }
            struck.push(active.id);
        }
        struck.into_iter().for_each(|id| self.strike(id));
        trouble
    }

    /// Collects the trouble a call of an engine meets.
    pub fn docker_trouble(&mut self, vmid: u32, method: &str, path: &str) -> DockerTrouble {
        let host = Host::Guest(vmid);
        let mut trouble = DockerTrouble::default();
        let mut struck = Vec::new();
        for active in &self.faults.active {
            let spec = &active.spec;
            let fits = spec.on(&host)
                && spec.path.as_deref().is_none_or(|p| path.contains(p))
                && spec.method.as_deref().is_none_or(|m| m.eq_ignore_ascii_case(method));
            if !fits {
                continue;
            }
            match spec.what() {
                Some(What::DockerSlow) => trouble.delay_ms += num::whole(spec.by_s.unwrap_or(3.0) * 1000.0),
                Some(What::DockerHang) => trouble.hang = true,
                Some(What::DockerLostAnswer) if method != "GET" => trouble.lost = true,
                _ => continue,
            }
            struck.push(active.id);
        }
        struck.into_iter().for_each(|id| self.strike(id));
        trouble
    }

    /// How mail fails now, if it does.
    pub fn mail_trouble(&mut self) -> Option<MailTrouble> {
        let active = self.faults.active.iter().find(|a| a.spec.what() == Some(What::MailFail))?;
        let (id, variant) = (active.id, active.spec.variant.clone());
        self.strike(id);
        Some(match variant.as_deref() {
            Some("reject") => MailTrouble::Reject,
            Some("busy") => MailTrouble::Busy,
            Some("hang") => MailTrouble::Hang,
            _ => MailTrouble::Refuse,
        })
    }

    fn strikes<'a>(&'a self, what: What, node: &'a str) -> impl Iterator<Item = &'a FaultSpec> {
        let active = self.faults.active.iter().map(|a| &a.spec);
        active.filter(move |s| s.what() == Some(what) && s.node.as_deref() == Some(node))
    }

    /// Whether a disk fails its health test.
    pub fn disk_failing(&self, node: &str, path: &str) -> bool {
        self.strikes(What::DiskFailing, node).any(|s| s.name.as_deref() == Some(path))
    }

    /// Whether the pool of a node has lost a disk.
    pub fn pool_degraded(&self, node: &str) -> bool {
        self.strikes(What::PoolDegraded, node).next().is_some()
    }

    /// Degrees that the sensors of a node read too high.
    pub fn heat(&self, node: &str) -> f64 {
        self.strikes(What::Hot, node).map(|s| s.amount.unwrap_or(40.0)).sum()
    }

    /// Whether the mount of a storage hangs on a node.
    pub fn share_dead(&self, storage: &str, node: &str) -> bool {
        self.faults.active.iter().map(|a| &a.spec).any(|spec| {
            spec.what() == Some(What::ShareDead)
                && spec.storage.as_deref() == Some(storage)
                && spec.node.as_deref().is_none_or(|n| n == node)
        })
    }

    pub(super) fn hurt_container(&mut self, what: What, spec: &FaultSpec) {
        let now_ms = self.now.unix_ms;
        let name = spec.name.clone().unwrap_or_default();
        let engines = self.engines.iter_mut().filter(|(v, _)| spec.vmid.is_none_or(|w| w == **v));
        for container in engines.flat_map(|(_, e)| &mut e.containers).filter(|c| c.name == name) {
            match what {
                What::ContainerCrash => container.end(now_ms, 137),
                _ => container.health = Some(Health::Unhealthy),
            }
        }
    }
}
