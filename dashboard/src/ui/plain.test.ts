import { describe, expect, it } from "vitest";
import { plain } from "./plain";

describe("text of others", () => {
  it.each([
    ["nextcloud", "nextcloud"],
    ["m\u00fcller \u5bb6 \u0645\u0646\u0632\u0644", "m\u00fcller \u5bb6 \u0645\u0646\u0632\u0644"],
    ["\ud83d\udc68\u200d\ud83d\udc69\u200d\ud83d\udc67", "\ud83d\udc68\u200d\ud83d\udc69\u200d\ud83d\udc67"],
    ["a\u202eb", "a\ufffdb"],
    ["\u2066x\u2069", "\ufffdx\ufffd"],
    ["a\nb\u0000\u009b", "a\ufffdb\ufffd\ufffd"],
    ["pa\u200bypal\ufeff", "pa\ufffdypal\ufffd"],
  ])("%j is shown as %j", (text, shown) => expect(plain(text)).toBe(shown));
});
