// What a person does to act: find the button, read the plan, hold the button.
import type { Locator, Page } from "@playwright/test";
import type { Stack } from "../../deploy/demo/stack.mjs";
import { expect } from "./stage";

/** Longer than the button must be held. */
const HELD_MS = 1_700;
/** The button is deaf in the instant it appears. */
const DEAF_MS = 700;

/** What the simulated cluster was told to change, by whomever. */
export async function effects(stack: Stack): Promise<readonly unknown[]> {
  const told = await (await fetch(`${stack.cluster.control}/effects`)).json();
  return Array.isArray(told) ? told : told.effects;
}

/** The button in the drawer, or the line behind "More". */
export async function press(page: Page, tool: string): Promise<void> {
  const bar = page.getByRole("group", { name: "Actions" });
  await expect(bar).toBeVisible();
  const button = bar.getByTestId(`deed-${tool}`);
  if (await button.count()) return button.click();
  await bar.getByTestId("act-more").click();
  await page.getByTestId(`menu-${tool}`).click();
}

/** The plan has come, and says this. */
export async function verdict(page: Page, is: "permit" | "ask" | "refuse"): Promise<void> {
  await expect(page.getByTestId("verdict")).toHaveAttribute("data-verdict", is);
}

/** By keyboard, as a mouse is held no differently. */
export async function approve(card: Locator): Promise<void> {
  const page = card.page();
  await card.getByTestId("approve").focus();
  await page.waitForTimeout(DEAF_MS);
  await page.keyboard.down("Enter");
  await page.waitForTimeout(HELD_MS);
  await page.keyboard.up("Enter");
}

/** The action in the dialog has ended well, and was seen to have. */
export async function endsWell(card: Locator): Promise<Locator> {
  const action = card.locator("[data-testid^=action-]");
  await expect(action).toHaveAttribute("data-state", "ok", { timeout: 60_000 });
  return action;
}
