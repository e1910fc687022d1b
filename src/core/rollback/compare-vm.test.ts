import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AzVolume } from "../api/az-volume.ts";
import { resourceUriKey } from "../azure/ids/disk-uri.ts";
import { anAttachment, aVolumeWithRecord, diskUri, identity } from "../testing/objects.ts";
import { type KnownOnNode, misplacedAttachments, unnamedEntries } from "./compare-vm.ts";

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

const entry = { diskUri, beingDetached: false };
const volume = aVolumeWithRecord({ storeIncarnation: 2 });

function found(entries: readonly (typeof entry)[], known: Partial<KnownOnNode> = {}): readonly AzVolume[] {
  return look(entries, known).found;
}

function look(
  entries: readonly (typeof entry)[],
  known: Partial<KnownOnNode>,
): ReturnType<typeof unnamedEntries> {
  return unnamedEntries(entries, {
    volumesOf: (key) => (key === resourceUriKey(diskUri) ? [volume] : []),
    attachments: [],
    incarnation: 2,
    ...known,
  });
}

describe("the entries of a VM that no attachment names", () => {
  it("are those of disks of known volumes, in any case", () => {
    assert.deepEqual(found([entry]), [volume]);
    assert.deepEqual(found([{ ...entry, diskUri: diskUri.toUpperCase() }]), [volume]);
    assert.deepEqual(found([{ ...entry, diskUri: `${diskUri}-of-others` }]), []);
  });

  it("are none that an attachment of the node names, whatever its state", () => {
    for (const state of ["Attached", "Attaching", "AttachmentFailed", "Pending"] as const)
      assert.deepEqual(found([entry], { attachments: [anAttachment("node-a", { status: { state } })] }), []);
  });

  it("are none that are being detached", () =>
    assert.deepEqual(found([{ ...entry, beingDetached: true }]), []));

  it("are looked at again where a volume's record is still to be rebuilt", () =>
    assert.deepEqual(look([entry], { incarnation: 3 }), { found: [], rebuilding: [volume] }));

  it("are none of volumes that are being deleted, or have no record", () => {
    const deleted = {
      ...volume,
      metadata: { ...volume.metadata, deletionTimestamp: "2026-01-01T00:00:00Z" },
    };
    assert.deepEqual(found([entry], { volumesOf: () => [deleted] }), []);
    const { record: _, ...status } = volume.status ?? {};
    const without = { volumesOf: () => [{ ...volume, status } as AzVolume] };
    // No rebuild is awaited of a volume that has no record: it is being made, or adopted.
    assert.deepEqual(look([entry], without), { found: [], rebuilding: [] });
  });
});
