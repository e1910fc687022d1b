import { type ArmFailure, armErrors } from "../../api/errors.ts";
import { type Json, type JsonObject, numberAt, objectAt, textAt, withoutMembers } from "../../api/json.ts";
import { checkVmName } from "../../api/request/check-name.ts";
import { parseResourceId, resourceId, sameId } from "../../api/resource/resource-id.ts";
import { diskSpecFrom } from "../../disk/disk-spec.ts";
import type { Disk, DiskSpec } from "../../disk/disk.ts";
import { checkLinks } from "../../linked/links.ts";
import { edgeZoneIn } from "../../subscription/edge-zones.ts";
import { diskQuota } from "../../subscription/quota-table.ts";
import { checkQuota } from "../../subscription/quotas.ts";
import { findDisk, putDisk, updateDisk, without, type World } from "../../world.ts";
import { checkAttach, checkFamily, owned, released, reserved } from "../attachment-rules.ts";
import { diskNameOf, isBeingMade } from "../new-disks.ts";
import type { DataDisk, VirtualMachine } from "../virtual-machine.ts";
import { DEFAULT_IMAGE, imageId, imageSizeGiB, osTypeOf } from "./image.ts";
import { osDiskId } from "./render-os-disk.ts";

/** Hexadecimal digits of a GUID. */
const DIGITS = 32;
/** What the disk itself says of its SKU and size, which its VM only shows. */
const OF_THE_DISK = ["diskSizeGB", "managedDisk"];

/**
 * A new VM with its OS disk, which every VM of Azure has: made of its image, or an existing one. What a body
 * leaves out is as in Azure: the name `<VM>_OsDisk_1_<32 digits>` (Learn, Use managed disks in templates), of
 * an instance `<set>_<set>_<id>_OsDisk_1_…` (VirtualMachineScaleSetVM_Update_MaximumSet_Gen of API version
 * 2025-04-01), host caching ReadWrite. An OS disk on the host's own disk, or in a storage account, is no
 * resource.
 */
export function withOsDisk(world: World, vm: VirtualMachine): VirtualMachine | ArmFailure {
  const profile = objectAt(vm.other, "storageProfile") ?? {};
  const stated = objectAt(profile, "osDisk") ?? {};
  const existingId = textAt(stated, "managedDisk", "id");
  const isExisting = textAt(stated, "createOption")?.toLowerCase() === "attach";
  if (isExisting && existingId !== undefined) return withExistingDisk(world, vm, stated, existingId);
  const imageReference = objectAt(profile, "imageReference") ?? DEFAULT_IMAGE;
  const osType = osTypeOf(vm.other);
  const shown = {
    osType,
    name: textAt(stated, "name") ?? madeName(vm),
    createOption: textAt(stated, "createOption") ?? "FromImage",
    caching: textAt(stated, "caching") ?? "ReadWrite",
    ...withoutMembers(stated, OF_THE_DISK),
    // Recorded: an instance of a uniform scale set shows none of its own.
    deleteOption: textAt(stated, "deleteOption") ?? (vm.instance === undefined ? "Detach" : undefined),
  };
  const isNoResource =
    objectAt(stated, "vhd") !== undefined || objectAt(stated, "diffDiskSettings") !== undefined;
  if (isNoResource) {
    const { managedDisk, diskSizeGB = imageSizeGiB(osType) } = stated;
    return withStorage(vm, profile, { imageReference, osDisk: { ...shown, managedDisk, diskSizeGB } });
  }
  const made = specOf(vm, stated, osType);
  if ("kind" in made) return made;
  const { subscriptionId, resourceGroup } = vm;
  const id = resourceId({ subscriptionId, resourceGroup, type: "disks", name: shown.name });
  const complete = withStorage(vm, profile, {
    imageReference,
    osDisk: { ...shown, managedDisk: { ...stateless(stated), id } },
  });
  return (
    checkMade(world, complete, {
      id,
      name: shown.name,
      spec: made,
      isNamed: textAt(stated, "name") !== undefined,
    }) ?? { ...complete, osDiskToMake: made }
  );
}

function withStorage(vm: VirtualMachine, profile: JsonObject, members: JsonObject): VirtualMachine {
  return { ...vm, other: { ...vm.other, storageProfile: { ...profile, ...members } } };
}

/** A VM that is made of a disk with a system on it. */
function withExistingDisk(
  world: World,
  vm: VirtualMachine,
  stated: JsonObject,
  diskId: string,
): VirtualMachine | ArmFailure {
  if (parseResourceId(diskId)?.type !== "disks") return notADisk(diskId);
  if (objectAt(vm.other, "osProfile") !== undefined) return armErrors.osProfileNotAllowed();
  const diskless = { ...vm, other: withoutMembers(vm.other, ["storageProfile"]) };
  const refused = checkAttach(world, diskless, asEntry(diskId));
  if (refused !== undefined) return refused;
  const disk = findDisk(world, diskId);
  if (disk === undefined) return armErrors.diskNotFound(diskId);
  return withStorage(vm, objectAt(vm.other, "storageProfile") ?? {}, {
    osDisk: {
      osType: textAt(stated, "osType") ?? textAt(disk.spec.other, "osType") ?? "Linux",
      caching: "ReadWrite",
      deleteOption: "Detach",
      ...withoutMembers(stated, OF_THE_DISK),
      name: disk.name,
      createOption: "Attach",
      managedDisk: { ...stateless(stated), id: disk.id },
    },
  });
}

