use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use jarvis_core::cluster::{
    GuestStatus, NodeStatus, SourceState, TaskStatus,
    reading::{Member, NodeRow},
};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::clients::proxmox::{Allowance, Settings};

/// A cluster of one node and one guest that does as it is told.
#[derive(Clone, Default)]
struct World {
    inner: Arc<Inner>,
    allowance: Option<Arc<dyn Allowance>>,
}

#[derive(Default)]
struct Inner {
    sent: Mutex<BTreeMap<&'static str, u32>>,
    hanging: Mutex<Option<&'static str>>,
    failing: AtomicBool,
    tasks: Mutex<Vec<TaskRow>>,
}

impl World {
    async fn send<T>(&self, what: &'static str, value: T) -> Result<Answer<T>, ProxmoxError> {
        if self.allowance.as_ref().is_some_and(|a| !a.take()) {
            let mut error = broken();
            error.kind = ErrorKind::NotGranted;
            return Err(error);
        }
        *self.inner.sent.lock().unwrap().entry(what).or_default() += 1;
        if *self.inner.hanging.lock().unwrap() == Some(what) {
            std::future::pending::<()>().await;
        }
        if self.inner.failing.load(Ordering::SeqCst) {
            return Err(broken());
        }
        Ok(Answer { value, via: "pve".parse().unwrap(), at_ms: Clock.now_ms(), odd_rows: 0 })
    }

    fn sent(&self, what: &str) -> u32 {
        self.inner.sent.lock().unwrap().get(what).copied().unwrap_or(0)
    }

    fn total(&self) -> u32 {
        self.inner.sent.lock().unwrap().values().sum()
    }
}

fn broken() -> ProxmoxError {
    let settings = Settings { nodes: vec![], ca_pem: None, token: String::new().into() };
    Proxmox::new(&settings, Clock, Arc::default()).err().unwrap()
}

fn guest(status: GuestStatus) -> GuestRow {
    GuestRow {
        vmid: 100.try_into().unwrap(),
        kind: GuestKind::Qemu,
        node: "pve".parse().unwrap(),
        status,
        name: Some("gitea".into()),
        template: Some(false),
        tags: None,
        cpu: Some(0.1),
        cpu_cores: Some(1.0),
        mem_used_bytes: Some(1 << 28),
        mem_total_bytes: Some(1 << 30),
        mem_host_bytes: None,
        disk_used_bytes: None,
        disk_total_bytes: None,
        uptime_s: Some(1_000),
        lock: None,
        pool: None,
        ha_state: None,
        net_in_bytes: None,
        net_out_bytes: None,
        disk_read_bytes: None,
        disk_write_bytes: None,
    }
}

fn task(status: TaskStatus) -> TaskRow {
    TaskRow {
        upid: "UPID:pve:0000000A:0000000B:66:qmstop:100:root@pam:".parse().unwrap(),
        node: "pve".parse().unwrap(),
        kind: "qmstop".into(),
        target: Some("100".into()),
        user: "root@pam".into(),
        start_ms: Clock.now_ms(),
        end_ms: (status != TaskStatus::Running).then(|| Clock.now_ms()),
        status,
        exit: (status == TaskStatus::Ok).then(|| "OK".into()),
    }
}

