import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import type { Mutant } from "./source/mutant.ts";
import { mutantKey, openVerdictCache, type Outcome } from "./verdict-cache.ts";

const file = "src/a.ts";
const [first, second] = [0, 10].map((start): Mutant => {
  const edit = { start, end: start + 4, text: "false" };
  return {
    file,
    line: 1,
    column: start + 1,
    operator: "literal",
    edit,
    site: { start, end: start + 4, kind: "expression" },
  };
}) as [Mutant, Mutant];
const killed: Outcome = { kind: "killed", by: { file: "src/a.test.ts", title: "does" }, why: "1 !== 2" };

/** The path of a cache that is still empty. */
async function withCache(act: (path: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "verdicts-"));
  try {
    await act(join(folder, "made", "verdicts.json"));
  } finally {
    await rm(folder, { recursive: true });
  }
}

describe("the cache of verdicts", () => {
  it("keeps an interrupted run's verdicts on a file for exactly these sources", () =>
    withCache(async (path) => {
      const interrupted = await openVerdictCache(path);
      await interrupted.put(file, "hash-1", new Map([[mutantKey(first), killed]]));
      const again = await openVerdictCache(path);
      assert.deepEqual(again.valid(file, "hash-1"), new Map([[mutantKey(first), killed]]));
      assert.equal(again.valid(file, "hash-2"), undefined);
    }));

  it("knows the last killers of a changed file, also while it is judged again", () =>
    withCache(async (path) => {
      const earlier = await openVerdictCache(path);
      const both = [first, second].map((mutant) => [mutantKey(mutant), killed] as const);
      await earlier.put(file, "hash-1", new Map(both));
      const again = await openVerdictCache(path);
      await again.put(file, "hash-2", new Map([[mutantKey(first), { kind: "survived" }]]));
      assert.deepEqual([again.lastKiller(second), again.wasUnnoticed(first)], [killed.by, false]);
      const later = await openVerdictCache(path);
      assert.deepEqual([later.wasUnnoticed(first), later.wasUnnoticed(second)], [true, false]);
    }));
});
