// What a deed needs besides its target. Offers what there is; a hand types only where nobody can say what there is.
import { type FormEvent, useState } from "react";
import type { Order } from "../stream/act";
import { type Deed, type Field, orderOf } from "./actions";
import { closeAct } from "./actSheetState";
import { type Choices, useChoices } from "./choices";
import "../ui/field.css";

interface FormProps {
  readonly deed: Deed;
  readonly onOrder: (order: Order) => void;
}

export function ActForm({ deed, onOrder }: FormProps) {
  // The catalogue has no tool that wants two lists.
  const choices = useChoices(deed.fields.find((f) => f.from)?.from);
  const nothing = deed.fields.find((f) => isEmpty(f, choices));
  const submit = (e: FormEvent<HTMLFormElement>): void => {
    e.preventDefault();
    const data = new FormData(e.currentTarget);
    const order = orderOf(
      deed,
      Object.fromEntries(deed.fields.map((f) => [f.name, String(data.get(f.name) ?? "")])),
    );
    if (order) onOrder(order);
  };
  return (
    <form onSubmit={submit} className="act-form">
      {deed.fields.map((f) => (
        <div key={f.name} className="field">
          {f.from && choices ? <Chosen field={f} choices={choices} /> : <Plain field={f} />}
        </div>
      ))}
      <div className="act-buttons">
        <button
          type="submit"
          className="btn go"
          disabled={choices?.state === "asking" || nothing !== undefined}
        >
          Show the plan
        </button>
        <button type="button" className="btn" onClick={closeAct}>
          Cancel
        </button>
      </div>
    </form>
  );
}

/** No form can be filled in from a list without an entry. */
function isEmpty(f: Field, choices: Choices | null): boolean {
  if (f.from) return choices?.state === "there" && choices.list.length === 0;
  return f.choose === true && f.options.length === 0;
}

function Plain({ field: f }: { readonly field: Field }) {
  const id = `act-${f.name}`;
  if (f.choose && f.options.length === 0)
    return (
      <>
        <span className="lab">{f.label}</span>
        <p className="act-line">{f.hint ?? "There is none to choose."}</p>
      </>
    );
  return (
    <>
      <label htmlFor={id}>{f.label}</label>
      {f.options.length > 0 ? (
        <select id={id} name={f.name} defaultValue={f.value}>
          {f.options.map((o) => (
            <option key={o}>{o}</option>
          ))}
        </select>
      ) : (
        <Typed field={f} />
      )}
    </>
  );
}

function Typed({ field: f, about }: { readonly field: Field; readonly about?: string }) {
  const id = `act-${f.name}`;
  const hint = about ?? f.hint;
  return (
    <>
      <input
        id={id}
        name={f.name}
        defaultValue={f.value}
        required
        spellCheck={false}
        autoCapitalize="none"
        aria-describedby={hint ? `${id}-hint` : undefined}
      />
      {hint && <small id={`${id}-hint`}>{hint}</small>}
    </>
  );
}

const NONE: Readonly<Record<string, string>> = {
  snapshots: "It has no snapshot.",
  services: "The node names no service.",
};
/** Not a name of anything. */
const ANOTHER = "";

function Chosen({ field: f, choices }: { readonly field: Field; readonly choices: Choices }) {
  const id = `act-${f.name}`;
  const [another, setAnother] = useState(false);
  if (choices.state === "there" && choices.list.length === 0)
    return (
      <>
        <span className="lab">{f.label}</span>
        <p className="act-line" data-testid="none-there">
          {NONE[f.from?.list ?? ""]}
        </p>
      </>
    );
  return (
    <>
      <label htmlFor={id}>{f.label}</label>
      {choices.state === "asking" && (
        <p className="act-line" role="status">
          Asking what there is …
        </p>
      )}
      {choices.state === "failed" && (
        <Typed field={f} about={`The list cannot be had: ${choices.failure.message} ${f.hint ?? ""}`} />
      )}
      {choices.state === "there" && (
        <>
          <select
            id={id}
            name={another ? undefined : f.name}
            defaultValue={f.value || choices.list[0]?.value}
            onChange={(e) => setAnother(e.target.value === ANOTHER)}
          >
            {choices.list.map((c) => (
              <option key={c.value} value={c.value}>
                {c.about ? `${c.value} · ${c.about}` : c.value}
              </option>
            ))}
            {f.from?.list === "services" && <option value={ANOTHER}>another one …</option>}
          </select>
          {another && (
            <input
              name={f.name}
              aria-label={`${f.label} by name`}
              required
              spellCheck={false}
              autoCapitalize="none"
              placeholder={f.hint}
            />
          )}
        </>
      )}
    </>
  );
}
