// Who are you, and then the whole screen. Holds the one connection.
import { useCallback, useEffect, useState } from "react";
import { followActing } from "../stream/act";
import { connect, type OpenWire } from "../stream/connect";
import { type Session, session } from "../stream/rest";
import { useStream } from "../stream/store";
import { useView } from "../ui/view";
import { LogIn } from "./LogIn";
import { Screen } from "./Screen";
import { SetUp } from "./SetUp";
import { Unreachable } from "./Unreachable";

type Gate =
  | { readonly state: "asking" }
  | { readonly state: "unreachable"; readonly message: string }
  | { readonly state: "known"; readonly session: Session };

/** How soon a daemon that did not answer at all is asked again. */
const ASK_AGAIN_MS = 3000;
const isDemo = new URLSearchParams(location.search).has("demo");

async function demoWire(): Promise<OpenWire> {
  const { startDemo } = await import("../demo/replay");
  return startDemo();
}

export function App() {
  const mode = useView((v) => v.mode);
  const wall = useView((v) => v.wall);
  const [gate, setGate] = useState<Gate>({ state: "asking" });
  const [open, setOpen] = useState<OpenWire | undefined>();

  useEffect(() => {
    document.documentElement.dataset.mode = mode;
    document.documentElement.toggleAttribute("data-wall", wall);
  }, [mode, wall]);

  const ask = useCallback(async () => {
    if (isDemo) {
      const wire = await demoWire();
      setOpen(() => wire);
      setGate({ state: "known", session: { state: "in", user: "demo" } });
      return;
    }
    const answer = await session();
    setGate(
      answer.ok
        ? { state: "known", session: answer.value }
        : { state: "unreachable", message: answer.failure.message },
    );
  }, []);

  useEffect(() => void ask(), [ask]);
  useEffect(() => {
    if (gate.state !== "unreachable") return;
    const timer = setTimeout(() => void ask(), ASK_AGAIN_MS);
    return () => clearTimeout(timer);
  }, [gate, ask]);

  if (gate.state === "asking") return null;
  if (gate.state === "unreachable") return <Unreachable message={gate.message} onRetry={() => void ask()} />;
  const entered = (s: Session): void => setGate({ state: "known", session: s });
  if (gate.session.state === "set_up")
    return <SetUp lengthMin={gate.session.passwordLengthMin} onDone={entered} />;
  if (gate.session.state === "out") return <LogIn onDone={entered} />;
  return <Inside open={open} onOut={() => void ask()} />;
}

function Inside({ open, onOut }: { readonly open: OpenWire | undefined; readonly onOut: () => void }) {
  const [run, setRun] = useState(0);
  const link = useStream((s) => s.link);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new run is a new connection
  useEffect(() => connect(open), [open, run]);
  useEffect(followActing, []);
  const locked = link.state === "denied" && link.why === "login";
  return (
    <>
      <Screen onOut={onOut} locked={locked} />
      {locked && <LogIn over onDone={() => setRun((n) => n + 1)} />}
    </>
  );
}
