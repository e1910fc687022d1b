import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ReplicaCondition } from "../../../core/attachment/replicas/replica-action.ts";
import { fail, ok } from "../../../core/failure/result.ts";
import {
  aReplica,
  attachmentName,
  aVolumeWithRecord,
  aWriter,
  identity,
} from "../../../core/testing/objects.ts";
import { aCluster } from "../../testing/a-cluster.ts";
import { type ReconcileWorld, withControllerPorts } from "../../testing/a-controller.ts";
import { checkPremise, type Premise } from "./check-premise.ts";

const never = new AbortController().signal;
const others = { kind: "OthersStay", nonReplicaNames: [], replicaNames: [] } as const;
const granted = aVolumeWithRecord({ writer: aWriter("node-a", { epoch: 4 }), epoch: 4 });

describe("checkPremise", () => {
  const rows: readonly {
    readonly because: string;
    readonly condition: ReplicaCondition | undefined;
    readonly volume?: typeof granted | undefined;
    readonly given?: (world: ReconcileWorld) => unknown;
    readonly premise: Premise;
  }[] = [
    { because: "the plan rests on nothing else", condition: undefined, premise: "holds" },
    {
      because: "the node is schedulable",
      condition: { kind: "Unschedulable", nodeName: "node-b" },
      premise: "planAgain",
    },
    {
      because: "the node is unschedulable",
      condition: { kind: "Unschedulable", nodeName: "node-b" },
      given: (world) => world.unschedulable.add("node-b"),
      premise: "holds",
    },
    {
      because: "the node is in service",
      condition: { kind: "OutOfService", nodeName: "node-b" },
      premise: "planAgain",
    },
    {
      because: "the node has no AzDriverNode",
      condition: { kind: "Unregistered", nodeName: "node-x" },
      premise: "holds",
    },
    {
      because: "the node is in quarantine",
      condition: { kind: "Quarantined", node: identity("node-b") },
      volume: aVolumeWithRecord({ quarantined: [identity("node-b")] }),
      premise: "holds",
    },
    {
      because: "the node has left quarantine",
      condition: { kind: "Quarantined", node: identity("node-b") },
      premise: "planAgain",
    },
    {
      because: "the volume is gone with its quarantine",
      condition: { kind: "Quarantined", node: identity("node-b") },
      volume: undefined,
      premise: "planAgain",
    },
    {
      because: "the volume was requested since",
      condition: { kind: "Unrequested", since: "2026-01-01T00:00:00Z" },
      premise: "overtaken",
    },
    {
      because: "the unrequested volume is gone",
      condition: { kind: "Unrequested", since: "2026-01-01T00:00:00Z" },
      volume: undefined,
      premise: "holds",
    },
    {
      because: "the grant stands",
      condition: { ...others, grant: { nodeName: "node-a", epoch: 4 } },
      premise: "holds",
    },
    {
      because: "another epoch was granted",
      condition: { ...others, grant: { nodeName: "node-a", epoch: 3 } },
      premise: "planAgain",
    },
    {
      because: "a counted replica is gone",
      condition: { ...others, replicaNames: [attachmentName("node-b")] },
      premise: "planAgain",
    },
    {
      because: "the counted replica stays",
      condition: { ...others, replicaNames: [attachmentName("node-b")] },
      given: (world) => world.given("AzVolumeAttachment", aReplica("node-b")),
      premise: "holds",
    },
    {
      because: "a non-replica has become a replica",
      condition: { ...others, nonReplicaNames: [attachmentName("node-b")] },
      given: (world) => world.given("AzVolumeAttachment", aReplica("node-b")),
      premise: "planAgain",
    },
  ];
  for (const { because, condition, given, premise, ...row } of rows)
    it(`answers ${premise} for ${condition?.kind ?? "no condition"}: ${because}`, () =>
      withControllerPorts(async (world) => {
        await given?.(world);
        const volume = "volume" in row ? row.volume : granted;
        const checking = checkPremise(world.ports, condition, async () => ok(volume), never);
        assert.deepEqual(await world.answerOf(checking), ok(premise));
      }));

  for (const presence of ["present", "unknown", "gone"] as const)
    it(`answers ${presence === "gone" ? "holds" : "planAgain"} for NodeGone: the node is ${presence}`, () =>
      withControllerPorts(async ({ ports }) => {
        const clusterVolumes = aCluster([]);
        clusterVolumes.presence.set("node-b", presence);
        const condition = { kind: "NodeGone", nodeName: "node-b" } as const;
        const premise = await checkPremise(
          { ...ports, clusterVolumes },
          condition,
          async () => ok(granted),
          never,
        );
        assert.deepEqual(premise, ok(presence === "gone" ? "holds" : "planAgain"));
      }));

  for (const condition of [
    others,
    { kind: "Quarantined", node: "node-b" },
    { kind: "Unrequested", since: "2026-01-01T00:00:00Z" },
  ] as const)
    it(`fails for ${condition.kind} where the volume cannot be read`, () =>
      withControllerPorts(async ({ ports }) => {
        const unread = fail({ kind: "StoreUnavailable", detail: "no leader" } as const);
        assert.deepEqual(await checkPremise(ports, condition, async () => unread, never), unread);
      }));
});
