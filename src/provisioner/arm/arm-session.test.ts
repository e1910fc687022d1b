import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createSeededRandom } from "../../adapters/virtual/seeded-random.ts";
import { createVirtualClock } from "../../adapters/virtual/virtual-clock.ts";
import { settledOn } from "../../controller/testing/settled.ts";
import type { Lane } from "../../core/azure/lane.ts";
import { ok } from "../../core/failure/result.ts";
import { defaultProvisionerSettings as settings } from "../settings.ts";
import type { ArmApi } from "./arm-api.ts";
import { createArmSession } from "./arm-session.ts";
import { ThrottleBudget } from "./throttle-budget.ts";

const never = new AbortController().signal;

/** How long the session waits before its first poll of an operation whose start named a `Retry-After`. */
async function firstPollMs(lane: Lane, retryAfterMs: number): Promise<number> {
  const clock = createVirtualClock();
  const startedMs = clock.elapsedMs();
  const arm: Pick<ArmApi, "pollOperation"> = {
    pollOperation: () => Promise.resolve({ result: ok({ state: "succeeded" }), remaining: [] }),
  };
  const session = createArmSession({
    arm: arm as ArmApi,
    budget: new ThrottleBudget({ clock, limits: settings.limits, gatewayLimits: settings.gatewayLimits }),
    clock,
    random: createSeededRandom(1),
    settings,
    lifetime: never,
    clientRequestId: () => undefined,
  });
  const operation = { kind: "vm", pollUrl: "operation-1", retryAfterMs } as const;
  const waiting = { resource: "vm-a", lane, readEnd: () => Promise.resolve(ok(undefined)) };
  await settledOn(clock, session.untilEnded(operation, waiting, never));
  return clock.elapsedMs() - startedMs;
}

describe("the Retry-After of a running operation", () => {
  for (const { lane, named, expected, because } of [
    { lane: "primaryAttach", named: 60_000, expected: 60_000, because: "Azure allows a VM few polls" },
    { lane: "failover", named: 60_000, expected: 5000, because: "a pod waits for the fence's end" },
    { lane: "failover", named: 2000, expected: 2000, because: "it is no longer than the pace" },
  ] as const)
    it(`of ${named} ms delays a poll for ${lane} by ${expected} ms: ${because}`, async () => {
      assert.equal(await firstPollMs(lane, named), expected);
    });
});
