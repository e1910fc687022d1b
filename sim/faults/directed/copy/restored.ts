import { findSnapshot } from "../../../../src/emulator/model/world.ts";
import { diceAgain, type FaultVariant, pick } from "../../fault-class.ts";
import { copyNameOf } from "./copy-names.ts";

const SKUS = ["Premium_LRS", "PremiumV2_LRS", "Premium_ZRS"] as const;
/** How long after the request for the copy its snapshot is deleted, in milliseconds. */
const DELETED_AFTER_MS = [300, 1_200, 3_000, 20_000] as const;

/** A user restores a snapshot, requested with it, and deletes it soon. */
export const restoredFromSnapshot: FaultVariant = {
  forMs: [10_000, 60_000],
  isDirected: true,
  begin: ({ act, later }, { volumeName, atMs, dice }) => {
    const [copyName, name] = [copyNameOf(volumeName, atMs), `snapshot-of-${volumeName}-${atMs}`];
    const [skuName, moreGiB] = [pick(SKUS, dice), pick([0, 4], diceAgain(dice, 1))];
    act({ kind: "snapshot", volumeName, name });
    act({ kind: "restore", volumeName, snapshotName: name, copyName, skuName, moreGiB });
    const deleteSnapshot = (): void => act({ kind: "deleteSnapshot", name });
    later(pick(DELETED_AFTER_MS, diceAgain(dice, 2)), deleteSnapshot);
    return deleteSnapshot;
  },
};

const LOOK_MS = 200;

/** A person snapshots the disk in Azure, and a user restores that; then the person deletes it. */
export const snapshotByHand: FaultVariant = {
  forMs: [10_000, 60_000],
  isDirected: true,
  begin: ({ world, create, later }, { volumeName, atMs, dice }) => {
    const { azure, cluster } = world;
    const workload = cluster.workloads().find((other) => other.volumeName === volumeName);
    const diskUri = cluster.diskUriOf(volumeName);
    if (workload === undefined || diskUri === undefined) return () => undefined;
    const group = diskUri.slice(0, diskUri.lastIndexOf("/disks/"));
    const snapshotUri = `${group}/snapshots/by-hand-${volumeName}-${atMs}`;
    azure.snapshotOutside(diskUri, snapshotUri);
    const restore = (): void => {
      const snapshot = findSnapshot(azure.model.world, snapshotUri);
      if (snapshot?.provisioningState !== "Succeeded") return later(LOOK_MS, restore);
      const { staticDisk: _, ...like } = workload;
      create({
        ...like,
        volumeName: copyNameOf(volumeName, atMs),
        sizeGiB: snapshot.sizeGiB + pick([0, 4], dice),
        source: { kind: "foreignSnapshot", snapshotUri },
      });
    };
    later(LOOK_MS, restore);
    return () => azure.deleteDiskOutside(snapshotUri);
  },
};