/**
 * The OS disk of a VM after an update: another disk may take its place while the VM is off. Recorded by
 * Azure's CLI in 2024 (Azure/azure-cli, test_vm_os_disk_swap.yaml): powered off is enough.
 */
export function osDiskAfter(
  world: World,
  vm: VirtualMachine,
  body: Json | undefined,
  updated: JsonObject,
): { readonly kind: "After"; readonly other: JsonObject } | ArmFailure {
  const present = osDiskId(vm);
  if (present === undefined || !world.settings.osDisks) return { kind: "After", other: updated };
  const profile = objectAt(updated, "storageProfile") ?? {};
  const osDisk = objectAt(profile, "osDisk") ?? {};
  const stated = objectAt(body, "properties", "storageProfile", "osDisk");
  const wanted = textAt(stated, "managedDisk", "id") ?? present;
  const isSwapped = !sameId(wanted, present);
  if (isSwapped && parseResourceId(wanted)?.type !== "disks") return notADisk(wanted);
  const disk = findDisk(world, wanted);
  if (isSwapped && disk === undefined) return armErrors.diskNotFound(parseResourceId(wanted)?.name ?? wanted);
  const refused = isSwapped
    ? vm.power === "deallocated" || vm.power === "stopped"
      ? checkAttach(world, vm, asEntry(wanted))
      : armErrors.onlyWhenDeallocated("osDisk.managedDisk.id")
    : checkUnchanged(vm, disk, stated);
  if (refused !== undefined) return refused;
  const kept = { ...withoutMembers(osDisk, OF_THE_DISK), ...(disk === undefined ? {} : { name: disk.name }) };
  const managedDisk = { ...stateless(osDisk), id: disk?.id ?? present };
  return {
    kind: "After",
    other: { ...updated, storageProfile: { ...profile, osDisk: { ...kept, managedDisk } } },
  };
}

/** The storage of an instance that gets its scale set's present model: the OS disk stays its own. */
export function withModelStorage(vm: VirtualMachine, model: JsonObject): JsonObject {
  const profile = objectAt(vm.other, "storageProfile") ?? {};
  const modelled = objectAt(model, "storageProfile") ?? {};
  const present = objectAt(profile, "osDisk");
  const stated = objectAt(modelled, "osDisk");
  if (present === undefined || stated === undefined || osDiskId(vm) === undefined)
    return { ...profile, ...modelled };
  const osDisk = {
    ...present,
    ...withoutMembers(stated, [...OF_THE_DISK, "name", "deleteOption"]),
    managedDisk: { ...objectAt(present, "managedDisk"), ...stateless(stated) },
  };
  return { ...profile, ...modelled, osDisk };
}

/** The VM once its creation has ended: its OS disk exists and is its own. A swap's former disk is free. */
export function withOsDiskSettled(world: World, vm: VirtualMachine, formerId?: string): VirtualMachine {
  const id = osDiskId(vm);
  if (!world.settings.osDisks) return vm;
  if (formerId !== undefined && !sameId(formerId, id ?? ""))
    updateDisk(world, formerId, (disk) => released(world, disk, vm));
  const { osDiskToMake: spec } = vm;
  if (id === undefined || (spec === undefined && formerId !== undefined && sameId(formerId, id))) return vm;
  if (spec !== undefined) putDisk(world, madeDisk(world, vm, { id, spec }));
  updateDisk(world, id, (disk) => owned(world, disk, vm));
  return without(vm, "osDiskToMake");
}

export function reserveOsDisk(world: World, vm: VirtualMachine): void {
  const id = osDiskId(vm);
  if (world.settings.osDisks && id !== undefined && vm.osDiskToMake === undefined)
    updateDisk(world, id, (disk) => reserved(world, disk, vm));
}

/** Recorded of instances: a name that would be too long has `OS_`. */
function madeName(vm: VirtualMachine): string {
  const hex = derivedHex(vm, "name");
  const name = diskNameOf(vm, `_OsDisk_1_${hex}`);
  return name.isCut ? diskNameOf(vm, `_OS__1_${hex}`).text : name.text;
}

/** Digits of a VM's own GUID, so that an OS disk takes none of the random numbers of other resources. */
function derivedHex({ vmGuid }: VirtualMachine, use: "name" | "uniqueId"): string {
  const digits = vmGuid.replaceAll("-", "");
  const cut = use === "name" ? DIGITS / 4 : DIGITS / 2;
  return `${digits.slice(cut)}${digits.slice(0, cut)}`;
}

