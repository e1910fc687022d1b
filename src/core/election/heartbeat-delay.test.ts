import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { heartbeatDelayMs } from "./heartbeat-delay.ts";

describe("heartbeatDelayMs", () => {
  for (const { nodes, perSecondMax, delayMs } of [
    { nodes: 0, perSecondMax: 18, delayMs: 0 },
    { nodes: 180, perSecondMax: 18, delayMs: 0 },
    { nodes: 181, perSecondMax: 18, delayMs: 10_056 },
    { nodes: 1_000, perSecondMax: 18, delayMs: 55_556 },
    { nodes: 5_000, perSecondMax: 18, delayMs: 120_000 },
    { nodes: 5_000, perSecondMax: 1_000, delayMs: 0 },
    { nodes: 3, perSecondMax: 0.1, delayMs: 30_000 },
  ])
    it(`delays the heartbeats of ${nodes} nodes, ${perSecondMax} a second at most, by ${delayMs} ms`, () =>
      assert.equal(heartbeatDelayMs(nodes, perSecondMax), delayMs));
});
