//! Whether it worked: an independent read of the target, fresh, after the act. It never repeats the act.
//!
//! Most acts end in a state that was not there before, so seeing it is enough. A restart ends where it began: there
//! what was noted before the act must differ.

use std::time::{Duration, Instant};

use jarvis_core::{
    cluster::{
        GuestStatus, NodeName, SourceId, Vmid,
        reading::{GuestRow, Part},
    },
    protocol::acting::Verified,
    tools::{
        Effect, Operation, Target,
        words::{ContainerName, HostName, UnitName},
    },
};
use serde::{Deserialize, Serialize};

use super::{Inner, look, reconcile::Trace, run::UnderWay};
use crate::clients::proxmox::{Answer, Proxmox, changes::Place};

/// After a task's end the target shows it within this time; a screen refreshes more slowly than the target itself.
const SETTLES_WITHIN: Duration = Duration::from_secs(10);
const EVERY: Duration = Duration::from_millis(500);
/// Where nothing but the target tells, it is looked at less often, since it takes minutes.
const EVERY_SLOW: Duration = Duration::from_secs(3);
/// Clocks of nodes are taken to differ by no more than this.
const SKEW_S: i64 = 60;

/// What was seen before the act, to tell what is new. Kept with the intent, so that it outlives the daemon.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Before {
    /// UTC milliseconds at which it was sent, or was about to be.
    #[serde(skip)]
    pub sent_ms: i64,
    /// When the newest backup of the guest on the storage was made, UTC seconds; zero while there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub newest_backup_s: Option<i64>,
    /// Since when the container or the unit runs, in the words of its engine or of systemd.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
}

/// For how long looks go on.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// A look that shows it is not so is believed from then on …
    believes_at: Instant,
    /// … and one that tells nothing is the last one then.
    gives_up_at: Instant,
    every: Duration,
}

impl Patience {
    /// One look: nothing more will come.
    pub fn once(now: Instant) -> Self {
        Self { believes_at: now, gives_up_at: now, every: EVERY }
    }

    /// Its task has ended well; the target shows it soon.
    pub fn settling(now: Instant) -> Self {
        let until = now + SETTLES_WITHIN;
        Self { believes_at: until, gives_up_at: until, every: EVERY }
    }

    /// No task tells of its end, only the target does.
    pub fn slow(believes_at: Instant, gives_up_at: Instant) -> Self {
        Self { believes_at, gives_up_at, every: EVERY_SLOW }
    }
}

/// One look: it is as meant, it is not, or it could not be told.
type Seen = Result<(bool, String), String>;

impl Inner {
    pub(super) async fn before(&self, operation: &Operation, place: &Place) -> Before {
        let proxmox = self.parts.proxmox.as_ref();
        let newest_backup_s = match (operation, &self.parts.send.proxmox) {
            (Operation::StartBackup(call), Some(acting)) => {
                let made = acting.backups_made_s(&place.node, call.storage.as_str(), call.vmid).await;
                made.ok().map(|made| made.value.into_iter().max().unwrap_or(0))
            }
            _ => None,
        };
        let since = match (operation, proxmox) {
            (Operation::DockerRestart(call), _) => {
                self.parts.send.docker.inspect(&call.host, &call.name).await.ok().map(|now| now.started_at)
            }
            (Operation::RestartService(call), Some(proxmox)) => {
                self.unit_now(proxmox, &call.node, &call.unit).await.ok().and_then(|now| now.since)
            }
            _ => None,
        };
        Before { sent_ms: self.parts.clock.now_ms(), newest_backup_s, since }
    }

    /// Looks until it is as meant or patience is over; `None` when the daemon stops meanwhile.
    pub(super) async fn verify(
        &self,
        operation: &Operation,
        way: &UnderWay,
        patience: Patience,
    ) -> Option<(Verified, String)> {
        let Some(proxmox) = self.parts.proxmox.clone() else {
            return Some((Verified::Inconclusive, "no cluster is configured".to_owned()));
        };
        loop {
            let seen = self.seen(&proxmox, operation, way).await;
            let now = self.parts.clock.monotonic();
            match seen {
                Ok((true, evidence)) => return Some((Verified::Yes, evidence)),
                Ok((false, evidence)) if now >= patience.believes_at => {
                    return Some((Verified::No, evidence));
                }
                Err(why) if now >= patience.gives_up_at => return Some((Verified::Inconclusive, why)),
                Ok((false, _)) | Err(_) => {}
            }
            tokio::select! {
                () = tokio::time::sleep(patience.every) => {}
                () = self.stop.cancelled() => return None,
            }
        }
    }

