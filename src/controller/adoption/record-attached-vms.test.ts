import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  aReplica,
  aVolume,
  aVolumeWithRecord,
  aWriter,
  diskUri,
  identity,
} from "../../core/testing/objects.ts";
import { must } from "../../core/testing/value-of.ts";
import { withControllerPorts } from "../testing/a-controller.ts";
import { recordAttachedVms } from "./record-attached-vms.ts";

const never = new AbortController().signal;
const shared = aVolume({
  spec: { capabilities: [{ accessMode: "MULTI_NODE_MULTI_WRITER", accessType: "block" }] },
  status: { record: undefined },
});

describe("recordAttachedVms", () => {
  for (const { title, volume } of [
    { title: "one node writes", volume: aVolumeWithRecord({ writer: aWriter("node-a") }) },
    { title: "several nodes write", volume: shared },
  ])
    // A shared volume's attachment would be marked as one whose detach is under way.
    it(`keeps an attachment whose vmId differs in its case alone where ${title}`, () =>
      withControllerPorts(async (world) => {
        const node = identity("node-a");
        await world.given("AzVolume", volume);
        const { vmId, instanceUri } = node;
        const status = { state: "Attached", lun: 2, vmId: vmId.toUpperCase(), instanceUri } as const;
        await world.given("AzVolumeAttachment", aReplica("node-a", { status }));
        const present = world.attachment("node-a")?.status;
        const before = world.commits.length;
        const found = { node, lun: 2, beingDetached: false };
        await world.answerOf(must(recordAttachedVms(world.ports, volume, diskUri, [found], never)));
        assert.deepEqual([world.attachment("node-a")?.status, world.commits.length], [present, before]);
      }));
});
