// The keys that work here, and the state of each wire.
import { sightOf, useAt } from "../stream/clock";
import { useStream } from "../stream/store";
import { togglePaused, usePaused, useReduced } from "../ui/motion";
import { useView } from "../ui/view";
import { openSheet } from "./sheetState";

export function Footer() {
  const build = useStream((s) => s.mirror.build);
  const link = useStream((s) => s.link.state);
  const seq = useStream((s) => s.mirror.eventsSeq);
  const source = useStream((s) => s.mirror.tables.source.get("tasks"));
  const tasks = useAt((now) => sightOf(source, now));
  return (
    <footer className="foot">
      <button type="button" onClick={() => openSheet("help")}>
        <kbd>?</kbd> shortcuts
      </button>
      <span>
        <kbd>/</kbd> find a guest
      </span>
      <span>
        <kbd>G</kbd> go to
      </span>
      <span>
        <kbd>M</kbd> mode
      </span>
      <MotionButton />
      <i />
      <span>
        stream <b>{link}</b>
      </span>
      <span>
        tasks <b>{tasks}</b>
      </span>
      <span>
        events <b>{seq ?? "—"}</b>
      </span>
      <span>
        jarvisd <b>{build ?? "—"}</b>
      </span>
    </footer>
  );
}

/** Only where something moves: the other modes are still, and so is a system that asks for stillness. */
export function MotionButton() {
  const mode = useView((v) => v.mode);
  const paused = usePaused((s) => s.paused);
  const reduced = useReduced();
  if (mode !== "jarvis" || reduced) return null;
  return (
    <button
      type="button"
      className="chip motion"
      aria-pressed={paused}
      onClick={togglePaused}
      data-testid="motion"
    >
      <kbd>P</kbd> {paused ? "motion paused" : "pause motion"}
    </button>
  );
}
