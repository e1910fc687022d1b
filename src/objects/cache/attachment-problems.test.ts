import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AzVolumeAttachment } from "../../core/api/az-volume-attachment.ts";
import type { AzVolume } from "../../core/api/az-volume.ts";
import { aDetail, anAttachment, aVolume, diskUri } from "../../core/testing/objects.ts";
import { attachmentProblems } from "./attachment-problems.ts";

/** An attachment, and how often its name was compared. */
function watched(): { readonly attachment: AzVolumeAttachment; readonly compared: () => number } {
  const attachment = anAttachment("node-a");
  let compared = 0;
  const metadata = {
    ...attachment.metadata,
    get name() {
      compared += 1;
      return attachment.metadata.name;
    },
  };
  return { attachment: { ...attachment, metadata }, compared: () => compared };
}

describe("attachmentProblems", () => {
  it("judges an attachment once while only its volume's status changes", () => {
    const { attachment, compared } = watched();
    let volume: AzVolume | undefined;
    const problemOf = attachmentProblems(() => volume);
    for (const sizeGiB of [8, 16, 32]) {
      volume = aVolume({ status: { detail: aDetail({ sizeGiB }) } });
      assert.equal(problemOf(attachment), undefined);
    }
    assert.equal(compared(), 1);
  });

  it("judges it again once its volume has another disk, or is gone", () => {
    const { attachment, compared } = watched();
    let volume: AzVolume | undefined = aVolume();
    const problemOf = attachmentProblems(() => volume);
    assert.equal(problemOf(attachment), undefined);
    const otherDisk = diskUri.replace("pvc-1", "backup-of-another-cluster");
    volume = aVolume({ status: { detail: aDetail({ diskUri: otherDisk }) } });
    assert.match(problemOf(attachment) ?? "", /but the disk of AzVolume pvc-1 is .*backup-of/u);
    volume = undefined;
    assert.equal(problemOf(attachment), undefined);
    assert.equal(compared(), 3);
  });
});
