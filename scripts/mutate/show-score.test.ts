import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { outdatedEquivalents, whyEquivalent } from "./equivalents.ts";
import { describeMutant, isSurvivor, isWronglyListed, scoreOf, scoreTable } from "./show-score.ts";
import type { JudgedMutant } from "./show-score.ts";
import { findMutants } from "./source/find-mutants.ts";
import type { Outcome } from "./verdict-cache.ts";

const source = "const x = a && b;";
const [mutant] = findMutants("a.ts", source);
assert.ok(mutant !== undefined);

const killed: Outcome = { kind: "killed", by: { file: "a.test.ts", title: "sees it" }, why: "not equal" };

function aJudged(outcome: Outcome, equivalent?: string): JudgedMutant {
  assert.ok(mutant !== undefined);
  return { mutant, outcome, equivalent };
}

describe("the score", () => {
  it("is the share of killed or endless mutants among those not equivalent", () => {
    const judged = [
      ...(["timeout", "survived", "unreached", "refused"] as const).map((kind) => aJudged({ kind })),
      aJudged(killed),
    ];
    const all = [...judged, aJudged({ kind: "survived" }, "both are always true")];
    assert.deepEqual(scoreOf(all), {
      killed: 2,
      survived: 1,
      unreached: 1,
      refused: 1,
      equivalent: 1,
      percent: 50,
    });
    assert.deepEqual(all.map(isSurvivor), [false, true, true, false, false, false]);
    assert.equal(scoreOf([]).percent, 100);
  });

  it("has a row for each file and target that has mutants", () => {
    const target = { name: "rules", files: [], killedMin: 90, paths: ["a.ts", "b.ts"] };
    const rows = scoreTable(
      [target, { ...target, name: "others", paths: ["c.ts"] }],
      [aJudged(killed)],
    ).split("\n");
    assert.deepEqual(
      rows.map((row) => row.replaceAll(/\s+/gu, " ").trim()),
      [
        "killed survived unreached refused equivalent score",
        "rules (at least 90 %) 1 0 0 0 0 100.0 %",
        "a.ts 1 0 0 0 0 100.0 %",
        "all 1 0 0 0 0 100.0 %",
      ],
    );
  });

  it("lists survivors with place, operator and change", () => {
    assert.equal(
      describeMutant(aJudged({ kind: "survived" }), source),
      "a.ts:1:11: drop-operand: a && b -> a",
    );
    assert.equal(
      describeMutant(aJudged({ kind: "unreached" }), source),
      "a.ts:1:11: drop-operand, no test runs it: a && b -> a",
    );
  });
});

describe("the list of equivalents", () => {
  const known = [{ file: "a.ts", line: source, change: "a && b -> a", because: "b is always true" }];

  it("matches mutants by file, line and change", () => {
    const elsewhere = known.map((entry) => ({ ...entry, line: "const y = a && b;" }));
    assert.equal(whyEquivalent(mutant, source, elsewhere), undefined);
    assert.equal(whyEquivalent(mutant, source, known), "b is always true");
    assert.equal(whyEquivalent({ ...mutant, file: "b.ts" }, source, known), undefined);
  });

  it("is wrong if a test notices the change, or no such mutant is left", () => {
    assert.ok(isWronglyListed(aJudged(killed, "b is always true")));
    const sources = new Map([["a.ts", source]]);
    assert.deepEqual(outdatedEquivalents(sources, [mutant], known), []);
    assert.deepEqual(outdatedEquivalents(sources, [], known), known);
    assert.deepEqual(outdatedEquivalents(new Map(), [], known), []);
  });
});
