// The deeds a homelab needs, each from the button where one looks for it to the task's own end, and the reasons when
// it may not be.
import AxeBuilder from "@axe-core/playwright";
import type { Page } from "@playwright/test";
import type { Stack } from "../../deploy/demo/stack.mjs";
import { approve, effects, endsWell, press, verdict } from "./hands";
import { expect, logIn, startStack, test } from "./stage";

/** Containers nothing else needs, and one that is protected. */
const GITEA = 104;
const UPTIME = 111;
const SYNCTHING = 119;
const VAULT = 112;

let stack: Stack;
test.beforeAll(async () => {
  const settings = ["[policy.limits]", `protected = [{ guest = ${VAULT} }]`];
  stack = await startStack({ settings, sim: ["--ssh", "--time-scale", "0.5"] });
});
test.afterAll(async () => {
  await stack.stop();
});

async function open(page: Page, path: string): Promise<void> {
  await page.goto(`${stack.url}${path}`);
  await expect(page.getByTestId("history-drawer")).toBeVisible();
}
const dialog = (page: Page) => page.getByRole("dialog");
async function axe(page: Page, within: string): Promise<void> {
  const found = await new AxeBuilder({ page }).include(within).analyze();
  expect(found.violations.map((v) => `${v.id}: ${v.help} ${v.nodes.map((n) => n.target).join(" ")}`)).toEqual([]);
}
const finish = (page: Page) => dialog(page).getByRole("button", { name: "Close" }).click();

test("stop: who goes down, a held button, the task's log, off on the list; start asks nobody", async ({ page }) => {
  await logIn(page, stack);
  await open(page, `/g/${GITEA}`);
  await press(page, "stop_guest");
  await verdict(page, "ask");
  await expect(dialog(page)).toContainText("gitea");
  await dialog(page).getByRole("button", { name: "Show the exact request" }).click();
  await expect(dialog(page).getByTestId("exact-calls")).toContainText(`/lxc/${GITEA}/status/stop`);
  await page.getByTestId("act-run").click();
  await approve(dialog(page));
  const action = await endsWell(dialog(page));
  await expect(action).toContainText("seen to have worked");
  await action.getByRole("button", { name: "log" }).click();
  await expect(page.getByTestId("task-log").locator("p").first()).toBeVisible();
  await expect(page.getByTestId(`guest-${GITEA}`)).toContainText("off");

  await open(page, `/g/${GITEA}`);
  await press(page, "start_guest");
  await verdict(page, "permit");
  await page.getByTestId("act-run").click();
  await endsWell(dialog(page));
  await finish(page);
  await expect(page.getByTestId(`guest-${GITEA}`)).not.toContainText("off");
});

test("migrate: only to nodes that are there, and the list follows", async ({ page }) => {
  await logIn(page, stack);
  await open(page, `/g/${UPTIME}`);
  await press(page, "migrate_guest");
  const to = dialog(page).getByLabel("To node");
  await expect(to.locator("option")).toHaveText(["agent1", "Home", "pve"]);
  await to.selectOption("agent1");
  await dialog(page).getByRole("button", { name: "Show the plan" }).click();
  await verdict(page, "ask");
  await page.getByTestId("act-run").click();
  await approve(dialog(page));
  await endsWell(dialog(page));
  await finish(page);
  await expect(page.getByTestId(`guest-${UPTIME}`)).toContainText("agent1");
});

test("a snapshot is made, found in the list, and deleted after a word", async ({ page }) => {
  await logIn(page, stack);
  await open(page, `/g/${SYNCTHING}`);
  await press(page, "delete_snapshot");
  await expect(page.getByTestId("none-there")).toContainText("no snapshot");
  await dialog(page).getByRole("button", { name: "Cancel" }).click();

  await press(page, "create_snapshot");
  await dialog(page).getByLabel("Name").fill("before_update");
  await dialog(page).getByRole("button", { name: "Show the plan" }).click();
  await verdict(page, "permit");
  await page.getByTestId("act-run").click();
  await endsWell(dialog(page));
  await finish(page);

  await press(page, "delete_snapshot");
  await expect(dialog(page).getByLabel("Snapshot")).toHaveValue("before_update");
  await dialog(page).getByRole("button", { name: "Show the plan" }).click();
  await verdict(page, "ask");
  await page.getByTestId("act-run").click();
  await approve(dialog(page));
  await endsWell(dialog(page));
});

test("a refusal has its reason and a way out, and offers nothing to press", async ({ page }) => {
  await logIn(page, stack);
  const before = (await effects(stack)).length;
  await open(page, `/g/${VAULT}`);
  await press(page, "stop_guest");
  await verdict(page, "refuse");
  await expect(dialog(page).getByTestId("objection").first()).toContainText(/protected/);
  await expect(dialog(page)).toContainText("do it in Proxmox if you must");
  await expect(page.getByTestId("act-run")).toHaveCount(0);
  expect((await effects(stack)).length).toBe(before);
});

test("a container of Docker and a service of a node come from lists", async ({ page }) => {
  await logIn(page, stack);
  await page.getByTestId("act-containers").click();
  const redis = page.getByTestId("container-redis");
  await expect(redis).toContainText("Up");
  await axe(page, "dialog");
  // Nobody labelled this one, so nobody may.
  await expect(page.getByTestId("container-portainer").getByRole("button")).toHaveCount(0);
  await redis.getByRole("button", { name: "Restart container redis" }).click();
  await verdict(page, "ask");
  await page.getByTestId("act-run").click();
  await approve(dialog(page));
  await endsWell(dialog(page));
  await finish(page);

  await open(page, "/n/agent1");
  await press(page, "restart_service");
  const unit = dialog(page).getByLabel("Service");
  await axe(page, "dialog");
  await expect(unit.locator("option").filter({ hasText: "pveproxy" })).toHaveCount(1);
  await unit.selectOption("pveproxy");
  await dialog(page).getByRole("button", { name: "Show the plan" }).click();
  await verdict(page, "permit");
  await page.getByTestId("act-run").click();
  await endsWell(dialog(page));
});

test("the kill switch: both screens say so, beside the buttons and in the list behind the dots", async ({ page, context }) => {
  await logIn(page, stack);
  const other = await context.newPage();
  await other.goto(`${stack.url}/g/${SYNCTHING}`);
  await expect(other.getByTestId("act-stopped")).toHaveCount(0);
  await page.getByTestId("kill-switch").click();
  for (const screen of [page, other]) await expect(screen.getByTestId("kill-banner")).toBeVisible();
  await expect(other.getByTestId("act-stopped")).toContainText("kill switch is on");
  await other.getByTestId("act-more").click();
  await expect(other.getByRole("menu")).toContainText("kill switch is on");
  await axe(other, "#column-3");
  await other.keyboard.press("Escape");
  await press(other, "stop_guest");
  await verdict(other, "refuse");
  await dialog(other).getByRole("button", { name: /Release the kill switch/ }).click();
  await other.getByRole("button", { name: "Release", exact: true }).click();
  for (const screen of [page, other]) await expect(screen.getByTestId("kill-banner")).toHaveCount(0);
  await expect(other.getByTestId("act-stopped")).toHaveCount(0);
  await other.close();
});

test("found by its name: a deed from the palette, by keyboard alone", async ({ page }) => {
  await logIn(page, stack);
  await page.keyboard.press("Control+k");
  await page.keyboard.type("stop syncthing");
  await expect(page.locator("#palette-list [role=option]").first()).toContainText("Stop: container 119 syncthing");
  await page.keyboard.press("Enter");
  await verdict(page, "ask");
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog")).toHaveCount(0);
});
