import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { anAttachment, diskUri, identity } from "../testing/objects.ts";
import { misplacedAttachments } from "./misplaced-attachments.ts";

const { vmId } = identity("node-a");
const place = { state: "Attached", vmId, lun: 3 } as const;

function misplaced(
  dataDisks: Parameters<typeof misplacedAttachments>[1]["dataDisks"],
  status: Parameters<typeof anAttachment>[1] = { status: place },
): number {
  return misplacedAttachments([anAttachment("node-a", status)], { vmId, dataDisks }).length;
}

describe("the attachments of a VM that does not list their disk where they say", () => {
  it("are those of another LUN, and those of a disk that is not listed", () => {
    assert.equal(misplaced([{ diskUri, lun: 0 }]), 1);
    assert.equal(misplaced([{ diskUri: `${diskUri}-of-others`, lun: 3 }]), 1);
    assert.equal(misplaced([]), 1);
  });

  it("are none whose disk is listed there, in any case", () =>
    assert.equal(misplaced([{ diskUri: diskUri.toUpperCase(), lun: 3 }]), 0));

  it("are none that another VM of that name has, or that say nothing certain", () => {
    for (const status of [
      { ...place, vmId: identity("node-b").vmId },
      { ...place, deviceMissing: true },
      { ...place, state: "Attaching" as const },
      { ...place, state: "Detaching" as const },
      { ...place, state: "Pending" as const },
    ])
      assert.equal(misplaced([], { status }), 0, JSON.stringify(status));
  });
});
