import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { SimNode } from "../kubernetes/sim-cluster.ts";
import { createTokenUids } from "./token-uids.ts";

function aNode(uid: string, instanceUri: string): SimNode {
  return { name: "node-a", uid, instanceUri, isReady: true, isUnschedulable: false, isOutOfService: false, volumesMax: 8 };
}

describe("the uids of Nodes in tokens", () => {
  const steps: readonly { readonly because: string; readonly atMs: number; readonly node: SimNode | undefined; readonly expected: unknown }[] = [
    { because: "there is no Node yet", atMs: 0, node: undefined, expected: [undefined, undefined] },
    { because: "its kubelet registers", atMs: 1, node: aNode("uid-1", "vm-1"), expected: ["uid-1", "uid-1"] },
    { because: "it is gone", atMs: 2, node: undefined, expected: ["uid-1", "uid-1"] },
    { because: "it is made again for the same VM", atMs: 3, node: aNode("uid-2", "vm-1"), expected: ["uid-2", "uid-1"] },
    { because: "its token is old still", atMs: 90_002, node: aNode("uid-2", "vm-1"), expected: ["uid-2", "uid-1"] },
    { because: "its token is renewed", atMs: 90_003, node: aNode("uid-2", "vm-1"), expected: ["uid-2", "uid-2"] },
    { because: "another VM has its name", atMs: 90_004, node: aNode("uid-3", "vm-2"), expected: ["uid-3", "uid-3"] },
  ];

  it("are those of the Node when a token was issued, and a plug-in's token is renewed after a while", () => {
    let at = steps[0];
    const uids = createTokenUids({ nodes: () => (at?.node === undefined ? [] : [at.node]) }, { elapsedMs: () => at?.atMs ?? 0 });
    for (const step of steps) {
      at = step;
      assert.deepEqual([uids.issuedNow("node-a"), uids.ofPlugin("node-a")], step.expected, step.because);
    }
  });
});
