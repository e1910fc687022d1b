import assert from "node:assert/strict";
import { it } from "node:test";
import { describeSeedFailure } from "../../sim/run/describe-failure.ts";
import { runPlain, type SeedResult } from "../../sim/run/run-seed.ts";
import { runTasks } from "../../sim/run/run-seeds.ts";
import type { ExactCrash, Scenario } from "../../sim/run/scenario.ts";
import type { SeedTask } from "../../sim/run/seed-thread.ts";

const volume = { sizeGiB: 4, skuName: "Premium_LRS", access: "mount" } as const;

/** Every step of the driver's, in a few minutes: volumes that are made, attached, moved, fenced, grown and deleted. */
const life: Scenario = {
  seed: 1,
  attach: "kubernetes",
  nodes: ["node-a", "node-b", "node-c"].map((name) => ({ name, zone: "1" })),
  workloads: [
    { ...volume, volumeName: "vol-1", maxShares: 2, replicas: 1 },
    { ...volume, volumeName: "vol-2", maxShares: 1, replicas: 0 },
  ],
  stormMs: 240_000,
  acts: [
    { atMs: 1_000, act: { kind: "move", volumeName: "vol-1", isForced: false } },
    { atMs: 2_000, act: { kind: "move", volumeName: "vol-2", isForced: false } },
    { atMs: 30_000, act: { kind: "grow", volumeName: "vol-2", sizeGiB: 8 } },
    { atMs: 230_000, act: { kind: "delete", volumeName: "vol-2" } },
  ],
  faults: [{ atMs: 60_000, forMs: 100_000, fault: "nodes", variant: "freeze-and-mark", nodeName: "node-a", volumeName: "vol-1", dice: 0 }],
};
/** Failures that are told in full. */
const TOLD_MAX = 3;

/** Every step that a process took, before and after each time that it took it. */
function* crashesOf({ steps }: Pick<SeedResult, "steps">): Generator<ExactCrash, void, undefined> {
  for (const { processName, taken } of steps) {
    const times = new Map<string, number>();
    for (const step of taken) {
      const nth = (times.get(step) ?? 0) + 1;
      times.set(step, nth);
      // Heartbeats are alike: the first ones stand for all.
      if (step === "heartbeat" && nth > 2) continue;
      for (const moment of ["before", "after"] as const) yield { processName, step, nth, moment };
    }
  }
}

for (const attach of ["kubernetes", "driver"] as const) {
  it(`survives a crash before and after each single step that any process takes (attach: ${attach})`, async (t) => {
    const whole = await runPlain({ ...life, attach }, { isTwinned: false });
    assert.deepEqual(whole.violations, [], describeSeedFailure(whole, "without any crash"));
    const failures: string[] = [];
    let points = 0;
    function* tasks(): Generator<SeedTask, void, undefined> {
      for (const crash of crashesOf(whole)) yield { kind: "scenario", scenario: { ...life, attach, crashes: [crash] }, isTwinned: false };
    }
    await runTasks({
      tasks: tasks(),
      onResult: (result, task) => {
        points += 1;
        const crash = task.kind === "scenario" ? task.scenario.crashes?.[0] : undefined;
        if (result.violations.length > 0) failures.push(describeSeedFailure(result, `a crash ${JSON.stringify(crash)}`));
        return true;
      },
    });
    t.diagnostic(`${points} crashes`);
    assert.equal(failures.length, 0, failures.slice(0, TOLD_MAX).join("\n\n"));
  });
}
