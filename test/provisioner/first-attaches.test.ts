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

describe("the first attach of a shared disk", () => {
  it("holds no other VM's attach of it up while it hangs", async () => {
    const clock = createVirtualClock();
    const model = createComputeModel({ clock });
    addResourceGroup(model.world, {
      subscriptionId: SUBSCRIPTION_ID,
      name: RESOURCE_GROUP,
      location: LOCATION,
    });
    const cloud = provisionerOnModel(model, clock);
    const request = aDiskRequest({ maxShares: 3, sizeGiB: 1024 });
    const { diskUri } = valueOf(await settledOn(clock, cloud.createDisk(request, never)));
    const attach = (name: string): ReturnType<typeof cloud.attachDisk> => {
      const added = addVirtualMachine(model.world, {
        subscriptionId: SUBSCRIPTION_ID,
        resourceGroup: RESOURCE_GROUP,
        location: LOCATION,
        name,
      });
      assert.ok(added.kind === "Added");
      const node = { nodeName: name, vmId: added.vm.vmGuid, instanceUri: added.vm.id };
      const options = { cachingMode: "None", lane: "primaryAttach", precondition: mayAlways } as const;
      return cloud.attachDisk({ diskUri, node, ...options }, never);
    };
    model.faults.add({ operation: "VirtualMachines_Update", times: 1, effect: { kind: "StuckOperation" } });
    const hanging = attach("vm-a");
    await clock.advance(1000);
    const startedMs = clock.elapsedMs();
    assert.deepEqual(valueOf(await settledOn(clock, attach("vm-b"))), { lun: 0 });
    assert.ok(clock.elapsedMs() - startedMs < 60_000, `after ${clock.elapsedMs() - startedMs} ms`);
    await settledOn(clock, hanging);
  });
});
