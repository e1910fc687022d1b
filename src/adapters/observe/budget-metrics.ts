import type { Registry } from "prom-client";
import type { CallBudgetState } from "../../ports/cloud/call-budget.ts";
import { createCounter, createGauge } from "./create-metric.ts";

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
