import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AzVolumeAttachment } from "../../api/az-volume-attachment.ts";
import { placementUnknown } from "../../schedule/pod-rules.ts";
import {
  aNeighbour,
  aPlacement,
  aPod as aPodWithRules,
  aSpreadView,
  aTerm,
  zoneSpread,
} from "../../schedule/testing/placement.ts";
import {
  aDiskSpec,
  anAttachment,
  anObservedVolume,
  aNode,
  aPod,
  aReplica,
  aVolumeWithRecord,
  leaving,
} from "../../testing/objects.ts";
import { asked, creates, primary, tight, trims, writerOnA } from "../../testing/replica-plans.ts";
import type { ObservedVolume } from "../observed-volume.ts";
import { planReplicas } from "./plan-replicas.ts";

describe("planReplicas", () => {
  // Its own pod is kept apart from db-1, which has failed over to node-b.
  describe("of a replica on a node that the volume's pods stay off", () => {
    const apart = aPodWithRules({ podAntiAffinity: [aTerm()] });
    const on = (nodeName: string) => ({ "kubernetes.io/hostname": nodeName });
    const named = (nodeName: string, overrides = {}) =>
      aNode(nodeName, { labels: on(nodeName), ...overrides });
    const nodes = [named("node-a"), named("node-b"), named("node-c"), named("node-d")];
    const rivalOn = (nodeName: string) => [aNeighbour(nodeName, { nodeLabels: on(nodeName) })];
    const beside = (
      rivals: ReturnType<typeof rivalOn>,
      changed: Parameters<typeof anObservedVolume>[0] = {},
    ): ObservedVolume =>
      anObservedVolume({
        volume: aVolumeWithRecord(writerOnA, asked),
        attachments: [primary, aReplica("node-b"), aReplica("node-c")],
        nodes,
        placement: () => aPlacement({ pods: [apart], neighbours: rivals }),
        placementOn: (nodeName) =>
          aPlacement({
            pods: [apart],
            neighbours: rivals.filter(({ nodeLabels }) => nodeLabels["kubernetes.io/hostname"] === nodeName),
          }),
        ...changed,
      });
    const kept = "is kept apart from pod default/db-0 by anti-affinity to pod default/db-1";
    const moved = {
      ...trims("node-b", ["node-a"], ["node-c"], { nodeName: "node-a", epoch: 1 }),
      because: `its node ${kept}`,
    };

    it("replaces it on a node where they can run, and is content with that one", () => {
      assert.deepEqual(planReplicas(beside(rivalOn("node-b"))), [moved]);
      const left = [primary, leaving(aReplica("node-b")), aReplica("node-c")];
      assert.deepEqual(planReplicas(beside(rivalOn("node-b"), { attachments: left })), []);
      const gone = [primary, aReplica("node-c")];
      assert.deepEqual(planReplicas(beside(rivalOn("node-b"), { attachments: gone })), [creates("node-d")]);
      const replaced = [...gone, aReplica("node-d")];
      assert.deepEqual(planReplicas(beside(rivalOn("node-b"), { attachments: replaced })), []);
    });

    it("replaces the next one once the first one's replacement is attached", () => {
      const labels = { pool: "old" };
      const pods = [aPodWithRules({ nodeSelector: { pool: "new" } })];
      const planned = (...attachments: readonly AzVolumeAttachment[]) =>
        planReplicas(
          beside([], {
            attachments: [primary, ...attachments],
            nodes: [
              aNode("node-a"),
              ...["node-b", "node-c"].map((name) => aNode(name, { labels })),
              ...["node-d", "node-e", "node-f"].map((name) => aNode(name, { labels: { pool: "new" } })),
            ],
            placement: () => aPlacement({ pods }),
            placementOn: () => aPlacement({ pods }),
          }),
        );
      const because = "its node does not match the node selector of pod default/db-0: pool=new";
      const [b, c, d] = [aReplica("node-b"), aReplica("node-c"), aReplica("node-d")];
      assert.deepEqual(planned(b, c), [{ ...moved, because }]);
      assert.deepEqual(planned(leaving(b), c), []);
      assert.deepEqual(planned(c), [creates("node-d")]);
      assert.deepEqual(planned(c, aReplica("node-d", { status: { state: "Attaching" } })), []);
      const next = trims("node-c", ["node-a"], ["node-d"], { nodeName: "node-a", epoch: 1 });
      assert.deepEqual(planned(c, d), [{ ...next, because }]);
    });

    // Its replica was there before the other pods of the StatefulSet.
    it("replaces it where a spread constraint forbids its pod, and is then content", () => {
      const zones = { "node-a": "1", "node-b": "2", "node-c": "1", "node-d": "1", "node-e": "3" };
      const spreadView = aSpreadView(zones, ["node-b", "node-e"]);
      const placement = () => aPlacement({ pods: [aPodWithRules({ spread: [zoneSpread] })], spreadView });
      const planned = (...attachments: readonly AzVolumeAttachment[]) =>
        planReplicas(
          beside([], {
            attachments: [primary, ...attachments],
            nodes: spreadView.nodes.map(({ nodeName, labels }) => aNode(nodeName, { labels })),
            placement,
            placementOn: placement,
          }),
        );
      const because = "its node would have pod default/db-0 exceed maxSkew 1 of topology.kubernetes.io/zone";
      assert.deepEqual(planned(aReplica("node-b"), aReplica("node-c")), [{ ...moved, because }]);
      assert.deepEqual(planned(aReplica("node-c")), [creates("node-d")]);
      assert.deepEqual(planned(aReplica("node-c"), aReplica("node-d")), []);
    });

    it("deletes it first where one is too many", () =>
      assert.deepEqual(
        planReplicas(beside(rivalOn("node-c"), { volume: aVolumeWithRecord(writerOnA, tight) })),
        [trims("node-c", ["node-a"], ["node-b"])],
      ));

    it("keeps it where nothing better is known, or a failover is near", () => {
      const rows: readonly ({ readonly because: string } & Parameters<typeof anObservedVolume>[0])[] = [
        { because: "no other node", nodes: nodes.slice(0, 3) },
        {
          because: "the other one is full",
          nodes: [...nodes.slice(0, 3), named("node-d", { attachments: 8 })],
        },
        {
          because: "the other one is needed for a missing replica",
          attachments: [primary, aReplica("node-b"), leaving(aReplica("node-c"))],
        },
        {
          because: "the writer's heartbeat is stale",
          nodes: [named("node-a", { heartbeatUnchangedMs: 35_000 }), ...nodes.slice(1)],
        },
        { because: "a pod waits on another node", pods: () => [aPod()] },
        {
          because: "the primary is not attached",
          attachments: [
            anAttachment("node-a", { status: { state: "Attaching" } }),
            aReplica("node-b"),
            aReplica("node-c"),
          ],
        },
        {
          because: "of two others one is not attached",
          volume: aVolumeWithRecord(writerOnA, {
            disk: aDiskSpec({ maxShares: 4 }),
            maxMountReplicaCount: 3,
          }),
          nodes: [...nodes, named("node-e")],
          attachments: [
            primary,
            aReplica("node-b"),
            aReplica("node-c"),
            aReplica("node-d", { status: { state: "Attaching" } }),
          ],
        },
        { because: "there is no primary", attachments: [aReplica("node-b"), aReplica("node-c")] },
        { because: "the pods are still being listed", placementOn: () => placementUnknown },
      ];
      for (const { because, ...changed } of rows)
        assert.deepEqual(
          planReplicas(beside(rivalOn("node-b"), changed)).filter(({ kind }) => kind === "DeleteAttachment"),
          [],
          because,
        );
      const rivals = [...rivalOn("node-b"), ...rivalOn("node-d")];
      assert.deepEqual(planReplicas(beside(rivals)), [], "a rival is on the other one");
    });
  });
});
