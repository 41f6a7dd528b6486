//! Starts the sides beside the API: SSH, Docker, Wake-on-LAN, mail.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use tokio::net::{TcpListener, UdpSocket};
use tokio::task::JoinSet;

use crate::options::Options;
use crate::ready::{ReadyDocker, nth};
use crate::sim::Sim;
use crate::site::{Door, Host, Service};
use crate::ssh::ReadySsh;
use crate::{docker, mail, ssh, wake};

/// Where they are.
pub struct Sides {
    pub ssh: Option<ReadySsh>,
    pub docker: Vec<ReadyDocker>,
    pub wake: String,
    pub mail: String,
}

pub async fn start(
    sim: &Arc<Sim>,
    options: &Options,
    dir: &Path,
    tasks: &mut JoinSet<()>,
) -> anyhow::Result<Sides> {
    let dir = std::path::absolute(dir).context("the state directory has no absolute path")?;
    let engines: Vec<(u32, String)> = sim.with(|w| {
        let name = |v: &u32| w.guests.get(v).map(|g| (*v, g.name.clone()));
        w.engines.keys().filter_map(name).collect()
    });
    let docker = start_docker(sim, options, &dir, &engines, tasks)?;
    let ssh = match options.ssh {
        true => start_ssh(sim, options, &dir, &engines, tasks)?,
        false => None,
    };
    let socket = UdpSocket::bind(options.wake_listen)
        .await
        .with_context(|| format!("the Wake-on-LAN port cannot have {}", options.wake_listen))?;
    let wake = socket.local_addr().context("a socket has no address")?.to_string();
    tasks.spawn(wake::serve(sim.clone(), socket));
    let listener = TcpListener::bind(options.mail_listen)
        .await
        .with_context(|| format!("the mail server cannot have {}", options.mail_listen))?;
    let mail = listener.local_addr().context("a listener has no address")?.to_string();
    tasks.spawn(mail::serve(sim.clone(), listener));
    Ok(Sides { ssh, docker, wake, mail })
}

fn start_docker(
    sim: &Arc<Sim>,
    options: &Options,
    dir: &Path,
    engines: &[(u32, String)],
    tasks: &mut JoinSet<()>,
) -> anyhow::Result<Vec<ReadyDocker>> {
    let mut ready = Vec::new();
    for (i, (vmid, name)) in (0_u16..).zip(engines) {
        let address = nth(&options.docker_listen, i)?;
        let door = Door::bind(sim.clone(), Host::Guest(*vmid), Service::Docker, address)
            .with_context(|| format!("the Docker engine of '{name}' cannot have {address}"))?;
        let socket = ssh::socket_path(dir, &format!("docker-{vmid}.sock"))?;
        let url = format!("http://{}", door.address());
        ready.push(ReadyDocker { name: name.clone(), vmid: *vmid, socket: socket.clone(), url });
        tasks.spawn(docker::serve_tcp(sim.clone(), *vmid, door));
        let listener = docker::bind_unix(&socket)?;
        tasks.spawn(docker::serve_unix(sim.clone(), *vmid, socket, listener));
    }
    Ok(ready)
}

fn start_ssh(
    sim: &Arc<Sim>,
    options: &Options,
    dir: &Path,
    engines: &[(u32, String)],
    tasks: &mut JoinSet<()>,
) -> anyhow::Result<Option<ReadySsh>> {
    let nodes = sim.with(|w| w.nodes.iter().map(|n| n.name.clone()).collect::<Vec<_>>());
    let nodes = nodes.into_iter().map(|n| (Host::Node(n.clone()), n));
    let guests = engines.iter().map(|(vmid, name)| (Host::Guest(*vmid), name.clone()));
    let hosts: Vec<(Host, String)> = nodes.chain(guests).collect();
    let addresses =
        (0_u16..).zip(&hosts).map(|(i, _)| nth(&options.ssh_listen, i)).collect::<Result<_, _>>()?;
    let program = match &options.shell_bin {
        Some(file) => file.clone(),
        None => own_program()?,
    };
    ssh::start(ssh::Plan { sim: sim.clone(), dir, program, hosts, addresses }, tasks)
}

/// The simulator's program: this one, or the one beside a test that runs the simulator inside itself.
fn own_program() -> anyhow::Result<PathBuf> {
    const NAME: &str = "jarvis-sim";
    let own = std::env::current_exe().context("this program cannot find itself")?;
    let is_it = |p: &PathBuf| p.file_name().is_some_and(|n| n == NAME) && p.is_file();
    let near = [own.parent(), own.parent().and_then(Path::parent)];
    let beside = near.into_iter().flatten().map(|dir| dir.join(NAME));
    std::iter::once(own.clone())
        .chain(beside)
        .find(is_it)
        .with_context(|| format!("there is no {NAME} beside {}; name it with --shell-bin", own.display()))
}
