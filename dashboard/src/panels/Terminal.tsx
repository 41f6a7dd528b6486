// A person's own shells on the nodes: a tab a node, each with its own state. The drawing is loaded with the first one.
import { type KeyboardEvent, useCallback, useEffect, useId, useRef, useState } from "react";
import {
  allowShell,
  forgetShell,
  hasKept,
  hurryShells,
  shellLink,
  startShell,
  type TerminalFacts,
  terminalFacts,
  useShells,
} from "../stream/terminal";
import type { ShellState } from "../stream/terminalLink";
import { duration } from "../ui/format";
import { Glyph, type Shape } from "../ui/Glyph";
import { Note } from "../ui/Panel";
import { useView } from "../ui/view";
import { TerminalKeys } from "./TerminalKeys";
import { TerminalStrip } from "./TerminalStrip";
import type { TerminalScreen } from "./terminalScreen";
import "./Terminal.css";

type Facts = { readonly facts: TerminalFacts | null; readonly failure: string | null };

/** The drawing surfaces, which outlive the panel as the shells do. */
const screens = new Map<string, TerminalScreen>();
/** Ctrl of the key row: the next key typed is a control key. */
let ctrl = false;
/** The node whose shell somebody has just asked for: it has the keys from the moment it is on the screen. */
let wanted: string | null = null;

export function Terminal() {
  const { facts, failure } = useFacts();
  const states = useShells((s) => s.states);
  const [chosen, choose] = useState<string | null>(null);
  const [large, setLarge] = useState(false);
  const titleId = useId();
  const nodes = facts?.nodes ?? [];
  const node = nodes.find((n) => n.node === chosen) ?? nodes.find((n) => states[n.node]) ?? nodes[0];
  const state = node && states[node.node];
  useEffect(() => {
    addEventListener("online", hurryShells);
    return () => removeEventListener("online", hurryShells);
  }, []);
  const [missing, setMissing] = useState(false);
  useKeptShells(facts, setMissing);
  return (
    <section
      className="panel panel-terminal"
      id="terminal"
      aria-labelledby={titleId}
      data-testid="panel-terminal"
      data-open={state !== undefined}
      data-large={large || undefined}
    >
      <div className="panel-head terminal-head">
        <h2 id={titleId} className={nodes.length > 0 ? "sr" : undefined}>
          Terminal
        </h2>
        {nodes.length > 0 && (
          <Tabs
            nodes={nodes.map((n) => n.node)}
            current={node?.node ?? ""}
            states={states}
            onChoose={choose}
          />
        )}
        {state && (
          <button
            type="button"
            className="chip small"
            aria-pressed={large}
            onClick={() => setLarge((l) => !l)}
          >
            {large ? "Smaller" : "Larger"}
          </button>
        )}
      </div>
      <div
        className="panel-body"
        id="terminal-body"
        {...(node ? { role: "tabpanel", "aria-label": `Shell on ${node.node}` } : {})}
      >
        {missing && <Missing />}
        {failure !== null && <Note text="Terminals are not to be had now." more={failure} />}
        {facts && nodes.length === 0 && (
          <Note text="No node has a terminal." more="Add [ssh] and its nodes to jarvisd's settings." />
        )}
        {node && facts && (
          <Shell
            key={node.node}
            node={node.node}
            user={node.user}
            facts={facts}
            state={state}
            onMissing={setMissing}
          />
        )}
      </div>
    </section>
  );
}

function Missing() {
  return (
    <div role="alert" data-testid="terminal-missing">
      <Note
        text="The terminal could not be loaded."
        more="The server has no file of it that fits this page, or does not answer. Reload the page; if that does not help, the dashboard's files on the server are not complete: install them again."
        action={
          <button type="button" className="chip" onClick={() => location.reload()}>
            Reload
          </button>
        }
      />
    </div>
  );
}

function useFacts(): Facts {
  const [facts, setFacts] = useState<Facts>({ facts: null, failure: null });
  useEffect(() => {
    let here = true;
    void terminalFacts().then((answer) => {
      if (!here) return;
      setFacts(
        answer.ok ? { facts: answer.value, failure: null } : { facts: null, failure: answer.failure.message },
      );
    });
    return () => {
      here = false;
    };
  }, []);
  return facts;
}

/** A page that is loaded anew goes back to the shells it had. */
function useKeptShells(facts: TerminalFacts | null, onMissing: (missing: boolean) => void): void {
  useEffect(() => {
    for (const { node } of facts?.nodes ?? []) {
      if (!hasKept(node) || useShells.getState().states[node]) continue;
      void screenOf(node).then((screen) => {
        onMissing(screen === null);
        if (screen) startShell(node, screen, true);
      });
    }
  }, [facts, onMissing]);
}

