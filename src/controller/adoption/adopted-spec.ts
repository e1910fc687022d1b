import type { AzVolume, VolumeCapability } from "../../core/api/az-volume.ts";
import { parseDiskUri } from "../../core/azure/ids/disk-uri.ts";
import { isSingleWriter, oneNodeOrMany } from "../../core/volume/access-modes.ts";
import { isDeviceSetting } from "../../core/volume/device/device-settings.ts";
import { isPartitionName } from "../../core/volume/device/partition.ts";
import { volumeParameterNames } from "../../core/volume/parameters/volume-parameter-table.ts";
import { readableParameters } from "../../core/volume/parameters/volume-parameters.ts";
import { writeAcceleratorIn } from "../../core/volume/tags/volume-tags.ts";
import type { DiskFacts } from "../../ports/cloud/cloud-provisioner.ts";
import { volumeFromTags } from "../disk/disk-tags.ts";

/** The use stated by the source that names a disk: a PersistentVolume, or the caller of a CSI method. */
export interface StatedUse {
  /** Empty: not stated. */
  readonly capabilities: readonly VolumeCapability[];
  readonly volumeContext: Readonly<Record<string, string>>;
  /** Name of the PersistentVolume, and its claim: labels for people. Absent without one. */
  readonly name?: string;
  readonly claim?: { readonly namespace: string; readonly name: string };
}

/** The default use of a disk where none is stated: one node's file system, as for nearly all. */
export const unstatedUse: StatedUse = { capabilities: [], volumeContext: {} };

/**
 * The spec of a disk without an AzVolume: the disk as Azure reports it, its use by its tags, or as stated.
 */
export function adoptedSpec(disk: DiskFacts, stated: StatedUse): AzVolume["spec"] {
  const { diskUri, skuName, sizeGiB, maxShares, location, zones, sourceUri } = disk;
  const [zone] = zones;
  const resourceGroup = parseDiskUri(diskUri)?.resourceGroup;
  const volumeContext = parametersIn(stated.volumeContext);
  const { maxMountReplicaCount, cachingMode, fsType, writeAcceleratorEnabled } =
    readableParameters(volumeContext);
  // V1 keeps the parameter in a tag, also of a disk whose PersistentVolume was written by hand.
  const accelerated = writeAcceleratorEnabled ?? writeAcceleratorIn(disk.tags);
  const known = volumeFromTags(disk.tags);
  const capabilities = known?.capabilities ?? capabilitiesOf(stated);
  const sharesLeft = maxShares - 1;
  const replicas =
    known?.maxMountReplicaCount ?? maxMountReplicaCount ?? (isSingleWriter(capabilities) ? sharesLeft : 0);
  return {
    volumeName: known?.volumeName ?? disk.diskName,
    capabilities,
    disk: {
      skuName,
      sizeGiB,
      maxShares,
      location,
      ...(zone === undefined ? {} : { zone }),
      ...(resourceGroup === undefined ? {} : { resourceGroup }),
      ...(sourceUri === undefined ? {} : { sourceUri }),
      tags: {},
    },
    ...(cachingMode === undefined ? {} : { cachingMode }),
    ...(fsType === undefined ? {} : { fsType }),
    ...(accelerated === undefined ? {} : { writeAcceleratorEnabled: accelerated }),
    maxMountReplicaCount: Math.min(replicas, sharesLeft),
    volumeContext,
    diskUri,
    deleteRequested: false,
  };
}

/**
 * Keeps only parameters that this version acts upon. A volume's context also carries its provisioner's
 * identity and parameters used at creation. What V1 would act upon at attach or mount is refused
 * (`unservedAttribute`), never dropped.
 */
function parametersIn(volumeContext: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const isActedUpon = (name: string): boolean =>
    isDeviceSetting(name) ||
    isPartitionName(name) ||
    volumeParameterNames.some((known) => known.toLowerCase() === name.toLowerCase());
  return Object.fromEntries(Object.entries(volumeContext).filter(([name]) => isActedUpon(name)));
}

function capabilitiesOf({ capabilities }: StatedUse): AzVolume["spec"]["capabilities"] {
  return capabilities.length === 0
    ? [{ accessType: "mount", accessMode: "SINGLE_NODE_WRITER" }]
    : [...oneNodeOrMany(capabilities)];
}
