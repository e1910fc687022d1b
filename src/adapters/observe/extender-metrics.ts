import { Counter, Histogram, type Registry } from "prom-client";

const MS_PER_SECOND = 1000;

/** One request of a scheduler, as it ended. */
export interface ObservedRequest {
  readonly verb: string;
  readonly outcome: string;
  readonly durationMs: number;
  /** Nodes that were removed, by reason. */
  readonly removed: ReadonlyMap<string, number>;
}

/** Counts and times the requests of schedulers. */
export function createExtenderMetrics(registry: Registry): (request: ObservedRequest) => void {
  const total = new Counter({
    name: "azuredisk_extender_requests_total",
    help: "Requests of schedulers by verb and outcome: answered, neutral (nothing known yet, or a bug), refused (can't be read), aborted (the client went away).",
    labelNames: ["verb", "outcome"],
    registers: [registry],
  });
  const duration = new Histogram({
    name: "azuredisk_extender_request_duration_seconds",
    help: "From a request's head to the end of its answer.",
    labelNames: ["verb"],
    buckets: [0.000_5, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.2, 1],
    registers: [registry],
  });
  const removedTotal = new Counter({
    name: "azuredisk_extender_removed_nodes_total",
    help: "Nodes that pods were kept off, by reason.",
    labelNames: ["because"],
    registers: [registry],
  });
  return ({ verb, outcome, durationMs, removed }) => {
    total.inc({ verb, outcome });
    duration.observe({ verb }, durationMs / MS_PER_SECOND);
    for (const [because, count] of removed) removedTotal.inc({ because }, count);
  };
}
