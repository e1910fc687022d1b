import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Lane } from "../../core/azure/lane.ts";
import { fail, ok } from "../../core/failure/result.ts";
import type { ArmAnswer } from "./arm-api.ts";
import { ownError } from "./arm-error.ts";
import {
  type BudgetedCall,
  ThrottleBudget,
  azureGatewayLimits,
  azureLimits,
  callGroupsOf,
} from "./throttle-budget.ts";

function aBudget(): { readonly budget: ThrottleBudget; readonly pass: (ms: number) => void } {
  let nowMs = 0;
  const clock = { nowMs: () => nowMs, elapsedMs: () => nowMs, sleep: () => Promise.resolve() };
  return {
    budget: new ThrottleBudget({ clock, limits: azureLimits, gatewayLimits: azureGatewayLimits }),
    pass: (ms) => (nowMs += ms),
  };
}

const write = (lane: Lane = "primaryAttach", resource = "vm-a"): BudgetedCall => ({
  group: "vmWrite",
  resource,
  lane,
});

const refused = (target: string, retryAfterMs: number): ArmAnswer<never> => ({
  result: fail({
    ...ownError("OperationNotAllowed", ""),
    statusCode: 429,
    retryAfterMs,
    details: [{ code: "TooManyRequests", target, message: "" }],
  }),
  remaining: [],
});

describe("ThrottleBudget", () => {
  it("lets low lanes wait while urgent ones still pass, each VM by itself", () => {
    const { budget } = aBudget();
    for (let call = 0; call < 9; call++) budget.spend(write());
    const lanes = ["failover", "primaryAttach", "detach", "replicaAttach", "prune", "tag"] as const;
    assert.deepEqual(
      lanes.map((lane) => budget.waitMs(write(lane))),
      [0, 15_000, 0, 15_000, 15_000, 60_000],
    );
    assert.equal(budget.waitMs(write("prune", "vm-b")), 0);
  });

  it("lets reads of a VM for a pod pass though other clients have used them up", () => {
    const { budget, pass } = aBudget();
    const read = (lane: Lane): BudgetedCall => ({ group: "vmRead", resource: "vm-a", lane });
    const remaining = [{ policy: "Microsoft.Compute/LowCostGetResource", remaining: 0 }];
    budget.spend(read("primaryAttach"));
    budget.observe(read("primaryAttach"), { result: ok(undefined), remaining });
    const waits = (["failover", "primaryAttach", "detach", "replicaAttach", "prune"] as const).map((lane) =>
      budget.waitMs(read(lane)),
    );
    assert.deepEqual(waits, [0, 0, 0, 50_000, 50_000]);
    budget.observe(read("primaryAttach"), refused("LowCostGetResource", 8000));
    assert.equal(budget.waitMs(read("primaryAttach")), 8000, "a refusal says how long to wait");
    pass(8000);
    for (let call = 0; call < 36; call++) budget.spend(read("primaryAttach"));
    assert.ok(budget.waitMs(read("primaryAttach")) > 0, "own calls count");
  });

  it("lets writes of a VM wait where other clients have used them up", () => {
    const { budget } = aBudget();
    const remaining = [{ policy: "Microsoft.Compute/UpdateVMResource", remaining: 0 }];
    budget.spend(write());
    budget.observe(write(), { result: ok(undefined), remaining });
    assert.equal(budget.waitMs(write()), 60_000);
  });

  it("lets failovers use all of the front door's calls, and no more", () => {
    const { budget } = aBudget();
    const read: BudgetedCall = { group: "diskRead", resource: undefined, lane: "failover" };
    for (let call = 0; call < 249; call++) budget.spend(read);
    assert.equal(budget.waitMs({ ...read, lane: "primaryAttach" }), 2480);
    assert.equal(budget.waitMs(read), 0);
    assert.equal(budget.waitMs(read, 10), 400, "after ten others");
    budget.spend(read);
    assert.equal(budget.waitMs(read), 40);
    assert.equal(budget.waitMs(write("failover")), 0, "writes have calls of their own");
  });

  it("gets its calls back with time", () => {
    const { budget, pass } = aBudget();
    for (let call = 0; call < 9; call++) budget.spend(write());
    pass(15_000);
    assert.equal(budget.waitMs(write()), 0);
  });

  it("holds one VM back when Azure's refusal names that VM's policy", () => {
    const { budget, pass } = aBudget();
    budget.observe(write(), refused("UpdateVMResource", 8000));
    assert.equal(budget.waitMs(write("failover")), 8000);
    assert.equal(budget.waitMs(write("failover", "vm-b")), 0);
    pass(8000);
    assert.equal(budget.waitMs(write()), 0);
  });

  it("holds all VMs back when it names the subscription's", () => {
    const { budget } = aBudget();
    budget.observe(write(), refused("UpdateVMSubscriptionMaximum", 8000));
    assert.equal(budget.waitMs(write("failover", "vm-b")), 8000);
    assert.equal(budget.waitMs({ group: "vmRead", resource: "vm-b", lane: "failover" }), 0);
  });

  it("observes the front door's limits over all kinds of calls, and learns of them", () => {
    const { budget } = aBudget();
    const read: BudgetedCall = { group: "diskRead", resource: undefined, lane: "primaryAttach" };
    for (let call = 0; call < 188; call++) budget.spend(read);
    assert.ok(budget.waitMs(read) > 0);
    assert.ok(budget.waitMs({ ...read, group: "vmRead", resource: "vm-a" }) > 0);
    assert.equal(budget.waitMs({ ...read, group: "diskWrite" }), 0);
    budget.observe(
      { ...read, group: "diskWrite" },
      { result: ok(undefined), remaining: [{ policy: "subscription-writes", remaining: 0 }] },
    );
    assert.ok(budget.waitMs(write()) > 0);
    budget.observe(read, {
      result: fail({
        ...ownError("SubscriptionRequestsThrottled", ""),
        statusCode: 429,
        retryAfterMs: 9000,
      }),
      remaining: [],
    });
    assert.equal(budget.waitMs({ group: "vmRead", resource: "vm-a", lane: "failover" }), 9000);
  });

  it("counts writes of scale-set instances apart from those of VMs, as Azure does", () => {
    const instanceWrite: BudgetedCall = { ...write(), group: "instanceWrite", resource: "set/0" };
    for (const [refusedCall, other] of [
      [instanceWrite, write()],
      [write(), instanceWrite],
    ] as const) {
      const { budget } = aBudget();
      budget.observe(refusedCall, refused("UpdateVMSSVMSubscriptionMaximum", 7000));
      assert.deepEqual([budget.waitMs(refusedCall), budget.waitMs(other)], [7000, 0]);
    }
    const scaleSet = { name: "set", instanceId: "0" };
    assert.deepEqual(callGroupsOf({ scaleSet }), { read: "instanceRead", write: "instanceWrite" });
    assert.deepEqual(callGroupsOf({}), { read: "vmRead", write: "vmWrite" });
  });

  it("reports its state, for metrics", () => {
    const { budget, pass } = aBudget();
    budget.spend(write());
    budget.spend(write());
    budget.spend(write("primaryAttach", "vm-b"));
    budget.observe(write(), refused("UpdateVMResource", 8000));
    budget.recordWait("vmWrite", 250);
    pass(3000);
    const [vmWrite, vmRead] = budget.states();
    assert.deepEqual(vmWrite, {
      group: "vmWrite",
      subscriptionCallsLeft: 1500,
      fewestResourceCallsLeft: 10.2,
      blockedMs: 5000,
      callsTotal: 3,
      refusedTotal: 1,
      waitedMsTotal: 250,
    });
    assert.deepEqual([vmRead?.callsTotal, vmRead?.fewestResourceCallsLeft], [0, undefined]);
  });

  it("learns from the headers of a good answer that others use the same budget", () => {
    const { budget } = aBudget();
    const answer = {
      result: ok(undefined),
      remaining: [
        { policy: "UpdateVMResource", remaining: 2 },
        { policy: "UpdateVMSubscriptionMaximum", remaining: 1400 },
      ],
    };
    budget.observe(write(), answer);
    assert.equal(budget.waitMs(write("replicaAttach")), 30_000);
    assert.equal(budget.waitMs(write("detach")), 0);
    assert.equal(budget.waitMs(write("replicaAttach", "vm-b")), 0);
  });
});

