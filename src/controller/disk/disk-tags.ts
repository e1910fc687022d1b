import type { AzVolume } from "../../core/api/az-volume.ts";
import { accessModes } from "../../core/volume/access-mode.ts";
import { CREATED_BY, metadataTagNames, type Tags } from "../../core/volume/tags/volume-tags.ts";

const CLUSTER_ID = "disk.csi.azure.com-cluster-id";
const UID = "disk.csi.azure.com-uid";
const VOLUME_NAME = "disk.csi.azure.com-volume-name";
const REPLICAS = "disk.csi.azure.com-replicas";
const ACCESS_TYPES = "disk.csi.azure.com-access";

/** The tags by which a disk's volume is recovered if the object store is lost. */
export function driverTags(volume: AzVolume, clusterId: string): Tags {
  const access = [
    ...new Set(
      volume.spec.capabilities.map((capability) => `${capability.accessType}/${capability.accessMode}`),
    ),
  ]
    .toSorted()
    .join(" ");
  return {
    ...clusterTags(clusterId),
    [UID]: volume.metadata.uid,
    [VOLUME_NAME]: volume.spec.volumeName,
    [REPLICAS]: String(volume.spec.maxMountReplicaCount),
    [ACCESS_TYPES]: access,
  };
}

/** The tags of every resource that this driver makes for a cluster. */
export function clusterTags(clusterId: string): Tags {
  return { [CREATED_BY.name]: CREATED_BY.value, [CLUSTER_ID]: clusterId };
}

/**
 * Whether this driver, V1 or V2, made a disk or snapshot: only such a disk may become a volume of the
 * same name, since deleting the volume deletes it.
 */
export function isMadeByDriver(tags: Tags): boolean {
  return tags[CREATED_BY.name] === CREATED_BY.value;
}

/** The cluster that made a disk or snapshot, by its tag; undefined for one that V1 or a person made. */
export function clusterOf(tags: Tags): string | undefined {
  return tags[CLUSTER_ID];
}

/** Whether a disk was made for exactly this object: no node can have had it before. */
export function isMadeFor(volume: AzVolume, tags: Tags): boolean {
  return tags[UID] === volume.metadata.uid;
}

/** The first tag that names another owner than `own` does; undefined: none. A missing tag names none. */
export function differingTag(own: Tags, present: Tags): string | undefined {
  return [CREATED_BY.name, CLUSTER_ID, UID, VOLUME_NAME].find(
    (name) => present[name] !== undefined && present[name] !== own[name],
  );
}

/** The volume for which a disk was made, by the tag of this driver or of V1; undefined: it names none. */
export function volumeNameIn(tags: Tags): string | undefined {
  return tags[VOLUME_NAME] ?? tags[metadataTagNames["csi.storage.k8s.io/pv/name"]];
}

/** Whether V2 of this driver made a disk, so that it has had a record. V1's disks never had one. */
export function isMadeByV2(tags: Tags): boolean {
  return isMadeByDriver(tags) && tags[UID] !== undefined;
}

/** The volume that a disk's tags describe; undefined for a disk that V2 of this driver did not make. */
export function volumeFromTags(tags: Tags):
  | {
      readonly volumeName: string;
      readonly maxMountReplicaCount: number;
      readonly capabilities: AzVolume["spec"]["capabilities"];
    }
  | undefined {
  const volumeName = tags[VOLUME_NAME] ?? "";
  // A person may have emptied the tag.
  if (!isMadeByDriver(tags) || volumeName === "") return undefined;
  const capabilities = (tags[ACCESS_TYPES] ?? "")
    .split(" ")
    .flatMap((access): AzVolume["spec"]["capabilities"] => {
      const [accessType, accessMode] = access.split("/");
      const mode = accessModes.find((candidate) => candidate === accessMode);
      return mode !== undefined && (accessType === "block" || accessType === "mount")
        ? [{ accessType, accessMode: mode }]
        : [];
    });
  const replicas = Number(tags[REPLICAS] ?? "0");
  return {
    volumeName,
    maxMountReplicaCount: Number.isInteger(replicas) && replicas >= 0 ? replicas : 0,
    capabilities:
      capabilities.length > 0 ? capabilities : [{ accessType: "mount", accessMode: "SINGLE_NODE_WRITER" }],
  };
}
