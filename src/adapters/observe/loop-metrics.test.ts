import assert from "node:assert/strict";
import { it } from "node:test";
import { Registry } from "prom-client";
import { silentLogger } from "../../controller/testing/silent-logger.ts";
import { fail, ok } from "../../core/failure/result.ts";
import { ControlLoop, type Reconciled } from "../../runtime/queue/control-loop.ts";
import { createVirtualClock } from "../virtual/virtual-clock.ts";
import { createLoopMetrics } from "./loop-metrics.ts";

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
