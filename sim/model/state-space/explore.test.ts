import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { explore, type StateSpace } from "./explore.ts";
import { createStateSet } from "./state-set.ts";

const jugs = { small: 3, large: 5 };

/** Two jugs of 3 and 5 litres, to fill, empty and pour: a puzzle whose answers are known. */
const pouring: StateSpace = {
  starts: [0],
  steps: (state, emit) => {
    const [small, large] = [state % 4, Math.floor(state / 4)];
    const is = (next: { readonly small: number; readonly large: number }, name: string): void =>
      emit(next.small + 4 * next.large, name);
    is({ small: jugs.small, large }, "fill small");
    is({ small, large: jugs.large }, "fill large");
    is({ small: 0, large }, "empty small");
    is({ small, large: 0 }, "empty large");
    const toLarge = Math.min(small, jugs.large - large);
    is({ small: small - toLarge, large: large + toLarge }, "pour into large");
    const toSmall = Math.min(large, jugs.small - small);
    is({ small: small + toSmall, large: large - toSmall }, "pour into small");
  },
  fault: () => undefined,
};

describe("explore", () => {
  it("visits every state that can be reached, once", () => {
    assert.deepEqual(explore(pouring, 1_000), { kind: "exhausted", states: 16 });
  });

  it("returns the shortest way to a state at fault", () => {
    const explored = explore(
      { ...pouring, fault: (state) => (Math.floor(state / 4) === 4 ? "four litres" : undefined) },
      1_000,
    );
    assert.deepEqual(explored.kind === "fault" && explored.path, [
      "fill large",
      "pour into small",
      "empty small",
      "pour into small",
      "fill large",
      "pour into small",
    ]);
  });

  it("stops beyond the number of states that it may keep", () => {
    assert.deepEqual(explore({ ...pouring, steps: (state, emit) => emit(state + 1, "count") }, 100), {
      kind: "gaveUp",
      states: 101,
    });
  });
});

describe("createStateSet", () => {
  it("distinguishes states that differ only above 32 bits, over several growths", () => {
    const set = createStateSet();
    const states = Array.from({ length: 20_000 }, (_, index) => index * 2 ** 37 + 7);
    assert.ok(states.every((state) => set.add(state, -1)));
    assert.ok(states.every((state) => !set.add(state, -1)));
    assert.equal(set.size(), states.length);
  });
});
