import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readCachedNode } from "./core-node.ts";

const metadata = { name: "node-a", uid: "uid-1", resourceVersion: "1" };

describe("readCachedNode", () => {
  for (const { because, spec, isUnschedulable } of [
    { because: "nothing says so", spec: {}, isUnschedulable: false },
    { because: "it is cordoned", spec: { unschedulable: true }, isUnschedulable: true },
    {
      because: "the cluster autoscaler removes it",
      spec: { taints: [{ key: "ToBeDeletedByClusterAutoscaler", effect: "NoSchedule" }] },
      isUnschedulable: true,
    },
    {
      because: "Karpenter removes it",
      spec: { taints: [{ key: "karpenter.sh/disrupted", effect: "NoSchedule" }] },
      isUnschedulable: true,
    },
    {
      because: "a taint keeps some pods off",
      spec: { taints: [{ key: "gpu", value: "yes", effect: "NoSchedule" }] },
      isUnschedulable: false,
    },
  ]) {
    it(`${isUnschedulable ? "gives a node no new replica" : "takes a node for schedulable"}: ${because}`, () =>
      assert.equal(readCachedNode({ metadata, spec }).isUnschedulable, isUnschedulable));
  }
});
