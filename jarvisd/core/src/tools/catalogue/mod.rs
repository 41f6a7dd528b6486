//! Every tool there is, one a file; this list is the catalogue.
//!
//! A line here declares the module, its variant of [`Operation`] and its descriptor in [`ALL`]. How a tool is
//! carried out is the daemon's part.

use serde_json::Value;

use super::{ArgsError, Descriptor, Target, Tool, effect::Effect, read::read};

pub use storage_content::Content;
pub use volumes::VolumeKind;

/// What the files of tools need.
mod prelude {
    pub(super) use schemars::JsonSchema;
    pub(super) use serde::{Deserialize, Serialize};

    pub(super) use super::super::{Bounds, Effect, Target, Tool, entity::Entity, words::*};
    pub(super) use crate::cluster::{GuestKind, GuestStatus, NodeName, StorageId, Upid, Vmid};
    pub(super) use crate::protocol::Severity;
}

macro_rules! catalogue {
    ($( $module:ident: $tool:ident ),* $(,)?) => {
        $( mod $module; pub use $module::$tool; )*

        /// One call with checked arguments. Closed: what is not here cannot be asked for.
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        pub enum Operation {
            $( $tool($tool) ),*
        }

        /// The catalogue, in the order in which it is shown.
        pub static ALL: &[Descriptor] = &[ $( Descriptor::of::<$tool>() ),* ];

        impl Operation {
            /// The tool of this name with these arguments; `None` when there is no such tool.
            pub(super) fn from_args(name: &str, args: &Value) -> Option<Result<Self, ArgsError>> {
                match name {
                    $( <$tool as Tool>::NAME => Some(read::<$tool>(args).map(Self::$tool)), )*
                    _ => None,
                }
            }

            pub fn descriptor(&self) -> Descriptor {
                match self { $( Self::$tool(_) => Descriptor::of::<$tool>() ),* }
            }

            pub fn effect(&self) -> Effect {
                match self { $( Self::$tool(_) => <$tool as Tool>::EFFECT ),* }
            }

            pub fn target(&self) -> Target {
                match self { $( Self::$tool(args) => args.target() ),* }
            }

            /// The arguments as JSON; only those that were given.
            pub fn args(&self) -> Value {
                match self { $( Self::$tool(args) => serde_json::to_value(args).unwrap_or_default() ),* }
            }
        }

        $( impl From<$tool> for Operation { fn from(args: $tool) -> Self { Self::$tool(args) } } )*
    };
}

catalogue! {
    cluster_status: ClusterStatus,
    node_status: NodeStatus,
    guests: Guests,
    guest: Guest,
    storages: Storages,
    storage_content: StorageContent,
    backups: Backups,
    tasks: Tasks,
    task_log: TaskLog,
    temperatures: Temperatures,
    history: History,
    firewall: Firewall,
    services: Services,
    disks: Disks,
    volumes: Volumes,
    journal: Journal,
    processes: Processes,
    sockets: Sockets,
    shares: Shares,
    docker: Docker,
    docker_logs: DockerLogs,
    events: Events,
    incidents: Incidents,
    audit: Audit,
    action: Action,
    start_guest: StartGuest,
    resume_guest: ResumeGuest,
    wake_node: WakeNode,
    restart_service: RestartService,
    create_snapshot: CreateSnapshot,
    start_backup: StartBackup,
    docker_start: DockerStart,
    shutdown_guest: ShutdownGuest,
    stop_guest: StopGuest,
    reboot_guest: RebootGuest,
    suspend_guest: SuspendGuest,
    migrate_guest: MigrateGuest,
    delete_snapshot: DeleteSnapshot,
    docker_restart: DockerRestart,
    docker_stop: DockerStop,
    reboot_node: RebootNode,
    shutdown_node: ShutdownNode,
}
