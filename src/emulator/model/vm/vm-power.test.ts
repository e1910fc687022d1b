import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { at, textAt } from "../api/json.ts";
import {
  aModel,
  codeOf,
  COMPUTE,
  dataDisksOf,
  diskBody,
  listBody,
  type ModelFixture,
} from "../testing/model-fixture.ts";

function statusCodes(azure: ModelFixture): readonly string[] {
  return (
    at(azure.send("GET", "virtualMachines/node-a/instanceView").body, "statuses") as readonly {
      code: string;
    }[]
  ).map((status) => status.code);
}

describe("a power action", () => {
  const rows: readonly { readonly actions: readonly string[]; readonly expected: readonly string[] }[] = [
    { actions: ["restart"], expected: ["ProvisioningState/succeeded", "PowerState/running"] },
    { actions: ["redeploy"], expected: ["ProvisioningState/succeeded", "PowerState/running"] },
    { actions: ["powerOff", "reapply"], expected: ["ProvisioningState/succeeded", "PowerState/stopped"] },
    {
      actions: ["deallocate?hibernate=true"],
      expected: ["ProvisioningState/succeeded", "PowerState/deallocated", "HibernationState/Hibernated"],
    },
    {
      actions: ["deallocate?hibernate=true", "reapply"],
      expected: ["ProvisioningState/succeeded", "PowerState/deallocated", "HibernationState/Hibernated"],
    },
    {
      actions: ["deallocate?hibernate=true", "start"],
      expected: ["ProvisioningState/succeeded", "PowerState/running"],
    },
    {
      actions: ["deallocate", "powerOff"],
      expected: ["ProvisioningState/succeeded", "PowerState/deallocated"],
    },
  ];
  for (const { actions, expected } of rows) {
    it(`leaves a VM ${expected.slice(1).join(" and ")} after ${actions.join(", then ")}`, () => {
      const azure = aModel();
      for (const action of actions)
        assert.equal(textAt(azure.finish("POST", `virtualMachines/node-a/${action}`), "status"), "Succeeded");
      assert.deepEqual(statusCodes(azure), expected);
    });
  }

  it("keeps the disks of a hibernated VM where they are, until it is deallocated", () => {
    const azure = aModel();
    for (const name of ["pvc-1", "pvc-2"]) azure.finish("PUT", `disks/${name}`, diskBody());
    azure.finish("PATCH", "virtualMachines/node-a", listBody({ 0: "pvc-1" }));
    azure.finish("POST", "virtualMachines/node-a/deallocate?hibernate=true");
    for (const body of [listBody({}), listBody({ 0: "pvc-1", 1: "pvc-2" })]) {
      const refused = azure.send("PATCH", "virtualMachines/node-a", body);
      assert.deepEqual([refused.status, codeOf(refused.body)], [409, "OperationNotAllowed"]);
    }
    azure.finish("PATCH", "virtualMachines/node-a", { tags: { a: "b" } });
    azure.finish("POST", "virtualMachines/node-a/deallocate");
    azure.finish("PATCH", "virtualMachines/node-a", listBody({ 1: "pvc-2" }));
    assert.equal(textAt(azure.send("GET", "disks/pvc-1").body, "properties", "diskState"), "Unattached");
  });

  it("changes the ownership of its disks where it ends or begins a deallocation", () => {
    const azure = aModel();
    azure.finish("PUT", "disks/pvc-1", diskBody());
    azure.finish("PATCH", "virtualMachines/node-a", listBody({ 0: "pvc-1" }));
    const changes = ["powerOff", "start", "restart", "deallocate", "powerOff", "start"].map((action) => {
      const time = (): unknown =>
        at(azure.send("GET", "disks/pvc-1").body, "properties", "LastOwnershipUpdateTime");
      const before = time();
      azure.advance(1000);
      azure.finish("POST", `virtualMachines/node-a/${action}`);
      return time() !== before;
    });
    assert.deepEqual(changes, [false, false, false, true, false, true]);
  });

  it("wakes a hung guest, after which the detach that waited for it has ended", () => {
    for (const action of ["restart", "redeploy"]) {
      const azure = aModel();
      azure.finish("PUT", "disks/pvc-1", diskBody());
      azure.finish("PATCH", "virtualMachines/node-a", listBody({ 0: "pvc-1" }));
      azure.send("POST", "/emulator/v1/virtualMachineEvents", {
        vmId: `${COMPUTE}/virtualMachines/node-a`,
        event: "GuestHang",
      });
      azure.finish("POST", `virtualMachines/node-a/${action}`);
      assert.equal(
        textAt(azure.finish("PATCH", "virtualMachines/node-a", listBody({})), "status"),
        "Succeeded",
      );
      assert.equal(dataDisksOf(azure, "node-a"), "");
    }
  });

  it("refuses other operations while it lasts, with its own message", () => {
    const rows = [
      ["powerOff", "stopped"],
      ["deallocate", "deallocated"],
      ["start", "running"],
    ] as const;
    for (const [action, power] of rows) {
      const azure = aModel();
      azure.send("POST", `virtualMachines/node-a/${action}`);
      const { status, body } = azure.send("PATCH", "virtualMachines/node-a", {});
      assert.deepEqual([status, codeOf(body)], [409, "OperationNotAllowed"]);
      assert.match(
        textAt(body, "error", "message") ?? "",
        new RegExp(`^An ongoing operation is changing power state of Virtual Machine node-a to ${power}\\.`),
      );
    }
    const restarting = aModel();
    restarting.send("POST", "virtualMachines/node-a/restart");
    assert.match(
      textAt(restarting.send("PATCH", "virtualMachines/node-a", {}).body, "error", "message") ?? "",
      /since another operation is in progress/,
    );
  });
});

