import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createSimulatedStore } from "../../src/adapters/simulated-store/simulated-store.ts";
import { createSeededRandom } from "../../src/adapters/virtual/seeded-random.ts";
import { createVirtualClock } from "../../src/adapters/virtual/virtual-clock.ts";
import { createAgenda } from "../agenda.ts";
import { createTrace } from "../create-trace.ts";
import type { Trace } from "../trace.ts";
import { createProcessSlot, type ProcessLife } from "./create-process-slot.ts";
import type { TakenStep } from "./process-slot.ts";

const LIMIT_MS = 1_000;
const done = (): Promise<void> => Promise.resolve();

/** The steps of a process that lives like this until it ends by itself. */
async function stepsOf(
  live: (life: ProcessLife, trace: Trace) => Promise<void>,
): Promise<readonly TakenStep[]> {
  const clock = createVirtualClock();
  const trace = createTrace(clock);
  const random = createSeededRandom(1);
  const slot = createProcessSlot({
    name: "node-a",
    world: {
      clock,
      trace,
      agenda: createAgenda(clock),
      random: (name) => random.fork(name),
      store: createSimulatedStore({ clock, random: random.fork("store") }),
      report: ({ detail }) => assert.fail(detail),
    },
    clock,
    mayStart: () => true,
    run: (life) => Promise.resolve({ work: live(life, trace), drain: done, close: done }),
  });
  slot.start();
  assert.ok(await clock.runUntil(() => !slot.isRunning(), LIMIT_MS));
  return slot.stepsTaken();
}

describe("the moments at which a process may die", () => {
  const rows: readonly {
    readonly because: string;
    readonly between: (life: ProcessLife, trace: Trace) => Promise<void>;
    readonly isSame: boolean;
  }[] = [
    { because: "nothing happens", between: done, isSame: true },
    { because: "time passes", between: (life) => life.clock.sleep(1, life.lifetime), isSame: false },
    {
      because: "something is noted",
      between: (_, trace) => {
        trace.note("vol-1", "NodeStageVolume: OK");
        return done();
      },
      isSame: false,
    },
    {
      because: "a step begins, whose request outlives the process",
      between: (life) => Promise.race([life.steps.run("grant", () => new Promise<void>(() => {})), done()]),
      isSame: false,
    },
  ];
  for (const { because, between, isSame } of rows) {
    it(`are ${isSame ? "one" : "two"} after a step and before the next: ${because}`, async () => {
      const steps = await stepsOf(async (life, trace) => {
        await life.steps.run("attach", done);
        await between(life, trace);
        await life.steps.run("record-attached", done);
      });
      const attach = steps.find(({ step }) => step === "attach");
      const recorded = steps.find(({ step }) => step === "record-attached");
      assert.ok(attach?.after !== undefined && recorded !== undefined);
      assert.equal(attach.after === recorded.before, isSame);
    });
  }

  it("are two before and after a step, and none after one that has not ended", async () => {
    const [attach, grant] = await stepsOf(async (life) => {
      await life.steps.run("attach", done);
      await Promise.race([life.steps.run("grant", () => new Promise<void>(() => {})), done()]);
    });
    assert.notEqual(attach?.before, attach?.after);
    assert.ok(grant !== undefined);
    assert.equal(grant.after, undefined);
  });
});
