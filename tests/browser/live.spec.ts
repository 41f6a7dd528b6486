// A cluster that moves, a guest that stops, a node that is lost, a simulator that dies: on the screen, in time.
import type { Page } from "@playwright/test";
import type { Stack } from "../../deploy/demo/stack.mjs";
import { expect, fault, logIn, startStack, test } from "./stage";

/** Promised to the eye; a debug build and a browser share two cores here. */
const PROMISE_MS = 1_500;
const SLACK_MS = 1_000;

let stack: Stack;
test.beforeAll(async () => {
  stack = await startStack();
});
test.afterAll(async () => {
  await stack.stop();
});

/** When the simulated guest really is in `status`. */
async function really(vmid: number, status: string): Promise<number> {
  for (;;) {
    const truth = await (await fetch(`${stack.cluster.control}/truth`)).json();
    if (truth.guests.find((g: { vmid: number }) => g.vmid === vmid)?.status === status) return Date.now();
    await new Promise((next) => setTimeout(next, 10));
  }
}

async function runningContainer(page: Page): Promise<number> {
  const answer = await page.request.get(`${stack.url}/api/v1/guests?status=running&limit=100`);
  const { items } = await answer.json();
  return items.find((g: { kind: string }) => g.kind === "lxc").vmid;
}

test("four nodes and 21 guests with figures that move", async ({ page }) => {
  await logIn(page, stack);
  for (const node of ["Home", "pve", "agent1", "agent"]) await expect(page.getByTestId(`node-${node}`)).toBeVisible();
  await expect(page.getByTestId("filter-all")).toContainText("21");
  const figures = () => page.locator("[data-testid^=node-]").allInnerTexts();
  const before = await figures();
  await expect.poll(figures, { timeout: 30_000 }).not.toEqual(before);
});

test("a guest stopped by a person changes on the screen in time", async ({ page }) => {
  await logIn(page, stack);
  const vmid = await runningContainer(page);
  const row = page.getByTestId(`guest-${vmid}`);
  await row.scrollIntoViewIfNeeded();
  await expect(row).toBeVisible();
  const waits: number[] = [];
  for (const [name, status] of [["guest_stop_by_human", "stopped"], ["guest_start_by_human", "running"], ["guest_stop_by_human", "stopped"]] as const) {
    await fault(stack, name, { vmid });
    const seen = async () => {
      if (status === "stopped") await expect(row).toContainText("off");
      else await expect(row).not.toContainText("off");
      return Date.now();
    };
    const [happened, shown] = await Promise.all([really(vmid, status), seen()]);
    waits.push(shown - happened);
  }
  console.log(`cluster to pixels: ${waits.join(", ")} ms`);
  expect(Math.max(...waits)).toBeLessThanOrEqual(PROMISE_MS + SLACK_MS);
  await expect(page.getByTestId("feed")).toContainText(String(vmid));
});

test("a lost node is named, its guests are not shown as running, and it comes back", async ({ page }) => {
  await logIn(page, stack);
  await fault(stack, "node_down", { node: "pve" });
  await expect(page.getByTestId("headline")).toContainText("pve", { timeout: 30_000 });
  await expect(page.getByTestId("node-pve")).toHaveAttribute("data-sight", "lost");
  await expect(page.getByTestId("node-pve")).toContainText("last seen");
  await fault(stack, "node_up", { node: "pve" });
  await expect(page.getByTestId("node-pve")).not.toHaveAttribute("data-sight", "lost", { timeout: 45_000 });
});

test("without its cluster the screen says so, keeps the last values as old ones, and recovers without a reload", async ({ page }) => {
  await logIn(page, stack);
  await page.evaluate(() => Object.assign(window, { sameDocument: true }));
  stack.sim.kill();
  await expect(page.getByTestId("link")).toContainText("Blind", { timeout: 45_000 });
  await expect(page.getByTestId("headline")).not.toHaveAttribute("data-health", "ok");
  await expect(page.getByTestId("node-pve")).toBeVisible();
  await stack.startSim();
  await expect(page.getByTestId("link")).toContainText("Live", { timeout: 45_000 });
  expect(await page.evaluate(() => Reflect.get(window, "sameDocument"))).toBe(true);
});
