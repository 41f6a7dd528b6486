// The first visit: set-up with the printed token; then log-out, a wrong password, log-in.
import { expect, startStack, test } from "./stage";

const PASSWORD = "correct horse battery";

test("a first visitor sets a password, sees the cluster, leaves and comes back", async ({ page, watched }) => {
  const stack = await startStack({ setUp: false });
  try {
    // The answer to a wrong password, which this story gives on purpose.
    watched.allow(/401 \(Unauthorized\).*\/api\/v1\/login$/);
    await page.goto(stack.url);
    await page.locator("input[name=token]").fill(stack.setUpToken);
    for (const field of await page.locator("input[type=password]").all()) await field.fill(PASSWORD);
    await page.keyboard.press("Enter");
    await expect(page.getByTestId("link")).toContainText("Live");
    await expect(page.getByTestId("node-pve")).toBeVisible();

    await page.getByRole("button", { name: "Log out" }).click();
    await page.getByLabel("Password").fill("not the password");
    await page.keyboard.press("Enter");
    await expect(page.getByRole("alert")).toContainText(/password/i);
    await page.getByLabel("Password").fill(PASSWORD);
    await page.keyboard.press("Enter");
    await expect(page.getByTestId("link")).toContainText("Live");
  } finally {
    // A page that outlives its server would complain of it.
    await page.close();
    await stack.stop();
  }
});
