import { Counter, Histogram, type Registry } from "prom-client";
import type { Clock } from "../../ports/clock.ts";
import type { Steps } from "../../ports/steps.ts";

/** Counts and times every step of the writer protocol and of a volume's life. */
export function createCountedSteps(options: { readonly registry: Registry; readonly clock: Clock }): Steps {
  const { registry, clock } = options;
  const total = new Counter({
    name: "azuredisk_steps_total",
    help: "Steps of the writer protocol and of volumes' lives, by name and outcome.",
    labelNames: ["step", "outcome"],
    registers: [registry],
  });
  const duration = new Histogram({
    name: "azuredisk_step_duration_seconds",
    help: "How long each step took.",
    labelNames: ["step"],
    buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 30, 120, 600],
    registers: [registry],
  });
  return {
    run: async (step, act) => {
      const startedMs = clock.elapsedMs();
      try {
        const result = await act();
        total.inc({ step, outcome: isFailed(result) ? "failed" : "done" });
        return result;
      } catch (error) {
        total.inc({ step, outcome: "threw" });
        throw error;
      } finally {
        duration.observe({ step }, (clock.elapsedMs() - startedMs) / 1_000);
      }
    },
  };
}

function isFailed(result: unknown): boolean {
  return typeof result === "object" && result !== null && "ok" in result && result.ok === false;
}
