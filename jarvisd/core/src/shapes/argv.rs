//! From typed values to the words of a command, and back: is this command line one of ours?

use super::{
    grammar::MountPoint,
    quote::{Word, WordHasNul, quote},
    table::{self, ALL, ENVIRONMENT, Shape},
};
use crate::{
    cluster::NodeName,
    policy::Order,
    tools::{
        Operation, RestartService,
        words::{ContainerName, DiskPath, UnitName, UtcTime},
    },
};

/// Everything that is read on a node by command. Closed: there is no free-form one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NodeRead {
    Journal { unit: UnitName, lines: u32, since: Option<UtcTime> },
    KernelLog { lines: u32, since: Option<UtcTime> },
    Sensors,
    ThermalZones,
    Smart(DiskPath),
    ZpoolStatus,
    ZpoolList,
    Lvm,
    Ceph,
    Processes,
    Sockets,
    Mounts,
    ShareFill(MountPoint),
    Exports,
    Samba,
    UnitState(UnitName),
    FailedUnits,
    Pressure,
    Links,
    DockerList,
    DockerStats,
    DockerLogs { name: ContainerName, lines: u32 },
}

/// A command ready to be sent, with the row it was built from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    shape: &'static Shape,
    words: Vec<Word>,
}

/// Numbers of lines are brought into the row's range instead of being refused: they are no names.
const LINES_MAX: u32 = 1_000;

impl NodeRead {
    pub fn shape(&self) -> &'static Shape {
        match self {
            Self::Journal { .. } => &table::JOURNAL,
            Self::KernelLog { .. } => &table::KERNEL_LOG,
            Self::Sensors => &table::SENSORS,
            Self::ThermalZones => &table::THERMAL_ZONES,
            Self::Smart(_) => &table::SMART,
            Self::ZpoolStatus => &table::ZPOOL,
            Self::ZpoolList => &table::ZPOOL_LIST,
            Self::Lvm => &table::LVM,
            Self::Ceph => &table::CEPH,
            Self::Processes => &table::PROCESSES,
            Self::Sockets => &table::SOCKETS,
            Self::Mounts => &table::MOUNTS,
            Self::ShareFill(_) => &table::SHARE_FILL,
            Self::Exports => &table::EXPORTS,
            Self::Samba => &table::SAMBA,
            Self::UnitState(_) => &table::UNIT_STATE,
            Self::FailedUnits => &table::FAILED_UNITS,
            Self::Pressure => &table::PRESSURE,
            Self::Links => &table::LINKS,
            Self::DockerList => &table::DOCKER_LIST,
            Self::DockerStats => &table::DOCKER_STATS,
            Self::DockerLogs { .. } => &table::DOCKER_LOGS,
        }
    }

    /// The words that vary.
    fn tail(&self) -> Vec<String> {
        let lines = |n: &u32| format!("--lines={}", n.clamp(&1, &LINES_MAX));
        let since = |since: &Option<UtcTime>| since.as_ref().map(|at| format!("--since={at}"));
        match self {
            Self::Journal { unit, lines: n, since: at } => {
                [format!("--unit={unit}"), lines(n)].into_iter().chain(since(at)).collect()
            }
            Self::KernelLog { lines: n, since: at } => [lines(n)].into_iter().chain(since(at)).collect(),
            Self::Smart(disk) => vec![disk.to_string()],
            Self::ShareFill(mount) => vec![mount.as_str().to_owned()],
            Self::UnitState(unit) => vec![unit.to_string()],
            Self::DockerLogs { name, lines: n } => {
                vec![format!("--tail={}", n.clamp(&1, &LINES_MAX)), name.to_string()]
            }
            Self::Sensors
            | Self::ThermalZones
            | Self::ZpoolStatus
            | Self::ZpoolList
            | Self::Lvm
            | Self::Ceph
            | Self::Processes
            | Self::Sockets
            | Self::Mounts
            | Self::Exports
            | Self::Samba
            | Self::FailedUnits
            | Self::Pressure
            | Self::Links
            | Self::DockerList
            | Self::DockerStats => Vec::new(),
        }
    }

    pub fn command(&self) -> Result<Command, WordHasNul> {
        Command::build(self.shape(), &self.tail())
    }
}

/// The command of a permitted restart of a service, and the node it is for; `None` for any other order.
pub fn restart_service(order: &Order) -> Option<(NodeName, Result<Command, WordHasNul>)> {
    match order.operation() {
        Operation::RestartService(restart) => {
            let command = Command::build(&table::RESTART_SERVICE, &[restart.unit.to_string()]);
            Some((restart.node.clone(), command))
        }
        _ => None,
    }
}

/// What [`restart_service`] would run for this call, for showing only.
pub fn restart_service_line(call: &RestartService) -> Result<String, WordHasNul> {
    Ok(Command::build(&table::RESTART_SERVICE, &[call.unit.to_string()])?.line())
}

impl Command {
    fn build(shape: &'static Shape, tail: &[String]) -> Result<Self, WordHasNul> {
        let fixed = fixed(shape).map(str::to_owned);
        let words = fixed.chain(tail.iter().cloned()).map(Word::try_from).collect::<Result<_, _>>()?;
        Ok(Self { shape, words })
    }

    pub fn shape(&self) -> &'static Shape {
        self.shape
    }

    pub fn words(&self) -> &[Word] {
        &self.words
    }

    /// What is sent to the node's shell.
    pub fn line(&self) -> String {
        quote(&self.words)
    }

    /// The row these words are a command of, as a wrapper on a node would look it up.
    pub fn recognise(words: &[&str]) -> Option<&'static Shape> {
        ALL.iter().copied().find(|shape| {
            let mut rest = words.iter();
            fixed(shape).all(|word| rest.next() == Some(&word)) && shape.check(rest.as_slice()).is_ok()
        })
    }
}

/// Environment, program and leading words.
fn fixed(shape: &Shape) -> impl Iterator<Item = &'static str> {
    let environment = ["/usr/bin/env", "-i"].into_iter().chain(ENVIRONMENT.iter().copied());
    environment.chain([shape.program]).chain(shape.lead.iter().copied())
}
