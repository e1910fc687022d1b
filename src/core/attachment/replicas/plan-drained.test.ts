import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  anAttachment,
  anObservedVolume,
  aNode,
  aPod,
  aReplica,
  aVolumeWithRecord,
  aWriter,
  identity,
  leaving,
} from "../../testing/objects.ts";
import {
  asked,
  deletes,
  failedAgo,
  planAgain,
  primary,
  pruneMs,
  writerOnA,
} from "../../testing/replica-plans.ts";
import type { ObservedVolume } from "../observed-volume.ts";
import { planReplicas } from "./plan-replicas.ts";

describe("planReplicas", () => {
  describe("of a replica on a node that is unschedulable", () => {
    const volume = aVolumeWithRecord(writerOnA, asked);
    const cordoned = aNode("node-b", { isUnschedulable: true });
    const nodes = [aNode("node-a"), cordoned, aNode("node-c"), aNode("node-d")];
    const attachments = [primary, aReplica("node-b"), aReplica("node-c")];
    const drained = (forMs: number, changed: Parameters<typeof anObservedVolume>[0] = {}): ObservedVolume =>
      anObservedVolume({
        volume,
        attachments,
        nodes,
        unschedulableMs: (nodeName) => (nodeName === "node-b" ? forMs : 0),
        ...changed,
      });
    const released = {
      ...deletes("node-b", "its node has been unschedulable for a while"),
      onlyWhile: { kind: "Unschedulable", nodeName: "node-b" },
    };

    it("releases it after a while, and places another one", () => {
      assert.deepEqual(planReplicas(drained(20_000)), [planAgain(10_000)]);
      assert.deepEqual(planReplicas(drained(30_000)), [released]);
      const left = [primary, leaving(aReplica("node-b")), aReplica("node-c")];
      assert.deepEqual(planReplicas(drained(31_000, { attachments: left })), [], "its share is not free yet");
      assert.deepEqual(planReplicas(drained(40_000, { attachments: [primary, aReplica("node-c")] })), [
        { kind: "CreateReplica", nodeName: "node-d" },
      ]);
    });

    it("plans again when the first replica is due, not for a primary or a past time", () => {
      assert.deepEqual(planReplicas(drained(29_999)), [planAgain(1)]);
      const bothCordoned = [aNode("node-a"), cordoned, aNode("node-c", { isUnschedulable: true })];
      const unschedulableMs = (nodeName: string): number => (nodeName === "node-b" ? 25_000 : 20_000);
      assert.deepEqual(planReplicas(drained(0, { nodes: bothCordoned, unschedulableMs })), [
        planAgain(5_000),
      ]);
      const primaryCordoned = [aNode("node-a", { isUnschedulable: true }), aNode("node-b"), aNode("node-c")];
      assert.deepEqual(planReplicas(drained(0, { nodes: primaryCordoned, unschedulableMs })), []);
      const silent = [aNode("node-a", { heartbeatUnchangedMs: 35_000 }), ...nodes.slice(1)];
      for (const forMs of [30_000, 3_600_000])
        assert.deepEqual(planReplicas(drained(forMs, { nodes: silent })), []);
    });

    it("releases it also where no other node takes its place", () => {
      const few = { nodes: nodes.slice(0, 3) };
      assert.deepEqual(planReplicas(drained(30_000, few)), [released]);
      const [only, ...others] = planReplicas(
        drained(40_000, { ...few, attachments: [primary, aReplica("node-c")] }),
      );
      assert.deepEqual([only?.kind, others], ["ReplicasMissing", []]);
    });

    it("counts it no more when it deletes surplus replicas", () => {
      const surplus = [...attachments, aReplica("node-d")];
      assert.deepEqual(planReplicas(drained(30_000, { attachments: surplus })), [released]);
    });

    it("releases it though it was never attached", () => {
      const failed = [primary, aReplica("node-b", { status: failedAgo(pruneMs) }), aReplica("node-c")];
      assert.deepEqual(planReplicas(drained(30_000, { attachments: failed }))[0], released);
    });

    it("keeps it for a failover: before it, a person may make the node schedulable again", () => {
      const attaching = anAttachment("node-a", { status: { state: "Attaching" } });
      const rows: readonly ({ readonly because: string } & Parameters<typeof anObservedVolume>[0])[] = [
        {
          because: "the writer's heartbeat is stale",
          nodes: [aNode("node-a", { heartbeatUnchangedMs: 35_000 }), ...nodes.slice(1)],
        },
        { because: "a pod waits on another node", pods: () => [aPod()] },
        { because: "the primary is not attached", attachments: [attaching, ...attachments.slice(1)] },
        { because: "there is no primary", attachments: attachments.slice(1) },
        {
          because: "the writer is being fenced",
          volume: aVolumeWithRecord({ ...writerOnA, fencing: identity("node-a") }, asked),
        },
        {
          because: "the node is schedulable again",
          nodes: [aNode("node-a"), aNode("node-b"), aNode("node-c")],
        },
      ];
      for (const { because, ...changed } of rows)
        assert.deepEqual(
          planReplicas(drained(3_600_000, changed)).filter(({ kind }) => kind === "DeleteAttachment"),
          [],
          because,
        );
    });

    it("leaves the primary there to the drain", () =>
      assert.deepEqual(
        planReplicas(
          drained(3_600_000, {
            volume: aVolumeWithRecord({ writer: aWriter("node-b") }, asked),
            attachments: [anAttachment("node-b"), aReplica("node-a"), aReplica("node-c")],
          }),
        ),
        [],
      ));
  });
});
