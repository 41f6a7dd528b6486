// The keys that work here, and the state of each wire.
import { sightOf, useAt } from "../stream/clock";
import { useStream } from "../stream/store";
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
        <kbd>1</kbd> <kbd>2</kbd> <kbd>3</kbd> column
      </span>
      <span>
        <kbd>M</kbd> mode
      </span>
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
