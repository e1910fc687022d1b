import { type ArmFailure, armErrors } from "../api/errors.ts";
import { sameId } from "../api/resource/resource-id.ts";
import { checkDiskChange } from "../disk/disk-change.ts";
import { changedSpec, notedChanges } from "../disk/disk-conversion.ts";
import { isSasActive } from "../disk/disk-read.ts";
import { hasSettablePerformance } from "../disk/disk-sku.ts";
import { checkShares, diskSpecFrom } from "../disk/disk-spec.ts";
import type { Disk, DiskOwner, DiskSpec } from "../disk/disk.ts";
import { checkLinks } from "../linked/links.ts";
import { drawLatencyMs } from "../pace/latency.ts";
import { checkDiskPlace } from "../subscription/disk-skus-in-region.ts";
import { edgeZoneOf, isSameEdgeZone } from "../subscription/edge-zones.ts";
import { regionNamed } from "../subscription/regions.ts";
import { findDisk, normalLocation, type World } from "../world.ts";
import { isBeingMade, newDisk } from "./new-disks.ts";
import { isOsDiskOf } from "./os-disk/render-os-disk.ts";
import type { DataDisk, VirtualMachine } from "./virtual-machine.ts";

/** From this size on a disk can't be cached by the host. */
const CACHED_SIZE_MAX_GIB = 4095;

/** Why the disk of a new entry can't be attached to this VM; undefined if it can. */
export function checkAttach(world: World, vm: VirtualMachine, entry: DataDisk): ArmFailure | undefined {
  const { makes } = entry;
  if (makes !== undefined) return checkNew(world, vm, { ...entry, makes });
  const disk = findDisk(world, entry.diskId);
  if (disk === undefined) return armErrors.diskNotFound(entry.name);
  if (isOsDiskOf(vm, disk)) return armErrors.diskOwned(disk.id, vm.id);
  if (disk.operationId !== undefined && disk.provisioningState !== "Succeeded") return armErrors.conflict();
  if (disk.awaitsUpload === true) return armErrors.notUploaded(disk.name);
  if (isSasActive(world, disk)) return armErrors.sasActive("disk", disk.name);
  const spec = specOnceAttached(disk, entry);
  if ("kind" in spec) return spec;
  return (
    checkShares(disk.name, spec) ??
    checkKind(vm, { ...disk, spec }, entry) ??
    checkOwners(world, vm, disk) ??
    checkDiskChange(world, disk, spec, "")
  );
}

/**
 * What the disk of an entry is like once it is attached: a list that attaches it with another
 * `storageAccountType` changes its SKU (recorded). Inferred: as a change of the disk itself does, and only
 * where that is allowed.
 */
function specOnceAttached({ spec }: Disk, { becomes = spec.sku.name }: DataDisk): DiskSpec | ArmFailure {
  return becomes === spec.sku.name ? spec : diskSpecFrom({ sku: { name: becomes } }, spec);
}

/** The disk with the SKU that its entry gives it. */
export function asAttached(world: World, disk: Disk, entry: DataDisk): Disk {
  const next = specOnceAttached(disk, entry);
  return "kind" in next || next === disk.spec
    ? disk
    : { ...disk, ...notedChanges(world, disk, next), ...changedSpec(world, disk, next) };
}

/** Why the disk of an entry can't be made for this VM: its name is taken, or it does not suit the VM. */
function checkNew(
  world: World,
  vm: VirtualMachine,
  entry: DataDisk & { readonly makes: DiskSpec },
): ArmFailure | undefined {
  if (findDisk(world, entry.diskId) !== undefined)
    return armErrors.diskExists(entry.name, vm.resourceGroup, entry.diskId);
  if (isBeingMade(world, entry.diskId, vm)) return armErrors.conflict();
  const { diskEncryptionSetId } = entry;
  const unlinked =
    diskEncryptionSetId === undefined
      ? undefined
      : checkLinks(world, { encryption: { diskEncryptionSetId } });
  if (unlinked !== undefined) return unlinked;
  const coming = newDisk(vm, entry, { uniqueId: "", createdAtMs: world.nowMs });
  return checkDiskPlace(coming.spec.sku, coming) ?? checkKind(vm, coming, entry);
}

function checkKind(vm: VirtualMachine, disk: Disk, entry: DataDisk): ArmFailure | undefined {
  return checkPlace(vm, disk) ?? checkFamily(vm, disk) ?? checkHostCache(vm, disk, entry);
}

function checkPlace(vm: VirtualMachine, disk: Disk): ArmFailure | undefined {
  if (normalLocation(vm.location) !== normalLocation(disk.location))
    return armErrors.locationMismatch(disk.name, vm.location, disk.location);
  if (!isSameEdgeZone(vm, disk))
    return armErrors.edgeZoneMismatch(disk.name, edgeZoneOf(vm), edgeZoneOf(disk));
  if (disk.spec.sku.zoneRedundant) return undefined;
  const vmZone = vm.zones[0] ?? "";
  const diskZone = disk.zones[0] ?? "";
  if (vmZone === diskZone) return undefined;
  return vm.availabilitySetId === undefined
    ? armErrors.zoneMismatch(disk.id, vmZone, diskZone)
    : armErrors.zonalDiskInSet(disk.id, vm.name);
}

/** A disk as the rules about its kind see it. */
type KindOfDisk = Pick<Disk, "name" | "spec">;

