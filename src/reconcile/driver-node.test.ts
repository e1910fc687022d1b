import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { WriterRecord } from "../core/model/az-volume.ts";
import { aVolumeWithRecord, aWriter, identity } from "../core/plan/testing/objects.ts";
import type { NodePresence } from "../ports/cluster-volumes.ts";
import type { Reconciled } from "./control-loop.ts";
import { driverNodeReconciler } from "./driver-node.ts";
import { aCluster } from "./testing/a-cluster.ts";
import { type ReconcileWorld, withControllerPorts } from "./testing/a-controller.ts";
import { aDriverNode } from "./testing/a-driver-node.ts";

const never = new AbortController().signal;
const SILENT_MS = 60_000;

interface Situation {
  readonly isGoneInCache?: boolean;
  readonly presence?: NodePresence;
  readonly record?: Partial<WriterRecord>;
  readonly silentMs?: number;
}

/** Looks at node-a, whose Node is gone and whose plug-in is silent, but for what the situation says. */
async function lookAt(world: ReconcileWorld, { isGoneInCache = true, presence = "gone", record = {}, silentMs = SILENT_MS }: Situation): Promise<Reconciled> {
  await world.given("AzDriverNode", aDriverNode("node-a"));
  await world.given("AzDriverNode", aDriverNode("node-b"));
  await world.given("AzVolume", aVolumeWithRecord(record));
  // Others are heard meanwhile: silence is counted only then.
  for (let passedMs = 0; passedMs < silentMs; passedMs += 5_000) {
    await world.beat("node-b");
    await world.clock.advance(5_000);
  }
  const cluster = aCluster([]);
  cluster.presence.set("node-a", presence);
  const cachedNode: ReconcileWorld["ports"]["users"]["cachedNode"] = (nodeName) => ({
    ...world.ports.users.cachedNode(nodeName),
    isGone: nodeName === "node-a" && isGoneInCache,
  });
  const ports = { ...world.ports, clusterVolumes: cluster, users: { ...world.ports.users, cachedNode } };
  return world.answerOf(driverNodeReconciler(ports).reconcile("node-a", never));
}

describe("driverNodeReconciler", () => {
  it("deletes the AzDriverNode of a node that is gone from the cluster", () =>
    withControllerPorts(async (world) => {
      assert.deepEqual(await lookAt(world, {}), { ok: true, value: {} });
      assert.deepEqual(world.driverNodes(), ["node-b"]);
    }));

  const kept: readonly (Situation & { readonly because: string })[] = [
    { because: "the cluster has the node", isGoneInCache: false },
    { because: "the cluster has the node again, which the cache does not show yet", presence: "present" },
    { because: "nobody can tell", presence: "unknown" },
    { because: "it is a volume's writer", record: { writer: aWriter("node-a") } },
    { because: "it has not shown yet that it is clean", record: { foundInUse: true, unproven: [identity("node-a")] } },
    { because: "it was cut off from a volume", record: { quarantine: [identity("node-a")] } },
  ];
  for (const { because, ...situation } of kept) {
    it(`keeps it where ${because}`, () =>
      withControllerPorts(async (world) => {
        assert.deepEqual(await lookAt(world, situation), { ok: true, value: {} });
        assert.deepEqual(world.driverNodes(), ["node-a", "node-b"]);
      }));
  }

  it("does not mind that it once said it was clean", () =>
    withControllerPorts(async (world) => {
      await lookAt(world, { record: { foundInUse: true, clean: [identity("node-a")] } });
      assert.deepEqual(world.driverNodes(), ["node-b"]);
    }));

  it("leaves a plug-in alone that still beats, and looks again when it could be silent", () =>
    withControllerPorts(async (world) => {
      const looked = await lookAt(world, { silentMs: 5_000 });
      assert.ok(looked.ok && looked.value.againAfterMs !== undefined && looked.value.againAfterMs <= 35_000);
      assert.deepEqual(world.driverNodes(), ["node-a", "node-b"]);
    }));
});
