import { diskUriOf } from "../../core/api/identity/disk-uri-of.ts";
import type { NodeIdentity } from "../../core/api/identity/node-identity.ts";
import { barrierPendingNames } from "../../core/attachment/observed-volume.ts";
import { resourceUriKey } from "../../core/azure/ids/disk-uri.ts";
import { nodesNotOnlyClean, nodesIn } from "../../core/writer/record/record-nodes.ts";
import type { Kind, KindMap } from "../../ports/store/object-store.ts";
import type { KeysOf } from "../../runtime/cache/cached-objects.ts";

/** The values under which the cache indexes objects of a kind, besides their names. */
export const cacheIndexes = {
  AzVolume: {
    /** The disk's URI as `resourceUriKey` writes it. */
    diskUri: (volume: KindMap["AzVolume"]) => {
      const diskUri = diskUriOf(volume);
      return diskUri === undefined ? [] : [resourceUriKey(diskUri)];
    },
    /**
     * Names of the nodes in the entries of its record, without the clean ones. Attaches rely on it to have
     * all that were fenced, so it names these whatever else their entries say.
     */
    recordedOn: (volume: KindMap["AzVolume"]) => [
      ...new Set(recordedIn(volume).map(({ nodeName }) => nodeName)),
    ],
    /** The resource ids, as `resourceUriKey` writes them, of the VMs of the same nodes. */
    recordedOnVm: (volume: KindMap["AzVolume"]) => [
      ...new Set(recordedIn(volume).map(({ instanceUri }) => resourceUriKey(instanceUri))),
    ],
    /** Names of the nodes that its record lists with a pending write barrier. */
    barrierPendingOn: barrierPendingNames,
  },
  AzVolumeAttachment: {
    volumeName: (attachment: KindMap["AzVolumeAttachment"]) => [attachment.spec.volumeName],
    nodeName: (attachment: KindMap["AzVolumeAttachment"]) => [attachment.spec.nodeName],
    /** The disk, as by `resourceUriKey`, whichever volume it is said to be of. */
    volumeId: ({ spec }: KindMap["AzVolumeAttachment"]) => [resourceUriKey(spec.volumeId)],
    /** The resource id, as by `resourceUriKey`, of the VM to which a controller attaches the disk. */
    instanceUri: ({ status }: KindMap["AzVolumeAttachment"]) =>
      status?.instanceUri === undefined ? [] : [resourceUriKey(status.instanceUri)],
  },
  AzDriverNode: {
    /** Names of the volumes in the node's reported checkpoints. */
    checkpointed: (node: KindMap["AzDriverNode"]) => [
      ...new Set(node.status?.volumes.map(({ volumeName }) => volumeName)),
    ],
    /** The resource id of the node's VM as `resourceUriKey` writes it. */
    instanceUri: (node: KindMap["AzDriverNode"]) =>
      node.status === undefined ? [] : [resourceUriKey(node.status.instanceUri)],
  },
  ClusterNode: {
    /** The resource id, as `resourceUriKey` writes it, of the VM that the orchestrator names. */
    instanceUri: ({ spec }: KindMap["ClusterNode"]) =>
      spec.instanceUri === undefined ? [] : [resourceUriKey(spec.instanceUri)],
  },
  Lease: {},
} as const satisfies { readonly [K in Kind]: Readonly<Record<string, KeysOf<KindMap[K]>>> };

function recordedIn({ status }: KindMap["AzVolume"]): readonly NodeIdentity[] {
  const record = status?.record;
  return record === undefined ? [] : [...nodesNotOnlyClean(record), ...nodesIn(record, "fenced")];
}

export type IndexName<K extends Kind> = keyof (typeof cacheIndexes)[K] & string;