const SHAPES: Readonly<Record<ShellState["state"], Shape>> = {
  opening: "running",
  open: "ok",
  lost: "attention",
  ended: "off",
  elsewhere: "unknown",
  denied: "attention",
};
const WORDS: Readonly<Record<ShellState["state"], string>> = {
  opening: "opening",
  open: "open",
  lost: "connection lost",
  ended: "ended",
  elsewhere: "shown elsewhere",
  denied: "not open",
};

interface TabsProps {
  readonly nodes: readonly string[];
  readonly current: string;
  readonly states: Readonly<Record<string, ShellState>>;
  readonly onChoose: (node: string) => void;
}

function Tabs({ nodes, current, states, onChoose }: TabsProps) {
  const key = (e: KeyboardEvent<HTMLDivElement>): void => {
    const by = e.key === "ArrowRight" ? 1 : e.key === "ArrowLeft" ? -1 : 0;
    const next = nodes[(nodes.indexOf(current) + by + nodes.length) % nodes.length];
    if (by === 0 || next === undefined) return;
    e.preventDefault();
    onChoose(next);
    e.currentTarget.querySelector<HTMLElement>(`[data-node="${CSS.escape(next)}"]`)?.focus();
  };
  return (
    <div className="terminal-tabs" role="tablist" aria-label="Nodes" onKeyDown={key}>
      {nodes.map((node) => {
        const state = states[node]?.state;
        return (
          <button
            key={node}
            type="button"
            role="tab"
            data-node={node}
            data-testid={`shell-${node}`}
            data-state={state ?? "none"}
            aria-selected={node === current}
            aria-controls="terminal-body"
            tabIndex={node === current ? 0 : -1}
            onClick={() => onChoose(node)}
          >
            {state && <Glyph shape={SHAPES[state]} word={null} />}
            <span className="cut">{node}</span>
            {state && <span className="sr">, {WORDS[state]}</span>}
          </button>
        );
      })}
    </div>
  );
}

/** Null: what draws it could not be loaded. */
async function screenOf(node: string): Promise<TerminalScreen | null> {
  const known = screens.get(node);
  if (known) return known;
  const drawing = await import("./terminalScreen").catch(() => null);
  if (!drawing) return null;
  const screen = await drawing.createScreen({
    onText: (text) => {
      const one = ctrl && typeof text === "string" && text.length === 1;
      shellLink(node)?.type(one ? String.fromCharCode(text.toUpperCase().charCodeAt(0) & 31) : text);
      if (one) ctrl = false;
    },
    onSize: (cols, rows) => shellLink(node)?.resize(cols, rows),
    onLeave: () => document.querySelector<HTMLElement>("#terminal [role=tab][aria-selected=true]")?.focus(),
  });
  screens.set(node, screen);
  return screen;
}

interface ShellProps {
  readonly node: string;
  readonly user: string;
  readonly facts: TerminalFacts;
  readonly state: ShellState | undefined;
  readonly onMissing: (missing: boolean) => void;
}

function Shell({ node, user, facts, state, onMissing }: ShellProps) {
  const box = useRef<HTMLDivElement>(null);
  const mode = useView((v) => v.mode);
  const [busy, setBusy] = useState(false);
  const there = state !== undefined;
  useEffect(() => {
    const screen = screens.get(node);
    if (!there || !box.current || !screen) return;
    const detach = screen.attach(box.current);
    if (wanted === node) screen.focus();
    wanted = null;
    return detach;
  }, [node, there]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another mode has other colours
  useEffect(() => screens.get(node)?.retint(), [node, mode]);
  const open = useCallback(async () => {
    setBusy(true);
    // Before a password is asked for: where the page loads itself anew for want of it, none was typed in vain.
    const screen = await screenOf(node);
    onMissing(screen === null);
    if (screen && (await allowShell(node))) {
      screen.clear();
      wanted = node;
      startShell(node, screen, false);
      // Where an ended one makes room for it, it is on the screen already.
      screen.focus();
    }
    setBusy(false);
  }, [node, onMissing]);
  if (!state) {
    return (
      <div className="terminal-offer">
        <button
          type="button"
          className="btn"
          disabled={busy}
          onClick={() => void open()}
          data-testid="open-shell"
        >
          Open a shell on {node}
        </button>
        <p>
          As {user}, recorded. It ends after {duration(facts.idleMs)} without a key.
        </p>
      </div>
    );
  }
  return (
    <>
      <div className="terminal-box" ref={box} data-keys="own" data-testid="terminal" />
      <TerminalStrip
        node={node}
        state={state}
        onOpen={() => void open()}
        onForget={() => {
          forgetShell(node);
          screens.delete(node);
        }}
        onAloud={(on) => screens.get(node)?.setAloud(on)}
      />
      <TerminalKeys
        onKey={(text) => {
          shellLink(node)?.type(text);
          screens.get(node)?.focus();
        }}
        onCtrl={() => {
          ctrl = true;
          screens.get(node)?.focus();
        }}
      />
    </>
  );
}