describe("the Retry-After of a refusal that is no 429", () => {
  const refusedWith = (statusCode: number, retryAfterMs?: number): ArmAnswer<never> => ({
    result: fail({ ...ownError("Conflict", ""), statusCode, retryAfterMs }),
    remaining: [],
  });
  const diskRead = (resource: string): BudgetedCall => ({ group: "diskRead", resource, lane: "failover" });

  for (const statusCode of [409, 500, 503])
    it(`of ${statusCode} delays calls of that kind for that resource, whatever the lane`, () => {
      const { budget, pass } = aBudget();
      budget.observe(write(), refusedWith(statusCode, 8000));
      budget.observe(diskRead("/Disks/D"), refusedWith(statusCode, 9000));
      const waits = (): readonly number[] =>
        [
          write("failover"),
          write("failover", "vm-b"),
          { ...write("failover"), group: "vmRead" } as const,
          diskRead("/disks/d"),
          diskRead("/disks/e"),
          { ...diskRead("/disks/d"), group: "diskWrite" } as const,
        ].map((call) => budget.waitMs(call));
      assert.deepEqual(waits(), [8000, 0, 0, 9000, 0, 0]);
      assert.deepEqual(
        budget.states().flatMap(({ group, blockedMs }) => (blockedMs > 0 ? [[group, blockedMs]] : [])),
        [
          ["vmWrite", 8000],
          ["diskRead", 9000],
        ],
      );
      pass(9000);
      assert.deepEqual(waits(), [0, 0, 0, 0, 0, 0]);
      for (let call = 0; call < 100; call++) budget.spend(diskRead("/disks/d"));
      assert.equal(budget.waitMs(diskRead("/disks/d")), 0, "Azure does not count calls by disk");
    });

  it("delays nothing where Azure names no time, or did not answer", () => {
    const { budget } = aBudget();
    budget.observe(write(), refusedWith(409));
    budget.observe(write(), refusedWith(0, 8000));
    assert.equal(budget.waitMs(write()), 0);
  });
});
