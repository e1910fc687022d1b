import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { settledOn } from "../../src/adapters/virtual/testing/settled-on.ts";
import { createVirtualClock, type VirtualClock } from "../../src/adapters/virtual/virtual-clock.ts";
import type { NodeIdentity } from "../../src/core/api/identity/node-identity.ts";
import { fail } from "../../src/core/failure/result.ts";
import { valueOf } from "../../src/core/testing/value-of.ts";
import { type ComputeModel, createComputeModel } from "../../src/emulator/model/compute-model.ts";
import { addVirtualMachine } from "../../src/emulator/model/set-up.ts";
import type { ArmAnswer } from "../../src/provisioner/arm/arm-api.ts";
import { ownError } from "../../src/provisioner/arm/arm-error.ts";
import type { AzureCloudProvisioner } from "../../src/provisioner/azure-cloud-provisioner.ts";
import {
  LOCATION,
  SUBSCRIPTION_ID,
  aDiskRequest,
  failureOf,
  mayAlways,
  never,
} from "../contract/worlds/cloud-bench.ts";
import { armOnModel, provisionerOn, provisionerOnModel } from "./provisioner-on-model.ts";

interface World {
  readonly clock: VirtualClock;
  readonly model: ComputeModel;
  readonly provisioner: AzureCloudProvisioner;
  readonly diskUri: string;
  readonly run: <T>(work: Promise<T>) => Promise<T>;
  /** Puts a VM into another resource group than the cluster's. */
  readonly addVm: (name: string) => { readonly vmId: string; readonly instanceUri: string };
  readonly attach: (node: NodeIdentity) => ReturnType<AzureCloudProvisioner["attachDisk"]>;
}

