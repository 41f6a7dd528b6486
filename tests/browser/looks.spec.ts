// Sizes, accessibility, headers: what a person and a browser's own rules see.
import AxeBuilder from "@axe-core/playwright";
import type { Stack } from "../../deploy/demo/stack.mjs";
import { expect, logIn, startStack, test } from "./stage";

const SIZES = [
  { name: "phone", width: 390, height: 844 },
  { name: "laptop", width: 1366, height: 768 },
  { name: "desktop", width: 1920, height: 1080 },
];

let stack: Stack;
test.beforeAll(async () => {
  stack = await startStack();
});
test.afterAll(async () => {
  await stack.stop();
});

for (const { name, width, height } of SIZES) {
  test(`${width} px: nothing is cut off sideways, axe finds nothing`, async ({ page }) => {
    await page.setViewportSize({ width, height });
    await logIn(page, stack);
    await expect(page.getByTestId("node-pve")).toBeAttached();
    const wider = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    expect(wider).toBeLessThanOrEqual(0);
    await page.screenshot({ path: `../../target/browser/${name}.png` });
    const found = await new AxeBuilder({ page }).withTags(["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]).analyze();
    expect(found.violations.map((v) => `${v.id}: ${v.help} ${v.nodes.map((n) => n.target).join(" ")}`)).toEqual([]);
  });
}

test("320 px, as a desktop at 400 %: no figure is clipped, and nothing in the header touches", async ({ page }) => {
  await page.setViewportSize({ width: 320, height: 568 });
  await logIn(page, stack);
  await expect(page.getByTestId("key-net")).toContainText("b/s");
  const clipped = await page.evaluate(() =>
    [...document.querySelectorAll(".key-value")].filter((e) => e.scrollWidth > e.clientWidth).map((e) => e.textContent),
  );
  expect(clipped).toEqual([]);
  const name = await page.locator(".brand b").boundingBox();
  const link = await page.getByTestId("link").boundingBox();
  expect((name?.x ?? 0) + (name?.width ?? 0)).toBeLessThanOrEqual(link?.x ?? 0);
});

test("chosen colours: a dialog lets nothing of the page through", async ({ page }) => {
  await page.emulateMedia({ forcedColors: "active" });
  await logIn(page, stack);
  await page.keyboard.press("?");
  await expect(page.getByRole("dialog")).toBeVisible();
  const ground = await page.getByRole("dialog").evaluate((e) => getComputedStyle(e).backgroundColor);
  expect(ground).toMatch(/^rgb\(/);
});

test("the log-in page has nothing for axe either", async ({ page }) => {
  await page.goto(stack.url);
  await expect(page.getByLabel("Password")).toBeVisible();
  const found = await new AxeBuilder({ page }).analyze();
  expect(found.violations.map((v) => `${v.id}: ${v.help}`)).toEqual([]);
});

test("headers: a policy everywhere, hashed files for ever, the page never kept, compressed", async ({ request }) => {
  const page = await request.get(stack.url);
  const html = await page.text();
  const script = html.match(/\/assets\/[^"]+\.js/)?.[0] ?? "none";
  const asset = await request.get(`${stack.url}${script}`, { headers: { "accept-encoding": "gzip" } });
  expect(asset.status()).toBe(200);
  expect(asset.headers()["content-encoding"]).toBe("gzip");
  expect(asset.headers()["cache-control"]).toContain("immutable");
  expect(page.headers()["cache-control"]).toBe("no-cache");
  for (const path of ["/", script, "/g/107", "/assets/missing.js", "/healthz", "/api/v1/session"]) {
    const answer = await request.get(`${stack.url}${path}`);
    const policy = answer.headers()["content-security-policy"] ?? "";
    expect(policy, path).toContain("default-src 'self'");
    expect(policy, path).toContain("frame-ancestors 'none'");
    expect(answer.headers()["x-content-type-options"], path).toBe("nosniff");
  }
  expect((await request.get(`${stack.url}/assets/missing.js`)).status()).toBe(404);
  for (const path of ["/g/107", "/n/agent1", "/t/UPID%3Apve%3A0000ABCD%3A0000ABCD%3A6B0330F7%3Aqmstart%3A101%3Ajarvis@pve!acts%3A"]) {
    const answer = await request.get(`${stack.url}${path}`);
    expect(answer.status(), path).toBe(200);
    expect(await answer.text(), path).toBe(html);
  }
  // Nothing looks found that is not there.
  for (const path of ["/.env", "/.git/config", "/wp-login.php", "/backup.sql", "/n/", "/index.php"])
    expect((await request.get(`${stack.url}${path}`)).status(), path).toBe(404);
});

// The last story of this file: nothing is in sight after it.
test("a long reason ends before the figures begin, in every mode and size", async ({ page }) => {
  await logIn(page, stack);
  stack.sim.kill();
  await expect(page.getByTestId("headline")).toContainText("no node answers", { timeout: 60_000 });
  for (const { name, width, height } of SIZES.slice(1)) {
    await page.setViewportSize({ width, height });
    for (const mode of ["jarvis", "ops", "minimal"]) {
      await page.getByRole("group", { name: "Mode" }).getByRole("button", { name: mode }).click();
      const over = await page.evaluate(() => {
        const reason = document.querySelector(".headline-detail")?.getBoundingClientRect();
        return [...document.querySelectorAll(".key, .low")].filter((e) => {
          const box = e.getBoundingClientRect();
          const beside = !reason || box.right <= reason.left || box.left >= reason.right;
          return !beside && box.top < reason.bottom && box.bottom > reason.top;
        }).length;
      });
      expect(over, `${name} ${mode}`).toBe(0);
    }
  }
});
