import { describe, expect, it } from "vitest";
import { arcChars, arcs, labelOf, NODES_ON_RING_MAX } from "./coreGeometry";

const charsFor = (nodes: number, few: boolean): number => {
  const [arc] = arcs(nodes);
  return arc ? arcChars(arc.to - arc.from, few) : 0;
};

describe("names on the ring", () => {
  it("stand with their figures where there is room, alone where there is little, cut where there is less", () => {
    expect(labelOf("agent1", "100%", charsFor(4, true))).toEqual({ name: "agent1", figure: "100%" });
    expect(labelOf("cellar", "100%", charsFor(NODES_ON_RING_MAX, false))).toEqual({
      name: "cellar",
      figure: "",
    });
    expect(labelOf("attic-left-2", "7%", charsFor(NODES_ON_RING_MAX, false)).name).toMatch(/^attic.*…$/);
  });

  it("never are longer than their arc", () => {
    for (let nodes = 1; nodes <= NODES_ON_RING_MAX; nodes++) {
      const chars = charsFor(nodes, false);
      const { name, figure } = labelOf("a-very-long-name-of-a-node", "100%", chars);
      expect(`${name} ${figure}`.trimEnd().length).toBeLessThanOrEqual(chars);
    }
  });
});
