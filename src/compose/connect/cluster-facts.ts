import type { ApiClient } from "../../adapters/kubernetes/api/api-client.ts";
import { createClusterVolumes } from "../../adapters/kubernetes/cluster-volumes.ts";
import { type CoreCaches, coreSources } from "../../adapters/kubernetes/core/core-sources.ts";
import { createPodVolumeUsers } from "../../adapters/kubernetes/volume-users.ts";
import type { Clock } from "../../ports/clock.ts";
import type { ClusterVolumes } from "../../ports/cluster/cluster-volumes.ts";
import type { VolumeUsers } from "../../ports/cluster/volume-users.ts";
import type { Logger } from "../../ports/logger.ts";
import type { Random } from "../../ports/random.ts";
import { createSourceCache } from "../../runtime/cache/source-cache.ts";
import { type AllCaches, allCaches } from "./all-caches.ts";

/** What Kubernetes itself knows of volumes, nodes and pods, and the ports that report it. */
export interface ClusterFacts extends AllCaches {
  readonly caches: CoreCaches;
  readonly users: VolumeUsers;
  readonly clusterVolumes: ClusterVolumes;
}

/** Empty caches of pods, claims, PersistentVolumes, VolumeAttachments and nodes, which `run` fills. */
export function followCluster(
  client: ApiClient,
  driverName: string,
  { clock, random, logger }: { readonly clock: Clock; readonly random: Random; readonly logger: Logger },
): ClusterFacts {
  const sources = coreSources(client, driverName);
  const ports = { clock, random, logger };
  const caches: CoreCaches = {
    pods: createSourceCache({ ...ports, ...sources.pods }),
    claims: createSourceCache({ ...ports, ...sources.claims }),
    persistentVolumes: createSourceCache({ ...ports, ...sources.persistentVolumes }),
    volumeAttachments: createSourceCache({ ...ports, ...sources.volumeAttachments }),
    nodes: createSourceCache({ ...ports, ...sources.nodes }),
  };
  return {
    ...allCaches({ ...caches }),
    caches,
    users: createPodVolumeUsers({ client, caches, driverName }),
    clusterVolumes: createClusterVolumes({ client, caches, driverName }),
  };
}
