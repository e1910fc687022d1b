import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createModelArmApi } from "../../src/adapters/arm-model/model-arm-api.ts";
import { createSeededRandom } from "../../src/adapters/virtual/seeded-random.ts";
import { createVirtualClock, type VirtualClock } from "../../src/adapters/virtual/virtual-clock.ts";
import { ok } from "../../src/core/failure/result.ts";
import { valueOf } from "../../src/core/testing/value-of.ts";
import { createComputeModel } from "../../src/emulator/model/compute-model.ts";
import { addVirtualMachine } from "../../src/emulator/model/set-up.ts";
import type { ArmApi } from "../../src/provisioner/arm/arm-api.ts";
import { createAzureCloudProvisioner } from "../../src/provisioner/azure-cloud-provisioner.ts";
import {
  LOCATION,
  RESOURCE_GROUP,
  SUBSCRIPTION_ID,
  never,
  singleVms,
} from "../contract/worlds/cloud-bench.ts";

const HOUR_MS = 3_600_000;

/**
 * Looks up `nodes` VMs of size Standard_D8s_v5 at once, `rounds` times, an hour apart; returns the last
 * answer, its time, and the number of Azure calls.
 */
async function inspect(
  listVmSizes: ArmApi["listVmSizes"],
  {
    nodes = 1,
    rounds = 1,
    onClock,
  }: {
    readonly nodes?: number;
    readonly rounds?: number;
    readonly onClock?: (clock: VirtualClock) => void;
  } = {},
): Promise<{ readonly dataDisksMax: number; readonly tookMs: number; readonly asked: number }> {
  const clock = createVirtualClock();
  onClock?.(clock);
  const model = createComputeModel({ clock });
  for (let index = 0; index < nodes; index++)
    addVirtualMachine(model.world, {
      subscriptionId: SUBSCRIPTION_ID,
      resourceGroup: RESOURCE_GROUP,
      location: LOCATION,
      name: singleVms.name(`node-${index}`),
    });
  let asked = 0;
  const provisioner = createAzureCloudProvisioner({
    arm: {
      ...createModelArmApi({ model, subscriptionId: SUBSCRIPTION_ID, clock, oneWayMs: () => 5 }),
      listVmSizes: (request, signal) => {
        asked++;
        return listVmSizes(request, signal);
      },
    },
    clock,
    random: createSeededRandom(1),
    place: { subscriptionId: SUBSCRIPTION_ID, resourceGroup: RESOURCE_GROUP, location: LOCATION },
    lifetime: never,
  });
  let last = { dataDisksMax: 0, tookMs: 0 };
  for (let round = 0; round < rounds; round++) {
    await clock.advance(HOUR_MS);
    const startedMs = clock.elapsedMs();
    let isDone = false;
    const seen = Promise.all(
      Array.from({ length: nodes }, (_, index) =>
        provisioner.inspectInstance(
          { nodeName: `node-${index}`, instanceUri: singleVms.uri(`node-${index}`) },
          never,
        ),
      ),
    ).finally(() => (isDone = true));
    await clock.runUntil(() => isDone, HOUR_MS);
    const [first] = await seen;
    assert.ok(first !== undefined);
    last = { dataDisksMax: valueOf(first).dataDisksMax, tookMs: clock.elapsedMs() - startedMs };
  }
  return { ...last, asked };
}

const lists =
  (dataDisksMax: number): ArmApi["listVmSizes"] =>
  () =>
    Promise.resolve({ result: ok([{ name: "standard_d8S_v5", dataDisksMax }]), remaining: [] });

describe("a VM's disk limit", () => {
  it("is Azure's own number rather than our table's, requested once for all callers", async () => {
    assert.deepEqual(await inspect(lists(20), { nodes: 5, rounds: 3 }), {
      dataDisksMax: 20,
      tookMs: 10,
      asked: 1,
    });
  });

  it("is none for a size that takes none", async () => {
    assert.equal((await inspect(lists(0))).dataDisksMax, 0);
  });

  it("is requested again after a day", async () => {
    assert.equal((await inspect(lists(20), { rounds: 27 })).asked, 2);
  });

  it("is never more than the number of LUNs", async () => {
    assert.equal((await inspect(lists(999))).dataDisksMax, 64);
  });

  it("is Azure's number for the next caller where its list came late", async () => {
    const late: ArmApi["listVmSizes"] = async () => {
      await clocks.at(-1)?.sleep(HOUR_MS / 2, never);
      return { result: ok([{ name: "Standard_D8s_v5", dataDisksMax: 20 }]), remaining: [] };
    };
    const clocks: VirtualClock[] = [];
    const seen = await inspect(late, { rounds: 2, onClock: (clock) => clocks.push(clock) });
    assert.deepEqual(seen, { dataDisksMax: 20, tookMs: 10, asked: 1 });
  });

  it("is our table's number if Azure does not answer in time", async () => {
    const silent: ArmApi["listVmSizes"] = (_request, signal) =>
      new Promise((_resolve, reject) =>
        signal.addEventListener("abort", () => reject(signal.reason as Error)),
      );
    assert.deepEqual(await inspect(silent), { dataDisksMax: 16, tookMs: 2010, asked: 1 });
  });
});
