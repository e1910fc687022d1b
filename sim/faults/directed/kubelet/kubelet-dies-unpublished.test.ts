import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { FaultContext } from "../../fault-class.ts";
import { kubeletDiesUnpublished } from "./kubelet-dies-unpublished.ts";

const diskUri = "/subscriptions/sub-1/resourceGroups/rg/providers/Microsoft.Compute/disks/pvc-1";
/** By it the kubelet stays away until the fault is over. */
const STAYS_AWAY = 0;

/** A pod of vol-1 on node-a, and what the fault has made of its kubelet. */
function aPodOnNodeA(): {
  readonly context: FaultContext;
  readonly unmount: () => void;
  /** Does what the fault has asked for. */
  readonly wait: () => void;
  readonly isKubeletRunning: () => boolean;
} {
  let isRunning = true;
  const due: (() => void)[] = [];
  const listeners: ((event: object) => void)[] = [];
  const pod = { volumeName: "vol-1", nodeName: "node-a", phase: "Running", isDeleted: false };
  const cluster = {
    pods: () => [pod],
    diskUriOf: () => diskUri,
    deletePod: () => undefined,
    setUnschedulable: () => undefined,
    setKubeletRunning: (_nodeName: string, running: boolean) => {
      isRunning = running;
    },
  };
  const azure = { onDiskEvent: (listener: (event: object) => void) => listeners.push(listener) };
  return {
    // The fault asks for nothing else.
    context: {
      world: { azure, cluster },
      nodeNames: ["node-a"],
      later: (_ms: number, act: () => void) => due.push(act),
    } as unknown as FaultContext,
    unmount: () => {
      for (const listener of listeners)
        listener({ kind: "unmounted", machine: { nodeName: "node-a" }, diskUri });
    },
    wait: () => {
      for (const act of due.splice(0)) act();
    },
    isKubeletRunning: () => isRunning,
  };
}

describe("a kubelet that dies between unpublish and unstage", () => {
  for (const { because, acts, expected } of [
    { because: "is away until then", acts: ["unmount", "wait"], expected: [false, true] },
    { because: "does not die of an unmount at its very end", acts: ["unmount"], expected: [true, true] },
    { because: "does not die of a later one", acts: [], expected: [true, true] },
  ] as const)
    it(`runs once the fault is over: ${because}`, () => {
      const node = aPodOnNodeA();
      const end = kubeletDiesUnpublished.begin(node.context, {
        ...{ atMs: 0, forMs: 1, fault: "nodes", variant: "kubelet-dies-unpublished" },
        ...{ nodeName: "node-a", volumeName: "vol-1", dice: STAYS_AWAY },
      });
      for (const act of acts) node[act]();
      assert.equal(node.isKubeletRunning(), expected[0]);
      end();
      node.unmount();
      node.wait();
      assert.equal(node.isKubeletRunning(), expected[1]);
    });
});
