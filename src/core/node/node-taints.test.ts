import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { isBeingDrained, type NodeTaint, withoutStartUpTaint } from "./node-taints.ts";

const other: NodeTaint = { key: "workload", value: "database", effect: "NoSchedule" };

describe("withoutStartUpTaint", () => {
  it("takes the driver's start-up taint away in each of its effects, and nothing else", () => {
    const taints = ["NoSchedule", "NoExecute"].map((effect) => ({
      key: "disk.csi.azure.com/agent-not-ready",
      effect,
    }));
    assert.deepEqual(withoutStartUpTaint([other, ...taints], "disk.csi.azure.com"), [other]);
  });

  it("asks for no write where the taint is not there, or is that of a driver of another name", () => {
    assert.equal(withoutStartUpTaint([other], "disk.csi.azure.com"), undefined);
    assert.equal(
      withoutStartUpTaint([{ key: "disk.csi.azure.com/agent-not-ready" }], "other.disk.csi.azure.com"),
      undefined,
    );
  });
});

describe("isBeingDrained", () => {
  for (const key of [
    "node.kubernetes.io/unschedulable",
    "ToBeDeletedByClusterAutoscaler",
    "karpenter.sh/disrupted",
    "karpenter.sh/disruption",
  ]) {
    it(`sees that ${key} announces the end of the node's workloads`, () =>
      assert.equal(isBeingDrained([other, { key }]), true));
  }

  it("does not take a taint that only keeps pods away for a drain", () => {
    assert.equal(
      isBeingDrained([other, { key: "node.kubernetes.io/not-ready", effect: "NoExecute" }]),
      false,
    );
  });
});
