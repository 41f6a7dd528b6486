// A dialog over the screen: Escape and a click beside it close it.
import { type ReactNode, useEffect, useRef } from "react";
import "./Sheet.css";

interface SheetProps {
  readonly label: string;
  readonly wide?: boolean;
  readonly onClose: () => void;
  readonly children: ReactNode;
}

export function Sheet({ label, wide, onClose, children }: SheetProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const from = document.activeElement;
    dialog.current?.showModal();
    return () => {
      if (from instanceof HTMLElement && from.isConnected) from.focus({ preventScroll: true });
    };
  }, []);
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Escape is the dialog's own
    <dialog
      ref={dialog}
      className={wide ? "sheet panel sheet-wide" : "sheet panel"}
      aria-label={label}
      onClose={onClose}
      onClick={(e) => e.target === dialog.current && onClose()}
    >
      {children}
    </dialog>
  );
}
