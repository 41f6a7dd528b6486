// The page is here but the daemon behind it is not.
import { Door } from "./Door";

export function Unreachable({
  message,
  onRetry,
}: {
  readonly message: string;
  readonly onRetry: () => void;
}) {
  return (
    <Door title="No answer" text={message}>
      <div role="status" className="door-status">
        Asking again every three seconds.
      </div>
      <button type="button" className="btn" onClick={onRetry}>
        Ask now
      </button>
    </Door>
  );
}
