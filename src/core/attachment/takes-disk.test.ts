import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AzVolumeAttachment } from "../api/az-volume-attachment.ts";
import { agoMs, anAttachment, diskUri } from "../testing/objects.ts";
import { takesDisk } from "./takes-disk.ts";

const since = agoMs(1_000);
const own = (changes: Parameters<typeof anAttachment>[1]): AzVolumeAttachment =>
  anAttachment("node-a", changes);
const other = ({
  spec,
  ...changes
}: NonNullable<Parameters<typeof anAttachment>[1]> = {}): AzVolumeAttachment =>
  anAttachment("node-a", { ...changes, spec: { volumeName: "pvc-2", volumeId: `${diskUri}-2`, ...spec } });
const { writerRequest: _, ...unrequested } = other().spec;
const withdrawn = { ...other(), spec: unrequested };

describe("takesDisk", () => {
  const rows: readonly {
    readonly because: string;
    readonly attachments: readonly AzVolumeAttachment[];
    readonly volumesMax?: number;
    readonly takes: boolean;
  }[] = [
    { because: "nothing is there", attachments: [], takes: true },
    { because: "it takes no disks at all", attachments: [], volumesMax: 0, takes: false },
    { because: "another disk stays in its one slot", attachments: [other()], takes: false },
    {
      because: "another disk is about to be attached to its one slot",
      attachments: [other({ status: { state: "AttachmentFailed" } })],
      takes: false,
    },
    { because: "two slots are there", attachments: [other()], volumesMax: 2, takes: true },
    { because: "a replica makes room", attachments: [other({ spec: { role: "Replica" } })], takes: true },
    {
      because: "another disk's request is withdrawn, before its unpublish",
      attachments: [withdrawn],
      takes: true,
    },
    {
      because: "another disk's attachment is being deleted",
      attachments: [other({ metadata: { deletionTimestamp: since } })],
      takes: true,
    },
    {
      because: "the disk is there as a replica",
      attachments: [other(), own({ spec: { role: "Replica" } })],
      takes: true,
    },
    {
      because: "the disk is to become a replica, and has no slot yet",
      attachments: [other(), own({ spec: { role: "Replica" }, status: { state: "Pending" } })],
      takes: false,
    },
    {
      because: "its request stands already",
      attachments: [other(), own({ status: { state: "AttachmentFailed" } })],
      takes: true,
    },
  ];
  for (const { because, attachments, volumesMax = 1, takes } of rows)
    it(`${takes ? "takes" : "refuses"} a disk where ${because}`, () =>
      assert.equal(takesDisk(diskUri, { attachments, volumesMax }), takes));
});
