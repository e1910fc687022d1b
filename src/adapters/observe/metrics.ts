import { monitorEventLoopDelay } from "node:perf_hooks";
import type { Registry } from "prom-client";
import {
  countAttachments,
  type CountedObjects,
  countNodeConditions,
  countNodes,
  countVolumeConditions,
  countVolumes,
} from "../../core/states/count-states.ts";
import type { CallBudgetState } from "../../ports/cloud/call-budget.ts";
import type { LoopObserver, QueueDepth } from "../../ports/loop-observer.ts";
import { createCounter, createGauge, createHistogram } from "./create-metric.ts";

const MS_PER_SECOND = 1000;

/**
 * Shows how many calls Azure still allows, and how many were refused or had to wait, read at each
 * scrape.
 */
export function registerBudgetMetrics(registry: Registry, states: () => readonly CallBudgetState[]): void {
  const gauge = (
    name: "azuredisk_arm_calls_left" | "azuredisk_arm_blocked_seconds",
    values: (state: CallBudgetState) => Readonly<Record<string, number | undefined>>,
  ): void => {
    const metric = createGauge(registry, name, () => {
      metric.reset();
      for (const state of states())
        for (const [scope, value] of Object.entries(values(state)))
          if (value !== undefined) metric.set({ group: state.group, scope }, value);
    });
  };
  const counter = (
    name:
      | "azuredisk_arm_calls_total"
      | "azuredisk_arm_refused_calls_total"
      | "azuredisk_arm_budget_wait_seconds_total",
    value: (state: CallBudgetState) => number,
  ): void => {
    const metric = createCounter(registry, name, () => {
      metric.reset();
      for (const state of states()) metric.inc({ group: state.group }, value(state));
    });
  };
  gauge("azuredisk_arm_calls_left", ({ subscriptionCallsLeft, fewestResourceCallsLeft }) => ({
    subscription: subscriptionCallsLeft,
    resource: fewestResourceCallsLeft,
  }));
  gauge("azuredisk_arm_blocked_seconds", ({ blockedMs }) => ({ longest: blockedMs / MS_PER_SECOND }));
  counter("azuredisk_arm_calls_total", ({ callsTotal }) => callsTotal);
  counter("azuredisk_arm_refused_calls_total", ({ refusedTotal }) => refusedTotal);
  counter("azuredisk_arm_budget_wait_seconds_total", ({ waitedMsTotal }) => waitedMsTotal / MS_PER_SECOND);
}

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

interface ObservedRequest {
  readonly verb: string;
  readonly outcome: string;
  readonly durationMs: number;
  readonly removed: ReadonlyMap<string, number>;
}

/** Counts and times the requests of schedulers. */
export function createExtenderMetrics(registry: Registry): (request: ObservedRequest) => void {
  const total = createCounter(registry, "azuredisk_extender_requests_total");
  const duration = createHistogram(registry, "azuredisk_extender_request_duration_seconds");
  const removedTotal = createCounter(registry, "azuredisk_extender_removed_nodes_total");
  return ({ verb, outcome, durationMs, removed }) => {
    total.inc({ verb, outcome });
    duration.observe({ verb }, durationMs / MS_PER_SECOND);
    for (const [because, count] of removed) removedTotal.inc({ because }, count);
  };
}

/** How often the loop is timed, in milliseconds: each time is a wake-up (0.06 % of a core in all). */
const RESOLUTION_MS = 100;
const NS_PER_MS = 1_000_000;
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

const counters = [
  ["azuredisk_volumes", countVolumes],
  ["azuredisk_volume_conditions", countVolumeConditions],
  ["azuredisk_attachments", countAttachments],
  ["azuredisk_nodes", countNodes],
  ["azuredisk_node_conditions", countNodeConditions],
] as const;

/**
 * Shows how many objects report what, read at each scrape. Where `objects` answers undefined, another process
 * counts them: these gauges then have no values, so that no sum has an object twice.
 */
export function registerStateMetrics(registry: Registry, objects: () => CountedObjects | undefined): void {
  for (const [name, counts] of counters) {
    const gauge = createGauge(registry, name, () => {
      gauge.reset();
      const counted = objects();
      if (counted === undefined) return;
      for (const { labels, count } of counts(counted)) gauge.set(labels, count);
    });
  }
}
