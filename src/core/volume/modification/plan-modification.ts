import type { AzVolume, DiskModification, VolumeDetail } from "../../api/az-volume.ts";
import { diskSkus, networkAccessPolicies, publicNetworkAccesses } from "../disk-sku.ts";
import { skuRules } from "../sku-rules.ts";
import { mergeTags } from "../tags/merge-tags.ts";
import { isOwnTag, type Tags } from "../tags/volume-tags.ts";

export type ModificationAction =
  | { readonly kind: "ModifyDisk"; readonly diskUri: string; readonly change: DiskModification }
  /**
   * How it ended is recorded: the request leaves the spec, and the spec's disk shows what Azure has. `made`
   * is the request if Azure has made it, and empty if not.
   */
  | { readonly kind: "EndModification"; readonly diskUri: string; readonly made: DiskModification };

/** What a modification can change of a disk, as Azure shows it. */
export interface ModifiableDisk {
  readonly skuName: string;
  readonly tags: Tags;
  readonly diskIOPSReadWrite?: number | undefined;
  readonly diskMBpsReadWrite?: number | undefined;
  readonly networkAccessPolicy?: string | undefined;
  readonly publicNetworkAccess?: string | undefined;
}

/**
 * Plans what a VolumeAttributesClass asks of a disk; undefined where nothing is asked. A request is new as
 * long as the outcome that is recorded belongs to another generation of the spec.
 */
export function planModification(
  { metadata, spec, status }: AzVolume,
  { diskUri }: VolumeDetail,
): ModificationAction | undefined {
  if (spec.modification === undefined) return undefined;
  const outcome = status?.modification;
  if (outcome?.observedGeneration !== metadata.generation)
    return { kind: "ModifyDisk", diskUri, change: spec.modification };
  return { kind: "EndModification", diskUri, made: outcome.error === undefined ? outcome.requested : {} };
}

/**
 * The spec without the request. Its disk is as Azure shows it, whatever became of the request: Azure
 * may have made one that this one has replaced, and of which no outcome is recorded. A read may be older
 * than a write that has ended, so what is known to be `made` counts more. A network policy that no parameter
 * or class has stated stays unstated. Without a disk to show it stays as it was.
 */
export function withoutModification(
  { modification: _, ...spec }: AzVolume["spec"],
  shown: ModifiableDisk | undefined,
  made: DiskModification,
): AzVolume["spec"] {
  if (shown === undefined) return spec;
  const { skuName = shown.skuName, tags: madeTags = {}, ...madeFields } = made;
  const known = diskSkus.find((sku) => sku === skuName);
  // Azure shows what it derives from SKU and size, too; that is no part of what a disk is made from.
  const isStated = known !== undefined && skuRules[known].performance !== undefined;
  const { diskIOPSReadWrite, diskMBpsReadWrite } = skuName === shown.skuName ? shown : {};
  const changes = {
    skuName,
    ...(isStated ? { diskIOPSReadWrite, diskMBpsReadWrite } : {}),
    networkAccessPolicy:
      spec.disk.networkAccessPolicy &&
      networkAccessPolicies.find((policy) => policy === shown.networkAccessPolicy),
    publicNetworkAccess:
      spec.disk.publicNetworkAccess &&
      publicNetworkAccesses.find((access) => access === shown.publicNetworkAccess),
    ...madeFields,
  };
  const stated = Object.entries(changes).filter(([, value]) => value !== undefined);
  const own = Object.entries(spec.disk.tags).filter(([name]) => isOwnTag(name));
  const others = Object.entries(mergeTags(shown.tags, madeTags)).filter(([name]) => !isOwnTag(name));
  const tags = Object.fromEntries([...own, ...others]);
  return { ...spec, disk: { ...spec.disk, ...(Object.fromEntries(stated) as typeof changes), tags } };
}
