import type { Registry } from "prom-client";
import { createCounter, createHistogram } from "./create-metric.ts";

const MS_PER_SECOND = 1000;

export interface ObservedRequest {
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
