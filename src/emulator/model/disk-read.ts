import { type Disk, type DiskState, renderDisk } from "./disk.ts";
import type { JsonObject } from "./json.ts";
import { findDisk, findVm, type World } from "./world.ts";

export function renderDiskNow(world: World, id: string, upperCaseGroup = false): JsonObject | undefined {
  const disk = findDisk(world, id);
  return disk === undefined ? undefined : renderDisk(disk, { state: diskState(world, disk), upperCaseGroup });
}

/** As callers see it; a VM that is still to get the disk does not count. */
export function diskState(world: World, disk: Disk): DiskState {
  if (disk.sas !== undefined && disk.sas.expiresAtMs > world.nowMs) return "ActiveSAS";
  if (disk.owners.length === 0) return "Unattached";
  const powers = disk.owners.map((owner) => findVm(world, owner.vmId)?.power);
  return powers.every((power) => power === "deallocated") ? "Reserved" : "Attached";
}
