import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createModelArmApi } from "../../src/adapters/arm-model/model-arm-api.ts";
import { settledOn } from "../../src/adapters/virtual/testing/settled-on.ts";
import { createVirtualClock, type VirtualClock } from "../../src/adapters/virtual/virtual-clock.ts";
import type { NodeIdentity } from "../../src/core/api/identity/node-identity.ts";
import { valueOf } from "../../src/core/testing/value-of.ts";
import type { ArmAnswer } from "../../src/emulator/model/api/arm-message.ts";
import { type ComputeModel, createComputeModel } from "../../src/emulator/model/compute-model.ts";
import { addVirtualMachine } from "../../src/emulator/model/set-up.ts";
import type { ModelSettings } from "../../src/emulator/model/settings.ts";
import { removeVm } from "../../src/emulator/model/vm/vm-delete.ts";
import { findVm } from "../../src/emulator/model/world.ts";
import type { AzureCloudProvisioner } from "../../src/provisioner/azure-cloud-provisioner.ts";
import {
  aDiskRequest,
  failureOf,
  LOCATION,
  mayAlways,
  never,
  RESOURCE_GROUP,
  SCALE_SET,
  SUBSCRIPTION_ID,
} from "../contract/worlds/cloud-bench.ts";
import { provisionerOn } from "./provisioner-on-model.ts";

const place = { subscriptionId: SUBSCRIPTION_ID, resourceGroup: RESOURCE_GROUP, location: LOCATION };
const COMPUTE = `/subscriptions/${SUBSCRIPTION_ID}/resourceGroups/${RESOURCE_GROUP}/providers/Microsoft.Compute`;
const SET = `${COMPUTE}/virtualMachineScaleSets/${SCALE_SET}`;
const URI = `${SET}/virtualMachines/68`;
const API = { query: { "api-version": "2025-04-01" } };

interface World {
  readonly clock: VirtualClock;
  readonly model: ComputeModel;
  readonly provisioner: AzureCloudProvisioner;
  readonly diskUri: string;
  readonly run: <T>(work: Promise<T>) => Promise<T>;
  /** Adds instance 68, with another vmId each time. */
  readonly addInstance: () => NodeIdentity;
  readonly attach: (node: NodeIdentity) => ReturnType<AzureCloudProvisioner["attachDisk"]>;
}

/** A world whose ARM answers may be replaced on their way. */
async function aWorld(
  intercept: (path: string, answer: ArmAnswer) => ArmAnswer = (_path, answer) => answer,
  settings: Partial<ModelSettings> = {},
): Promise<World> {
  const clock = createVirtualClock();
  const scaleSets = [{ ...place, name: SCALE_SET, capacity: 0 }];
  const model = createComputeModel({ clock, scaleSets, settings });
  const wire = {
    handle: (request: Parameters<ComputeModel["handle"]>[0]) =>
      intercept(request.path, model.handle(request)),
  };
  const arm = createModelArmApi({ model: wire, subscriptionId: SUBSCRIPTION_ID, clock });
  const provisioner = provisionerOn(arm, clock);
  const run = <T>(work: Promise<T>): Promise<T> => settledOn(clock, work);
  const { diskUri } = valueOf(await run(provisioner.createDisk(aDiskRequest(), never)));
  return {
    clock,
    model,
    provisioner,
    diskUri,
    run,
    addInstance: () => {
      const added = addVirtualMachine(model.world, { ...place, scaleSet: SCALE_SET, name: "68" });
      assert.ok(added.kind === "Added", JSON.stringify(added));
      return { nodeName: "aks-pool-vmss00001w", vmId: added.vm.vmGuid, instanceUri: URI };
    },
    attach: (node) =>
      run(
        provisioner.attachDisk(
          { diskUri, node, cachingMode: "None", lane: "primaryAttach", precondition: mayAlways },
          never,
        ),
      ),
  };
}

