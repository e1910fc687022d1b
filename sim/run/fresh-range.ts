import type { Random } from "../../src/ports/random.ts";

/** Fresh seeds begin anywhere below. */
const FRESH_END = 1_000_000_000;

/** From the first to the last of `count` seeds that nobody has chosen. */
export function freshRange(random: Random, count: number): readonly [first: number, last: number] {
  const first = Math.floor(random.next() * FRESH_END);
  return [first, first + count - 1];
}
