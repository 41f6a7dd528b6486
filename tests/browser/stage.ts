// What a browser story stands on: the whole stack on free ports, and a page that is watched while it runs.
import { join, resolve } from "node:path";
import { test as base, expect, type Page } from "@playwright/test";
import { Stack } from "../../deploy/demo/stack.mjs";

const root = resolve(import.meta.dirname, "../..");
let count = 0;

interface StackOptions {
  /** False leaves the first log-in to the browser. */
  readonly setUp?: boolean;
  /** Further lines of jarvisd.toml. */
  readonly settings?: readonly string[];
  /** Further arguments of jarvis-sim. */
  readonly sim?: readonly string[];
}

export async function startStack({ setUp = true, settings = [], sim = [] }: StackOptions = {}): Promise<Stack> {
  count += 1;
  const stack = new Stack({
    bin: process.env.STORIES_BIN ?? join(root, "target/debug"),
    dir: join(root, "target/browser", `stack-${process.pid}-${count}`),
    ports: { front: 0, api: 0, metrics: 0 },
    setUp,
    settings,
    sim,
  });
  try {
    await stack.start();
  } catch (error) {
    await stack.stop();
    throw error;
  }
  return stack;
}

/** One fault of the simulated cluster, now. */
export async function fault(stack: Stack, name: string, fields: Record<string, unknown>): Promise<void> {
  const body = JSON.stringify({ at_s: 0, do: name, ...fields });
  const answer = await fetch(`${stack.cluster.control}/faults`, { method: "POST", body });
  expect(answer.ok, await answer.text()).toBe(true);
}

export async function logIn(page: Page, stack: Stack): Promise<void> {
  await page.goto(stack.url);
  await page.getByLabel("Password").fill(stack.password);
  await page.keyboard.press("Enter");
  await expect(page.getByTestId("link")).toContainText("Live");
}

/** Not being logged in is an answer; the browser calls every 401 an error. */
const ALWAYS_FINE = [/401 \(Unauthorized\).*\/api\/v1\/session$/];

interface Watched {
  /** What else may be said in this story: a daemon that is killed makes requests fail. */
  readonly allow: (fine: RegExp) => void;
}

/** Fails the story for anything the console complains of, any broken policy, any foreign host. */
export const test = base.extend<{ watched: Watched }>({
  watched: [
    async ({ page }, use) => {
      const complaints: string[] = [];
      const fine = [...ALWAYS_FINE];
      page.on("console", (message) => {
        if (message.type() !== "error" && message.type() !== "warning") return;
        complaints.push(`${message.type()}: ${message.text()} ${message.location().url}`);
      });
      page.on("pageerror", (error) => complaints.push(`uncaught: ${error.message}`));
      page.on("request", (request) => {
        const { protocol, hostname } = new URL(request.url());
        if (!["data:", "blob:"].includes(protocol) && hostname !== "127.0.0.1") complaints.push(`foreign: ${request.url()}`);
      });
      await page.addInitScript(() => {
        addEventListener("securitypolicyviolation", (e) => console.error(`policy: ${e.violatedDirective} ${e.blockedURI}`));
      });
      await use({ allow: (more) => fine.push(more) });
      expect(complaints.filter((c) => !fine.some((f) => f.test(c)))).toEqual([]);
    },
    { auto: true },
  ],
});

export { expect };
