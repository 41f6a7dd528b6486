// What happy-dom lacks and the panels ask for.
import { cleanup } from "@testing-library/react";
import { afterEach } from "vitest";

// React's act() warns without it.
Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: true });

// Nothing has a size there; a virtual list would show no rows.
for (const side of ["clientHeight", "clientWidth"]) {
  Object.defineProperty(HTMLElement.prototype, side, { configurable: true, get: () => 480 });
}

afterEach(cleanup);