function asGuid(hex: string): string {
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

/**
 * The disk that is made of an image. Inferred: that it has the tags which its VM has at that time, as disks
 * of a tagged node pool of AKS, and that its SKU is the best which the VM's size takes, where the body names
 * none.
 */
function specOf(vm: VirtualMachine, stated: JsonObject, osType: "Linux" | "Windows"): DiskSpec | ArmFailure {
  const misnamed = checkVmName("osDisk", textAt(stated, "name") ?? "os");
  if (misnamed !== undefined) return misnamed;
  const diskEncryptionSetId = textAt(stated, "managedDisk", "diskEncryptionSet", "id");
  return diskSpecFrom(
    {
      ...(vm.tags === undefined ? {} : { tags: vm.tags }),
      sku: {
        name:
          textAt(stated, "managedDisk", "storageAccountType") ??
          (vm.size.premiumIo ? "Premium_LRS" : "Standard_LRS"),
      },
      properties: {
        diskSizeGB: numberAt(stated, "diskSizeGB") ?? imageSizeGiB(osType),
        ...(diskEncryptionSetId === undefined ? {} : { encryption: { diskEncryptionSetId } }),
        osType,
        hyperVGeneration: "V2",
        supportsHibernation: true,
        supportedCapabilities: {
          diskControllerTypes: "SCSI, NVMe",
          acceleratedNetwork: true,
          architecture: "x64",
        },
      },
    },
    undefined,
  );
}

/** Why the OS disk can't be made: its name is taken, or Azure has no OS disks of the kind. */
function checkMade(
  world: World,
  vm: VirtualMachine,
  disk: Pick<Disk, "id" | "name" | "spec"> & { readonly isNamed: boolean },
): ArmFailure | undefined {
  const { family, name } = disk.spec.sku;
  // Learn, Azure managed disk types: neither can be used as an OS disk.
  if (family === "PremiumV2" || family === "Ultra")
    return armErrors.invalidParameter(
      "osDisk.managedDisk.storageAccountType",
      `The value '${name}' of parameter 'osDisk.managedDisk.storageAccountType' is not allowed for an OS ` +
        "disk.",
    );
  // A name of Azure's own is unique.
  if (disk.isNamed && findDisk(world, disk.id) !== undefined)
    return armErrors.diskExists(disk.name, vm.resourceGroup, disk.id);
  if (disk.isNamed && isBeingMade(world, disk.id)) return armErrors.conflict();
  return checkFamily(vm, disk) ?? checkLinks(world, disk.spec) ?? checkQuota(world, vm, diskQuota(name));
}

/** A disk is changed by itself, never through its VM. */
function checkUnchanged(
  vm: VirtualMachine,
  disk: Disk | undefined,
  stated: JsonObject | undefined,
): ArmFailure | undefined {
  if (disk === undefined || stated === undefined) return undefined;
  const sizeGiB = numberAt(stated, "diskSizeGB");
  if (sizeGiB !== undefined && sizeGiB !== disk.spec.sizeGiB)
    return vm.power === "deallocated"
      ? armErrors.resizeThroughVm(vm.name, disk.id)
      : armErrors.resizeWhileRunning();
  const skuName = textAt(stated, "managedDisk", "storageAccountType");
  return skuName === undefined || skuName.toLowerCase() === disk.spec.sku.name.toLowerCase()
    ? undefined
    : armErrors.skuChangeThroughVm(vm.name, disk.id);
}

/** The disk of an image. The emulator has no images: it has no bytes until it is a data disk. */
function madeDisk(
  world: World,
  vm: VirtualMachine,
  { id, spec }: { readonly id: string; readonly spec: DiskSpec },
): Disk {
  const { subscriptionId, resourceGroup, location } = vm;
  const image = objectAt(vm.other, "storageProfile", "imageReference") ?? DEFAULT_IMAGE;
  return {
    id,
    name: parseResourceId(id)?.name ?? "",
    subscriptionId,
    resourceGroup,
    location,
    zones: spec.sku.zoneRedundant ? [] : vm.zones,
    ...edgeZoneIn(vm.members),
    creationData: {
      createOption: "FromImage",
      imageReference: { id: imageId({ subscriptionId, location }, image) },
    },
    spec,
    uniqueId: asGuid(derivedHex(vm, "uniqueId")),
    createdAtMs: world.nowMs,
    provisioningState: "Succeeded",
    owners: [],
    reservations: [],
    hasNoBytes: true,
  };
}

/** Members of `managedDisk` that belong to the VM: its encryption set, its security profile. */
function stateless(osDisk: JsonObject): JsonObject {
  return withoutMembers(objectAt(osDisk, "managedDisk") ?? {}, ["id", "storageAccountType"]);
}

/** An OS disk as the rules of attaching see it. Host caching of it is always allowed. */
function asEntry(diskId: string): DataDisk {
  return {
    lun: 0,
    name: parseResourceId(diskId)?.name ?? "",
    diskId,
    createOption: "Attach",
    caching: "None",
    writeAcceleratorEnabled: false,
    deleteOption: "Detach",
    phase: "Attaching",
    forced: false,
  };
}

function notADisk(id: string): ArmFailure {
  return armErrors.invalidParameter(
    "osDisk.managedDisk.id",
    `The value '${id}' of parameter 'osDisk.managedDisk.id' is not the id of a managed disk.`,
  );
}
