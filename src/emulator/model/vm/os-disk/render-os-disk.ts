import { type JsonObject, objectAt, textAt, withoutMembers } from "../../api/json.ts";
import { sameId } from "../../api/resource/resource-id.ts";
import type { Disk, DiskSpec } from "../../disk/disk.ts";

/** What a VM knows of its OS disk. */
interface OsDiskOfVm {
  /** Its properties, as they are stored. */
  readonly other: JsonObject;
  readonly osDiskToMake?: DiskSpec;
}

/** The id of a VM's OS disk; undefined if it has none that is a resource: without one, ephemeral, a blob. */
export function osDiskId({ other }: OsDiskOfVm): string | undefined {
  return textAt(other, "storageProfile", "osDisk", "managedDisk", "id");
}

/** Whether a VM's OS disk is on its host, and lost with it. */
export function hasEphemeralOsDisk({ other }: OsDiskOfVm): boolean {
  return objectAt(other, "storageProfile", "osDisk", "diffDiskSettings") !== undefined;
}

export function isOsDiskOf(vm: OsDiskOfVm | undefined, disk: Pick<Disk, "id">): boolean {
  return vm !== undefined && sameId(osDiskId(vm) ?? "", disk.id);
}

/** Whether a disk is of an image, and has never been a data disk. */
export function isOsDisk(disk: Pick<Disk, "hasNoBytes"> | undefined): boolean {
  return disk?.hasNoBytes === true;
}

/** How a VM shows its OS disk: with the size and SKU that the disk has now, and no id until it exists. */
export function renderOsDisk(
  vm: OsDiskOfVm,
  facts: { readonly sizeGiB: number; readonly storageAccountType: string } | undefined,
): JsonObject {
  const osDisk = objectAt(vm.other, "storageProfile", "osDisk");
  const id = osDiskId(vm);
  if (osDisk === undefined || id === undefined) return {};
  const { osDiskToMake: spec } = vm;
  const shown = spec === undefined ? facts : { sizeGiB: spec.sizeGiB, storageAccountType: spec.sku.name };
  if (shown === undefined) return {};
  return {
    osDisk: {
      ...osDisk,
      managedDisk: {
        storageAccountType: shown.storageAccountType,
        ...withoutMembers(objectAt(osDisk, "managedDisk") ?? {}, spec === undefined ? [] : ["id"]),
      },
      diskSizeGB: shown.sizeGiB,
    },
  };
}
