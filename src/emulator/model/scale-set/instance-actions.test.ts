import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ArmAnswer } from "../api/arm-message.ts";
import { type Json, listAt, textAt } from "../api/json.ts";
import type { ComputeModelOptions } from "../compute-model.ts";
import { releaseStuckOperations } from "../pace/operations.ts";
import { aModel, codeOf, COMPUTE, diskBody, listBody, type ModelFixture } from "../testing/model-fixture.ts";

const POOL = "virtualMachineScaleSets/pool";
const INSTANCE_1 = `${POOL}/virtualMachines/1`;
const FAILS = { kind: "FailOperation", code: "AllocationFailed", applied: "none" } as const;

/** A pool of instances 0 and 1, both running. */
function aPool(
  more: Partial<ComputeModelOptions> = {},
  orchestrationMode: "Uniform" | "Flexible" = "Uniform",
): ModelFixture {
  const pool = aModel({ virtualMachines: [], ...more });
  pool.send("PUT", POOL, {
    location: "eastus",
    zones: ["1"],
    sku: { name: "Standard_D8s_v5", capacity: 2 },
    properties: { orchestrationMode },
  });
  settleWithDevices(pool);
  return pool;
}

/** Runs until nothing ends by itself, with device work that succeeds. */
function settleWithDevices(pool: ModelFixture): void {
  do {
    pool.settle();
    for (const { operationId } of pool.model.takeDueEffects()) pool.model.settleOperation(operationId);
  } while (pool.model.nextEventAtMs() !== undefined);
}

/** Status and error of a started operation. */
function statusOf(pool: ModelFixture, started: ArmAnswer): readonly (string | undefined)[] {
  const { body } = pool.send("GET", new URL(started.headers["azure-asyncoperation"] ?? "").pathname);
  return [textAt(body, "status"), codeOf(body)];
}

/** `running deallocated`: the power states of the instances. */
function powersOf(pool: ModelFixture): string {
  const { body } = pool.send("GET", `${POOL}/virtualMachines?$expand=instanceView`);
  const last = (vm: Json): string =>
    textAt(listAt(vm, "properties", "instanceView", "statuses")?.at(-1), "code") ?? "";
  return (listAt(body, "value") ?? []).map((vm) => last(vm).replace("PowerState/", "")).join(" ");
}

function failOn(pool: ModelFixture, effect: Parameters<typeof pool.model.faults.add>[0]["effect"]): void {
  pool.model.faults.add({
    operation: "VirtualMachineScaleSetVMs_Deallocate",
    resource: `${COMPUTE}/${INSTANCE_1}`,
    effect,
  });
}

describe("an action on all instances of a scale set", () => {
  it("starts none where one of them refuses", () => {
    const pool = aPool();
    pool.finish("PUT", "disks/pvc-1", diskBody());
    pool.finish("PUT", INSTANCE_1, listBody({ 0: "pvc-1" }));
    pool.finish("POST", `${POOL}/deallocate`);
    pool.finish("POST", "disks/pvc-1/beginGetAccess", { access: "Read", durationInSeconds: 3600 });
    assert.equal(pool.send("POST", `${POOL}/start`).status, 409);
    pool.settle();
    assert.equal(powersOf(pool), "deallocated deallocated");
  });

  it("fails with the instance that fails, once all have ended", () => {
    const pool = aPool();
    failOn(pool, FAILS);
    const started = pool.send("POST", `${POOL}/deallocate`);
    assert.deepEqual(statusOf(pool, started), ["InProgress", undefined]);
    pool.settle();
    assert.deepEqual(statusOf(pool, started), ["Failed", "AllocationFailed"]);
    assert.equal(powersOf(pool), "deallocated running");
  });

  it("ends with an instance that was stuck, and not before", () => {
    const pool = aPool();
    failOn(pool, { kind: "StuckOperation" });
    const started = pool.send("POST", `${POOL}/deallocate`);
    pool.settle();
    assert.deepEqual(statusOf(pool, started), ["InProgress", undefined]);
    releaseStuckOperations(pool.model.world);
    pool.settle();
    assert.deepEqual(statusOf(pool, started), ["Succeeded", undefined]);
    assert.equal(powersOf(pool), "deallocated deallocated");
  });

  it("keeps to a fault of its own", () => {
    const pool = aPool();
    const operation = "VirtualMachineScaleSets_Deallocate";
    pool.model.faults.add({ operation, effect: { kind: "StuckOperation" } });
    failOn(pool, FAILS);
    const started = pool.send("POST", `${POOL}/deallocate`);
    pool.settle();
    assert.deepEqual(statusOf(pool, started), ["InProgress", undefined]);
  });

  for (const { failure, ends } of [
    { failure: undefined, ends: ["Succeeded", undefined] },
    { failure: "no loop device", ends: ["Failed", "InternalExecutionError"] },
  ])
    it(`waits for the devices of every instance (${failure ?? "they work"})`, () => {
      const pool = aPool({ hasDataPlane: true });
      const started = pool.send("POST", `${POOL}/deallocate`);
      pool.settle();
      const [first, second] = pool.model.takeDueEffects();
      assert.ok(first !== undefined && second !== undefined);
      pool.model.settleOperation(first.operationId);
      pool.settle();
      assert.deepEqual(statusOf(pool, started), ["InProgress", undefined]);
      pool.model.settleOperation(second.operationId, failure);
      pool.settle();
      assert.deepEqual(statusOf(pool, started), ends);
    });

  it("ends at once where there is no instance", () => {
    const pool = aPool();
    pool.finish("POST", `${POOL}/delete`, { instanceIds: ["*"] });
    const started = pool.send("POST", `${POOL}/start`);
    pool.settle();
    assert.deepEqual(statusOf(pool, started), ["Succeeded", undefined]);
  });

  it("hibernates a flexible set, and no uniform one", () => {
    const pool = aPool({}, "Flexible");
    pool.finish("POST", `${POOL}/deallocate?hibernate=true`);
    const [vm] = pool.model.world.virtualMachines.values();
    assert.equal(vm?.hibernated, true);
    const refused = aPool().send("POST", `${POOL}/deallocate?hibernate=true`);
    assert.deepEqual([refused.status, codeOf(refused.body)], [400, "InvalidParameter"]);
  });

  // Azure/azure-cli, recordings test_vmss_create_and_modify.yaml and test_vmss_reimage.yaml (2024).
  for (const { verb, counted } of [
    { verb: "deallocate", counted: "DeleteVMScaleSetSubscriptionMaximum;524" },
    { verb: "powerOff", counted: "DeleteVMScaleSetSubscriptionMaximum;524" },
    { verb: "reimageAll", counted: "VMScaleSetActionsSubscriptionMaximum;1499" },
  ])
    it(`counts ${verb} of all instances as recorded`, () => {
      const { headers } = aPool().send("POST", `${POOL}/${verb}`);
      assert.equal(
        headers["x-ms-ratelimit-remaining-resource"]?.replaceAll("Microsoft.Compute/", ""),
        `${counted},VMScaleSetBatchedVMRequestsSubscriptionMaximum;5999,VmssQueuedVMOperations;0`,
      );
    });
});
