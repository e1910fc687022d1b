import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createSimulatedStore } from "../../adapters/simulated-store/simulated-store.ts";
import { createSeededRandom } from "../../adapters/virtual/seeded-random.ts";
import { createVirtualClock } from "../../adapters/virtual/virtual-clock.ts";
import type { Kind, ObjectStore } from "../../ports/store/object-store.ts";
import { writeThroughStore } from "./write-through-store.ts";

const never = new AbortController().signal;
const CALLERS = 30;

/** What a store of one name each is asked for by `CALLERS` calls at once. */
async function readsOf(ask: (store: ObjectStore) => Promise<unknown>): Promise<number> {
  const clock = createVirtualClock();
  const simulated = createSimulatedStore({ clock, random: createSeededRandom(1) }).handle("controller");
  let reads = 0;
  const counted: ObjectStore = {
    ...simulated,
    get: (kind, name, signal) => {
      reads += 1;
      return simulated.get(kind, name, signal);
    },
    list: (kind, selector, signal) => {
      reads += 1;
      return simulated.list(kind, selector, signal);
    },
  };
  const store = writeThroughStore(counted, { clock, cache: { remember: () => undefined } }, []);
  const asked = Promise.all(Array.from({ length: CALLERS }, () => ask(store)));
  let isDone = false;
  const ended = asked.finally(() => (isDone = true));
  assert.ok(await clock.runUntil(() => isDone, 60_000));
  await ended;
  return reads;
}

describe("a store whose writes enter the cache", () => {
  for (const kind of ["Lease", "AzDriverNode", "ClusterNode"] as const satisfies readonly Kind[])
    it(`answers a burst of reads of one ${kind} by two`, async () => {
      assert.equal(await readsOf((store) => store.get(kind, "node-a", never)), 2);
    });

  it("answers a burst of lists of one node's attachments by two", async () => {
    const listed = (nodeName: string) => (store: ObjectStore) =>
      store.list("AzVolumeAttachment", { nodeName }, never);
    assert.equal(await readsOf(listed("node-a")), 2);
    let index = 0;
    assert.equal(await readsOf((store) => listed(`node-${index++ % 2}`)(store)), 4);
  });

  it("reads a volume for each caller", async () => {
    assert.equal(await readsOf((store) => store.get("AzVolume", "pvc-1", never)), CALLERS);
  });
});
