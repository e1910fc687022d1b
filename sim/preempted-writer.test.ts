import assert from "node:assert/strict";
import { describe, it } from "node:test";
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

/** Azure refuses every call from now on. */
function refuseAll({ world }: Frozen): () => void {
  const faults = world.azure.model.faults;
  const { id } = faults.add({ effect: { kind: "Error", status: 503, code: "ServiceUnavailable" } });
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
          const answerAgain = refuseAll(frozen);
          world.cluster.setOutOfService(nodeName, true);
          await until("the pod to run elsewhere", () => isWrittenElsewhere(frozen), OUTAGE_MS);
          assert.equal(recordOf(frozen)?.fencing?.preempted, true);
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

    it(`waits for Azure where disks are not reserved, attach: ${attach}`, () =>
      withFrozenWriter(attach, async (frozen) => {
        const { world, nodeName, until } = frozen;
        await untilReplica(frozen);
        const answerAgain = refuseAll(frozen);
        world.cluster.setOutOfService(nodeName, true);
        await world.clock.runUntil(() => isWrittenElsewhere(frozen), OUTAGE_MS);
        assert.equal(isWrittenElsewhere(frozen), false);
        answerAgain();
        await until("the pod to run elsewhere", () => isWrittenElsewhere(frozen));
      }));
  }
});
