//! Whether it worked: an independent read of the target, fresh, after the act. It never repeats the act.

use std::time::{Duration, Instant};

use jarvis_core::{
    cluster::{GuestStatus, NodeName, Vmid},
    protocol::acting::Verified,
    tools::{
        Effect, Operation, Target,
        words::{ContainerName, HostName},
    },
};

use super::{Inner, fresh};
use crate::clients::proxmox::{Proxmox, changes::Place};

/// After a task's end the target shows it within this time; a screen refreshes more slowly than the target itself.
const SETTLES_WITHIN: Duration = Duration::from_secs(10);
const EVERY: Duration = Duration::from_millis(500);
/// Where nothing but the target tells, it is looked at less often, since it takes minutes.
const EVERY_SLOW: Duration = Duration::from_secs(3);
/// Clocks of nodes are taken to differ by no more than this.
const SKEW_S: i64 = 60;

/// What was seen before the act, to tell what is new.
#[derive(Debug, Clone, Default)]
pub struct Before {
    /// UTC milliseconds at which it was sent, or was about to be.
    pub sent_ms: i64,
    /// Backups of the guest on the storage, when they could be read.
    pub backups: Option<Vec<i64>>,
    /// When the container was started, in its engine's words.
    pub started_at: Option<String>,
}

/// One look: it is as meant, it is not, or it could not be told.
type Seen = Result<(bool, String), String>;

impl Inner {
    pub(super) async fn before(&self, operation: &Operation, place: &Place) -> Before {
        let backups = match (operation, &self.parts.proxmox) {
            (Operation::StartBackup(call), Some(proxmox)) => {
                fresh::backups(proxmox, &place.node, call.storage.as_str(), call.vmid).await.ok()
            }
            _ => None,
        };
        let started_at = match operation {
            Operation::DockerRestart(call) => {
                self.parts.send.docker.inspect(&call.host, &call.name).await.ok().map(|now| now.started_at)
            }
            _ => None,
        };
        Before { sent_ms: self.parts.clock.now_ms(), backups, started_at }
    }

    /// Looks until it is as meant or the time is over. `slow`: no task tells of its end, only the target does.
    pub(super) async fn verify(
        &self,
        operation: &Operation,
        place: &Place,
        before: &Before,
        slow: Option<Instant>,
    ) -> Option<(Verified, String)> {
        let Some(proxmox) = self.parts.proxmox.clone() else {
            return Some((Verified::Inconclusive, "no cluster is configured".to_owned()));
        };
        let deadline = slow.unwrap_or_else(|| self.parts.clock.monotonic() + SETTLES_WITHIN);
        let every = if slow.is_some() { EVERY_SLOW } else { EVERY };
        loop {
            let seen = self.seen(&proxmox, operation, place, before).await;
            let late = self.parts.clock.monotonic() >= deadline;
            match seen {
                Ok((true, evidence)) => return Some((Verified::Yes, evidence)),
                Ok((false, evidence)) if late => return Some((Verified::No, evidence)),
                Err(why) if late => return Some((Verified::Inconclusive, why)),
                Ok((false, _)) | Err(_) => {}
            }
            tokio::select! {
                () = tokio::time::sleep(every) => {}
                () = self.stop.cancelled() => return None,
            }
        }
    }

    async fn seen(&self, proxmox: &Proxmox, operation: &Operation, place: &Place, before: &Before) -> Seen {
        match operation {
            Operation::MigrateGuest(call) => self.guest_on(proxmox, &call.to, place, call.vmid).await,
            Operation::CreateSnapshot(call) => {
                self.snapshot(proxmox, place, call.vmid, call.name.as_str(), true).await
            }
            Operation::DeleteSnapshot(call) => {
                self.snapshot(proxmox, place, call.vmid, call.name.as_str(), false).await
            }
            Operation::StartBackup(call) => {
                let now = fresh::backups(proxmox, &place.node, call.storage.as_str(), call.vmid).await;
                backed_up(&now.map_err(|e| e.to_string())?, before)
            }
            other => match other.target() {
                Target::Guest(vmid) => self.power(proxmox, other.effect(), place, vmid, before).await,
                Target::Node(node) => self.node_power(proxmox, other.effect(), &node, before).await,
                Target::Service { node, unit } => {
                    let units = fresh::services(proxmox, &node).await.map_err(|e| e.to_string())?;
                    let bare = unit.as_str().trim_end_matches(".service");
                    let found = units.iter().find(|(name, _)| name.trim_end_matches(".service") == bare);
                    match found.and_then(|(_, running)| *running) {
                        Some(true) => Ok((true, format!("{unit} runs"))),
                        Some(false) => Ok((false, format!("{unit} does not run"))),
                        None => Err(format!("{node} does not say how {unit} does")),
                    }
                }
                Target::Container { host, name } => {
                    self.container_now(other.effect(), &host, &name, before).await
                }
                Target::Cluster | Target::Storage(_) => Err("nothing tells how this ended".to_owned()),
            },
        }
    }

