import { invariant } from "../../src/core/invariant.ts";
import type { Random } from "../../src/ports/random.ts";

/** A whole number from `least` to `most`. */
export function between(random: Random, [least, most]: readonly [number, number]): number {
  return least + Math.floor(random.next() * (most - least + 1));
}

/** One of `values`. */
export function oneOf<T>(random: Random, values: readonly T[]): T {
  const value = values[Math.floor(random.next() * values.length)];
  invariant(value !== undefined, "nothing to draw from");
  return value;
}

/** All of `values`, in any order. */
export function shuffled<T>(random: Random, values: readonly T[]): readonly T[] {
  return values
    .map((value) => ({ value, rank: random.next() }))
    .toSorted((left, right) => left.rank - right.rank)
    .map(({ value }) => value);
}
