import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Claim, PersistentVolume, VolumeSnapshot } from "../api/api-objects.ts";
import { createApiServer } from "../api/api-server.ts";
import type { SimSource } from "../sim-cluster.ts";
import { workload } from "../testing/a-cluster.ts";
import { contentSourceOf } from "./content-source.ts";

const claim: Claim = {
  name: "source",
  uid: "1",
  workload,
  sizeGiB: 8,
  capacityGiB: 8,
  volumeClass: undefined,
  selectedNode: undefined,
  isBound: true,
  isDeleted: false,
};
const volume: PersistentVolume = {
  name: "source",
  uid: "2",
  volumeId: "/disks/source",
  claimUid: "1",
  workload,
  volumeContext: {},
  sizeGiB: 8,
  volumeClass: undefined,
  zones: undefined,
  isKeptByAttacher: false,
  isDeleted: false,
};
const snapshot: VolumeSnapshot = {
  name: "taken",
  sourceVolumeId: "/disks/source",
  location: undefined,
  freezeSeconds: undefined,
  instantAccessMinutes: undefined,
  snapshotHandle: "/snapshots/taken",
  sizeGiB: 8,
  isReady: true,
  isBeingCreated: false,
  isRefused: false,
  isDeleted: false,
};

/** The source of a claim of 8 GiB, or of another size, beside these objects; its URI. */
function found(
  source: SimSource,
  changes: {
    readonly claim?: Partial<Claim>;
    readonly snapshot?: Partial<VolumeSnapshot>;
    readonly sizeGiB?: number;
  } = {},
): string | undefined {
  const api = createApiServer();
  api.put("Claim", { ...claim, ...changes.claim });
  api.put("PersistentVolume", volume);
  api.put("VolumeSnapshot", { ...snapshot, ...changes.snapshot });
  const { sizeGiB = 8 } = changes;
  const { type } =
    contentSourceOf(api, { ...claim, name: "copy", sizeGiB, workload: { ...workload, source } }) ?? {};
  return type?.$case === "snapshot" ? type.value.snapshotId : type?.value.volumeId;
}

describe("the source of a claim", () => {
  const clone = { kind: "volume", volumeName: "source" } as const;
  const restore = { kind: "VolumeSnapshot", name: "taken" } as const;

  it("is what the claim names: a volume, a snapshot, or one that a person has made", () => {
    const foreign = { kind: "foreignSnapshot", snapshotUri: "/snapshots/by-hand" } as const;
    assert.deepEqual(
      [found(clone), found(restore), found(foreign)],
      ["/disks/source", "/snapshots/taken", "/snapshots/by-hand"],
    );
  });

  it("is missing before it is ready, while it is deleted, and where it is larger", () => {
    assert.deepEqual(
      [
        found({ kind: "volume", volumeName: "none" }),
        found(clone, { claim: { isBound: false } }),
        found(clone, { claim: { isDeleted: true } }),
        found(clone, { sizeGiB: 4 }),
        found({ kind: "VolumeSnapshot", name: "none" }),
        found(restore, { snapshot: { isReady: false } }),
        found(restore, { snapshot: { isDeleted: true } }),
        found(restore, { sizeGiB: 4 }),
      ],
      Array.from({ length: 8 }, () => undefined),
    );
  });
});
