import type { Random } from "../../../src/ports/random.ts";

/** A whole number from a range, both ends included. */
export function between(random: Random, [min, max]: readonly [min: number, max: number]): number {
  return min + Math.floor(random.next() * (max - min + 1));
}
