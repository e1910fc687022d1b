import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createSeededRandom } from "../../adapters/virtual/seeded-random.ts";
import { settledOn } from "../../adapters/virtual/testing/settled-on.ts";
import { createVirtualClock } from "../../adapters/virtual/virtual-clock.ts";
import { fail, ok } from "../../core/failure/result.ts";
import type { NodeTaint } from "../../core/node/node-taints.ts";
import type { Events } from "../../ports/cluster/events.ts";
import type { OwnNode } from "../../ports/cluster/own-node.ts";
import { silentLogger } from "../../ports/testing/silent-logger.ts";
import { ControlLoop } from "../../runtime/queue/control-loop.ts";
import { startUpTaintReconciler } from "./start-up-taint.ts";

const startUpTaint: NodeTaint = { key: "disk.csi.azure.com/agent-not-ready", effect: "NoSchedule" };
const otherTaint: NodeTaint = { key: "node.kubernetes.io/not-ready", effect: "NoSchedule" };

interface Cluster {
  taints: readonly NodeTaint[] | undefined;
  isRegistered: boolean;
  isServerDown: boolean;
  /** Why the API server refuses to change the taints. */
  refusal: string | undefined;
  /** Runs once, between the reading of the taints and the write. */
  during: () => void;
  writes: number;
  readonly emitted: string[];
}

/** Runs the loop on a Node while `act` controls the cluster and lets time pass. */
async function withNode(
  given: Partial<Cluster>,
  act: (cluster: Cluster, pass: (ms: number) => Promise<void>, register: () => void) => Promise<void>,
): Promise<void> {
  const cluster: Cluster = {
    taints: [startUpTaint, otherTaint],
    isRegistered: true,
    isServerDown: false,
    refusal: undefined,
    during: () => undefined,
    writes: 0,
    emitted: [],
    ...given,
  };
  const ownNode: OwnNode = {
    read: async () => {
      if (cluster.isServerDown) return fail({ kind: "StoreUnavailable", detail: "no answer" });
      return ok(
        cluster.taints === undefined
          ? undefined
          : { labels: {}, taints: cluster.taints, isShuttingDown: false, volumeIds: [] },
      );
    },
    drivers: async () =>
      ok([
        { name: "file.csi.azure.com", nodeId: "node-a", volumesMax: 4 },
        { name: "disk.csi.azure.com", nodeId: "node-a", volumesMax: cluster.isRegistered ? 8 : undefined },
      ]),
    replaceTaints: async ({ from, to }) => {
      const { during } = cluster;
      cluster.during = () => undefined;
      during();
      if (cluster.refusal !== undefined) return fail({ kind: "StoreUnavailable", detail: cluster.refusal });
      if (cluster.taints !== from)
        return fail({ kind: "ObjectConflict", objectKind: "Node", name: "node-a" });
      cluster.taints = to;
      cluster.writes += 1;
      return ok(undefined);
    },
  };
  const events: Events = {
    emit: ({ about, reason, message }) => cluster.emitted.push(`${about.name} ${reason}: ${message}`),
  };
  const clock = createVirtualClock();
  const ports = { clock, random: createSeededRandom(1), logger: silentLogger };
  const loop = new ControlLoop(
    startUpTaintReconciler({
      ownNode,
      nodeName: "node-a",
      driverName: "disk.csi.azure.com",
      clock,
      events,
      logger: silentLogger,
    }),
    ports,
  );
  const life = new AbortController();
  const running = loop.run(life.signal);
  const register = (): void => loop.queue.add("node");
  register();
  await act(cluster, (ms) => clock.advance(ms), register);
  life.abort();
  await settledOn(clock, running);
}

describe("startUpTaintReconciler", () => {
  it("opens the node for pods at once, and leaves other taints where they are", () =>
    withNode({}, async (cluster, pass) => {
      await pass(0);
      assert.deepEqual([cluster.taints, cluster.writes], [[otherTaint], 1]);
      assert.deepEqual(cluster.emitted, [
        "node-a NodeReady: disk.csi.azure.com is registered: " +
          "the taint disk.csi.azure.com/agent-not-ready was removed",
      ]);
    }));

  it("waits until CSINode shows the volume limit, however long that takes", () =>
    withNode({ isRegistered: false }, async (cluster, pass) => {
      await pass(3_600_000);
      assert.deepEqual(cluster.taints, [startUpTaint, otherTaint]);
      cluster.isRegistered = true;
      await pass(30_000);
      assert.deepEqual(cluster.taints, [otherTaint]);
    }));

  it("tries again while the API server is away", () =>
    withNode({ isServerDown: true }, async (cluster, pass) => {
      await pass(600_000);
      cluster.isServerDown = false;
      await pass(30_000);
      assert.deepEqual(cluster.taints, [otherTaint]);
    }));

  it("does not overwrite a taint that comes between its reading and its write", () => {
    const added: NodeTaint = { key: "node.kubernetes.io/unschedulable", effect: "NoSchedule" };
    return withNode({}, async (cluster, pass) => {
      cluster.during = () => {
        cluster.taints = [startUpTaint, otherTaint, added];
      };
      await pass(1_000);
      assert.deepEqual(cluster.taints, [otherTaint, added]);
    });
  });

  it("writes nothing where there is nothing to remove, or no Node any more", async () => {
    for (const taints of [[otherTaint], [], undefined]) {
      await withNode({ taints }, async (cluster, pass) => {
        await pass(60_000);
        assert.deepEqual([cluster.taints, cluster.writes], [taints, 0]);
      });
    }
  });

  it("checks again at each registration: the node may have been tainted again", () =>
    withNode({}, async (cluster, pass, register) => {
      await pass(1_000);
      cluster.taints = [startUpTaint];
      register();
      await pass(1_000);
      assert.deepEqual([cluster.taints, cluster.writes], [[], 2]);
    }));

  it("removes a taint that comes after it found none, within seconds on a new node", () =>
    withNode({ taints: [otherTaint] }, async (cluster, pass) => {
      await pass(30_000);
      cluster.taints = [otherTaint, startUpTaint];
      await pass(10_000);
      assert.deepEqual(cluster.taints, [otherTaint]);
    }));

  it("removes the taint with which a deleted Node comes back, within five minutes", () =>
    withNode({}, async (cluster, pass) => {
      await pass(3_600_000);
      cluster.taints = undefined;
      await pass(300_000);
      cluster.taints = [startUpTaint, otherTaint];
      await pass(300_000);
      assert.deepEqual(cluster.taints, [otherTaint]);
    }));

  it("says on the Node why the taint stays, once that has lasted a minute", async () => {
    const refusal = "the API server refused to patch nodes: taint delete request refused";
    await withNode({ refusal }, async (cluster, pass) => {
      await pass(59_000);
      assert.deepEqual(cluster.emitted, []);
      await pass(60_000);
      assert.equal(
        cluster.emitted[0],
        "node-a StartUpTaintKept: the taint disk.csi.azure.com/agent-not-ready keeps pods off this node, " +
          `and can't be removed: the object store can't be reached: ${refusal}`,
      );
      cluster.refusal = undefined;
      await pass(30_000);
      assert.deepEqual(cluster.taints, [otherTaint]);
    });
    await withNode({ isRegistered: false }, async (cluster, pass) => {
      await pass(120_000);
      assert.match(cluster.emitted[0] ?? "", /StartUpTaintKept: .* CSINode node-a does not show yet/u);
    });
  });
});
