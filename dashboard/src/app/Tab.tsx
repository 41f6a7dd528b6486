// Keeps title and icon of the tab in step with the screen; draws nothing.

import { useOutlook } from "../panels/useOutlook";
import { useWaiting } from "../panels/useWaiting";
import { useStream } from "../stream/store";
import { iconOf, titleOf, unwell, useTab } from "./tabState";

export function Tab() {
  const o = useOutlook();
  const bad = useStream((s) => unwell(s.mirror.tables));
  const waiting = useWaiting().length;
  useTab(titleOf(o, waiting), iconOf(o.shape, waiting || bad));
  return null;
}