async function aWorld(): Promise<World> {
  const clock = createVirtualClock();
  const settings = { createResourceGroups: true, subscriptions: [SUBSCRIPTION_ID] };
  const model = createComputeModel({ clock, settings });
  const provisioner = provisionerOnModel(model, clock);
  const run = <T>(work: Promise<T>): Promise<T> => settledOn(clock, work);
  const { diskUri } = valueOf(await run(provisioner.createDisk(aDiskRequest(), never)));
  return {
    clock,
    model,
    provisioner,
    diskUri,
    run,
    addVm: (name) => {
      const added = addVirtualMachine(model.world, {
        subscriptionId: SUBSCRIPTION_ID,
        resourceGroup: "MC_nodes",
        location: LOCATION,
        name,
      });
      assert.ok(added.kind === "Added");
      return { vmId: added.vm.vmGuid, instanceUri: added.vm.id };
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

describe("a node's VM", () => {
  it("is the one at its resource id, in any case, and its vmId identifies a successor", async () => {
    const { addVm, attach, run, provisioner, diskUri } = await aWorld();
    const { vmId, instanceUri } = addVm("aks-VM-7");
    const node = { nodeName: "node-a", vmId, instanceUri: instanceUri.toUpperCase() };
    const older = { ...node, vmId: "00000000-0000-0000-0000-00000000dead" };
    assert.deepEqual(await attach(older), {
      ok: false,
      failure: { kind: "InstanceReplaced", nodeName: "node-a", vmId },
    });
    assert.deepEqual(valueOf(await attach(node)), { lun: 0 });
    assert.deepEqual(valueOf(await run(provisioner.getDisk({ diskUri }, never))).attachedTo, [instanceUri]);
    assert.equal(valueOf(await run(provisioner.inspectInstance(node, never))).instanceUri, instanceUri);
  });

  it("is never the VM that has the node's name", async () => {
    const { addVm, attach } = await aWorld();
    const { vmId } = addVm("node-a");
    const instanceUri = addVm("flex_4c1d2a7b").instanceUri.replace("flex_4c1d2a7b", "flex_gone");
    assert.equal(failureOf(await attach({ nodeName: "node-a", vmId, instanceUri })).kind, "InstanceNotFound");
  });

  it("is fenced at its resource id, although no VM has the node's name", async () => {
    const { addVm, attach, run, provisioner, diskUri } = await aWorld();
    const node = { nodeName: "node-a", ...addVm("flex_4c1d2a7b") };
    valueOf(await attach(node));
    const proof = valueOf(
      await run(provisioner.barrier({ mode: "fence", diskUri, node, precondition: mayAlways }, never)),
    );
    assert.equal(proof?.kind, "entryGone");
    assert.deepEqual(valueOf(await run(provisioner.getDisk({ diskUri }, never))).attachedTo, []);
  });

  it("is unknown, without proof, if its resource id can't be looked up", async () => {
    const { attach, run, provisioner, diskUri, addVm } = await aWorld();
    const { vmId, instanceUri } = addVm("aks-VM-7");
    const rows = [
      { instanceUri: "", kind: "InstanceUnknown" },
      { instanceUri: diskUri, kind: "InstanceUnknown" },
      {
        instanceUri: instanceUri.replace(SUBSCRIPTION_ID, "00000000-0000-0000-0000-00000000beef"),
        kind: "InstanceUnknown",
      },
    ];
    for (const row of rows) {
      const node = { nodeName: "node-a", vmId, instanceUri: row.instanceUri };
      const wish = { diskUri, node, precondition: mayAlways };
      const failures = [
        await attach(node),
        await run(provisioner.detachDisk({ ...wish, lane: "detach" }, never)),
        await run(provisioner.barrier({ ...wish, mode: "fence" }, never)),
        await run(provisioner.barrier({ ...wish, mode: "prove" }, never)),
        await run(provisioner.proveGone(wish, never)),
        await run(provisioner.barrier({ ...wish, mode: "flush" }, never)),
        await run(provisioner.inspectInstance(node, never)),
      ].map((result) => failureOf(result).kind);
      assert.deepEqual(failures, Array(failures.length).fill(row.kind), row.instanceUri);
    }
  });

  it("is not proven gone if its disk can't be read either: both may have been moved", async () => {
    // Otherwise the VM would write to the disk at its new id while another node with the disk is promoted.
    const { model, addVm, attach, run, provisioner, diskUri } = await aWorld();
    const node = { nodeName: "node-a", ...addVm("aks-VM-7") };
    valueOf(await attach(node));
    model.world.virtualMachines.clear();
    model.world.disks.clear();
    const wish = { diskUri, node, precondition: mayAlways };
    for (const proof of [
      provisioner.proveGone(wish, never),
      provisioner.barrier({ ...wish, mode: "fence" }, never),
    ])
      assert.equal(failureOf(await run(proof)).kind, "InstanceUnknown");
  });

  it("is not gone if it is at its resource id, whatever the case of its GUID", async () => {
    const { addVm, attach, run, provisioner, diskUri } = await aWorld();
    const { vmId, instanceUri } = addVm("aks-VM-7");
    const node = { nodeName: "node-a", vmId: vmId.toUpperCase(), instanceUri };
    valueOf(await attach(node));
    assert.equal(valueOf(await run(provisioner.proveGone({ diskUri, node }, never))), undefined);
    const older = { ...node, vmId: "00000000-0000-0000-0000-00000000dead" };
    assert.equal(
      valueOf(await run(provisioner.proveGone({ diskUri, node: older }, never)))?.kind,
      "instanceGone",
    );
  });

  it("is not gone if it was moved with the disk attached", async () => {
    const { addVm, attach, run, provisioner, diskUri } = await aWorld();
    const { vmId, instanceUri } = addVm("aks-VM-7");
    const node = { nodeName: "node-a", vmId: vmId.toUpperCase(), instanceUri };
    valueOf(await attach(node));
    const moved = { ...node, instanceUri: instanceUri.replace("aks-VM-7", "aks-VM-6") };
    const failure = failureOf(await run(provisioner.proveGone({ diskUri, node: moved }, never)));
    assert.ok(
      failure.kind === "InstanceUnknown" && failure.problem.includes(`is at ${instanceUri}`),
      JSON.stringify(failure),
    );
  });

  it("is not proven gone by a 404 that is not ARM's", async () => {
    const { model, clock, addVm, attach, run, diskUri } = await aWorld();
    const node = { nodeName: "node-a", ...addVm("aks-VM-7") };
    valueOf(await attach(node));
    const arm = armOnModel(model, clock);
    for (const code of ["", "HTTP404", "RestError", "SubscriptionNotFound", "MissingSubscription"]) {
      const failure = { ...ownError(code, "<html>Not Found</html>"), statusCode: 404 };
      const lost = (): Promise<ArmAnswer<never>> => Promise.resolve({ result: fail(failure), remaining: [] });
      const behindProxy = provisionerOn({ ...arm, getVm: lost, getDisk: lost }, clock);
      const { kind } = failureOf(await run(behindProxy.proveGone({ diskUri, node }, never)));
      assert.ok(["CloudUnavailable", "CloudRejected"].includes(kind), `${code}: ${kind}`);
    }
  });
});
