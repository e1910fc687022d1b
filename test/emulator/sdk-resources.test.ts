import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type AzureFixture, createDisk, startAzure } from "./azure-fixture.ts";

const fast = { updateIntervalInMs: 5 };

describe("resources through the official SDK", () => {
  let azure: AzureFixture;
  before(async () => {
    azure = await startAzure({
      virtualMachines: [
        { name: "node-a", zone: "1" },
        { name: "node-b", zone: "1" },
      ],
      settings: { pageSize: 2, sharedAttachRace: false },
    });
  });
  after(() => azure.close());

  it("attaches and detaches with attachDetachDataDisks", async () => {
    const [first, second] = [await createDisk(azure, "ad-1"), await createDisk(azure, "ad-2")];
    const { virtualMachines } = azure.client;
    const namesByLun = async (): Promise<unknown> => {
      const { storageProfile } = await virtualMachines.get("rg", "node-a");
      return storageProfile?.dataDisks?.map((disk) => [disk.lun, disk.name]);
    };
    // Azure's last answer is the status of the operation, in which this SDK finds no disks.
    await virtualMachines.attachDetachDataDisks(
      "rg",
      "node-a",
      { dataDisksToAttach: [{ diskId: first }] },
      fast,
    );
    assert.deepEqual(await namesByLun(), [[0, "ad-1"]]);
    await virtualMachines.attachDetachDataDisks(
      "rg",
      "node-a",
      {
        dataDisksToAttach: [{ diskId: second, lun: 7 }],
        dataDisksToDetach: [{ diskId: first, detachOption: "ForceDetach" }],
      },
      fast,
    );
    assert.deepEqual(await namesByLun(), [[7, "ad-2"]]);
    await virtualMachines.attachDetachDataDisks(
      "rg",
      "node-a",
      { dataDisksToDetach: [{ diskId: second }] },
      fast,
    );
  });

  it("encrypts a disk with a set of keys, which outlives it", async () => {
    const { diskEncryptionSets, diskAccesses, disks } = azure.client;
    const keys = await diskEncryptionSets.createOrUpdate(
      "rg",
      "keys",
      {
        location: "eastus",
        identity: { type: "SystemAssigned" },
        activeKey: { keyUrl: "https://vault.vault.azure.net/keys/key/1" },
      },
      fast,
    );
    assert.equal(keys.provisioningState, "Succeeded");
    const access = await diskAccesses.createOrUpdate("rg", "access", { location: "eastus" }, fast);
    assert.ok(access.timeCreated instanceof Date);
    const disk = await disks.createOrUpdate(
      "rg",
      "encrypted-1",
      {
        location: "eastus",
        creationData: { createOption: "Empty" },
        diskSizeGB: 4,
        encryption: { diskEncryptionSetId: keys.id ?? "" },
        networkAccessPolicy: "AllowPrivate",
        diskAccessId: access.id ?? "",
      },
      fast,
    );
    assert.equal(disk.encryption?.type, "EncryptionAtRestWithCustomerKey");
    const associated: string[] = [];
    for await (const id of diskEncryptionSets.listAssociatedResources("rg", "keys")) associated.push(id);
    assert.deepEqual(
      associated.map((id) => id.toLowerCase()),
      [disk.id?.toLowerCase()],
    );
    await assert.rejects(diskEncryptionSets.delete("rg", "keys", fast), { code: "OperationNotAllowed" });
    await disks.delete("rg", "encrypted-1", fast);
    await diskEncryptionSets.delete("rg", "keys", fast);
    await diskAccesses.delete("rg", "access", fast);
    await assert.rejects(diskAccesses.get("rg", "access"), { code: "ResourceNotFound" });
  });

  it("resizes a disk while it is attached", async () => {
    const id = await createDisk(azure, "resize-1");
    await azure.client.virtualMachines.attachDetachDataDisks(
      "rg",
      "node-a",
      { dataDisksToAttach: [{ diskId: id }] },
      fast,
    );
    const resized = await azure.client.disks.update("rg", "resize-1", { diskSizeGB: 64 }, fast);
    assert.deepEqual([resized.diskSizeGB, resized.tier, resized.diskState], [64, "P6", "Attached"]);
    await azure.client.virtualMachines.attachDetachDataDisks(
      "rg",
      "node-a",
      { dataDisksToDetach: [{ diskId: id }] },
      fast,
    );
  });

  it("shares a disk", async () => {
    const id = await createDisk(azure, "shared-1", { maxShares: 2 });
    for (const vm of ["node-a", "node-b"])
      await azure.client.virtualMachines.attachDetachDataDisks(
        "rg",
        vm,
        { dataDisksToAttach: [{ diskId: id }] },
        fast,
      );
    const disk = await azure.client.disks.get("rg", "shared-1");
    assert.deepEqual(
      disk.managedByExtended?.map((vm) => vm.split("/").at(-1)),
      ["node-a", "node-b"],
    );
    assert.equal(disk.shareInfo?.length, 2);
  });

  it("lists over several pages", async () => {
    for (const name of ["list-1", "list-2", "list-3"]) await createDisk(azure, name);
    const names: string[] = [];
    for await (const disk of azure.client.disks.listByResourceGroup("rg")) names.push(disk.name ?? "");
    for (const name of ["list-1", "list-2", "list-3"]) assert.ok(names.includes(name));
    assert.equal(new Set(names).size, names.length);
    const vms: string[] = [];
    for await (const vm of azure.client.virtualMachines.listAll()) vms.push(vm.name ?? "");
    assert.deepEqual(vms.slice(0, 2), ["node-a", "node-b"]);
  });

  it("creates a VM, changes its power states, and deletes it", async () => {
    const { virtualMachines } = azure.client;
    const created = await virtualMachines.createOrUpdate(
      "rg",
      "vm-1",
      {
        location: "eastus",
        zones: ["2"],
        hardwareProfile: { vmSize: "Standard_D2s_v6" },
        networkProfile: {},
      },
      fast,
    );
    assert.deepEqual(
      [created.provisioningState, created.storageProfile?.diskControllerType, created.zones],
      ["Succeeded", "NVMe", ["2"]],
    );
    const power = async (): Promise<string | undefined> =>
      (await virtualMachines.instanceView("rg", "vm-1")).statuses?.at(1)?.code;
    await virtualMachines.powerOff("rg", "vm-1", { ...fast, skipShutdown: true });
    assert.equal(await power(), "PowerState/stopped");
    await virtualMachines.deallocate("rg", "vm-1", fast);
    assert.equal(await power(), "PowerState/deallocated");
    await virtualMachines.start("rg", "vm-1", fast);
    const expanded = await virtualMachines.get("rg", "vm-1", { expand: "instanceView" });
    assert.equal(expanded.instanceView?.statuses?.at(1)?.code, "PowerState/running");
    const sizes: string[] = [];
    for await (const { name } of virtualMachines.listAvailableSizes("rg", "vm-1")) sizes.push(name ?? "");
    assert.ok(sizes.includes("Standard_D2s_v6"));
    const views = virtualMachines.list("rg", { expand: "instanceView" });
    await assert.rejects(views.next(), { statusCode: 400, code: "BadRequest" });
    for (const action of ["restart", "redeploy", "reapply"] as const)
      await virtualMachines[action]("rg", "vm-1", fast);
    await virtualMachines.delete("rg", "vm-1", { ...fast, forceDeletion: true });
    await assert.rejects(virtualMachines.get("rg", "vm-1"), { statusCode: 404 });
  });
});

