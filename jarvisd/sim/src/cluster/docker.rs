//! Docker engines inside guests, and their containers as they really are.
//!
//! Not here: the engine's HTTP API and the output of its command line (`docker`, `ssh`).

use std::collections::{BTreeMap, VecDeque};

use super::World;
use super::clock::Now;
use super::model::{Guest, Run};
use super::seed::MANAGEMENT_CONTAINERS;
use super::wave;
use crate::num;

/// Guests with this tag have an engine.
const TAG: &str = "docker";
/// More engines than this nobody needs to pretend.
const ENGINES_MAX: usize = 8;
/// The label that allows restarts, as the daemon documents it.
pub const RESTART_LABEL: &str = "jarvis.restart";
/// Containers that carry it.
const RESTARTABLE: [&str; 5] = ["homepage", "redis", "n8n", "dozzle", "registry"];
/// Containers with a health check.
const CHECKED: [&str; 5] = ["authelia", "redis", "n8n", "traefik", "prometheus"];
/// From a start to the first good health check.
const STARTING_MS: u64 = 15_000;
/// Between the guest's start and its engine's.
const ENGINE_MS: u64 = 4_000;
/// Lines kept besides those that are made up for the past.
const LINES_MAX: usize = 500;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    Starting,
    Healthy,
    Unhealthy,
}

impl Health {
    pub fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Healthy => "healthy",
            Self::Unhealthy => "unhealthy",
        }
    }
}

/// Times are wall milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Running { since_ms: u64 },
    Exited { at_ms: u64, code: u8 },
}

#[derive(Clone, Debug)]
pub struct Container {
    pub name: String,
    pub image: String,
    /// 64 hexadecimal digits.
    pub id: String,
    pub created_s: u64,
    pub labels: BTreeMap<String, String>,
    /// `NAME=value`, secrets included.
    pub env: Vec<String>,
    pub state: State,
    pub restarts: u32,
    /// Whether it has a health check, and what that said last.
    pub health: Option<Health>,
    pub seed: u64,
    pub pid: u64,
    /// Wall milliseconds, stream (1 or 2) and text of what it wrote lately.
    lines: VecDeque<(u64, u8, String)>,
}

#[derive(Clone, Debug)]
pub struct Engine {
    pub vmid: u32,
    pub containers: Vec<Container>,
}

/// The engines of an inventory.
pub fn engines(seed: u64, guests: &BTreeMap<u32, Guest>) -> BTreeMap<u32, Engine> {
    let has = |g: &&Guest| !g.template && g.tags.split(';').any(|t| t == TAG);
    guests.values().filter(has).take(ENGINES_MAX).map(|g| (g.vmid, engine(seed, g))).collect()
}

fn engine(seed: u64, guest: &Guest) -> Engine {
    let own = wave::hash(seed, u64::from(guest.vmid) ^ 0xd0c);
    let containers = MANAGEMENT_CONTAINERS.iter().zip(1_u64..);
    Engine {
        vmid: guest.vmid,
        containers: containers
            .map(|((name, image), i)| container(wave::hash(own, i), guest, name, image))
            .collect(),
    }
}

fn container(seed: u64, guest: &Guest, name: &str, image: &str) -> Container {
    let hex = |n: u64| format!("{:016x}", wave::hash(seed, n));
    let secret = |n: u64| format!("sim-secret-{:016x}", wave::hash(seed, 40 + n));
    let mut labels: BTreeMap<String, String> = BTreeMap::from([
        ("com.docker.compose.project".to_owned(), "management".to_owned()),
        ("com.docker.compose.service".to_owned(), name.to_owned()),
        ("com.docker.compose.container-number".to_owned(), "1".to_owned()),
        ("org.opencontainers.image.title".to_owned(), name.to_owned()),
    ]);
    if RESTARTABLE.contains(&name) {
        labels.insert(RESTART_LABEL.to_owned(), "true".to_owned());
    }
    let upper = name.to_uppercase().replace('-', "_");
    let env = vec![
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned(),
        "TZ=Etc/UTC".to_owned(),
        format!("{upper}_PASSWORD={}", secret(1)),
        format!("{upper}_API_KEY={}", secret(2)),
        format!("DATABASE_URL=postgres://{name}:{}@192.168.1.105:5432/{name}", secret(3)),
    ];
    let up_since_ms = match guest.run {
        Run::Running { since_ms, .. } => since_ms,
        Run::Stopped => guest.created_s * 1000,
    };
    let later_ms = wave::hash(seed, 5) % 3_000_000;
    Container {
        name: name.to_owned(),
        image: image.to_owned(),
        id: [hex(1), hex(2), hex(3), hex(4)].concat(),
        created_s: guest.created_s + wave::hash(seed, 6) % 86_400,
        labels,
        env,
        state: State::Running { since_ms: up_since_ms + ENGINE_MS + later_ms },
        restarts: 0,
        health: CHECKED.contains(&name).then_some(Health::Healthy),
        seed,
        pid: 1_500 + seed % 20_000,
        lines: VecDeque::new(),
    }
}

impl Container {
    pub fn on(&self) -> bool {
        matches!(self.state, State::Running { .. })
    }

