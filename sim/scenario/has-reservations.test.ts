import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { regressionSeeds } from "../run/regression-seeds.ts";
import { drawScenario } from "./draw-scenario.ts";
import { hasReservations } from "./has-reservations.ts";

describe("the reservations of a scenario", () => {
  it("are in some of the seeds, and in none that failed before", () => {
    const seeds = Array.from({ length: 300 }, (_, index) => index + 1);
    const reserving = seeds.filter((seed) => drawScenario(seed).reservations === true);
    assert.ok(reserving.length > 60 && reserving.length < 120, `${reserving.length} of ${seeds.length}`);
    assert.deepEqual(
      regressionSeeds().filter(({ seed }) => hasReservations(seed)),
      [],
    );
  });
});
