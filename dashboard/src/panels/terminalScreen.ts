// xterm, loaded when the first shell is opened: one drawing surface a node, kept while its tab is hidden.
import { FitAddon } from "@xterm/addon-fit";
import { type ITheme, Terminal } from "@xterm/xterm";
import "@xterm/xterm/css/xterm.css";
import type { ShellScreen } from "../stream/terminalLink";
import "./terminalFont.css";

const FONT = '"JetBrains Mono", ui-monospace, monospace';
const FONT_PX = 14;
const SCROLLBACK_LINES = 5_000;

export interface ScreenParts {
  /** Typed, pasted, or answered by the terminal itself. */
  readonly onText: (text: string | Uint8Array) => void;
  readonly onSize: (cols: number, rows: number) => void;
  /** The keys that leave the terminal. */
  readonly onLeave: () => void;
}

export interface TerminalScreen extends ShellScreen {
  /** Shows the terminal in this box, which may change its size. */
  attach(box: HTMLElement): () => void;
  focus(): void;
  paste(text: string): void;
  setAloud(on: boolean): void;
  retint(): void;
}

const token = (name: string): string =>
  getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** From the tokens; the sixteen colours keep their names but not their glare. */
function theme(): ITheme {
  return {
    background: token("--well"),
    foreground: token("--ink"),
    cursor: token("--cy"),
    cursorAccent: token("--well"),
    selectionBackground: "#1f4d68",
    black: "#16222c",
    red: token("--rd"),
    green: "#7fd8a4",
    yellow: token("--am"),
    blue: "#6fb1ff",
    magenta: token("--vi"),
    cyan: token("--cy"),
    white: token("--ink-2"),
    brightBlack: token("--ink-3"),
    brightRed: "#ff93a2",
    brightGreen: "#a5ebc1",
    brightYellow: "#ffd089",
    brightBlue: "#9accff",
    brightMagenta: "#d1c3ff",
    brightCyan: "#9be8ff",
    brightWhite: "#ffffff",
  };
}

/** Copies without a secure context too: the terminal answers the browser's own copy event. */
function copy(terminal: Terminal): void {
  const text = terminal.getSelection();
  if (navigator.clipboard) void navigator.clipboard.writeText(text);
  else document.execCommand("copy");
}

/** False: the key is not the shell's. */
function keyFor(terminal: Terminal, onLeave: () => void, e: KeyboardEvent): boolean {
  const both = e.ctrlKey && e.shiftKey && !e.altKey;
  // The kill switch, which is the page's everywhere.
  if (both && e.code === "Period") return false;
  const leaves = both && (e.key === "Escape" || e.code === "KeyX");
  const copies = both && e.code === "KeyC" && terminal.hasSelection();
  // The browser pastes by itself; the terminal hears of it.
  const pastes = both && e.code === "KeyV";
  if (!leaves && !copies && !pastes) return true;
  if (e.type === "keydown" && !pastes) {
    e.preventDefault();
    if (leaves) onLeave();
    else copy(terminal);
  }
  return false;
}

export async function createScreen({ onText, onSize, onLeave }: ScreenParts): Promise<TerminalScreen> {
  // Measured once, when it opens: with another font every cell would be of the wrong size.
  await document.fonts?.load(`${FONT_PX}px "JetBrains Mono"`).catch(() => undefined);
  const terminal = new Terminal({
    fontFamily: FONT,
    fontSize: FONT_PX,
    lineHeight: 1.2,
    scrollback: SCROLLBACK_LINES,
    // A cursor that blinks keeps the whole page drawing.
    cursorBlink: false,
    convertEol: false,
    theme: theme(),
    linkHandler: null,
    macOptionIsMeta: true,
  });
  const fit = new FitAddon();
  terminal.loadAddon(fit);
  terminal.attachCustomKeyEventHandler((e) => keyFor(terminal, onLeave, e));
  terminal.onData(onText);
  // Old mouse reports are bytes, not text.
  terminal.onBinary((data) => onText(Uint8Array.from(data, (c) => c.charCodeAt(0))));
  terminal.onResize(({ cols, rows }) => onSize(cols, rows));
  const home = document.createElement("div");
  home.className = "terminal-home";

  return {
    write: (bytes, drawn) => terminal.write(bytes, drawn),
    clear: () => terminal.reset(),
    size: () => ({ cols: terminal.cols, rows: terminal.rows }),
    attach(box) {
      box.append(home);
      if (!terminal.element) terminal.open(home);
      let frame = 0;
      const measure = (): void => {
        cancelAnimationFrame(frame);
        frame = requestAnimationFrame(() => {
          if (home.clientWidth > 0 && home.clientHeight > 0) fit.fit();
        });
      };
      const watch = new ResizeObserver(measure);
      watch.observe(box);
      if (home.clientWidth > 0) fit.fit();
      return () => {
        watch.disconnect();
        cancelAnimationFrame(frame);
        home.remove();
      };
    },
    focus: () => terminal.focus(),
    paste: (text) => terminal.paste(text),
    setAloud: (on) => {
      terminal.options.screenReaderMode = on;
    },
    retint: () => {
      terminal.options.theme = theme();
    },
  };
}
