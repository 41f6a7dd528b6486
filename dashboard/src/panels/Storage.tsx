// Where the data lives and how full it is. A shared storage is one line, whichever nodes see it.
import { memo, useMemo } from "react";
import { useSight } from "../stream/sight";
import { useLoadedSoon, useTable } from "../stream/store";
import { type Pool, pools } from "../stream/sums";
import { Bar, toneAt } from "../ui/Bar";
import { bytesOf, percentUnit, ratio, UNKNOWN } from "../ui/format";
import { StateGlyph } from "../ui/Glyph";
import { Note, Panel } from "../ui/Panel";
import { SightMark } from "../ui/SightMark";
import { Skeleton } from "../ui/Skeleton";
import { useView } from "../ui/view";
import "./Storage.css";

/** Where the daemon begins to worry; drawn as a mark. */
const FULL_MARK = 0.85;
/** Lines a wall has room for. */
const WALL_MAX = 4;

export function Storage() {
  const table = useTable("storage");
  const loaded = useLoadedSoon();
  const sight = useSight("resources");
  const wall = useView((v) => v.wall);
  const list = useMemo(() => pools(table.values()), [table]);
  const shown = wall ? fullest(list) : list;
  const whole = useMemo(() => sum(list), [list]);
  const meta = (
    <>
      <SightMark sight={sight} />
      {whole.value} {whole.unit}
    </>
  );
  return (
    <Panel title="Storage" name="storage" meta={loaded ? meta : undefined} sight={sight.state} fades>
      {!loaded && <Skeleton rows={4} height={27} />}
      {loaded && list.length === 0 && <Note text="No storage." more="Proxmox shows none to this token." />}
      {loaded && list.length > 0 && (
        <ul className="pools scroll" tabIndex={0} aria-label="Storages">
          {shown.map((pool) => (
            <PoolRow key={pool.key} pool={pool} />
          ))}
        </ul>
      )}
    </Panel>
  );
}

/** What is nearest to being full; the rest can wait for somebody with a mouse. */
function fullest(list: readonly Pool[]): readonly Pool[] {
  const full = (p: Pool): number => ratio(p.best.used_bytes, p.best.total_bytes) ?? 1;
  return list.toSorted((a, b) => full(b) - full(a)).slice(0, WALL_MAX);
}

function sum(list: readonly Pool[]) {
  let used = 0;
  let total = 0;
  for (const { best } of list) {
    if (best.used_bytes === undefined || best.total_bytes === undefined) continue;
    used += best.used_bytes;
    total += best.total_bytes;
  }
  return total > 0 ? bytesOf(used, total) : { value: UNKNOWN, unit: "" };
}

const PoolRow = memo(function PoolRow({ pool }: { readonly pool: Pool }) {
  const { best } = pool;
  const full = ratio(best.used_bytes, best.total_bytes);
  const of = bytesOf(best.used_bytes, best.total_bytes);
  const down = pool.away.length === pool.nodes.length;
  const wall = useView((v) => v.wall);
  // From three metres only what tells two of the same name apart.
  const where =
    pool.node ??
    (wall ? "" : pool.nodes.length > 1 ? `shared by ${pool.nodes.length}` : (pool.nodes[0] ?? ""));
  const why = best.why ?? (pool.away.length > 0 ? `not available on ${pool.away.join(", ")}` : undefined);
  return (
    <li
      className="pool"
      data-testid={`storage-${pool.key}`}
      data-sight={best.as_of_ms === undefined ? undefined : "lost"}
      title={[`${pool.name} ${where}`.trim(), why].filter(Boolean).join(": ")}
    >
      <StateGlyph shape={best.health} />
      <span className="cut">
        {pool.name}{" "}
        <small className={pool.away.length > 0 ? "tone-attention" : ""}>
          {pool.away.length > 0 && !down ? `away on ${pool.away.length}` : where}
        </small>
      </span>
      <Bar ratio={down ? null : full} tone={toneAt(best.health, full, FULL_MARK)} mark={FULL_MARK} />
      <span className="pool-of figure">
        {of.value} {of.unit}
      </span>
      <span className="sr">{down ? "not available" : `${percentUnit(full)} full`}</span>
    </li>
  );
}, sameLine);

/** Each change of any storage groups them anew; a line is drawn again when its own records are others. */
function sameLine(a: { readonly pool: Pool }, b: { readonly pool: Pool }): boolean {
  return (
    a.pool.best === b.pool.best &&
    a.pool.nodes.join() === b.pool.nodes.join() &&
    a.pool.away.join() === b.pool.away.join()
  );
}
