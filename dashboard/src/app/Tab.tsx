// Keeps title and icon of the tab in step with the screen; draws nothing.

import { useOutlook } from "../panels/useOutlook";
import { useStream } from "../stream/store";
import { iconOf, titleOf, unwell, useTab } from "./tabState";

export function Tab() {
  const o = useOutlook();
  const bad = useStream((s) => unwell(s.mirror.tables));
  useTab(titleOf(o, 0), iconOf(o.shape, bad));
  return null;
}
