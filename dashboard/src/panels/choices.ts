// Lists which are no part of the stream, asked for when somebody is about to choose from them: the services of a
// node, the snapshots of a guest, the containers of the Docker engines.
import { useEffect, useState } from "react";
import { readTool } from "../stream/act";
import { type Answer, type Failure, type Fields, isFields } from "../stream/rest";
import { duration } from "../ui/format";
import type { ChoiceSource, ContainerFacts } from "./actions";

export interface Choice {
  readonly value: string;
  /** What tells it from the others besides its name. */
  readonly about: string;
}

const HOUR_MS = 3_600_000;

const text = (v: unknown): string => (typeof v === "string" ? v : "");
const rows = (v: unknown): Fields[] => (Array.isArray(v) ? v.filter(isFields) : []);

/** What has failed comes first, and is most likely meant. */
export function services(value: unknown): readonly Choice[] | null {
  if (!isFields(value)) return null;
  if (!Array.isArray(value.services) && !Array.isArray(value.failed_units)) return null;
  const failed = (Array.isArray(value.failed_units) ? value.failed_units : []).map(bare);
  const known = rows(value.services)
    .map((s) => ({ value: text(s.name), about: text(s.active) || text(s.state) }))
    .filter((c) => c.value !== "" && !failed.includes(c.value));
  return [
    ...failed.filter(Boolean).map((unit) => ({ value: unit, about: "failed" })),
    ...known.sort((a, b) => Number(b.about === "failed") - Number(a.about === "failed") || compare(a, b)),
  ];
}

const bare = (unit: unknown): string => text(unit).replace(/\.service$/, "");
const compare = (a: Choice, b: Choice): number => (a.value < b.value ? -1 : 1);

/** Youngest first. */
export function snapshots(value: unknown): readonly Choice[] | null {
  if (!isFields(value) || !Array.isArray(value.snapshots)) return null;
  const ageH = (s: Fields): number => (typeof s.age_h === "number" ? s.age_h : Number.POSITIVE_INFINITY);
  return rows(value.snapshots)
    .sort((a, b) => ageH(a) - ageH(b))
    .map((s) => ({
      value: text(s.name),
      about: Number.isFinite(ageH(s)) ? `${duration(ageH(s) * HOUR_MS)} old` : "",
    }))
    .filter((c) => c.value !== "");
}

const ask = (from: ChoiceSource): Promise<Answer<readonly Choice[]>> =>
  from.list === "services"
    ? readTool({ tool: "services", args: { node: from.node } }, services)
    : readTool({ tool: "guest", args: { vmid: from.vmid } }, snapshots);

export type Choices =
  | { readonly state: "asking" }
  | { readonly state: "there"; readonly list: readonly Choice[] }
  | { readonly state: "failed"; readonly failure: Failure };

const ASKING: Choices = { state: "asking" };

const told = <T>(answer: Answer<T>) =>
  answer.ok
    ? ({ state: "there", list: answer.value } as const)
    : ({ state: "failed", failure: answer.failure } as const);

/** Null where nothing is to be asked. */
export function useChoices(from: ChoiceSource | undefined): Choices | null {
  const [choices, set] = useState<Choices>(ASKING);
  useEffect(() => {
    if (!from) return;
    let gone = false;
    void ask(from).then((answer) => !gone && set(told(answer)));
    return () => {
      gone = true;
    };
  }, [from]);
  return from ? choices : null;
}

export interface Container extends ContainerFacts {
  readonly image: string;
  /** In the engine's words: "Up 3 hours (healthy)". */
  readonly status: string;
  /** Its owner allowed it, by a label. */
  readonly mayChange: boolean;
}

export interface Engine {
  readonly host: string;
  readonly containers: readonly Container[];
  /** Why its list could not be read; empty when it was. */
  readonly unread: string;
}

export function engines(value: unknown): readonly Engine[] | null {
  if (!isFields(value) || !Array.isArray(value.hosts)) return null;
  return rows(value.hosts).map((h) => {
    const host = text(h.host);
    const containers = rows(h.containers)
      .filter((c) => text(c.name) !== "")
      .map((c) => ({
        host,
        name: text(c.name),
        running: c.state === "running",
        image: text(c.image),
        status: text(c.status) || text(c.state),
        mayChange: c.may_change === true,
      }));
    return {
      host,
      containers: containers.sort((a, b) => (a.name < b.name ? -1 : 1)),
      unread: text(h.unread),
    };
  });
}

export type Engines =
  | { readonly state: "asking" }
  | { readonly state: "there"; readonly list: readonly Engine[] }
  | { readonly state: "failed"; readonly failure: Failure };

/** `asked` is a number that grows when they are to be read again. */
export function useEngines(asked: number): Engines {
  const [found, set] = useState<Engines>({ state: "asking" });
  // biome-ignore lint/correctness/useExhaustiveDependencies: another number is another question
  useEffect(() => {
    let gone = false;
    void readTool({ tool: "docker", args: {} }, engines).then((answer) => !gone && set(told(answer)));
    return () => {
      gone = true;
    };
  }, [asked]);
  return found;
}
