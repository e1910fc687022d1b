import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { waitUntil } from "../../testbed/lab/units/wait-until.ts";
import { type AzureFixture, PATIENCE_MS, startAzure, SUBSCRIPTION_ID } from "./azure-fixture.ts";

const fast = { updateIntervalInMs: 10 };

describe("the official SDK against the emulator", () => {
  let azure: AzureFixture;
  before(async () => {
    azure = await startAzure({
      virtualMachines: [
        { name: "node-a", zone: "1" },
        { name: "node-b", zone: "1" },
      ],
    });
  });
  after(() => azure.close());

  it("makes disks with a VM, and deletes those of deleteOption Delete with it", async () => {
    const { virtualMachines: vms, disks } = azure.client;
    const kept = { lun: 0, createOption: "Empty", name: "kept", diskSizeGB: 8 };
    const scratch = { lun: 1, createOption: "Empty", name: "scratch", diskSizeGB: 4, deleteOption: "Delete" };
    await vms.createOrUpdate(
      "rg",
      "new",
      { location: "eastus", networkProfile: {}, storageProfile: { dataDisks: [kept] } },
      fast,
    );
    const made = await vms.get("rg", "new");
    const dataDisks = [...(made.storageProfile?.dataDisks ?? []), scratch];
    const updated = await vms.update(
      "rg",
      "new",
      { storageProfile: { dataDisks } },
      { ifMatch: made.etag ?? "", ...fast },
    );
    assert.deepEqual(
      updated.storageProfile?.dataDisks?.map(({ name, createOption, managedDisk }) => [
        name,
        createOption,
        managedDisk?.storageAccountType,
      ]),
      [
        ["kept", "Empty", "Premium_LRS"],
        ["scratch", "Empty", "Premium_LRS"],
      ],
    );
    const again = { storageProfile: { dataDisks: [{ ...kept, lun: 5 }] } };
    await assert.rejects(vms.update("rg", "node-a", again), {
      statusCode: 409,
      code: "ConflictingUserInput",
      message: "Disk kept already exists in resource group RG. Only CreateOption.Attach is supported.",
    });
    await vms.delete("rg", "new", fast);
    // Disks name a VM for a while after it is gone.
    await waitUntil("the disks to be free of their VM", { timeoutMs: PATIENCE_MS, everyMs: 5 }, async () => {
      const names: (string | undefined)[] = [];
      for await (const disk of disks.listByResourceGroup("rg")) names.push(disk.name);
      const { managedBy } = await disks.get("rg", "kept");
      return (managedBy === undefined && !names.includes("scratch")) || undefined;
    });
  });

  it("creates, attaches, detaches and deletes a disk with conditional updates", async () => {
    const { client } = azure;
    const created = await client.disks.createOrUpdate("rg", "pvc-1", {
      location: "eastus",
      zones: ["1"],
      sku: { name: "Premium_LRS" },
      creationData: { createOption: "Empty" },
      diskSizeGB: 1024,
    });
    assert.deepEqual(
      [created.provisioningState, created.diskState, created.tier, created.diskSizeGB],
      ["Succeeded", "Unattached", "P30", 1024],
    );

    const before = await client.virtualMachines.get("rg", "node-a");
    assert.equal(before.etag, '"1"');
    const attached = await client.virtualMachines.update(
      "rg",
      "node-a",
      {
        storageProfile: {
          dataDisks: [{ lun: 3, createOption: "Attach", managedDisk: { id: created.id ?? "" } }],
        },
      },
      { ifMatch: before.etag ?? "", updateIntervalInMs: 10 },
    );
    assert.deepEqual(
      attached.storageProfile?.dataDisks?.map((disk) => [disk.lun, disk.name, disk.toBeDetached]),
      [[3, "pvc-1", false]],
    );
    assert.notEqual(attached.etag, before.etag);
    const owned = await client.disks.get("rg", "pvc-1");
    assert.deepEqual(
      [owned.managedBy, owned.diskState],
      [
        `/subscriptions/${SUBSCRIPTION_ID}/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/node-a`,
        "Attached",
      ],
    );

    await assert.rejects(
      client.virtualMachines.update(
        "rg",
        "node-a",
        { storageProfile: { dataDisks: [] } },
        { ifMatch: before.etag ?? "" },
      ),
      {
        statusCode: 412,
        code: "PreconditionFailed",
      },
    );
    await assert.rejects(client.disks.delete("rg", "pvc-1"), {
      statusCode: 409,
      code: "OperationNotAllowed",
    });

    const detached = await client.virtualMachines.update(
      "rg",
      "node-a",
      { storageProfile: { dataDisks: [] } },
      { ifMatch: attached.etag ?? "", updateIntervalInMs: 10 },
    );
    assert.deepEqual(detached.storageProfile?.dataDisks, []);
    await client.disks.delete("rg", "pvc-1", { updateIntervalInMs: 10 });
    await assert.rejects(client.disks.get("rg", "pvc-1"), { statusCode: 404, code: "ResourceNotFound" });
  });
});
