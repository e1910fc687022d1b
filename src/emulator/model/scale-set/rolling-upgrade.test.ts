import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { at, type Json, listAt, numberAt, textAt } from "../api/json.ts";
import { aModel, codeOf, COMPUTE, diskBody, listBody, type ModelFixture } from "../testing/model-fixture.ts";
import { chooseBatch } from "./rolling-upgrade.ts";
import { DEFAULT_UPGRADE_POLICY } from "./upgrade-policy.ts";

const POOL = "virtualMachineScaleSets/pool";
const HEALTH = { networkProfile: { healthProbe: { id: `${COMPUTE}/probe` } } };
/** The exact duration of each reimage, so that a test can stop within one. */
const REIMAGE_MS = 60_000;

/** A pool of instances 0, 1 … without zones, whose model names a health probe. */
function aPool(capacity: number, policy: Json): ModelFixture {
  const exact = { medianMs: REIMAGE_MS, p99Ms: REIMAGE_MS };
  const pool = aModel({ virtualMachines: [] });
  const { settings } = pool.model.world;
  pool.model.world.settings = { ...settings, latencies: { ...settings.latencies, vmReimage: exact } };
  pool.finish("PUT", POOL, {
    location: "eastus",
    sku: { name: "Standard_D8s_v5", capacity },
    properties: {
      virtualMachineProfile: HEALTH,
      upgradePolicy: { mode: "Rolling", rollingUpgradePolicy: policy },
    },
  });
  return pool;
}

function newModel(version: string): Json {
  const storageProfile = { imageReference: { version } };
  return { properties: { virtualMachineProfile: { ...HEALTH, storageProfile } } };
}

/** `0+ 1- 2-`: each instance, and whether it has the latest model. */
function modelsOf(pool: ModelFixture): string {
  return (listAt(pool.send("GET", `${POOL}/virtualMachines`).body, "value") ?? [])
    .map(
      (vm) => `${textAt(vm, "instanceId")}${at(vm, "properties", "latestModelApplied") === true ? "+" : "-"}`,
    )
    .join(" ");
}

/** Its state, and how many instances have succeeded, failed, are in progress and are pending. */
function latest(pool: ModelFixture): Json {
  const { body } = pool.send("GET", `${POOL}/rollingUpgrades/latest`);
  const counts = ["successful", "failed", "inProgress", "pending"].map((state) =>
    numberAt(body, "properties", "progress", `${state}InstanceCount`),
  );
  return [textAt(body, "properties", "runningStatus", "code"), counts.join(" ")] as Json;
}

function statusOf(pool: ModelFixture, started: { readonly headers: Readonly<Record<string, string>> }): Json {
  const url = new URL(started.headers["azure-asyncoperation"] ?? "");
  const { body } = pool.send("GET", url.pathname);
  return [textAt(body, "status"), codeOf(body)] as Json;
}

const strike = (pool: ModelFixture, instance: string, event: string): unknown =>
  pool.send("POST", "/emulator/v1/virtualMachineEvents", {
    vmId: `${COMPUTE}/${POOL}/virtualMachines/${instance}`,
    event,
  });

