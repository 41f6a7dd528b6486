// The acting side of the stand-in daemon: plans, approvals, actions that run and end, the switch, the level.
// Every answer has the shape of the generated types in src/protocol; nothing of the cluster really changes.

const TIER = {
  start_guest: "yellow",
  resume_guest: "yellow",
  wake_node: "yellow",
  restart_service: "yellow",
  create_snapshot: "yellow",
  start_backup: "yellow",
  docker_start: "yellow",
};
const TITLE = {
  start_guest: "Start",
  resume_guest: "Resume",
  wake_node: "Wake",
  restart_service: "Restart service",
  create_snapshot: "Snapshot",
  start_backup: "Back up",
  docker_start: "Start container",
  shutdown_guest: "Shut down",
  stop_guest: "Stop",
  reboot_guest: "Reboot",
  suspend_guest: "Suspend",
  migrate_guest: "Migrate",
  delete_snapshot: "Delete snapshot",
  docker_restart: "Restart container",
  docker_stop: "Stop container",
  reboot_node: "Reboot node",
  shutdown_node: "Shut down node",
};
const VALID_MS = 300_000;
const RUNS_MS = 6_000;
const ago = (s) => Date.now() - s * 1000;

export class FakeActing {
  constructor(records, tell) {
    this.records = records;
    this.tellAll = tell;
    this.seq = 0;
    this.fresh = false;
    this.count = 0;
    this.state = {
      kill_switch: { on: false, by: "human/operator", since_ms: ago(90_000) },
      autonomy: {
        level: 3,
        by: "human/operator",
        since_ms: ago(90_000),
        hour_used: 1,
        hour_max: 6,
        day_used: 3,
        day_max: 20,
        quarantined: [],
        scores: [],
      },
      approvals: [],
      actions: [],
    };
  }

  snapshot() {
    return { type: "snapshot", channel: "approvals", seq: this.seq, ts_ms: Date.now(), acting: this.state };
  }

  tell(kind, value) {
    this.tellAll({
      type: "approval.change",
      channel: "approvals",
      seq: ++this.seq,
      ts_ms: Date.now(),
      change: { kind, [kind]: value },
    });
  }

  put(list, kind, row) {
    const at = this.state[list].findIndex((r) => r.id === row.id);
    if (at === -1) this.state[list].unshift(row);
    else this.state[list][at] = row;
    this.tell(kind, row);
    return row;
  }

  /** Answers `[status, body]`, or null for a path that is not of acting. */
  route(method, path, body) {
    const [, , , room, id, more] = path.split("/");
    if (method === "GET" && room === "approvals" && !id) return [200, { items: this.state.approvals }];
    if (method === "GET" && room === "approvals") {
      const found = this.state.approvals.find((a) => a.id === decodeURIComponent(id));
      return found
        ? [200, found]
        : this.error(404, "not_found", "There is no such approval; it may be too old.");
    }
    if (method === "GET" && room === "actions") return [200, { items: this.state.actions }];
    if (method === "GET" && room === "autonomy") return [200, this.state.autonomy];
    if (method === "GET" && room === "kill-switch") return [200, this.state.kill_switch];
    if (method === "POST" && room === "tools") return this.tool(id, body);
    if (more === "extend") return this.decide(decodeURIComponent(id), { decision: "extend" });
    if (method === "POST" && room === "approvals") return this.decide(decodeURIComponent(id), body);
    if (method === "PUT" && room === "kill-switch") return this.throwSwitch(body.on);
    if (method === "PUT" && room === "autonomy") return this.setLevel(body.level);
    return null;
  }

  error(status, kind, message, details = {}) {
    return [status, { error: { kind, message, details } }];
  }

  plan(tool, args) {
    const guest = this.records().guest[String(args.vmid)];
    const node = args.node ?? guest?.node;
    const tier = TIER[tool] ?? "red";
    const objections = [];
    const refuse = (guard, reason) => objections.push({ guard, verdict: "refuse", reason });
    if (this.state.kill_switch.on) refuse("kill_switch", "the kill switch is on; nothing but reads leaves");
    if (guest?.vmid === 101)
      refuse("protected", "guest 101 is what Jarvis itself runs in; do this in Proxmox");
    if (guest?.lock) refuse("locks", `guest ${guest.vmid} is locked (${guest.lock}); let that end`);
    if (tier === "red")
      objections.push({
        guard: "autonomy",
        verdict: "ask",
        reason: "it takes something away: a person decides each time",
      });
    const verdict = objections.some((o) => o.verdict === "refuse")
      ? "refuse"
      : tier === "red"
        ? "ask"
        : "permit";
    const name = guest ? `guest ${guest.vmid} (${guest.name})` : `node ${node}`;
    const down = tier === "red" ? [{ name, node, ...(guest ? { vmid: guest.vmid } : {}) }] : [];
    if (guest?.vmid === 105)
      down.push({ name: "guest 107 (nextcloud)", node: "pve", vmid: 107, through: "guest 105 (postgres)" });
    const whole = tool.endsWith("_node") && tier === "red";
    return {
      tool,
      title: TITLE[tool] ?? tool,
      args,
      target: guest ? `guest/${guest.vmid}` : `node/${node ?? args.host}`,
      tier,
      effect: tool,
      verdict,
      objections,
      blast: {
        sentence: tier === "red" ? `${name} is away for about 40 s.` : `${name} comes up; nothing goes down.`,
        down,
        degraded: [],
        away_s: 40,
        basis: "from its last three restarts",
        quorum: { online: whole ? 3 : 4, needed: 3, kept: true },
        includes_jarvis: node === "agent1" && whole,
      },
      exact_calls: [
        {
          via: "proxmox",
          method: "POST",
          target: node ?? "cluster",
          path: `/nodes/${node}/${guest?.kind ?? "qemu"}/${args.vmid ?? "0"}/status/${tool.split("_")[0]}`,
          body: "timeout=60",
        },
      ],
      guest,
      node,
    };
  }

