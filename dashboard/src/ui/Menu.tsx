// A button with a list of commands under it, in the top layer so that no panel cuts it off.
import { type KeyboardEvent, type ReactNode, useEffect, useId, useRef, useState } from "react";

export interface MenuItem {
  readonly key: string;
  readonly label: ReactNode;
  readonly about?: string | undefined;
  /** Cannot be chosen, and why. */
  readonly off?: string | undefined;
  readonly tone?: "attention" | "critical" | undefined;
  readonly run: () => void;
}

interface MenuProps {
  readonly label: string;
  readonly className: string;
  readonly button: ReactNode;
  /** Asked for when the list opens. */
  readonly items: () => readonly MenuItem[];
  readonly testId?: string;
  /** What holds for all of them now. */
  readonly note?: string | undefined;
  /** Reached by another key: a stop in each row of a long list is one too many. */
  readonly aside?: boolean | undefined;
}

/** Kept free between the list and the edge of the window. */
const EDGE_PX = 8;

export function Menu({ label, className, button, items, testId, note, aside }: MenuProps) {
  const [open, setOpen] = useState(false);
  const opener = useRef<HTMLButtonElement>(null);
  const id = useId();
  const close = (): void => {
    setOpen(false);
    opener.current?.focus({ preventScroll: true });
  };
  return (
    <>
      <button
        ref={opener}
        type="button"
        className={className}
        tabIndex={aside ? -1 : undefined}
        aria-haspopup="menu"
        aria-expanded={open}
        aria-controls={open ? id : undefined}
        aria-label={label}
        data-testid={testId}
        onClick={() => setOpen((o) => !o)}
      >
        {button}
      </button>
      {open && (
        <List id={id} label={label} note={note} items={items()} opener={opener.current} onClose={close} />
      )}
    </>
  );
}

interface ListProps {
  readonly id: string;
  readonly label: string;
  readonly note: string | undefined;
  readonly items: readonly MenuItem[];
  readonly opener: HTMLElement | null;
  readonly onClose: () => void;
}

function List({ id, label, note, items, opener, onClose }: ListProps) {
  const list = useRef<HTMLDivElement>(null);
  const shut = useRef(onClose);
  shut.current = onClose;
  useEffect(() => {
    const box = list.current;
    if (!box) return;
    box.showPopover?.();
    place(box, opener);
    box.querySelector<HTMLElement>("[role=menuitem]")?.focus({ preventScroll: true });
    const away = (e: PointerEvent): void => {
      if (e.target instanceof Node && !box.contains(e.target) && !opener?.contains(e.target)) shut.current();
    };
    const moved = (): void => place(box, opener);
    document.addEventListener("pointerdown", away, true);
    addEventListener("resize", moved);
    return () => {
      document.removeEventListener("pointerdown", away, true);
      removeEventListener("resize", moved);
    };
  }, [opener]);
  const key = (e: KeyboardEvent): void => {
    const all = [...(list.current?.querySelectorAll<HTMLElement>("[role=menuitem]") ?? [])];
    const at = all.indexOf(document.activeElement as HTMLElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[e.key];
    if (e.key === "Escape" || e.key === "Tab") shut.current();
    else if (to !== undefined) all.at(to % all.length)?.focus();
    else return;
    e.preventDefault();
    e.stopPropagation();
  };
  return (
    <div
      ref={list}
      id={id}
      className="menu"
      role="menu"
      aria-label={label}
      popover="manual"
      tabIndex={-1}
      onKeyDown={key}
      data-keys="own"
    >
      {note && (
        <p role="none" className="menu-note">
          {note}
        </p>
      )}
      {items.map((i) => (
        <button
          key={i.key}
          type="button"
          role="menuitem"
          className="menu-item"
          data-tone={i.tone}
          aria-disabled={i.off !== undefined || undefined}
          data-testid={`menu-${i.key}`}
          onClick={() => {
            if (i.off !== undefined) return;
            onClose();
            i.run();
          }}
        >
          {i.label}
          {(i.off ?? i.about) && <small>{i.off ?? i.about}</small>}
        </button>
      ))}
    </div>
  );
}

/** Below its button, above it where there is no room, and never out of the window. */
function place(box: HTMLElement, opener: HTMLElement | null): void {
  const at = opener?.getBoundingClientRect();
  if (!at) return;
  const { width, height } = box.getBoundingClientRect();
  const left = Math.min(at.left, innerWidth - width - EDGE_PX);
  const below = at.bottom + 4;
  const top = below + height > innerHeight - EDGE_PX ? at.top - height - 4 : below;
  box.style.left = `${Math.max(EDGE_PX, left)}px`;
  box.style.top = `${Math.max(EDGE_PX, top)}px`;
}
