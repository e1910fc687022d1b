import assert from "node:assert/strict";
import { it } from "node:test";
import { Registry } from "prom-client";
import type { CallBudgetState } from "../../ports/cloud/call-budget.ts";
import { registerBudgetMetrics } from "./budget-metrics.ts";

it("metrics show the budget as it is at each scrape", async () => {
  const registry = new Registry();
  let states: readonly CallBudgetState[] = [
    {
      group: "vmWrite",
      subscriptionCallsLeft: 1497,
      fewestResourceCallsLeft: 2.5,
      blockedMs: 4000,
      callsTotal: 3,
      refusedTotal: 1,
      waitedMsTotal: 1500,
    },
  ];
  registerBudgetMetrics(registry, () => states);
  const first = await registry.metrics();
  for (const line of [
    'azuredisk_arm_calls_left{group="vmWrite",scope="subscription"} 1497',
    'azuredisk_arm_calls_left{group="vmWrite",scope="resource"} 2.5',
    'azuredisk_arm_blocked_seconds{group="vmWrite",scope="longest"} 4',
    'azuredisk_arm_calls_total{group="vmWrite"} 3',
    'azuredisk_arm_refused_calls_total{group="vmWrite"} 1',
    'azuredisk_arm_budget_wait_seconds_total{group="vmWrite"} 1.5',
  ])
    assert.ok(first.includes(line), line);
  states = states.map((state) => ({ ...state, callsTotal: 4, fewestResourceCallsLeft: undefined }));
  const second = await registry.metrics();
  assert.ok(second.includes('azuredisk_arm_calls_total{group="vmWrite"} 4'));
  assert.ok(!second.includes('scope="resource"'));
});
