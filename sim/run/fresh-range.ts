import type { Random } from "../../src/ports/random.ts";

/** Random seed ranges begin anywhere below. */
const FRESH_END = 1_000_000_000;

/** The first and the last of `count` random seeds. */
export function freshRange(random: Random, count: number): readonly [first: number, last: number] {
  const first = Math.floor(random.next() * FRESH_END);
  return [first, first + count - 1];
}
