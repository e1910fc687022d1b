import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Json, textAt } from "../api/json.ts";
import { aModel, codeOf, COMPUTE, diskBody, listBody, type ModelFixture } from "../testing/model-fixture.ts";

const stateOf = (azure: ModelFixture): string | undefined =>
  textAt(azure.send("GET", "disks/pvc-1").body, "properties", "diskState");
const grant = (azure: ModelFixture, access: string): number => {
  const { status } = azure.send("POST", "disks/pvc-1/beginGetAccess", { access, durationInSeconds: 60 });
  azure.settle();
  return status;
};

describe("a disk's state", () => {
  it("goes from waiting for an upload through uploading to ready", () => {
    const azure = aModel({ settings: { osDisks: false } });
    const { diskSizeGB: _size, ...properties } = {
      diskSizeGB: 0,
      creationData: { createOption: "Upload", uploadSizeBytes: 8 * 1024 ** 3 + 512 },
    };
    azure.finish("PUT", "disks/pvc-1", {
      location: "eastus",
      zones: ["1"],
      sku: { name: "Premium_LRS" },
      properties,
    });
    const created = stateOf(azure);
    assert.equal(azure.model.world.disks.values().next().value?.spec.sizeGiB, 8);
    assert.equal(
      codeOf(azure.send("PATCH", "virtualMachines/node-a", listBody({ 0: "pvc-1" })).body),
      "OperationNotAllowed",
    );
    grant(azure, "Write");
    const uploading = stateOf(azure);
    azure.finish("POST", "disks/pvc-1/endGetAccess");
    const uploaded = stateOf(azure);
    azure.finish("PATCH", "virtualMachines/node-a", listBody({ 0: "pvc-1" }));
    assert.deepEqual(
      [created, uploading, uploaded, stateOf(azure)],
      ["ReadyToUpload", "ActiveUpload", "Unattached", "Attached"],
    );
  });

  // Disks can be read while their VM hibernates, and the VM does not start during that.
  it("is frozen while its VM hibernates", () => {
    const azure = aModel();
    azure.finish("PUT", "disks/pvc-1", diskBody());
    azure.finish("PATCH", "virtualMachines/node-a", listBody({ 0: "pvc-1" }));
    const refused = grant(azure, "Read");
    azure.finish("POST", "virtualMachines/node-a/deallocate?hibernate=true");
    const frozen = stateOf(azure);
    assert.deepEqual([refused, grant(azure, "Read")], [409, 202]);
    const read = stateOf(azure);
    assert.equal(codeOf(azure.send("POST", "virtualMachines/node-a/start").body), "OperationNotAllowed");
    azure.finish("POST", "disks/pvc-1/endGetAccess");
    azure.finish("POST", "virtualMachines/node-a/start");
    assert.deepEqual([frozen, read, stateOf(azure)], ["Frozen", "ActiveSASFrozen", "Attached"]);
  });

  it("ends with its disk, even if access is granted to it during its deletion", () => {
    const azure = aModel({
      settings: {
        latencies: { ...aModel().model.world.settings.latencies, diskDelete: { medianMs: 1, p99Ms: 1 } },
      },
    });
    azure.finish("PUT", "disks/pvc-1", diskBody());
    azure.send("POST", "disks/pvc-1/beginGetAccess", { access: "Read", durationInSeconds: 3600 });
    azure.finish("DELETE", "disks/pvc-1");
    assert.equal(azure.send("GET", "disks/pvc-1").status, 404);
  });

  it("is why a call is refused, in Azure's words", () => {
    const azure = aModel();
    azure.finish("PUT", "disks/pvc-1", diskBody());
    azure.finish("PATCH", "virtualMachines/node-a", listBody({ 0: "pvc-1" }));
    const access = { access: "Read", durationInSeconds: 3600 };
    const sas = "There is an active shared access signature outstanding for disk pvc-1.";
    const said = (method: "POST" | "PATCH" | "DELETE", path: string, body?: Json): readonly unknown[] => {
      const { status, body: answer } = azure.send(method, path, body);
      return [
        status,
        codeOf(answer),
        textAt(answer, "error", "message"),
        textAt(answer, "error", "innererror", "internalErrorCode"),
      ];
    };
    assert.deepEqual(said("POST", "disks/pvc-1/beginGetAccess", access), [
      ...[409, "Conflict"],
      "Access not permitted because disk pvc-1 is currently attached to running VM " +
        `${COMPUTE}/virtualMachines/node-a.`,
      undefined,
    ]);
    azure.finish("POST", "virtualMachines/node-a/deallocate");
    azure.finish("POST", "disks/pvc-1/beginGetAccess", access);
    const refused = [409, "OperationNotAllowed", sas, undefined];
    assert.deepEqual(said("POST", "virtualMachines/node-a/start"), refused);
    azure.finish("PATCH", "virtualMachines/node-a", listBody({}));
    assert.deepEqual(said("PATCH", "virtualMachines/node-b", listBody({ 0: "pvc-1" })), refused);
    assert.deepEqual(said("DELETE", "disks/pvc-1"), refused);
    assert.deepEqual(said("PATCH", "disks/pvc-1", { sku: { name: "Standard_LRS" } }), refused);
    assert.deepEqual(said("PATCH", "disks/pvc-1", { properties: { diskSizeGB: 256 } }), [
      ...[409, "OperationNotAllowed"],
      "The disk pvc-1 has an active SAS URI. Retry after the SAS URI expires or revoke it.",
      "ChangeDiskSizeWhileActiveSasNotAllowed",
    ]);
  });
});
