// Acting from the screen: nothing before the plan, nothing without a word, two screens that agree, and a switch that stops.
import type { Page } from "@playwright/test";
import type { Stack } from "../../deploy/demo/stack.mjs";
import { expect, logIn, startStack, test } from "./stage";

/** A container nothing else needs. */
const VMID = 102;
/** Longer than the button must be held. */
const HELD_MS = 1_700;

let stack: Stack;
test.beforeAll(async () => {
  stack = await startStack();
});
test.afterAll(async () => {
  await stack.stop();
});

/** What the simulated cluster was told to change, by whomever. */
async function effects(): Promise<readonly unknown[]> {
  const told = await (await fetch(`${stack.cluster.control}/effects`)).json();
  return Array.isArray(told) ? told : told.effects;
}

async function ask(page: Page, deed: string): Promise<void> {
  await page.goto(`${stack.url}/g/${VMID}`);
  await page.getByTestId(`deed-${deed}`).click();
  await expect(page.getByTestId("verdict")).toHaveAttribute("data-verdict", "ask");
}

test("a reboot: planned, asked for, approved on another screen by keyboard, seen to its end, once", async ({ page, context }) => {
  await logIn(page, stack);
  const before = (await effects()).length;
  await ask(page, "reboot_guest");
  await expect(page.getByTestId("objection").first()).toBeVisible();
  expect((await effects()).length).toBe(before);

  await page.getByTestId("act-run").click();
  const mine = page.getByRole("dialog");
  await expect(mine.getByTestId("approve")).toBeVisible();
  await expect(mine.getByTestId("deny")).toBeFocused();
  expect((await effects()).length).toBe(before);

  const other = await context.newPage();
  await other.goto(stack.url);
  await expect(other.getByTestId("headline")).toContainText("One action waits for your word.");
  await expect(other).toHaveTitle(/^\(1\)/);
  await other.getByTestId("waiting").click();
  const theirs = other.getByRole("dialog");
  await theirs.getByTestId("approve").focus();
  // The button is deaf in the instant it appears.
  await other.waitForTimeout(700);
  await other.keyboard.down("Enter");
  await other.waitForTimeout(HELD_MS);
  await other.keyboard.up("Enter");

  await expect(mine).toContainText(/approved by/i);
  await expect(mine.getByTestId("approve")).toHaveCount(0);
  const action = mine.locator("[data-testid^=action-]");
  await expect(action).toHaveAttribute("data-state", "ok", { timeout: 60_000 });
  expect((await effects()).length).toBe(before + 1);
  await action.getByRole("button", { name: "log" }).click();
  await expect(page.getByTestId("task-drawer")).toContainText("Reboot");
  await other.close();
});

test("a denied one is gone everywhere, by its link too, and nothing was sent", async ({ page }) => {
  await logIn(page, stack);
  const before = (await effects()).length;
  await ask(page, "shutdown_guest");
  const [answer] = await Promise.all([
    page.waitForResponse((r) => r.request().method() === "POST" && r.url().endsWith("/tools/shutdown_guest")),
    page.getByTestId("act-run").click(),
  ]);
  const { approval } = await answer.json();
  await page.goto(`${stack.url}/#/approvals/${approval.id}`);
  const card = page.getByRole("dialog");
  await expect(card.getByTestId("quorum-after")).toContainText("kept");
  await card.getByTestId("deny").click();
  await expect(card).toContainText(/denied by/i);
  await page.keyboard.press("Escape");
  await expect(page.getByTestId("headline")).not.toContainText("waits");
  expect((await effects()).length).toBe(before);
});

test("the link of a message: to who is not logged in it is the card right behind the password", async ({ page, browser }) => {
  await logIn(page, stack);
  await ask(page, "reboot_guest");
  await page.getByTestId("act-run").click();
  const mine = page.getByRole("dialog");
  await expect(mine.getByTestId("approve")).toBeVisible();
  const [{ id }] = (await (await page.request.get(`${stack.url}/api/v1/approvals`)).json()).items.filter((a: { state: string }) => a.state === "pending");

  // Another browser, as on a phone to which the message went.
  const elsewhere = await browser.newContext({ viewport: { width: 390, height: 844 } });
  const phone = await elsewhere.newPage();
  await phone.goto(`${stack.url}/#/approvals/${encodeURIComponent(id)}`);
  await phone.getByLabel("Password").fill(stack.password);
  await phone.keyboard.press("Enter");
  const card = phone.getByRole("dialog");
  await expect(card.getByTestId("deny")).toBeFocused();
  await card.getByTestId("deny").click();
  // Both say who and when; neither has a button left.
  for (const shown of [card, mine]) {
    await expect(shown).toContainText(/denied by operator/i);
    await expect(shown).toContainText(/At \d\d:\d\d:\d\d/);
    await expect(shown.getByTestId("approve")).toHaveCount(0);
  }
  await elsewhere.close();
});

test("the kill switch: one click on one screen stops the other; off only after a word", async ({ page, context }) => {
  await logIn(page, stack);
  const other = await context.newPage();
  await other.goto(stack.url);
  await expect(other.getByTestId("kill-switch")).toHaveAttribute("data-on", "false");
  await page.getByTestId("kill-switch").click();
  await expect(page.getByTestId("kill-banner")).toBeVisible();
  await expect(other.getByTestId("kill-banner")).toContainText("Nothing but reads leaves");

  await other.goto(`${stack.url}/g/${VMID}`);
  await other.getByTestId("deed-reboot_guest").click();
  await expect(other.getByTestId("verdict")).toHaveAttribute("data-verdict", "refuse");
  await expect(other.getByRole("dialog")).toContainText("Release the kill switch first.");
  await expect(other.getByTestId("act-run")).toHaveCount(0);
  await other.close();

  await page.getByTestId("kill-switch").click();
  await page.getByRole("button", { name: "Release", exact: true }).click();
  await expect(page.getByTestId("kill-switch")).toHaveAttribute("data-on", "false");
  await expect(page.getByTestId("kill-banner")).toHaveCount(0);
});

test("on a phone the switch is in sight, and what waits stands right below the headline", async ({ page }) => {
  await page.setViewportSize({ width: 390, height: 844 });
  await logIn(page, stack);
  await expect(page.getByTestId("kill-switch")).toBeInViewport();
  await ask(page, "reboot_guest");
  await page.getByTestId("act-run").click();
  await expect(page.getByRole("dialog").getByTestId("deny")).toBeVisible();
  await page.goto(stack.url);
  const card = page.getByTestId("panel-acting");
  await expect(card).toBeInViewport();
  await expect(card.getByTestId("approve")).toBeInViewport();
  const headline = await page.getByTestId("headline").boundingBox();
  const box = await card.boundingBox();
  expect((box?.y ?? 0) - ((headline?.y ?? 0) + (headline?.height ?? 0))).toBeLessThan(40);
  await card.getByTestId("deny").click();
  await expect(page.getByTestId("waiting")).toHaveCount(0);
});
