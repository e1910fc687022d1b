import { type ArmFailure, armErrors } from "../api/errors.ts";
import { type Json, listAt, numberAt, objectAt, sameJson, textAt } from "../api/json.ts";
import { sameId } from "../api/resource/resource-id.ts";
import { isOsDiskOf } from "../vm/os-disk/render-os-disk.ts";
import type { VirtualMachine } from "../vm/virtual-machine.ts";
import { findVm, type World } from "../world.ts";
import { copiedPercent } from "./copy/background-copy.ts";
import { isEncryptionKept } from "./copy/copy-limits.ts";
import { checkPerformanceChange, checkPremiumChange, checkSkuChange } from "./disk-conversion.ts";
import { isSasActive } from "./disk-read.ts";
import { type Disk, type DiskSpec, sectorSizeBytes } from "./disk.ts";

/** Disks below and above this size are in different stores: growing online across it is not possible. */
const LIVE_RESIZE_BOUNDARY_GIB = 4095;
/** Before this version, disks could not grow on a running VM. */
const LIVE_RESIZE_API_VERSION = "2021-04-01";

/** Refuses changes by PUT to a disk's fixed properties. */
export function checkUnchangeableDisk(disk: Disk, body: Json | undefined): ArmFailure | undefined {
  const zones = listAt(body, "zones");
  if (zones !== undefined && !sameJson(zones, [...disk.zones]))
    return armErrors.changeNotAllowedForDisk("zones", disk.name);
  const creation = objectAt(body, "properties", "creationData");
  const createOption = textAt(creation, "createOption");
  if (createOption !== undefined && createOption !== textAt(disk.creationData, "createOption"))
    return armErrors.changeNotAllowedForDisk("createOption", disk.name);
  const source = textAt(creation, "sourceResourceId");
  if (source !== undefined && !sameId(source, textAt(disk.creationData, "sourceResourceId") ?? ""))
    return armErrors.changeNotAllowedForDisk("sourceResourceId", disk.name);
  const sectorSize = numberAt(creation, "logicalSectorSize");
  if (sectorSize !== undefined && sectorSize !== sectorSizeBytes(disk))
    return armErrors.changeNotAllowedForDisk("logicalSectorSize", disk.name);
  return undefined;
}

/** Whether a disk may be changed as requested, given the VMs that have it. */
export function checkDiskChange(
  world: World,
  disk: Disk,
  next: DiskSpec,
  apiVersion: string,
): ArmFailure | undefined {
  if (next.sizeGiB < disk.spec.sizeGiB) return armErrors.shrink(disk.id);
  if (isSasActive(world, disk))
    return next.sizeGiB > disk.spec.sizeGiB
      ? armErrors.resizeWhileSas(disk.name)
      : armErrors.sasActive("disk", disk.name);
  const attachedTo = [...disk.owners, ...disk.reservations].map((owner) => owner.vmId);
  const isRefused = world.settings.changesWhileAttached === "refuse";
  if (isRefused && next.maxShares !== disk.spec.maxShares && attachedTo.length > 0)
    return armErrors.changeWhileAttached("maxShares", disk.name, attachedTo);
  const active = attachedTo.filter((vmId) => !isDeallocated(findVm(world, vmId)));
  const changesEncryption = !sameJson(next.encryption, disk.spec.encryption);
  if (isRefused && active.length > 0 && changesEncryption)
    return armErrors.changeWhileAttached("encryption", disk.name, active);
  if (changesEncryption && isEncryptionKept(world, disk)) return armErrors.encryptionKept(disk.name);
  const refused =
    checkSkuChange(world, disk, next, active) ??
    checkPremiumChange(world, disk, next, active) ??
    checkPerformanceChange(world, disk, next);
  if (refused !== undefined || next.sizeGiB === disk.spec.sizeGiB) return refused;
  if (copiedPercent(disk.conversion ?? disk.copy, world.nowMs) < 100)
    return armErrors.copyUnderWay(disk.name);
  const [vmId] = active;
  // Learn, Expand virtual hard disks: only data disks grow on a running VM.
  if (vmId !== undefined && isOsDiskOf(findVm(world, vmId), disk))
    return armErrors.resizeWhileAttached(disk.name, vmId, "ChangeDiskSizeWhileAttachedNotAllowed");
  return vmId === undefined ? undefined : checkGrowth(world, disk, next, { vmId, apiVersion });
}

function checkGrowth(
  world: World,
  disk: Disk,
  next: DiskSpec,
  { vmId, apiVersion }: { readonly vmId: string; readonly apiVersion: string },
): ArmFailure | undefined {
  if (apiVersion < LIVE_RESIZE_API_VERSION)
    return armErrors.resizeWhileAttached(disk.name, vmId, "ChangeDiskSizeWhileAttachedNotAllowed");
  if (disk.spec.maxShares > 1)
    return armErrors.resizeWhileAttached(disk.name, vmId, "LiveResizeSharedDiskNotAllowed");
  const { family } = disk.spec.sku;
  const crosses = disk.spec.sizeGiB <= LIVE_RESIZE_BOUNDARY_GIB && next.sizeGiB > LIVE_RESIZE_BOUNDARY_GIB;
  if (!crosses || family === "PremiumV2" || family === "Ultra") return undefined;
  const entry = findVm(world, vmId)?.dataDisks.find(({ diskId }) => sameId(diskId, disk.id));
  return (entry?.caching ?? "None") === "None"
    ? armErrors.resizeWhileAttached(disk.name, vmId, "InvalidResizeForLargeDisks")
    : armErrors.cachedBeyondLimit(LIVE_RESIZE_BOUNDARY_GIB);
}

function isDeallocated(vm: VirtualMachine | undefined): boolean {
  return vm?.power === "deallocated";
}
