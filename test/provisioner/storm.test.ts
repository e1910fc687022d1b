import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createModelArmApi } from "../../src/adapters/arm-model/model-arm-api.ts";
import { type SeededRandom, createSeededRandom } from "../../src/adapters/virtual/seeded-random.ts";
import { createVirtualClock } from "../../src/adapters/virtual/virtual-clock.ts";
import type { NodeIdentity } from "../../src/core/api/identity/node-identity.ts";
import type { Failure } from "../../src/core/failure/failure.ts";
import type { Result } from "../../src/core/failure/result.ts";
import { type ComputeModel, createComputeModel } from "../../src/emulator/model/compute-model.ts";
import type { FaultEffect } from "../../src/emulator/model/pace/fault-rule.ts";
import { addVirtualMachine } from "../../src/emulator/model/set-up.ts";
import { strikeVm } from "../../src/emulator/model/vm/vm-events.ts";
import { findVm } from "../../src/emulator/model/world.ts";
import {
  type AzureCloudProvisioner,
  createAzureCloudProvisioner,
} from "../../src/provisioner/azure-cloud-provisioner.ts";
import {
  LOCATION,
  RESOURCE_GROUP,
  SUBSCRIPTION_ID,
  diskUri,
  mayAlways,
  never,
  singleVms,
} from "../contract/worlds/cloud-bench.ts";

const SEEDS = 60;
const NODES = ["node-a", "node-b", "node-c"] as const;
const DISKS = 6;
const STEPS = 60;
const GUEST_EVENT_CHANCE = 0.05;
const DAY_MS = 86_400_000;

/** Faults that begin and end during the storm. */
const troubles: readonly (FaultEffect & { readonly on: string; readonly probability: number })[] = [
  { kind: "DropResponse", on: "VirtualMachines_Update", probability: 0.1 },
  { kind: "DropRequest", on: "VirtualMachines_*", probability: 0.05 },
  { kind: "Error", status: 503, code: "ServiceUnavailable", on: "VirtualMachines_*", probability: 0.05 },
  {
    kind: "Error",
    status: 429,
    code: "OperationNotAllowed",
    retryAfterS: 5,
    on: "VirtualMachines_Update",
    probability: 0.05,
  },
  {
    kind: "FailOperation",
    code: "InternalExecutionError",
    applied: "none",
    on: "VirtualMachines_Update",
    probability: 0.05,
  },
  {
    kind: "FailOperation",
    code: "InternalExecutionError",
    applied: "all",
    on: "VirtualMachines_Update",
    probability: 0.05,
  },
  { kind: "DropRequest", on: "Operations_Get", probability: 0.1 },
];

interface Storm {
  readonly model: ComputeModel;
  readonly provisioners: readonly AzureCloudProvisioner[];
  readonly nodes: readonly NodeIdentity[];
  readonly run: <T>(work: Promise<T>) => Promise<T>;
  readonly rest: (ms: number) => Promise<void>;
}

async function aStorm(random: SeededRandom): Promise<Storm> {
  const clock = createVirtualClock();
  const model = createComputeModel({ clock, seed: Math.floor(random.next() * 1e9) });
  const nodes = NODES.map((name) => {
    const added = addVirtualMachine(model.world, {
      subscriptionId: SUBSCRIPTION_ID,
      resourceGroup: RESOURCE_GROUP,
      location: LOCATION,
      name: singleVms.name(name),
      size: "Standard_B2s",
    });
    assert.ok(added.kind === "Added");
    return { nodeName: name, vmId: added.vm.vmGuid, instanceUri: added.vm.id };
  });
  const provisioners = [1, 2].map((instance) =>
    createAzureCloudProvisioner({
      arm: createModelArmApi({
        model,
        subscriptionId: SUBSCRIPTION_ID,
        clock,
        oneWayMs: () => 1 + random.next() * 30,
      }),
      clock,
      random: random.fork(`instance ${instance}`),
      place: { subscriptionId: SUBSCRIPTION_ID, resourceGroup: RESOURCE_GROUP, location: LOCATION },
      lifetime: never,
    }),
  );
  const run = async <T>(work: Promise<T>): Promise<T> => {
    let isDone = false;
    const watched = work.finally(() => (isDone = true));
    assert.ok(await clock.runUntil(() => isDone, DAY_MS), "a call was not answered within a day");
    return watched;
  };
  const [first] = provisioners;
  assert.ok(first !== undefined);
  for (let disk = 0; disk < DISKS; disk++) {
    const created = await run(
      first.createDisk(
        {
          diskName: `pvc-${disk}`,
          resourceGroup: undefined,
          location: undefined,
          zone: undefined,
          skuName: "Premium_LRS",
          sizeGiB: 64,
          maxShares: 1 + (disk % 3),
          tags: {},
          precondition: async () => true,
        },
        never,
      ),
    );
    assert.ok(created.ok);
  }
  return { model, provisioners, nodes, run, rest: (ms) => clock.advance(ms) };
}

/** The invariants of the storm. */
function checkWorld(model: ComputeModel): void {
  for (const nodeName of NODES) {
    const vm = findVm(model.world, singleVms.uri(nodeName));
    assert.ok(vm !== undefined);
    const luns = vm.dataDisks.map((entry) => entry.lun);
    assert.equal(new Set(luns).size, luns.length, `a LUN twice on ${nodeName}`);
    assert.ok(luns.length <= vm.size.dataDisksMax, `too many disks on ${nodeName}`);
  }
}

