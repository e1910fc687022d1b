import assert from "node:assert/strict";
import { it } from "node:test";
import { createSeededRandom } from "../../adapters/virtual/seeded-random.ts";
import { createVirtualClock } from "../../adapters/virtual/virtual-clock.ts";
import { ok } from "../../core/failure/result.ts";
import type { Source, SourceEvent, SourceObject } from "../../ports/store/source.ts";
import { silentLogger } from "../../ports/testing/silent-logger.ts";
import { createSourceCache } from "./source-cache.ts";

interface Pod extends SourceObject {
  readonly node: string;
}

function aPod(namespace: string, name: string, resourceVersion: string, node: string): Pod {
  return { metadata: { namespace, name, resourceVersion }, node };
}

it("distinguishes pods of one name in two namespaces, and finds each by its node", async () => {
  const clock = createVirtualClock();
  const events: SourceEvent<Pod>[] = [
    { type: "MODIFIED", object: aPod("b", "web", "3", "node-b") },
    { type: "DELETED", object: aPod("a", "web", "4", "node-a") },
  ];
  const source: Source<Pod> = {
    name: "pods",
    list: async () =>
      ok({ items: [aPod("a", "web", "1", "node-a"), aPod("b", "web", "2", "node-a")], resourceVersion: "2" }),
    async *watch(_version, signal) {
      for (const event of events) {
        await clock.sleep(1_000, signal);
        yield event;
      }
      await clock.sleep(1e9, signal);
    },
  };
  const cache = createSourceCache({
    source,
    indexes: { node: (pod: Pod) => [pod.node] },
    clock,
    random: createSeededRandom(1),
    logger: silentLogger,
  });
  const changes: string[] = [];
  cache.onChange(({ key, previous, current }) =>
    changes.push(`${key} ${previous?.node ?? "absent"}→${current?.node ?? "absent"}`),
  );
  const stop = new AbortController();
  const running = cache.run(stop.signal);
  await cache.untilSynced(stop.signal);
  assert.deepEqual(cache.byIndex("node", "node-a"), [
    aPod("a", "web", "1", "node-a"),
    aPod("b", "web", "2", "node-a"),
  ]);
  assert.deepEqual(cache.get("b/web"), aPod("b", "web", "2", "node-a"));
  const gone = cache.waitUntil("a/web", (pod) => pod === undefined, 10_000, stop.signal);
  await clock.advance(2_000);
  assert.equal(await gone, true);
  assert.deepEqual(cache.list(), [aPod("b", "web", "3", "node-b")]);
  assert.deepEqual(
    [cache.byIndex("node", "node-a"), cache.byIndex("node", "node-b")],
    [[], [aPod("b", "web", "3", "node-b")]],
  );
  assert.deepEqual(changes, [
    "a/web absent→node-a",
    "b/web absent→node-a",
    "b/web node-a→node-b",
    "a/web node-a→absent",
  ]);
  stop.abort();
  await running;
});
