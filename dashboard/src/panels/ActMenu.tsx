// What can be done to a thing, as a menu in its row or as buttons in its drawer. Nothing here acts: each opens a plan.
import { useActing } from "../stream/acting";
import { serverNowMs } from "../stream/clock";
import { useRecord, useStream } from "../stream/store";
import { Menu, type MenuItem } from "../ui/Menu";
import { useView } from "../ui/view";
import { type Deed, guestDeeds, nodeDeeds } from "./actions";
import { openAct } from "./actSheetState";
import "./Acting.css";

const itemOf = (deed: Deed): MenuItem => ({
  key: deed.tool,
  label: deed.fields.length > 0 ? `${deed.label} …` : deed.label,
  tone: deed.grave ? "attention" : undefined,
  run: () => openAct({ kind: "deed", deed }),
});

/** Nothing is offered by a daemon that does not act, nor on a wall where nobody stands. */
function useOffered(): boolean {
  const acts = useActing((s) => s.view !== null);
  return !useView((v) => v.wall) && acts;
}

const STOPPED = "The kill switch is on: these show a plan, and nothing is sent.";
const useStopped = (): boolean => useActing((s) => s.view?.kill_switch.on === true);

/** The deeds of the moment, made when the menu opens: a row must not be drawn again for a storage's figures. */
function deedsOf(kind: "guest" | "node", id: string): Deed[] {
  const { tables } = useStream.getState().mirror;
  if (kind === "node") {
    const node = tables.node.get(id);
    return node ? nodeDeeds(node, tables) : [];
  }
  const guest = tables.guest.get(id);
  return guest ? guestDeeds(guest, tables, serverNowMs()) : [];
}

interface ActMenuProps {
  readonly kind: "guest" | "node";
  readonly id: string;
  readonly name: string;
}

export function ActMenu({ kind, id, name }: ActMenuProps) {
  const stopped = useStopped();
  if (!useOffered()) return null;
  return (
    <Menu
      note={stopped ? STOPPED : undefined}
      label={`Actions on ${name}`}
      className="act-dots"
      button="⋯"
      items={() => deedsOf(kind, id).map(itemOf)}
      testId={`act-${id}`}
      aside
    />
  );
}

/** First ones as buttons, the rest behind one more. */
const BUTTONS = 3;

export function ActButtons({ kind, id }: Omit<ActMenuProps, "name">) {
  const status = useRecord(kind, id)?.status;
  const offered = useOffered();
  const stopped = useStopped();
  if (!offered || status === undefined) return null;
  const deeds = deedsOf(kind, id);
  if (deeds.length === 0) return null;
  return (
    <fieldset className="act-bar" aria-label="Actions" data-stopped={stopped}>
      {deeds.slice(0, BUTTONS).map((deed) => (
        <button
          key={deed.tool}
          type="button"
          className="chip small"
          title={stopped ? STOPPED : undefined}
          data-testid={`deed-${deed.tool}`}
          onClick={() => {
            const now = deedsOf(kind, id).find((d) => d.tool === deed.tool);
            if (now) openAct({ kind: "deed", deed: now });
          }}
        >
          {deed.label}
          {deed.fields.length > 0 && " …"}
        </button>
      ))}
      {deeds.length > BUTTONS && (
        <Menu
          note={stopped ? STOPPED : undefined}
          label="More actions"
          className="chip small"
          button="More ▾"
          items={() => deedsOf(kind, id).slice(BUTTONS).map(itemOf)}
          testId="act-more"
        />
      )}
      {stopped && (
        <p className="act-stopped" data-testid="act-stopped">
          {STOPPED}
        </p>
      )}
    </fieldset>
  );
}

/** For the cluster: what has no record of its own. */
export function ContainersButton() {
  if (!useOffered()) return null;
  return (
    <button
      type="button"
      className="chip small"
      onClick={() => openAct({ kind: "containers" })}
      data-testid="act-containers"
    >
      Containers
    </button>
  );
}
