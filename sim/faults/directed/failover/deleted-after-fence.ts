import { diceAgain, type FaultVariant, pick } from "../../fault-class.ts";
import { erase } from "../../objects/delete-by-hand.ts";
import { lostAfterFence } from "./lost-after-fence.ts";

/** How long the mount command lives, in milliseconds: until disks of other volumes have come to the node. */
const MOUNTS_FOR_MS = 90_000;
/**
 * From the fence until a person deletes the AzVolume, in milliseconds: before the disk's tags are written.
 */
const DELETED_AFTER_MS = [300, 2_000, 8_000] as const;
/** Azure's response to a write of the disk until the fault ends. 0: it carries it out. */
const ANSWERS = [0, 403, 503] as const;

/**
 * A node is fenced with a mount command under way, and a person deletes the volume's AzVolume, while Azure
 * may refuse to write the disk's tags. Once the AzVolume is rebuilt the node returns, and other volumes'
 * disks come to it.
 */
export const deletedAfterFence: FaultVariant = {
  forMs: [85_000, 95_000],
  isDirected: true,
  begin: lostAfterFence({
    mountsForMs: MOUNTS_FOR_MS,
    lose: ({ world, later }, { volumeName, dice }, azVolumeName) => {
      const { faults } = world.azure.model;
      const resource = world.cluster.diskUriOf(volumeName) ?? "*/no-disk-yet";
      const status = pick(ANSWERS, diceAgain(dice, 1));
      const refusal =
        status === 0
          ? undefined
          : faults.add({
              operation: "Disks_Update",
              resource,
              effect: { kind: "Error", status, code: "Refused" },
            });
      later(pick(DELETED_AFTER_MS, diceAgain(dice, 2)), () => erase(world, "AzVolume", azVolumeName, false));
      return () => {
        if (refusal !== undefined) faults.remove(refusal.id);
      };
    },
  }),
};
