import type { JsonObject } from "../api/json.ts";
import type { DataPlaneEffect } from "../data-plane-port.ts";
import { findDisk, findVm, type World } from "../world.ts";
import { copiedPercent } from "./copy/background-copy.ts";
import { type Disk, type DiskState, renderDisk, type SasGrant } from "./disk.ts";

export function renderDiskNow(world: World, id: string): JsonObject | undefined {
  const disk = findDisk(world, id);
  if (disk === undefined) return undefined;
  const work = disk.conversion ?? disk.copy;
  const completionPercent = work === undefined ? undefined : copiedPercent(work, world.nowMs);
  return renderDisk(disk, { state: diskState(world, disk), completionPercent });
}

/** The state that callers see; a VM that is still to get the disk does not count. */
export function diskState(world: World, disk: Disk): DiskState {
  const hasActiveSas = isSasActive(world, disk);
  if (disk.awaitsUpload === true) return hasActiveSas ? "ActiveUpload" : "ReadyToUpload";
  const isFrozen = disk.owners.some((owner) => findVm(world, owner.vmId)?.hibernated === true);
  if (hasActiveSas) return isFrozen ? "ActiveSASFrozen" : "ActiveSAS";
  if (disk.owners.length === 0) return "Unattached";
  if (disk.owners.some((owner) => findVm(world, owner.vmId)?.power !== "deallocated")) return "Attached";
  return isFrozen ? "Frozen" : "Reserved";
}

/** The device work that makes a copy. A disk of an image has no bytes, and its copy is empty. */
export function copyEffect(
  world: World,
  { sourceId, ...target }: { readonly sourceId: string; readonly diskId: string; readonly sizeBytes: bigint },
): DataPlaneEffect {
  return findDisk(world, sourceId)?.hasNoBytes === true
    ? { kind: "diskCreated", ...target }
    : { kind: "diskCopied", sourceId, ...target };
}

/** Whether a URL for the bytes of a disk or snapshot is still valid. */
export function isSasActive(world: World, resource: { readonly sas?: SasGrant }): boolean {
  return resource.sas !== undefined && resource.sas.expiresAtMs > world.nowMs;
}
