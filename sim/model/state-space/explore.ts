import { createStateSet } from "./state-set.ts";

/** A system whose states are whole numbers below 2^53. */
export interface StateSpace {
  readonly starts: readonly number[];
  /** Calls `emit` with each state that one step leads to, and the step's name. */
  readonly steps: (state: number, emit: (next: number, name: string) => void) => void;
  /** What is wrong with a state; undefined if nothing is. */
  readonly fault: (state: number) => string | undefined;
}

/**
 * The result of an exploration: every state was seen and none is at fault, or the shortest way to one that
 * is.
 */
export type Exploration =
  | { readonly kind: "exhausted"; readonly states: number }
  | {
      readonly kind: "fault";
      readonly fault: string;
      readonly states: number;
      readonly path: readonly string[];
    }
  | { readonly kind: "gaveUp"; readonly states: number };

/** Visits every state that can be reached, nearest first, until one is at fault or `statesMax` is passed. */
export function explore(space: StateSpace, statesMax: number): Exploration {
  const seen = createStateSet();
  for (const start of space.starts) seen.add(start, -1);
  for (let index = 0; index < seen.size(); index++) {
    const state = seen.at(index);
    const fault = space.fault(state);
    if (fault !== undefined) return { kind: "fault", fault, states: seen.size(), path: pathTo(index) };
    if (seen.size() > statesMax) return { kind: "gaveUp", states: seen.size() };
    space.steps(state, (next) => seen.add(next, index));
  }
  return { kind: "exhausted", states: seen.size() };

  /** Names are not kept: each step of the path is computed again. */
  function pathTo(last: number): readonly string[] {
    const path: string[] = [];
    for (let index = last; seen.parentOf(index) >= 0; index = seen.parentOf(index)) {
      const names: string[] = [];
      space.steps(seen.at(seen.parentOf(index)), (next, name) => {
        if (next === seen.at(index)) names.push(name);
      });
      path.push(names[0] ?? "?");
    }
    return path.toReversed();
  }
}