/** Why a VM of this size, with these capabilities, can't have a disk of that SKU. */
export function checkFamily(vm: VirtualMachine, disk: KindOfDisk): ArmFailure | undefined {
  const { family, name } = disk.spec.sku;
  if (family === "Ultra" && !vm.ultraSsdEnabled) return armErrors.ultraNotEnabled(name);
  if (family === "PremiumV2" && vm.zones.length === 0 && !hasNonzonalPremiumV2(vm.location))
    return armErrors.zonalDiskOnly(name);
  if ((family === "Premium" || family === "PremiumV2") && !vm.size.premiumIo)
    return armErrors.premiumNotSupported(name, vm.size.name, disk.name);
  return undefined;
}

/** Learn, Deploy a nonzonal Premium SSD v2: regions without zones have it so, and some with zones. */
function hasNonzonalPremiumV2(location: string): boolean {
  const { zones, nonzonalPremiumV2 } = regionNamed(location);
  return zones === 0 || nonzonalPremiumV2 === true;
}

/** Why the host can't cache a disk as its entry says. */
export function checkHostCache(
  vm: VirtualMachine,
  disk: KindOfDisk,
  entry: DataDisk,
): ArmFailure | undefined {
  return checkCaching(disk, entry) ?? checkAccelerator(vm, disk, entry);
}

function checkCaching({ name, spec }: KindOfDisk, { caching }: DataDisk): ArmFailure | undefined {
  if (caching === "None") return undefined;
  if (spec.maxShares > 1) return armErrors.sharedDiskCached(name, spec.maxShares);
  if (hasSettablePerformance(spec.sku.family)) return armErrors.skuCached(spec.sku.name, caching);
  return spec.sizeGiB > CACHED_SIZE_MAX_GIB
    ? armErrors.invalidParameter(
        "dataDisk.caching",
        `The value '${caching}' of parameter 'dataDisk.caching' is not allowed for disk '${name}': a disk ` +
          `larger than ${CACHED_SIZE_MAX_GIB} GiB must use 'None'.`,
      )
    : undefined;
}

/** Write accelerator: unshared Premium disks that the host caches for no writes, on VMs of the M series. */
function checkAccelerator(vm: VirtualMachine, disk: KindOfDisk, entry: DataDisk): ArmFailure | undefined {
  if (!entry.writeAcceleratorEnabled) return undefined;
  const refuse = (why: string): ArmFailure =>
    armErrors.invalidParameter(
      "dataDisk.writeAcceleratorEnabled",
      `Write Accelerator can't be enabled for disk '${disk.name}': ${why}.`,
    );
  if (!/^Standard_M\d/iu.test(vm.size.name)) return refuse(`VM size ${vm.size.name} does not support it`);
  if (disk.spec.sku.family !== "Premium")
    return refuse(`it is not supported for ${disk.spec.sku.name} disks`);
  if (disk.spec.maxShares > 1) return refuse("it is not supported for shared disks");
  return entry.caching === "ReadWrite" ? refuse("host caching must be None or ReadOnly") : undefined;
}

/** A disk belongs to the VMs that have it and to those that are getting it. */
function checkOwners(world: World, vm: VirtualMachine, disk: Disk): ArmFailure | undefined {
  const others = [...disk.owners, ...disk.reservations].filter((owner) => owner.vmGuid !== vm.vmGuid);
  const other = others[0];
  if (other === undefined) return undefined;
  if (disk.spec.maxShares === 1) return armErrors.diskOwned(disk.id, other.vmId);
  if (others.length >= disk.spec.maxShares)
    return armErrors.maxSharesReached(disk.name, vm.id, disk.spec.maxShares);
  return raceOfFirstAttaches(world, disk)
    ? armErrors.diskAttachedElsewhere(disk.name, vm.id, other.vmId)
    : undefined;
}

/**
 * Observed on the real service: of two first attaches of a shared disk, a fraction of a second apart, one
 * fails because the disk is in use.
 */
function raceOfFirstAttaches(world: World, disk: Disk): boolean {
  if (!world.settings.sharedAttachRace || disk.owners.length > 0) return false;
  const windowMs =
    drawLatencyMs(world.settings.latencies.sharedAttachRace, world.random) * world.settings.timeScale;
  return disk.reservations.some((reservation) => world.nowMs - reservation.sinceMs < windowMs);
}

/** The disk with a reservation of a VM that will have it when its update ends, unless it has it already. */
export function reserved(world: World, disk: Disk, vm: VirtualMachine): Disk {
  if (disk.owners.some((owner) => owner.vmGuid === vm.vmGuid)) return disk;
  return {
    ...disk,
    reservations: [
      ...otherThan(vm, disk.reservations),
      { vmId: vm.id, vmGuid: vm.vmGuid, sinceMs: world.nowMs },
    ],
  };
}

/** The disk with a VM that has it. */
export function owned(world: World, disk: Disk, vm: VirtualMachine): Disk {
  const owners = [...otherThan(vm, disk.owners), { vmId: vm.id, vmGuid: vm.vmGuid }];
  return {
    ...disk,
    owners,
    reservations: otherThan(vm, disk.reservations),
    ownershipChangedAtMs: world.nowMs,
  };
}

/** The disk without the reservation of a VM that failed to get it. */
export function unreserved(disk: Disk, vm: { readonly vmGuid: string }): Disk {
  return { ...disk, reservations: otherThan(vm, disk.reservations) };
}

/** The disk without any entry of that VM. */
export function released(world: World, disk: Disk, vm: { readonly vmGuid: string }): Disk {
  return {
    ...disk,
    owners: otherThan(vm, disk.owners),
    reservations: otherThan(vm, disk.reservations),
    ownershipChangedAtMs: world.nowMs,
  };
}

function otherThan<T extends DiskOwner>(vm: { readonly vmGuid: string }, owners: readonly T[]): readonly T[] {
  return owners.filter((owner) => !sameId(owner.vmGuid, vm.vmGuid));
}
