// Name, time, mode, and whether what is shown is live.

import { openAct } from "../panels/actSheetState";
import { KillSwitch } from "../panels/KillSwitch";
import { useWaiting } from "../panels/useWaiting";
import { ageMs, sightOf, useAt, useNowMs } from "../stream/clock";
import { logOut } from "../stream/rest";
import { useCluster, useStream } from "../stream/store";
import { Emblem } from "../ui/Emblem";
import { clock, count, day, duration, utc, zone } from "../ui/format";
import { Glyph, type Shape } from "../ui/Glyph";
import { MODES, setMode, useView } from "../ui/view";
import { SideButton } from "./Side";
import { openSheet } from "./sheetState";

export function Header({ onOut }: { readonly onOut: () => void }) {
  const cluster = useCluster();
  return (
    <header className="head">
      <div className="brand">
        <Emblem size={34} />
        <b>JARVIS</b>
        {cluster && (
          <span className="brand-about cut">
            {cluster.name || "standalone"} · {count(cluster.nodes_total, "node")}
          </span>
        )}
      </div>
      <Clock />
      <div className="head-right">
        <button
          type="button"
          className="chip head-find"
          onClick={() => openSheet("palette")}
          aria-keyshortcuts="Control+K"
        >
          <kbd>Ctrl K</kbd>Find
        </button>
        <SideButton />
        <ModeSwitch />
        <LinkChip />
        <WaitingChip />
        <KillSwitch />
        <LogOutButton onOut={onOut} />
      </div>
    </header>
  );
}

function Clock() {
  const now = useNowMs();
  const [h, m, s] = clock(now).split(":");
  return (
    <div className="clock">
      <time
        className="clock-time"
        dateTime={new Date(now).toISOString()}
        title={utc(now)}
        data-testid="clock"
      >
        {h}
        <i>:</i>
        {m}
        <i>:</i>
        {s}
      </time>
      <p className="lab">
        {day(now)} · {zone()}
      </p>
    </div>
  );
}

export function LogOutButton({ onOut }: { readonly onOut: () => void }) {
  return (
    <button type="button" className="chip head-out" onClick={() => void logOut().then(onOut)}>
      Log out
    </button>
  );
}

export function ModeSwitch() {
  const mode = useView((v) => v.mode);
  return (
    <fieldset className="chip seg head-modes" aria-label="Mode">
      {MODES.map((m) => (
        <button key={m} type="button" aria-pressed={mode === m} onClick={() => setMode(m)}>
          {m}
        </button>
      ))}
    </fieldset>
  );
}

/** Leads to what waits, from wherever one is. */
function WaitingChip() {
  const waiting = useWaiting();
  const wall = useView((v) => v.wall);
  if (waiting.length === 0) return null;
  const body = (
    <>
      <Glyph shape="attention" word={null} />
      {waiting.length} waiting
    </>
  );
  if (wall)
    return (
      <span className="chip" data-tone="attention" data-testid="waiting">
        {body}
      </span>
    );
  return (
    <button
      type="button"
      className="chip"
      data-tone="attention"
      data-testid="waiting"
      onClick={() => waiting[0] && openAct({ kind: "approval", id: waiting[0].id })}
    >
      {body}
    </button>
  );
}

/** Live means both: the daemon is heard, and it sees the cluster. The age is of the cluster's figures. */
export function LinkChip() {
  const link = useStream((s) => s.link);
  const build = useStream((s) => s.mirror.build);
  const source = useStream((s) => s.mirror.tables.source.get("resources"));
  const sight = useAt((now) => sightOf(source, now));
  // Tenths of a second, from the server's own time of the sample.
  const age = useAt((now) => {
    const ms = ageMs(source, now);
    return ms === null ? "" : duration(Math.round(ms / 100) * 100);
  });
  const retry = useAt(() =>
    link.state === "lost" ? Math.max(0, Math.ceil((link.retryAtMs - Date.now()) / 1000)) : 0,
  );
  const [shape, word, em] = chip();
  function chip(): readonly [Shape, string, string] {
    switch (link.state) {
      case "live":
        // A recording never passes for the cluster.
        if (build === "demo") return ["info", "Replay", ""];
        if (sight === "fresh") return ["ok", "Live", age];
        if (sight === "waiting") return ["unknown", "Waiting", ""];
        return [sight === "late" ? "attention" : "critical", sight === "late" ? "Late" : "Blind", age];
      case "lost":
        return ["critical", "Lost", retry > 0 ? `retry ${retry}\u2009s` : "trying"];
      case "denied":
        return ["attention", "Locked", ""];
      default:
        return ["unknown", "Connecting", ""];
    }
  }
  return (
    <div
      className="chip link"
      data-testid="link"
      data-state={link.state}
      data-tone={shape === "attention" || shape === "critical" ? shape : undefined}
    >
      <Glyph shape={shape} word={null} />
      {word} <em>{em}</em>
    </div>
  );
}
