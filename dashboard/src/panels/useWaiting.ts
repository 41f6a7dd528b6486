// What waits for a person at this second, oldest first: its time runs out first.
import { useMemo } from "react";
import type { ApprovalView } from "../protocol/ApprovalView";
import { isWaiting, useApprovals } from "../stream/acting";
import { useAt } from "../stream/clock";

export function useWaiting(): readonly ApprovalView[] {
  const approvals = useApprovals();
  const ids = useAt((now) =>
    approvals
      .filter((a) => isWaiting(a, now))
      .map((a) => a.id)
      .join(" "),
  );
  return useMemo(
    () => approvals.filter((a) => ids.split(" ").includes(a.id)).sort((a, b) => a.expires_ms - b.expires_ms),
    [approvals, ids],
  );
}
