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
  expect(await (await request.get(`${stack.url}/g/107`)).text()).toBe(html);
});
