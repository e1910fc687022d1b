import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { adviseOnReservations } from "./advise-on-reservations.ts";
import type { Verdict } from "./experiment.ts";
import { experiments } from "./experiments.ts";
import type { Result } from "./run-probe.ts";

const aResult = (name: string, verdict: Verdict): Result => ({ name, assumption: "", verdict, detail: "" });

describe("the advice on --reserve-disks", () => {
  const rows: readonly [reserved: Verdict, preempted: Verdict, verdict: Verdict, detail: RegExp][] = [
    ["held", "held", "held", /^it may be switched on \(driver\.reserveDisks=true\)/u],
    ["broken", "held", "broken", /^leave it off: broken: E7$/u],
    ["not tried", "broken", "broken", /^leave it off: broken: E10$/u],
    ["held", "not tried", "not tried", /^leave it off: not tried to the end: E10$/u],
    ["not tried", "not tried", "not tried", /^leave it off: not tried to the end: E7 and E10$/u],
  ];
  for (const [reserved, preempted, verdict, detail] of rows)
    it(`says ${verdict} of reservations that ${reserved} and preemptions that ${preempted}`, () => {
      const results = experiments.map(({ name }) =>
        aResult(name, name.startsWith("E7") ? reserved : name.startsWith("E10") ? preempted : "broken"),
      );
      const advice = adviseOnReservations(results);
      assert.equal(advice.verdict, verdict);
      assert.match(advice.detail, detail);
    });

  it("takes what did not run for not tried", () => {
    assert.equal(adviseOnReservations([aResult("E7 reservations", "held")]).verdict, "not tried");
  });
});
