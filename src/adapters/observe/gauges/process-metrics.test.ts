import assert from "node:assert/strict";
import { performance } from "node:perf_hooks";
import { it } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { Registry } from "prom-client";
import { registerProcessMetrics } from "./process-metrics.ts";

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
