//! The Docker engines of configured hosts: what runs there, its load and logs, and the three changes there are.
//!
//! A closed list of calls, each with its own path; environment values are dropped where an answer is decoded and
//! reach nothing of ours. Changes are made by an order, on containers that carry the label for it, never on our own
//! stack; whether that holds is read anew just before. A host reached over SSH is only read.

mod call;
mod changes;
mod decode;
mod error;
mod logs;
mod settings;
mod transport;

#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jarvis_core::{
    graph::Thing,
    policy::Listed,
    shapes::NodeRead,
    tools::words::{ContainerName, HostName},
};
use serde_json::Value;

pub use changes::{RESTART_LABEL, exact};
pub use decode::{Container, Inspected};
pub use error::DockerError;
pub use logs::demultiplex;
pub use settings::{HostSettings, Settings, Way};

use crate::{
    clients::{sending::Gate, ssh},
    clock::Clock,
};
use call::Call;
use transport::Engine;

/// A handle on all configured hosts; clones share connections.
#[derive(Clone)]
pub struct Docker {
    hosts: Arc<BTreeMap<HostName, Host>>,
    /// Compose project of our own stack.
    own_project: Arc<str>,
    /// Asked before each change.
    gate: Option<Gate>,
}

struct Host {
    runs_on: Option<Thing>,
    reach: Reach,
}

enum Reach {
    Engine(Engine),
    Ssh(ssh::Ssh, jarvis_core::cluster::NodeName),
}

impl Docker {
    /// Sets the hosts up; connects to none.
    ///
    /// # Errors
    /// What in the settings cannot be used, and for which host.
    pub fn new(settings: Settings, clock: Clock) -> Result<Self, DockerError> {
        let mut hosts = BTreeMap::new();
        for host in settings.hosts {
            let reach = match host.way {
                Way::Ssh(access) => {
                    let node = access.targets.first().map(|target| target.node.clone());
                    let node =
                        node.ok_or_else(|| DockerError::misconfigured(&host.name, "no SSH address"))?;
                    let ssh = ssh::Ssh::new(access, clock)
                        .map_err(|e| DockerError::misconfigured(&host.name, e.to_string()))?;
                    Reach::Ssh(ssh, node)
                }
                way => Reach::Engine(Engine::new(&host.name, &way)?),
            };
            hosts.insert(host.name, Host { runs_on: host.runs_on, reach });
        }
        Ok(Self { hosts: Arc::new(hosts), own_project: settings.own_project.into(), gate: None })
    }

    /// The same hosts, whose changes have a last word.
    #[must_use]
    pub fn guarded(&self, gate: Gate) -> Self {
        Self { gate: Some(gate), ..self.clone() }
    }

    pub fn hosts(&self) -> impl Iterator<Item = &HostName> {
        self.hosts.keys()
    }

    /// The guest or node this host's engine runs on, when the settings say.
    pub fn runs_on(&self, host: &HostName) -> Option<&Thing> {
        self.hosts.get(host)?.runs_on.as_ref()
    }

    /// All containers of a host, running or not.
    pub async fn containers(&self, host: &HostName) -> Result<Vec<Container>, DockerError> {
        match self.reach(host)? {
            Reach::Engine(engine) => {
                decode::containers(host, &engine.get(&Call::List).await?, &self.own_project)
            }
            Reach::Ssh(ssh, node) => {
                let said = ssh.read_well(node, &NodeRead::DockerList).await?;
                Ok(ssh::reads::docker::list(&said.text)
                    .iter()
                    .filter_map(decode::container_over_ssh)
                    .collect())
            }
        }
    }

    /// Processor and memory by container; over an engine one question for each that runs, as far as they are answered
    /// in time.
    pub async fn stats(
        &self,
        host: &HostName,
        running: &[ContainerName],
    ) -> Result<BTreeMap<String, Value>, DockerError> {
        self.stats_within(host, running, STATS_WAIT).await
    }

