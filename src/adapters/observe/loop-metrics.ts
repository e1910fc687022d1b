import type { Registry } from "prom-client";
import type { LoopObserver, QueueDepth } from "../../ports/loop-observer.ts";
import { createCounter, createGauge } from "./create-metric.ts";

/** Counts the passes of control loops, and reads their queues at each scrape. */
export function createLoopMetrics(registry: Registry): LoopObserver {
  const running = new Map<string, () => QueueDepth>();
  const passes = createCounter(registry, "azuredisk_loop_passes_total");
  const keys = createGauge(registry, "azuredisk_loop_keys", () => {
    keys.reset();
    for (const [loop, depth] of running)
      for (const [state, count] of Object.entries(depth())) keys.set({ loop, state }, count);
  });
  return {
    runs: (loop, depth) => {
      running.set(loop, depth);
      return () => {
        // A leader's next term may have begun.
        if (running.get(loop) === depth) running.delete(loop);
      };
    },
    passEnded: (loop, outcome) => passes.inc({ loop, outcome }),
  };
}
