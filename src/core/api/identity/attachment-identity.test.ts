import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { aDetail, anAttachment, aVolume, diskUri } from "../../testing/objects.ts";
import type { AzVolumeAttachment } from "../az-volume-attachment.ts";
import { attachmentProblem } from "./attachment-identity.ts";

const otherDisk = diskUri.replace("pvc-1", "backup-of-another-cluster");

describe("attachmentProblem", () => {
  const attachment = anAttachment("node-a");
  const renamed: AzVolumeAttachment = {
    ...attachment,
    metadata: { ...attachment.metadata, name: anAttachment("node-b").metadata.name },
  };
  const otherDiskId: AzVolumeAttachment = {
    ...attachment,
    spec: { ...attachment.spec, volumeId: otherDisk },
  };

  const rows = [
    { because: "name, node, volume and disk agree", attachment, volume: aVolume(), isIgnored: false },
    {
      because: "Azure compares resource ids without case",
      attachment,
      volume: aVolume({ status: { detail: aDetail({ diskUri: diskUri.toUpperCase() }) } }),
      isIgnored: false,
    },
    {
      because: "without its AzVolume only the name is checked",
      attachment,
      volume: undefined,
      isIgnored: false,
    },
    {
      because: "the name is that of another node's attachment",
      attachment: renamed,
      volume: aVolume(),
      isIgnored: true,
    },
    {
      because: "the name is wrong, also without an AzVolume",
      attachment: renamed,
      volume: undefined,
      isIgnored: true,
    },
    {
      because: "the name is that of another disk",
      attachment: otherDiskId,
      volume: aVolume(),
      isIgnored: true,
    },
    {
      because: "the disk is not the volume's",
      attachment,
      volume: aVolume({ status: { detail: aDetail({ diskUri: otherDisk }) } }),
      isIgnored: true,
    },
  ];
  for (const { because, volume, isIgnored, ...row } of rows)
    it(`${isIgnored ? "reports a problem" : "accepts the object"}: ${because}`, () =>
      assert.equal(attachmentProblem(row.attachment, volume) !== undefined, isIgnored));
});
