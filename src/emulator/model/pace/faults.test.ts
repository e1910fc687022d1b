import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { at, type Json, textAt } from "../api/json.ts";
import {
  aModel,
  codeOf,
  dataDisksOf,
  diskBody,
  listBody,
  type ModelFixture,
} from "../testing/model-fixture.ts";
import type { FaultRule } from "./fault-rule.ts";
import { releaseStuckOperations } from "./operations.ts";

function struck(rule: FaultRule): ModelFixture {
  const azure = aModel();
  for (const name of ["pvc-1", "pvc-2", "poison"]) azure.finish("PUT", `disks/${name}`, diskBody());
  azure.model.faults.add(rule);
  return azure;
}

const attachAll = listBody({ 0: "pvc-1", 1: "pvc-2", 2: "poison" });

describe("a fault rule", () => {
  it("refuses the n-th matching call, and no other", () => {
    const azure = struck({
      operation: "Disks_*",
      nth: 2,
      effect: { kind: "Error", status: 500, code: "InternalServerError" },
    });
    assert.deepEqual(
      [1, 2, 3].map(() => azure.send("GET", "disks/pvc-1").status),
      [200, 500, 200],
    );
  });

  it("throttles as often as it says", () => {
    const azure = struck({
      resource: "*/VIRTUALMACHINES/node-a",
      times: 1,
      effect: { kind: "Error", status: 429, code: "TooManyRequests", retryAfterS: 7 },
    });
    assert.equal(azure.send("GET", "virtualMachines/node-b").status, 200);
    assert.equal(azure.send("GET", "virtualMachines/node-a").headers["retry-after"], "7");
    assert.equal(azure.send("GET", "virtualMachines/node-a").status, 200);
  });

  it("drops the answer of a call that took effect", () => {
    const azure = struck({ operation: "VirtualMachines_Update", effect: { kind: "DropResponse" } });
    assert.deepEqual(azure.send("PATCH", "virtualMachines/node-a", attachAll).delivery, { kind: "Dropped" });
    azure.settle();
    assert.equal(dataDisksOf(azure, "node-a"), "0:pvc-1 1:pvc-2 2:poison");
  });

  it("delays the answer of a call that took effect at once", () => {
    const azure = struck({
      operation: "VirtualMachines_Update",
      times: 1,
      effect: { kind: "DelayResponse", delayMs: 90_000 },
    });
    const late = azure.send("PATCH", "virtualMachines/node-a", attachAll);
    assert.deepEqual([late.status, late.delivery], [200, { kind: "Delayed", delayMs: 90_000 }]);
    assert.deepEqual(azure.send("GET", "virtualMachines/node-a").delivery, { kind: "Answered" });
  });

  it("drops a request before it takes effect", () => {
    const azure = struck({ operation: "VirtualMachines_Update", effect: { kind: "DropRequest" } });
    assert.deepEqual(azure.send("PATCH", "virtualMachines/node-a", attachAll).delivery, { kind: "Dropped" });
    azure.settle();
    assert.equal(dataDisksOf(azure, "node-a"), "");
  });

  const endings: readonly {
    because: string;
    rule: FaultRule;
    status: string | undefined;
    code: string | undefined;
    disks: string;
    vmState: string;
  }[] = [
    {
      because: "a poison disk fails the whole update",
      rule: { disk: "*/poison", effect: { kind: "FailOperation", code: "InternalOperationError" } },
      ...{
        status: "Failed",
        code: "InternalOperationError",
        disks: "0:pvc-1 1:pvc-2 2:poison",
        vmState: "Failed",
      },
    },
    {
      because: "a poison disk may leave the others attached",
      rule: {
        disk: "*/poison",
        effect: { kind: "FailOperation", code: "InternalOperationError", applied: "others" },
      },
      ...{
        status: "Failed",
        code: "InternalOperationError",
        disks: "0:pvc-1 1:pvc-2 2:poison",
        vmState: "Failed",
      },
    },
    {
      because: "a failed operation may have attached after all",
      rule: {
        operation: "VirtualMachines_Update",
        effect: { kind: "FailOperation", code: "VMAgentStatusCommunicationError", applied: "all" },
      },
      ...{
        status: "Failed",
        code: "VMAgentStatusCommunicationError",
        disks: "0:pvc-1 1:pvc-2 2:poison",
        vmState: "Failed",
      },
    },
    {
      because: "an operation may say that it succeeded and have done nothing",
      rule: { operation: "VirtualMachines_Update", effect: { kind: "IdleOperation" } },
      ...{ status: "Succeeded", code: undefined, disks: "", vmState: "Succeeded" },
    },
    {
      because: "a stuck operation does nothing for ever",
      rule: { operation: "VirtualMachines_Update", effect: { kind: "StuckOperation" } },
      ...{ status: "InProgress", code: undefined, disks: "0:pvc-1 1:pvc-2 2:poison", vmState: "Updating" },
    },
    {
      because: "an operation may attach and never say so",
      rule: { operation: "VirtualMachines_Update", effect: { kind: "UnreportedOperation" } },
      ...{ status: "InProgress", code: undefined, disks: "0:pvc-1 1:pvc-2 2:poison", vmState: "Succeeded" },
    },
  ];
  for (const { because, rule, status, code, disks, vmState } of endings) {
    it(because, () => {
      const azure = struck(rule);
      const document = azure.finish("PATCH", "virtualMachines/node-a", attachAll);
      const vm = azure.send("GET", "virtualMachines/node-a").body;
      assert.deepEqual(
        [
          textAt(document, "status"),
          codeOf(document),
          dataDisksOf(azure, "node-a"),
          textAt(vm, "properties", "provisioningState"),
        ],
        [status, code, disks, vmState],
      );
    });
  }

  it("has stuck operations succeed once they are released", () => {
    const azure = struck({
      operation: "VirtualMachines_Update",
      times: 1,
      effect: { kind: "StuckOperation" },
    });
    azure.finish("PATCH", "virtualMachines/node-a", attachAll);
    releaseStuckOperations(azure.model.world);
    azure.settle();
    const vm = azure.send("GET", "virtualMachines/node-a").body;
    assert.deepEqual(
      [dataDisksOf(azure, "node-a"), textAt(vm, "properties", "provisioningState")],
      ["0:pvc-1 1:pvc-2 2:poison", "Succeeded"],
    );
  });

  it("leaves a disk free whose attach failed", () => {
    const azure = struck({
      disk: "*/poison",
      times: 1,
      effect: { kind: "FailOperation", code: "InternalOperationError" },
    });
    azure.finish("PATCH", "virtualMachines/node-a", attachAll);
    assert.equal(
      textAt(azure.finish("PATCH", "virtualMachines/node-b", listBody({ 0: "poison" })), "status"),
      "Succeeded",
    );
  });

  it("makes the GET of a VM stale for other callers until their own next write", () => {
    const azure = struck({ operation: "VirtualMachines_Get", effect: { kind: "StaleRead" } });
    const seenBy = (caller: string): number => {
      const body = azure.send("GET", "virtualMachines/node-a", undefined, { caller }).body;
      return (at(body, "properties", "storageProfile", "dataDisks") as readonly object[]).length;
    };
    assert.deepEqual([seenBy("a"), seenBy("b")], [0, 0]);
    azure.finish("PATCH", "virtualMachines/node-a", listBody({ 0: "pvc-1" }), { caller: "a" });
    assert.deepEqual([seenBy("a"), seenBy("b"), seenBy("newcomer")], [1, 0, 1]);
    azure.finish("PATCH", "virtualMachines/node-a", { tags: { by: "b" } }, { caller: "b" });
    assert.deepEqual([seenBy("a"), seenBy("b")], [1, 1]);
  });

  it("makes lists stale, but never the GET of a VM for the caller that wrote it", () => {
    const azure = struck({ operation: "*", effect: { kind: "StaleRead" } });
    const listed = (): number =>
      (azure.send("GET", "disks").body as { value: readonly object[] }).value.length;
    const before = listed();
    azure.finish("PUT", "disks/new", diskBody());
    azure.finish("PATCH", "virtualMachines/node-a", listBody({ 0: "pvc-1" }));
    assert.deepEqual([listed(), dataDisksOf(azure, "node-a")], [before, "0:pvc-1"]);
    azure.model.faults.clear();
    assert.equal(listed(), before + 1);
  });

  it("lets a caller see the end of an operation that it has joined", () => {
    const azure = struck({ operation: "VirtualMachines_Get", effect: { kind: "StaleRead" } });
    const statusFor = (caller: string): number =>
      azure.send("GET", "virtualMachines/node-a", undefined, { caller }).status;
    assert.deepEqual(["a", "b", "c"].map(statusFor), [200, 200, 200]);
    for (const caller of ["a", "b"]) azure.send("DELETE", "virtualMachines/node-a", undefined, { caller });
    azure.settle();
    assert.deepEqual(["a", "b", "c"].map(statusFor), [404, 404, 200]);
  });

  // The GET of a disk or snapshot is stale for every caller.
  it("makes the instance view stale for other callers than the writer", () => {
    const azure = struck({ effect: { kind: "StaleRead" } });
    const source = textAt(azure.send("GET", "disks/pvc-1").body, "id") ?? "";
    azure.finish(
      "PUT",
      "snapshots/s",
      {
        location: "eastus",
        properties: { creationData: { createOption: "Copy", sourceResourceId: source } },
      },
      { caller: "a" },
    );
    const seenBy = (caller: string): readonly unknown[] => {
      const read = (path: string): Json | undefined => azure.send("GET", path, undefined, { caller }).body;
      const [, power] = at(read("virtualMachines/node-a/instanceView"), "statuses") as readonly {
        code: string;
      }[];
      return [
        power?.code,
        at(read("disks/pvc-1"), "properties", "diskSizeGB"),
        at(read("snapshots/s"), "tags"),
      ];
    };
    const before = ["PowerState/running", 128, undefined];
    assert.deepEqual([seenBy("a"), seenBy("b")], [before, before]);
    azure.finish("POST", "virtualMachines/node-a/powerOff", undefined, { caller: "a" });
    azure.finish("PATCH", "disks/pvc-1", { properties: { diskSizeGB: 256 } }, { caller: "a" });
    azure.finish("PATCH", "snapshots/s", { tags: { a: "b" } }, { caller: "a" });
    assert.deepEqual([seenBy("a"), seenBy("b")], [["PowerState/stopped", 128, undefined], before]);
    azure.model.faults.clear();
    assert.deepEqual(seenBy("b"), ["PowerState/stopped", 256, { a: "b" }]);
  });

  // A wrong rule is refused with its fault.
  it("set through the admin API is listed with its effects until it is removed", () => {
    const azure = aModel();
    const refused = azure.send("POST", "/emulator/v1/faults", {
      effect: { kind: "DropResponse" },
      disc: "x",
    });
    assert.equal(refused.status, 400);
    assert.match(textAt(refused.body, "error", "message") ?? "", /'disc' is not a member/);
    const effect = { kind: "Error", status: 503, code: "ServerBusy" };
    const added = azure.send("POST", "/emulator/v1/faults", { operation: "Disks_List*", times: 1, effect });
    assert.deepEqual(
      [added.status, azure.send("GET", "disks").status, azure.send("GET", "disks").status],
      [201, 503, 200],
    );
    assert.deepEqual(azure.send("GET", "/emulator/v1/faults").body, {
      value: [{ id: "fault-1", operation: "Disks_List*", times: 1, effect, fitted: 2, struck: 1 }],
    });
    assert.deepEqual(
      ["fault-1", "fault-1"].map((id) => azure.send("DELETE", `/emulator/v1/faults/${id}`).status),
      [204, 404],
    );
    azure.send("POST", "/emulator/v1/faults", { effect });
    azure.send("DELETE", "/emulator/v1/faults");
    assert.deepEqual(azure.model.faults.list(), []);
  });

  it("matches access to a disk's bytes by the name that the journal uses", () => {
    const azure = struck({
      operation: "Disks_GrantAccess",
      effect: { kind: "FailOperation", code: "InternalExecutionError" },
    });
    const status = azure.finish("POST", "disks/pvc-1/beginGetAccess", {
      access: "Read",
      durationInSeconds: 3600,
    });
    assert.deepEqual([textAt(status, "status"), codeOf(status)], ["Failed", "InternalExecutionError"]);
    assert.equal(textAt(azure.send("GET", "disks/pvc-1").body, "properties", "diskState"), "Unattached");
  });
});
