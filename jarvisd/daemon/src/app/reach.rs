//! Clients of what stands beside the cluster, with the files read that the settings name.

use jarvis_core::graph::Thing;
use secrecy::SecretString;

use super::{AppError, ssh};
use crate::{
    clients::{docker, ssh::Target, wake},
    clock::Clock,
    config::{self, Config, ConfigError, DockerHost},
};

/// All configured Docker hosts; without any a client that knows none.
pub fn docker(config: &Config, clock: Clock) -> Result<docker::Docker, AppError> {
    let hosts = config.docker.hosts.iter().map(|host| {
        let runs_on = host.vmid.map(Thing::Guest).or_else(|| host.node.clone().map(Thing::Node));
        Ok(docker::HostSettings { name: host.name.clone(), way: way(host, config)?, runs_on })
    });
    let settings = docker::Settings {
        hosts: hosts.collect::<Result<_, AppError>>()?,
        own_project: config.docker.own_project.clone(),
    };
    Ok(docker::Docker::new(settings, clock)?)
}

fn way(host: &DockerHost, config: &Config) -> Result<docker::Way, AppError> {
    // `config` has checked that there is exactly one way, and for it all that it needs.
    let unclear = || {
        let todo = "give exactly one of socket, url and ssh_host";
        AppError::Config(ConfigError::Value { key: "docker.hosts", value: host.name.to_string(), todo })
    };
    if let Some(socket) = &host.socket {
        return Ok(docker::Way::Unix(socket.clone()));
    }
    if let Some(address) = &host.ssh_host {
        let mut access = ssh(config)?.ok_or_else(unclear)?;
        let user = config.ssh.as_ref().map(|ssh| ssh.user.clone());
        access.targets = vec![Target {
            node: host.name.as_str().parse().map_err(|_| unclear())?,
            host: address.clone(),
            port: host.ssh_port,
            user: host.ssh_user.clone().or(user).ok_or_else(unclear)?,
        }];
        return Ok(docker::Way::Ssh(access));
    }
    let url = host.url.clone().ok_or_else(unclear)?;
    let (Some(ca), Some(cert), Some(key)) = (&host.ca_file, &host.cert_file, &host.key_file) else {
        return Ok(docker::Way::Loopback(url));
    };
    Ok(docker::Way::Tls {
        url,
        ca_pem: config::text("docker.hosts.ca_file", ca)?,
        cert_pem: config::text("docker.hosts.cert_file", cert)?,
        key_pem: SecretString::from(config::text("docker.hosts.key_file", key)?),
    })
}

pub fn wake(config: &Config) -> wake::Wake {
    let way = |node: &config::WakeNode| wake::Way {
        mac: node.mac.as_deref().and_then(|mac| mac.parse().ok()),
        broadcast: node.broadcast,
        relay: node.relay,
    };
    let nodes = config.wake.nodes.iter().map(|node| (node.name.clone(), way(node))).collect();
    wake::Wake::new(wake::Settings { nodes, broadcast: config.wake.broadcast })
}

/// Commands on nodes; `None` when `[ssh]` is missing.
pub fn commands(config: &Config, clock: Clock) -> Result<Option<crate::clients::ssh::Ssh>, AppError> {
    let settings = ssh(config)?;
    let client = settings.map(|settings| crate::clients::ssh::Ssh::new(settings, clock)).transpose();
    Ok(client?)
}
