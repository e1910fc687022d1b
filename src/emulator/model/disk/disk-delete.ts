import { type ArmFailure, armErrors } from "../api/errors.ts";
import { keyOf } from "../api/resource/resource-id.ts";
import type { Operation } from "../pace/operation.ts";
import { delayMs, happened, isBeingCopied, startOperation, writing } from "../pace/operations.ts";
import { putDisk, updateDisk, without, type World } from "../world.ts";
import { isSasActive } from "./disk-read.ts";
import type { Disk } from "./disk.ts";

/** DELETE of an existing disk. A repeated one joins the first while that is in progress. */
export function deleteDisk(
  world: World,
  disk: Disk,
): { readonly kind: "Started"; readonly operation: Operation } | ArmFailure {
  const busy = disk.operationId === undefined ? undefined : world.operations.get(disk.operationId);
  if (busy !== undefined)
    return disk.provisioningState === "Deleting"
      ? { kind: "Started", operation: busy }
      : armErrors.conflict();
  const refused = checkInUse(world, disk);
  if (refused !== undefined) return refused;
  const operation = startOperation(world, {
    name: "Disks_Delete",
    provider: "DiskOperations",
    ...writing(disk),
    delayMs: delayMs(world, "diskDelete"),
    diskIds: [disk.id],
    work: {
      effects: (outcome) => (happened(outcome, disk.id) ? [{ kind: "diskDeleted", diskId: disk.id }] : []),
      end: (outcome) => {
        if (happened(outcome, disk.id)) world.disks.delete(keyOf(disk.id));
        else
          updateDisk(world, disk.id, (now) => ({
            ...without(now, "operationId"),
            provisioningState: "Failed",
          }));
      },
    },
  });
  putDisk(world, { ...disk, provisioningState: "Deleting", operationId: operation.id });
  return { kind: "Started", operation };
}

/**
 * The deletion of a disk with its VM, unless something uses it. That of a disk without bytes has no work for
 * devices, and ends at once.
 */
export function deleteDiskWithVm(world: World, disk: Disk): void {
  if (disk.hasNoBytes !== true) deleteDisk(world, disk);
  else if (disk.operationId === undefined && checkInUse(world, disk) === undefined)
    world.disks.delete(keyOf(disk.id));
}

function checkInUse(world: World, disk: Disk): ArmFailure | undefined {
  if (isBeingCopied(world, disk.id)) return armErrors.conflict();
  const owner =
    disk.owners[0] ?? (world.settings.deleteWinsOverAttachInFlight ? undefined : disk.reservations[0]);
  if (owner !== undefined) return armErrors.diskAttached(disk.name, owner.vmId);
  return isSasActive(world, disk) ? armErrors.sasActive("disk", disk.name) : undefined;
}
