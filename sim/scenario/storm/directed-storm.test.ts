import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { drawnFaultNames } from "../../faults/fault-names.ts";
import { mutations } from "../../mutations/mutations.ts";
import { isRestore } from "../draw-faults.ts";
import type { TimedFault } from "../scenario.ts";
import { type DirectedStorm, drawDirected } from "./directed-storm.ts";
import { ownStorms } from "./own-storms.ts";

const SEEDS = 60;
/** Different classes of faults that any seed has. */
const CLASSES_MIN = 3;
const storms: readonly (readonly [name: string, storm: DirectedStorm])[] = [
  ...mutations.map(({ name, storm }) => [name, storm] as const),
  ...Object.entries(ownStorms),
];

/** The scenarios of a storm's seeds. */
function scenariosOf(storm: DirectedStorm): readonly ReturnType<typeof drawDirected>[] {
  return Array.from({ length: SEEDS }, (_, seed) => drawDirected(seed + 1, storm));
}

/** The faults that the storm does not name itself. */
function companyIn(storm: DirectedStorm, faults: readonly TimedFault[]): readonly TimedFault[] {
  return faults.filter(({ fault, variant }) => !(`${fault}/${variant}` in storm.strikes));
}

describe("the scenario of a seed in a directed storm", () => {
  it("is the same each time, as plain data, in time", () => {
    for (const [name, storm] of storms) {
      const scenario = drawDirected(7, storm);
      assert.deepEqual(scenario, JSON.parse(JSON.stringify(drawDirected(7, storm))), name);
      assert.deepEqual(
        scenario.faults,
        scenario.faults.toSorted((left, right) => left.atMs - right.atMs),
      );
    }
  });

  it("has at least 3 nodes, 4 volumes and 3 classes of faults, as any seed", () => {
    for (const [name, storm] of storms) {
      for (const { seed, nodes, workloads, faults } of scenariosOf(storm)) {
        const classes = new Set(faults.map(({ fault }) => fault));
        assert.ok(
          nodes.length >= 3 && workloads.length >= 4 && classes.size >= CLASSES_MIN,
          `${name}, seed ${seed}`,
        );
      }
    }
  });

  // The driver refuses it, and the checker would take that for a broken promise.
  it("freezes no volume that a storm makes raw", () => {
    for (const [name, storm] of storms)
      for (const { seed, workloads, acts } of scenariosOf(storm)) {
        const raw = new Set(
          workloads.flatMap((volume) => (volume.access === "block" ? volume.volumeName : [])),
        );
        for (const { act } of acts)
          if (act.kind === "snapshot" && raw.has(act.volumeName))
            assert.equal(act.freezeSeconds, undefined, `${name}, seed ${seed}`);
      }
  });

  it("has the nodes that a storm states, in their zones, and all else as drawn", () => {
    const strikes = { "nodes/freeze-and-mark": 2, "haste/hunted": 2 };
    const drawn = scenariosOf({ strikes });
    const zoned = scenariosOf({ strikes, nodeZones: ["", "1", "", "1", "1"] });
    for (const [at, { nodes, workloads, acts, ...rest }] of zoned.entries()) {
      const names = ["node-a", "node-b", "node-c", "node-d", "node-e"];
      assert.deepEqual(
        nodes.map(({ name, zone }) => [name, zone]),
        ["", "1", "", "1", "1"].map((zone, place) => [names[place], zone]),
      );
      const like = drawn[at];
      assert.deepEqual([workloads, acts, rest.attach], [like?.workloads, like?.acts, like?.attach]);
    }
  });

  it("strikes as often as it says, beside faults of no more other classes than needed", () => {
    for (const [name, storm] of storms) {
      const own = new Set(Object.keys(storm.strikes).map((strike) => strike.split("/")[0]));
      for (const { seed, faults } of scenariosOf(storm)) {
        const struck = Map.groupBy(faults, ({ fault, variant }): string => `${fault}/${variant}`);
        for (const [strike, times] of Object.entries(storm.strikes))
          assert.equal(struck.get(strike)?.length, times, `${name}, seed ${seed}`);
        const company = companyIn(storm, faults).map(({ fault }) => fault);
        assert.equal(company.length, Math.max(0, CLASSES_MIN - own.size), `${name}, seed ${seed}`);
        assert.equal(new Set([...own, ...company]).size, own.size + company.length, `${name}, seed ${seed}`);
      }
    }
  });

  it("has a second cluster, and strikes there, only as the storm says", () => {
    for (const [name, storm] of storms) {
      for (const { seed, second } of scenariosOf(storm)) {
        const struck = second?.faults.map(({ fault, variant }) => `${fault}/${variant}`).toSorted();
        const expected = Object.entries(storm.second ?? {}).flatMap(([strike, times]) =>
          Array.from({ length: times }, () => strike),
        );
        assert.deepEqual(
          struck,
          storm.second === undefined ? undefined : expected.toSorted(),
          `${name}, seed ${seed}`,
        );
      }
    }
  });

  it("gets faults of any other class, but none that restores or that a restore reverts", () => {
    const company = storms.flatMap(([, storm]) =>
      scenariosOf(storm).flatMap(({ faults }) => companyIn(storm, faults)),
    );
    assert.deepEqual(
      [...new Set(company.map(({ fault }) => fault))].toSorted(),
      [...drawnFaultNames].toSorted(),
    );
    assert.deepEqual(
      company.filter((fault) => isRestore(fault) || fault.variant === "short-life"),
      [],
    );
  });

  it("gets no fault of a class that the storm leaves out", () => {
    const leaving = storms.filter(([, { without }]) => without !== undefined);
    assert.ok(leaving.length > 0);
    for (const [name, storm] of leaving)
      for (const { seed, faults } of scenariosOf(storm))
        assert.deepEqual(
          companyIn(storm, faults).filter(({ fault }) => storm.without?.includes(fault)),
          [],
          `${name}, seed ${seed}`,
        );
  });

  it("deletes no volume where a backup is restored, which would bring it back", () => {
    const restored = { strikes: { "loss/restored-in-flight": 3, "haste/hunted": 3 } };
    const restoring = storms
      .map(([, storm]) => storm)
      .filter(({ strikes }) => Object.keys(strikes).some((strike) => strike.startsWith("loss/restored")));
    const scenarios = [restored, ...restoring].flatMap(scenariosOf);
    const deletions = scenarios.flatMap(({ acts, faults }) => [
      ...acts.filter(({ act }) => act.kind === "delete"),
      ...faults.filter(({ variant }) => ["short-life", "foreign-content"].includes(variant)),
    ]);
    assert.ok(scenarios.every(({ faults }) => faults.some(isRestore)));
    assert.deepEqual(deletions, []);
  });
});
