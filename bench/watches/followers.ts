import type { ApiClient } from "../../src/adapters/kubernetes/api/api-client.ts";
import { createKubernetesObjectStore } from "../../src/adapters/kubernetes/kubernetes-object-store.ts";
import { systemClock } from "../../src/adapters/system/system-clock.ts";
import { systemRandom } from "../../src/adapters/system/system-random.ts";
import { followOwnObjects } from "../../src/compose/assemble-node.ts";
import { labelValue } from "../../src/core/api/object-names.ts";
import { createObjectCache, type ObjectCache } from "../../src/objects/cache/object-cache.ts";
import { NODE_NAME_LABEL } from "../../src/objects/new-attachment.ts";
import type { LabelSelector, ObjectStore } from "../../src/ports/store/object-store.ts";
import { silentLogger } from "../../src/ports/testing/silent-logger.ts";
import type { ApiServer } from "../../test/kubernetes-store/api-server.ts";
import { openWeakLink } from "../../testbed/ports/weak-link.ts";

/** The caches of all node plug-ins of a cluster. */
export interface Followers {
  readonly caches: readonly ObjectCache[];
  /** What the API server has sent to them, in bytes. */
  readonly receivedBytes: () => number;
  readonly close: () => Promise<void>;
}

/** How a node follows the store: as it ships, or every AzVolume, as before. */
export type Follow = "own" | "every";

/** Starts a cache for each node, each over connections of its own, and waits until they have synced. */
export async function startFollowers(
  server: ApiServer,
  namespace: string,
  nodeNames: readonly string[],
  follow: Follow,
): Promise<Followers> {
  const link = await openWeakLink(server.config);
  const life = new AbortController();
  const clients: ApiClient[] = [];
  const caches = nodeNames.map((nodeName) => {
    const client = server.connect({ config: link.config });
    clients.push(client);
    const store = createKubernetesObjectStore(client, namespace);
    const ports = { clock: systemClock, random: systemRandom, logger: silentLogger };
    return follow === "own"
      ? followOwnObjects({ ...ports, store, nodeName }).cache
      : createObjectCache({
          ...ports,
          store: everyVolume(store, nodeName),
          kinds: ["AzVolume", "AzVolumeAttachment"],
        });
  });
  const running = Promise.all(caches.map((cache) => cache.run(life.signal)));
  await Promise.race([running, Promise.all(caches.map((cache) => cache.untilSynced(life.signal)))]);
  return {
    caches,
    receivedBytes: link.receivedBytes,
    close: async () => {
      life.abort();
      await running;
      for (const client of clients) client.close();
      await link.close();
    },
  };
}

/** Only attachments were narrowed: of the volumes each node received all, and kept its own. */
function everyVolume(store: ObjectStore, nodeName: string): ObjectStore {
  const selectorOf = (kind: string): LabelSelector =>
    kind === "AzVolumeAttachment" ? { [NODE_NAME_LABEL]: labelValue(nodeName) } : {};
  return {
    ...store,
    list: (kind, _selector, signal) => store.list(kind, selectorOf(kind), signal),
    watch: (kind, _selector, resourceVersion, signal) =>
      store.watch(kind, selectorOf(kind), resourceVersion, signal),
  };
}
