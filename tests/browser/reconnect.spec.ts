// The daemon is killed and started again under an open screen.
import { expect, logIn, startStack, test } from "./stage";

test("the screen says that it is not connected, and is live again by itself", async ({ page, watched }) => {
  const stack = await startStack();
  try {
    watched.allow(/WebSocket connection to .* failed/);
    watched.allow(/50[24] \(/);
    watched.allow(/net::ERR_/);
    await logIn(page, stack);
    await page.evaluate(() => Object.assign(window, { sameDocument: true }));
    stack.daemon.kill("SIGKILL");
    await expect(page.getByTestId("link")).toContainText(/Lost|Connecting/);
    await expect(page.getByTestId("headline")).not.toHaveAttribute("data-health", "ok");
    await expect(page.getByTestId("node-pve")).toBeVisible();
    const away = await page.request.get(`${stack.url}/api/v1/session`);
    expect(away.status()).toBe(502);
    expect((await away.json()).error.kind).toBe("unavailable");
    await stack.startDaemon();
    // Back-off may have grown to a few seconds by now.
    await expect(page.getByTestId("link")).toContainText("Live", { timeout: 30_000 });
    await expect(page.getByTestId("headline")).toHaveAttribute("data-health", "ok");
    expect(await page.evaluate(() => Reflect.get(window, "sameDocument"))).toBe(true);
  } finally {
    await stack.stop();
  }
});
