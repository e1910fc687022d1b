import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { judgePreemption, type Preempted, type PreemptionRound } from "./judge-preemption.ts";

const held = (key: number): Preempted["holder"] => ({ key, type: 1 });
const stale: Preempted = { outcome: "conflict", holder: held(1), landed: 0, late: 0 };
const own: Preempted = { outcome: "done", holder: held(2), landed: 9, late: 0 };
const written: PreemptionRound["written"] = {
  acknowledged: 8,
  failed: "EBADE",
  failedMs: 0,
  triedMs: 0,
  isHung: false,
};
const ROUND: PreemptionRound = { keys: [1, 2], stale, own, written };

describe("the judgement of a preemption", () => {
  const rows: readonly [
    because: string,
    changed: Partial<PreemptionRound>,
    expected: string,
    detail: RegExp,
  ][] = [
    ["nothing lands after it", {}, "held", /^9 blocks had landed \(8 acknowledged\) and none did so later/u],
    [
      "a key that no VM has takes it",
      { stale: { ...stale, outcome: "done", holder: held(2) } },
      "broken",
      /^preempting a key that no VM has: done; then key 2 holds it with type 1$/u,
    ],
    [
      "a refused key ends it",
      { stale: { ...stale, holder: null } },
      "broken",
      /: conflict; then there is no reservation$/u,
    ],
    [
      "the disk shows another type",
      { stale: { ...stale, holder: { key: 1, type: 5 } } },
      "broken",
      /; then key 1 holds it with type 5$/u,
    ],
    [
      "the holder's key is refused",
      { own: { ...own, outcome: "conflict", holder: held(1) } },
      "broken",
      /^preempting the holder's key: conflict; then key 1 holds it/u,
    ],
    ["it takes nothing", { own: { ...own, holder: held(1) } }, "broken", /: done; then key 1 holds it/u],
    [
      "a write lands later",
      { own: { ...own, late: 1 } },
      "broken",
      /^1 blocks landed after the preemption$/u,
    ],
    [
      "acknowledged blocks are lost",
      { written: { ...written, acknowledged: 10 } },
      "broken",
      /^10 blocks were acknowledged, and 9 had landed/u,
    ],
    ["no write failed", { written: { ...written, failed: null } }, "not tried", /: none failed$/u],
    ["a write failed otherwise", { written: { ...written, failed: "EIO" } }, "not tried", /: EIO$/u],
    [
      "the holder wrote nothing",
      { own: { ...own, landed: 0 } },
      "not tried",
      /^the first VM wrote no block$/u,
    ],
    [
      "the holder could not write on",
      { written: { ...written, fault: "EIO" } },
      "not tried",
      /write on: EIO$/u,
    ],
  ];
  for (const [because, changed, expected, detail] of rows)
    it(`says ${expected} where ${because}`, () => {
      const found = judgePreemption({ ...ROUND, ...changed });
      assert.equal(found.verdict, expected);
      assert.match(found.detail, detail);
    });
});
