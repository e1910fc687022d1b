import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it, type TestContext } from "node:test";
import { findMutants } from "../source/find-mutants.ts";
import { describeChange } from "../source/mutant.ts";
import { judgeByModels } from "./judge-by-models.ts";
import { modelLines, modelTable } from "./show-models.ts";

const source = `export const mayPass = (seen: number): boolean => seen < 3;
export const isTired = (seen: number): boolean => seen > 9;
export function roundsTo(end: number): number {
  let at = 0;
  while (at < end) at += 1;
  return at;
}
`;

/** Lets models of a gate judge the mutants: `models` is the array of judgements. */
async function judged(t: TestContext, models: string, statesMax = 8): ReturnType<typeof judgeByModels> {
  const root = await mkdtemp(join(tmpdir(), "judge-by-models-"));
  t.after(() => rm(root, { recursive: true }));
  await writeFile(join(root, "rule.ts"), source);
  await writeFile(
    join(root, "judgements.ts"),
    `import { mayPass, roundsTo } from "./rule.ts";\nexport const judgements = ${models};\n`,
  );
  const sources = new Map([["rule.ts", source]]);
  const mutants = findMutants("rule.ts", source);
  return judgeByModels({
    root,
    judgements: "judgements.ts",
    sources,
    mutants,
    statesMax,
    threads: 2,
    onProgress: () => undefined,
  });
}

/** A gate that must let nothing pass from 5 on. */
const GATE = `{ name: "gate", whatIsWrong: (statesMax: number) => {
  for (let seen = 0; seen < statesMax; seen++) if (mayPass(seen) && seen >= 5) return "passes " + seen;
} }`;
const ROUNDS = `{ name: "rounds", whatIsWrong: () => void roundsTo(2) }`;

it("reports what each model notices of each change, and what it never asks", async (t) => {
  const byModel = await judged(t, `[${GATE}, ${ROUNDS}]`);
  const said = [...byModel].map(([name, ofModel]) => [
    name,
    Object.fromEntries(
      [...ofModel]
        .filter(([, { kind }]) => kind !== "unasked")
        .map(([mutant, verdict]) => [describeChange(mutant, source), verdict]),
    ),
  ]);
  const passed = { kind: "passed" };
  const endless = { kind: "killed", why: "Error: goes round without an end" };
  assert.deepEqual(Object.fromEntries(said), {
    gate: {
      "seen < 3 -> seen >= 3": { kind: "killed", why: "passes 5" },
      "seen < 3 -> seen <= 3": passed,
      "3 -> 4": passed,
    },
    rounds: {
      "0 -> 1": { kind: "same" },
      "at < end -> at <= end": passed,
      "at < end -> at >= end": passed,
      "at < end -> false": passed,
      "at += 1; ->": endless,
      "at += 1 -> at -= 1": endless,
      "1 -> 2": { kind: "same" },
    },
  });
  assert.equal(
    modelTable(byModel),
    [
      "                                  killed    passed      same   unasked",
      "gate                                   1         2         0        10",
      "rounds                                 2         3         2         6",
      "any                                    3         5         2         3",
    ].join("\n"),
  );
  const sources = new Map([["rule.ts", source]]);
  const lines = modelLines(byModel, sources, { showsKilled: false });
  assert.deepEqual(
    [lines[0], lines.length],
    ["passed by gate: rule.ts:1:56: comparison: seen < 3 -> seen <= 3", 5],
  );
  const [, second] = modelLines(byModel, sources, { showsKilled: true });
  assert.equal(second, "killed: rule.ts:1:56: comparison: seen < 3 -> seen >= 3\n  by gate: passes 5");
});

it("accepts a change that no question of the explored states reaches", async (t) => {
  const kinds = [...((await judged(t, `[${GATE}]`, 3)).get("gate")?.values() ?? [])].map(({ kind }) => kind);
  assert.deepEqual(kinds.slice(0, 3), ["same", "passed", "same"]);
});

it("fails if a model finds a fault without any change", async (t) => {
  const models = `[{ name: "broken", whatIsWrong: () => "all" }]`;
  await assert.rejects(judged(t, models), /broken finds what goes wrong without any change: all/u);
});
