import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { scriptedApiClient } from "../../adapters/kubernetes/testing/scripted-api-client.ts";
import { createSeededRandom } from "../../adapters/virtual/seeded-random.ts";
import { createVirtualClock } from "../../adapters/virtual/virtual-clock.ts";
import { silentLogger } from "../../controller/testing/silent-logger.ts";
import { WatchBroken } from "../../ports/store/object-store.ts";
import { createExtenderCaches } from "./extender-caches.ts";
import { STALE_AFTER_MS, whyStale } from "./why-stale.ts";

const BOOKMARKS_EVERY_MS = 60_000;

describe("whyStale", () => {
  it("names the caches whose sources have reported nothing for too long, until they do", async () => {
    const clock = createVirtualClock();
    const ending = new AbortController();
    let refused = "";
    const client = {
      ...scriptedApiClient(({ path }) =>
        path.endsWith(refused) && refused !== ""
          ? { code: 403, body: { kind: "Status", reason: "Forbidden" } }
          : { code: 200, body: { metadata: { resourceVersion: "1" }, items: [] } },
      ),
      async *watch(path: string, _query: object, signal: AbortSignal) {
        while (!signal.aborted) {
          await clock.sleep(BOOKMARKS_EVERY_MS, signal);
          if (refused !== "" && path.endsWith(refused)) throw new WatchBroken("403");
          yield { type: "BOOKMARK", object: { metadata: { resourceVersion: "1" } } } as const;
        }
      },
    };
    const caches = createExtenderCaches(
      client,
      { namespace: "default", driverName: "disk.csi.azure.com" },
      { clock, random: createSeededRandom(1), logger: silentLogger },
    );
    const why = (): string | undefined => whyStale({ ...caches }, clock.elapsedMs());
    assert.equal(why(), undefined);
    const ended = Promise.all(Object.values(caches).map((cache) => cache.run(ending.signal)));
    await clock.advance(4 * STALE_AFTER_MS);
    assert.equal(why(), undefined);
    refused = "/azvolumes";
    await clock.advance(STALE_AFTER_MS - 1);
    assert.equal(why(), undefined);
    await clock.advance(1);
    assert.equal(why(), "not seen for 300 s: volumes");
    refused = "";
    await clock.advance(2 * BOOKMARKS_EVERY_MS);
    assert.equal(why(), undefined);
    ending.abort();
    await ended;
  });
});
