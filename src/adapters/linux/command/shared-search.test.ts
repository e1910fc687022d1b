import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setImmediate } from "node:timers/promises";
import { createSharedSearch } from "./shared-search.ts";

const never = new AbortController().signal;

/** Searches that end when told, each with what was there when it began. */
function aSearch() {
  const world = { present: "nothing" };
  const begun: { readonly end: () => void; readonly signal: AbortSignal }[] = [];
  const shared = createSharedSearch(async (signal) => {
    const seen = world.present;
    const { promise, resolve } = Promise.withResolvers<undefined>();
    begun.push({ end: () => resolve(undefined), signal });
    await promise;
    return seen;
  });
  return { world, begun, shared };
}

describe("createSharedSearch", () => {
  it("makes two searches for any number of requests, the second after the first", async () => {
    const { world, begun, shared } = aSearch();
    const first = shared.run(never);
    await setImmediate();
    world.present = "a device that was opened since";
    const later = Array.from({ length: 20 }, () => shared.run(never));
    await setImmediate();
    assert.equal(begun.length, 1);
    begun[0]?.end();
    assert.equal(await first, "nothing");
    await setImmediate();
    begun[1]?.end();
    assert.deepEqual(new Set(await Promise.all(later)), new Set([world.present]));
    assert.equal(begun.length, 2);
  });

  it("continues after a search that failed", async () => {
    let searches = 0;
    const shared = createSharedSearch(async () => {
      searches += 1;
      if (searches === 1) throw new Error("no /proc");
      return searches;
    });
    await assert.rejects(shared.run(never), /no \/proc/u);
    assert.equal(await shared.run(never), 2);
  });

  it("ends a search with the last of its callers, and not before", async () => {
    const { begun, shared } = aSearch();
    const [one, other] = [new AbortController(), new AbortController()];
    const calls = [shared.run(one.signal), shared.run(other.signal)];
    await setImmediate();
    one.abort();
    assert.equal(await calls[0], undefined);
    assert.equal(begun[0]?.signal.aborted, false);
    other.abort();
    assert.equal(await calls[1], undefined);
    assert.equal(begun[0]?.signal.aborted, true);
    assert.equal(await shared.run(AbortSignal.abort()), undefined);
    assert.equal(begun.length, 1);
  });

  it("begins one for a caller that comes while all others have left the one that waits", async () => {
    const { begun, shared } = aSearch();
    const first = shared.run(never);
    await setImmediate();
    const left = new AbortController();
    const second = shared.run(left.signal);
    left.abort();
    assert.equal(await second, undefined);
    const third = shared.run(never);
    begun[0]?.end();
    await first;
    await setImmediate();
    for (const { end } of begun) end();
    await setImmediate();
    assert.equal(begun.at(-1)?.signal.aborted, false);
    for (const { end } of begun) end();
    assert.equal(await third, "nothing");
  });
});
