import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AzDriverNode, NodeStatus } from "../api/az-driver-node.ts";
import { toTimestamp } from "../primitives/timestamp.ts";
import { aRecord, aVolume, anAttachment, identity, nowMs } from "../testing/objects.ts";
import {
  type CountedObjects,
  countAttachments,
  countNodeConditions,
  countNodes,
  countVolumeConditions,
  countVolumes,
} from "./count-states.ts";

const nothing: CountedObjects = {
  volumes: () => [],
  attachments: () => [],
  nodes: () => [],
  ignoredNodes: () => [],
  isSilent: () => false,
};

function aNode(nodeName: string, status: Partial<NodeStatus> = {}): AzDriverNode {
  return {
    metadata: { ...aVolume().metadata, name: nodeName },
    spec: { nodeName },
    status: {
      lastHeartbeatTime: toTimestamp(nowMs),
      heartbeat: 1,
      readyForVolumeAllocation: true,
      statusMessage: "",
      conditions: [],
      maxVolumes: 8,
      location: "eastus",
      zone: "1",
      busType: "SCSI",
      ...identity(nodeName),
      volumes: [],
      ...status,
    },
  };
}

function aCondition(
  type: string,
  status: "True" | "False",
  reason: string,
): NodeStatus["conditions"][number] {
  return { type, status, reason, message: "", lastTransitionTime: toTimestamp(nowMs) };
}

describe("countVolumeConditions", () => {
  it("counts what is not as it should be, by condition and reason", () => {
    const missing = aCondition("FailoverReady", "False", "ReplicasMissing");
    const waiting = aCondition("WriterWaiting", "True", "WriterSilent");
    const volumes = [
      aVolume({ status: { conditions: [missing, waiting] } }),
      aVolume({ status: { conditions: [missing] } }),
    ];
    assert.deepEqual(countVolumeConditions({ ...nothing, volumes: () => volumes }), [
      { labels: { condition: "FailoverReady", reason: "ReplicasMissing" }, count: 2 },
      { labels: { condition: "WriterWaiting", reason: "WriterSilent" }, count: 1 },
    ]);
  });

  it("counts a copy that Azure fills, and one that it failed to fill, which is False", () => {
    const volumes = [
      aVolume({ status: { conditions: [aCondition("Copying", "True", "BackgroundCopy")] } }),
      aVolume({ status: { conditions: [aCondition("Copying", "False", "CopyFailed")] } }),
    ];
    assert.deepEqual(countVolumeConditions({ ...nothing, volumes: () => volumes }), [
      { labels: { condition: "Copying", reason: "BackgroundCopy" }, count: 1 },
      { labels: { condition: "Copying", reason: "CopyFailed" }, count: 1 },
    ]);
  });

  it("leaves out what is as it should be, and conditions of others", () => {
    const conditions = [
      aCondition("FailoverReady", "True", "ReplicasAttached"),
      aCondition("WriterWaiting", "False", "WriterSilent"),
      aCondition("Unheard", "True", "Of"),
    ];
    const volumes = [aVolume({ status: { conditions } }), { ...aVolume(), status: undefined }];
    assert.deepEqual(countVolumeConditions({ ...nothing, volumes: () => volumes }), []);
  });
});

describe("countVolumes and countAttachments", () => {
  it("count by state, where no status is Pending", () => {
    const volumes = [aVolume(), aVolume(), { ...aVolume(), status: undefined }];
    assert.deepEqual(countVolumes({ ...nothing, volumes: () => volumes }), [
      { labels: { state: "Created" }, count: 2 },
      { labels: { state: "Pending" }, count: 1 },
    ]);
    const attachments = [
      anAttachment("node-a"),
      anAttachment("node-b", { spec: { role: "Replica" } }),
      { ...anAttachment("node-c", { spec: { role: "Replica" } }), status: undefined },
    ];
    assert.deepEqual(countAttachments({ ...nothing, attachments: () => attachments }), [
      { labels: { role: "Primary", state: "Attached" }, count: 1 },
      { labels: { role: "Replica", state: "Attached" }, count: 1 },
      { labels: { role: "Replica", state: "Pending" }, count: 1 },
    ]);
  });
});

describe("countNodes", () => {
  it("counts a node once by its heartbeats, and again in quarantine or ignored", () => {
    const nodes = [
      aNode("node-a"),
      aNode("node-b"),
      aNode("node-c", { readyForVolumeAllocation: false }),
      aNode("node-d"),
      { ...aNode("node-e"), status: undefined },
    ];
    const fenced = aVolume({ status: { record: aRecord({ quarantined: [identity("node-b")] }) } });
    const counted = countNodes({
      nodes: () => nodes,
      // In quarantine for two volumes.
      volumes: () => [fenced, fenced, aVolume()],
      attachments: () => [],
      ignoredNodes: () => nodes.slice(0, 1),
      isSilent: ({ spec }) => spec.nodeName === "node-d",
    });
    assert.deepEqual(Object.fromEntries(counted.map(({ labels, count }) => [labels.state, count])), {
      ready: 2,
      "not-ready": 2,
      silent: 1,
      quarantine: 1,
      ignored: 1,
    });
  });
});

describe("countNodeConditions", () => {
  it("counts the driver's own, whatever reasons a node's token writes", () => {
    const nodes = [
      aNode("node-a", { conditions: [aCondition("StoreRolledBack", "True", "Incarnation7")] }),
      aNode("node-b", {
        conditions: [aCondition("StoreRolledBack", "True", "x"), aCondition("Mine", "True", "x")],
      }),
      aNode("node-c", { conditions: [aCondition("ReclaimDisputed", "False", "x")] }),
    ];
    assert.deepEqual(countNodeConditions({ ...nothing, nodes: () => nodes }), [
      { labels: { condition: "StoreRolledBack" }, count: 2 },
    ]);
  });
});
