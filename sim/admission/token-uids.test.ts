import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { SimNode } from "../kubernetes/sim-cluster.ts";
import { createTokenUids } from "./token-uids.ts";

function aNode(uid: string, instanceUri: string): SimNode {
  return {
    name: "node-a",
    uid,
    instanceUri,
    isReady: true,
    isUnschedulable: false,
    isOutOfService: false,
    isMarkedByDriver: false,
    volumesMax: 8,
  };
}

describe("the uids of Nodes in tokens", () => {
  const steps: readonly {
    readonly because: string;
    readonly atMs: number;
    readonly node: SimNode | undefined;
    readonly expected: unknown;
  }[] = [
    { because: "there is no Node yet", atMs: 0, node: undefined, expected: [undefined, undefined] },
    { because: "its kubelet registers", atMs: 1, node: aNode("uid-1", "vm-1"), expected: ["uid-1", "uid-1"] },
    { because: "it is gone", atMs: 2, node: undefined, expected: ["uid-1", "uid-1"] },
    {
      because: "it is made again for the same VM",
      atMs: 3,
      node: aNode("uid-2", "vm-1"),
      expected: ["uid-2", "uid-1"],
    },
  ];
  const taken = {
    because: "another VM has its name",
    atMs: 4,
    node: aNode("uid-3", "vm-2"),
    expected: ["uid-3", "uid-3"],
  };

  for (const { by, random, areKubeletsRestarted, renewedAfterMs } of [
    { by: "a restarted kubelet", random: [0.49, 0.999_999], renewedAfterMs: 149_999 },
    { by: "a running kubelet", random: [0.5, 0.999_999], renewedAfterMs: 629_999 },
    { by: "a kubelet that does so at once", random: [0.5, 0], renewedAfterMs: 0 },
    {
      by: "a kubelet, all of which were restarted",
      random: [0.5, 0.999_999],
      areKubeletsRestarted: true,
      renewedAfterMs: 149_999,
    },
  ]) {
    it(`are those of the Node at issue, and are renewed by ${by}`, () => {
      let at = steps[0];
      let draws = 0;
      const uids = createTokenUids(
        { nodes: () => (at?.node === undefined ? [] : [at.node]) },
        { elapsedMs: () => at?.atMs ?? 0 },
        { next: () => random[draws++ % random.length] ?? 0 },
        { areKubeletsRestarted },
      );
      const renewed = { node: aNode("uid-2", "vm-1"), atMs: 3 + renewedAfterMs };
      const old = {
        ...renewed,
        atMs: renewed.atMs - 1,
        because: "its token is old still",
        expected: ["uid-2", "uid-1"],
      };
      const known = renewedAfterMs === 0 ? steps.slice(0, 3) : [...steps, old];
      for (const step of [
        ...known,
        { ...renewed, because: "its token is renewed", expected: ["uid-2", "uid-2"] },
        taken,
      ]) {
        at = step;
        assert.deepEqual([uids.issuedNow("node-a"), uids.ofPlugin("node-a")], step.expected, step.because);
      }
    });
  }
});
