import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { BoundedCache } from "./bounded-cache.ts";

function aCache(): { readonly cache: BoundedCache<string>; readonly pass: (ms: number) => void } {
  let nowMs = 0;
  const clock = { nowMs: () => nowMs, elapsedMs: () => nowMs, sleep: () => Promise.resolve() };
  return { cache: new BoundedCache({ clock, entriesMax: 2, maxAgeMs: 1000 }), pass: (ms) => (nowMs += ms) };
}

const readOf = (
  cache: BoundedCache<string>,
  key: string,
  value: string | undefined,
): Promise<string | undefined> =>
  cache.read(
    key,
    () => Promise.resolve(value),
    (read) => read,
  );

describe("BoundedCache", () => {
  it("remembers what was read, until it is too old", async () => {
    const { cache, pass } = aCache();
    assert.equal(await readOf(cache, "a", "1"), "1");
    pass(1000);
    assert.equal(cache.get("a"), "1");
    pass(1);
    assert.equal(cache.get("a"), undefined);
  });

  it("remembers no failure", async () => {
    const { cache } = aCache();
    await readOf(cache, "a", undefined);
    assert.equal(cache.get("a"), undefined);
  });

  it("drops what a write changes, also what is being read at that time", async () => {
    const { cache } = aCache();
    const { promise, resolve } = Promise.withResolvers<string>();
    const reading = cache.read(
      "a",
      () => promise,
      (read) => read,
    );
    cache.drop("a");
    resolve("before the write");
    assert.equal(await reading, "before the write");
    assert.equal(cache.get("a"), undefined);
  });

  it("keeps the newest entries", async () => {
    const { cache } = aCache();
    for (const key of ["a", "b", "c"]) await readOf(cache, key, key);
    assert.deepEqual([cache.get("a"), cache.get("b"), cache.get("c")], [undefined, "b", "c"]);
  });
});
