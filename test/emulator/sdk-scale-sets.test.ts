import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { VirtualMachineScaleSetVM } from "@azure/arm-compute";
import { type AzureFixture, createDisk, startAzure, SUBSCRIPTION_ID } from "./azure-fixture.ts";
import { call } from "./call.ts";

const SETS = `/subscriptions/${SUBSCRIPTION_ID}/resourceGroups/rg/providers/Microsoft.Compute/virtualMachineScaleSets`;
const FAST = { updateIntervalInMs: 5 };

describe("scale sets through the official SDK", () => {
  let azure: AzureFixture;
  before(async () => {
    azure = await startAzure();
  });
  after(() => azure.close());

  async function instancesOf(name: string): Promise<readonly VirtualMachineScaleSetVM[]> {
    const found: VirtualMachineScaleSetVM[] = [];
    for await (const vm of azure.client.virtualMachineScaleSetVMs.list("rg", name)) found.push(vm);
    return found;
  }
  const namesOf = async (name: string): Promise<readonly (string | undefined)[]> =>
    (await instancesOf(name)).map((vm) => vm.name);

  it("makes a uniform set whose instances have ids, and scales it out and in", async () => {
    const { virtualMachineScaleSets: sets } = azure.client;
    const made = await sets.createOrUpdate(
      "rg",
      "pool",
      { location: "eastus", zones: ["1", "2"], sku: { name: "Standard_D8s_v5", capacity: 2 } },
      FAST,
    );
    assert.deepEqual(
      [made.provisioningState, made.orchestrationMode, made.sku?.capacity, made.id],
      ["Succeeded", "Uniform", 2, `${SETS}/pool`],
    );
    assert.deepEqual(
      (await instancesOf("pool")).map((vm) => [
        vm.id,
        vm.name,
        vm.instanceId,
        vm.sku?.name,
        vm.hardwareProfile?.vmSize,
        vm.zones,
        vm.latestModelApplied,
        vm.osProfile?.computerName,
      ]),
      [
        [
          `${SETS}/pool/virtualMachines/0`,
          "pool_0",
          "0",
          "Standard_D8s_v5",
          "Standard_D8s_v5",
          ["1"],
          true,
          "pool000000",
        ],
        [
          `${SETS}/pool/virtualMachines/1`,
          "pool_1",
          "1",
          "Standard_D8s_v5",
          "Standard_D8s_v5",
          ["2"],
          true,
          "pool000001",
        ],
      ],
    );
    await sets.update("rg", "pool", { sku: { name: "Standard_D8s_v5", capacity: 3 } }, FAST);
    assert.deepEqual(await namesOf("pool"), ["pool_0", "pool_1", "pool_2"]);
    await sets.deleteInstances("rg", "pool", { instanceIds: ["0"] }, FAST);
    await sets.update("rg", "pool", { sku: { name: "Standard_D8s_v5", capacity: 1 } }, FAST);
    assert.deepEqual(await namesOf("pool"), ["pool_1"]);
    const listed: (string | undefined)[] = [];
    for await (const set of sets.list("rg")) listed.push(set.name);
    assert.deepEqual(listed, ["pool"]);
    const single: (string | undefined)[] = [];
    for await (const vm of azure.client.virtualMachines.list("rg")) single.push(vm.name);
    assert.deepEqual(single, [], "uniform instances are no VMs of their own");
  });

  it("attaches to an instance by a conditional PUT of its data disks alone", async () => {
    const { virtualMachineScaleSets: sets, virtualMachineScaleSetVMs: instances } = azure.client;
    await sets.createOrUpdate(
      "rg",
      "data",
      { location: "eastus", zones: ["1"], sku: { name: "Standard_D8s_v5", capacity: 1 } },
      FAST,
    );
    const id = await createDisk(azure, "pvc-1");
    const before = await instances.get("rg", "data", "0");
    const write = {
      storageProfile: { dataDisks: [{ lun: 4, createOption: "Attach", managedDisk: { id } }] },
    };
    const attached = await instances.update("rg", "data", "0", write as never, {
      ifMatch: before.etag ?? "",
      ...FAST,
    });
    assert.deepEqual(
      attached.storageProfile?.dataDisks?.map(({ lun, name }) => [lun, name]),
      [[4, "pvc-1"]],
    );
    // A disk spells its owner in another way than the instance spells itself.
    assert.equal(
      (await azure.client.disks.get("rg", "pvc-1")).managedBy,
      `${SETS}/data/virtualMachines/data_0`,
    );
    await assert.rejects(
      instances.update("rg", "data", "0", write as never, { ifMatch: before.etag ?? "" }),
      { statusCode: 412, code: "PreconditionFailed" },
    );
    const { statuses } = await instances.getInstanceView("rg", "data", "0");
    assert.ok(statuses?.some(({ code }) => code === "PowerState/running"));
  });

  it("counts instances by state, and lists sets by region and the sizes of one", async () => {
    const { virtualMachineScaleSets: sets } = azure.client;
    await sets.createOrUpdate(
      "rg",
      "seen",
      { location: "eastus", sku: { name: "Standard_D8s_v5", capacity: 2 } },
      FAST,
    );
    const { virtualMachine, statuses } = await sets.getInstanceView("rg", "seen");
    assert.deepEqual(virtualMachine?.statusesSummary, [{ code: "ProvisioningState/succeeded", count: 2 }]);
    assert.equal(statuses?.[0]?.code, "ProvisioningState/succeeded");
    const inRegion = async (region: string): Promise<readonly unknown[]> => {
      const names: unknown[] = [];
      for await (const { name } of sets.listByLocation(region)) names.push(name);
      return names;
    };
    assert.ok((await inRegion("eastus")).includes("seen"));
    assert.deepEqual(await inRegion("westus"), []);
    const sizes: unknown[] = [];
    for await (const { sku, capacity } of sets.listSkus("rg", "seen")) {
      sizes.push(sku?.name);
      assert.equal(capacity?.minimum, 0);
    }
    assert.ok(sizes.includes("Standard_D8s_v5"));
    const missing = { statusCode: 404, code: "ResourceNotFound" };
    await assert.rejects(sets.getInstanceView("rg", "none"), missing);
    await assert.rejects(sets.listSkus("rg", "none").next(), missing);
    await assert.rejects(sets.reapply("rg", "none").submitted(), missing);
  });

  it("guards the write of a set by its ETag, and does not count reads as writes", async () => {
    const { virtualMachineScaleSets: sets } = azure.client;
    const { etag = "" } = await sets.get("rg", "seen");
    assert.equal((await sets.get("rg", "seen")).etag, etag);
    const body = { location: "eastus", sku: { name: "Standard_D8s_v5", capacity: 2 } };
    const failed = { statusCode: 412, code: "PreconditionFailed" };
    await assert.rejects(sets.createOrUpdate("rg", "seen", body, { ifNoneMatch: "*" }).submitted(), {
      statusCode: 412,
    });
    const updated = await sets.update(
      "rg",
      "seen",
      { tags: { team: "storage" } },
      { ifMatch: etag, ...FAST },
    );
    assert.notEqual(updated.etag, etag);
    await assert.rejects(sets.update("rg", "seen", { tags: {} }, { ifMatch: etag }).submitted(), failed);
    await assert.rejects(sets.createOrUpdate("rg", "seen", body, { ifMatch: etag }).submitted(), failed);
    assert.deepEqual((await sets.get("rg", "seen")).tags, { team: "storage" });
  });

  it("reapplies a set, reimages an instance, and finds those with the latest model", async () => {
    const { virtualMachineScaleSets: sets, virtualMachineScaleSetVMs: instances } = azure.client;
    await sets.reapply("rg", "seen", FAST);
    const before = (await instances.get("rg", "seen", "0")).etag;
    await instances.reimageAll("rg", "seen", "0", FAST);
    assert.notEqual((await instances.get("rg", "seen", "0")).etag, before);
    await sets.update("rg", "seen", { virtualMachineProfile: { licenseType: "Other" } }, FAST);
    await sets.updateInstances("rg", "seen", { instanceIds: ["1"] }, FAST);
    const idsBy = async (filter: string): Promise<readonly unknown[]> => {
      const ids: unknown[] = [];
      for await (const { instanceId } of instances.list("rg", "seen", { filter })) ids.push(instanceId);
      return ids;
    };
    assert.deepEqual(await idsBy("properties/latestModelApplied eq true"), ["1"]);
    assert.deepEqual(await idsBy("properties/latestModelApplied eq false"), ["0"]);
    await assert.rejects(idsBy("name eq 'seen_0'"), { statusCode: 400, code: "InvalidParameter" });
    await sets.delete("rg", "seen", FAST);
  });

  it("answers for missing instances and sets as Azure does", async () => {
    const { virtualMachineScaleSetVMs: instances } = azure.client;
    await assert.rejects(instances.get("rg", "data", "99"), { statusCode: 404, code: "ResourceNotFound" });
    await assert.rejects(instances.update("rg", "data", "99", {} as never), {
      statusCode: 400,
      code: "InvalidParameter",
    });
    await assert.rejects(instances.get("rg", "none", "0"), {
      statusCode: 404,
      code: "ParentResourceNotFound",
    });
    await instances.delete("rg", "data", "99", FAST);
  });

  it("keeps what an instance was made of until it is upgraded, and its id for ever", async () => {
    const { virtualMachineScaleSets: sets, virtualMachineScaleSetVMs: instances } = azure.client;
    const body = { location: "eastus", sku: { name: "Standard_D8s_v5", capacity: 1 } };
    await sets.createOrUpdate("rg", "old", body, FAST);
    const { vmId } = await instances.get("rg", "old", "0");
    await sets.update("rg", "old", { virtualMachineProfile: { licenseType: "Other" } }, FAST);
    assert.equal((await instances.get("rg", "old", "0")).latestModelApplied, false);
    await sets.updateInstances("rg", "old", { instanceIds: ["0"] }, FAST);
    await instances.reimage("rg", "old", "0", FAST);
    const now = await instances.get("rg", "old", "0");
    assert.deepEqual([now.latestModelApplied, now.vmId], [true, vmId]);
  });

  it("reimages and stops the instances that a call on the set names, or all of them", async () => {
    const { virtualMachineScaleSets: sets, virtualMachineScaleSetVMs: instances } = azure.client;
    const body = { location: "eastus", sku: { name: "Standard_D8s_v5", capacity: 2 } };
    await sets.createOrUpdate("rg", "many", body, FAST);
    const powerOf = async (id: string): Promise<string | undefined> =>
      (await instances.getInstanceView("rg", "many", id)).statuses?.at(-1)?.code;
    const etagOf = async (id: string): Promise<string | undefined> =>
      (await instances.get("rg", "many", id)).etag;
    const [first, second] = [await etagOf("0"), await etagOf("1")];
    await sets.reimageAll("rg", "many", { vmInstanceIDs: { instanceIds: ["1"] }, ...FAST });
    assert.deepEqual([(await etagOf("0")) === first, (await etagOf("1")) === second], [true, false]);
    await sets.deallocate("rg", "many", FAST);
    assert.deepEqual(
      [await powerOf("0"), await powerOf("1")],
      ["PowerState/deallocated", "PowerState/deallocated"],
    );
    await assert.rejects(sets.start("rg", "many", { vmInstanceIDs: { instanceIds: ["9"] }, ...FAST }), {
      code: "InvalidParameter",
    });
    await sets.start("rg", "many", { vmInstanceIDs: { instanceIds: ["0"] }, ...FAST });
    assert.deepEqual(
      [await powerOf("0"), await powerOf("1")],
      ["PowerState/running", "PowerState/deallocated"],
    );
    await instances.powerOff("rg", "many", "0", FAST);
    assert.equal(await powerOf("0"), "PowerState/stopped");
    await instances.deallocate("rg", "many", "0", FAST);
    assert.equal(await powerOf("0"), "PowerState/deallocated");
  });

  it("upgrades a set in batches after a new model and on request, until cancelled", async () => {
    const { virtualMachineScaleSets: sets, virtualMachineScaleSetRollingUpgrades: upgrades } = azure.client;
    const networkProfile = { healthProbe: { id: "/any/probe" } };
    const made = await sets.createOrUpdate(
      "rg",
      "rolling",
      {
        location: "eastus",
        sku: { name: "Standard_D8s_v5", capacity: 3 },
        upgradePolicy: { mode: "Rolling", rollingUpgradePolicy: { maxBatchInstancePercent: 50 } },
        virtualMachineProfile: { networkProfile },
      },
      FAST,
    );
    assert.deepEqual(
      [made.upgradePolicy?.mode, made.upgradePolicy?.rollingUpgradePolicy?.pauseTimeBetweenBatches],
      ["Rolling", "PT0S"],
    );
    await assert.rejects(upgrades.getLatest("rg", "rolling"), { statusCode: 404, code: "NotFound" });
    await sets.update(
      "rg",
      "rolling",
      { virtualMachineProfile: { networkProfile, licenseType: "None" } },
      FAST,
    );
    const { runningStatus, progress, policy } = await upgrades.getLatest("rg", "rolling");
    assert.deepEqual(
      [runningStatus?.code, runningStatus?.lastAction, runningStatus?.startTime instanceof Date],
      ["Completed", "Start", true],
    );
    assert.deepEqual([progress?.successfulInstanceCount, policy?.maxBatchInstancePercent], [3, 50]);
    assert.ok((await instancesOf("rolling")).every(({ latestModelApplied }) => latestModelApplied === true));
    await upgrades.startOSUpgrade("rg", "rolling", FAST);
    await assert.rejects(upgrades.cancel("rg", "rolling", FAST), {
      statusCode: 409,
      code: "OperationNotAllowed",
      message: "There is no ongoing Rolling Upgrade to cancel.",
    });
    await sets.update("rg", "rolling", {
      upgradePolicy: { rollingUpgradePolicy: { pauseTimeBetweenBatches: "PT24H" } },
    });
    const started = upgrades.startOSUpgrade("rg", "rolling", FAST);
    await started.submitted();
    await upgrades.cancel("rg", "rolling", FAST);
    const cancelled = await upgrades.getLatest("rg", "rolling");
    assert.deepEqual(
      [cancelled.runningStatus?.code, cancelled.runningStatus?.lastAction, cancelled.progress],
      [
        "Cancelled",
        "Cancel",
        {
          successfulInstanceCount: 1,
          failedInstanceCount: 0,
          inProgressInstanceCount: 0,
          pendingInstanceCount: 2,
        },
      ],
    );
    await assert.rejects(async () => started.pollUntilDone(), /canceled/);
  });

  it("makes a flexible set of VMs that name it", async () => {
    const { virtualMachineScaleSets: sets, virtualMachines } = azure.client;
    await sets.createOrUpdate(
      "rg",
      "flex",
      { location: "eastus", orchestrationMode: "Flexible", sku: { name: "Standard_D8s_v5", capacity: 2 } },
      FAST,
    );
    const members: (string | undefined)[] = [];
    for await (const vm of virtualMachines.list("rg", {
      filter: `'virtualMachineScaleSet/id' eq '${SETS}/flex'`,
    }))
      members.push(vm.name);
    assert.equal(members.length, 2);
    const path = `/emulator/v1/imds/${members[0]}/metadata/instance?api-version=2021-12-13`;
    const { body } = await call(azure.emulator.caPem ?? "", `${azure.emulator.url}${path}`, {
      headers: { Metadata: "true" },
    });
    assert.equal((body as { compute: { vmScaleSetName: string } }).compute.vmScaleSetName, "flex");
    for (const name of members) assert.match(name ?? "", /^flex_[0-9a-f]{8}$/);
  });

  it("deletes a set with its instances, and releases their disks", async () => {
    await azure.client.virtualMachineScaleSets.delete("rg", "data", FAST);
    await assert.rejects(azure.client.virtualMachineScaleSetVMs.get("rg", "data", "0"), {
      code: "ParentResourceNotFound",
    });
    const { model } = azure.emulator;
    while (model.nextEventAtMs() !== undefined) model.advanceTo(model.nextEventAtMs() ?? 0);
    assert.equal((await azure.client.disks.get("rg", "pvc-1")).managedBy, undefined);
  });

  // Last: it moves the emulator's clock ahead, and later operations would wait for the real one.
  it("deletes no instance while its set changes, and joins a set's repeated deletion", async () => {
    const { virtualMachineScaleSets: sets, virtualMachineScaleSetVMs: instances } = azure.client;
    const { model } = azure.emulator;
    const { settings } = model.world;
    const slow = { medianMs: 60_000_000, p99Ms: 60_000_000 };
    model.world.settings = {
      ...settings,
      latencies: { ...settings.latencies, vmCreate: slow, vmDelete: slow },
    };
    const body = { location: "eastus", sku: { name: "Standard_D8s_v5", capacity: 1 } };
    await sets.createOrUpdate("rg", "slow", body, FAST).submitted();
    await assert.rejects(instances.delete("rg", "slow", "0").submitted(), { statusCode: 409 });
    const end = (): void => {
      while (model.nextEventAtMs() !== undefined) model.advanceTo(model.nextEventAtMs() ?? 0);
    };
    end();
    assert.equal((await sets.get("rg", "slow")).provisioningState, "Succeeded");
    for (let repeated = 0; repeated < 2; repeated++) await sets.delete("rg", "slow").submitted();
    end();
    await assert.rejects(sets.get("rg", "slow"), { statusCode: 404 });
    model.world.settings = settings;
  });
});
