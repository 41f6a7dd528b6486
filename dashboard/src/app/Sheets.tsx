// The sheets over the screen: find anything, and the list of keys.

import { type KeyboardEvent, useMemo, useState } from "react";
import { openAct } from "../panels/actSheetState";
import { useActing } from "../stream/acting";
import { byName } from "../stream/byName";
import { serverNowMs } from "../stream/clock";
import { logOut } from "../stream/rest";
import { useStream, useTable } from "../stream/store";
import { plain } from "../ui/plain";
import { Sheet } from "../ui/Sheet";
import { MODES, select, setMode } from "../ui/view";
import { GO_KEYS, KEYS, type Key, setSingleKeys, terminal, useSingleKeys } from "./keys";
import { deedsFor } from "./paletteDeeds";
import { closeSheet, useSheet } from "./sheetState";
import "./Sheets.css";

export function Sheets({ onOut }: { readonly onOut: () => void }) {
  const open = useSheet((s) => s.open);
  if (open === "palette") return <Palette onOut={onOut} />;
  if (open === "help") return <Help />;
  return null;
}

function Help() {
  const single = useSingleKeys((s) => s.on);
  return (
    <Sheet label="Keyboard shortcuts" wide onClose={closeSheet}>
      <h2 className="sheet-title">Keyboard</h2>
      <div className="help-lists">
        <KeyList keys={KEYS} />
        <KeyList keys={GO_KEYS} />
      </div>
      <label className="help-switch">
        <input type="checkbox" checked={single} onChange={(e) => setSingleKeys(e.target.checked)} />
        Single letters are shortcuts. Ctrl with a key and Esc always are.
      </label>
    </Sheet>
  );
}

function KeyList({ keys }: { readonly keys: readonly Key[] }) {
  return (
    <dl className="help">
      {keys.map((k) => (
        <div key={k.keys}>
          <dt>
            {k.keys.split(" ").map((key, i) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: G G has the same key twice, and none moves
              <kbd key={i}>{key}</kbd>
            ))}
          </dt>
          <dd>{k.does}</dd>
        </div>
      ))}
    </dl>
  );
}

interface Entry {
  readonly key: string;
  readonly label: string;
  readonly about: string;
  readonly run: () => void;
}

const SHOWN_MAX = 12;

function useEntries(onOut: () => void): readonly Entry[] {
  const nodes = useTable("node");
  const guests = useTable("guest");
  const acts = useActing((a) => a.view !== null);
  const killed = useActing((a) => a.view?.kill_switch.on === true);
  return useMemo(() => {
    const list: Entry[] = [...nodes.keys()]
      .sort(byName)
      .map((id) => ({ key: `n ${id}`, label: id, about: "node", run: () => select({ kind: "node", id }) }));
    for (const [id, g] of guests) {
      list.push({
        key: `g ${id}`,
        label: `${plain(g.name ?? "guest")} ${id}`,
        about: `${g.kind === "lxc" ? "CT" : "VM"} on ${g.node}`,
        run: () => select({ kind: "guest", id }),
      });
    }
    list.push({ key: "cluster", label: "Cluster", about: "history of the whole", run: () => select(null) });
    list.push({ key: "shell", label: "Terminal", about: "a shell on a node", run: terminal });
    if (acts) {
      list.push({
        key: "containers",
        label: "Docker containers",
        about: "list, start, restart, stop",
        run: () => openAct({ kind: "containers" }),
      });
      list.push({
        key: "kill",
        label: killed ? "Release the kill switch" : "Kill switch: stop all acting now",
        about: killed ? "after a word of warning" : "at once, nothing asks again",
        // The switch itself, which says so when it fails.
        run: () => document.querySelector<HTMLElement>(".chip.kill")?.click(),
      });
    }
    for (const m of MODES)
      list.push({ key: `m ${m}`, label: `Mode ${m}`, about: "how the screen looks", run: () => setMode(m) });
    list.push({
      key: "out",
      label: "Log out",
      about: "leave this dashboard",
      run: () => void logOut().then(onOut),
    });
    return list;
  }, [nodes, guests, onOut, acts, killed]);
}

const deedEntries = (words: readonly string[], most: number): Entry[] =>
  deedsFor(words, useStream.getState().mirror.tables, serverNowMs(), most).map(({ key, about, deed }) => ({
    key,
    label: `${deed.label}: ${deed.target}`,
    about,
    run: () => openAct({ kind: "deed", deed }),
  }));

function Palette({ onOut }: { readonly onOut: () => void }) {
  const entries = useEntries(onOut);
  const [search, setSearch] = useState("");
  const [at, setAt] = useState(0);
  const acts = useActing((a) => a.view !== null);
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const hits = entries
    .filter((e) => words.every((w) => `${e.label} ${e.about}`.toLowerCase().includes(w)))
    .slice(0, SHOWN_MAX);
  if (acts && hits.length < SHOWN_MAX) hits.push(...deedEntries(words, SHOWN_MAX - hits.length));
  const run = (e: Entry | undefined): void => {
    if (!e) return;
    closeSheet();
    e.run();
  };
  const key = (e: KeyboardEvent): void => {
    const by = e.key === "ArrowDown" ? 1 : e.key === "ArrowUp" ? -1 : 0;
    if (e.key === "Enter") run(hits[at]);
    if (by === 0) return;
    e.preventDefault();
    setAt((n) => (n + by + hits.length) % Math.max(1, hits.length));
  };
  return (
    <Sheet label="Find a node, a guest or a command" onClose={closeSheet}>
      <input
        className="palette-input"
        placeholder="Node, guest, number, or stop nextcloud …"
        role="combobox"
        aria-label="Find"
        aria-expanded="true"
        aria-controls="palette-list"
        aria-activedescendant={hits[at] ? `palette-${at}` : undefined}
        value={search}
        onChange={(e) => {
          setSearch(e.target.value);
          setAt(0);
        }}
        onKeyDown={key}
      />
      <div id="palette-list" role="listbox" aria-label="Found" className="palette-list">
        {hits.map((e, i) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the keys are the input's
          <div
            key={e.key}
            id={`palette-${i}`}
            role="option"
            tabIndex={-1}
            aria-selected={i === at}
            className="palette-hit"
            onClick={() => run(e)}
            onMouseMove={() => setAt(i)}
          >
            <span>{e.label}</span>
            <small>{e.about}</small>
          </div>
        ))}
      </div>
      {hits.length === 0 && <p className="palette-none">Nothing by that name.</p>}
    </Sheet>
  );
}
