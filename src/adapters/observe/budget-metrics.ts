import { Counter, Gauge, type Registry } from "prom-client";
import type { CallBudgetState } from "../../ports/cloud/call-budget.ts";

const MS_PER_SECOND = 1000;

/**
 * Shows how many calls Azure still allows, and how many were refused or had to wait, read at each
 * scrape.
 */
export function registerBudgetMetrics(registry: Registry, states: () => readonly CallBudgetState[]): void {
  const gauge = (
    name: string,
    help: string,
    values: (state: CallBudgetState) => Readonly<Record<string, number | undefined>>,
  ): void => {
    const metric = new Gauge({
      name,
      help,
      labelNames: ["group", "scope"],
      registers: [registry],
      collect: () => {
        metric.reset();
        for (const state of states())
          for (const [scope, value] of Object.entries(values(state)))
            if (value !== undefined) metric.set({ group: state.group, scope }, value);
      },
    });
  };
  const counter = (name: string, help: string, value: (state: CallBudgetState) => number): void => {
    const metric = new Counter({
      name,
      help,
      labelNames: ["group"],
      registers: [registry],
      collect: () => {
        metric.reset();
        for (const state of states()) metric.inc({ group: state.group }, value(state));
      },
    });
  };
  gauge(
    "azuredisk_arm_calls_left",
    "Calls to Azure that are left, by kind of call: of the whole subscription, and of the resource that has the fewest.",
    ({ subscriptionCallsLeft, fewestResourceCallsLeft }) => ({
      subscription: subscriptionCallsLeft,
      resource: fewestResourceCallsLeft,
    }),
  );
  gauge(
    "azuredisk_arm_blocked_seconds",
    "How much longer the longest Retry-After of Azure lasts, by kind of call.",
    ({ blockedMs }) => ({
      longest: blockedMs / MS_PER_SECOND,
    }),
  );
  counter("azuredisk_arm_calls_total", "Calls to Azure, by kind.", ({ callsTotal }) => callsTotal);
  counter(
    "azuredisk_arm_refused_calls_total",
    "Calls that Azure refused with 429, by kind.",
    ({ refusedTotal }) => refusedTotal,
  );
  counter(
    "azuredisk_arm_budget_wait_seconds_total",
    "Time that calls to Azure waited so as not to be refused, by kind.",
    ({ waitedMsTotal }) => waitedMsTotal / MS_PER_SECOND,
  );
}
