import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createVirtualClock } from "../../src/adapters/virtual/virtual-clock.ts";
import { valueOf } from "../../src/core/testing/value-of.ts";
import { createComputeModel } from "../../src/emulator/model/compute-model.ts";
import { addVirtualMachine } from "../../src/emulator/model/set-up.ts";
import type { ArmApi } from "../../src/provisioner/arm/arm-api.ts";
import {
  aDiskRequest,
  failureOf,
  LOCATION,
  mayAlways,
  never,
  RESOURCE_GROUP,
  SUBSCRIPTION_ID,
  singleVms,
} from "../contract/worlds/cloud-bench.ts";
import { armOnModel, provisionerOn } from "./provisioner-on-model.ts";

/** Disks of one VM. */
const DISKS = 10;

describe("proofs that the VM of several disks is gone", () => {
  it("share their reads of the VM: 14 reads in 10 s for 10 disks", async () => {
    const clock = createVirtualClock();
    const model = createComputeModel({ clock });
    const place = { subscriptionId: SUBSCRIPTION_ID, resourceGroup: RESOURCE_GROUP, location: LOCATION };
    const added = addVirtualMachine(model.world, {
      ...place,
      name: singleVms.name("node-a"),
      size: "Standard_D16s_v5",
    });
    assert.ok(added.kind === "Added");
    const arm = armOnModel(model, clock);
    const reads: string[] = [];
    const getVm: ArmApi["getVm"] = (request, signal) => {
      reads.push(request.name);
      return arm.getVm(request, signal);
    };
    const provisioner = provisionerOn({ ...arm, getVm }, clock);
    const run = async <T>(work: Promise<T>): Promise<T> => {
      let isDone = false;
      const watched = work.finally(() => (isDone = true));
      await clock.runUntil(() => isDone, 3_600_000);
      return watched;
    };
    const node = { nodeName: "node-a", vmId: added.vm.vmGuid, instanceUri: added.vm.id };
    const attaching = Array.from({ length: DISKS }, async (_, index) => {
      const { diskUri } = valueOf(
        await provisioner.createDisk(aDiskRequest({ diskName: `pvc-${index}` }), never),
      );
      valueOf(
        await provisioner.attachDisk(
          { diskUri, node, precondition: mayAlways, lane: "primaryAttach", cachingMode: "None" },
          never,
        ),
      );
      return diskUri;
    });
    const diskUris = await run(Promise.all(attaching));

    reads.length = 0;
    const elsewhere = {
      ...node,
      instanceUri: node.instanceUri.replace(singleVms.name("node-a"), "outdated"),
    };
    const proving = Promise.all(
      diskUris.map((diskUri) => provisioner.proveGone({ diskUri, node: elsewhere }, never)),
    );
    await clock.advance(10_000);
    const counted = (name: string): number => reads.filter((read) => read === name).length;
    assert.ok(
      counted(singleVms.name("node-a")) >= 5 && counted(singleVms.name("node-a")) <= 14,
      `${counted(singleVms.name("node-a"))} reads`,
    );
    assert.ok(counted("outdated") <= 4, `${counted("outdated")} reads of the outdated id`);
    for (const proof of await run(proving)) assert.equal(failureOf(proof).kind, "InstanceUnknown");
  });
});
