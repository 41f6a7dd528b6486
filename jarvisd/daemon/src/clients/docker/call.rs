//! Every call there is, and its path: exact, never a prefix.

use jarvis_core::tools::{
    Operation,
    words::{ContainerName, HostName},
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Call {
    List,
    Inspect(ContainerName),
    Stats(ContainerName),
    Logs { name: ContainerName, lines: u32 },
    Start(ContainerName),
    Restart(ContainerName),
    Stop(ContainerName),
}

/// Lines of one answer; the catalogue allows as many.
const LINES_MAX: u32 = 1_000;

impl Call {
    pub(super) fn changes(&self) -> bool {
        matches!(self, Self::Start(_) | Self::Restart(_) | Self::Stop(_))
    }

    pub(super) fn method(&self) -> &'static str {
        if self.changes() { "POST" } else { "GET" }
    }

    /// A container's name has only letters, digits and `_.-`, and no `..`: it stays one segment.
    pub(super) fn path(&self) -> String {
        match self {
            Self::List => "/containers/json?all=true".into(),
            Self::Inspect(name) => format!("/containers/{name}/json"),
            Self::Stats(name) => format!("/containers/{name}/stats?stream=false"),
            Self::Logs { name, lines } => {
                let lines = lines.clamp(&1, &LINES_MAX);
                format!("/containers/{name}/logs?stdout=true&stderr=true&timestamps=true&tail={lines}")
            }
            Self::Start(name) => format!("/containers/{name}/start"),
            Self::Restart(name) => format!("/containers/{name}/restart"),
            Self::Stop(name) => format!("/containers/{name}/stop"),
        }
    }

    /// The change that an operation asks for, and where.
    pub(super) fn of(operation: &Operation) -> Option<(&HostName, &ContainerName, Self)> {
        match operation {
            Operation::DockerStart(c) => Some((&c.host, &c.name, Self::Start(c.name.clone()))),
            Operation::DockerRestart(c) => Some((&c.host, &c.name, Self::Restart(c.name.clone()))),
            Operation::DockerStop(c) => Some((&c.host, &c.name, Self::Stop(c.name.clone()))),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i31_reads_get_and_only_three_calls_change_anything() {
        let name: ContainerName = "my_app.1".parse().unwrap();
        let reads = [
            Call::List,
            Call::Inspect(name.clone()),
            Call::Stats(name.clone()),
            Call::Logs { name: name.clone(), lines: 5_000 },
        ];
        for call in reads {
            assert_eq!(call.method(), "GET", "{call:?}");
        }
        for call in [Call::Start(name.clone()), Call::Restart(name.clone()), Call::Stop(name.clone())] {
            assert_eq!((call.method(), call.path().matches('/').count()), ("POST", 3));
        }
        assert!(Call::Logs { name, lines: 5_000 }.path().ends_with("tail=1000"));
    }
}