describe("snapshots, availability sets and SKUs through the official SDK", () => {
  let azure: AzureFixture;
  before(async () => {
    azure = await startAzure();
  });
  after(() => azure.close());

  it("makes a snapshot, restores it and copies it to another region", async () => {
    const { snapshots, disks } = azure.client;
    const source = await createDisk(azure, "pvc-1");
    const snapshot = await snapshots.createOrUpdate(
      "rg",
      "snap-1",
      {
        location: "eastus",
        incremental: true,
        creationData: { createOption: "Copy", sourceResourceId: source },
      },
      fast,
    );
    assert.deepEqual(
      [snapshot.provisioningState, snapshot.diskSizeGB, snapshot.incremental, snapshot.snapshotAccessState],
      ["Succeeded", 8, true, "Available"],
    );
    const restored = await disks.createOrUpdate(
      "rg",
      "restored",
      {
        location: "eastus",
        zones: ["1"],
        sku: { name: "Premium_LRS" },
        creationData: { createOption: "Copy", sourceResourceId: snapshot.id ?? "" },
      },
      fast,
    );
    assert.equal(restored.diskSizeGB, 8);
    const copied = await snapshots.createOrUpdate(
      "rg",
      "snap-2",
      {
        location: "westus",
        incremental: true,
        creationData: { createOption: "CopyStart", sourceResourceId: snapshot.id ?? "" },
      },
      fast,
    );
    assert.equal(typeof copied.completionPercent, "number");
    const names: string[] = [];
    for await (const each of snapshots.listByResourceGroup("rg")) names.push(each.name ?? "");
    assert.deepEqual(names, ["snap-1", "snap-2"]);
    await snapshots.delete("rg", "snap-1", fast);
    const granted = await disks.grantAccess(
      "rg",
      "restored",
      { access: "Read", durationInSeconds: 60 },
      fast,
    );
    assert.match(granted.accessSAS ?? "", /^https:/);
    await disks.revokeAccess("rg", "restored", fast);
  });

  it("writes availability sets and lists SKUs", async () => {
    const set = await azure.client.availabilitySets.createOrUpdate("rg", "set", {
      location: "eastus",
      sku: { name: "Aligned" },
      platformFaultDomainCount: 2,
    });
    assert.equal(set.platformFaultDomainCount, 2);
    let vmSkus = 0;
    for await (const sku of azure.client.resourceSkus.list({ filter: "location eq 'eastus'" }))
      vmSkus += sku.resourceType === "virtualMachines" ? 1 : 0;
    assert.ok(vmSkus > 40);
    const sizes = async (list: AsyncIterable<{ readonly name?: string }>): Promise<readonly unknown[]> => {
      const names: unknown[] = [];
      for await (const { name } of list) names.push(name);
      return names;
    };
    const offered = await sizes(azure.client.availabilitySets.listAvailableSizes("rg", "set"));
    assert.ok(offered.includes("Standard_D4s_v5"));
    await assert.rejects(sizes(azure.client.availabilitySets.listAvailableSizes("rg", "none")), {
      statusCode: 404,
      code: "ResourceNotFound",
    });
    await assert.rejects(sizes(azure.client.virtualMachines.listAvailableSizes("rg", "none")), {
      statusCode: 404,
      code: "ResourceNotFound",
    });
    await assert.rejects(sizes(azure.client.availabilitySets.list("none")), {
      statusCode: 404,
      code: "ResourceGroupNotFound",
    });
    const actions = await sizes(azure.client.operations.list());
    assert.ok(actions.includes("Microsoft.Compute/disks/write"));
  });
});
