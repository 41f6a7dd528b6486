// The third column: beside the others on a wide screen; over them, at a button, where there is no room.
import { type ReactNode, useEffect, useRef } from "react";
import { closeSide, openSide, useSide } from "./sideState";

/** Shown by the style sheet only where the column is folded away. */
export function SideButton() {
  const open = useSide((s) => s.open);
  return (
    <button
      type="button"
      className="chip head-side"
      aria-expanded={open}
      aria-controls="column-3"
      onClick={open ? closeSide : openSide}
      data-testid="side"
    >
      Terminal, more
    </button>
  );
}

export function Side({ children }: { readonly children: ReactNode }) {
  const open = useSide((s) => s.open);
  const close = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (open) close.current?.focus({ preventScroll: true });
  }, [open]);
  return (
    <aside className="col right" id="column-3" aria-label="Terminal, history and sources" data-side={open}>
      <div className="side-head">
        <button ref={close} type="button" className="chip small" onClick={closeSide} data-testid="side-close">
          Close
        </button>
      </div>
      {children}
    </aside>
  );
}
