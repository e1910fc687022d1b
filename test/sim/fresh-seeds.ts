import { systemRandom } from "../../src/adapters/system/system-random.ts";

const FIRST_MAX = 1_000_000_000;

/** Seeds that nobody has chosen: others at each run. */
export function freshSeeds(count: number): readonly [first: number, last: number] {
  const first = Math.floor(systemRandom.next() * FIRST_MAX);
  return [first, first + count - 1];
}
