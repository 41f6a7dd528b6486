// Is everything all right, and does anything need me? The largest text of the screen.
import type { ReactNode } from "react";
import { Glyph } from "../ui/Glyph";
import { plain } from "../ui/plain";
import { useOutlook } from "./useOutlook";

/** Up to this length a name fits into a line, and breaks at none of its hyphens. */
const WHOLE_MAX_CHARS = 14;

function unbroken(text: string): ReactNode {
  return text.split(/(\S*-\S*)/).map((part, i) =>
    i % 2 === 1 && part.length <= WHOLE_MAX_CHARS ? (
      // biome-ignore lint/suspicious/noArrayIndexKey: the parts of a sentence have no other name
      <span key={i} className="whole">
        {part}
      </span>
    ) : (
      part
    ),
  );
}

export function Headline() {
  const o = useOutlook();
  return (
    <div className="headline" data-testid="headline" data-health={o.shape}>
      <p className={`lab tone-${o.shape}`}>
        <Glyph shape={o.shape} word={null} /> {o.label}
      </p>
      <h1 aria-live="polite">{unbroken(plain(o.headline))}</h1>
      <p className="headline-detail" title={plain(o.detail)}>
        {plain(o.detail)}
      </p>
    </div>
  );
}
