// A state as shape and colour, with its word for those who see neither.
import { createContext, useContext } from "react";

export type Shape = "ok" | "attention" | "critical" | "off" | "unknown" | "info" | "running";

const WORDS: Readonly<Record<Shape, string>> = {
  ok: "well",
  attention: "needs attention",
  critical: "critical",
  off: "off",
  unknown: "unknown",
  info: "note",
  running: "running",
};

/** The same shapes as characters, for titles. */
export const SHAPE_CHARACTER: Readonly<Record<Shape, string>> = {
  ok: "●",
  attention: "▲",
  critical: "◆",
  off: "○",
  unknown: "◌",
  info: "–",
  running: "◔",
};

/** True where the state shown is an old one: silence is never drawn as health. */
export const Stale = createContext(false);

/** The state of a thing as far as it is known now. */
export function StateGlyph({ shape }: { readonly shape: Shape }) {
  const stale = useContext(Stale);
  return (
    <Glyph
      shape={stale ? "unknown" : shape}
      word={stale ? `was ${WORDS[shape]}, unknown now` : WORDS[shape]}
    />
  );
}

export function Glyph({ shape, word }: { readonly shape: Shape; readonly word?: string | null }) {
  return (
    <>
      <i className="glyph" data-shape={shape} aria-hidden="true" />
      {word !== null && <span className="sr">{word ?? WORDS[shape]} </span>}
    </>
  );
}
