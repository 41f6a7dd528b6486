// A state as shape and colour, with its word for those who see neither.

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

export function Glyph({ shape, word }: { readonly shape: Shape; readonly word?: string | null }) {
  return (
    <>
      <i className="glyph" data-shape={shape} aria-hidden="true" />
      {word !== null && <span className="sr">{word ?? WORDS[shape]} </span>}
    </>
  );
}
