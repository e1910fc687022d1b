import type { Random } from "../../src/ports/random.ts";
import { pick } from "../faults/fault-class.ts";

/** One of `values`. */
export function oneOf<T>(random: Random, values: readonly T[]): T {
  return pick(values, random.next());
}

/** All of `values`, in any order. */
export function shuffled<T>(random: Random, values: readonly T[]): readonly T[] {
  return values
    .map((value) => ({ value, rank: random.next() }))
    .toSorted((left, right) => left.rank - right.rank)
    .map(({ value }) => value);
}
