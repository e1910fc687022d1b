import assert from "node:assert/strict";
import type { NodeIdentity } from "../../../../src/core/api/identity/node-identity.ts";
import { valueOf } from "../../../../src/core/testing/value-of.ts";
import type { ActorSetUp } from "../../../../src/emulator/actors/actor.ts";
import { type Actors, createActors } from "../../../../src/emulator/actors/actors.ts";
import type { JournalEntry } from "../../../../src/emulator/model/api/journal.ts";
import { listAt, textAt } from "../../../../src/emulator/model/api/json.ts";
import { findDisk, findVm } from "../../../../src/emulator/model/world.ts";
import {
  type CloudUnderTest,
  RESOURCE_GROUP,
  SUBSCRIPTION_ID,
  addDisk,
  addVm,
  callsOf,
  disksOn,
  isOperation,
  mayAlways,
  never,
  vmAt,
} from "../../worlds/cloud-bench.ts";
import type { On } from "../cloud-suite.ts";

/** Declares the tests of nodes whose data disks other clients change as well. */
export function otherWritersContract(on: On): void {
  // Azure refuses a list that has another createOption for it.
  on("attaches and detaches beside a disk that came with the VM", async (cloud) => {
    const node = addVm(cloud, "node-a");
    const own = { lun: 0, createOption: "Empty", name: "own", diskSizeGB: 8 };
    const { status } = cloud.model.handle({
      method: cloud.vms.updateMethod("node-a"),
      path: node.instanceUri,
      query: { "api-version": "2025-04-01" },
      body: { properties: { storageProfile: { dataDisks: [own] } } },
    });
    assert.equal(status, 200);
    await cloud.until(() => vmAt(cloud, "node-a").provisioningState === "Succeeded");
    const diskUri = await addDisk(cloud, "pvc-1");
    const request = {
      diskUri,
      node,
      cachingMode: "None",
      lane: "primaryAttach",
      precondition: mayAlways,
    } as const;
    assert.equal(valueOf(await cloud.run(cloud.provisioner.attachDisk(request, never))).lun, 1);
    assert.deepEqual(disksOn(cloud, "node-a"), ["own@0", "pvc-1@1"]);
    const detach = { diskUri, node, lane: "detach", precondition: mayAlways } as const;
    valueOf(await cloud.run(cloud.provisioner.detachDisk(detach, never)));
    assert.deepEqual(disksOn(cloud, "node-a"), ["own@0"]);
    const { id } = vmAt(cloud, "node-a");
    const ownId = vmAt(cloud, "node-a").dataDisks[0]?.diskId ?? "";
    assert.deepEqual(
      findDisk(cloud.model.world, ownId)?.owners.map(({ vmId }) => vmId),
      [id],
    );
  });

  for (const concurrentVmWrite of ["conflict", "preempt"] as const)
    on(
      `keeps disks of a client like V1 during an upgrade (second writes: ${concurrentVmWrite})`,
      async (cloud) => {
        const { settings } = cloud.model.world;
        cloud.model.world.settings = { ...settings, concurrentVmWrite };
        const nodes = ["node-a", "node-b"].map((name) => addVm(cloud, name));
        const disks = [await addDisk(cloud, "pvc-1"), await addDisk(cloud, "pvc-2")];
        const actors = begin(cloud, nodes);
        for (let turn = 0; turn < MOVES; turn += 1)
          for (const [index, diskUri] of disks.entries()) {
            const [from, to] = turn % 2 === index % 2 ? nodes : nodes.toReversed();
            assert.ok(from !== undefined && to !== undefined);
            if (turn > 0) await moved(cloud, actors, { diskUri, node: from, lane: "detach" });
            await moved(cloud, actors, { diskUri, node: to, lane: "primaryAttach" });
          }
        await cloud.until(() => (act(cloud, actors), hasActed(cloud, nodes)));
        for (const [index, diskUri] of disks.entries()) {
          const [, last] = (MOVES - 1) % 2 === index % 2 ? nodes : nodes.toReversed();
          const owners = findDisk(cloud.model.world, diskUri)?.owners.map(({ vmGuid }) => vmGuid);
          assert.deepEqual(owners, [findVm(cloud.model.world, last?.instanceUri ?? "")?.vmGuid]);
        }
        assert.deepEqual(lostByDriver(cloud), []);
      },
    );
}

const MOVES = 6;
const V1 = "V1Writer";
const UPGRADE = "AksUpgrade";

