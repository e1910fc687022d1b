import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { InstanceKind } from "../azure/vm-names.ts";
import { faultNames } from "../faults/fault-names.ts";
import { drawScenario } from "./draw-scenario.ts";

const SEEDS = 300;
const seeds = Array.from({ length: SEEDS }, (_, seed) => drawScenario(seed));

describe("the scenario of a seed", () => {
  it("is the same each time, as plain data, and another one for another seed", () => {
    assert.deepEqual(drawScenario(7), JSON.parse(JSON.stringify(drawScenario(7))));
    assert.notDeepEqual(drawScenario(7), { ...drawScenario(8), seed: 7 });
  });

  it("has at least 3 nodes, 4 volumes, 10 moves and 3 classes of faults", () => {
    for (const { seed, nodes, workloads, acts, faults } of seeds) {
      const classes = new Set(faults.map(({ fault }) => fault));
      const moves = acts.filter(({ act }) => act.kind === "move");
      assert.ok(
        nodes.length >= 3 && workloads.length >= 4 && moves.length >= 10 && classes.size >= 3,
        `seed ${seed}`,
      );
    }
  });

  it("strikes with every class sooner or later, and with those that are asked for only", () => {
    const struck = new Set(seeds.flatMap(({ faults }) => faults.map(({ fault }) => fault)));
    assert.deepEqual([...struck].toSorted(), [...faultNames].toSorted());
    assert.deepEqual(
      new Set(drawScenario(9, ["crash", "stale"]).faults.map(({ fault }) => fault)),
      new Set(["crash", "stale"]),
    );
  });

  it("has clusters on VMs, on uniform instances as in AKS, and on a mix of all kinds", () => {
    const clusters = seeds.map(({ nodes }) => new Set(nodes.map(({ instance }) => instance)));
    const share = (...kinds: readonly InstanceKind[]): number =>
      clusters.filter((found) => kinds.every((kind) => found.has(kind)) && found.size === kinds.length)
        .length;
    assert.ok(share("vm") > SEEDS / 5 && share("uniform") > SEEDS / 5, `${share("vm")}, ${share("uniform")}`);
    assert.ok(share("vm", "uniform", "flex") > SEEDS / 20, `${share("vm", "uniform", "flex")}`);
  });

  it("has a second cluster in one of eight, with the same node names and own losses", () => {
    const both = seeds.flatMap(({ second, ...first }) =>
      second === undefined ? [] : [{ ...first, second }],
    );
    assert.ok(both.length > SEEDS / 16 && both.length < SEEDS / 4, `${both.length} of ${SEEDS}`);
    for (const { seed, nodes, workloads, second } of both) {
      const names = new Set(workloads.map(({ volumeName }) => volumeName));
      assert.ok(
        second.nodes.every(({ name }) => nodes.some((node) => node.name === name)),
        `seed ${seed}`,
      );
      assert.ok(
        second.workloads.every(({ volumeName }) => !names.has(volumeName)),
        `seed ${seed}`,
      );
      assert.ok(
        second.faults.some(({ fault }) => fault === "loss") &&
          second.acts.some(({ act }) => act.kind === "move"),
        `seed ${seed}`,
      );
    }
    assert.equal(drawScenario(both[0]?.seed ?? 0, ["crash"]).second, undefined);
  });

  it("asks for no volume with more replicas than shares leave", () => {
    for (const { workloads } of seeds)
      for (const { maxShares, replicas } of workloads) assert.ok(replicas < maxShares);
  });
});
