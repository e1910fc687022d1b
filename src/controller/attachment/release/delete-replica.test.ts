import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ReplicaAction } from "../../../core/attachment/plan-replicas.ts";
import { ok } from "../../../core/failure/result.ts";
import { anAttachment, anObservedVolume, aVolumeWithRecord, aWriter } from "../../../core/testing/objects.ts";
import { withControllerPorts } from "../../testing/a-controller.ts";
import { deleteReplica } from "./delete-replica.ts";

const never = new AbortController().signal;

describe("deleteReplica", () => {
  for (const isUnschedulable of [true, false])
    it(`${isUnschedulable ? "releases" : "keeps"} a replica whose node is ${isUnschedulable ? "still" : "no longer"} unschedulable past the cache`, () =>
      withControllerPorts(async (world) => {
        const volume = aVolumeWithRecord({ writer: aWriter("node-a"), epoch: 1 });
        await world.given("AzVolume", volume);
        await world.given("AzVolumeAttachment", anAttachment("node-b", { spec: { role: "Replica" } }));
        const attachment = world.attachment("node-b");
        assert.ok(attachment !== undefined);
        if (isUnschedulable) world.unschedulable.add("node-b");
        const action: Extract<ReplicaAction, { kind: "DeleteAttachment" }> = {
          kind: "DeleteAttachment",
          attachmentName: attachment.metadata.name,
          because: "its node has been unschedulable for a while",
          onlyWhile: { kind: "Unschedulable", nodeName: "node-b" },
        };
        const observed = anObservedVolume({ volume, attachments: [attachment] });
        const answer = await world.answerOf(deleteReplica(world.ports, observed, action, never));
        assert.deepEqual(answer, ok(isUnschedulable ? {} : { againAfterMs: 1_000 }));
        const left = await world.other.get("AzVolumeAttachment", attachment.metadata.name, never);
        const isKept = left.ok && left.value.metadata.deletionTimestamp === undefined;
        assert.equal(isKept, !isUnschedulable);
      }));
});
