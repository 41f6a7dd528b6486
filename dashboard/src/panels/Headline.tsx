// Is everything all right, and does anything need me? The largest text of the screen.

import { Glyph } from "../ui/Glyph";
import { useOutlook } from "./useOutlook";

export function Headline() {
  const o = useOutlook();
  return (
    <div className="headline" data-testid="headline" data-health={o.shape}>
      <p className={`lab tone-${o.shape}`}>
        <Glyph shape={o.shape} word={null} /> {o.label}
      </p>
      <h1 aria-live="polite">{o.headline}</h1>
      <p className="headline-detail">{o.detail}</p>
    </div>
  );
}
