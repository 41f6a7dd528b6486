// The three columns, their frame, and one wall round each panel so that one that breaks takes no other with it.
import { useEffect, useRef } from "react";
import { PANELS, type Place } from "../panels";
import { ActSheet } from "../panels/ActSheet";
import { followLink } from "../panels/actSheetState";
import { KillBanner } from "../panels/KillSwitch";
import { useStream } from "../stream/store";
import { useView } from "../ui/view";
import { Boundary } from "./Boundary";
import { Footer } from "./Footer";
import { FreshLogIn } from "./FreshLogIn";
import { GoHint } from "./GoHint";
import { Header } from "./Header";
import { useKeys } from "./keys";
import { PhoneBar, PhoneEnd } from "./PhoneBar";
import { useReloadOnMissingFile, useReloadOnNewBuild } from "./reload";
import { Sheets } from "./Sheets";
import { Side } from "./Side";
import { Tab } from "./Tab";
import { useWall } from "./wall";

/** Up to this width or height there is room for one line per node only. */
const DENSE_QUERY = "(max-width: 1500px) and (min-width: 861px), (max-height: 900px) and (min-width: 861px)";

interface ScreenProps {
  readonly onOut: () => void;
  readonly locked: boolean;
}

export function Screen({ onOut, locked }: ScreenProps) {
  const wall = useView((v) => v.wall);
  const link = useStream((s) => s.link.state);
  const frame = useRef<HTMLDivElement>(null);
  useKeys(!wall && !locked);
  useDense(wall);
  useWall(wall);
  useReloadOnNewBuild();
  useReloadOnMissingFile();
  useEffect(() => (wall ? undefined : followLink()), [wall]);
  const at = (place: Place) =>
    PANELS.filter((p) => p.place === place && (!wall || p.wall)).map(({ name, panel: Panel }) => (
      <Boundary key={name} name={name}>
        <Panel />
      </Boundary>
    ));
  return (
    <div className="app" ref={frame} inert={locked} data-link={link === "live" ? "live" : "cut"}>
      <Header onOut={onOut} />
      <KillBanner />
      <div className="col left" id="column-1">
        {at("left")}
      </div>
      <main className="col mid" id="column-2">
        {at("top")}
        <div className="low">
          {at("low")}
          <div className="work">{at("work")}</div>
        </div>
      </main>
      {!wall && <Side>{at("right")}</Side>}
      {!wall && <Footer />}
      {!wall && <PhoneEnd onOut={onOut} />}
      {!wall && <PhoneBar />}
      {!wall && <Sheets onOut={onOut} />}
      {!wall && <GoHint />}
      {!wall && <ActSheet />}
      {!wall && <FreshLogIn />}
      <Tab />
    </div>
  );
}

function useDense(wall: boolean): void {
  useEffect(() => {
    const query = matchMedia(DENSE_QUERY);
    const apply = (): void => {
      document.documentElement.toggleAttribute("data-dense", query.matches && !wall);
    };
    apply();
    query.addEventListener("change", apply);
    return () => query.removeEventListener("change", apply);
  }, [wall]);
}
