//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Parser;

#[derive(Clone, Debug, Parser)]
#[command(
    name = "jarvis-sim",
    version,
    about = "A simulated Proxmox VE cluster that answers like a real one"
)]
pub struct Options {
    /// Decides names, figures and their movement; the same seed gives the same cluster.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// A generated cluster of so many nodes (1 to 50) instead of the homelab.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=50))]
    pub nodes: Option<u32>,
    /// So many guests (0 to 10,000) on the generated cluster.
    #[arg(long, value_parser = clap::value_parser!(u32).range(0..=10_000))]
    pub guests: Option<u32>,
    /// An inventory of one's own, TOML or JSON.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["nodes", "guests"])]
    pub inventory: Option<PathBuf>,
    /// A JSON list of faults, as POST /faults takes it.
    #[arg(long, value_name = "FILE")]
    pub faults: Option<PathBuf>,
    /// Address of the first node's API; the others follow on the next ports. Port 0 takes free ones.
    /// Several addresses, separated by commas, are for the nodes in their order.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0", value_delimiter = ',')]
    pub pve_listen: Vec<SocketAddr>,
    /// Address of the control listener; loopback only.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    pub control: SocketAddr,
    /// Starts the machines' SSH servers: the system's own OpenSSH, on loopback.
    #[arg(long)]
    pub ssh: bool,
    /// Addresses of the SSH servers, as for --pve-listen; machines with Docker follow the nodes.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0", value_delimiter = ',')]
    pub ssh_listen: Vec<SocketAddr>,
    /// Addresses of the Docker engines; each has a unix socket in the state directory, too.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0", value_delimiter = ',')]
    pub docker_listen: Vec<SocketAddr>,
    /// UDP address that takes Wake-on-LAN packets.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    pub wake_listen: SocketAddr,
    /// SMTP address that takes and keeps all mail.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    pub mail_listen: SocketAddr,
    /// The program that sshd starts; for tests that run the simulator inside themselves.
    #[arg(long, value_name = "FILE", hide = true)]
    pub shell_bin: Option<PathBuf>,
    /// Keeps the certificate authority and the tokens; a temporary directory by default.
    #[arg(long, alias = "dir", value_name = "DIR")]
    pub state_dir: Option<PathBuf>,
    /// Receives the same line that is printed when everything listens.
    #[arg(long, value_name = "FILE")]
    pub ready_file: Option<PathBuf>,
    /// Real seconds per simulated second of delays, pushes and tasks.
    #[arg(long, default_value_t = 1.0)]
    pub time_scale: f64,
    /// Every node shows an expired certificate.
    #[arg(long)]
    pub expired_certificates: bool,
    /// The nodes' certificates come from another authority than the one in ca.pem.
    #[arg(long)]
    pub other_ca: bool,
    /// Exit when the process that started this one is gone.
    #[arg(long)]
    pub die_with_parent: bool,
}