    /// Since when it runs: not longer than its guest.
    pub fn since_ms(&self, guest: &Guest) -> Option<u64> {
        let guest_ms = match guest.run {
            Run::Running { since_ms, .. } => since_ms + ENGINE_MS,
            Run::Stopped => return None,
        };
        match self.state {
            State::Running { since_ms } => Some(since_ms.max(guest_ms)),
            State::Exited { .. } => None,
        }
    }

    /// Its health at a moment; a fresh start has yet to be checked.
    pub fn health_at(&self, guest: &Guest, now_ms: u64) -> Option<Health> {
        let checked = self.health?;
        let since_ms = self.since_ms(guest)?;
        let young = now_ms.saturating_sub(since_ms) < STARTING_MS;
        Some(if young && checked == Health::Healthy { Health::Starting } else { checked })
    }

    pub fn begin(&mut self, now_ms: u64) {
        self.state = State::Running { since_ms: now_ms };
        self.health = self.health.map(|_| Health::Healthy);
        self.write(now_ms, 1, format!("{} starting", self.name));
    }

    pub fn end(&mut self, now_ms: u64, code: u8) {
        if self.on() {
            let how = if code == 137 { "killed" } else { "received SIGTERM, shutting down" };
            self.write(now_ms, 2, format!("{} {how}", self.name));
            self.state = State::Exited { at_ms: now_ms, code };
        }
    }

    pub fn write(&mut self, now_ms: u64, stream: u8, text: String) {
        self.lines.push_back((now_ms, stream, text));
        if self.lines.len() > LINES_MAX {
            self.lines.pop_front();
        }
    }

    /// The last lines of its log, oldest first: wall milliseconds, stream, text.
    pub fn log(&self, guest: &Guest, now_ms: u64, n: usize) -> Vec<(u64, u8, String)> {
        let from_ms = self.since_ms(guest).unwrap_or_default();
        let to_ms = if self.on() { now_ms } else { from_ms };
        // One line every so often, the same whenever it is read.
        let step_ms = 7_000 + self.seed % 20_000;
        let mut lines: Vec<(u64, u8, String)> = self.lines.iter().cloned().collect();
        let first = to_ms / step_ms;
        for i in (first.saturating_sub(num::len(n))..first).rev() {
            let at_ms = i * step_ms;
            if at_ms < from_ms {
                break;
            }
            lines.push((at_ms, if wave::hash(self.seed, i).is_multiple_of(9) { 2 } else { 1 }, self.line(i)));
        }
        lines.sort();
        let skip = lines.len().saturating_sub(n);
        lines.split_off(skip)
    }

    fn line(&self, i: u64) -> String {
        let dice = wave::hash(self.seed, i);
        let texts = [
            format!("level=info msg=\"request completed\" status=200 duration={}ms", dice % 190 + 2),
            "level=info msg=\"health check passed\"".to_owned(),
            format!("level=debug msg=\"cache refreshed\" entries={}", dice % 4_000),
            format!("level=warn msg=\"slow query\" took={}ms", dice % 4_000 + 800),
            // What careless programs log; a reader must redact it.
            format!("level=info msg=\"connecting\" password=sim-secret-{:016x}", wave::hash(self.seed, 41)),
            format!(
                "level=info msg=\"client connected\" remote=192.168.1.{}:{}",
                dice % 200 + 20,
                dice % 20_000 + 40_000
            ),
        ];
        let pick = num::size((dice >> 20) % num::len(texts.len()));
        texts.into_iter().nth(pick).unwrap_or_default()
    }

    /// What it uses now: share of one CPU, memory bytes, bytes in, out, read, written.
    pub fn load(&self, guest: &Guest, now: Now) -> (f64, u64, [u64; 4]) {
        let Some(since_ms) = self.since_ms(guest) else { return (0.0, 0, [0; 4]) };
        let t_s = num::real(now.unix_ms) / 1000.0;
        let cpu = 0.002 + 0.06 * wave::unit(self.seed, 8) * wave::noise(self.seed, t_s, 40.0);
        let base = 24.0 + 380.0 * wave::unit(self.seed, 9);
        let mem = num::whole(base * (0.9 + 0.2 * wave::noise(self.seed ^ 5, t_s, 300.0)) * 1_048_576.0);
        let up_s = now.unix_ms.saturating_sub(since_ms) / 1000;
        let rate = |n: u64, most: f64| num::whole(most * wave::unit(self.seed, n)) * up_s;
        (cpu, mem, [rate(11, 40_000.0), rate(12, 30_000.0), rate(13, 9_000.0), rate(14, 20_000.0)])
    }
}

impl World {
    /// A container by its name, full id, or unambiguous beginning of the id (12 digits as shown).
    pub fn container_mut(&mut self, vmid: u32, name: &str) -> Option<&mut Container> {
        let fits = |c: &&mut Container| {
            c.name == name || c.id == name || (name.len() >= 12 && c.id.starts_with(name))
        };
        self.engines.get_mut(&vmid)?.containers.iter_mut().find(fits)
    }

    pub fn container(&self, vmid: u32, name: &str) -> Option<&Container> {
        let fits =
            |c: &&Container| c.name == name || c.id == name || (name.len() >= 12 && c.id.starts_with(name));
        self.engines.get(&vmid)?.containers.iter().find(fits)
    }
}
