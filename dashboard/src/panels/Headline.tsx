// Is everything all right, and does anything need me? The largest text of the screen.

import { Glyph } from "../ui/Glyph";
import { plain } from "../ui/plain";
import { useOutlook } from "./useOutlook";

export function Headline() {
  const o = useOutlook();
  return (
    <div className="headline" data-testid="headline" data-health={o.shape}>
      <p className={`lab tone-${o.shape}`}>
        <Glyph shape={o.shape} word={null} /> {o.label}
      </p>
      <h1 aria-live="polite">{plain(o.headline)}</h1>
      <p className="headline-detail">{plain(o.detail)}</p>
    </div>
  );
}
