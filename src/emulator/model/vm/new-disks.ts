import { type ArmFailure, armErrors } from "../api/errors.ts";
import { type Json, type JsonObject, listAt, objectAt, textAt, withoutMembers } from "../api/json.ts";
import { checkVmName } from "../api/request/check-name.ts";
import { resourceId, sameId } from "../api/resource/resource-id.ts";
import { diskSpecFrom } from "../disk/disk-spec.ts";
import type { Disk, DiskSpec } from "../disk/disk.ts";
import { edgeZoneIn } from "../subscription/edge-zones.ts";
import type { World } from "../world.ts";
import { osDiskId } from "./os-disk/render-os-disk.ts";
import type { DataDisk, VirtualMachine } from "./virtual-machine.ts";
import type { VmSize } from "./vm-sizes.ts";

const NAME_MAX = 80;

/** An entry of the list that a PUT or PATCH sends. */
export interface RequestedDataDisk {
  readonly lun: number | undefined;
  readonly name: string | undefined;
  readonly diskId: string | undefined;
  /** Undefined: `Attach`, or that of the entry which the list has. */
  readonly createOption: string | undefined;
  /** The disk that an entry of createOption `Empty` asks for. */
  readonly sizeGiB: number | undefined;
  readonly skuName: string | undefined;
  /** Of an Ultra disk or a Premium SSD v2; undefined: what its size has. */
  readonly iops: number | undefined;
  readonly mbps: number | undefined;
  readonly caching: string | undefined;
  readonly writeAcceleratorEnabled: boolean | undefined;
  readonly deleteOption: string | undefined;
  readonly diskEncryptionSetId: string | undefined;
  readonly toBeDetached: boolean;
  readonly forced: boolean;
}

/**
 * Requested entries with names: those of createOption `Empty` get one from Azure unless they bring it, or
 * are in the list at their LUN.
 */
export function withDiskNames(
  world: World,
  vm: VirtualMachine,
  requested: readonly RequestedDataDisk[],
): readonly RequestedDataDisk[] {
  return requested.map((wanted, index) => {
    if (wanted.createOption !== "Empty" || wanted.name !== undefined || wanted.diskId !== undefined)
      return wanted;
    const present = vm.dataDisks.find(
      ({ lun, createOption }) => lun === wanted.lun && createOption === "Empty",
    );
    // The first disk is the OS disk.
    if (present !== undefined) return { ...wanted, name: present.name };
    const suffix = `_disk${index + 2}_${world.random.guid().replaceAll("-", "")}`;
    return { ...wanted, name: diskNameOf(vm, suffix).text };
  });
}

/**
 * A VM as the answer to its write shows it. Recorded: without the names of new disks that neither the body
 * nor the VM before it has.
 */
export function withoutNewNames(
  shown: JsonObject,
  body: Json | undefined,
  before: VirtualMachine | undefined,
): JsonObject {
  const properties = objectAt(shown, "properties");
  const profile = objectAt(properties, "storageProfile");
  const stated = objectAt(body, "properties", "storageProfile");
  const known = [
    textAt(stated, "osDisk", "name"),
    textAt(before?.other, "storageProfile", "osDisk", "name"),
    ...(listAt(stated, "dataDisks") ?? []).map((disk) => textAt(disk, "name")),
    ...(before?.dataDisks ?? []).map(({ name }) => name),
  ];
  const asNamed = (disk: Json): Json =>
    textAt(disk, "managedDisk", "id") !== undefined || known.includes(textAt(disk, "name"))
      ? disk
      : withoutMembers(objectAt(disk) ?? {}, ["name"]);
  const { osDisk } = profile ?? {};
  return {
    ...shown,
    properties: {
      ...properties,
      storageProfile: {
        ...profile,
        ...(osDisk === undefined ? {} : { osDisk: asNamed(osDisk) }),
        dataDisks: (listAt(profile, "dataDisks") ?? []).map(asNamed),
      },
    },
  };
}

/** A name of Azure's own for a disk that comes with a VM. Inferred: how one that is too long is cut. */
export function diskNameOf(
  { instance, name }: VirtualMachine,
  suffix: string,
): { readonly text: string; readonly isCut: boolean } {
  const owner = instance === undefined ? name : `${instance.scaleSet}_${name}`;
  const kept = owner.slice(0, NAME_MAX - suffix.length);
  return { text: `${kept}${suffix}`, isCut: kept !== owner };
}

/**
 * The disk that an entry of createOption `Empty` asks for. Which SKU it has where none is named is inferred:
 * the best that the VM's size takes, as for disks of the operating system.
 */
export function newDiskSpec(size: VmSize, wanted: RequestedDataDisk): DiskSpec | ArmFailure {
  const { sizeGiB, skuName, iops, mbps, diskEncryptionSetId, name = "" } = wanted;
  if (sizeGiB === undefined)
    return armErrors.invalidParameter(
      "dataDisk.diskSizeGB",
      "Required parameter 'dataDisk.diskSizeGB' is missing (null).",
    );
  const misnamed = checkVmName("dataDisk", name);
  if (misnamed !== undefined) return misnamed;
  return diskSpecFrom(
    {
      sku: { name: skuName ?? (size.premiumIo ? "Premium_LRS" : "Standard_LRS") },
      properties: {
        diskSizeGB: sizeGiB,
        diskIOPSReadWrite: iops,
        diskMBpsReadWrite: mbps,
        ...(diskEncryptionSetId === undefined ? {} : { encryption: { diskEncryptionSetId } }),
      },
    },
    undefined,
  );
}

/** The id of a disk that comes with a VM: it is in the VM's resource group. */
export function newDiskId({ subscriptionId, resourceGroup }: VirtualMachine, name: string): string {
  return resourceId({ subscriptionId, resourceGroup, name, type: "disks" });
}

/** The disk of an entry whose write makes it, in the place of its VM. */
export function newDisk(
  vm: VirtualMachine,
  entry: DataDisk & { readonly makes: DiskSpec },
  made: Pick<Disk, "uniqueId" | "createdAtMs">,
): Disk {
  const { diskId: id, name, makes: spec } = entry;
  const { subscriptionId, resourceGroup, location } = vm;
  return {
    ...made,
    id,
    name,
    subscriptionId,
    resourceGroup,
    location,
    zones: spec.sku.zoneRedundant ? [] : vm.zones,
    ...edgeZoneIn(vm.members),
    creationData: { createOption: "Empty" },
    spec,
    provisioningState: "Succeeded",
    owners: [],
    reservations: [],
  };
}

/** Whether an update of a VM, or of one other than this, is making the disk. */
export function isBeingMade(world: World, diskId: string, except?: VirtualMachine): boolean {
  return [...world.virtualMachines.values()].some(
    (vm) =>
      vm.vmGuid !== except?.vmGuid &&
      ((vm.osDiskToMake !== undefined && sameId(osDiskId(vm) ?? "", diskId)) ||
        vm.dataDisks.some(
          (entry) => entry.makes !== undefined && entry.phase === "Attaching" && sameId(entry.diskId, diskId),
        )),
  );
}
