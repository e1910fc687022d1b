import type { Registry } from "prom-client";
import type { Clock } from "../../ports/clock.ts";
import type { Steps } from "../../ports/steps.ts";
import { createCounter, createHistogram } from "./create-metric.ts";

/** Counts and times every step of the writer protocol and of a volume's life. */
export function createCountedSteps(options: { readonly registry: Registry; readonly clock: Clock }): Steps {
  const { registry, clock } = options;
  const total = createCounter(registry, "azuredisk_steps_total");
  const duration = createHistogram(registry, "azuredisk_step_duration_seconds");
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
