// The feed as a file: what the filter lets through, as JSON lines or as a table.
import { useState } from "react";
import { serverNowMs } from "../stream/clock";
import { count } from "../ui/format";
import { Menu } from "../ui/Menu";
import { ALL, type FeedFilter } from "./feed";
import { exportFeed, type Format, save } from "./feedExport";

export function ExportMenu({ filter }: { readonly filter: FeedFilter }) {
  const [said, say] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const run = async (format: Format): Promise<void> => {
    if (busy) return;
    setBusy(true);
    const file = await exportFeed(filter, format, serverNowMs(), (n) => say(`${n} …`));
    setBusy(false);
    if (typeof file === "string") {
      say(`Not exported: ${file}`);
      return;
    }
    save(file);
    say(`${file.cut ? "newest " : ""}${count(file.lines, "line")} saved`);
  };
  const what = filter === ALL ? "every line there is" : "every line this filter lets through";
  return (
    <>
      <Menu
        label="Export the activity"
        className="chip small feed-export"
        button={busy ? "…" : "Export"}
        testId="feed-export"
        items={() => [
          { key: "jsonl", label: "JSON lines", about: what, run: () => void run("jsonl") },
          { key: "csv", label: "CSV", about: what, run: () => void run("csv") },
        ]}
      />
      {said && (
        <output className="feed-said cut" data-testid="feed-said">
          {said}
        </output>
      )}
    </>
  );
}
