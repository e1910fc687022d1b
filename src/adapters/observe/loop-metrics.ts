import type { Registry } from "prom-client";
import type { LoopObserver, QueueDepth } from "../../ports/loop-observer.ts";
import { createCounter, createGauge } from "./create-metric.ts";

/** Counts the passes of control loops, and reads their queues at each scrape. */
export function createLoopMetrics(registry: Registry): LoopObserver {
  const depths = new Map<string, () => QueueDepth>();
  const passes = createCounter(registry, "azuredisk_loop_passes_total");
  const keys = createGauge(registry, "azuredisk_loop_keys", () => {
    for (const [loop, depth] of depths)
      for (const [state, count] of Object.entries(depth())) keys.set({ loop, state }, count);
  });
  return {
    made: (loop, depth) => void depths.set(loop, depth),
    passEnded: (loop, outcome) => passes.inc({ loop, outcome }),
  };
}
