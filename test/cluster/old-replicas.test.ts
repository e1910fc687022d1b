import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { agoMs, anAttachment, aReplica, aVolume, nowMs } from "../../src/core/testing/objects.ts";
import { PRUNE_AFTER_MS } from "./driver-lab.ts";
import { oldReplicas } from "./old-replicas.ts";

const withReplicas = aVolume({ spec: { maxMountReplicaCount: 1 } });
const without = aVolume({ spec: { maxMountReplicaCount: 0 } });
const aReplicaOf = (ageMs: number): ReturnType<typeof aReplica> =>
  aReplica("node-b", { metadata: { uid: "uid-b", creationTimestamp: agoMs(ageMs) } });
const primary = anAttachment("node-a");

describe("replicas that are old before a failover", () => {
  for (const { because, volume, attachments, old } of [
    {
      because: "the only replica is old",
      volume: withReplicas,
      attachments: [primary, aReplicaOf(PRUNE_AFTER_MS + 1_000)],
      old: { "node-b": "uid-b" },
    },
    {
      because: "the only replica is young",
      volume: withReplicas,
      attachments: [primary, aReplicaOf(PRUNE_AFTER_MS - 1_000)],
      old: undefined,
    },
    {
      because: "the volume asks for replicas and has none",
      volume: withReplicas,
      attachments: [primary],
      old: undefined,
    },
    { because: "the volume asks for none", volume: without, attachments: [primary], old: {} },
  ])
    it(`are ${old === undefined ? "waited for" : "answered"} where ${because}`, () => {
      const byNode = new Map(attachments.map((attachment) => [attachment.spec.nodeName, attachment]));
      const found = oldReplicas(volume, byNode, nowMs);
      assert.deepEqual(found === undefined ? undefined : Object.fromEntries(found), old);
    });
});
