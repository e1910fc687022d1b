import { after, before, describe, it } from "node:test";
import { vmNameOf } from "../../testbed/lab/cluster/vm-place.ts";
import type { Lab } from "../../testbed/lab/lab.ts";
import { reasonAgainstLab } from "../../testbed/lab/refuse-incapable-machine.ts";
import { thenCleanUp } from "../../testbed/lab/units/then-clean-up.ts";
import { azureCallsFromNow } from "./assert/azure-journal.ts";
import { untilNothingIsLeft } from "./assert/nothing-left.ts";
import { driverLab } from "./driver-lab.ts";
import {
  assertBothSound,
  backInService,
  cutOffFirst,
  findsReplicas,
  movesOffNodeWithoutPower,
  takesOver,
  twoWritersOn,
  untilForgotten,
  untilTrusted,
  VICTIM,
} from "./faults/lose-node.ts";
import { keepControllersOff } from "./leading-controller.ts";
import { untilNodeReady } from "./node-ready.ts";
import { untilSignalled } from "./workload/record-writer.ts";
import { withWorkloads } from "./workload/workloads.ts";

const VM_API = "api-version=2025-04-01";

describe("nodes that fail in a cluster", { skip: (await reasonAgainstLab()) ?? false }, () => {
  const { signal } = new AbortController();
  let lab: Lab;
  before(async () => {
    lab = await driverLab();
    await keepControllersOff(lab, VICTIM);
  });
  after(() => untilNothingIsLeft(lab));

  it("moves pods off a node without power only after a fence, with no record lost", () =>
    withWorkloads(lab, "power-loss", (workloads) =>
      movesOffNodeWithoutPower(workloads, "kubernetes", "driver"),
    ));

  it("reports the remedy for a silent node; afterwards pods use their replicas", () =>
    withWorkloads(lab, "old-replicas", (workloads) => findsReplicas(workloads)));

  it("moves pods off a deleted VM and prunes it; a new VM of its name starts clean", () =>
    withWorkloads(lab, "vm-deleted", async (workloads) => {
      const before = await twoWritersOn(workloads, VICTIM);
      const { azure } = lab;
      const vm = (await azure.call("GET", `${azure.vmId(VICTIM)}?${VM_API}`)) as {
        readonly zones: readonly string[];
      };
      await lab.node(VICTIM).kill();
      await azure.call("DELETE", `${azure.vmId(VICTIM)}?${VM_API}`);
      await thenCleanUp(
        async () => {
          await takesOver(workloads, before);
          // As Azure's cloud provider deletes the Node of a deleted VM. If that came before the
          // out-of-service taint, the pods would wait up to a minute more: until Kubernetes sees that the
          // driver has deleted their VolumeAttachments.
          await lab.kubectl(["delete", "node", VICTIM]);
          await untilForgotten(lab, VICTIM);
        },
        async () => {
          await lab.kubectl(["delete", "node", VICTIM, "--ignore-not-found"]);
          const { subscriptionId, resourceGroup, location, vmSize: size } = azure;
          const name = vmNameOf(VICTIM);
          await azure.call("POST", "/emulator/v1/virtualMachines", {
            subscriptionId,
            resourceGroup,
            location,
            name,
            computerName: VICTIM,
            size,
            zone: vm.zones[0],
          });
          await lab.node(VICTIM).start(signal);
          await untilNodeReady(lab, VICTIM);
        },
      );
      await untilTrusted(workloads);
      await assertBothSound(workloads);
    }));

  it("fences a pod that still writes on an out-of-service node before others write", () =>
    withWorkloads(lab, "kubelet-dead", async (workloads) => {
      const before = await twoWritersOn(workloads, VICTIM);
      const calls = await azureCallsFromNow(lab);
      await lab.node(VICTIM).stopKubelet();
      await thenCleanUp(
        async () => {
          await cutOffFirst(calls, await takesOver(workloads, before));
          for (const pod of before) await untilSignalled(lab, workloads.namespace, pod, "failed");
        },
        async () => {
          await lab.node(VICTIM).startKubelet();
          await backInService(lab);
        },
      );
      await untilTrusted(workloads);
      await assertBothSound(workloads);
    }));
});
