// The frame every panel shares: title left, context right, one region with a name.
import { type ReactNode, useId } from "react";
import { Stale } from "./Glyph";

interface PanelProps {
  readonly title: string;
  readonly meta?: ReactNode;
  readonly tools?: ReactNode;
  readonly name: string;
  readonly sight?: string;
  /** Its content is one list that may go on below the edge. */
  readonly fades?: boolean;
  /** The panel that waits for somebody. */
  readonly tone?: "attention" | undefined;
  /** Tells of what somebody has just done: where there is one column it stands at the top of it. */
  readonly fresh?: boolean;
  readonly children: ReactNode;
}

export function Panel({ title, meta, tools, name, sight, fades, tone, fresh, children }: PanelProps) {
  const id = useId();
  return (
    <section
      className={`panel panel-${name}`}
      id={name}
      aria-labelledby={id}
      data-testid={`panel-${name}`}
      data-sight={sight}
      data-tone={tone}
      data-fresh={fresh || undefined}
    >
      <div className="panel-head">
        <h2 id={id}>{title}</h2>
        {tools}
        {meta !== undefined && <span className="panel-meta">{meta}</span>}
      </div>
      <Stale value={sight === "lost"}>
        <div className={fades ? "panel-body hatch fades" : "panel-body hatch"}>{children}</div>
      </Stale>
    </section>
  );
}

/** A sentence in place of content: empty, error, forbidden. */
export function Note({
  text,
  more,
  action,
}: {
  readonly text: string;
  readonly more?: string;
  readonly action?: ReactNode;
}) {
  return (
    <div className="note">
      <p>{text}</p>
      {more && <small>{more}</small>}
      {action}
    </div>
  );
}
