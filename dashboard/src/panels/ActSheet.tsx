// The sheet of acting: a deed, an approval by its link, the containers, or the way back from the kill switch.
import { useEffect, useState } from "react";
import { approvalById } from "../stream/act";
import { learn, useApproval } from "../stream/acting";
import { ended } from "../ui/format";
import { Sheet } from "../ui/Sheet";
import { ApprovalCard } from "./ApprovalCard";
import { closeAct, useActSheet } from "./actSheetState";
import { CloseRow } from "./CloseRow";
import { Containers } from "./Containers";
import { DeedSteps } from "./DeedSteps";
import { ReleaseSwitch } from "./KillSwitch";
import "./Acting.css";

export function ActSheet() {
  const open = useActSheet((s) => s.open);
  if (!open) return null;
  switch (open.kind) {
    case "approval":
      return (
        <Sheet label="An action that waits for your word" onClose={closeAct}>
          <LinkedApproval key={open.id} id={open.id} />
        </Sheet>
      );
    case "containers":
      return (
        <Sheet label="Docker containers" onClose={closeAct}>
          <Containers />
        </Sheet>
      );
    case "release":
      return (
        <Sheet label="Release the kill switch" onClose={closeAct}>
          <ReleaseSwitch />
        </Sheet>
      );
    case "deed":
      return (
        <Sheet label={`${open.deed.label}: ${open.deed.target}`} onClose={closeAct}>
          <DeedSteps key={`${open.deed.tool} ${open.deed.target}`} deed={open.deed} />
        </Sheet>
      );
  }
}

/** By the link in a message; the list has the pending and the recent ones, the rest is asked for. */
function LinkedApproval({ id }: { readonly id: string }) {
  const approval = useApproval(id);
  const [missing, setMissing] = useState<string | null>(null);
  const known = approval !== undefined;
  useEffect(() => {
    if (known) return;
    let gone = false;
    void approvalById(id).then((answer) => {
      if (gone) return;
      if (answer.ok) learn({ kind: "approval", approval: answer.value });
      setMissing(answer.ok ? null : answer.failure.message);
    });
    return () => {
      gone = true;
    };
  }, [id, known]);
  return (
    <div className="act">
      {approval ? (
        <ApprovalCard approval={approval} alone />
      ) : (
        <p className="act-line" role="status" data-testid="approval-missing">
          {missing === null ? "Looking it up …" : `This approval cannot be shown: ${ended(missing)}`}
        </p>
      )}
      <CloseRow />
    </div>
  );
}
