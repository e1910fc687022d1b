import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { countMove } from "./count-move.ts";

/** A pod waits for the round trips; each call costs processor time, here and in the API server. */
describe("a volume that moves to a node with a replica", () => {
  it("takes these calls of the object store, and so many one after another", async () => {
    const { unpublish, publish } = await countMove();
    assert.deepEqual(unpublish, {
      calls: [
        "get AzVolume: find-or-adopt",
        "update AzVolumeAttachment: controller-unpublish-volume",
        "updateStatus AzVolume: withdraw-from-record",
        "get AzVolume: execute-writer-action",
        "updateStatus AzVolume: execute-writer-action",
        "updateStatus AzVolumeAttachment: attachment-reconciler",
        "get Lease: startup-grace-period",
      ],
      roundTrips: 6,
    });
    assert.deepEqual(publish, {
      calls: [
        "get AzVolume: find-or-adopt",
        "get AzDriverNode: controller-publish-volume",
        "update AzVolumeAttachment: controller-publish-volume",
        "get AzVolumeAttachment: execute-writer-action",
        "get AzVolume: execute-writer-action",
        "get Lease: execute-writer-action",
        "updateStatus AzVolume: execute-writer-action",
        "updateStatus AzVolumeAttachment: attachment-reconciler",
      ],
      roundTrips: 6,
    });
  });
});
