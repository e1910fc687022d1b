import { monitorEventLoopDelay } from "node:perf_hooks";
import type { Registry } from "prom-client";
import { createGauge } from "../create-metric.ts";

/** How often the loop is timed, in milliseconds: each time is a wake-up (0.06 % of a core in all). */
const RESOLUTION_MS = 100;
const NS_PER_MS = 1_000_000;
const MS_PER_SECOND = 1000;

/** Shows the program's version, and how late its event loop was since the last scrape. */
export function registerProcessMetrics(registry: Registry, version: string): void {
  createGauge(registry, "azuredisk_build_info").set({ version }, 1);
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delays.enable();
  const lag = createGauge(registry, "azuredisk_event_loop_lag_seconds", () => {
    // What is measured is from one time to the next. Without a time since the last scrape the maximum is 0.
    lag.set(Math.max(0, delays.max / NS_PER_MS - RESOLUTION_MS) / MS_PER_SECOND);
    delays.reset();
  });
}
