import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { erase } from "./faults/objects/delete-by-hand.ts";
import { type Frozen, withFrozenWriter } from "./testing/with-frozen-writer.ts";
import type { SimWorld } from "./world.ts";

/**
 * From the freeze until its node is reported: the heartbeat is stale after 35 s, Kubernetes says NotReady
 * after 50 s.
 */
const REPORTED_MAX_MS = 60_000;
/** From a forced pod deletion until the next pod waits on another node, with an event that says why. */
const POD_REPORTED_MAX_MS = 15_000;

const driverNodeOf = (world: SimWorld, nodeName: string) =>
  world.store.objects("AzDriverNode").find(({ spec }) => spec.nodeName === nodeName);
const driverNode = ({ world, nodeName }: Frozen) => driverNodeOf(world, nodeName)?.status;
const remedyFor = (nodeName: string): string =>
  `kubectl taint nodes ${nodeName} node.kubernetes.io/out-of-service=nodeshutdown:NoExecute`;

describe("a writer whose machine freezes, unmarked", () => {
  for (const attach of ["kubernetes", "driver"] as const) {
    it(`is reported with the remedy to the present, then the waiting pod, attach: ${attach}`, () =>
      withFrozenWriter(attach, async (frozen) => {
        const { world, nodeName, until, events } = frozen;
        const isReported = (what: string) => (): boolean =>
          events().some(
            (line) =>
              line.includes("WriterSilent") && line.includes(what) && line.includes(remedyFor(nodeName)),
          );
        await until("an event for the silent node", isReported("is bound to it"), REPORTED_MAX_MS);
        world.cluster.deletePod("vol-1", { isForced: true });
        await until("an event for the waiting pod", isReported("waits: "), POD_REPORTED_MAX_MS);
        const isWaiting = (): boolean =>
          world.store
            .objects("AzVolume")[0]
            ?.status?.conditions.some(
              ({ type, reason }) => type === "WriterWaiting" && reason === "WriterSilent",
            ) === true;
        await until("the volume to say so", isWaiting, REPORTED_MAX_MS);
        const fenced = world.store.objects("AzVolume")[0]?.status?.record?.fencing;
        assert.equal(fenced, undefined, "silence proves nothing");
      }));
  }

  it("is reported as NotReady where its AzDriverNode was deleted", () =>
    withFrozenWriter("kubernetes", async ({ world, nodeName, until, events }) => {
      erase(world, "AzDriverNode", nodeName, true);
      const isReported = (): boolean =>
        events().some((line) => line.includes("is NotReady; pod") && line.includes(remedyFor(nodeName)));
      await until("an event for the NotReady node", isReported, REPORTED_MAX_MS);
      assert.equal(driverNodeOf(world, nodeName), undefined);
    }));

  it("is reported while the next pod finds no node", () =>
    withFrozenWriter("kubernetes", async ({ world, nodeName, until, events }) => {
      for (const { name } of world.cluster.nodes()) world.cluster.setUnschedulable(name, true);
      world.cluster.deletePod("vol-1", { isForced: true });
      const isReported = (): boolean =>
        events().some(
          (line) => line.includes("and the volume is requested") && line.includes(remedyFor(nodeName)),
        );
      await until("an event for the silent node", isReported, REPORTED_MAX_MS);
    }));

  it("is not ready by its AzDriverNode until it thaws, and counts for no failover", () =>
    withFrozenWriter("kubernetes", async (frozen) => {
      const { world, nodeName, until } = frozen;
      await until(
        "the node to be not ready",
        () => driverNode(frozen)?.readyForVolumeAllocation === false,
        REPORTED_MAX_MS,
      );
      assert.match(
        driverNode(frozen)?.statusMessage ?? "",
        /^silent: the node plug-in's last heartbeat was at /u,
      );
      world.azure.thaw(nodeName);
      await until(
        "the node to be ready again",
        () => driverNode(frozen)?.readyForVolumeAllocation === true,
        REPORTED_MAX_MS,
      );
      assert.equal(driverNode(frozen)?.statusMessage, "the node plug-in is ready");
    }));
});
