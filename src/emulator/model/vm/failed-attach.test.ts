import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Json, textAt } from "../api/json.ts";
import type { ModelSettings } from "../settings.ts";
import {
  aModel,
  codeOf,
  dataDisksOf,
  diskBody,
  etagOf,
  listBody,
  type ModelFixture,
} from "../testing/model-fixture.ts";

/** Two VMs and two disks; the attach of both disks to node-a has failed, once. */
function afterFailure(settings: Partial<ModelSettings> = {}): ModelFixture {
  const azure = aModel({ settings });
  for (const name of ["pvc-1", "pvc-2"]) azure.finish("PUT", `disks/${name}`, diskBody());
  azure.model.faults.add({
    operation: "VirtualMachines_Update",
    times: 1,
    effect: { kind: "FailOperation", code: "OperationPreempted" },
  });
  azure.finish("PATCH", "virtualMachines/node-a", listBody({ 0: "pvc-1", 1: "pvc-2" }));
  return azure;
}

/** What the VM lists, its state, and the VMs that the disks name. */
function shown(azure: ModelFixture): readonly (string | undefined)[] {
  const vm = azure.send("GET", "virtualMachines/node-a").body;
  const ownerOf = (disk: string): string | undefined =>
    textAt(azure.send("GET", `disks/${disk}`).body, "managedBy")
      ?.split("/")
      .at(-1);
  return [
    dataDisksOf(azure, "node-a"),
    textAt(vm, "properties", "provisioningState"),
    ownerOf("pvc-1"),
    ownerOf("pvc-2"),
  ];
}

const LISTED = ["0:pvc-1 1:pvc-2", "Failed", undefined, undefined] as const;
const ATTACHED = ["0:pvc-1 1:pvc-2", "Succeeded", "node-a", "node-a"] as const;

/** How a list of node-a is refused. */
function refusal(azure: ModelFixture, disks: Readonly<Record<number, string>>): readonly unknown[] {
  const { status, body } = azure.send("PATCH", "virtualMachines/node-a", listBody(disks));
  return [status, codeOf(body), textAt(body, "error", "message")];
}

const NOT_FOUND = [404, "NotFound", "Disk pvc-2 is not found."];

describe("a failed attach", () => {
  it("stays in the VM's list without its disk", () => {
    assert.deepEqual(shown(afterFailure()), LISTED);
  });

  it("leaves nothing where the setting says so", () => {
    assert.deepEqual(shown(afterFailure({ failedAttach: "removed" })), ["", "Failed", undefined, undefined]);
  });

  it("moves the ETag at its end only where it leaves nothing", () => {
    const rows = [
      ["kept", 1],
      ["removed", 2],
    ] as const;
    for (const [failedAttach, moves] of rows) {
      const azure = aModel({ settings: { failedAttach } });
      const before = Number(JSON.parse(etagOf(azure, "node-a")));
      azure.finish("PUT", "disks/pvc-1", diskBody());
      azure.model.faults.add({
        operation: "VirtualMachines_Update",
        times: 1,
        effect: { kind: "FailOperation", code: "OperationPreempted" },
      });
      azure.finish("PATCH", "virtualMachines/node-a", listBody({ 0: "pvc-1" }));
      assert.equal(Number(JSON.parse(etagOf(azure, "node-a"))) - before, moves, failedAttach);
    }
  });

  const repairs: readonly (readonly [because: string, method: "PATCH" | "PUT", body: Json])[] = [
    ["an empty update", "PATCH", {}],
    ["a PUT without a list", "PUT", { location: "eastus" }],
    ["the same list", "PATCH", listBody({ 0: "pvc-1", 1: "pvc-2" })],
  ];
  for (const [because, method, body] of repairs) {
    it(`is repaired by ${because}`, () => {
      const azure = afterFailure();
      azure.finish(method, "virtualMachines/node-a", body);
      assert.deepEqual(shown(azure), ATTACHED);
    });
  }

  it("is repaired by a restart", () => {
    const azure = afterFailure();
    azure.finish("POST", "virtualMachines/node-a/restart");
    assert.deepEqual(shown(azure), ATTACHED);
  });

  it("is removed by a list without it, from a guest that hangs as well", () => {
    const azure = afterFailure();
    azure.send("POST", "/emulator/v1/virtualMachineEvents", {
      vmId: textAt(azure.send("GET", "virtualMachines/node-a").body, "id") ?? "",
      event: "GuestHang",
    });
    azure.finish("PATCH", "virtualMachines/node-a", listBody({ 0: "pvc-1" }));
    assert.deepEqual(shown(azure), ["0:pvc-1", "Succeeded", "node-a", undefined]);
  });

  it("leaves its disk free for another VM, and then fails each update of its own", () => {
    const azure = afterFailure();
    azure.finish("PATCH", "virtualMachines/node-b", listBody({ 5: "pvc-2" }));
    const document = azure.finish("PATCH", "virtualMachines/node-a", {});
    assert.equal(textAt(document, "status"), "Failed");
    assert.deepEqual(shown(azure), ["0:pvc-1 1:pvc-2", "Failed", "node-a", "node-b"]);
    azure.finish("PATCH", "virtualMachines/node-a", listBody({ 0: "pvc-1" }));
    assert.deepEqual(shown(azure), ["0:pvc-1", "Succeeded", "node-a", "node-b"]);
  });

  it("fails each update once its disk is deleted, until its entry is removed", () => {
    const azure = afterFailure();
    azure.finish("DELETE", "disks/pvc-2");
    assert.equal(textAt(azure.finish("PATCH", "virtualMachines/node-a", {}), "status"), "Failed");
    assert.deepEqual(refusal(azure, { 0: "pvc-1", 1: "pvc-2" }), NOT_FOUND);
    azure.finish("PATCH", "virtualMachines/node-a", listBody({ 0: "pvc-1" }));
    assert.deepEqual(shown(azure).slice(0, 2), ["0:pvc-1", "Succeeded"]);
  });
});

describe("an attach whose disk is deleted on its way", () => {
  /** node-a has pvc-1; pvc-2 was deleted while it was being attached. */
  function afterDeletion(): ModelFixture {
    const azure = aModel({ settings: { deleteWinsOverAttachInFlight: true } });
    for (const name of ["pvc-1", "pvc-2"]) azure.finish("PUT", `disks/${name}`, diskBody());
    azure.finish("PATCH", "virtualMachines/node-a", listBody({ 0: "pvc-1" }));
    azure.send("PATCH", "virtualMachines/node-a", listBody({ 0: "pvc-1", 1: "pvc-2" }));
    azure.finish("DELETE", "disks/pvc-2");
    return azure;
  }

  it("succeeds, and leaves the entry of a disk that does not exist", () => {
    assert.deepEqual(shown(afterDeletion()), ["0:pvc-1 1:pvc-2", "Succeeded", "node-a", undefined]);
  });

  it("fails each later list that has the entry, until one has not", () => {
    const azure = afterDeletion();
    azure.finish("PUT", "disks/pvc-3", diskBody());
    assert.deepEqual(refusal(azure, { 0: "pvc-1", 1: "pvc-2", 2: "pvc-3" }), NOT_FOUND);
    azure.finish("PATCH", "virtualMachines/node-a", listBody({ 0: "pvc-1", 2: "pvc-3" }));
    assert.deepEqual(shown(azure), ["0:pvc-1 2:pvc-3", "Succeeded", "node-a", undefined]);
  });
});
