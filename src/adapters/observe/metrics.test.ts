import assert from "node:assert/strict";
import { performance } from "node:perf_hooks";
import { it } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { Registry } from "prom-client";
import { fail, ok } from "../../core/failure/result.ts";
import type { CountedObjects } from "../../core/states/count-states.ts";
import { anAttachment, aVolume } from "../../core/testing/objects.ts";
import type { CallBudgetState } from "../../ports/cloud/call-budget.ts";
import { silentLogger } from "../../ports/testing/silent-logger.ts";
import { ControlLoop, type Reconciled } from "../../runtime/queue/control-loop.ts";
import { createVirtualClock } from "../virtual/virtual-clock.ts";
import {
  createLoopMetrics,
  registerBudgetMetrics,
  registerProcessMetrics,
  registerStateMetrics,
} from "./metrics.ts";

it("metrics show the budget as it is at each scrape", async () => {
  const registry = new Registry();
  let states: readonly CallBudgetState[] = [
    {
      group: "vmWrite",
      subscriptionCallsLeft: 1497,
      fewestResourceCallsLeft: 2.5,
      blockedMs: 4000,
      callsTotal: 3,
      refusedTotal: 1,
      waitedMsTotal: 1500,
    },
  ];
  registerBudgetMetrics(registry, () => states);
  const first = await registry.metrics();
  for (const line of [
    'azuredisk_arm_calls_left{group="vmWrite",scope="subscription"} 1497',
    'azuredisk_arm_calls_left{group="vmWrite",scope="resource"} 2.5',
    'azuredisk_arm_blocked_seconds{group="vmWrite",scope="longest"} 4',
    'azuredisk_arm_calls_total{group="vmWrite"} 3',
    'azuredisk_arm_refused_calls_total{group="vmWrite"} 1',
    'azuredisk_arm_budget_wait_seconds_total{group="vmWrite"} 1.5',
  ])
    assert.ok(first.includes(line), line);
  states = states.map((state) => ({ ...state, callsTotal: 4, fewestResourceCallsLeft: undefined }));
  const second = await registry.metrics();
  assert.ok(second.includes('azuredisk_arm_calls_total{group="vmWrite"} 4'));
  assert.ok(!second.includes('scope="resource"'));
});

it("metrics show how the passes of a loop end, and which keys wait", async () => {
  const registry = new Registry();
  const clock = createVirtualClock();
  const held = Promise.withResolvers<Reconciled>();
  const answers: Readonly<Record<string, () => Promise<Reconciled>>> = {
    done: async () => ok({}),
    conflict: async () => fail({ kind: "ObjectConflict", objectKind: "AzVolume", name: "conflict" }),
    failed: async () => fail({ kind: "StoreUnavailable", detail: "away" }),
    threw: () => Promise.reject(new Error("a bug")),
    active: () => held.promise,
  };
  const loop = new ControlLoop(
    {
      name: "volume",
      workers: 1,
      backoff: { baseMs: 60_000, maxMs: 60_000 },
      reconcile: (key) => answers[key]?.() ?? Promise.reject(new Error(key)),
    },
    {
      clock,
      random: { next: () => 0, uuid: () => "" },
      logger: silentLogger,
      loops: createLoopMetrics(registry),
    },
  );
  for (const key of Object.keys(answers)) loop.queue.add(key);
  const life = new AbortController();
  const running = loop.run(life.signal);
  await clock.advance(1_000);
  loop.queue.add("ready");
  const shown = await registry.metrics();
  for (const line of [
    'azuredisk_loop_passes_total{loop="volume",outcome="done"} 1',
    'azuredisk_loop_passes_total{loop="volume",outcome="conflict"} 1',
    'azuredisk_loop_passes_total{loop="volume",outcome="failed"} 1',
    'azuredisk_loop_passes_total{loop="volume",outcome="threw"} 1',
    'azuredisk_loop_keys{loop="volume",state="ready"} 1',
    'azuredisk_loop_keys{loop="volume",state="delayed"} 3',
    'azuredisk_loop_keys{loop="volume",state="active"} 1',
  ])
    assert.ok(shown.includes(line), `${line} is not in\n${shown}`);
  life.abort();
  held.resolve(ok({}));
  await running;
  assert.doesNotMatch(await registry.metrics(), /azuredisk_loop_keys\{/u, "a former leader has no queue");
});

const BLOCKED_MS = 250;
/** After a scrape the first turn has nothing to be compared with. */
const TURNS = 3;

async function lagSeconds(registry: Registry): Promise<number | undefined> {
  return (await registry.getSingleMetric("azuredisk_event_loop_lag_seconds")?.get())?.values[0]?.value;
}

it("metrics show the program's version", async () => {
  const registry = new Registry();
  registerProcessMetrics(registry, "1.2.3");
  assert.match(await registry.metrics(), /^azuredisk_build_info\{version="1\.2\.3"\} 1$/mu);
});

it("metrics show how late the event loop was since the last scrape", { timeout: 60_000 }, async () => {
  const registry = new Registry();
  registerProcessMetrics(registry, "1.2.3");
  let lag = 0;
  while (lag < BLOCKED_MS / 2000) {
    for (let turn = 0; turn < TURNS; turn += 1) {
      const beganMs = performance.now();
      while (performance.now() - beganMs < BLOCKED_MS);
      await nextTurn();
    }
    lag = (await lagSeconds(registry)) ?? 0;
  }
  // Nothing was timed since.
  assert.equal(await lagSeconds(registry), 0);
});

async function valuesOf(registry: Registry): Promise<readonly string[]> {
  return (await registry.metrics()).split("\n").filter((line) => line !== "" && !line.startsWith("#"));
}

it("metrics count the leader's objects at each scrape, and no other process's", async () => {
  const registry = new Registry();
  const objects: CountedObjects = {
    volumes: () => [aVolume()],
    attachments: () => [anAttachment("node-a")],
    nodes: () => [],
    ignoredNodes: () => [],
    isSilent: () => false,
  };
  let counted: CountedObjects | undefined = objects;
  registerStateMetrics(registry, () => counted);
  assert.deepEqual(await valuesOf(registry), [
    'azuredisk_volumes{state="Created"} 1',
    'azuredisk_attachments{role="Primary",state="Attached"} 1',
  ]);
  counted = { ...objects, volumes: () => [] };
  assert.deepEqual(await valuesOf(registry), ['azuredisk_attachments{role="Primary",state="Attached"} 1']);
  counted = undefined;
  assert.deepEqual(await valuesOf(registry), []);
});
