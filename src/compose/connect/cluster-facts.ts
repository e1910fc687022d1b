import type { ApiClient } from "../../adapters/kubernetes/api/api-client.ts";
import { createClusterVolumes } from "../../adapters/kubernetes/cluster-volumes.ts";
import { type CoreCaches, coreSources } from "../../adapters/kubernetes/core/core-sources.ts";
import { type ReadBoundPods, readBoundPods } from "../../adapters/kubernetes/volume-users-now.ts";
import { createPodVolumeUsers } from "../../adapters/kubernetes/volume-users.ts";
import type { Clock } from "../../ports/clock.ts";
import type { ClusterVolumes } from "../../ports/cluster/cluster-volumes.ts";
import type { VolumeUsers } from "../../ports/cluster/volume-users.ts";
import { createSourceCache } from "../../runtime/cache/source-cache.ts";
import { sharedResults } from "../../runtime/shared-reads.ts";
import type { ProcessPorts } from "../roles/run-role.ts";
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
  { clock, random, logger }: Pick<ProcessPorts, "clock" | "random" | "logger">,
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
    users: createPodVolumeUsers({ client, caches, readPods: podReads(client, driverName, clock) }),
    clusterVolumes: createClusterVolumes({ client, caches, driverName }),
  };
}

/**
 * Each answer is of a read that began after the question. One read of a node answers all questions that were
 * asked in a row, whatever their volumes: so one update of a VM that detaches ten disks of a node asks once.
 */
function podReads(client: ApiClient, driverName: string, clock: Clock): ReadBoundPods {
  return sharedResults({
    clock,
    keyOf: (nodeName: string) => nodeName,
    read: async (nodeName, onSent, signal) => {
      await clock.sleep(0, signal);
      onSent();
      return readBoundPods({ client, driverName }, nodeName, signal);
    },
  });
}
