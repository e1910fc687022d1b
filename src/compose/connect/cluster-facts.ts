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

/** What Kubernetes itself knows of volumes, nodes and pods, and the ports that report it. */
export interface ClusterFacts {
  readonly caches: CoreCaches;
  readonly users: VolumeUsers;
  readonly clusterVolumes: ClusterVolumes;
  /** Which of the caches have not been listed yet, as text; undefined if all have. */
  readonly whyNotSynced: () => string | undefined;
  readonly untilSynced: (signal: AbortSignal) => Promise<void>;
  /** Keeps the caches up to date until `signal` is aborted. */
  readonly run: (signal: AbortSignal) => Promise<void>;
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
  const all = Object.entries<{
    readonly hasSynced: () => boolean;
    readonly untilSynced: (signal: AbortSignal) => Promise<void>;
    readonly run: (signal: AbortSignal) => Promise<void>;
  }>({ ...caches });
  return {
    caches,
    users: createPodVolumeUsers({ client, caches, driverName }),
    clusterVolumes: createClusterVolumes({ client, caches, driverName }),
    whyNotSynced: () => {
      const missing = all.filter(([, cache]) => !cache.hasSynced()).map(([name]) => name);
      return missing.length === 0 ? undefined : `not listed yet: ${missing.join(", ")}`;
    },
    untilSynced: async (signal) => {
      await Promise.all(all.map(([, cache]) => cache.untilSynced(signal)));
    },
    run: async (signal) => {
      await Promise.all(all.map(([, cache]) => cache.run(signal)));
    },
  };
}
