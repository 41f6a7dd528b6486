// Says, while the second key is awaited, which letters lead where.
import { STOPS, useGoing } from "./go";

export function GoHint() {
  const open = useGoing((g) => g.open);
  if (!open) return null;
  return (
    <div className="go-hint panel" role="status" data-testid="go-hint">
      <b className="lab">Go to</b>
      {STOPS.map((s) => (
        <span key={s.key}>
          <kbd>{s.key.toUpperCase()}</kbd> {s.label}
        </span>
      ))}
    </div>
  );
}