impl Cluster for World {
    async fn resources(&self) -> Result<Answer<Resources>, ProxmoxError> {
        let node = NodeRow {
            name: "pve".parse().unwrap(),
            status: NodeStatus::Online,
            cpu: Some(0.1),
            cpu_cores: Some(4),
            mem_used_bytes: Some(1 << 30),
            mem_total_bytes: Some(1 << 34),
            disk_used_bytes: None,
            disk_total_bytes: None,
            uptime_s: Some(5_000),
        };
        let rows =
            Resources { nodes: vec![node], guests: vec![guest(GuestStatus::Running)], storages: vec![] };
        self.send("resources", rows).await
    }
    async fn membership(&self) -> Result<Answer<Membership>, ProxmoxError> {
        let me = Member { local: true, ..Member::named("pve".parse().unwrap(), true) };
        self.send("membership", Membership { nodes: vec![me], ..Membership::default() }).await
    }
    async fn tasks(&self) -> Result<Answer<Vec<TaskRow>>, ProxmoxError> {
        let rows = self.inner.tasks.lock().unwrap().clone();
        self.send("tasks", rows).await
    }
    async fn node_detail(&self, node: &NodeName) -> Result<Answer<NodeDetail>, ProxmoxError> {
        let detail = NodeDetail {
            node: node.clone(),
            load: Some([1.0, 1.0, 1.0]),
            iowait: None,
            swap_used_bytes: None,
            swap_total_bytes: None,
            cpu_model: None,
            kernel: None,
            pve_version: None,
        };
        self.send("detail", detail).await
    }
    async fn guest_now(&self, _: &NodeName, _: GuestKind, _: Vmid) -> Result<Answer<GuestRow>, ProxmoxError> {
        self.send("guest", guest(GuestStatus::Stopped)).await
    }
    fn within(&self, allowance: Arc<dyn Allowance>) -> Self {
        Self { inner: Arc::clone(&self.inner), allowance: Some(allowance) }
    }
}

struct Run {
    world: World,
    state: StateHub,
    supervisor: Supervisor,
    _incident: watch::Sender<bool>,
    lines: tokio::sync::mpsc::Receiver<Vec<jarvis_core::protocol::NewEvent>>,
}

fn run(world: World, settings: config::Poll, viewers: usize) -> (Run, Vec<crate::state::ViewerGuard>) {
    let state = StateHub::new("e".into());
    let guards = (0..viewers).map(|_| state.viewer()).collect();
    let supervisor = Supervisor::new(CancellationToken::new(), Clock);
    let (journal, lines) = Journal::queue();
    let (_incident, incident) = watch::channel(false);
    let parts =
        Parts { cluster: world.clone(), state: state.clone(), journal, clock: Clock, settings, incident };
    start(&supervisor, parts);
    (Run { world, state, supervisor, _incident, lines }, guards)
}

fn settings() -> config::Poll {
    config::Poll { watched_ms: 200, idle_ms: 60_000, idle_requests_per_minute: 24 }
}

async fn wait(ms: u64) {
    tokio::time::sleep(Duration::from_millis(ms)).await;
}

#[tokio::test]
async fn a_part_that_hangs_holds_up_nothing_but_itself() {
    let world = World::default();
    *world.inner.hanging.lock().unwrap() = Some("membership");
    let (run, _viewer) = run(world, settings(), 1);
    wait(1_500).await;
    assert_eq!(run.world.sent("membership"), 1, "and it is asked only once at a time");
    assert!(run.world.sent("resources") >= 5, "{}", run.world.sent("resources"));
    assert!(run.world.sent("tasks") >= 5);
    let (_, state) = run.state.current();
    assert_eq!(state.guests.len(), 1);
    assert_eq!(state.sources[&SourceId::resources()].state, SourceState::Fresh);
    run.supervisor.stop().cancel();
    assert!(run.supervisor.stopped(Duration::from_secs(1)).await, "a hanging read does not hold up the end");
}

#[tokio::test]
async fn a_task_that_ends_is_followed_by_one_direct_read_and_its_status_stands() {
    let (mut run, _viewer) = run(World::default(), settings(), 1);
    wait(700).await;
    assert_eq!(run.world.sent("guest"), 0);
    run.world.inner.tasks.lock().unwrap().push(task(TaskStatus::Running));
    wait(500).await;
    assert_eq!(run.world.sent("guest"), 1, "one when it begins");
    *run.world.inner.tasks.lock().unwrap() = vec![task(TaskStatus::Ok)];
    wait(700).await;
    assert_eq!(run.world.sent("guest"), 2, "one when it ends");
    let (_, state) = run.state.current();
    let guest = &state.guests[&100.try_into().unwrap()];
    assert_eq!(guest.status, GuestStatus::Stopped, "rows that still say running do not undo it");
    run.supervisor.stop().cancel();
    let mut told = Vec::new();
    while let Ok(lines) = run.lines.try_recv() {
        told.extend(lines.into_iter().map(|l| l.title));
    }
    assert!(told.iter().any(|t| t == "VM 100 gitea stopped on pve"), "{told:?}");
    assert!(told.iter().any(|t| t == "qmstop of 100 gitea by root@pam ended: OK"), "{told:?}");
}