describe("a node of a uniform scale set", () => {
  it("is found under both spellings of its instance id, and named by one", async () => {
    const { addInstance, attach, run, provisioner, diskUri } = await aWorld();
    const node = addInstance();
    const spelled = { ...node, instanceUri: `${SET.toUpperCase()}/virtualMachines/${SCALE_SET}_68` };
    assert.deepEqual(valueOf(await attach(spelled)), { lun: 0 });
    assert.deepEqual(valueOf(await run(provisioner.getDisk({ diskUri }, never))).attachedTo, [URI]);
    assert.equal(valueOf(await run(provisioner.inspectInstance(node, never))).vmSize, "Standard_D8s_v5");
  });

  it("is fenced only once its disk names it no more, as disks spell instances", async () => {
    // Otherwise a disk whose owner is spelled in another way would pass for detached at once.
    let attached: ArmAnswer | undefined;
    let lags = 0;
    const world = await aWorld((path, answer) => {
      if (!path.endsWith("/disks/pvc-1")) return answer;
      if (JSON.stringify(answer.body).includes(`/virtualMachines/${SCALE_SET}_68`)) attached = answer;
      else if (attached !== undefined && lags++ < 3) return attached;
      return answer;
    });
    const node = world.addInstance();
    valueOf(await world.attach(node));
    valueOf(await world.run(world.provisioner.getDisk({ diskUri: world.diskUri }, never)));
    const request = { mode: "fence", diskUri: world.diskUri, node, precondition: mayAlways } as const;
    assert.equal(valueOf(await world.run(world.provisioner.barrier(request, never)))?.kind, "entryGone");
    assert.ok(lags > 3, `the proof came after ${lags} late answers of the disk`);
  });

  it("is another VM once a later instance has its id", async () => {
    const { addInstance, attach, run, provisioner, diskUri, model } = await aWorld();
    const node = addInstance();
    valueOf(await attach(node));
    model.handle({ method: "DELETE", path: URI, ...API });
    await run(waitUntil(() => findVm(model.world, URI) === undefined, model));
    const later = addInstance();
    assert.notEqual(later.vmId, node.vmId);
    assert.equal(failureOf(await attach(node)).kind, "InstanceReplaced");
    assert.equal(valueOf(await run(provisioner.proveGone({ diskUri, node }, never)))?.kind, "instanceGone");
  });

  it("is written to while Azure takes no more updates of single VMs", async () => {
    const { addInstance, attach, run, provisioner, model, clock } = await aWorld(undefined, {
      throttling: "enforce",
      throttleLimits: { UpdateVMSubscriptionMaximum: { burst: 0, perMinute: 1 } },
    });
    const single = addVirtualMachine(model.world, { ...place, name: "vm-a" });
    assert.ok(single.kind === "Added", JSON.stringify(single));
    const node = { nodeName: "vm-a", vmId: single.vm.vmGuid, instanceUri: single.vm.id };
    const onInstance = addInstance();
    const other = valueOf(await run(provisioner.createDisk(aDiskRequest({ diskName: "pvc-2" }), never)));
    const refused = provisioner.attachDisk(
      { diskUri: other.diskUri, node, cachingMode: "None", lane: "primaryAttach", precondition: mayAlways },
      never,
    );
    await clock.runUntil(() => model.journal.since(0).some(({ status }) => status === 429), 60_000);
    const startedMs = clock.elapsedMs();
    assert.deepEqual(valueOf(await attach(onInstance)), { lun: 0 });
    const tookMs = clock.elapsedMs() - startedMs;
    assert.ok(tookMs < 30_000, `took ${tookMs} ms`);
    assert.equal(failureOf(await run(refused)).kind, "Throttled");
  });

  // Azure/azure-cli, recording test_vmss_update_instance_disks.yaml (2024): Azure's answers to such writes.
  it("gets its next disk at once though Azure says 0 of its scale set's queue", async () => {
    const { addInstance, attach, run, provisioner, clock } = await aWorld();
    const node = addInstance();
    valueOf(await attach(node));
    const { diskUri } = valueOf(
      await run(provisioner.createDisk(aDiskRequest({ diskName: "pvc-2" }), never)),
    );
    const startedMs = clock.elapsedMs();
    const request = { diskUri, node, cachingMode: "None", lane: "primaryAttach" } as const;
    valueOf(await run(provisioner.attachDisk({ ...request, precondition: mayAlways }, never)));
    const tookMs = clock.elapsedMs() - startedMs;
    assert.ok(tookMs < 30_000, `took ${tookMs} ms`);
  });

  it("is gone with its scale set", async () => {
    const { addInstance, attach, run, provisioner, diskUri, model } = await aWorld();
    const node = addInstance();
    valueOf(await attach(node));
    model.handle({ method: "DELETE", path: SET, ...API });
    await run(waitUntil(() => model.world.scaleSets.size === 0, model));
    assert.equal(valueOf(await run(provisioner.proveGone({ diskUri, node }, never)))?.kind, "instanceGone");
    // Otherwise a volume that names it as another cluster's node would wait for it for ever.
    assert.equal(failureOf(await run(provisioner.inspectInstance(node, never))).kind, "InstanceNotFound");
  });

  it("is proven gone if it vanishes between a fence's read and its write", async () => {
    // Azure answers such a write with 400 InvalidParameter, not with 404.
    const { addInstance, attach, run, provisioner, diskUri, model } = await aWorld();
    const node = addInstance();
    valueOf(await attach(node));
    const precondition = (): Promise<boolean> => {
      const vm = findVm(model.world, URI);
      if (vm !== undefined) removeVm(model.world, vm);
      return Promise.resolve(true);
    };
    const proof = await run(provisioner.barrier({ mode: "fence", diskUri, node, precondition }, never));
    assert.equal(valueOf(proof)?.kind, "instanceGone");
    const statuses = model.journal
      .since(0)
      .filter(({ operation }) => operation === "VirtualMachineScaleSetVMs_Update")
      .map(({ status, errorCode }) => `${status} ${errorCode ?? ""}`.trim());
    assert.deepEqual(statuses, ["200", "400 InvalidParameter"]);
  });
});

/** Lets the model's operations end, one after the other. */
async function waitUntil(isReached: () => boolean, model: ComputeModel): Promise<void> {
  while (!isReached()) {
    const next = model.nextEventAtMs();
    assert.ok(next !== undefined, "nothing more happens");
    model.advanceTo(next);
    await Promise.resolve();
  }
}
