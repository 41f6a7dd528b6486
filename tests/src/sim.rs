//! jarvis-sim as a test starts it, and its control listener.

use std::{path::PathBuf, process::Command};

use anyhow::{Context, Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    daemon::{Cluster, free_ports},
    process::{PATIENCE, Process},
    rest::Rest,
};

/// Nodes of the seed cluster.
const NODES: u16 = 4;

pub struct Sim {
    pub process: Process,
    dir: TempDir,
    args: Vec<String>,
    ready: Value,
}

impl Sim {
    /// The seed cluster.
    pub async fn start() -> Result<Self> {
        Self::with(&[]).await
    }

    pub async fn with(args: &[&str]) -> Result<Self> {
        let dir = TempDir::new()?;
        let args: Vec<String> = args.iter().map(|a| (*a).to_owned()).collect();
        let (process, ready) = launch(&args, &dir).await?;
        Ok(Self { process, dir, args, ready })
    }

    /// One that can be killed and started again on the same addresses.
    pub async fn restartable() -> Result<Self> {
        let base = format!("127.0.0.1:{}", free_ports(NODES)?);
        Self::with(&["--pve-listen", &base]).await
    }

    /// The same cluster, with the same certificates and tokens, after it was killed.
    pub async fn again(&mut self) -> Result<()> {
        let before = self.cluster()?.nodes;
        let (process, ready) = launch(&self.args, &self.dir).await?;
        self.process = process;
        self.ready = ready;
        ensure!(self.cluster()?.nodes == before, "it came back elsewhere: start it with Sim::restartable");
        Ok(())
    }

    pub fn control(&self) -> Rest {
        Rest::new(self.ready["control"].as_str().unwrap_or_default())
    }

    /// What the daemon must know of it.
    pub fn cluster(&self) -> Result<Cluster> {
        let file = |v: &Value| -> Result<PathBuf> { Ok(v.as_str().context("a file")?.into()) };
        let nodes = self.ready["nodes"].as_array().context("nodes")?;
        let text = |v: &Value, key: &str| v[key].as_str().unwrap_or_default().to_owned();
        Ok(Cluster {
            nodes: nodes.iter().map(|n| (text(n, "name"), text(n, "url"))).collect(),
            ca_file: file(&self.ready["ca_file"])?,
            token_file: file(&self.ready["token_files"]["read"])?,
            act_token_file: None,
        })
    }

    /// The same with the token that may act.
    pub fn acting_cluster(&self) -> Result<Cluster> {
        let act: PathBuf = self.ready["token_files"]["act"].as_str().context("an acting token")?.into();
        Ok(Cluster { act_token_file: Some(act), ..self.cluster()? })
    }

    /// Every change that was made through the API of Proxmox by us, in order.
    pub async fn effects(&self) -> Result<Vec<Value>> {
        let all = self.attempts().await?.into_iter();
        Ok(all.filter(|e| e["acted"] == true && e["side"] == "pve").collect())
    }

    /// Every request of ours for a change on any side, in order, whether or not anything was done because of it.
    pub async fn attempts(&self) -> Result<Vec<Value>> {
        let report = self.control().json("/effects").await?;
        let all = report["effects"].as_array().context("effects")?.iter();
        // People and Proxmox itself act through its API too; nobody else has the other sides.
        let ours =
            all.filter(|e| e["side"] != "pve" || e["by"].as_str().is_some_and(|by| by.contains("jarvis")));
        Ok(ours.cloned().collect())
    }

    /// Settings of everything beside the API: SSH (with `--ssh`), Docker, Wake-on-LAN.
    pub fn sides(&self) -> Result<String> {
        let ssh = &self.ready["ssh"];
        ensure!(ssh.is_object(), "the simulator has no SSH side: is sshd installed?");
        let mut text = format!(
            "[ssh]\nsensors_s = 3600\nuser = {}\nkey_file = {}\nknown_hosts_file = {}\n",
            ssh["user"], ssh["key_file"], ssh["known_hosts_file"]
        );
        for host in ssh["hosts"].as_array().context("hosts")?.iter().filter(|h| h["kind"] == "node") {
            text.push_str(&format!(
                "[[ssh.nodes]]\nname = {}\nhost = {}\nport = {}\n",
                host["name"], host["host"], host["port"]
            ));
        }
        for engine in self.ready["docker"].as_array().context("docker")? {
            text.push_str(&format!(
                "[[docker.hosts]]\nname = {}\nvmid = {}\nsocket = {}\n",
                engine["name"], engine["vmid"], engine["socket"]
            ));
        }
        Ok(text)
    }

