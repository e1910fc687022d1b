import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it, type TestContext } from "node:test";
import { judgeMutants } from "./judge-mutants.ts";
import { findMutants } from "./source/find-mutants.ts";
import { describeChange } from "./source/mutant.ts";

/** How each mutant of a source ended with `tests` as its tests, by its change. */
async function outcomesOf(
  t: TestContext,
  source: string,
  tests: string,
): Promise<Readonly<Record<string, string>>> {
  const root = await mkdtemp(join(tmpdir(), "judge-mutants-"));
  t.after(() => rm(root, { recursive: true }));
  const head =
    'import assert from "node:assert/strict";\n' +
    'import { describe, it } from "node:test";\nimport * as own from "./rule.ts";\n';
  await writeFile(join(root, "rule.ts"), source);
  await writeFile(join(root, "rule.test.ts"), head + tests);
  const outcomes: Record<string, string> = {};
  await judgeMutants({
    root,
    sources: new Map([["rule.ts", source]]),
    mutants: findMutants("rule.ts", source),
    distances: new Map([["rule.test.ts", new Map([["rule.ts", 1]])]]),
    threads: 1,
    lastKiller: () => undefined,
    onProgress: () => undefined,
    onFailing: ({ title, failure }) => {
      outcomes[title] = `fails: ${failure}`;
    },
    onOutcome: (mutant, outcome) => {
      outcomes[describeChange(mutant, source)] =
        outcome.kind === "killed" ? `killed by ${outcome.by.title}` : outcome.kind;
    },
  });
  return outcomes;
}

it("names the killing test; survivors differ from mutants that no test reaches", async (t) => {
  const source = `export const isOld = (age: number): boolean => age > 3;
export const isYoung = (age: number): boolean => age < 3;
`;
  const tests =
    'describe("isOld", () => { it("is true of 9", async () => ' +
    "{ await undefined; assert.ok(own.isOld(9)); }); });";
  assert.deepEqual(await outcomesOf(t, source, tests), {
    "age > 3 -> age <= 3": "killed by isOld > is true of 9",
    "age > 3 -> age >= 3": "survived",
    "3 -> 4": "unreached",
    "age < 3 -> age >= 3": "unreached",
    "age < 3 -> age <= 3": "unreached",
  });
});

it("activates a mutant of a constant before its module is loaded", async (t) => {
  const tests = 'it("is ten", () => assert.equal(own.limit, 10));';
  assert.deepEqual(await outcomesOf(t, "export const limit = 10;\n", tests), {
    "10 -> 11": "killed by is ten",
  });
});

it("ends an endless loop, and ignores tests that fail without a mutant", async (t) => {
  const source =
    "export function countTo(end: number): number {\n" +
    "  let at = 0;\n  while (at < end) at += 1;\n  return at;\n}\n";
  const tests =
    'it("counts", () => assert.equal(own.countTo(3), 3));\n' +
    'it("fails", () => assert.equal(own.countTo(3), 4));';
  assert.deepEqual(await outcomesOf(t, source, tests), {
    fails: "fails: Expected values to be strictly equal:",
    "0 -> 1": "survived",
    "at < end -> at <= end": "killed by counts",
    "at < end -> at >= end": "killed by counts",
    "at < end -> false": "killed by counts",
    "at += 1; ->": "killed by counts",
    "at += 1 -> at -= 1": "killed by counts",
    "1 -> 2": "killed by counts",
  });
});
