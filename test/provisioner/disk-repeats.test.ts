import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createVirtualClock } from "../../src/adapters/virtual/virtual-clock.ts";
import { settledOn } from "../../src/controller/testing/settled.ts";
import { createComputeModel } from "../../src/emulator/model/compute-model.ts";
import { addResourceGroup } from "../../src/emulator/model/set-up.ts";
import {
  LOCATION,
  RESOURCE_GROUP,
  SUBSCRIPTION_ID,
  aDiskRequest,
  diskUri,
  failureOf,
  never,
} from "../contract/worlds/cloud-bench.ts";
import { provisionerOnModel } from "./provisioner-on-model.ts";

describe("a request that writes a disk", () => {
  it("is not sent if its precondition fails when its turn comes", async () => {
    const clock = createVirtualClock();
    const model = createComputeModel({ clock });
    addResourceGroup(model.world, {
      subscriptionId: SUBSCRIPTION_ID,
      name: RESOURCE_GROUP,
      location: LOCATION,
    });
    const cloud = provisionerOnModel(model, clock);
    const created = await settledOn(
      clock,
      cloud.createDisk(aDiskRequest({ precondition: () => Promise.resolve(false) }), never),
    );
    assert.deepEqual(failureOf(created), { kind: "Refused", diskUri: diskUri("pvc-1") });
    assert.equal(model.world.disks.size, 0);
  });
});
