import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ApiAnswer, ApiClient, ApiWatchEvent } from "../../adapters/kubernetes/api/api-client.ts";
import { scriptedApiClient } from "../../adapters/kubernetes/testing/scripted-api-client.ts";
import { createSeededRandom } from "../../adapters/virtual/seeded-random.ts";
import { createVirtualClock, type VirtualClock } from "../../adapters/virtual/virtual-clock.ts";
import { sleepUnlessAborted } from "../../ports/clock.ts";
import { WatchBroken } from "../../ports/store/object-store.ts";
import { silentLogger } from "../../ports/testing/silent-logger.ts";
import { STALE_AFTER_MS, whyStale } from "./all-caches.ts";
import { createExtenderCaches } from "./extender-caches.ts";

const NO_EVENTS: readonly ApiWatchEvent[] = [];
const BOOKMARKS_EVERY_MS = 60_000;
const LISTED: ApiAnswer = { code: 200, body: { metadata: { resourceVersion: "1" }, items: [] } };
const FORBIDDEN: ApiAnswer = { code: 403, body: { kind: "Status", reason: "Forbidden" } };

/** Empty caches that are run until `end` is called; `watch` is what the server does with a path's watch. */
function followed(
  answers: (path: string) => ApiAnswer,
  watch: (path: string, clock: VirtualClock, signal: AbortSignal) => ReturnType<ApiClient["watch"]>,
): {
  readonly clock: VirtualClock;
  readonly start: () => void;
  readonly why: () => string | undefined;
  readonly end: () => Promise<void>;
} {
  const clock = createVirtualClock();
  const ending = new AbortController();
  const client: ApiClient = {
    ...scriptedApiClient(({ path }) => answers(path)),
    watch: (path, _query, signal) => watch(path, clock, signal),
  };
  const caches = createExtenderCaches(
    client,
    { namespace: "default", driverName: "disk.csi.azure.com" },
    { clock, random: createSeededRandom(1), logger: silentLogger },
  );
  let ended: Promise<unknown> = Promise.resolve();
  return {
    clock,
    start: () => {
      ended = Promise.all(Object.values(caches).map((cache) => cache.run(ending.signal)));
    },
    why: () => whyStale({ ...caches }, clock.elapsedMs()),
    end: async () => {
      ending.abort();
      await ended;
    },
  };
}

describe("whyStale", () => {
  it("names the caches whose sources have reported nothing for too long, until they do", async () => {
    let refused = "";
    const isRefused = (path: string): boolean => refused !== "" && path.endsWith(refused);
    const { clock, start, why, end } = followed(
      (path) => (isRefused(path) ? FORBIDDEN : LISTED),
      async function* watch(path, { sleep }, signal) {
        while (!signal.aborted) {
          await sleep(BOOKMARKS_EVERY_MS, signal);
          if (isRefused(path)) throw new WatchBroken("403");
          yield { type: "BOOKMARK", object: { metadata: { resourceVersion: "1" } } } as const;
        }
      },
    );
    assert.equal(why(), undefined);
    start();
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
    await end();
  });

  it("names none beside quiet sources whose watches bring neither events nor bookmarks", async () => {
    const { clock, start, why, end } = followed(() => LISTED, silence);
    start();
    for (let minutes = 0; minutes < 60; minutes++) {
      await clock.advance(60_000);
      assert.equal(why(), undefined, `after ${minutes + 1} minutes`);
    }
    await end();
  });

  it("names one that can be listed, and whose watch is refused for good", async () => {
    const { clock, start, why, end } = followed(
      () => LISTED,
      (path, ...rest) => {
        if (path.endsWith("/azvolumes")) throw new WatchBroken("403");
        return silence(path, ...rest);
      },
    );
    start();
    await clock.advance(STALE_AFTER_MS - 1);
    assert.equal(why(), undefined);
    for (let minutes = 0; minutes < 60; minutes++) {
      await clock.advance(60_000);
      assert.equal(why(), "not seen for 300 s: volumes", `after ${minutes + 6} minutes`);
    }
    await end();
  });
});

async function* silence(
  _path: string,
  clock: VirtualClock,
  signal: AbortSignal,
): ReturnType<ApiClient["watch"]> {
  await sleepUnlessAborted(clock, 1e9, signal);
  yield* NO_EVENTS;
}
