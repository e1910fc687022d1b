import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { describeSeedFailure, timeline } from "./describe-failure.ts";

const violation = {
  invariant: "two-writers",
  atMs: 65_400,
  detail: "node-a wrote to vol-1 (mount) while node-b (frozen) could write to it as well",
} as const;
const lines = [
  "1.000 controller-1 updateStatus AzDriverNode node-a @7",
  "2.000 node-c mounts vol-3",
  "3.000 controller-1 updateStatus AzVolume vol-1 @9",
  "4.000 fault nodes/freeze begins (node-b, vol-1, 0.3)",
  "5.000 node-a mounts vol-1",
];

describe("the description of a failure", () => {
  it("shows lines about the nodes, the volume and the faults, but no heartbeats", () => {
    assert.deepEqual(timeline(lines, violation), lines.slice(2));
  });

  it("says what was broken, when, and how to reproduce it", () => {
    const result = {
      seed: 7,
      violations: [violation],
      failovers: 3,
      virtualMs: 65_400,
      healedMs: 0,
      armCalls: 9,
      digest: "d",
      lines,
      faults: ["nodes/freeze"],
      steps: [],
      objects: [],
    };
    const text = describeSeedFailure(result, "npm run sim -- --seed 7");
    assert.match(text, /^seed 7: two-writers\n {2}at 65.4 s two-writers: node-a wrote/u);
    assert.match(text, /replay: npm run sim -- --seed 7$/u);
  });
});
