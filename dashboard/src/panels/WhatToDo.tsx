// What a person can do about a refusal, guard by guard.
import type { ObjectionView } from "../protocol/ObjectionView";
import { openAct } from "./actSheetState";

/** Where the way out is not in the reason itself. */
const WAY_OUT: Readonly<Record<string, string>> = {
  intent_log: "Make room on the disk: what cannot be recorded is not done.",
  protected: "It is protected on purpose; do it in Proxmox if you must.",
  blast: "Something protected would go down with it; do it in Proxmox if you must.",
  meant_off: "Somebody stopped it on purpose; ask them first.",
  storage: "Make room on its storage, or repair it, first.",
  listed: "List it in the settings, so that it may be restarted.",
  kill_switch: "Release the kill switch first.",
  autonomy: "Raise the autonomy level, or do it yourself as a person.",
  freshness: "Wait until the sources are fresh again; Sight shows which are not.",
  locks: "Wait for the task that holds it; Tasks shows it.",
  quorum: "Bring a node back first, so that the cluster keeps its quorum.",
  storm: "Look at what is wrong with the cluster first; automation rests while much is.",
  flapping: "Find out why it keeps falling, then lift its quarantine.",
  ha: "Ask Proxmox's HA manager, which looks after this guest.",
  hands_off: "Somebody works on it; ask them, or wait.",
  rate: "Wait until the hour or day is over.",
  maintenance: "Wait until the maintenance window is over, or change it.",
};

export function WhatToDo({ list }: { readonly list: readonly ObjectionView[] }) {
  const ways = [...new Set(list.flatMap((o) => (o.verdict === "refuse" ? (WAY_OUT[o.guard] ?? []) : [])))];
  const switched = list.some((o) => o.guard === "kill_switch");
  if (ways.length === 0) return null;
  return (
    <div className="act-ways">
      <span className="lab">What to do</span>
      <ul>
        {ways.map((w) => (
          <li key={w}>{w}</li>
        ))}
      </ul>
      {switched && (
        <button type="button" className="btn" onClick={() => openAct({ kind: "release" })}>
          Release the kill switch …
        </button>
      )}
    </div>
  );
}
