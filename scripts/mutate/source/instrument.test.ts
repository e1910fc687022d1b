import assert from "node:assert/strict";
import { stripTypeScriptTypes } from "node:module";
import { describe, it } from "node:test";
import { runInNewContext } from "node:vm";
import { findMutants } from "./find-mutants.ts";
import { instrument, SWITCH_NAME } from "./instrument.ts";
import { describeChange } from "./mutant.ts";

/** The result (in `result`) of a program without a mutant, and with each of its mutants switched on. */
function resultsOf(source: string): ReadonlyMap<string, unknown> {
  const numbered = findMutants("a.ts", source).map((mutant, id) => ({ id, mutant }));
  const program = stripTypeScriptTypes(instrument(source, numbered));
  const run = (active: number | undefined): unknown => {
    const context = { result: undefined, [SWITCH_NAME]: (id: number) => id === active };
    try {
      runInNewContext(program, context);
    } catch (error) {
      return String(error);
    }
    return context.result;
  };
  return new Map([
    ["none", run(undefined)],
    ...numbered.map(({ id, mutant }) => [describeChange(mutant, source), run(id)] as const),
  ]);
}

describe("instrument", () => {
  it("switches on one mutant at a time, and without any runs as the original", () => {
    const results = resultsOf(
      "const isOld = (age: number): boolean => age > 3 && age !== 5; " +
        "globalThis.result = [3, 4, 5].filter(isOld).length;",
    );
    assert.equal(results.get("none"), 1);
    assert.equal(results.get("age > 3 -> age >= 3"), 2);
    assert.equal(results.get("age > 3 && age !== 5 -> age > 3"), 2);
    assert.equal(results.get("age > 3 && age !== 5 -> age > 3 || age !== 5"), 3);
    assert.equal(results.get("age !== 5 -> age === 5"), 1);
    assert.equal(results.get("[3, 4, 5].filter(isOld) -> [3, 4, 5]"), 3);
  });

  it("keeps an else with its own if, and the breaks of loops and switches", () => {
    const source = `let result = ""; const add = (text) => { result += text; };
for (const x of [1, 2, 3, 4]) { if (x === 1) add("one"); else if (x === 2) continue; else { switch (x) { case 3: add("three"); break; default: add("more"); } } }
globalThis.result = result;`;
    const results = resultsOf(source);
    assert.equal(results.get("none"), "onethreemore");
    assert.equal(results.get("break; ->"), "onethreemoremore");
    assert.equal(results.get('add("one"); ->'), "threemore");
  });

  it("switches around an optional chain as a whole", () => {
    const results = resultsOf(
      'const a: { b?: string[] } = {}; globalThis.result = a.b?.filter((x) => x !== "").length;',
    );
    assert.equal(results.get("none"), undefined);
    assert.equal(results.get('a.b?.filter((x) => x !== "").length -> a.b?.length'), undefined);
    assert.match(
      String(results.get('a.b?.filter((x) => x !== "").length -> a.b.filter((x) => x !== "").length')),
      /TypeError/,
    );
  });
});
