import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { isBeingDrained, type NodeTaint, withoutStartUpTaint } from "./node-taints.ts";

const other: NodeTaint = { key: "workload", value: "database", effect: "NoSchedule" };

describe("withoutStartUpTaint", () => {
  it("removes only the driver's start-up taint, with each of its effects", () => {
    const taints = ["NoSchedule", "NoExecute"].map((effect) => ({
      key: "disk.csi.azure.com/agent-not-ready",
      effect,
    }));
    assert.deepEqual(withoutStartUpTaint([other, ...taints], "disk.csi.azure.com"), [other]);
  });

  it("asks for no write without this driver's start-up taint", () => {
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
    it(`treats ${key} as the end of the node's workloads`, () =>
      assert.equal(isBeingDrained([other, { key }]), true));
  }

  it("does not treat a taint that only keeps pods away as a drain", () => {
    assert.equal(
      isBeingDrained([other, { key: "node.kubernetes.io/not-ready", effect: "NoExecute" }]),
      false,
    );
  });
});
