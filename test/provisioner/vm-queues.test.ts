import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createModelArmApi } from "../../src/adapters/arm-model/model-arm-api.ts";
import { createSeededRandom } from "../../src/adapters/virtual/seeded-random.ts";
import { createVirtualClock } from "../../src/adapters/virtual/virtual-clock.ts";
import { createComputeModel } from "../../src/emulator/model/compute-model.ts";
import { createArmSession } from "../../src/provisioner/arm/arm-session.ts";
import { ThrottleBudget } from "../../src/provisioner/arm/throttle-budget.ts";
import { SharedDiskReads } from "../../src/provisioner/disk/shared-disk-reads.ts";
import { defaultProvisionerSettings } from "../../src/provisioner/settings.ts";
import { EtagWrites } from "../../src/provisioner/vm/etag-writes.ts";
import { SharedVmReads } from "../../src/provisioner/vm/shared-vm-reads.ts";
import { VmQueues } from "../../src/provisioner/vm/vm-queues.ts";
import type { VmRequestSpec } from "../../src/provisioner/vm/vm-request.ts";
import { VmSizes } from "../../src/provisioner/vm/vm-sizes.ts";
import type { VmTarget } from "../../src/provisioner/vm/vm-update.ts";
import { RESOURCE_GROUP, SUBSCRIPTION_ID, mayAlways, never } from "../contract/worlds/cloud-bench.ts";

const GROUP_URI = `/subscriptions/${SUBSCRIPTION_ID}/resourceGroups/${RESOURCE_GROUP}/providers/Microsoft.Compute`;

function aVm(name: string): VmTarget {
  const uri = `${GROUP_URI}/virtualMachines/${name}`;
  return {
    subscriptionId: SUBSCRIPTION_ID,
    resourceGroup: RESOURCE_GROUP,
    name,
    uri,
    key: uri.toLowerCase(),
  };
}

function aRequest(kind: VmRequestSpec["kind"], nodeName: string): VmRequestSpec {
  return {
    kind,
    diskUri: `${GROUP_URI}/disks/pvc-1`,
    node: { nodeName, vmId: "1", instanceUri: aVm(nodeName).uri },
    cachingMode: "None",
    lane: "detach",
    precondition: mayAlways,
  };
}

/** Queues in front of an Azure without any VM. */
function aWorld() {
  const clock = createVirtualClock();
  const arm = createModelArmApi({
    model: createComputeModel({ clock }),
    subscriptionId: SUBSCRIPTION_ID,
    clock,
    oneWayMs: () => 5,
  });
  const settings = defaultProvisionerSettings;
  const budget = new ThrottleBudget({
    clock,
    limits: settings.limits,
    gatewayLimits: settings.gatewayLimits,
  });
  const session = createArmSession({
    arm,
    budget,
    clock,
    random: createSeededRandom(1),
    settings,
    lifetime: never,
  });
  const place = { subscriptionId: SUBSCRIPTION_ID };
  const reads = {
    vmReads: new SharedVmReads(session),
    diskReads: new SharedDiskReads(session, never),
    sizes: new VmSizes(session, never),
  };
  const etagWrites = new EtagWrites();
  return { clock, queues: new VmQueues({ session, place, ...reads, etagWrites, lifetime: never }) };
}

describe("VmQueues", () => {
  it("keeps a VM only while it has work, because nodes come and go under new names", async () => {
    const { clock, queues } = aWorld();
    const answers = ["node-1", "node-2", "node-3"].flatMap((name) => [
      queues.submit(aVm(name), aRequest("detach", name), never).answer,
      queues.submit(aVm(name), aRequest("prove", name), never).answer,
    ]);
    assert.equal(queues.vmsInUse, 3);
    let isDone = false;
    const all = Promise.all(answers).finally(() => (isDone = true));
    await clock.runUntil(() => isDone, 3_600_000);
    await all;
    await queues.drained();
    assert.equal(queues.vmsInUse, 0);
  });

  it("keeps a VM with an announced attach until that arrives or is withdrawn", () => {
    const { queues } = aWorld();
    const [first, second] = [queues.announce(aVm("node-1")), queues.announce(aVm("node-1"))];
    first();
    first();
    assert.equal(queues.vmsInUse, 1);
    second();
    assert.equal(queues.vmsInUse, 0);
  });
});