describe("a VM in state Failed", () => {
  it("shows it in resource and instance view until a write of it succeeds", () => {
    const azure = aModel();
    azure.send("POST", "/emulator/v1/virtualMachineEvents", {
      vmId: `${COMPUTE}/virtualMachines/node-a`,
      event: "ProvisioningFailure",
    });
    const failed = [
      textAt(azure.send("GET", "virtualMachines/node-a").body, "properties", "provisioningState"),
      ...statusCodes(azure),
    ];
    azure.finish("PATCH", "virtualMachines/node-a", {});
    assert.deepEqual(failed, ["Failed", "ProvisioningState/failed", "PowerState/running"]);
    assert.deepEqual(statusCodes(azure), ["ProvisioningState/succeeded", "PowerState/running"]);
  });
});

describe("a VM of the set-up", () => {
  it("starts in the state that its events leave, also after a reset", () => {
    const rows = [
      [["ProvisioningFailure"], ["ProvisioningState/failed", "PowerState/running"], "Ready"],
      [["PowerLoss"], ["ProvisioningState/succeeded", "PowerState/stopped"], "Not Ready"],
      [["SilentPowerLoss"], ["ProvisioningState/succeeded", "PowerState/running"], "Not Ready"],
      [["Partition"], ["ProvisioningState/succeeded", "PowerState/running"], "Not Ready"],
      [["PowerLoss", "PowerReturn"], ["ProvisioningState/succeeded", "PowerState/running"], "Ready"],
    ] as const;
    for (const [events, codes, agent] of rows) {
      const azure = aModel({ virtualMachines: [{ name: "node-a", events }] });
      const seen = (): readonly unknown[] => {
        const view = azure.send("GET", "virtualMachines/node-a/instanceView").body;
        return [
          statusCodes(azure),
          (at(view, "vmAgent", "statuses") as readonly { displayStatus: string }[])[0]?.displayStatus,
        ];
      };
      assert.deepEqual(seen(), [codes, agent], events.join());
      azure.send("POST", "/emulator/v1/virtualMachineEvents", {
        vmId: `${COMPUTE}/virtualMachines/node-a`,
        event: "GuestHang",
      });
      azure.finish("POST", "/emulator/v1/reset");
      assert.deepEqual(seen(), [codes, agent], events.join());
    }
  });
});
