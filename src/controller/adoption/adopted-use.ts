import type { AzVolume, VolumeCapability } from "../../core/api/az-volume.ts";
import { parseDiskUri } from "../../core/azure/disk-uri.ts";
import { isMultiNode, isSingleWriter } from "../../core/volume/access-modes.ts";
import { volumeParameterNames } from "../../core/volume/volume-parameter-names.ts";
import type { DiskFacts } from "../../ports/cloud/cloud-provisioner.ts";
import { volumeFromTags } from "../disk/disk-tags.ts";

/** The use that an adopted disk serves. */
export type AdoptedUse = Pick<
  AzVolume["spec"],
  "volumeName" | "capabilities" | "parameters" | "maxMountReplicaCount"
>;

/** The use stated by the source that names a disk: a PersistentVolume, or the caller of a CSI method. */
export interface StatedUse {
  /** Empty: not stated. */
  readonly capabilities: readonly VolumeCapability[];
  readonly volumeContext: Readonly<Record<string, string>>;
}

/** The default use of a disk where none is stated: one node's file system, as for nearly all. */
export const unstatedUse: StatedUse = { capabilities: [], volumeContext: {} };

/** Returns the use of a disk without an AzVolume: from this driver's tags, or else as stated. */
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
 * Keeps only parameters that this version acts upon. A volume's context also carries its provisioner's
 * identity and parameters used at creation. What V1 would act upon at attach or mount is refused
 * (`unservedAttribute`), never dropped.
 */
function parametersIn(volumeContext: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const isActedUpon = (name: string): boolean =>
    volumeParameterNames.some((known) => known.toLowerCase() === name.toLowerCase());
  return Object.fromEntries(Object.entries(volumeContext).filter(([name]) => isActedUpon(name)));
}

/** A mode for many nodes takes precedence over all others: external-attacher states such a mode alone. */
function oneNodeOrMany(stated: readonly VolumeCapability[]): AdoptedUse["capabilities"] {
  if (stated.length === 0) return [{ accessType: "mount", accessMode: "SINGLE_NODE_WRITER" }];
  const many = stated.filter(({ accessMode }) => isMultiNode(accessMode));
  return many.length > 0 ? many : stated;
}
