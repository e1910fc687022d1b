import type { StateSpace } from "./explore.ts";

/** The same space, which adds the name of each step that is computed to `seen`. */
export function recording(space: StateSpace, seen: Set<string>): StateSpace {
  return {
    ...space,
    steps: (state, emit) =>
      space.steps(state, (next, name) => {
        seen.add(name);
        emit(next, name);
      }),
  };
}