  tool(tool, { args = {}, dry_run }) {
    const { guest, node, ...plan } = this.plan(tool, args);
    if (dry_run) return [200, { state: "plan", ...plan }];
    if (plan.verdict === "refuse")
      return this.error(403, "refused", `${plan.title} was refused; ${plan.objections.length} reason(s).`, {
        tool,
        tier: plan.tier,
        objections: plan.objections,
      });
    const where = { target: plan.target, node, ...(guest ? { vmid: guest.vmid } : {}) };
    const about = { tool, title: plan.title, args, ...where, tier: plan.tier, effect: plan.effect };
    if (plan.verdict === "permit") return [202, { state: "running", action: this.begin(about, plan) }];
    return [202, { state: "pending", approval: this.propose(about, plan, "human/operator") }];
  }

  propose(about, plan, proposer) {
    const id = `ap${++this.count}`;
    const now = Date.now();
    return this.put("approvals", "approval", {
      id,
      hash: `${id}-hash`,
      ...about,
      proposer,
      objections: plan.objections,
      blast: plan.blast,
      exact_calls: plan.exact_calls,
      state: "pending",
      opened_ms: now,
      expires_ms: now + VALID_MS,
    });
  }

  begin(about, plan, approval) {
    const id = `ac${++this.count}`;
    const now = Date.now();
    let action = this.put("actions", "action", {
      id,
      ...about,
      caller: "human/operator",
      ...(approval ? { approval } : {}),
      state: "running",
      log: ["trying to acquire lock...", " OK"],
      predicted: plan.blast,
      sent: plan.exact_calls[0],
      asked_ms: now,
      sent_ms: now,
    });
    setTimeout(() => {
      action = this.put("actions", "action", {
        ...action,
        state: "ok",
        exit: "OK",
        message: "It did what was asked.",
        log: [...action.log, "shutdown of the guest requested", "TASK OK"],
        verified: "yes",
        evidence: "read from its own node 2 s after the task's end",
        observed: {
          down: plan.blast.down.map((d) => d.name),
          hits: plan.blast.down.length,
          false_alarms: 0,
          missed: 0,
        },
        ended_ms: Date.now(),
      });
    }, RUNS_MS);
    return action;
  }

  decide(id, { decision, hash }) {
    const found = this.state.approvals.find((a) => a.id === id);
    if (!found) return this.error(404, "not_found", "There is no such approval; it may be too old.");
    if (found.state !== "pending")
      return this.error(409, "conflict", `It is over: ${found.state} by ${found.by ?? "time"}.`);
    if (decision !== "extend" && hash !== found.hash)
      return this.error(409, "conflict", "It is for another action than the one shown.");
    if (decision === "extend")
      return [200, this.put("approvals", "approval", { ...found, expires_ms: Date.now() + VALID_MS })];
    const decided = { ...found, by: "human/operator", decided_ms: Date.now() };
    if (decision === "deny") return [200, this.put("approvals", "approval", { ...decided, state: "denied" })];
    const { tool, title, args, target, node, vmid, tier, effect } = found;
    const about = { tool, title, args, target, node, ...(vmid ? { vmid } : {}), tier, effect };
    const action = this.begin(about, found, id);
    return [200, this.put("approvals", "approval", { ...decided, state: "used", action: action.id })];
  }

  throwSwitch(on) {
    if (!on && !this.fresh)
      return this.error(403, "fresh_login_needed", "This needs a log-in of the last few minutes.");
    this.state.kill_switch = { on, by: "human/operator", since_ms: Date.now() };
    for (const a of this.state.approvals.filter((x) => on && x.state === "pending"))
      this.put("approvals", "approval", {
        ...a,
        state: "voided",
        why: "the kill switch was thrown",
        decided_ms: Date.now(),
      });
    this.tell("kill_switch", this.state.kill_switch);
    return [200, this.state.kill_switch];
  }

  setLevel(level) {
    if (level > this.state.autonomy.level && !this.fresh)
      return this.error(403, "fresh_login_needed", "This needs a log-in of the last few minutes.");
    this.state.autonomy = { ...this.state.autonomy, level, by: "human/operator", since_ms: Date.now() };
    this.tell("autonomy", this.state.autonomy);
    return [200, this.state.autonomy];
  }

  /** As if a model had asked: for looking at a card. */
  ask() {
    const { guest, node, ...plan } = this.plan("reboot_guest", { vmid: 107 });
    plan.objections.push({
      guard: "taint",
      verdict: "ask",
      reason: "the plan has read a log that others wrote",
    });
    const about = {
      tool: plan.tool,
      title: plan.title,
      args: { vmid: 107 },
      target: plan.target,
      node,
      vmid: 107,
    };
    return this.propose({ ...about, tier: plan.tier, effect: plan.effect }, plan, "mcp/claude-desktop");
  }
}
