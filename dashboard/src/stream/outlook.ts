// The sentence at the top: the daemon's own, unless the daemon itself is what we cannot see. Pure.
import type { Cluster } from "../protocol/Cluster";
import type { SourceState } from "../protocol/SourceState";
import type { Link } from "./socket";

export type Outlook = {
  readonly shape: "ok" | "attention" | "critical" | "unknown";
  readonly label: string;
  readonly headline: string;
  readonly detail: string;
};

const LABEL: Readonly<Record<Cluster["health"], Outlook>> = {
  ok: { shape: "ok", label: "All well", headline: "", detail: "" },
  attention: { shape: "attention", label: "Worth a look", headline: "", detail: "" },
  critical: { shape: "critical", label: "Critical", headline: "", detail: "" },
  unknown: { shape: "unknown", label: "Not certain", headline: "", detail: "" },
  off: { shape: "unknown", label: "Off", headline: "", detail: "" },
};

export interface OutlookFacts {
  readonly link: Link;
  readonly cluster: Cluster | undefined;
  readonly sight: SourceState;
  /** "21:47:06", of the last state received. */
  readonly lastAt: string;
  /** Actions which wait for a person's word. */
  readonly waiting: number;
}

const NUMBERS = ["No", "One", "Two", "Three", "Four", "Five", "Six"] as const;

/** What waits leads, unless something worse is to be told; then it is told with it. */
function withWaiting(o: Outlook, waiting: number): Outlook {
  if (waiting === 0) return o;
  const number = NUMBERS[waiting] ?? String(waiting);
  const sentence = `${number} action${waiting === 1 ? " waits" : "s wait"} for your word.`;
  if (o.shape === "critical" || o.shape === "unknown") return { ...o, detail: `${sentence} ${o.detail}` };
  return {
    shape: "attention",
    label: "Needs you",
    headline: sentence,
    detail: o.shape === "ok" ? `Everything else is steady. ${o.detail}` : `${o.headline} ${o.detail}`,
  };
}

export function outlook({ link, cluster, sight, lastAt, waiting }: OutlookFacts): Outlook {
  if (link.state === "lost") {
    return {
      shape: "unknown",
      label: "No connection",
      headline: "I have lost the daemon.",
      detail: cluster
        ? `Everything here is as it was at ${lastAt}. I keep trying.`
        : "Nothing has been received yet. I keep trying. Is jarvisd running?",
    };
  }
  if (link.state === "denied") {
    return {
      shape: "unknown",
      label: "Locked",
      headline: link.why === "login" ? "Your session has ended." : "This is not open to you.",
      detail: `Everything here is as it was at ${lastAt}.`,
    };
  }
  if (!cluster) {
    return {
      shape: "unknown",
      label: "One moment",
      headline: "Looking at the cluster.",
      detail: "The first answer is on its way.",
    };
  }
  // The daemon ages its sources itself; this speaks when it no longer does.
  if (sight === "lost" && cluster.sight !== "lost") {
    return {
      shape: "unknown",
      label: "Out of sight",
      headline: "I have lost sight of the cluster.",
      detail: `Nothing new since ${lastAt}. What you see is the last known state.`,
    };
  }
  return withWaiting(
    { ...LABEL[cluster.health], headline: cluster.headline, detail: cluster.detail },
    waiting,
  );
}
