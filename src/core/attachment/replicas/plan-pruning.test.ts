import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AzVolume } from "../../api/az-volume.ts";
import type { VolumePod } from "../../schedule/volume-pod.ts";
import {
  agoMs,
  anAttachment,
  anObservedVolume,
  aPod,
  aRecord,
  aReplica,
  aVolume,
  aWriter,
  identity,
} from "../../testing/objects.ts";
import type { RecordChanges } from "../../testing/record-lists.ts";
import {
  asked,
  creates,
  deletes,
  fencedFrom,
  planAgain,
  pruneMs,
  type ReplicaPlan,
} from "../../testing/replica-plans.ts";
import { planReplicas } from "./plan-replicas.ts";
import type { ReplicaAction } from "./replica-action.ts";

const unrequestedFor = (ms: number): AzVolume => aVolume({ status: { unrequestedSince: agoMs(ms) } });
const prunes = (nodeName: string, ms: number): ReplicaAction => ({
  ...deletes(nodeName, "the volume has not been requested for a while"),
  onlyWhile: { kind: "Unrequested", since: agoMs(ms) },
});

function checkPlans(rows: readonly ReplicaPlan[]): void {
  for (const { because, observed, plan } of rows) assert.deepEqual(planReplicas(observed), plan, because);
}

describe("planReplicas for an unrequested volume", () => {
  it("prunes replicas once the volume has been unrequested for a while", () => {
    const replicas = [aReplica("node-a"), aReplica("node-b")];
    checkPlans([
      {
        because: "due",
        observed: anObservedVolume({ volume: unrequestedFor(pruneMs), attachments: replicas }),
        plan: [prunes("node-a", pruneMs), prunes("node-b", pruneMs)],
      },
      {
        because: "due, but the pods are still being listed",
        observed: anObservedVolume({
          volume: unrequestedFor(pruneMs),
          attachments: replicas,
          pods: () => undefined,
        }),
        plan: [planAgain(1_000)],
      },
      {
        because: "not yet",
        observed: anObservedVolume({ volume: unrequestedFor(pruneMs - 5_000), attachments: replicas }),
        plan: [{ kind: "Requeue", afterMs: 5_000 }],
      },
      {
        because: "not for another millisecond",
        observed: anObservedVolume({ volume: unrequestedFor(pruneMs - 1), attachments: replicas }),
        plan: [{ kind: "Requeue", afterMs: 1 }],
      },
      {
        because: "due, and one of them is on a node that was fenced",
        observed: anObservedVolume({
          volume: aVolume({
            status: {
              unrequestedSince: agoMs(pruneMs),
              record: aRecord({ quarantined: [identity("node-a")] }),
            },
          }),
          attachments: replicas,
        }),
        plan: [fencedFrom("node-a"), prunes("node-b", pruneMs)],
      },
      {
        because: "a request is there again",
        observed: anObservedVolume({
          volume: unrequestedFor(pruneMs),
          attachments: [aReplica("node-a"), anAttachment("node-b")],
        }),
        plan: [creates("node-c")],
      },
      {
        because: "the volume has no time: its objects were recreated, or its request has just ended",
        observed: anObservedVolume({ attachments: replicas }),
        plan: [],
      },
      {
        because: "it has no time, and the pods are still being listed: no plan waits for them",
        observed: anObservedVolume({ attachments: replicas, pods: () => undefined }),
        plan: [],
      },
    ]);
  });

  // The fence deletes the dead writer's attachment.
  it("prunes no replica during a failover, however old the replicas are", () => {
    const old = { metadata: { creationTimestamp: agoMs(pruneMs * 2) } };
    const replicas = [aReplica("node-b", old), aReplica("node-c", old)];
    const dead = identity("node-a");
    const rows: readonly {
      readonly because: string;
      readonly record: RecordChanges;
      readonly pods?: readonly VolumePod[];
    }[] = [
      { because: "the writer is recalled", record: { writer: aWriter("node-a", { requested: false }) } },
      {
        because: "the writer is being fenced",
        record: { writer: aWriter("node-a", { requested: false }), fencing: dead },
      },
      { because: "an unverified node is being fenced", record: { unverified: [dead], fencing: dead } },
      {
        because: "the fence has ended, and a pod waits",
        record: { quarantined: [dead] },
        pods: [aPod({ nodeName: "" })],
      },
      {
        because: "the fence has ended, and a pod was bound",
        record: { quarantined: [dead] },
        pods: [aPod({ nodeName: "node-b" })],
      },
    ];
    for (const { because, record, pods = [] } of rows) {
      const volume = aVolume({
        spec: asked,
        status: { record: aRecord(record), unrequestedSince: agoMs(pruneMs * 2) },
      });
      assert.deepEqual(
        planReplicas(anObservedVolume({ volume, attachments: replicas, pods: () => pods })),
        [],
        because,
      );
    }
  });
});
