// Keeps title and icon of the tab in step with the screen; draws nothing.
import { useStream } from "../stream/store";
import { useOutlook } from "../stream/useOutlook";
import { iconOf, titleOf, unwell, useTab } from "./tabState";

export function Tab() {
  const o = useOutlook();
  const bad = useStream((s) => unwell(s.mirror.tables));
  useTab(titleOf(o, 0), iconOf(o.shape, bad));
  return null;
}
