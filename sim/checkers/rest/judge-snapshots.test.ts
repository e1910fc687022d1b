import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { snapshotTags } from "../../../src/csi/messages/snapshot-identity.ts";
import type { Snapshot } from "../../../src/emulator/model/disk/snapshot/snapshot.ts";
import type { SimVolumeSnapshot } from "../../kubernetes/sim-cluster.ts";
import { judgeSnapshots } from "./judge-snapshots.ts";

const idOf = (name: string): string =>
  `/subscriptions/s/resourceGroups/rg/providers/Microsoft.Compute/snapshots/${name}`;
const ready: SimVolumeSnapshot = {
  name: "one",
  snapshotHandle: idOf("one"),
  sizeGiB: 4,
  isReady: true,
  isRefused: false,
  isDeleted: false,
};

/** The driver's own tags, also on a person's copy of its snapshot; one lacks them. */
function tagsOf(name: string): Snapshot["tags"] {
  return name === "untagged" ? {} : snapshotTags("cluster-1", { name: "one", sourceUri: "/disks/vol-1" });
}

function complaints(
  present: readonly SimVolumeSnapshot[],
  inAzure: readonly string[],
  broken: readonly string[] = [],
  copyError?: Snapshot["copyError"],
): readonly string[] {
  const snapshots = new Map(
    inAzure.map((name) => [name, { id: idOf(name), name, tags: tagsOf(name), copyError } as Snapshot]),
  );
  return judgeSnapshots({
    cluster: { volumeSnapshots: () => present },
    azure: {
      isOthers: (id) => id === idOf("others"),
      isMadeByHand: (id) => id === idOf("by-hand"),
      model: { world: { snapshots } },
    },
    snapshots: { broken: () => broken },
  }).map(({ invariant, detail }) => `${invariant}: ${detail}`);
}

describe("snapshots at rest", () => {
  it("are ready, or refused for good, and neither others' nor a person's count", () => {
    const refused = { ...ready, name: "two", snapshotHandle: undefined, isReady: false, isRefused: true };
    assert.deepEqual(complaints([ready, refused], ["one", "others", "by-hand"]), []);
  });

  it("are not at rest while one is not ready or being deleted", () => {
    assert.deepEqual(complaints([{ ...ready, isReady: false }], ["one"]), [
      "not-converged: VolumeSnapshot one is not ready",
    ]);
    assert.deepEqual(complaints([{ ...ready, isDeleted: true }], ["one"]), [
      "not-converged: VolumeSnapshot one is still being deleted",
    ]);
  });

  it("are what was answered, and no others are left", () => {
    assert.deepEqual(complaints([ready], ["one", "local_one"], ["one is not in Azure"]), [
      "snapshot-broken: one is not in Azure",
      "leaked: snapshot local_one belongs to no VolumeSnapshot",
    ]);
  });

  it("include a snapshot that the driver created without tags", () => {
    assert.deepEqual(complaints([ready], ["one", "untagged", "by-hand"]), [
      "leaked: snapshot untagged belongs to no VolumeSnapshot",
    ]);
  });

  it("have not lost their source while they were copied", () => {
    const refused = { ...ready, isReady: false, isRefused: true };
    const copyError = { code: "CopySourceNotFound", message: "" };
    assert.deepEqual(complaints([refused], ["one"], [], copyError), [
      "copy-broken: snapshot one lost its source while Azure copied it",
    ]);
    assert.deepEqual(complaints([refused], ["one"], [], { ...copyError, code: "Other" }), []);
  });
});
