// The keys a phone's keyboard lacks.
const KEYS = [
  ["Esc", "\u001b", "Escape"],
  ["Tab", "\t", "Tab"],
  ["↑", "\u001b[A", "Up"],
  ["↓", "\u001b[B", "Down"],
  ["←", "\u001b[D", "Left"],
  ["→", "\u001b[C", "Right"],
] as const;

interface KeysProps {
  readonly onKey: (text: string) => void;
  readonly onCtrl: () => void;
}

export function TerminalKeys({ onKey, onCtrl }: KeysProps) {
  return (
    <fieldset className="terminal-keys" aria-label="Keys">
      <button type="button" onClick={onCtrl}>
        Ctrl
      </button>
      {KEYS.map(([label, text, name]) => (
        <button key={label} type="button" aria-label={name} onClick={() => onKey(text)}>
          {label}
        </button>
      ))}
    </fieldset>
  );
}