    /// The hardware address of a node's card.
    pub fn mac(&self, node: &str) -> Result<String> {
        let mut nodes = self.ready["nodes"].as_array().context("nodes")?.iter();
        let node = nodes.find(|n| n["name"] == node).context("no such node")?;
        Ok(node["mac"].as_str().context("a hardware address")?.to_owned())
    }

    /// The private key that opens the nodes.
    pub fn ssh_key(&self) -> Result<PathBuf> {
        Ok(self.ready["ssh"]["key_file"].as_str().context("an SSH key")?.into())
    }

    /// The UDP address that stands for the network's broadcast.
    pub fn wake_address(&self) -> &str {
        self.ready["wake"].as_str().unwrap_or_default()
    }

    /// The operator's own hand: a change through the API with the token of root.
    pub async fn by_hand(&self, method: Method, path: &str, form: &str) -> Result<Value> {
        crate::use_ring();
        let pem = std::fs::read(self.cluster()?.ca_file)?;
        let client = reqwest::Client::builder()
            .no_proxy()
            .tls_certs_only([reqwest::Certificate::from_pem(&pem)?])
            .timeout(PATIENCE)
            .build()?;
        let token = self.ready["tokens"]["full"].as_str().context("the full token")?;
        let (_, url) = self.cluster()?.nodes.into_iter().next().context("a node")?;
        let answer = client
            .request(method, format!("{url}/api2/json{path}"))
            .header("authorization", format!("PVEAPIToken={token}"))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form.to_owned())
            .send()
            .await?;
        let (status, text) = (answer.status(), answer.text().await?);
        ensure!(status.is_success(), "{path}: {status} {text}");
        Ok(serde_json::from_str::<Value>(&text)?["data"].clone())
    }

    /// Every command that arrived over SSH, in order.
    pub async fn commands(&self) -> Result<Vec<Value>> {
        let report = self.control().json("/ssh").await?;
        Ok(report["commands"].as_array().context("commands")?.clone())
    }

    /// A container as it really is, by its engine's name.
    pub async fn container(&self, host: &str, name: &str) -> Result<Value> {
        let told = self.control().json("/docker").await?;
        let hosts = told["hosts"].as_array().context("hosts")?;
        let engine = hosts.iter().find(|h| h["name"] == host).with_context(|| format!("no {host}"))?;
        let all = engine["containers"].as_array().context("containers")?;
        all.iter().find(|c| c["name"] == name).cloned().with_context(|| format!("no {name}"))
    }

    /// Takes every fault back.
    pub async fn well_again(&self) -> Result<()> {
        self.control().send(Method::DELETE, "/faults", None).await?.ok()?;
        Ok(())
    }

    /// A guest as it really is.
    pub async fn guest(&self, vmid: u64) -> Result<Value> {
        let truth = self.truth().await?;
        let guests = truth["guests"].as_array().context("guests")?;
        guests.iter().find(|g| g["vmid"] == vmid).cloned().with_context(|| format!("no guest {vmid}"))
    }

    /// One fault now: `fault("node_down", json!({"node": "pve"}))`.
    pub async fn fault(&self, name: &str, fields: Value) -> Result<()> {
        let mut fault = json!({"at_s": 0, "do": name});
        crate::screen::merge(&mut fault, &fields);
        self.control().post("/faults", &fault).await?.ok().with_context(|| format!("fault {fault}"))?;
        Ok(())
    }

    pub async fn truth(&self) -> Result<Value> {
        self.control().json("/truth").await
    }

    /// What a guest really does at this moment.
    pub async fn guest_status(&self, vmid: &str) -> Result<String> {
        let truth = self.truth().await?;
        let guests = truth["guests"].as_array().context("guests")?;
        let guest = guests
            .iter()
            .find(|g| g["vmid"].as_u64() == vmid.parse().ok())
            .with_context(|| format!("guest {vmid}"))?;
        Ok(guest["status"].as_str().unwrap_or_default().to_owned())
    }

    /// Lets simulated time pass at once.
    pub async fn advance(&self, seconds: u64) -> Result<()> {
        self.control().post("/clock", &json!({"advance_s": seconds})).await?.ok()?;
        Ok(())
    }

    pub async fn requests(&self) -> Result<Value> {
        self.control().json("/requests").await
    }
}

async fn launch(args: &[String], dir: &TempDir) -> Result<(Process, Value)> {
    let mut command = Command::new(crate::binary("jarvis-sim")?);
    command.args(args).arg("--state-dir").arg(dir.path());
    let mut process = Process::start("jarvis-sim", &command)?;
    let json = |l: &str| l.starts_with('{').then(|| serde_json::from_str(l).ok()).flatten();
    let ready: Value = process.line(PATIENCE, "its addresses", json).await?;
    Ok((process, ready))
}
