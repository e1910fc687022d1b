import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { findMutants } from "./find-mutants.ts";
import { describeChange } from "./mutant.ts";

/** The changes of a source, as the list of survivors prints them. */
function changesOf(source: string): readonly string[] {
  return findMutants("a.ts", source).map((mutant) => `${mutant.operator}: ${describeChange(mutant, source)}`);
}

describe("findMutants", () => {
  const table: readonly { readonly source: string; readonly changes: readonly string[] }[] = [
    {
      source: "x = a === b;",
      changes: ["remove-statement: x = a === b; ->", "comparison: a === b -> a !== b"],
    },
    {
      source: "const x = a && b;",
      changes: ["drop-operand: a && b -> a", "drop-operand: a && b -> b", "logic: a && b -> a || b"],
    },
    { source: "const x = a ?? b;", changes: ["drop-operand: a ?? b -> a", "drop-operand: a ?? b -> b"] },
    { source: "const x = a <= b;", changes: ["comparison: a <= b -> a < b", "comparison: a <= b -> a > b"] },
    {
      source: "if (a) b();",
      changes: ["condition: a -> true", "condition: a -> false", "remove-statement: b(); ->"],
    },
    {
      source: "if (!a) b;",
      changes: [
        "condition: !a -> true",
        "condition: !a -> false",
        "negate: !a -> a",
        "remove-statement: b; ->",
      ],
    },
    {
      source: "for (const x of all) use(x);",
      changes: ["empty-loop: all -> []", "remove-statement: use(x); ->"],
    },
    { source: "const x = all.filter(isGood).map(of);", changes: ["drop-call: all.filter(isGood) -> all"] },
    {
      source: "const x = all.some(isGood);",
      changes: ["swap-method: all.some(isGood) -> all.every(isGood)"],
    },
    { source: "const x = a?.b.c;", changes: ["optional-chain: a?.b.c -> a.b.c"] },
    { source: "const x = a?.[0];", changes: ["optional-chain: a?.[0] -> a[0]", "literal: 0 -> 1"] },
    {
      source: "const x = a?.b.filter(c);",
      changes: ["optional-chain: a?.b.filter(c) -> a.b.filter(c)", "drop-call: a?.b.filter(c) -> a?.b"],
    },
    {
      source: "const x = { ...a, b };",
      changes: ["drop-property: { ...a, b } -> { b }", "drop-property: { ...a, b } -> { ...a, }"],
    },
    {
      source: 'const x = ["a", 60_000, true];',
      changes: [
        'literal: ["a", 60_000, true] -> []',
        'literal: "a" -> ""',
        "literal: 60_000 -> 120000",
        "literal: true -> false",
      ],
    },
    {
      source: "const x = Math.min(a, b) + list.min(a);",
      changes: [
        "swap-method: Math.min(a, b) -> Math.max(a, b)",
        "arithmetic: Math.min(a, b) + list.min(a) -> Math.min(a, b) - list.min(a)",
      ],
    },
  ];
  for (const { source, changes } of table)
    it(`changes ${source}`, () => {
      assert.deepEqual([...changesOf(source)].toSorted(), [...changes].toSorted());
    });

  // Nor imports, and what is only logged or asserted.
  it("leaves types, texts for people and names of fields unchanged", () => {
    const sources = [
      'import type { A } from "a"; type B = "b" | 1;',
      'export { a } from "a";',
      'const x = "a text for people";',
      'const x = { "content-type": y };',
      // A method that every object has, this list of methods included.
      "const x = a.toString(b);",
      'logger.info("started", { count: 1 });',
      'this.#ports.logger.warn("late", { count: 1 });',
      'invariant(a > 1, "too-small");',
    ];
    for (const source of sources) assert.deepEqual(changesOf(source), [], source);
  });

  it("reports where a change is, counted from 1", () => {
    const [mutant] = findMutants("a.ts", "const a = 0;\nconst b =  true;\n").slice(1);
    assert.deepEqual([mutant?.line, mutant?.column], [2, 12]);
  });
});
