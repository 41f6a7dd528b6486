// Holds the moving picture of the reactor: gives its canvas to a worker, and tells it what to show while it is seen.
import { useEffect, useRef } from "react";
import labelFont from "../theme/fonts/barlow-condensed-latin-600-normal.woff2?url";
import type { GlobeScene } from "./globeScene";
import { type Look, REACTOR_UNITS, Reactor } from "./reactor";
import type { ToWorker } from "./reactorWorker";

interface Player {
  show(look: Look): void;
  end(): void;
}

/** A canvas can be given away once, so each player has its own. */
function createPlayer(host: HTMLElement): Player {
  const canvas = document.createElement("canvas");
  canvas.className = "reactor-canvas";
  host.replaceChildren(canvas);
  if (typeof Worker === "undefined" || !canvas.transferControlToOffscreen) {
    const reactor = new Reactor(canvas);
    return { show: (look) => reactor.show(look), end: () => reactor.stop() };
  }
  const worker = new Worker(new URL("./reactorWorker.ts", import.meta.url), { type: "module" });
  const offscreen = canvas.transferControlToOffscreen();
  const font = new URL(labelFont, location.href).href;
  worker.postMessage({ type: "begin", canvas: offscreen, labelFont: font } satisfies ToWorker, [offscreen]);
  return {
    show: (look) => worker.postMessage({ type: "look", look } satisfies ToWorker),
    end: () => worker.terminate(),
  };
}

/** Calls back with whether the picture can be seen at all: in the window, in a tab that is shown. */
function watchSeen(host: HTMLElement, onSeen: (seen: boolean) => void): () => void {
  let inView = true;
  const tell = (): void => onSeen(inView && !document.hidden);
  const box =
    typeof IntersectionObserver === "undefined"
      ? null
      : new IntersectionObserver(([entry]) => {
          inView = entry?.isIntersecting ?? true;
          tell();
        });
  box?.observe(host);
  document.addEventListener("visibilitychange", tell);
  tell();
  return () => {
    box?.disconnect();
    document.removeEventListener("visibilitychange", tell);
  };
}

interface ReactorCanvasProps {
  readonly scene: GlobeScene;
  readonly moving: boolean;
  readonly busy: boolean;
  /** As the colours follow it. */
  readonly mode: string;
}

export function ReactorCanvas({ scene, moving, busy, mode }: ReactorCanvasProps) {
  const host = useRef<HTMLDivElement>(null);
  const player = useRef<Player | null>(null);
  const wanted = useRef<Look | null>(null);
  const seen = useRef(true);
  useEffect(() => {
    const box = host.current;
    if (!box) return;
    const mine = createPlayer(box);
    player.current = mine;
    const stop = watchSeen(box, (now) => {
      seen.current = now;
      if (wanted.current) mine.show({ ...wanted.current, moving: now && wanted.current.moving });
    });
    return () => {
      stop();
      mine.end();
      player.current = null;
    };
  }, []);
  // biome-ignore lint/correctness/useExhaustiveDependencies: mode changes the computed colours
  useEffect(() => {
    const style = getComputedStyle(document.documentElement);
    const look: Look = {
      scene,
      moving,
      busy,
      size: Math.round(REACTOR_UNITS * Math.min(2, devicePixelRatio || 1)),
      inks: {
        cy: "rgb(120,230,255)",
        am: rgb(style, "--am"),
        rd: rgb(style, "--rd"),
        grey: "rgb(125,152,166)",
        ring: rgb(style, "--cy"),
      },
    };
    wanted.current = look;
    // What nobody sees is drawn when it is seen again.
    if (seen.current) player.current?.show(look);
  }, [scene, moving, busy, mode]);
  return <div ref={host} className="reactor-moving" />;
}

function rgb(style: CSSStyleDeclaration, name: string): string {
  const hex = style
    .getPropertyValue(name)
    .trim()
    .match(/^#(..)(..)(..)$/);
  return hex
    ? `rgb(${hex
        .slice(1)
        .map((h) => Number.parseInt(h, 16))
        .join(",")})`
    : "rgb(255,255,255)";
}
