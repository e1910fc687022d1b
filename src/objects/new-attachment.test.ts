import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { diskUri } from "../core/testing/objects.ts";
import { newAttachment } from "./new-attachment.ts";

describe("newAttachment", () => {
  it("is found by volume and by node, and stays until the disk is detached", () => {
    const spec = {
      volumeName: "pvc-1",
      volumeId: diskUri,
      nodeName: "node-a",
      role: "Replica",
      readOnly: false,
      volumeContext: {},
    } as const;
    assert.deepEqual(newAttachment(spec), {
      metadata: {
        name: "pvc-1-node-a-64d4769c182a8f8d48839b00",
        finalizers: ["disk.csi.azure.com/azvolumeattachment"],
        labels: { "disk.csi.azure.com/volume-name": "pvc-1", "disk.csi.azure.com/node-name": "node-a" },
      },
      spec,
    });
  });
});
