import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { at, type Json, listAt, textAt } from "../api/json.ts";
import { aModel, codeOf, COMPUTE, diskBody, listBody, type ModelFixture } from "../testing/model-fixture.ts";

const GROUP = "/subscriptions/sub-1/resourceGroups/rg";
const OTHER = "/subscriptions/sub-1/resourceGroups/other";

/** A group with one of each type, whose VM has a disk and whose disk has an encryption set. */
function furnished(): ModelFixture {
  const azure = aModel({ settings: { osDisks: false }, virtualMachines: [{ name: "node-a" }] });
  azure.finish("PUT", "diskEncryptionSets/keys", {
    location: "eastus",
    identity: { type: "SystemAssigned" },
    properties: { activeKey: { keyUrl: "https://vault/keys/k" } },
  });
  const encryption = { diskEncryptionSetId: `${COMPUTE}/diskEncryptionSets/keys` };
  azure.finish("PUT", "disks/data", diskBody({ properties: { encryption } }));
  azure.finish("PATCH", "virtualMachines/node-a", listBody({ 0: "data" }));
  azure.finish("PUT", "snapshots/snap", {
    location: "eastus",
    properties: { creationData: { createOption: "Copy", sourceResourceId: `${COMPUTE}/disks/data` } },
  });
  azure.send("PUT", "availabilitySets/set", { location: "eastus" });
  azure.finish("PUT", "virtualMachineScaleSets/pool", {
    location: "eastus",
    sku: { name: "Standard_D2s_v5", capacity: 2 },
  });
  return azure;
}

function stateOf(azure: ModelFixture): string | undefined {
  return textAt(azure.send("GET", GROUP).body, "properties", "provisioningState");
}

function sizesOf({ model: { world } }: ModelFixture): readonly number[] {
  const { disks, snapshots, virtualMachines, scaleSets, availabilitySets, linkedResources } = world;
  return [disks, snapshots, virtualMachines, scaleSets, availabilitySets, linkedResources].map(
    ({ size }) => size,
  );
}

function monitorOf(answer: { readonly headers: Readonly<Record<string, string>> }): string {
  return new URL(answer.headers["location"] ?? "").pathname;
}

describe("the deletion of a resource group", () => {
  it("takes everything in it, and is followed by its Location", () => {
    const azure = furnished();
    assert.deepEqual(sizesOf(azure), [1, 1, 3, 1, 1, 1]);
    const begun = azure.send("DELETE", GROUP);
    assert.deepEqual([begun.status, begun.headers["retry-after"]], [202, "15"]);
    const monitor = monitorOf(begun);
    assert.match(monitor, /^\/subscriptions\/sub-1\/operationresults\/[\da-f-]{36}$/);
    const polled = azure.send("GET", monitor);
    assert.deepEqual(
      [polled.status, polled.headers["retry-after"], monitorOf(polled), stateOf(azure)],
      [202, "15", monitor, "Deleting"],
    );
    azure.settle();
    const ended = azure.send("GET", monitor);
    assert.deepEqual([ended.status, ended.body], [200, undefined]);
    assert.equal(azure.send("HEAD", GROUP).status, 404);
    assert.deepEqual(sizesOf(azure), [0, 0, 0, 0, 0, 0]);
    assert.equal(codeOf(azure.send("GET", "disks/data").body), "ResourceGroupNotFound");
  });

  it("leaves other groups alone, and is the same operation when it is repeated", () => {
    const azure = furnished();
    azure.send("PUT", OTHER, { location: "eastus" });
    azure.finish("PUT", `${OTHER}/providers/Microsoft.Compute/disks/mine`, diskBody());
    const [first, second] = [azure.send("DELETE", GROUP), azure.send("DELETE", GROUP)];
    assert.equal(monitorOf(first), monitorOf(second));
    azure.settle();
    assert.equal(azure.send("GET", `${OTHER}/providers/Microsoft.Compute/disks/mine`).status, 200);
  });

  it("keeps new resources and other changes out of the group", () => {
    const azure = furnished();
    azure.send("DELETE", GROUP);
    for (const [method, path] of [
      ["PUT", "disks/new"],
      ["PATCH", "virtualMachines/node-a"],
      ["PUT", GROUP],
      ["PATCH", GROUP],
    ] as const) {
      const refused = azure.send(method, path, { location: "eastus" });
      assert.deepEqual([refused.status, codeOf(refused.body)], [409, "ResourceGroupBeingDeleted"], path);
    }
    assert.equal(azure.send("GET", "disks/data").status, 200);
  });

  it("fails and names the resource that another group's VM has, and why", () => {
    const azure = furnished();
    azure.send("PUT", OTHER, { location: "eastus" });
    const disk = `${OTHER}/providers/Microsoft.Compute/disks/mine`;
    azure.finish("PUT", disk, diskBody());
    azure.finish("PATCH", "virtualMachines/node-a", {
      properties: {
        storageProfile: { dataDisks: [{ lun: 1, createOption: "Attach", managedDisk: { id: disk } }] },
      },
    });
    const begun = azure.send("DELETE", OTHER);
    azure.settle();
    const failed = azure.send("GET", monitorOf(begun));
    assert.deepEqual([failed.status, codeOf(failed.body)], [409, "ResourceGroupDeletionBlocked"]);
    assert.match(
      textAt(failed.body, "error", "message") ?? "",
      /identifiers 'Microsoft\.Compute\/disks\/mine'/,
    );
    const [detail] = listAt(failed.body, "error", "details") ?? [];
    assert.equal(textAt(detail, "target"), disk);
    const reason = JSON.parse(textAt(detail, "message") ?? "") as Json;
    assert.equal(codeOf(reason), "OperationNotAllowed");
    const group = azure.send("GET", OTHER).body;
    assert.equal(textAt(group, "properties", "provisioningState"), "Succeeded");
    assert.equal(at(azure.send("GET", disk).body, "properties", "diskState"), "Attached");
  });

  it("fails where a deletion in it fails again and again, and can be repeated", () => {
    const azure = furnished();
    const failing = azure.model.faults.add({
      operation: "Snapshots_Delete",
      effect: { kind: "FailOperation", code: "InternalOperationError", applied: "none" },
    });
    const begun = azure.send("DELETE", GROUP);
    azure.settle();
    const failed = azure.send("GET", monitorOf(begun));
    assert.match(textAt(failed.body, "error", "message") ?? "", /Microsoft\.Compute\/snapshots\/snap'/);
    assert.equal(azure.model.world.disks.size, 0);
    azure.model.faults.remove(failing.id);
    const again = azure.send("DELETE", GROUP);
    azure.settle();
    assert.equal(azure.send("GET", monitorOf(again)).status, 200);
  });

  it("is polled in its subscription alone, and only by its own URL", () => {
    const azure = furnished();
    const created = azure.send("PUT", "disks/new", diskBody());
    const id = new URL(created.headers["azure-asyncoperation"] ?? "").pathname.split("/").at(-1) ?? "";
    const poll = azure.send("GET", `/subscriptions/sub-1/operationresults/${id}`);
    assert.deepEqual([poll.status, codeOf(poll.body)], [404, "NotFound"]);
  });
});
