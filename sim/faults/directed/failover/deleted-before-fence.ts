import { isSameResourceUri } from "../../../../src/core/azure/ids/disk-uri.ts";
import type { FaultVariant } from "../../fault-class.ts";
import { erase } from "../../objects/delete-by-hand.ts";
import { lostAfterFence } from "./lost-after-fence.ts";

/** How long the mount command lives, in milliseconds: until disks of other volumes have come to the node. */
const MOUNTS_FOR_MS = 110_000;
/**
 * How long Azure takes to answer the first read of the disk, in milliseconds: the fence has ended by then.
 */
const READ_TAKES_MS = 30_000;

/**
 * A person deletes a volume's AzVolume right before a node is fenced with a mount command under way, and
 * the fence ends while the controller that rebuilds the AzVolume still waits for Azure's read of the disk.
 * Then the node returns, and other volumes' disks come to it.
 */
export const deletedBeforeFence: FaultVariant = {
  forMs: [105_000, 115_000],
  isDirected: true,
  begin: lostAfterFence({
    mountsForMs: MOUNTS_FOR_MS,
    died: ({ world }, { volumeName }) => {
      const resource = world.cluster.diskUriOf(volumeName) ?? "";
      const deleted = world.store
        .objects("AzVolume")
        .find(({ status }) => isSameResourceUri(status?.detail?.diskUri ?? "", resource));
      if (deleted === undefined) return;
      world.azure.model.faults.add({
        operation: "Disks_Get",
        resource,
        times: 1,
        effect: { kind: "DelayResponse", delayMs: READ_TAKES_MS },
      });
      erase(world, "AzVolume", deleted.metadata.name, false);
    },
  }),
};
