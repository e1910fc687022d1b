import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ArmSnapshot } from "../arm/arm-api.ts";
import { snapshotFactsOf } from "./snapshot-facts.ts";

const COMPUTE = "/subscriptions/sub-1/resourceGroups/rg-1/providers/Microsoft.Compute";

function aSnapshot(changes: Partial<ArmSnapshot>): ArmSnapshot {
  return {
    id: `${COMPUTE}/snapshots/snap-1`,
    name: "snap-1",
    location: "westus",
    tags: {},
    diskSizeGB: 64,
    diskSizeBytes: undefined,
    incremental: true,
    sourceId: `${COMPUTE}/disks/pvc-1`,
    timeCreated: "2026-01-01T00:00:00Z",
    provisioningState: "Succeeded",
    completionPercent: undefined,
    accessState: undefined,
    logicalSectorSize: undefined,
    copyError: undefined,
    ...changes,
  };
}

describe("a snapshot can be restored", () => {
  const ofSnapshot = { sourceId: `${COMPUTE}/snapshots/local` };
  const rows: readonly {
    readonly because: string;
    readonly snapshot: Partial<ArmSnapshot>;
    readonly isRestorable: boolean;
  }[] = [
    { because: "at once where nothing is copied", snapshot: {}, isRestorable: true },
    { because: "not while its copy runs", snapshot: { completionPercent: 99 }, isRestorable: false },
    {
      because: "not before a copy from another region shows any progress: its source is still needed",
      snapshot: ofSnapshot,
      isRestorable: false,
    },
    {
      because: "once that copy is complete",
      snapshot: { ...ofSnapshot, completionPercent: 100 },
      isRestorable: true,
    },
    { because: "not if its copy failed", snapshot: { copyError: "CopyFailed: no" }, isRestorable: false },
  ];
  for (const { because, snapshot, isRestorable } of rows)
    it(because, () => assert.equal(snapshotFactsOf(aSnapshot(snapshot)).isRestorable, isRestorable));
});

describe("a snapshot is restored to a disk", () => {
  for (const { because, diskSizeBytes, sizeGiB } of [
    { because: "of the size that it shows", diskSizeBytes: undefined, sizeGiB: 64 },
    { because: "of no more where its bytes are those", diskSizeBytes: 64 * 1024 ** 3, sizeGiB: 64 },
    { because: "of the next GiB where it has more bytes", diskSizeBytes: 64.25 * 1024 ** 3, sizeGiB: 65 },
  ])
    it(because, () => {
      const facts = snapshotFactsOf(aSnapshot({ diskSizeBytes }));
      assert.deepEqual([facts.sizeGiB, facts.shownGiB], [sizeGiB, sizeGiB > 64 ? 64 : undefined]);
    });
});

describe("a snapshot's content is fixed", () => {
  const fromRegion = { sourceId: `${COMPUTE}/snapshots/local`, provisioningState: "Failed" };
  for (const { because, snapshot, isTaken } of [
    {
      because: "not where its copy from another region failed half-way",
      snapshot: { completionPercent: 50 },
      isTaken: false,
    },
    { because: "not where that copy failed before it began", snapshot: {}, isTaken: false },
    {
      because: "where that copy is complete, and a later change failed",
      snapshot: { completionPercent: 100 },
      isTaken: true,
    },
    {
      because: "while the snapshot of a disk is copied, also if a later change fails",
      snapshot: { sourceId: `${COMPUTE}/disks/pvc-1`, completionPercent: 50 },
      isTaken: true,
    },
  ])
    it(because, () =>
      assert.equal(snapshotFactsOf(aSnapshot({ ...fromRegion, ...snapshot })).isTaken, isTaken),
    );
});

describe("a snapshot is being copied", () => {
  for (const { because, snapshot, isBeingCopied } of [
    {
      because: "where Azure reports that a part is",
      snapshot: { completionPercent: 0 },
      isBeingCopied: true,
    },
    {
      because: "also with instant access",
      snapshot: { completionPercent: 99, accessState: "InstantAccess" },
      isBeingCopied: true,
    },
    { because: "not once all is", snapshot: { completionPercent: 100 }, isBeingCopied: false },
    { because: "not where nothing has to be", snapshot: {}, isBeingCopied: false },
    {
      because: "not where it has failed",
      snapshot: { completionPercent: 40, provisioningState: "Failed" },
      isBeingCopied: false,
    },
    {
      because: "not where its copy has failed",
      snapshot: { completionPercent: 40, copyError: "CopyFailed: no" },
      isBeingCopied: false,
    },
  ])
    it(because, () => assert.equal(snapshotFactsOf(aSnapshot(snapshot)).isBeingCopied, isBeingCopied));
});