    async fn power(
        &self,
        proxmox: &Proxmox,
        effect: Effect,
        place: &Place,
        vmid: Vmid,
        before: &Before,
    ) -> Seen {
        let kind = place.kind.ok_or("whether it is a VM or a container is not known")?;
        let now = proxmox.guest_now(&place.node, kind, vmid).await.map_err(|e| e.to_string())?;
        let row = &now.value;
        let evidence = format!("{} says it is {}", place.node, word(row.status));
        Ok(match effect {
            Effect::StartGuest | Effect::ResumeGuest => (row.status == GuestStatus::Running, evidence),
            Effect::StopGuest | Effect::ShutdownGuest => (row.status == GuestStatus::Stopped, evidence),
            Effect::SuspendGuest => {
                (matches!(row.status, GuestStatus::Paused | GuestStatus::Suspended), evidence)
            }
            Effect::RebootGuest => {
                let since_s = since_s(now.at_ms, before.sent_ms);
                let up_s = row
                    .uptime_s
                    .and_then(|s| i64::try_from(s).ok())
                    .ok_or("it does not say since when it runs")?;
                let again = row.status == GuestStatus::Running && up_s <= since_s;
                (again, format!("{evidence}, up for {up_s} s, asked {since_s} s ago"))
            }
            _ => return Err("nothing tells how this ended".to_owned()),
        })
    }

    async fn node_power(&self, proxmox: &Proxmox, effect: Effect, node: &NodeName, before: &Before) -> Seen {
        let members = proxmox.membership().await.map_err(|e| e.to_string())?;
        let member = members.value.nodes.iter().find(|member| member.name == *node);
        let online = member.map(|member| member.online).ok_or("the members do not name it")?;
        let evidence =
            format!("{} says {node} is {}", members.via, if online { "online" } else { "offline" });
        Ok(match effect {
            Effect::WakeNode => (online, evidence),
            Effect::ShutdownNode => (!online, evidence),
            Effect::RebootNode if !online => (false, evidence),
            Effect::RebootNode => {
                let up_s = fresh::node_uptime_s(proxmox, node).await.map_err(|e| e.to_string())?;
                let up_s = up_s.ok_or("it does not say since when it is up")?;
                let since_s = since_s(members.at_ms, before.sent_ms);
                (up_s <= since_s, format!("{evidence}, up for {up_s} s, asked {since_s} s ago"))
            }
            _ => return Err("nothing tells how this ended".to_owned()),
        })
    }

    async fn container_now(
        &self,
        effect: Effect,
        host: &HostName,
        name: &ContainerName,
        before: &Before,
    ) -> Seen {
        let now = self.parts.send.docker.inspect(host, name).await.map_err(|e| e.to_string())?;
        let evidence = format!("{host} says it is {}", super::follow::plain(&now.state));
        Ok(match effect {
            Effect::StartContainer => (now.running, evidence),
            Effect::StopContainer => (!now.running, evidence),
            Effect::RestartContainer => {
                let again = before.started_at.as_ref().is_some_and(|then| *then != now.started_at);
                if before.started_at.is_none() {
                    return Err("when it was started before is not known".to_owned());
                }
                (now.running && again, format!("{evidence} since {}", super::follow::plain(&now.started_at)))
            }
            _ => return Err("nothing tells how this ended".to_owned()),
        })
    }

    async fn guest_on(&self, proxmox: &Proxmox, to: &NodeName, place: &Place, vmid: Vmid) -> Seen {
        let kind = place.kind.ok_or("whether it is a VM or a container is not known")?;
        match proxmox.guest_now(to, kind, vmid).await {
            Ok(now) => {
                let runs = now.value.status == GuestStatus::Running;
                let evidence = format!("{to} has it, {}", word(now.value.status));
                Ok((runs == place.running, evidence))
            }
            Err(error) => match error.word() {
                "absent" => Ok((false, format!("{to} does not have it"))),
                _ => Err(error.to_string()),
            },
        }
    }

    async fn snapshot(&self, proxmox: &Proxmox, place: &Place, vmid: Vmid, name: &str, wanted: bool) -> Seen {
        let kind = place.kind.ok_or("whether it is a VM or a container is not known")?;
        let names = fresh::snapshots(proxmox, &place.node, kind, vmid).await.map_err(|e| e.to_string())?;
        let there = names.iter().any(|known| known == name);
        Ok((there == wanted, format!("snapshot `{name}` is {}", if there { "there" } else { "not there" })))
    }
}

fn backed_up(now: &[i64], before: &Before) -> Seen {
    let new = match &before.backups {
        Some(known) => now.iter().filter(|made_s| !known.contains(made_s)).count(),
        None => now.iter().filter(|made_s| **made_s >= before.sent_ms / 1_000 - SKEW_S).count(),
    };
    Ok((new > 0, format!("{new} new backups of it are on the storage")))
}

/// With a second for the rounding of both figures.
fn since_s(now_ms: i64, sent_ms: i64) -> i64 {
    now_ms.saturating_sub(sent_ms).max(0) / 1_000 + 1
}

fn word(status: GuestStatus) -> &'static str {
    match status {
        GuestStatus::Running => "running",
        GuestStatus::Stopped => "stopped",
        GuestStatus::Paused => "paused",
        GuestStatus::Suspended => "suspended",
        GuestStatus::Prelaunch => "about to start",
        GuestStatus::Unknown => "in a state it does not tell",
    }
}
