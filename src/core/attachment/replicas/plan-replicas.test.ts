import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AzVolume } from "../../api/az-volume.ts";
import type { VolumePod } from "../../schedule/volume-pod.ts";
import {
  agoMs,
  anAttachment,
  anObservedVolume,
  aNode,
  aPod,
  aRecord,
  aReplica,
  aVolume,
  aVolumeWithRecord,
  aWriter,
  identity,
  unchangedFor,
} from "../../testing/objects.ts";
import type { RecordChanges } from "../../testing/record-lists.ts";
import {
  asked,
  creates,
  deletes,
  failed,
  failedAgo,
  primary,
  pruneMs,
  type ReplicaPlan,
  severalWriters,
  tight,
  writerOnA,
} from "../../testing/replica-plans.ts";
import type { ObservedVolume } from "../observed-volume.ts";
import { planReplicas } from "./plan-replicas.ts";

const triedAgain = "every try failed a while ago, and another may not";

function checkPlans(rows: readonly ReplicaPlan[]): void {
  for (const { because, observed, plan } of rows) assert.deepEqual(planReplicas(observed), plan, because);
}

describe("planReplicas", () => {
  it("plans nothing where everything is as requested", () => {
    checkPlans([
      {
        because: "primary and two replicas",
        observed: anObservedVolume({ attachments: [primary, aReplica("node-b"), aReplica("node-c")] }),
        plan: [],
      },
      { because: "nothing uses it", observed: anObservedVolume(), plan: [] },
      {
        because: "no replicas requested",
        observed: anObservedVolume({
          volume: aVolume({ spec: { maxMountReplicaCount: 0 } }),
          attachments: [primary],
        }),
        plan: [],
      },
      {
        because: "the primary comes first",
        observed: anObservedVolume({
          attachments: [anAttachment("node-a", { status: { state: "Attaching" } })],
        }),
        plan: [],
      },
    ]);
  });

  it("makes an attachment for a writer that has the disk under an earlier name", () => {
    const { vmId, instanceUri } = identity("node-a");
    const ofEarlierName = anAttachment("node-z", { status: { vmId, instanceUri } });
    const volume = (writer: Parameters<typeof aWriter>[1]): AzVolume =>
      aVolumeWithRecord({ writer: aWriter("node-a", writer) }, { maxMountReplicaCount: 0 });
    checkPlans([
      {
        because: "without one it finds no device, and can't be recalled",
        observed: anObservedVolume({ volume: volume({}), attachments: [ofEarlierName] }),
        plan: [{ kind: "CreateReplica", nodeName: "node-a" }],
      },
      {
        because: "it has one",
        observed: anObservedVolume({ volume: volume({}), attachments: [ofEarlierName, primary] }),
        plan: [],
      },
      {
        because: "it has released the volume",
        observed: anObservedVolume({ volume: volume({ held: false }), attachments: [ofEarlierName] }),
        plan: [],
      },
      {
        because: "the disk is on another VM",
        observed: anObservedVolume({ volume: volume({}), attachments: [anAttachment("node-z")] }),
        plan: [],
      },
    ]);
  });

  it("never deletes a writer's, a requested or an unverified attachment", () => {
    const old = { metadata: { creationTimestamp: agoMs(pruneMs * 2) } };
    const since = { unrequestedSince: agoMs(pruneMs * 2) };
    checkPlans([
      {
        because: "unpublished, and not released yet",
        observed: anObservedVolume({
          volume: aVolume({
            status: { ...since, record: aRecord({ writer: aWriter("node-a", { requested: false }) }) },
          }),
          attachments: [aReplica("node-a", old)],
        }),
        plan: [],
      },
      {
        because: "unverified",
        observed: anObservedVolume({
          volume: aVolume({ status: { ...since, record: aRecord({ unverified: [identity("node-a")] }) } }),
          attachments: [aReplica("node-a", old)],
        }),
        plan: [],
      },
      {
        because: "published, and its request has ended",
        observed: anObservedVolume({
          volume: aVolume({ spec: { maxMountReplicaCount: 0 } }),
          attachments: [{ ...primary, spec: { ...aReplica("node-a").spec, role: "Primary" } }],
        }),
        plan: [],
      },
      {
        because: "it requests to write",
        observed: anObservedVolume({
          attachments: [aReplica("node-a", { spec: { writerRequest: { since: agoMs(1) } } })],
        }),
        plan: [],
      },
      {
        because: "even if the volume is being deleted",
        observed: anObservedVolume({
          volume: aVolumeWithRecord(writerOnA, { deleteRequested: true }),
          attachments: [aReplica("node-a")],
        }),
        plan: [],
      },
      {
        because: "even unverified, if the volume is being deleted",
        observed: anObservedVolume({
          volume: aVolumeWithRecord({ unverified: [identity("node-a")] }, { deleteRequested: true }),
          attachments: [primary],
        }),
        plan: [],
      },
    ]);
  });

  it("deletes the replicas of a volume that is to have none", () => {
    checkPlans([
      {
        because: "no replicas are requested any more, and one of the nodes requests to write",
        observed: anObservedVolume({
          volume: aVolume({ spec: { maxMountReplicaCount: 0 } }),
          attachments: [
            aReplica("node-a", { spec: { writerRequest: { since: agoMs(1) } } }),
            aReplica("node-b"),
          ],
        }),
        plan: [deletes("node-b", "no replicas are asked for")],
      },
      {
        because: "being deleted",
        observed: anObservedVolume({
          volume: aVolume({ spec: { deleteRequested: true } }),
          attachments: [aReplica("node-b")],
        }),
        plan: [deletes("node-b", "the volume is being deleted")],
      },
      {
        because: "being deleted, and a node has stated its request while the mark was written",
        observed: anObservedVolume({
          volume: aVolume({ spec: { deleteRequested: true } }),
          attachments: [primary, aReplica("node-b")],
        }),
        plan: [
          deletes("node-a", "the volume is being deleted"),
          deletes("node-b", "the volume is being deleted"),
        ],
      },
      {
        because: "a shared disk grows",
        observed: anObservedVolume({
          volume: aVolume({ status: { state: "Updating" } }),
          attachments: [aReplica("node-b")],
        }),
        plan: [deletes("node-b", "the disk grows only while no VM has it")],
      },
    ]);
  });

  it("keeps the replicas of a requested volume while its shared disk is to grow", () => {
    const dead = identity("node-a");
    const rows: readonly { readonly record: RecordChanges; readonly pods?: readonly VolumePod[] }[] = [
      { record: { quarantined: [dead] }, pods: [aPod({ nodeName: "" })] },
      { record: { writer: aWriter("node-a", { requested: false }), fencing: dead } },
      { record: { unverified: [dead] } },
    ];
    for (const { record, pods = [] } of rows) {
      const volume = aVolume({ status: { state: "Updating", record: aRecord(record) } });
      const observed = anObservedVolume({
        volume,
        attachments: [aReplica("node-b"), aReplica("node-c")],
        pods: () => pods,
      });
      assert.deepEqual(planReplicas(observed), [], JSON.stringify(record));
    }
  });

  it("deletes replicas for the growth of a shared disk of several unused writers", () => {
    const volume = severalWriters(asked);
    const growing: AzVolume = {
      ...volume,
      status: { ...(volume.status ?? assert.fail()), state: "Updating" },
    };
    assert.deepEqual(planReplicas(anObservedVolume({ volume: growing, attachments: [aReplica("node-b")] })), [
      deletes("node-b", "the disk grows only while no VM has it"),
    ]);
  });

  // It serves until it is rebuilt.
  it("plans as before where the AzVolume was deleted by hand", () => {
    const metadata = { deletionTimestamp: agoMs(10) };
    const fenced = { quarantined: [identity("node-a")] };
    const fencing = { writer: aWriter("node-a", { requested: false }), fencing: identity("node-a") };
    const replicas = [aReplica("node-b"), aReplica("node-c")];
    const rows = [
      { because: "the fence has ended, and a pod waits", record: fenced, attachments: replicas },
      {
        because: "the pod's own request is stated",
        record: fenced,
        attachments: [anAttachment("node-b"), aReplica("node-c")],
      },
      { because: "the writer is being fenced", record: fencing, attachments: replicas },
      { because: "a healthy node writes", record: writerOnA, attachments: [primary, ...replicas] },
      { because: "a replica is missing", record: writerOnA, attachments: [primary, aReplica("node-b")] },
      {
        because: "a primary needs a share",
        record: fenced,
        attachments: [...replicas, aReplica("node-d"), anAttachment("node-e", { status: undefined })],
      },
    ];
    for (const { because, record, attachments } of rows) {
      const planned = (overrides: Parameters<typeof aVolume>[0]): ReturnType<typeof planReplicas> =>
        planReplicas(
          anObservedVolume({
            volume: aVolume({ ...overrides, status: { record: aRecord(record) } }),
            attachments,
            pods: () => [aPod()],
          }),
        );
      assert.deepEqual(planned({ metadata }), planned({}), because);
    }
  });

  it("chooses another node after the last attempt, also without a free share", () => {
    const volume = aVolume({ spec: tight });
    checkPlans([
      {
        because: "a replica that never attached holds no share",
        observed: anObservedVolume({
          volume,
          attachments: [primary, aReplica("node-b", { status: failed })],
        }),
        plan: [creates("node-c")],
      },
      {
        because: "it stays beside its replacement, so that its node is not tried again at once",
        observed: anObservedVolume({
          volume,
          attachments: [
            primary,
            aReplica("node-b", { status: failed }),
            aReplica("node-c", { status: undefined }),
          ],
        }),
        plan: [],
      },
      {
        because: "after a while it goes",
        observed: anObservedVolume({
          volume,
          attachments: [primary, aReplica("node-b", { status: failedAgo(pruneMs) }), aReplica("node-c")],
        }),
        plan: [deletes("node-b", triedAgain)],
      },
      {
        because: "it may still attach",
        observed: anObservedVolume({
          volume,
          attachments: [
            primary,
            aReplica("node-b", { status: { ...failed, error: { ...failed.error, retries: 2 } } }),
          ],
        }),
        plan: [],
      },
      {
        because: "it may still attach, however long ago the last attempt failed",
        observed: anObservedVolume({
          volume,
          attachments: [
            primary,
            aReplica("node-b", {
              status: { ...failed, error: { ...failed.error, retries: 2, time: agoMs(pruneMs) } },
            }),
          ],
        }),
        plan: [],
      },
    ]);
  });

  // The disk may be the cause.
  it("does not cycle through all nodes where each refuses", () => {
    const observed = anObservedVolume({
      volume: aVolume({ spec: tight }),
      attachments: [primary, aReplica("node-b", { status: failed }), aReplica("node-c", { status: failed })],
      nodes: [aNode("node-a"), aNode("node-b"), aNode("node-c")],
    });
    assert.deepEqual(
      planReplicas(observed).map(({ kind }) => kind),
      ["ReplicasMissing"],
    );
  });

  // Its node can be tried again: the cause may be over.
  it("deletes a replica whose every attempt failed after a while", () => {
    const replica = (ms: number, unchangedMs = 1_000): ObservedVolume =>
      anObservedVolume({
        volume: aVolumeWithRecord(writerOnA, tight),
        attachments: [primary, unchangedFor(unchangedMs, aReplica("node-b", { status: failedAgo(ms) }))],
        nodes: [aNode("node-a"), aNode("node-b")],
      });
    assert.deepEqual(
      planReplicas(replica(pruneMs - 1)).map(({ kind }) => kind),
      ["ReplicasMissing"],
    );
    assert.deepEqual(planReplicas(replica(pruneMs))[0], deletes("node-b", triedAgain));
    assert.deepEqual(
      planReplicas(replica(-3_600_000, pruneMs))[0],
      deletes("node-b", triedAgain),
      "the clock was set back by an hour since",
    );
  });

  it("measures how long the failed replica itself has not changed", () => {
    const attachments = [
      unchangedFor(pruneMs, primary),
      unchangedFor(1_000, aReplica("node-b", { status: failedAgo(1_000) })),
    ];
    const observed = anObservedVolume({
      volume: aVolumeWithRecord(writerOnA, tight),
      attachments,
      nodes: [aNode("node-a"), aNode("node-b")],
    });
    assert.deepEqual(
      planReplicas(observed).map(({ kind }) => kind),
      ["ReplicasMissing"],
    );
  });
});
