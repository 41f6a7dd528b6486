// The frame of the right column: one thing in full. Beside the lists on a wide screen, over them on a narrow one.
import { useEffect, useRef } from "react";
import { useSight } from "../stream/sight";
import { type Shape, Stale, StateGlyph } from "../ui/Glyph";
import { select } from "../ui/view";

/** Up to this width there is no third column: the drawer lies over the others. */
const COVERS_QUERY = "(max-width: 1180px)";

interface DrawerProps {
  readonly title: string;
  readonly shape: Shape;
  readonly about: string;
  readonly chosen: boolean;
  /** What is shown of it. */
  readonly what?: string;
  readonly testId?: string;
  readonly tools?: React.ReactNode;
  readonly children: React.ReactNode;
}

export function Drawer({
  title,
  shape,
  about,
  chosen,
  what = "History",
  testId,
  tools,
  children,
}: DrawerProps) {
  const heading = useRef<HTMLHeadingElement>(null);
  const from = useRef<Element | null>(null);
  const sight = useSight("resources");
  // Where it covers the screen its heading takes the focus, and whoever had it gets it back. Beside the lists it
  // leaves the focus alone, so that J and K go on from the same row.
  useEffect(() => {
    if (!chosen || !matchMedia(COVERS_QUERY).matches) return;
    from.current = document.activeElement;
    heading.current?.focus({ preventScroll: true });
    return () => {
      if (from.current instanceof HTMLElement && from.current.isConnected)
        from.current.focus({ preventScroll: true });
    };
  }, [chosen]);
  return (
    <section
      className="panel panel-history"
      id="history"
      aria-label={`${what} of ${title}`}
      data-chosen={chosen}
      data-sight={sight.state}
      data-testid={testId ?? (chosen ? "history-drawer" : "history-cluster")}
    >
      <div className="panel-head drawer-head">
        <Stale value={sight.state === "lost"}>
          <StateGlyph shape={shape} />
        </Stale>
        <h2 ref={heading} tabIndex={-1} className="drawer-title cut" title={title}>
          {title}
        </h2>
        <span className="panel-meta">{about}</span>
        {tools}
        {chosen && (
          <button
            type="button"
            className="chip small"
            onClick={() => select(null)}
            aria-label={`Close the ${what.toLowerCase()}: Esc`}
          >
            <span className="drawer-key">Esc</span>
            <span className="drawer-word">Close</span>
          </button>
        )}
      </div>
      <div className="panel-body drawer-frame fades">
        <div className="drawer-body scroll hatch">{children}</div>
      </div>
    </section>
  );
}
