import type { ApiClient } from "../../src/adapters/kubernetes/api/api-client.ts";
import { createKubernetesObjectStore } from "../../src/adapters/kubernetes/kubernetes-object-store.ts";
import { systemClock } from "../../src/adapters/system/system-clock.ts";
import { systemRandom } from "../../src/adapters/system/system-random.ts";
import { createObjectCache } from "../../src/objects/cache/object-cache.ts";
import type { ObjectCache } from "../../src/objects/cache/object-cache.ts";
import type { Logger } from "../../src/ports/logger.ts";
import type { KindMap } from "../../src/ports/store/object-store.ts";
import type { FollowSettings } from "../../src/runtime/cache/follow-source.ts";

/** A cache of AzDriverNodes that is being kept up to date. */
export interface FollowedNodes {
  readonly cache: ObjectCache;
  /** The changes that were reported: `name before→after`, by label `step`. */
  readonly changes: string[];
  /** The reasons why watches ended or lists failed. */
  readonly troubles: string[];
  /** Waits until the cache shows exactly these objects; rejects after the time limit. */
  untilShows(expected: () => Promise<readonly KindMap["AzDriverNode"][]>, timeoutMs: number): Promise<void>;
  stop(): Promise<void>;
}

/** Follows the AzDriverNodes of a namespace, and waits for the first list. */
export async function followNodes(
  client: ApiClient,
  namespace: string,
  settings: Partial<FollowSettings> = {},
): Promise<FollowedNodes> {
  const troubles: string[] = [];
  const note: Logger["info"] = (message, fields) => {
    troubles.push(typeof fields?.["reason"] === "string" ? fields["reason"] : message);
  };
  const logger: Logger = { debug: () => undefined, info: note, warn: note, error: note, child: () => logger };
  const store = createKubernetesObjectStore(client, namespace);
  const cache = createObjectCache({
    store,
    clock: systemClock,
    random: systemRandom,
    logger,
    kinds: ["AzDriverNode"],
    settings,
  });
  const changes: string[] = [];
  cache.onChange((change) => {
    if (change.kind === "AzDriverNode")
      changes.push(`${change.name} ${stepOf(change.previous)}→${stepOf(change.current)}`);
  });
  const stopping = new AbortController();
  const running = cache.run(stopping.signal);
  await cache.untilSynced(stopping.signal);
  return {
    cache,
    changes,
    troubles,
    untilShows: async (expected, timeoutMs) => {
      for (const node of await expected()) {
        const { name, resourceVersion } = node.metadata;
        await cache.waitUntil(
          "AzDriverNode",
          name,
          (known) => known?.metadata.resourceVersion === resourceVersion,
          timeoutMs,
          stopping.signal,
        );
      }
      const names = (nodes: readonly KindMap["AzDriverNode"][]): string =>
        nodes.map(({ metadata }) => `${metadata.name}@${metadata.resourceVersion}`).join(" ");
      const wanted = names(await expected());
      for (const { metadata } of cache.list("AzDriverNode")) {
        if (!wanted.includes(`${metadata.name}@`))
          await cache.waitUntil(
            "AzDriverNode",
            metadata.name,
            (known) => known === undefined,
            timeoutMs,
            stopping.signal,
          );
      }
      if (names(cache.list("AzDriverNode")) !== wanted)
        throw new Error(`the cache shows ${names(cache.list("AzDriverNode"))} and not ${wanted}`);
    },
    stop: async () => {
      stopping.abort();
      await running;
    },
  };
}

function stepOf(node: KindMap["AzDriverNode"] | undefined): string {
  return node === undefined ? "absent" : (node.metadata.labels?.["step"] ?? "-");
}
