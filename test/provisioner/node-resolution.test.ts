import assert from "node:assert/strict";
import { it } from "node:test";
import { createModelArmApi } from "../../src/adapters/arm-model/model-arm-api.ts";
import { createSeededRandom } from "../../src/adapters/virtual/seeded-random.ts";
import { createVirtualClock } from "../../src/adapters/virtual/virtual-clock.ts";
import { createComputeModel } from "../../src/emulator/model/compute-model.ts";
import { addVirtualMachine } from "../../src/emulator/model/set-up.ts";
import { createAzureCloudProvisioner } from "../../src/provisioner/azure-cloud-provisioner.ts";
import { NodeInstances } from "../../src/provisioner/node-instances.ts";
import { LOCATION, RESOURCE_GROUP, SUBSCRIPTION_ID, aDiskRequest, mayAlways, never, valueOf } from "../contract/cloud-bench.ts";

it("a node whose providerID names a VM of another name and resource group gets its disks there, and a vmId tells the VM from its successor", async () => {
  const clock = createVirtualClock();
  const model = createComputeModel({ clock, settings: { createResourceGroups: true } });
  const added = addVirtualMachine(model.world, { subscriptionId: SUBSCRIPTION_ID, resourceGroup: "MC_nodes", location: LOCATION, name: "aks-VM-7" });
  assert.ok(added.kind === "Added");
  const nodes = new NodeInstances();
  nodes.tell("node-a", `azure://${added.vm.id.toLowerCase()}`);
  const provisioner = createAzureCloudProvisioner({
    arm: createModelArmApi({ model, subscriptionId: SUBSCRIPTION_ID, clock, oneWayMs: () => 5 }),
    clock,
    random: createSeededRandom(1),
    place: { subscriptionId: SUBSCRIPTION_ID, resourceGroup: RESOURCE_GROUP, location: LOCATION },
    lifetime: never,
    nodes,
  });
  const run = async <T>(work: Promise<T>): Promise<T> => {
    let isDone = false;
    const watched = work.finally(() => (isDone = true));
    await clock.runUntil(() => isDone, 3_600_000);
    return watched;
  };
  const { diskUri } = valueOf(await run(provisioner.createDisk(aDiskRequest(), never)));
  const attach = (vmId: string): ReturnType<typeof provisioner.attachDisk> =>
    run(provisioner.attachDisk({ diskUri, node: { nodeName: "node-a", vmId }, cachingMode: "None", lane: "primaryAttach", mayProceed: mayAlways }, never));

  assert.deepEqual(await attach("00000000-0000-0000-0000-00000000dead"), {
    ok: false,
    failure: { kind: "InstanceReplaced", nodeName: "node-a", vmId: added.vm.vmGuid },
  });
  assert.deepEqual(valueOf(await attach(added.vm.vmGuid)), { lun: 0 });
  assert.deepEqual(
    valueOf(await run(provisioner.getDisk({ diskUri }, never))).attachedTo.map((uri) => provisioner.nodeNameOf(uri)),
    ["node-a"],
  );
  assert.equal(valueOf(await run(provisioner.inspectInstance({ nodeName: "node-a" }, never))).instanceUri, added.vm.id);
});
