// The shells of this screen, one a node, and where shells can be had. The sockets live here and not in a panel:
// what is folded away or drawn anew does not hang up.
import { create } from "zustand";
import { askFresh } from "./fresh";
import { type Answer, call, isFields } from "./rest";
import {
  createShellLink,
  type ShellLink,
  type ShellScreen,
  type ShellState,
  type ShellWire,
} from "./terminalLink";

export interface TerminalNode {
  readonly node: string;
  readonly user: string;
}

export interface TerminalFacts {
  readonly nodes: readonly TerminalNode[];
  readonly idleMs: number;
  readonly resumeMs: number;
}

const decodeFacts = (body: unknown): TerminalFacts | null => {
  if (!isFields(body) || !Array.isArray(body.nodes)) return null;
  const { idle_s, resume_s } = body;
  if (typeof idle_s !== "number" || typeof resume_s !== "number") return null;
  const nodes = body.nodes.flatMap((n: unknown) =>
    isFields(n) && typeof n.node === "string" && typeof n.user === "string"
      ? [{ node: n.node, user: n.user }]
      : [],
  );
  return { nodes, idleMs: idle_s * 1000, resumeMs: resume_s * 1000 };
};

export const terminalFacts = (): Promise<Answer<TerminalFacts>> => call("/api/v1/terminals", decodeFacts);

/** Whether the log-in is a recent one; null when nobody is logged in or the daemon does not say. */
async function fresh(): Promise<boolean | null> {
  const answer = await call("/api/v1/session", (b) =>
    isFields(b) && typeof b.fresh === "boolean" ? b.fresh : null,
  );
  return answer.ok ? answer.value : null;
}

async function whyRefused(): Promise<"login" | "fresh" | null> {
  const answer = await call("/api/v1/session", (b) =>
    isFields(b) && typeof b.fresh === "boolean" ? b.fresh : null,
  );
  if (answer.ok) return answer.value ? null : "fresh";
  return answer.failure.kind === "unauthenticated" ? "login" : null;
}

/** What a page that is loaded anew comes back with. Good for nothing without the cookie of the same log-in. */
const KEPT_PREFIX = "jarvis.shell.";

function keep(node: string, id: string | null): void {
  try {
    if (id === null) sessionStorage.removeItem(KEPT_PREFIX + node);
    else sessionStorage.setItem(KEPT_PREFIX + node, id);
  } catch {
    // Storage may be refused; a page that is loaded anew then begins a new shell.
  }
}

function kept(node: string): string | null {
  try {
    return sessionStorage.getItem(KEPT_PREFIX + node);
  } catch {
    return null;
  }
}

export const hasKept = (node: string): boolean => kept(node) !== null;

type OpenShellWire = (node: string, query: string) => ShellWire;

const openBrowserWire: OpenShellWire = (node, query) => {
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const socket = new WebSocket(
    `${scheme}://${location.host}/ws/terminal/${encodeURIComponent(node)}?${query}`,
  );
  socket.binaryType = "arraybuffer";
  return socket as ShellWire;
};

let openWire = openBrowserWire;

/** Tests stand in. */
export function openShellsWith(open: OpenShellWire): void {
  openWire = open;
}

interface Shells {
  /** By node; a node without an entry has no shell here. */
  readonly states: Readonly<Record<string, ShellState>>;
}

export const useShells = create<Shells>(() => ({ states: {} }));
const links = new Map<string, ShellLink>();

const setState = (node: string, state: ShellState): void =>
  useShells.setState((s) => ({ states: { ...s.states, [node]: state } }));

function linkOf(node: string, screen: ShellScreen): ShellLink {
  const known = links.get(node);
  if (known) return known;
  const link = createShellLink({
    open: (query) => openWire(node, query),
    screen,
    onState: (state) => setState(node, state),
    keep: (id) => keep(node, id),
    whyRefused,
  });
  links.set(node, link);
  return link;
}

/** Asks for the password again when the log-in is not a recent one. False: the person said no. */
export async function allowShell(node: string): Promise<boolean> {
  return (await fresh()) !== false || askFresh(`A terminal on ${node}`);
}

/** A new shell, or, with `back`, the one this page had before it was loaded anew. */
export function startShell(node: string, screen: ShellScreen, back: boolean): void {
  linkOf(node, screen).start(back ? kept(node) : null);
}

export const shellLink = (node: string): ShellLink | undefined => links.get(node);

/** Takes an ended shell off the screen. */
export function forgetShell(node: string): void {
  links.get(node)?.stop();
  links.delete(node);
  useShells.setState(({ states: { [node]: _, ...rest } }) => ({ states: rest }));
}

/** Back to what was lost, now: the network is there again or somebody looks. */
export function hurryShells(): void {
  for (const [node, link] of links) if (useShells.getState().states[node]?.state === "lost") link.comeBack();
}
