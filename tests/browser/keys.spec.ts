// The screen by keyboard, what it remembers, what it can be taken out of, and what it costs.
import { readFileSync } from "node:fs";
import type { Stack } from "../../deploy/demo/stack.mjs";
import { expect, fault, logIn, startStack, test } from "./stage";

let stack: Stack;
test.beforeAll(async () => {
  stack = await startStack();
});
test.afterAll(async () => {
  await stack.stop();
});

test("G and a letter lead to a panel, Enter opens a task's log, Escape leads back", async ({ page }) => {
  await logIn(page, stack);
  await expect(page.getByTestId("task").first()).toBeVisible();
  await page.keyboard.press("g");
  await expect(page.getByTestId("go-hint")).toContainText("tasks");
  await page.keyboard.press("t");
  await expect(page.getByTestId("go-hint")).toHaveCount(0);
  await expect(page.locator("#tasks :focus")).toHaveCount(1);
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/\/t\/UPID/);
  await expect(page.getByTestId("task-log").locator("p").first()).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(page).toHaveURL(`${stack.url}/`);
  await page.keyboard.press("?");
  const help = page.getByRole("dialog");
  for (const line of ["overview of the cluster", "pause or resume what moves"]) await expect(help).toContainText(line);
});

test("paused motion stays paused after a reload, and a system that wants stillness has nothing to pause", async ({ page }) => {
  await logIn(page, stack);
  await expect(page.locator(".foot").getByTestId("motion")).toHaveAttribute("aria-pressed", "false");
  await page.keyboard.press("p");
  await expect(page.locator(".foot").getByTestId("motion")).toHaveAttribute("aria-pressed", "true");
  await page.reload();
  await expect(page.locator(".foot").getByTestId("motion")).toHaveAttribute("aria-pressed", "true");
  await page.emulateMedia({ reducedMotion: "reduce" });
  await expect(page.locator(".foot").getByTestId("motion")).toHaveCount(0);
});

test("repeats are one line with a number, and the file has each of them", async ({ page }) => {
  await logIn(page, stack);
  const vmid = 102;
  const row = page.getByTestId(`guest-${vmid}`);
  for (const name of ["guest_stop_by_human", "guest_start_by_human", "guest_stop_by_human", "guest_start_by_human"]) {
    await fault(stack, name, { vmid });
    if (name.includes("stop")) await expect(row).toContainText("off");
    else await expect(row).not.toContainText("off");
  }
  const times = page.getByTestId("event-times").first();
  await expect(times).toBeVisible();
  const said = Number((await times.innerText()).slice(1));
  expect(said).toBeGreaterThan(1);
  const repeats = page.locator(".event-repeat");
  await expect(repeats).toHaveCount(0);
  await times.click();
  await expect(repeats).toHaveCount(said - 1);

  await page.getByTestId("feed-export").click();
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByTestId("menu-jsonl").click()]);
  const lines = readFileSync(await download.path(), "utf8").trimEnd().split("\n").map((l) => JSON.parse(l));
  const answer = await page.request.get(`${stack.url}/api/v1/events?limit=500`);
  const { items } = await answer.json();
  expect(lines.map((l) => l.id)).toEqual(expect.arrayContaining(items.slice(1).map((e: { id: number }) => e.id)));
});

test("the tab tells what the screen tells", async ({ page }) => {
  await logIn(page, stack);
  const icon = () => page.locator('link[rel="icon"]').getAttribute("href");
  await expect(page).toHaveTitle(/^● /);
  const well = await icon();
  await fault(stack, "node_down", { node: "agent" });
  await expect(page).toHaveTitle(/^[▲◆] .*agent/, { timeout: 45_000 });
  expect(await icon()).not.toBe(well);
  await fault(stack, "node_up", { node: "agent" });
  await expect(page).toHaveTitle(/^● /, { timeout: 60_000 });
});

/** Thread time, so that a busy machine measures the same; the promise is 3 % in ops mode. */
const MAIN_THREAD_MAX: Readonly<Record<string, number>> = { jarvis: 0.05, ops: 0.04 };
const MEASURED_S = 10;

for (const [mode, most] of Object.entries(MAIN_THREAD_MAX)) {
  test(`an idle screen in ${mode} mode leaves the processor alone`, async ({ page }) => {
    await logIn(page, stack);
    await page.goto(`${stack.url}/?mode=${mode}`);
    await expect(page.getByTestId("link")).toContainText("Live");
    await page.waitForTimeout(4_000);
    const devtools = await page.context().newCDPSession(page);
    await devtools.send("Performance.enable", { timeDomain: "threadTicks" });
    const busy = async () => {
      const { metrics } = await devtools.send("Performance.getMetrics");
      return metrics.find((m) => m.name === "TaskDuration")?.value ?? Number.NaN;
    };
    const before = await busy();
    await page.waitForTimeout(MEASURED_S * 1000);
    const share = ((await busy()) - before) / MEASURED_S;
    console.log(`${mode}: ${(share * 100).toFixed(1)} % of the main thread`);
    expect(share).toBeLessThanOrEqual(most);
  });
}
