import assert from "node:assert/strict";
import { availableParallelism } from "node:os";
import { describe, it } from "node:test";
import type { Mutation } from "../../sim/mutations/mutation.ts";
import { describeMutation, mutations } from "../../sim/mutations/mutations.ts";
import { FAILOVERS_MIN } from "../../sim/run/run-scenario.ts";
import type { SeedResult } from "../../sim/run/run-seed.ts";
import { runSeeds, seedRange } from "../../sim/run/run-seeds.ts";
import type { DirectedStorm } from "../../sim/scenario/storm/directed-storm.ts";

/**
 * Number of seeds within which the rule's own storm must detect its absence: a small part of the 1,000 that
 * it may take.
 */
const SEEDS_MAX = 80;
/** Each mutation has a thread of its own, which loads all sources: a second one would load them again. */
const THREADS = 1;

/** The seeds within which a mutation must be caught: first the one that it names. */
function* seedsOf({ name, shownBy = 1 }: Mutation): Generator<number, void, undefined> {
  assert.ok(shownBy <= SEEDS_MAX, `${name} names a seed above ${SEEDS_MAX}`);
  yield shownBy;
  for (const seed of seedRange([1, SEEDS_MAX])) if (seed !== shownBy) yield seed;
}

const wholes = new Map<string, Promise<readonly SeedResult[]>>();

/** The result with the rule; one for all mutations that the same seed of the same storm shows. */
function withAllRules(seed: number, storm: DirectedStorm): Promise<readonly SeedResult[]> {
  const key = JSON.stringify({ seed, storm });
  const running = wholes.get(key) ?? runWhole(seed, storm);
  wholes.set(key, running);
  return running;
}

async function runWhole(seed: number, storm: DirectedStorm): Promise<readonly SeedResult[]> {
  const results: SeedResult[] = [];
  await runSeeds({
    seeds: [seed],
    storm,
    threads: THREADS,
    onResult: (result) => results.push(result) > 0,
  });
  return results;
}

describe("the driver without one of its rules", { concurrency: availableParallelism() }, () => {
  for (const mutation of mutations) {
    const { name, breaks, storm, shownBy = 1 } = mutation;
    it(`is caught, and the same seed passes with the rule: ${name}`, async (t) => {
      let seeds = 0;
      const others = new Set<string>();
      let caught: SeedResult | undefined;
      /** A mutation that names what its file does not import breaks promises without any rule's help. */
      let unbound: string | undefined;
      await runSeeds({
        seeds: seedsOf(mutation),
        mutation: name,
        storm,
        threads: THREADS,
        onResult: (result) => {
          seeds += 1;
          unbound ??= result.violations.find(({ detail }) => detail.includes("ReferenceError"))?.detail;
          const isBroken = result.violations.some(({ invariant }) => breaks.includes(invariant));
          if (isBroken) caught = result;
          else for (const { invariant } of result.violations) others.add(invariant);
          return caught === undefined;
        },
      });
      t.diagnostic(`without ${describeMutation(mutation)}`);
      assert.equal(unbound, undefined);
      assert.ok(
        caught !== undefined,
        `${breaks.join(", ")} never seen broken in ${seeds} seeds; seen: ` +
          `${[...others].join(", ") || "nothing"}`,
      );
      const [broken] = caught.violations;
      t.diagnostic(`${name}: seed ${caught.seed} of ${seeds}: ${broken?.invariant}: ${broken?.detail}`);
      if (caught.seed !== shownBy)
        t.diagnostic(`seed ${shownBy} shows it no more: write shownBy: ${caught.seed} to its mutation`);
      const whole = await withAllRules(caught.seed, storm);
      assert.deepEqual(
        whole.map(({ violations }) => violations),
        [[]],
        "the storm itself breaks a promise: the rule has no part in it",
      );
      assert.ok((whole[0]?.failovers ?? 0) >= FAILOVERS_MIN, `${whole[0]?.failovers} failovers`);
    });
  }
});