#[tokio::test]
async fn the_number_of_viewers_changes_nothing() {
    let mut counts = Vec::new();
    for viewers in [1, 50] {
        let (run, _viewers) = run(World::default(), settings(), viewers);
        wait(1_900).await;
        run.supervisor.stop().cancel();
        counts.push(run.world.sent("resources"));
    }
    assert!(counts[0].abs_diff(counts[1]) <= 1, "{counts:?}");
}

#[tokio::test]
async fn the_first_viewer_is_answered_at_once() {
    let (run, _) = run(World::default(), settings(), 0);
    wait(400).await;
    assert_eq!(
        (run.world.sent("resources"), run.world.sent("tasks")),
        (1, 1),
        "one poll at the start, then idle"
    );
    let _viewer = run.state.viewer();
    wait(150).await;
    assert!(run.world.sent("resources") >= 2, "the first viewer does not wait for the period");
    wait(600).await;
    assert!(run.world.sent("resources") >= 4);
    run.supervisor.stop().cancel();
}

#[tokio::test]
async fn unwatched_the_minute_is_kept_even_when_everything_is_poked_and_fails() {
    let world = World::default();
    world.inner.failing.store(true, Ordering::SeqCst);
    let settings = config::Poll { watched_ms: 200, idle_ms: 60_000, idle_requests_per_minute: 24 };
    let state = StateHub::new("e".into());
    let supervisor = Supervisor::new(CancellationToken::new(), Clock);
    let (_incident, incident) = watch::channel(false);
    let (journal, _lines) = Journal::queue();
    let parts =
        Parts { cluster: world.clone(), state: state.clone(), journal, clock: Clock, settings, incident };
    let poke = start(&supervisor, parts).poke;
    for n in 0..60 {
        world.inner.failing.store(n % 3 == 0, Ordering::SeqCst);
        poke.poke();
        wait(110).await;
    }
    let asked = world.total();
    assert!((18..=24).contains(&asked), "{asked}: what the next round needs is left");
    supervisor.stop().cancel();
}

#[tokio::test]
async fn unwatched_pokes_keep_no_round_from_its_requests() {
    let world = World::default();
    // A round every 3.2 s; pokes alone would use the minute up within two.
    let settings = config::Poll { watched_ms: 200, idle_ms: 1_000, idle_requests_per_minute: 60 };
    let state = StateHub::new("e".into());
    let supervisor = Supervisor::new(CancellationToken::new(), Clock);
    let (_incident, incident) = watch::channel(false);
    let (journal, _lines) = Journal::queue();
    let parts =
        Parts { cluster: world.clone(), state: state.clone(), journal, clock: Clock, settings, incident };
    let poke = start(&supervisor, parts).poke;
    let mut counts = Vec::new();
    for _ in 0..3 {
        for _ in 0..30 {
            poke.poke();
            wait(110).await;
        }
        counts.push(world.sent("resources"));
    }
    assert!(counts[0] >= 2, "what is spare is given to pokes: {counts:?}");
    assert!(counts[0] < counts[1] && counts[1] < counts[2], "the rounds go on: {counts:?}");
    assert!(world.total() <= 60);
    supervisor.stop().cancel();
}

#[tokio::test]
async fn in_the_dark_one_question_is_enough() {
    let world = World::default();
    world.inner.failing.store(true, Ordering::SeqCst);
    let (run, _) = run(world, settings(), 0);
    wait(300).await;
    let before = (run.world.sent("membership"), run.world.sent("tasks"));
    assert!(run.world.sent("resources") == 1 && before.0 <= 1 && before.1 <= 1);
    assert!(run.state.current().1.sources[&SourceId::resources()].error.is_some());
    run.supervisor.stop().cancel();
}