describe("a rolling upgrade of a scale set", () => {
  it("follows a change of the model batch by batch, and the write lasts as long", () => {
    const pool = aPool(5, { maxBatchInstancePercent: 40 });
    const started = pool.send("PATCH", POOL, newModel("2"));
    assert.equal(started.status, 200);
    assert.deepEqual([modelsOf(pool), latest(pool)], ["0- 1- 2- 3- 4-", ["RollingForward", "0 0 2 3"]]);
    pool.advance(REIMAGE_MS);
    assert.deepEqual([modelsOf(pool), latest(pool)], ["0+ 1+ 2- 3- 4-", ["RollingForward", "2 0 2 1"]]);
    assert.deepEqual(statusOf(pool, started), ["InProgress", undefined]);
    assert.equal(textAt(pool.send("GET", POOL).body, "properties", "provisioningState"), "Updating");
    pool.settle();
    assert.deepEqual([modelsOf(pool), latest(pool)], ["0+ 1+ 2+ 3+ 4+", ["Completed", "5 0 0 0"]]);
    assert.deepEqual(statusOf(pool, started), ["Succeeded", undefined]);
    assert.equal(textAt(pool.send("GET", POOL).body, "properties", "provisioningState"), "Succeeded");
  });

  it("pauses between its batches for as long as the policy says", () => {
    const pool = aPool(2, { pauseTimeBetweenBatches: "PT1M30S" });
    pool.send("PATCH", POOL, newModel("2"));
    pool.advance(REIMAGE_MS + 89_000);
    assert.deepEqual(latest(pool), ["RollingForward", "1 0 0 1"]);
    pool.advance(1000);
    assert.deepEqual(latest(pool), ["RollingForward", "1 0 1 0"]);
  });

  it("refuses a write of an instance that it reimages, by its ETag or as a conflict", () => {
    const pool = aPool(2, {});
    const instance = `${POOL}/virtualMachines/0`;
    const ifMatch = pool.send("GET", instance).headers["etag"] ?? "";
    pool.send("PATCH", POOL, newModel("2"));
    const put = (more: object): Json => {
      const { status, body } = pool.send("PUT", instance, listBody({}), more);
      return [status, codeOf(body)] as Json;
    };
    assert.deepEqual(put({ ifMatch }), [412, "PreconditionFailed"]);
    assert.deepEqual(put({ ifMatch: pool.send("GET", instance).headers["etag"] ?? "" }), [
      409,
      "OperationNotAllowed",
    ]);
    assert.equal(pool.send("PUT", `${POOL}/virtualMachines/1`, listBody({})).status, 200);
  });

  it("keeps data disks attached, and waits for the update of an instance", () => {
    const pool = aPool(1, {});
    pool.finish("PUT", "disks/pvc-1", diskBody({ zones: [] }));
    const attached = pool.send("PUT", `${POOL}/virtualMachines/0`, listBody({ 0: "pvc-1" }));
    const upgrade = pool.send("PATCH", POOL, newModel("2"));
    assert.deepEqual(latest(pool), ["RollingForward", "0 0 1 0"]);
    assert.deepEqual(statusOf(pool, attached), ["InProgress", undefined]);
    pool.settle();
    assert.deepEqual(
      [statusOf(pool, attached), statusOf(pool, upgrade)],
      [
        ["Succeeded", undefined],
        ["Succeeded", undefined],
      ],
    );
    assert.equal(
      textAt(pool.send("GET", "disks/pvc-1").body, "managedBy"),
      `${COMPUTE}/${POOL}/virtualMachines/pool_0`,
    );
  });

  it("lets no other write of the scale set begin", () => {
    const pool = aPool(2, {});
    pool.send("PATCH", POOL, newModel("2"));
    for (const [method, path, body] of [
      ["PATCH", POOL, { sku: { capacity: 3 } }],
      ["DELETE", POOL, undefined],
      ["POST", `${POOL}/manualupgrade`, { instanceIds: ["1"] }],
      ["POST", `${POOL}/delete`, { instanceIds: ["1"] }],
      ["POST", `${POOL}/reimage`, undefined],
      ["POST", `${POOL}/osRollingUpgrade`, undefined],
    ] as const) {
      const refused = pool.send(method, path, body);
      assert.deepEqual([refused.status, codeOf(refused.body)], [409, "OperationNotAllowed"], path);
    }
    pool.settle();
    assert.equal(modelsOf(pool), "0+ 1+");
  });

  it("is cancelled after the batch under way, and continues with the next write", () => {
    const pool = aPool(3, {});
    const started = pool.send("PATCH", POOL, newModel("2"));
    const cancelled = pool.send("POST", `${POOL}/rollingUpgrades/cancel`);
    assert.equal(cancelled.status, 202);
    const again = pool.send("POST", `${POOL}/rollingUpgrades/cancel`);
    assert.equal(again.headers["azure-asyncoperation"], cancelled.headers["azure-asyncoperation"]);
    assert.deepEqual(
      [latest(pool), statusOf(pool, cancelled)],
      [
        ["RollingForward", "0 0 1 2"],
        ["InProgress", undefined],
      ],
    );
    pool.settle();
    assert.deepEqual([modelsOf(pool), latest(pool)], ["0+ 1- 2-", ["Cancelled", "1 0 0 2"]]);
    assert.deepEqual(
      [statusOf(pool, started), statusOf(pool, cancelled)],
      [
        ["Canceled", "OperationPreempted"],
        ["Succeeded", undefined],
      ],
    );
    const nothing = pool.send("POST", `${POOL}/rollingUpgrades/cancel`);
    assert.deepEqual([nothing.status, codeOf(nothing.body)], [409, "OperationNotAllowed"]);
    pool.finish("PATCH", POOL, { tags: { a: "b" } });
    assert.deepEqual([modelsOf(pool), latest(pool)], ["0+ 1+ 2+", ["Completed", "2 0 0 0"]]);
  });

  it("is cancelled at once during a pause", () => {
    const pool = aPool(2, { pauseTimeBetweenBatches: "PT1H" });
    pool.send("PATCH", POOL, newModel("2"));
    pool.advance(REIMAGE_MS);
    const cancelled = pool.send("POST", `${POOL}/rollingUpgrades/cancel`);
    assert.deepEqual(statusOf(pool, cancelled), ["Succeeded", undefined]);
    pool.settle();
    assert.equal(modelsOf(pool), "0+ 1-");
  });

  it("reimages nothing while too many instances are unhealthy", () => {
    const pool = aPool(4, { maxUnhealthyInstancePercent: 25 });
    for (const instance of ["1", "2"]) strike(pool, instance, "GuestHang");
    const status = pool.finish("PATCH", POOL, newModel("2"));
    assert.equal(codeOf(status), "MaxUnhealthyInstancePercentExceededBeforeRollingUpgrade");
    assert.deepEqual([modelsOf(pool), latest(pool)], ["0- 1- 2- 3-", ["Faulted", "0 0 0 4"]]);
    for (const instance of ["1", "2"]) strike(pool, instance, "GuestRecovery");
    pool.finish("PATCH", POOL, newModel("3"));
    assert.deepEqual(latest(pool), ["Completed", "4 0 0 0"]);
  });

  it("stops after a batch whose instances do not come back healthy", () => {
    const pool = aPool(3, { maxUnhealthyInstancePercent: 100 });
    pool.model.faults.add({
      operation: "VirtualMachineScaleSetVMs_Reimage",
      nth: 2,
      effect: { kind: "FailOperation", code: "OSProvisioningTimedOut" },
    });
    const status = pool.finish("PATCH", POOL, newModel("2"));
    assert.equal(codeOf(status), "MaxUnhealthyUpgradedInstancePercentExceededInRollingUpgrade");
    assert.match(textAt(status, "error", "message") ?? "", /50% .* First failed instance ID is: 1\.$/);
    assert.deepEqual([modelsOf(pool), latest(pool)], ["0+ 1- 2-", ["Faulted", "1 1 0 1"]]);
  });

  it("passes over an instance that is deleted before or during its turn", () => {
    const pool = aPool(3, {});
    const upgrade = pool.send("PATCH", POOL, newModel("2"));
    for (const instance of ["0", "2"]) pool.send("DELETE", `${POOL}/virtualMachines/${instance}`);
    pool.settle();
    assert.deepEqual(statusOf(pool, upgrade), ["Succeeded", undefined]);
    assert.deepEqual([modelsOf(pool), latest(pool)], ["1+", ["Completed", "1 0 0 0"]]);
  });

  it("gives every instance a new OS disk when osRollingUpgrade requests it", () => {
    const pool = aPool(2, {});
    pool.finish("PATCH", POOL, { properties: { upgradePolicy: { mode: "Manual" } } });
    const reads = (): readonly (string | undefined)[] =>
      ["0", "1"].map((id) => pool.send("GET", `${POOL}/virtualMachines/${id}`).headers["etag"]);
    const before = reads();
    assert.equal(textAt(pool.finish("POST", `${POOL}/osRollingUpgrade`), "status"), "Succeeded");
    assert.deepEqual(latest(pool), ["Completed", "2 0 0 0"]);
    assert.ok(reads().every((etag, index) => etag !== before[index]));
  });

  it("begins neither without a source of health, nor in a flexible set", () => {
    const { send } = aModel({ virtualMachines: [] });
    const rolling = { location: "eastus", properties: { upgradePolicy: { mode: "Rolling" } } };
    const refused = send("PUT", "virtualMachineScaleSets/plain", rolling);
    assert.deepEqual([refused.status, codeOf(refused.body)], [400, "InvalidParameter"]);
    assert.match(textAt(refused.body, "error", "message") ?? "", /health probe or health extension/);
    const flexible = send("PUT", "virtualMachineScaleSets/flex", {
      location: "eastus",
      properties: { ...rolling.properties, orchestrationMode: "Flexible", virtualMachineProfile: HEALTH },
    });
    assert.equal(codeOf(flexible.body), "InvalidParameter");
    const pool = aPool(1, {});
    assert.equal(pool.send("GET", `${POOL}/rollingUpgrades/latest`).status, 404);
    pool.model.faults.add({
      operation: "*_StartOSUpgrade",
      effect: { kind: "FailOperation", code: "InternalOperationError" },
    });
    assert.equal(codeOf(pool.finish("POST", `${POOL}/osRollingUpgrade`)), "InternalOperationError");
    assert.equal(pool.send("GET", `${POOL}/rollingUpgrades/latest`).status, 404);
  });

  it("is refused with the value and what the policy permits", () => {
    const pool = aPool(1, {});
    for (const [policy, pattern] of [
      [{ mode: "Sometimes" }, /'Sometimes' .* one of Manual, Automatic, Rolling/],
      [{ rollingUpgradePolicy: { maxBatchInstancePercent: 4 } }, /'4' .* from 5 to 100/],
      [{ rollingUpgradePolicy: { pauseTimeBetweenBatches: "30s" } }, /'30s' .* ISO 8601/],
      [{ rollingUpgradePolicy: { maxSurge: true } }, /maxSurge' is not false/],
    ] as const) {
      const { status, body } = pool.send("PATCH", POOL, { properties: { upgradePolicy: policy } });
      assert.deepEqual([status, codeOf(body)], [400, "InvalidParameter"]);
      assert.match(textAt(body, "error", "message") ?? "", pattern);
    }
    assert.deepEqual(at(pool.send("GET", POOL).body, "properties", "upgradePolicy", "rollingUpgradePolicy"), {
      ...DEFAULT_UPGRADE_POLICY.rolling,
    });
  });

  it("is shown once it is stated, in any mode, and not before", () => {
    const azure = aModel({ virtualMachines: [] });
    const sku = { name: "Standard_D8s_v5", capacity: 0 };
    const put = (upgradePolicy: Json): Json | undefined => {
      azure.finish("PUT", POOL, { location: "eastus", sku, properties: { upgradePolicy } });
      return at(azure.send("GET", POOL).body, "properties", "upgradePolicy");
    };
    // From az vmss show in articles of Azure's documentation.
    const stated = {
      maxBatchInstancePercent: 50,
      maxUnhealthyInstancePercent: 20,
      maxUnhealthyUpgradedInstancePercent: 20,
      pauseTimeBetweenBatches: "PT0S",
      maxSurge: false,
      rollbackFailedInstancesOnPolicyBreach: false,
    };
    assert.deepEqual(put({ mode: "Automatic" }), { mode: "Automatic" });
    assert.deepEqual(put({ mode: "automatic", rollingUpgradePolicy: { maxBatchInstancePercent: 50 } }), {
      mode: "Automatic",
      rollingUpgradePolicy: stated,
    });
    assert.deepEqual(put({ mode: "MANUAL" }), { mode: "Manual", rollingUpgradePolicy: stated });
    const crossing = { rollingUpgradePolicy: { enableCrossZoneUpgrade: false } };
    assert.deepEqual(put(crossing), {
      mode: "Manual",
      rollingUpgradePolicy: { ...stated, enableCrossZoneUpgrade: false },
    });
  });

  it("is no upgrade in automatic mode: instances have a new model at once", () => {
    const pool = aPool(2, {});
    pool.finish("PATCH", POOL, { properties: { upgradePolicy: { mode: "Automatic" } } });
    pool.finish("PATCH", POOL, newModel("2"));
    assert.deepEqual(
      [modelsOf(pool), pool.send("GET", `${POOL}/rollingUpgrades/latest`).status],
      ["0+ 1+", 404],
    );
  });
});

describe("the choice of a batch", () => {
  const pool = aModel({ virtualMachines: [] });
  pool.finish("PUT", POOL, {
    location: "eastus",
    zones: ["1", "2"],
    sku: { name: "Standard_D8s_v5", capacity: 6 },
  });
  strike(pool, "3", "GuestHang");
  const instances = [...pool.model.world.virtualMachines.values()];
  const pending = instances.map(({ id }) => id);
  const rows = [
    ["is of one zone", { maxBatchInstancePercent: 50 }, ["0", "2", "4"]],
    ["is of several zones", { maxBatchInstancePercent: 50, enableCrossZoneUpgrade: true }, ["0", "1", "2"]],
    ["has at least one instance", { maxBatchInstancePercent: 5 }, ["0"]],
    ["is rounded down", { maxBatchInstancePercent: 49 }, ["0", "2"]],
    [
      "has unhealthy instances first",
      { maxBatchInstancePercent: 50, enableCrossZoneUpgrade: true, prioritizeUnhealthyInstances: true },
      ["3", "0", "1"],
    ],
  ] as const;
  for (const [what, more, expected] of rows)
    it(what, () => {
      const policy = { ...DEFAULT_UPGRADE_POLICY.rolling, ...more };
      const batch = chooseBatch({ policy, pending }, instances);
      assert.deepEqual(
        batch.map((vm) => vm.instance?.instanceId),
        expected,
      );
    });
});
