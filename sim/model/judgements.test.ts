import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { it } from "node:test";
import { fileURLToPath } from "node:url";
import { judgeByModels } from "../../scripts/mutate/models/judge-by-models.ts";
import { findMutants } from "../../scripts/mutate/source/find-mutants.ts";
import { describeChange } from "../../scripts/mutate/source/mutant.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const RECORD_STEPS = "src/core/writer/record/writer-steps.ts";
/** Quickly explored, and enough for the nearest fault that `reclaim` finds with such a change. */
const STATES_MAX = 5_000;

it("runs the steps that ship: a changed grant changes the models' results", async () => {
  const source = await readFile(`${root}${RECORD_STEPS}`, "utf8");
  const mutants = findMutants(RECORD_STEPS, source).filter(
    (mutant) => describeChange(mutant, source) === "unverified.length > 0 -> false",
  );
  const sources = new Map([[RECORD_STEPS, source]]);
  const byModel = await judgeByModels({
    root,
    judgements: "sim/model/judgements.ts",
    sources,
    mutants,
    statesMax: STATES_MAX,
    threads: 1,
    onProgress: () => undefined,
  });
  const kinds = [...byModel].map(([name, ofModel]) => [
    name,
    ...[...ofModel.values()].map(({ kind }) => kind),
  ]);
  assert.deepEqual(kinds, [
    ["writer-protocol", "killed"],
    ["restored-store", "same"],
    ["release-check", "same"],
    ["reclaim", "killed"],
    ["recall", "unasked"],
    ["reservation", "same"],
  ]);
});
