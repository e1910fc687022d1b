import { parseDiskUri } from "../../../../src/core/azure/ids/disk-uri.ts";
import { diceAgain, type FaultVariant, overAtOnce, pick } from "../../fault-class.ts";
import { erase, eraseLease } from "../../objects/delete-by-hand.ts";
import { volumeObjectOf } from "../../objects/volume-object.ts";

/** From the first read that misses the disk until what a person does then, in milliseconds. */
const MISSED_FOR_MS = [1_000, 5_000, 15_000] as const;

/**
 * Each read of the volume's disk by its id is answered 404, as Azure does when the resource group's own index
 * and the disk service disagree. VMs list the disk, and it writes. In that time a person deletes the AzVolume
 * or the Lease, puts a backup back, or does nothing.
 */
export const diskNotFound: FaultVariant = {
  forMs: [30_000, 90_000],
  isDirected: true,
  begin: ({ world, later }, { volumeName, dice }) => {
    const { faults } = world.azure.model;
    const backup = world.store.snapshot();
    const diskUri = world.cluster.diskUriOf(volumeName);
    if (diskUri === undefined) return overAtOnce;
    const { id } = faults.add({
      operation: "Disks_Get",
      resource: diskUri,
      effect: {
        kind: "Error",
        status: 404,
        code: "ResourceNotFound",
        message:
          `The Resource 'Microsoft.Compute/disks/${parseDiskUri(diskUri)?.diskName ?? ""}' under resource ` +
          `group '${world.azure.place.resourceGroup}' was not found.`,
      },
    });
    const acts = [
      () => undefined,
      () => eraseLease(world),
      () => {
        const name = volumeObjectOf(world, volumeName);
        if (name !== undefined) erase(world, "AzVolume", name, false);
      },
      () => world.store.restore(backup),
    ];
    later(pick(MISSED_FOR_MS, diceAgain(dice, 1)), pick(acts, dice));
    return () => void faults.remove(id);
  },
};
