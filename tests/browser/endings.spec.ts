// How a shell ends when nobody ends it: nobody types, or the log-in is over. Both are on record.
import type { Stack } from "../../deploy/demo/stack.mjs";
import { type Sshd, startSshd } from "./sshd";
import { expect, logIn, startStack, test } from "./stage";

const IDLE_S = 6;

let sshd: Sshd;
let stack: Stack;
test.beforeAll(async () => {
  sshd = await startSshd(["pve", "agent1"], [`idle_s = ${IDLE_S}`]);
  stack = await startStack({ settings: sshd.settings });
});
test.afterAll(async () => {
  await stack?.stop();
  sshd?.stop();
});

interface Row {
  readonly kind: string;
  readonly who: string;
  readonly subject: string;
  readonly detail: Record<string, unknown>;
}

/** The ends of shells, the last first. */
async function ends(): Promise<readonly Row[]> {
  const answer = await fetch(`${stack.api}/api/v1/audit?limit=50`, { headers: { authorization: `Bearer ${stack.token}` } });
  const { items } = await answer.json();
  const rows = items.filter((r: Row) => r.kind === "terminal_closed");
  return rows.map((r: Row) => ({ ...r, detail: typeof r.detail === "string" ? JSON.parse(r.detail) : r.detail }));
}

test("nobody types: a warning that counts down, a key that stops it, then the end, and a new shell in one click", async ({ page }) => {
  await page.setViewportSize({ width: 1920, height: 1080 });
  await logIn(page, stack);
  await page.getByTestId("open-shell").click();
  const strip = page.getByTestId("terminal-strip");
  await expect(strip).toContainText("Connected to pve");
  await expect(strip).toContainText(/Ends in \d/);
  await page.keyboard.type("x");
  await expect(strip).toContainText("Connected to pve");
  await expect(strip).toContainText(/Ends in \d/);
  await expect(strip).toContainText("Nobody typed for too long");
  await expect.poll(async () => (await ends())[0]?.detail.why).toBe("idle");
  await strip.getByRole("button", { name: "Open anew" }).click();
  await expect(strip).toContainText("Connected to pve");
});

test("who logs out takes the shell along, also on another screen of the same log-in", async ({ page, context, watched }) => {
  watched.allow(/401|WebSocket/);
  await logIn(page, stack);
  // All but the last key before the shell is there: it waits for one only a few seconds.
  const other = await context.newPage();
  await other.goto(stack.url);
  await expect(other.getByTestId("link")).toContainText("Live");
  await other.keyboard.press("Control+k");
  await other.keyboard.type("log out");
  await page.getByTestId("open-shell").click();
  await expect(page.getByTestId("terminal-strip")).toContainText("Connected to pve");
  await other.keyboard.press("Enter");
  await expect(page.getByLabel("Password")).toBeVisible();
  const mine = async () => (await ends()).filter((row) => row.detail.why === "logged_out").map((row) => row.subject);
  await expect.poll(mine).toEqual(["node/pve"]);
  await other.close();
});
