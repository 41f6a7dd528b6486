// What happy-dom lacks and the panels ask for.
import { cleanup } from "@testing-library/react";
import { afterEach } from "vitest";

// React's act() warns without it.
Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: true });

afterEach(cleanup);
