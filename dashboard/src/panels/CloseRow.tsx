// The last row of a sheet of acting with nothing left to decide.
import { closeAct } from "./actSheetState";

export function CloseRow() {
  return (
    <div className="act-buttons">
      <button type="button" className="btn" onClick={closeAct}>
        Close
      </button>
    </div>
  );
}
