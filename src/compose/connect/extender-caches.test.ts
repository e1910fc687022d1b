import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ApiWatchEvent } from "../../adapters/kubernetes/api/api-client.ts";
import { scriptedApiClient } from "../../adapters/kubernetes/testing/scripted-api-client.ts";
import { createSeededRandom } from "../../adapters/virtual/seeded-random.ts";
import { createVirtualClock } from "../../adapters/virtual/virtual-clock.ts";
import { aDriverNode } from "../../controller/testing/a-driver-node.ts";
import { silentLogger } from "../../ports/testing/silent-logger.ts";
import { untilAborted } from "../until-aborted.ts";
import { createExtenderCaches } from "./extender-caches.ts";

const EVENTS_EVERY_MS = 10_000;

describe("the extender's caches", () => {
  it("count only a heartbeat as a node's sign of life, not other writes to its object", async () => {
    const clock = createVirtualClock();
    const node = (resourceVersion: string, heartbeat: number, maxVolumes = 8) => {
      const { metadata, ...rest } = aDriverNode("node-a", { heartbeat, maxVolumes });
      return { ...rest, metadata: { ...metadata, resourceVersion } };
    };
    const events: readonly ApiWatchEvent[] = [
      { type: "MODIFIED", object: node("2", 1, 4) },
      { type: "MODIFIED", object: node("3", 2, 4) },
      { type: "BOOKMARK", object: { metadata: { resourceVersion: "4" } } },
    ];
    const client = {
      ...scriptedApiClient(() => ({
        code: 200,
        body: { metadata: { resourceVersion: "1" }, items: [node("1", 1)] },
      })),
      async *watch(_path: string, _query: object, signal: AbortSignal) {
        for (const event of events) {
          await clock.sleep(EVENTS_EVERY_MS, signal);
          yield event;
        }
        await untilAborted(signal);
      },
    };
    const { nodes } = createExtenderCaches(
      client,
      { namespace: "default", driverName: "disk.csi.azure.com" },
      { clock, random: createSeededRandom(1), logger: silentLogger },
    );
    const ending = new AbortController();
    const ended = nodes.run(ending.signal);
    const unchanged: unknown[] = [];
    for (const _ of events) {
      await clock.advance(EVENTS_EVERY_MS);
      unchanged.push([nodes.get("node-a")?.volumesMax, nodes.watchedUnchangedMs("node-a")]);
    }
    assert.deepEqual(unchanged, [
      [4, EVENTS_EVERY_MS],
      [4, 0],
      [4, EVENTS_EVERY_MS],
    ]);
    ending.abort();
    await ended;
  });
});
