import type { StateSpace } from "./explore.ts";
import { createStateSet } from "./state-set.ts";

/** The result of the search: every state leads to a goal, or the shortest way to one that does not. */
export type Stuck =
  | { readonly kind: "none"; readonly states: number }
  | { readonly kind: "stuck"; readonly states: number; readonly path: readonly string[] }
  | { readonly kind: "gaveUp"; readonly states: number };

/**
 * Looks for a state from which no steps lead to a goal. It does not ask whether such steps are taken, only
 * whether they exist.
 */
export function findStuck(space: StateSpace, isGoal: (state: number) => boolean, statesMax: number): Stuck {
  const seen = createStateSet();
  for (const start of space.starts) seen.add(start, -1);
  const steps = createSteps();
  for (let index = 0; index < seen.size(); index++) {
    if (seen.size() > statesMax) return { kind: "gaveUp", states: seen.size() };
    space.steps(seen.at(index), (next) => {
      seen.add(next, index);
      steps.add(index, seen.indexOf(next));
    });
  }
  const states = seen.size();
  const stuck = firstOf(states, leadingTo(seen, steps, isGoal));
  return stuck === undefined
    ? { kind: "none", states }
    : { kind: "stuck", states, path: pathTo(space, seen, stuck) };
}

type States = ReturnType<typeof createStateSet>;
type Steps = ReturnType<typeof createSteps>;

const FIRST_STEPS = 1 << 12;

/** Steps from one state to another, by their indexes: computing them again would take twice the time. */
function createSteps() {
  let from = new Int32Array(FIRST_STEPS);
  let to = new Int32Array(FIRST_STEPS);
  let size = 0;
  return {
    add: (fromIndex: number, toIndex: number): void => {
      if (size === from.length) {
        const [olderFrom, olderTo] = [from, to];
        from = new Int32Array(size * 2);
        from.set(olderFrom);
        to = new Int32Array(size * 2);
        to.set(olderTo);
      }
      from[size] = fromIndex;
      to[size] = toIndex;
      size++;
    },
    size: () => size,
    fromAt: (step: number) => from[step] ?? 0,
    toAt: (step: number) => to[step] ?? 0,
  };
}

/** One for each state that leads to a goal: found backwards, from the goals. */
function leadingTo(seen: States, steps: Steps, isGoal: (state: number) => boolean): Uint8Array {
  const states = seen.size();
  const { firstOf: first, from } = stepsBack(states, steps);
  const leads = new Uint8Array(states);
  const next: number[] = [];
  for (let index = 0; index < states; index++) {
    if (!isGoal(seen.at(index))) continue;
    leads[index] = 1;
    next.push(index);
  }
  for (let index = next.pop(); index !== undefined; index = next.pop()) {
    for (let step = first[index] ?? 0; step < (first[index + 1] ?? 0); step++) {
      const before = from[step] ?? 0;
      if (leads[before] === 1) continue;
      leads[before] = 1;
      next.push(before);
    }
  }
  return leads;
}

/**
 * The states from which one step leads to a state: those at `firstOf[state]` up to `firstOf[state + 1]` in
 * `from`.
 */
function stepsBack(
  states: number,
  steps: Steps,
): { readonly firstOf: Int32Array; readonly from: Int32Array } {
  const firstOf = new Int32Array(states + 1);
  for (let step = 0; step < steps.size(); step++) {
    const to = steps.toAt(step) + 1;
    firstOf[to] = (firstOf[to] ?? 0) + 1;
  }
  for (let index = 0; index < states; index++)
    firstOf[index + 1] = (firstOf[index + 1] ?? 0) + (firstOf[index] ?? 0);
  const from = new Int32Array(steps.size());
  const filled = firstOf.slice();
  for (let step = 0; step < steps.size(); step++) {
    const to = steps.toAt(step);
    const at = filled[to] ?? 0;
    from[at] = steps.fromAt(step);
    filled[to] = at + 1;
  }
  return { firstOf, from };
}

function firstOf(states: number, leads: Uint8Array): number | undefined {
  for (let index = 0; index < states; index++) if (leads[index] === 0) return index;
  return undefined;
}

function pathTo(space: StateSpace, seen: States, last: number): readonly string[] {
  const path: string[] = [];
  for (let index = last; seen.parentOf(index) >= 0; index = seen.parentOf(index)) {
    let stepName = "?";
    space.steps(seen.at(seen.parentOf(index)), (next, name) => {
      if (next === seen.at(index)) stepName = name;
    });
    path.push(stepName);
  }
  return path.toReversed();
}
