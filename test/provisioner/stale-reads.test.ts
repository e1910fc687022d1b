import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createModelArmApi } from "../../src/adapters/arm-model/model-arm-api.ts";
import { createSeededRandom } from "../../src/adapters/virtual/seeded-random.ts";
import { createVirtualClock } from "../../src/adapters/virtual/virtual-clock.ts";
import type { NodeIdentity } from "../../src/core/api/identity/node-identity.ts";
import { valueOf } from "../../src/core/testing/value-of.ts";
import { type ComputeModel, createComputeModel } from "../../src/emulator/model/compute-model.ts";
import { addVirtualMachine } from "../../src/emulator/model/set-up.ts";
import { findVm } from "../../src/emulator/model/world.ts";
import {
  type AzureCloudProvisioner,
  createAzureCloudProvisioner,
} from "../../src/provisioner/azure-cloud-provisioner.ts";
import {
  LOCATION,
  RESOURCE_GROUP,
  SUBSCRIPTION_ID,
  aDiskRequest,
  failureOf,
  mayAlways,
  never,
  singleVms,
} from "../contract/worlds/cloud-bench.ts";

/**
 * Two controllers that may see each other's writes late. `pvc-1` exists and is not attached; both have read
 * the VM.
 */
async function twoControllers(): Promise<{
  readonly model: ComputeModel;
  readonly node: NodeIdentity;
  readonly diskUri: string;
  readonly first: AzureCloudProvisioner;
  readonly second: AzureCloudProvisioner;
  readonly run: <T>(work: Promise<T>) => Promise<T>;
}> {
  const clock = createVirtualClock();
  const model = createComputeModel({ clock });
  const added = addVirtualMachine(model.world, {
    subscriptionId: SUBSCRIPTION_ID,
    resourceGroup: RESOURCE_GROUP,
    location: LOCATION,
    name: singleVms.name("node-a"),
  });
  assert.ok(added.kind === "Added");
  const [first, second] = (["first", "second"] as const).map((caller, seed) =>
    createAzureCloudProvisioner({
      arm: createModelArmApi({ model, subscriptionId: SUBSCRIPTION_ID, clock, caller, oneWayMs: () => 5 }),
      clock,
      random: createSeededRandom(seed),
      place: { subscriptionId: SUBSCRIPTION_ID, resourceGroup: RESOURCE_GROUP, location: LOCATION },
      lifetime: never,
    }),
  );
  assert.ok(first !== undefined && second !== undefined);
  const run = async <T>(work: Promise<T>): Promise<T> => {
    let isDone = false;
    const watched = work.finally(() => (isDone = true));
    await clock.runUntil(() => isDone, 3_600_000);
    return watched;
  };
  const { diskUri } = valueOf(await run(first.createDisk(aDiskRequest(), never)));
  const node = { nodeName: "node-a", vmId: added.vm.vmGuid, instanceUri: added.vm.id };
  // A rule that never applies: from now on current answers are recorded.
  model.faults.add({
    id: "remember",
    operation: "VirtualMachines_Get",
    probability: 0,
    effect: { kind: "StaleRead" },
  });
  const wish = { diskUri, node, precondition: mayAlways };
  valueOf(await run(second.detachDisk({ ...wish, lane: "detach" }, never)));
  valueOf(await run(first.attachDisk({ ...wish, lane: "primaryAttach", cachingMode: "None" }, never)));
  return { model, node, diskUri, first, second, run };
}

describe("VM reads that lag behind another controller's writes", () => {
  it("give a fence no proof while they last", async () => {
    const { model, node, diskUri, second, run } = await twoControllers();
    model.faults.add({ operation: "VirtualMachines_Get", effect: { kind: "StaleRead" } });
    assert.equal(
      failureOf(await run(second.barrier({ mode: "fence", diskUri, node, precondition: mayAlways }, never)))
        ?.kind,
      "CloudUnavailable",
    );
    assert.equal(findVm(model.world, singleVms.uri("node-a"))?.dataDisks.length, 1);
  });

  it("only delay a fence when they pass, and its proof is true", async () => {
    const { model, node, diskUri, second, run } = await twoControllers();
    model.faults.add({ operation: "VirtualMachines_Get", times: 3, effect: { kind: "StaleRead" } });
    assert.equal(
      valueOf(await run(second.barrier({ mode: "fence", diskUri, node, precondition: mayAlways }, never)))
        ?.kind,
      "entryGone",
    );
    assert.deepEqual(findVm(model.world, singleVms.uri("node-a"))?.dataDisks, []);
  });

  it("give no proof without a fence, however old the absence is, and fence no node", async () => {
    const { model, node, diskUri, second, run } = await twoControllers();
    model.faults.add({ operation: "VirtualMachines_Get", times: 3, effect: { kind: "StaleRead" } });
    assert.equal(
      valueOf(await run(second.barrier({ mode: "prove", diskUri, node, precondition: mayAlways }, never))),
      undefined,
    );
    assert.equal(findVm(model.world, singleVms.uri("node-a"))?.dataDisks.length, 1);
  });

  it("give no proof if the disk was attached between a controller's read and write", async () => {
    const { model, node, diskUri, first, second, run } = await twoControllers();
    const wish = { diskUri, node };
    valueOf(await run(first.detachDisk({ ...wish, lane: "detach", precondition: mayAlways }, never)));
    let attached: ReturnType<typeof first.attachDisk> | undefined;
    const precondition = async (): Promise<boolean> => {
      attached ??= first.attachDisk(
        { ...wish, lane: "primaryAttach", cachingMode: "None", precondition: mayAlways },
        never,
      );
      return (await attached).ok;
    };
    assert.equal(
      valueOf(await run(second.barrier({ mode: "prove", ...wish, precondition }, never))),
      undefined,
    );
    assert.equal(findVm(model.world, singleVms.uri("node-a"))?.dataDisks.length, 1);
  });

  it("never hide a controller's own update from it", async () => {
    const { model, node, diskUri, first, run } = await twoControllers();
    model.faults.add({ operation: "VirtualMachines_Get", effect: { kind: "StaleRead" } });
    valueOf(await run(first.detachDisk({ diskUri, node, lane: "detach", precondition: mayAlways }, never)));
    assert.deepEqual(findVm(model.world, singleVms.uri("node-a"))?.dataDisks, []);
  });
});
