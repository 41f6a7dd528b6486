// The password once more, over the screen, for what loosens a safety: then the question is asked again by itself.

import { useFresh } from "../stream/fresh";
import { logIn } from "../stream/rest";
import { Sheet } from "../ui/Sheet";
import { Field } from "./Door";
import { Passwords, usePasswordForm, WRONG_PASSWORD } from "./Passwords";

export function FreshLogIn() {
  const what = useFresh((s) => s.what);
  if (what === null) return null;
  return <Ask what={what} />;
}

function Ask({ what }: { readonly what: string }) {
  const form = usePasswordForm(
    (read) => logIn(read("password")),
    () => useFresh.getState().answer(true),
    WRONG_PASSWORD,
  );
  return (
    <Sheet label="Log in once more" onClose={() => useFresh.getState().answer(false)}>
      <div className="act door" data-testid="fresh">
        <header className="act-head">
          <h2>Log in once more</h2>
        </header>
        <p className="act-line">{what} needs a log-in of the last few minutes.</p>
        <Passwords label="Log in" form={form}>
          <Field
            label="Password"
            name="password"
            type="password"
            autoComplete="current-password"
            bad={form.failure !== null}
            focus
          />
        </Passwords>
      </div>
    </Sheet>
  );
}
