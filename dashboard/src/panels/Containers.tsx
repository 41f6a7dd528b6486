// The containers of every Docker engine, with what may be done to each. Read when it opens: they are no part of the
// cluster, and nothing of them moves by itself.
import { useState } from "react";
import { Glyph } from "../ui/Glyph";
import { containerDeeds } from "./actions";
import { closeAct, openAct } from "./actSheetState";
import { type Container, type Engine, useEngines } from "./choices";
import "./Containers.css";

export function Containers() {
  const [asked, setAsked] = useState(0);
  const found = useEngines(asked);
  return (
    <div className="act" data-testid="containers">
      <header className="act-head">
        <h2>Docker containers</h2>
      </header>
      {found.state === "asking" && (
        <p className="act-line" role="status">
          Asking the engines …
        </p>
      )}
      {found.state === "failed" && (
        <p className="act-line" role="alert">
          <Glyph shape="attention" word={null} /> {found.failure.message}
        </p>
      )}
      {found.state === "there" && found.list.map((e) => <EngineList key={e.host} engine={e} />)}
      <div className="act-buttons">
        <button type="button" className="btn" onClick={() => setAsked((n) => n + 1)}>
          Read again
        </button>
        <button type="button" className="btn" onClick={closeAct}>
          Close
        </button>
      </div>
    </div>
  );
}

function EngineList({ engine }: { readonly engine: Engine }) {
  const running = engine.containers.filter((c) => c.running).length;
  const locked = engine.containers.some((c) => !c.mayChange);
  return (
    <section className="engine" aria-label={`Engine ${engine.host}`}>
      <h3>
        {engine.host}{" "}
        {engine.unread === "" && (
          <small>
            {running} of {engine.containers.length} running
          </small>
        )}
      </h3>
      {engine.unread !== "" && (
        <p className="act-line">
          <Glyph shape="unknown" word={null} /> Not read: {engine.unread}
        </p>
      )}
      <ul>
        {engine.containers.map((c) => (
          <Row key={c.name} container={c} />
        ))}
      </ul>
      {locked && (
        <p className="engine-note">
          Without buttons: not labelled <code>jarvis.restart=allow</code>, or part of Jarvis itself.
        </p>
      )}
    </section>
  );
}

function Row({ container }: { readonly container: Container }) {
  return (
    <li className="engine-row" data-testid={`container-${container.name}`}>
      <Glyph shape={container.running ? "ok" : "off"} word={container.running ? "running" : "not running"} />
      <span className="engine-name">
        <b>{container.name}</b>
        <small className="cut" title={container.image}>
          {container.status}
        </small>
      </span>
      <span className="engine-deeds">
        {container.mayChange &&
          containerDeeds(container).map((deed) => (
            <button
              key={deed.tool}
              type="button"
              className="chip small"
              aria-label={`${deed.label} ${container.name}`}
              onClick={() => openAct({ kind: "deed", deed })}
            >
              {deed.label.replace(" container", "")}
            </button>
          ))}
      </span>
    </li>
  );
}