    async fn seen(&self, proxmox: &Proxmox, operation: &Operation, way: &UnderWay) -> Seen {
        let UnderWay { place, before, .. } = way;
        match operation {
            Operation::MigrateGuest(call) => self.guest_on(proxmox, &call.to, place, call.vmid).await,
            Operation::CreateSnapshot(call) => {
                self.snapshot(proxmox, place, call.vmid, call.name.as_str(), true).await
            }
            Operation::DeleteSnapshot(call) => {
                self.snapshot(proxmox, place, call.vmid, call.name.as_str(), false).await
            }
            Operation::StartBackup(call) => {
                // Proxmox shows backups only to who may make them.
                let acting = self.parts.send.proxmox.as_ref().unwrap_or(proxmox);
                let made = acting.backups_made_s(&place.node, call.storage.as_str(), call.vmid).await;
                Ok(backed_up(&made.map_err(|e| e.to_string())?.value, before))
            }
            other => match other.target() {
                Target::Guest(vmid) => self.power(proxmox, other.effect(), vmid, way).await,
                Target::Node(node) => self.node_power(proxmox, other.effect(), &node, before).await,
                Target::Service { node, unit } => self.unit_again(proxmox, &node, &unit, way).await,
                Target::Container { host, name } => {
                    self.container_now(other.effect(), &host, &name, before).await
                }
                Target::Cluster | Target::Storage(_) => Err("nothing tells how this ended".to_owned()),
            },
        }
    }

    /// Whether the unit runs and, as far as that is known, since after the act.
    async fn unit_again(&self, proxmox: &Proxmox, node: &NodeName, unit: &UnitName, way: &UnderWay) -> Seen {
        let now = self.unit_now(proxmox, node, unit).await?;
        let runs = now.runs.ok_or_else(|| format!("{node} does not say how {unit} does"))?;
        match (&way.before.since, &now.since) {
            _ if !runs => Ok((false, format!("{unit} does not run"))),
            (Some(then), Some(since)) => {
                Ok((then != since, format!("{unit} runs since {}", super::follow::plain(since))))
            }
            // The restart itself was answered.
            _ if way.answered => Ok((true, format!("{unit} runs"))),
            _ => Err(format!("{unit} runs; since when is not known without SSH")),
        }
    }

    async fn power(&self, proxmox: &Proxmox, effect: Effect, vmid: Vmid, way: &UnderWay) -> Seen {
        let UnderWay { place, before, .. } = way;
        let kind = place.kind.ok_or("whether it is a VM or a container is not known")?;
        let now = match proxmox.guest_now(&place.node, kind, vmid).await {
            // The HA manager may have chosen another node for it.
            Err(error) if way.trace == Trace::HaRequest && error.word() == "absent" => {
                let all = proxmox.resources().await.map_err(|e| e.to_string())?;
                let row = all.value.guests.iter().find(|row| row.vmid == vmid).ok_or("nobody lists it")?;
                proxmox.guest_now(&row.node, kind, vmid).await
            }
            told => told,
        };
        let now = now.map_err(|e| e.to_string())?;
        let seen = powered(effect, &now, before.sent_ms)?;
        if seen.0 {
            self.shown(proxmox, vmid, now).await;
        }
        Ok(seen)
    }

    /// What was seen to have come about is shown at once: while nobody looks the next round may be far off. Together
    /// with the tasks, by which everybody tells an act from a fall.
    async fn shown(&self, proxmox: &Proxmox, vmid: Vmid, now: Answer<GuestRow>) {
        let Ok(tasks) = proxmox.tasks().await else { return };
        let (_, state) = self.parts.state.current();
        let tasks = look::reading(&state, SourceId::tasks(), Ok(tasks.map(Part::Tasks)));
        let guest = look::reading(&state, SourceId::guest(vmid), Ok(now.map(Part::GuestNow)));
        self.absorb(tasks.into_iter().chain(guest).collect()).await;
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
                let up = proxmox.node_uptime_s(node).await.map_err(|e| e.to_string())?;
                let up_s = up.value.ok_or("it does not say since when it is up")?;
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
                let then = before.since.as_ref().ok_or("when it was started before is not known")?;
                let again = *then != now.started_at;
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
                // Where it is now is what the next change is weighed with.
                self.shown(proxmox, vmid, now).await;
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
        let names = proxmox.snapshots(&place.node, kind, vmid).await.map_err(|e| e.to_string())?;
        let there = names.value.iter().any(|known| known == name);
        Ok((there == wanted, format!("snapshot `{name}` is {}", if there { "there" } else { "not there" })))
    }
}

/// Whether a guest's own word shows what was meant.
fn powered(effect: Effect, now: &Answer<GuestRow>, sent_ms: i64) -> Seen {
    let row = &now.value;
    let evidence = format!("{} says it is {}", row.node, word(row.status));
    Ok(match effect {
        Effect::StartGuest | Effect::ResumeGuest => (row.status == GuestStatus::Running, evidence),
        Effect::StopGuest | Effect::ShutdownGuest => (row.status == GuestStatus::Stopped, evidence),
        Effect::SuspendGuest => {
            (matches!(row.status, GuestStatus::Paused | GuestStatus::Suspended), evidence)
        }
        Effect::RebootGuest => {
            let since_s = since_s(now.at_ms, sent_ms);
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

fn backed_up(made_s: &[i64], before: &Before) -> (bool, String) {
    let new = made_s.iter().filter(|made_s| match before.newest_backup_s {
        Some(newest_s) => **made_s > newest_s,
        None => **made_s >= before.sent_ms / 1_000 - SKEW_S,
    });
    let new = new.count();
    (new > 0, format!("{new} new backups of it are on the storage"))
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