function strikeGuest(model: ComputeModel, nodeName: string, event: "GuestHang" | "GuestRecovery"): void {
  const vm = findVm(model.world, singleVms.uri(nodeName));
  assert.ok(vm !== undefined);
  strikeVm(model.world, vm, event);
}

function isHung(model: ComputeModel, nodeName: string): boolean {
  return findVm(model.world, singleVms.uri(nodeName))?.guestResponsive === false;
}

/** Another client's update of the VM is under way. */
function isConflict(failure: Failure): boolean {
  return failure.kind === "CloudUnavailable" && failure.code === "Conflict";
}

/** The LUN at which the VM finally has the disk. */
function lunOn(model: ComputeModel, disk: string, node: NodeIdentity): number | undefined {
  return findVm(model.world, singleVms.uri(node.nodeName))?.dataDisks.find(
    (entry) => entry.diskId === disk && entry.phase === "Attached",
  )?.lun;
}

describe("the provisioner in a storm", () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    it(`answers all calls truthfully and reaches its goal (seed ${seed})`, async () => {
      const random = createSeededRandom(seed);
      const { model, provisioners, nodes, run, rest } = await aStorm(random);
      const pick = <T>(items: readonly T[]): T => {
        const item = items[Math.floor(random.next() * items.length)];
        assert.ok(item !== undefined);
        return item;
      };
      for (const { on, probability, ...effect } of troubles)
        model.faults.add({ operation: on, probability, effect });

      // One call at a time for each pair of disk and node, like the reconcilers; fences may be concurrent.
      const busy = new Set<string>();
      const calls: Promise<void>[] = [];
      for (let step = 0; step < STEPS; step++) {
        const disk = diskUri(`pvc-${Math.floor(random.next() * DISKS)}`);
        const node = pick(nodes);
        const pair = `${disk} ${node.nodeName}`;
        if (!busy.has(pair)) {
          busy.add(pair);
          calls.push(
            act({
              provisioner: pick(provisioners),
              disk,
              node,
              kind: pick(["attach", "attach", "detach", "fence"] as const),
            }).finally(() => busy.delete(pair)),
          );
        }
        // Guests hang and recover: their regular detaches do not end in between.
        if (random.next() < GUEST_EVENT_CHANCE)
          strikeGuest(model, pick(NODES), pick(["GuestHang", "GuestRecovery"]));
        await rest(random.next() * 8000);
        checkWorld(model);
      }
      await run(Promise.all(calls));
      checkWorld(model);

      model.faults.clear();
      const [first] = provisioners;
      assert.ok(first !== undefined);
      const off = nodes.flatMap((node) =>
        Array.from({ length: DISKS }, (_, disk) => ({
          diskUri: diskUri(`pvc-${disk}`),
          node,
          lane: "detach" as const,
          precondition: mayAlways,
        })),
      );
      const detachAll = (): Promise<readonly (readonly [NodeIdentity, Result<void>])[]> =>
        run(
          Promise.all(
            off.map(async (request) => [request.node, await first.detachDisk(request, never)] as const),
          ),
        );
      // An update of the other instance is never forced (0029). It may carry out a detach that was left
      // behind, and hang while the guest does.
      for (const [{ nodeName }, result] of await detachAll())
        assert.ok(
          result.ok || (isHung(model, nodeName) && isConflict(result.failure)),
          JSON.stringify(result),
        );
      for (const nodeName of NODES) strikeGuest(model, nodeName, "GuestRecovery");
      for (const [, result] of await detachAll()) assert.ok(result.ok, JSON.stringify(result));
      assert.deepEqual(
        NODES.map((name) => findVm(model.world, singleVms.uri(name))?.dataDisks),
        [[], [], []],
      );

      async function act(call: {
        provisioner: AzureCloudProvisioner;
        disk: string;
        node: NodeIdentity;
        kind: "attach" | "detach" | "fence";
      }): Promise<void> {
        const request = { diskUri: call.disk, node: call.node, precondition: mayAlways };
        if (call.kind === "attach") {
          const attached = await call.provisioner.attachDisk(
            { ...request, cachingMode: "None", lane: "primaryAttach" },
            never,
          );
          if (attached.ok)
            assert.equal(lunOn(model, call.disk, call.node), attached.value.lun, "attached, but not there");
          else assertExpected(attached);
        } else if (call.kind === "detach") {
          const detached = await call.provisioner.detachDisk({ ...request, lane: "detach" }, never);
          if (detached.ok)
            assert.equal(lunOn(model, call.disk, call.node), undefined, "detached, but still there");
          else assertExpected(detached);
        } else {
          const fenced = await call.provisioner.barrier({ ...request, mode: "fence" }, never);
          if (fenced.ok)
            assert.equal(lunOn(model, call.disk, call.node), undefined, "fenced, but still there");
          else assertExpected(fenced);
        }
      }
    });
  }
});

/** In a storm a call may fail, but only with these failures. */
function assertExpected(result: Result<unknown>): void {
  assert.ok(!result.ok);
  assert.ok(
    ["CloudUnavailable", "Throttled", "NoFreeLun", "NoFreeShare", "DiskAttachedElsewhere"].includes(
      result.failure.kind,
    ),
    JSON.stringify(result.failure),
  );
}
