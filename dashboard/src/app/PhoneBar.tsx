// The thumb's way through the one long column of a phone, and at its end what the header has no room for.
import { MotionButton } from "./Footer";
import { LogOutButton, ModeSwitch } from "./Header";

const STOPS = [
  { to: "core", label: "Core", path: "M11 3a8 8 0 1 0 .01 0M11 8a3 3 0 1 0 .01 0" },
  { to: "nodes", label: "Nodes", path: "M3 5h16v5H3zM3 12h16v5H3z" },
  { to: "guests", label: "Guests", path: "M3 3h7v7H3zM12 3h7v7h-7zM3 12h7v7H3zM12 12h7v7h-7z" },
  { to: "activity", label: "Feed", path: "M2 11h4l3-7 4 14 3-7h4" },
  { to: "tasks", label: "Tasks", path: "M3 5l2 2 3-4M11 5h8M3 12l2 2 3-4M11 12h8M11 18h8" },
  { to: "terminal", label: "Shell", path: "M2 4h18v14H2zM6 8l3 3-3 3M11 15h5" },
] as const;

export function PhoneEnd({ onOut }: { readonly onOut: () => void }) {
  return (
    <nav className="phone-end" aria-label="Mode and session">
      <ModeSwitch />
      <MotionButton />
      <LogOutButton onOut={onOut} />
    </nav>
  );
}

export function PhoneBar() {
  return (
    <nav className="phone-bar" aria-label="Sections">
      {STOPS.map(({ to, label, path }) => (
        <button
          key={to}
          type="button"
          onClick={() =>
            to === "core"
              ? scrollTo({ top: 0 })
              : document.getElementById(to)?.scrollIntoView({ block: "start" })
          }
        >
          <svg viewBox="0 0 22 22" aria-hidden="true">
            <path d={path} />
          </svg>
          {label}
        </button>
      ))}
    </nav>
  );
}
