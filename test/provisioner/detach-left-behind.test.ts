import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createVirtualClock } from "../../src/adapters/virtual/virtual-clock.ts";
import { settledOn } from "../../src/controller/testing/settled.ts";
import { valueOf } from "../../src/core/testing/value-of.ts";
import { createComputeModel } from "../../src/emulator/model/compute-model.ts";
import { addResourceGroup, addVirtualMachine } from "../../src/emulator/model/set-up.ts";
import {
  LOCATION,
  RESOURCE_GROUP,
  SUBSCRIPTION_ID,
  aDiskRequest,
  mayAlways,
  never,
} from "../contract/worlds/cloud-bench.ts";
import { provisionerOnModel } from "./provisioner-on-model.ts";

describe("a detach that was left behind", () => {
  it("is forced once the driver's own detach of that disk hangs", async () => {
    // The mark was seen on a VM at rest. The driver's detach, begun after that, still counts as its own:
    // otherwise the disk would stay on the node forever.
    const clock = createVirtualClock();
    const model = createComputeModel({ clock });
    addResourceGroup(model.world, {
      subscriptionId: SUBSCRIPTION_ID,
      name: RESOURCE_GROUP,
      location: LOCATION,
    });
    const cloud = provisionerOnModel(model, clock);
    const added = addVirtualMachine(model.world, {
      subscriptionId: SUBSCRIPTION_ID,
      resourceGroup: RESOURCE_GROUP,
      location: LOCATION,
      name: "vm-a",
    });
    assert.ok(added.kind === "Added");
    const node = { nodeName: "node-a", vmId: added.vm.vmGuid, instanceUri: added.vm.id };
    const { diskUri } = valueOf(await settledOn(clock, cloud.createDisk(aDiskRequest(), never)));
    valueOf(
      await settledOn(
        clock,
        cloud.attachDisk(
          { diskUri, node, cachingMode: "None", lane: "primaryAttach", precondition: mayAlways },
          never,
        ),
      ),
    );
    const phase = (): string | undefined =>
      model.world.virtualMachines.values().next().value?.dataDisks[0]?.phase;
    model.faults.add({
      operation: "VirtualMachines_*",
      disk: diskUri,
      times: 1,
      effect: { kind: "FailOperation", code: "DetachFailed" },
    });
    const body = { dataDisksToDetach: [{ diskId: diskUri }] };
    model.handle({
      method: "POST",
      path: `${node.instanceUri}/attachDetachDataDisks`,
      query: { "api-version": "2025-04-01" },
      body,
    });
    await clock.advance(600_000);
    model.advanceTo(clock.nowMs());
    assert.equal(phase(), "DetachFailed");

    model.faults.add({ operation: "VirtualMachines_Update", times: 1, effect: { kind: "StuckOperation" } });
    valueOf(
      await settledOn(
        clock,
        cloud.detachDisk({ diskUri, node, lane: "detach", precondition: mayAlways }, never),
      ),
    );
    assert.equal(phase(), undefined, "the disk is off");
  });
});
