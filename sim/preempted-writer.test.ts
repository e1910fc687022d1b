import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { heldKey } from "../src/adapters/model-host/reservation/model-reservation.ts";
import { erase } from "./faults/objects/delete-by-hand.ts";
import { type Frozen, withFrozenWriter } from "./testing/with-frozen-writer.ts";

/** Longer than any forced detach takes, in milliseconds: without Azure a fence has no end. */
const OUTAGE_MS = 300_000;

const recordOf = ({ world }: Frozen) => world.store.objects("AzVolume")[0]?.status?.record;

function isWrittenElsewhere(frozen: Frozen): boolean {
  const { world, nodeName } = frozen;
  const writer = recordOf(frozen)?.writer;
  return (
    writer !== undefined &&
    writer.nodeName !== nodeName &&
    world.cluster.pods().some((pod) => pod.isReady && pod.nodeName === writer.nodeName)
  );
}

/** The pod can go nowhere but to the node with the replica. */
async function untilReplica({ world, until }: Frozen): Promise<void> {
  const attached = (): readonly string[] =>
    world.store
      .objects("AzVolumeAttachment")
      .filter(({ status }) => status?.state === "Attached")
      .map(({ spec }) => spec.nodeName);
  await until("the replica", () => attached().length === 2);
  for (const { name } of world.cluster.nodes())
    if (!attached().includes(name)) world.cluster.setUnschedulable(name, true);
}

/** Azure refuses every call from now on, or those that match. */
function refuse({ world }: Frozen, match: { operation?: string; resource?: string } = {}): () => void {
  const faults = world.azure.model.faults;
  const effect = { kind: "Error", status: 503, code: "ServiceUnavailable" } as const;
  const { id } = faults.add({ effect, ...match });
  return () => faults.remove(id);
}

describe("a frozen writer whose disk is reserved", () => {
  for (const attach of ["kubernetes", "driver"] as const) {
    it(`is cut off while Azure refuses every call, attach: ${attach}`, () =>
      withFrozenWriter(
        attach,
        async (frozen) => {
          const { world, nodeName, until } = frozen;
          await untilReplica(frozen);
          const answerAgain = refuse(frozen);
          const fenced = recordOf(frozen)?.writer;
          world.cluster.setOutOfService(nodeName, true);
          await until("the pod to run elsewhere", () => isWrittenElsewhere(frozen), OUTAGE_MS);
          assert.equal(recordOf(frozen)?.fencing?.preempted, fenced?.epoch);
          assert.equal(world.azure.vmOf(nodeName)?.dataDisks.length, 1, "Azure has detached nothing");
          // What it wrote before comes too late.
          world.azure.thaw(nodeName);
          await world.clock.runUntil(() => false, 60_000);
          answerAgain();
          await until("the end of the fence", () => recordOf(frozen)?.fencing === undefined);
          assert.equal(isWrittenElsewhere(frozen), true);
        },
        { reservations: true },
      ));

    it(`does not write once its record is lost, and the next writer is done, attach: ${attach}`, () =>
      withFrozenWriter(
        attach,
        async (frozen) => {
          const { world, nodeName, until } = frozen;
          await untilReplica(frozen);
          const updateAgain = refuse(frozen, {
            operation: "VirtualMachines_Update",
            resource: `*_${nodeName}`,
          });
          world.cluster.setOutOfService(nodeName, true);
          await until("the pod to run elsewhere", () => isWrittenElsewhere(frozen), OUTAGE_MS);
          const { epoch = 0 } = recordOf(frozen) ?? {};
          erase(world, "AzVolume", world.store.objects("AzVolume")[0]?.metadata.name ?? "", true);
          await until("the next writer to reclaim", () => (recordOf(frozen)?.writer?.epoch ?? 0) > epoch);
          assert.equal(recordOf(frozen)?.fencing?.preempted, undefined, "the record has forgotten that");
          world.cluster.scale("vol-1", 0);
          await until("its release", () => recordOf(frozen)?.writer?.held !== true);
          assert.equal(world.azure.vmOf(nodeName)?.dataDisks.length, 1, "Azure has detached nothing");
          const before = world.trace.lines().length;
          world.azure.thaw(nodeName);
          await world.clock.runUntil(() => false, 60_000);
          const late = world.trace.lines().slice(before);
          assert.deepEqual(
            late.filter((line) => line.includes(` ${nodeName} wrote vol-1`)),
            [],
          );
          updateAgain();
        },
        { reservations: true },
      ));

    it(`is cut off also after it has reclaimed a lost record, attach: ${attach}`, () =>
      withFrozenWriter(
        attach,
        async (frozen) => {
          const { world, nodeName, until } = frozen;
          await untilReplica(frozen);
          world.azure.thaw(nodeName);
          const [volume] = world.store.objects("AzVolume");
          const disk = world.azure.diskOf(world.cluster.diskUriOf("vol-1") ?? "");
          const heldUnder = () => (disk === undefined ? undefined : heldKey(disk.reservation));
          const earlier = heldUnder();
          erase(world, "AzVolume", volume?.metadata.name ?? "", true);
          const isBarred = () =>
            recordOf(frozen)?.nodes.some(({ barrierPending }) => barrierPending === true);
          await until("its reservation by its next grant", () => heldUnder() !== earlier && !isBarred());
          world.azure.freeze(nodeName);
          const updateAgain = refuse(frozen, {
            operation: "VirtualMachines_Update",
            resource: `*_${nodeName}`,
          });
          world.cluster.setOutOfService(nodeName, true);
          await until("the pod to run elsewhere", () => isWrittenElsewhere(frozen), OUTAGE_MS);
          updateAgain();
          await until("the end of the fence", () => recordOf(frozen)?.fencing === undefined);
        },
        { reservations: true },
      ));

    it(`waits for Azure where disks are not reserved, attach: ${attach}`, () =>
      withFrozenWriter(attach, async (frozen) => {
        const { world, nodeName, until } = frozen;
        await untilReplica(frozen);
        const answerAgain = refuse(frozen);
        world.cluster.setOutOfService(nodeName, true);
        await world.clock.runUntil(() => isWrittenElsewhere(frozen), OUTAGE_MS);
        assert.equal(isWrittenElsewhere(frozen), false);
        answerAgain();
        await until("the pod to run elsewhere", () => isWrittenElsewhere(frozen));
      }));
  }
});