    async fn stats_within(
        &self,
        host: &HostName,
        running: &[ContainerName],
        wait: Duration,
    ) -> Result<BTreeMap<String, Value>, DockerError> {
        match self.reach(host)? {
            Reach::Engine(engine) => {
                use futures_util::StreamExt;
                let one = |name: ContainerName| async move {
                    let answer = engine.get(&Call::Stats(name.clone())).await.ok()?;
                    Some((name.to_string(), decode::stats(&answer)?))
                };
                let asked = futures_util::stream::iter(running.iter().cloned().map(one));
                let told = asked.buffer_unordered(STATS_AT_ONCE_MAX).filter_map(std::future::ready);
                Ok(told.take_until(tokio::time::sleep(wait)).collect().await)
            }
            Reach::Ssh(ssh, node) => {
                let said = ssh.read_well(node, &NodeRead::DockerStats).await?;
                Ok(ssh::reads::docker::stats(&said.text).into_iter().collect())
            }
        }
    }

    /// The last lines of a container's log, oldest first.
    pub async fn logs(
        &self,
        host: &HostName,
        name: &ContainerName,
        lines: u32,
    ) -> Result<Vec<String>, DockerError> {
        let text = match self.reach(host)? {
            Reach::Engine(engine) => {
                let call = Call::Logs { name: name.clone(), lines };
                demultiplex(&engine.fetch(&call).await?)
            }
            Reach::Ssh(ssh, node) => {
                let read = NodeRead::DockerLogs { name: name.clone(), lines };
                let said = ssh.read(node, &read).await?;
                match said.exit {
                    // A container writes to both streams; what it says on the second is no failure of ours.
                    None | Some(0) => format!("{}{}", said.text, said.error),
                    Some(exit) => {
                        return Err(ssh::reads::ReadError::failed(node, &read, exit, &said.error).into());
                    }
                }
            }
        };
        Ok(ssh::reads::lines(&text))
    }

    /// One container in depth, without its environment.
    pub async fn inspect(&self, host: &HostName, name: &ContainerName) -> Result<Inspected, DockerError> {
        match self.reach(host)? {
            Reach::Engine(engine) => {
                decode::inspected(host, &engine.get(&Call::Inspect(name.clone())).await?)
            }
            Reach::Ssh(..) => Err(DockerError::ReadOnly { host: host.clone() }),
        }
    }

    /// Whether a change may be made to this container: its label says so, and it is none of our own.
    ///
    /// # Errors
    /// It could not be read.
    pub async fn may_change(&self, host: &HostName, name: &ContainerName) -> Result<bool, DockerError> {
        Ok(changes::objection(&self.inspect(host, name).await?, &self.own_project).is_none())
    }

    /// The same of one that was listed, with the reason where it is not meant to be changed.
    pub fn listed(&self, host: &HostName, container: &Container) -> Listed {
        let own = container.project.as_deref().filter(|name| !name.is_empty()) == Some(&*self.own_project);
        match self.hosts.get(host).map(|host| &host.reach) {
            _ if own => Listed::OwnStack,
            Some(Reach::Ssh(..)) => Listed::OnlyRead,
            _ if container.may_change => Listed::Yes,
            _ => Listed::No,
        }
    }

    fn reach(&self, host: &HostName) -> Result<&Reach, DockerError> {
        let known = self.hosts.get(host).map(|host| &host.reach);
        known.ok_or_else(|| DockerError::NoSuchHost { host: host.clone(), known: self.names() })
    }

    fn names(&self) -> String {
        let names: Vec<String> = self.hosts.keys().map(ToString::to_string).collect();
        if names.is_empty() { "none is configured: add [[docker.hosts]]".into() } else { names.join(", ") }
    }
}

/// An engine takes a second for one container's figures, because it measures twice.
const STATS_AT_ONCE_MAX: usize = 8;
/// A hundred containers are told by then. Whoever asks waits half a minute at most, and an engine that lists its
/// containers but hangs over their figures shall not cost the list.
const STATS_WAIT: Duration = Duration::from_secs(15);