/** A client like V1 for each resource group and scale set of the nodes, and each set's upgrade. */
function begin(cloud: CloudUnderTest, nodes: readonly NodeIdentity[]): Actors {
  const places = nodes.map(({ nodeName }) => ({ nodeName, ...cloud.vms.place(nodeName) }));
  const targets = Map.groupBy(places, ({ resourceGroup = RESOURCE_GROUP, scaleSet = "" }) =>
    [resourceGroup, scaleSet].join("/"),
  );
  const setUps = [...targets].map(([target, members]): readonly ActorSetUp[] => {
    const [resourceGroup = "", scaleSet = ""] = target.split("/");
    const place = { subscriptionId: SUBSCRIPTION_ID, resourceGroup };
    const isUniform = members.some(({ nodeName }) => cloud.vms.updateMethod(nodeName) === "PUT");
    const vms = isUniform ? { scaleSet } : { virtualMachines: members.map(({ name }) => name) };
    return [
      { kind: V1, ...place, ...vms, everyS: 8, disks: 3, staleS: 0 },
      ...(isUniform ? [{ kind: UPGRADE, ...place, scaleSet, afterS: 5, surge: 1, drainS: 5 } as const] : []),
    ];
  });
  return createActors(setUps.flat(), {
    handle: (request) => cloud.model.handle(request),
    timeScale: () => cloud.model.world.settings.timeScale,
    startedAtMs: cloud.model.world.nowMs,
    seed: 4,
  });
}

/** Lets actors act when they are due, and between a read of the driver and its write. */
function act(cloud: CloudUnderTest, actors: Actors): void {
  const { nowMs } = cloud.model.world;
  const { journal } = cloud.model;
  const [last] = journal.since(journal.lastSequence() - 1);
  const hasRead =
    last !== undefined && isOperation(last, cloud.vms.operation("Get")) && !isOneOf(last, V1, UPGRADE);
  actors.advanceTo(hasRead ? (actors.nextActMs() ?? nowMs) : nowMs);
}

/** Whether an actor of one of these kinds sent a call. */
function isOneOf({ caller }: Pick<JournalEntry, "caller">, ...kinds: readonly string[]): boolean {
  return kinds.some((kind) => caller?.startsWith("actor-") === true && caller.endsWith(`-${kind}`));
}

/** Whether each writer has changed lists a few times, and each upgrade has ended. */
function hasActed(cloud: CloudUnderTest, nodes: readonly NodeIdentity[]): boolean {
  const calls = cloud.model.journal.since(0).filter(({ status }) => status < 300);
  const writes = calls.filter((call) => isOneOf(call, V1) && textAt(call.body, "location") !== undefined);
  const deletions = callsOf(cloud, "VirtualMachineScaleSets_DeleteInstances");
  const ended = deletions.some((call) => isOneOf(call, UPGRADE) && call.status < 300);
  const isUpgraded = nodes.some(({ nodeName }) => cloud.vms.updateMethod(nodeName) === "PUT");
  return writes.length > 5 && (!isUpgraded || ended);
}

/** Attaches or detaches, as often as it takes, while the actors act. */
async function moved(
  cloud: CloudUnderTest,
  actors: Actors,
  { diskUri, node, lane }: { diskUri: string; node: NodeIdentity; lane: "detach" | "primaryAttach" },
): Promise<void> {
  const { provisioner } = cloud;
  const wish = { diskUri, node, precondition: mayAlways };
  const once = async (): Promise<boolean> => {
    let isDone = false;
    const call =
      lane === "detach"
        ? provisioner.detachDisk({ ...wish, lane }, never)
        : provisioner.attachDisk({ ...wish, lane, cachingMode: "None" }, never);
    const watched = call.finally(() => {
      isDone = true;
    });
    await cloud.until(() => (act(cloud, actors), isDone));
    return (await watched).ok;
  };
  for (let tries = 0; tries < TRIES_MAX; tries += 1) if (await once()) return;
  throw new Error(`${lane} of ${diskUri} failed ${TRIES_MAX} times`);
}

const TRIES_MAX = 20;

/** Disks that the writer has put on a VM and that a list of the driver then leaves out. */
function lostByDriver(cloud: CloudUnderTest): readonly string[] {
  const last = new Map<string, readonly string[]>();
  const lost: string[] = [];
  for (const call of cloud.model.journal.since(0)) {
    const list = listAt(call.body, "properties", "storageProfile", "dataDisks");
    if (call.status >= 300 || list === undefined) continue;
    const ids = list.map((entry) => (textAt(entry, "managedDisk", "id") ?? "").toLowerCase());
    const key = call.path.toLowerCase();
    if (isOneOf(call, V1))
      last.set(
        key,
        ids.filter((id) => id.includes(`${call.caller}`.toLowerCase())),
      );
    else
      lost.push(
        ...(last.get(key) ?? []).filter((id) => !ids.includes(id)).map((id) => `${call.sequence}: ${id}`),
      );
  }
  return lost;
}
