import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type CopiedDisk, isUnfinishedCopy, whyUnfinished } from "./unfinished-copy.ts";

const diskUri = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/disks/pvc-1";
const sourceUri = diskUri.replace("pvc-1", "source");
const complete: CopiedDisk = {
  diskUri,
  diskName: "pvc-1",
  state: "Succeeded",
  sourceUri,
  attachedTo: [],
  tags: {},
};
const formatted = { "disk.csi.azure.com-formatted": "1|ext4|u-1|2026-01-01T00:00:00Z|node-a" };

describe("whyUnfinished", () => {
  const rows: readonly {
    readonly because: string;
    readonly disk: Partial<CopiedDisk>;
    readonly why: ReturnType<typeof whyUnfinished>;
  }[] = [
    { because: "a complete copy", disk: {}, why: undefined },
    { because: "a copy in the background", disk: { completionPercent: 7 }, why: undefined },
    {
      because: "a creation under way",
      disk: { state: "Creating" },
      why: { kind: "DiskBeingCopied", diskUri, percent: 0 },
    },
    {
      because: "a copy that failed half-way",
      disk: { state: "Failed", completionPercent: 50 },
      why: { kind: "DiskCopyFailed", diskUri, sourceUri, state: "Failed" },
    },
    {
      because: "tags of the disk that it was copied from",
      disk: { state: "Failed", tags: { ...formatted, "disk.csi.azure.com-state-of": "source" } },
      why: { kind: "DiskCopyFailed", diskUri, sourceUri, state: "Failed" },
    },
    { because: "a use that its tags keep", disk: { state: "Failed", tags: formatted }, why: undefined },
    { because: "a VM that has it", disk: { completionPercent: 7, attachedTo: ["vm"] }, why: undefined },
    { because: "a disk that is no copy", disk: { state: "Failed", sourceUri: undefined }, why: undefined },
  ];
  for (const { because, disk, why } of rows)
    it(`${why === undefined ? "finds nothing amiss" : "holds a disk back"} with ${because}`, () => {
      assert.deepEqual(whyUnfinished({ ...complete, ...disk }), why);
      assert.equal(isUnfinishedCopy(why?.kind), why !== undefined);
    });
});
