import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { judgeFreezes } from "./judge-freezes.ts";

describe("freezes at rest", () => {
  it("names each file system that a node has left frozen", () => {
    const machine = (nodeName: string, frozen: readonly string[]) => ({
      nodeName,
      kernel: { frozenDisks: () => frozen.map((diskUri) => ({ diskUri, forMs: 7 })) },
    });
    const machines = () => [machine("node-a", []), machine("node-b", ["disk-1"])];
    assert.deepEqual(judgeFreezes({ azure: { machines } }), [
      {
        invariant: "not-converged",
        detail: "the file system of disk-1 is frozen on node-b, for 7 ms by now",
      },
    ]);
  });
});
