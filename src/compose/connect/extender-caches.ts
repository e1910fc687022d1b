import { apiVersionOf, pluralOf } from "../../adapters/embedded/api-paths.ts";
import type { ApiClient } from "../../adapters/kubernetes/api/api-client.ts";
import type { ApiObject } from "../../adapters/kubernetes/api/api-object.ts";
import { resourceSource } from "../../adapters/kubernetes/api/resource-source.ts";
import {
  readClusterPersistentVolume,
  type PersistentVolume,
} from "../../adapters/kubernetes/core/core-persistent-volume.ts";
import { objectFromWire, type WireObject } from "../../adapters/kubernetes/store-objects.ts";
import type { Kind, KindMap } from "../../ports/store/object-store.ts";
import type { SourceCache } from "../../ports/store/source-cache.ts";
import type { Source, SourceObject } from "../../ports/store/source.ts";
import { createSourceCache } from "../../runtime/cache/source-cache.ts";
import {
  attachmentFacts,
  type ClaimFacts,
  claimFacts,
  type NodeFacts,
  nodeFacts,
  type PersistentVolumeFacts,
  persistentVolumeFacts,
  type StorageClassFacts,
  storageClassFacts,
  volumeFacts,
  type WireClaim,
  type WireStorageClass,
} from "../../scheduler-extender/facts.ts";
import type { ProcessPorts } from "../roles/run-role.ts";

/**
 * Two stall times of a watch, which is resumed once before. A list of many objects is rare then, and ends
 * before the source counts as old (`STALE_AFTER_MS`). No more than a few pods of the extender list at once.
 */
const SETTINGS = { silenceMaxMs: 180_000 };

/**
 * Empty caches, each with a list and a watch of its own; each has to be run. Needs list and watch on each
 * resource: the driver's own in its namespace, the others in the whole cluster.
 */
export function createExtenderCaches(
  client: ApiClient,
  cluster: { readonly namespace: string; readonly driverName: string },
  ports: Pick<ProcessPorts, "clock" | "random" | "logger">,
) {
  const { namespace, driverName } = cluster;
  const options = { ...ports, settings: SETTINGS };

  const own = <K extends Kind, T extends SourceObject>(kind: K, read: (object: KindMap[K]) => T): Source<T> =>
    resourceSource<WireObject, T>(client, {
      path: `/apis/${apiVersionOf(kind)}/namespaces/${encodeURIComponent(namespace)}/${pluralOf(kind)}`,
      transform: (object) => read(objectFromWire(kind, object)),
    });
  const cacheOf = <T extends SourceObject>(source: Source<T>): SourceCache<T> =>
    createSourceCache({ ...options, source, indexes: {} });
  const byDisk = {
    diskKey: ({ diskKey }: { readonly diskKey: string }) => (diskKey === "" ? [] : [diskKey]),
  };

  return {
    volumes: createSourceCache({ ...options, source: own("AzVolume", volumeFacts), indexes: byDisk }),
    attachments: createSourceCache({
      ...options,
      source: own("AzVolumeAttachment", attachmentFacts),
      indexes: byDisk,
    }),
    nodes: createSourceCache({
      ...options,
      source: own("AzDriverNode", nodeFacts),
      indexes: {},
      signOfLife: ({ heartbeat }: NodeFacts) => heartbeat,
    }),
    claims: cacheOf(
      resourceSource<ApiObject & WireClaim, ClaimFacts>(client, {
        path: "/api/v1/persistentvolumeclaims",
        transform: claimFacts,
      }),
    ),
    persistentVolumes: cacheOf(
      resourceSource<PersistentVolume, PersistentVolumeFacts>(client, {
        path: "/api/v1/persistentvolumes",
        transform: (volume) =>
          persistentVolumeFacts(volume, readClusterPersistentVolume(volume, driverName).volume?.volumeId),
      }),
    ),
    storageClasses: cacheOf(
      resourceSource<ApiObject & WireStorageClass, StorageClassFacts>(client, {
        path: "/apis/storage.k8s.io/v1/storageclasses",
        transform: (storageClass) => storageClassFacts(storageClass, driverName),
      }),
    ),
  };
}
