// Every panel and where it stands. Adding one is a file in `panels/` and a line here.
import type { FunctionComponent } from "react";
import { Acting } from "./panels/Acting";
import { Activity } from "./panels/Activity";
import { Autonomy } from "./panels/Autonomy";
import { Core } from "./panels/Core";
import { Guests } from "./panels/Guests";
import { HistoryDrawer } from "./panels/HistoryDrawer";
import { Nodes } from "./panels/Nodes";
import { Sight } from "./panels/Sight";
import { Storage } from "./panels/Storage";
import { Tasks } from "./panels/Tasks";
import { Terminal } from "./panels/Terminal";

/** `work` stands beside the activity: what waits above what runs. */
export type Place = "left" | "top" | "low" | "work" | "right";

export interface PanelEntry {
  readonly name: string;
  readonly place: Place;
  readonly panel: FunctionComponent;
  /** Shown on a wall, where nobody clicks and little text can be read. */
  readonly wall: boolean;
}

export const PANELS: readonly PanelEntry[] = [
  { name: "nodes", place: "left", panel: Nodes, wall: true },
  { name: "guests", place: "left", panel: Guests, wall: false },
  { name: "storage", place: "left", panel: Storage, wall: true },
  { name: "core", place: "top", panel: Core, wall: true },
  { name: "activity", place: "low", panel: Activity, wall: true },
  { name: "acting", place: "work", panel: Acting, wall: false },
  { name: "tasks", place: "work", panel: Tasks, wall: false },
  { name: "terminal", place: "right", panel: Terminal, wall: false },
  { name: "history", place: "right", panel: HistoryDrawer, wall: false },
  { name: "autonomy", place: "right", panel: Autonomy, wall: false },
  { name: "sight", place: "right", panel: Sight, wall: false },
];
