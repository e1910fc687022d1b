import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createSimWorld } from "./create-sim-world.ts";
import type { SimWorld } from "./world.ts";

const nodes = ["node-a", "node-b", "node-c"].map((name) => ({ name, zone: "1" }));
/** The longest that anything may take, in milliseconds of virtual time. */
const LIMIT_MS = 600_000;
/** From the freeze until its node is told of: the heartbeat is stale after 35 s, Kubernetes says NotReady after 50 s. */
const TOLD_MAX_MS = 60_000;
/** From a pod's death by force until the next one waits on another node, and is told why. */
const TOLD_OF_POD_MAX_MS = 15_000;

interface Frozen {
  readonly world: SimWorld;
  readonly nodeName: string;
  readonly until: (what: string, isReached: () => boolean, limitMs?: number) => Promise<void>;
  /** What was told of the volume since the machine froze. */
  readonly told: () => readonly string[];
}

/** A pod that writes, with a replica, on a machine that freezes; nothing is marked. */
async function withFrozenWriter(attach: "kubernetes" | "driver", act: (frozen: Frozen) => Promise<void>): Promise<void> {
  const world = createSimWorld({ seed: 1, attach, nodes });
  const end = new AbortController();
  const running = world.run(end.signal);
  const until = async (what: string, isReached: () => boolean, limitMs = LIMIT_MS): Promise<void> => {
    if (!(await world.clock.runUntil(isReached, limitMs))) assert.fail(`${what}: not reached\n${world.trace.lines().slice(-60).join("\n")}`);
  };
  try {
    world.cluster.apply({ volumeName: "vol-1", sizeGiB: 4, skuName: "Premium_LRS", maxShares: 2, replicas: 1, access: "mount" });
    await until("the pod to run", () => world.cluster.pods().some((pod) => pod.isReady) && world.cluster.unsettled().length === 0);
    const nodeName = world.cluster.pods()[0]?.nodeName ?? "";
    const before = world.trace.lines().length;
    world.azure.freeze(nodeName);
    const told = (): readonly string[] =>
      world.trace
        .lines()
        .slice(before)
        .filter((line) => line.includes("tells of AzVolume vol-1: "));
    await act({ world, nodeName, until, told });
    assert.deepEqual(world.violations(), []);
  } finally {
    end.abort();
    await running;
  }
}

const driverNode = ({ world, nodeName }: Frozen) => world.store.objects("AzDriverNode").find(({ spec }) => spec.nodeName === nodeName)?.status;
const remedyFor = (nodeName: string): string => `kubectl taint nodes ${nodeName} node.kubernetes.io/out-of-service=nodeshutdown:NoExecute`;

describe("a writer whose machine freezes, unmarked", () => {
  for (const attach of ["kubernetes", "driver"] as const) {
    it(`is reported with the remedy, first for the pod that is there, then for the one that waits elsewhere, attach: ${attach}`, () =>
      withFrozenWriter(attach, async (frozen) => {
        const { world, nodeName, until, told } = frozen;
        const isTold = (what: string) => (): boolean =>
          told().some((line) => line.includes("WriterSilent") && line.includes(what) && line.includes(remedyFor(nodeName)));
        await until("the silent node to be told of", isTold("is bound to it"), TOLD_MAX_MS);
        world.cluster.deletePod("vol-1", { isForced: true });
        await until("the pod that waits to be told of", isTold("waits for"), TOLD_OF_POD_MAX_MS);
        const isWaiting = (): boolean =>
          world.store.objects("AzVolume")[0]?.status?.conditions.some(({ type, reason }) => type === "WriterWaiting" && reason === "WriterSilent") === true;
        await until("the volume to say so", isWaiting, TOLD_MAX_MS);
        const fenced = world.store.objects("AzVolume")[0]?.status?.record?.fencing;
        assert.equal(fenced, undefined, "silence proves nothing");
      }));
  }

  it("is not ready by its AzDriverNode, counts for no failover, and is ready again once it thaws", () =>
    withFrozenWriter("kubernetes", async (frozen) => {
      const { world, nodeName, until } = frozen;
      await until("the node to be not ready", () => driverNode(frozen)?.readyForVolumeAllocation === false, TOLD_MAX_MS);
      assert.match(driverNode(frozen)?.statusMessage ?? "", /^silent: the node plug-in's last heartbeat was at /u);
      world.azure.thaw(nodeName);
      await until("the node to be ready again", () => driverNode(frozen)?.readyForVolumeAllocation === true, TOLD_MAX_MS);
      assert.equal(driverNode(frozen)?.statusMessage, "the node plug-in is ready");
    }));
});
