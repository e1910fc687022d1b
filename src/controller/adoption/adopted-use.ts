import type { AzVolume, VolumeCapability } from "../../core/api/az-volume.ts";
import { parseDiskUri } from "../../core/azure/disk-uri.ts";
import { isMultiNode, isSingleWriter } from "../../core/volume/access-modes.ts";
import { volumeParameterNames } from "../../core/volume/volume-parameter-names.ts";
import type { DiskFacts } from "../../ports/cloud/cloud-provisioner.ts";
import { volumeFromTags } from "../disk/disk-tags.ts";

/** What an adopted disk is to be used for. */
export type AdoptedUse = Pick<
  AzVolume["spec"],
  "volumeName" | "capabilities" | "parameters" | "maxMountReplicaCount"
>;

/** What whoever names a disk says of its use: a PersistentVolume, or the caller of a CSI method. */
export interface StatedUse {
  /** Empty: not stated. */
  readonly capabilities: readonly VolumeCapability[];
  readonly volumeContext: Readonly<Record<string, string>>;
}

/** What a disk is taken for that nobody says anything of: one node's file system, as nearly all are. */
export const unstatedUse: StatedUse = { capabilities: [], volumeContext: {} };

/**
 * What a disk without an AzVolume is for: as its tags tell, which this driver wrote, or else as is stated.
 */
export function adoptedUse(
  disk: Pick<DiskFacts, "diskUri" | "maxShares" | "tags">,
  stated: StatedUse,
): AdoptedUse {
  const parameters = parametersIn(stated.volumeContext);
  const known = volumeFromTags(disk.tags);
  if (known !== undefined) return { ...known, parameters };
  const capabilities = oneNodeOrMany(stated.capabilities);
  const replicas = Number(
    parameters["maxMountReplicaCount"] ?? (isSingleWriter(capabilities) ? disk.maxShares - 1 : 0),
  );
  const volumeName = parseDiskUri(disk.diskUri)?.diskName ?? disk.diskUri;
  return {
    volumeName,
    capabilities,
    parameters,
    maxMountReplicaCount: Number.isInteger(replicas) && replicas >= 0 ? replicas : disk.maxShares - 1,
  };
}

/**
 * Only what this version acts upon: a volume's context carries more, such as its provisioner's identity and
 * parameters that shaped the disk when it was created. What V1 would act upon at attach or mount is refused
 * there (`unservedAttribute`), never dropped.
 */
function parametersIn(volumeContext: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const isActedUpon = (name: string): boolean =>
    volumeParameterNames.some((known) => known.toLowerCase() === name.toLowerCase());
  return Object.fromEntries(Object.entries(volumeContext).filter(([name]) => isActedUpon(name)));
}

/**
 * A volume that may be used on many nodes is used so, whatever else it may be used for: external-attacher
 * states such a mode alone.
 */
function oneNodeOrMany(stated: readonly VolumeCapability[]): AdoptedUse["capabilities"] {
  if (stated.length === 0) return [{ accessType: "mount", accessMode: "SINGLE_NODE_WRITER" }];
  const many = stated.filter(({ accessMode }) => isMultiNode(accessMode));
  return many.length > 0 ? many : stated;
}
