import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type AzureFixture, startAzure, SUBSCRIPTION_ID } from "./azure-fixture.ts";

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
