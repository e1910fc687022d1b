import assert from "node:assert/strict";
import { describe } from "node:test";
import type { NodeIdentity } from "../../../../src/core/api/identity/node-identity.ts";
import type { PowerState } from "../../../../src/core/azure/power-state.ts";
import type { Result } from "../../../../src/core/failure/result.ts";
import { valueOf } from "../../../../src/core/testing/value-of.ts";
import { putVm } from "../../../../src/emulator/model/world.ts";
import type { Precondition } from "../../../../src/ports/cloud/cloud-provisioner.ts";
import {
  addDisk,
  addVm,
  callsOf,
  type CloudUnderTest,
  failureOf,
  mayAlways,
  never,
  setLatency,
  vmAt,
} from "../../worlds/cloud-bench.ts";
import { attach, mayNever, type On } from "../cloud-suite.ts";

const OPERATIONS = ["VirtualMachines_PowerOff", "VirtualMachineScaleSetVMs_PowerOff"];

/** Powering off the VM of a silent node. */
export function powerOffContract(on: On): void {
  describe("power-off", () => {
    on("ends when nothing runs on the VM, which keeps its disks", async (cloud) => {
      const node = addVm(cloud, "node-a");
      const uri = await addDisk(cloud, "pvc-1");
      await attach(cloud, uri, node);
      assert.equal(valueOf(await poweringOff(cloud, node)), true);
      const { powerState, dataDisks } = await inspect(cloud, node);
      assert.deepEqual([powerState, dataDisks.length], ["stopped", 1]);
      assert.equal(valueOf(await poweringOff(cloud, node)), false, "it does not run");
      assert.equal(powerOffs(cloud), 1);
    });

    on("is not asked for where the node has reported since", async (cloud) => {
      const node = addVm(cloud, "node-a");
      assert.equal(valueOf(await poweringOff(cloud, node, mayNever)), false);
      assert.deepEqual([(await inspect(cloud, node)).powerState, powerOffs(cloud)], ["running", 0]);
    });

    on("is not asked for without an answer to that, and fails as the look has", async (cloud) => {
      const node = addVm(cloud, "node-a");
      const failure = { kind: "StoreUnavailable", detail: "no answer" } as const;
      assert.deepEqual(failureOf(await poweringOff(cloud, node, async () => failure)), failure);
      assert.equal(powerOffs(cloud), 0);
    });

    on("asks whether it still may once Azure allows the request, after any wait", async (cloud) => {
      const node = addVm(cloud, "node-a");
      cloud.model.faults.add({
        operation: cloud.vms.operation("PowerOff"),
        times: 1,
        effect: { kind: "Error", status: 429, code: "OperationNotAllowed", retryAfterS: 2 },
      });
      assert.equal(failureOf(await poweringOff(cloud, node)).kind, "Throttled");
      const refusedMs = cloud.elapsedMs();
      let askedMs = 0;
      const mayNow = (): Promise<boolean> => {
        askedMs = cloud.elapsedMs();
        return Promise.resolve(true);
      };
      assert.equal(valueOf(await poweringOff(cloud, node, mayNow)), true);
      assert.ok(askedMs - refusedMs >= 1_500, `asked ${askedMs - refusedMs} ms after the refusal`);
    });

    on("leaves another VM alone that has the resource id by now", async (cloud) => {
      const node = addVm(cloud, "node-a");
      const earlier = { ...node, vmId: "11111111-2222-3333-4444-555555555555" };
      assert.deepEqual(failureOf(await poweringOff(cloud, earlier)), {
        kind: "InstanceReplaced",
        nodeName: "node-a",
        vmId: node.vmId,
      });
      assert.deepEqual([(await inspect(cloud, node)).powerState, powerOffs(cloud)], ["running", 0]);
    });

    on("powers off a VM whose state Azure does not know", async (cloud) => {
      const node = addVm(cloud, "node-a");
      putVm(cloud.model.world, { ...vmAt(cloud, "node-a"), power: "unknown" });
      assert.equal((await inspect(cloud, node)).powerState, "unknown");
      assert.equal(valueOf(await poweringOff(cloud, node)), true);
      assert.equal(vmAt(cloud, "node-a").power, "stopped");
    });

    for (const polls of ["answered", "rejected"] as const)
      on(`does not take a VM for off that runs on, polls ${polls}`, async (cloud) => {
        const node = addVm(cloud, "node-a");
        if (polls === "rejected") rejectPolls(cloud);
        cloud.model.faults.add({
          operation: cloud.vms.operation("PowerOff"),
          effect: { kind: "IdleOperation" },
        });
        assert.equal(failureOf(await poweringOff(cloud, node)).kind, "CloudUnavailable");
      });

    on("ends no sooner than the VM is off, whatever a read shows late", async (cloud) => {
      const node = addVm(cloud, "node-a");
      rejectPolls(cloud);
      setLatency(cloud, "vmForcedStop", 60_000);
      await inspect(cloud, node);
      cloud.model.faults.add({
        operation: cloud.vms.operation("Get"),
        times: 6,
        effect: { kind: "StaleRead" },
      });
      assert.equal(valueOf(await poweringOff(cloud, node)), true);
      assert.equal(vmAt(cloud, "node-a").power, "stopped");
    });

    on("says that a VM is gone", async (cloud) => {
      const node = { ...addVm(cloud, "node-a"), instanceUri: cloud.vms.uri("none") };
      assert.deepEqual(failureOf(await poweringOff(cloud, node)), {
        kind: "InstanceNotFound",
        nodeName: "node-a",
      });
    });
  });
}

function rejectPolls({ model }: CloudUnderTest): void {
  model.faults.add({
    operation: "Operations_Get",
    effect: { kind: "Error", status: 403, code: "AuthorizationFailed" },
  });
}

function poweringOff(
  { run, provisioner }: CloudUnderTest,
  node: NodeIdentity,
  precondition: Precondition = mayAlways,
): Promise<Result<boolean>> {
  return run(provisioner.powerOff({ node, precondition }, never));
}

async function inspect(
  { run, provisioner }: CloudUnderTest,
  { nodeName, instanceUri }: NodeIdentity,
): Promise<{ readonly powerState: PowerState; readonly dataDisks: readonly unknown[] }> {
  return valueOf(await run(provisioner.inspectInstance({ nodeName, instanceUri }, never)));
}

function powerOffs(cloud: CloudUnderTest): number {
  return OPERATIONS.reduce((sum, operation) => sum + callsOf(cloud, operation).length, 0);
}
