import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { startVm } from "./start-vm.ts";

const VM = "/subscriptions/s/resourceGroups/lab/providers/Microsoft.Compute/virtualMachines/vm_node-a";
const never = new AbortController().signal;

const running = {
  code: 200,
  body: {
    properties: {
      provisioningState: "Succeeded",
      instanceView: { statuses: [{ code: "PowerState/running" }] },
    },
  },
};

describe("start of a node's VM", () => {
  it("is requested again while the driver changes the VM's data disks", async () => {
    const starts = [
      { code: 409, body: { error: { code: "Conflict" } } },
      { code: 202, body: {} },
    ];
    const sent: string[] = [];
    await startVm(
      (method) => {
        sent.push(method);
        return Promise.resolve(
          method === "POST" ? (starts.shift() ?? assert.fail("started twice")) : running,
        );
      },
      VM,
      never,
    );
    assert.deepEqual(sent, ["POST", "POST", "GET"]);
  });

  it("fails with Azure's answer if that is no conflict", async () => {
    const refuse = () => Promise.resolve({ code: 404, body: { error: { code: "ResourceNotFound" } } });
    await assert.rejects(startVm(refuse, VM, never), /vm_node-a\/start.*: 404 .*ResourceNotFound/u);
  });
});
