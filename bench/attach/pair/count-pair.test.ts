import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { countPair } from "./count-pair.ts";

/** Each call costs a round trip, and the store's processor time as well as the controller's. */
describe("a volume that is created, published and unpublished", () => {
  it("takes these calls of the object store and passes, each for a reason of its own", async () => {
    const { creation, publish, unpublish } = await countPair();
    assert.deepEqual(creation, {
      calls: [
        "create AzVolume: create-volume",
        "get AzVolume: disk-reconciler",
        "updateStatus AzVolume: disk-reconciler",
        "get Lease: disk-reconciler",
        "get AzVolume: disk-status",
        "updateStatus AzVolume: disk-reconciler",
      ],
      passes: ["disk", "disk", "tags", "tags", "tags", "volume", "volume", "volume"],
    });
    assert.deepEqual(publish, {
      calls: [
        "get AzVolume: find-or-adopt",
        "get AzDriverNode: controller-publish-volume",
        "create AzVolumeAttachment: controller-publish-volume",
        "updateStatus AzVolumeAttachment: attach",
        "get AzVolumeAttachment: execute-writer-action",
        "get AzVolume: execute-writer-action",
        "get Lease: execute-writer-action",
        "updateStatus AzVolume: execute-writer-action",
        "get AzVolume: may-attach-now",
        "list AzVolumeAttachment: may-attach-now",
        "list AzVolume: may-attach-now",
        "get Lease: may-attach-now",
        "updateStatus AzVolumeAttachment: attach",
      ],
      passes: ["attachment", "attachment", "disk", "tags", "volume", "volume", "volume"],
    });
    assert.deepEqual(unpublish, {
      calls: [
        "get AzVolume: find-or-adopt",
        "update AzVolumeAttachment: controller-unpublish-volume",
        "updateStatus AzVolume: withdraw-from-record",
        "get AzVolume: execute-writer-action",
        "delete AzVolumeAttachment: controller-unpublish-volume",
        "updateStatus AzVolume: execute-writer-action",
        "get Lease: startup-grace-period",
        "updateStatus AzVolumeAttachment: detach",
        "get AzVolume: detach",
        "get Lease: detach",
        "update AzVolumeAttachment: attachment-object",
        "get AzVolume: wait-until-released",
      ],
      passes: [
        ...["attachment", "attachment", "attachment", "attachment", "attachment", "disk", "disk"],
        ...["placement", "tags", "tags", "volume", "volume", "volume", "volume"],
      ],
    });
  });
});
