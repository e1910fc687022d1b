import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AzVolumeAttachment } from "../../api/az-volume-attachment.ts";
import type { AzVolume } from "../../api/az-volume.ts";
import type { NodeKey } from "../../api/identity/node-identity.ts";
import { attachmentObjectName } from "../../api/object-names.ts";
import { placementUnknown } from "../../schedule/pod-rules.ts";
import { aNeighbour, aPod as aPodWithRules, aTerm } from "../../schedule/testing/placement.ts";
import type { VolumePod } from "../../schedule/volume-pod.ts";
import {
  aDiskSpec,
  agoMs,
  anAttachment,
  anObservedVolume,
  aNode,
  aPod,
  aRecord,
  aReplica,
  attachmentName,
  aVolume,
  aVolumeWithRecord,
  aWriter,
  diskUri,
  identity,
  leaving,
  unchangedFor,
} from "../../testing/objects.ts";
import { type RecordChanges } from "../../testing/record-lists.ts";
import type { ObservedNode, ObservedVolume } from "../observed-volume.ts";
import { planReplicas } from "./plan-replicas.ts";
import type { ReplicaAction } from "./replica-action.ts";

const pruneMs = 300_000;
const asked = { disk: aDiskSpec(), maxMountReplicaCount: 2 };
const tight = { disk: aDiskSpec({ maxShares: 2 }), maxMountReplicaCount: 1 };
const writerOnA = { writer: aWriter("node-a") };
const primary = anAttachment("node-a");
const failed = {
  state: "AttachmentFailed",
  error: { kind: "CloudRejected", message: "", failure: "{}", time: agoMs(0), retries: 3 },
} as const;

function deletes(nodeName: string, because: string): Extract<ReplicaAction, { kind: "DeleteAttachment" }> {
  return { kind: "DeleteAttachment", attachmentName: attachmentName(nodeName), because };
}
const creates = (nodeName: string): ReplicaAction => ({ kind: "CreateReplica", nodeName });
const failedAgo = (ms: number) => ({ ...failed, error: { ...failed.error, time: agoMs(ms) } });
const triedAgain = "every try failed a while ago, and another may not";
const outOfService = "its node is out of service";
const fencedFrom = (
  nodeName: string,
  node: NodeKey | string = { nodeName, vmId: identity(nodeName).vmId },
): ReplicaAction => ({
  ...deletes(nodeName, "its node is fenced from the disk"),
  onlyWhile: { kind: "Quarantined", node },
});
/**
 * The deletion of a surplus replica: only while the attachments on those nodes stay, `others` are no
 * replicas, and the grant, if any, stands.
 */
const trims = (
  nodeName: string,
  others: readonly string[],
  replicas: readonly string[] = [],
  grant?: { readonly nodeName: string; readonly epoch: number },
): ReplicaAction => ({
  ...deletes(nodeName, "it is more than requested, or a primary needs its share"),
  onlyWhile: {
    kind: "OthersStay",
    nonReplicaNames: others.map((other) => attachmentName(other)),
    replicaNames: replicas.map((other) => attachmentName(other)),
    ...(grant === undefined ? {} : { grant }),
  },
});
const planAgain = (afterMs: number): ReplicaAction => ({ kind: "Requeue", afterMs });
const unrequestedFor = (ms: number): AzVolume => aVolume({ status: { unrequestedSince: agoMs(ms) } });
const prunes = (nodeName: string, ms: number): ReplicaAction => ({
  kind: "DeleteAttachment",
  attachmentName: attachmentName(nodeName),
  because: "the volume has not been requested for a while",
  onlyWhile: { kind: "Unrequested", since: agoMs(ms) },
});

/** A volume without a writer record: several nodes may write. */
function severalWriters(spec: Partial<AzVolume["spec"]>): AzVolume {
  const { record: _, ...status } = aVolume({ spec }).status ?? {
    state: "Created",
    observedGeneration: 1,
    conditions: [],
  };
  return {
    ...aVolume({
      spec: { ...spec, capabilities: [{ accessMode: "MULTI_NODE_MULTI_WRITER", accessType: "block" }] },
    }),
    status,
  };
}

interface Row {
  readonly because: string;
  readonly observed: ObservedVolume;
  readonly plan: readonly ReplicaAction[];
}

function check(rows: readonly Row[]): void {
  for (const { because, observed, plan } of rows) assert.deepEqual(planReplicas(observed), plan, because);
}

describe("planReplicas", () => {
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

  it("deletes the replica of a gone node once, whatever else holds", () => {
    const nodes = [aNode("node-a", { isGone: true }), aNode("node-b")];
    const names = (record: RecordChanges): readonly string[] => {
      const volume = aVolume({ status: { unrequestedSince: agoMs(pruneMs), record: aRecord(record) } });
      return planReplicas(
        anObservedVolume({ volume, attachments: [aReplica("node-a"), aReplica("node-b")], nodes }),
      ).flatMap((action) => (action.kind === "DeleteAttachment" ? action.attachmentName : []));
    };
    for (const record of [{}, { quarantined: [identity("node-a")] }])
      assert.deepEqual(
        names(record).toSorted(),
        [attachmentName("node-a"), attachmentName("node-b")].toSorted(),
      );
  });

  it("keeps a replica on a VM whose node name belonged to a fenced VM", () => {
    const earlier = { ...identity("node-b"), vmId: "older" };
    const volume = aVolumeWithRecord({ ...writerOnA, quarantined: [earlier] }, tight);
    const attachments = [primary, aReplica("node-b")];
    check([
      { because: "it was another VM", observed: anObservedVolume({ volume, attachments }), plan: [] },
      {
        because: "no AzDriverNode says which VM it is, but the attachment does",
        observed: anObservedVolume({ volume, attachments, nodes: [aNode("node-a")] }),
        plan: [planAgain(60_000)],
      },
      {
        because: "its disk was never attached, and the AzDriverNode says which VM it is",
        observed: anObservedVolume({
          volume,
          attachments: [primary, aReplica("node-b", { status: undefined })],
        }),
        plan: [],
      },
      {
        because: "neither says which VM it is",
        observed: anObservedVolume({
          volume,
          attachments: [primary, aReplica("node-b", { status: undefined })],
          nodes: [aNode("node-a")],
        }),
        plan: [fencedFrom("node-b", "node-b")],
      },
      {
        because: "neither says which VM it is, and another node is fenced",
        observed: anObservedVolume({
          volume: aVolumeWithRecord({ ...writerOnA, quarantined: [identity("node-c")] }, tight),
          attachments: [primary, aReplica("node-b", { status: undefined })],
          nodes: [aNode("node-a")],
        }),
        plan: [planAgain(60_000)],
      },
      {
        because: "it is this very VM, in another case",
        observed: anObservedVolume({
          volume: aVolumeWithRecord(
            { ...writerOnA, quarantined: [{ ...earlier, vmId: identity("node-b").vmId.toUpperCase() }] },
            tight,
          ),
          attachments,
        }),
        plan: [fencedFrom("node-b")],
      },
    ]);
  });

  it("plans nothing where everything is as requested", () => {
    check([
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

  it("places as many replicas as requested once the primary is served", () => {
    check([
      {
        because: "none yet",
        observed: anObservedVolume({ attachments: [primary] }),
        plan: [creates("node-b"), creates("node-c")],
      },
      {
        because: "one more",
        observed: anObservedVolume({ attachments: [primary, aReplica("node-b")] }),
        plan: [creates("node-c")],
      },
      {
        because: "no node is left, and the event says why",
        observed: anObservedVolume({
          attachments: [primary],
          nodes: [aNode("node-a"), aNode("node-b", { isReady: false })],
        }),
        plan: [
          {
            kind: "ReplicasMissing",
            missing: 2,
            rejected: [
              { nodeName: "node-a", because: "has an attachment already" },
              { nodeName: "node-b", because: "its node plug-in is not ready" },
            ],
          },
        ],
      },
      {
        because: "a deleting attachment holds its share until Azure has detached the disk",
        observed: anObservedVolume({
          volume: aVolume({ spec: tight }),
          attachments: [primary, leaving(aReplica("node-b"))],
          nodes: [aNode("node-a"), aNode("node-b"), aNode("node-c")],
        }),
        plan: [],
      },
      {
        because: "a deleting attachment whose every attempt failed may hold a share after all",
        observed: anObservedVolume({
          volume: aVolume({ spec: tight }),
          attachments: [primary, leaving(aReplica("node-b", { status: failed }))],
          nodes: [aNode("node-a"), aNode("node-b"), aNode("node-c")],
        }),
        plan: [],
      },
      {
        because: "a share becomes free soon, and a failed replica does not take it",
        observed: anObservedVolume({
          volume: aVolume({ spec: tight }),
          attachments: [primary, aReplica("node-b", { status: failed }), leaving(aReplica("node-c"))],
        }),
        plan: [],
      },
      {
        because: "the writer before, whose VM is gone, may hold a share: a replica would be surplus at once",
        observed: anObservedVolume({
          volume: aVolumeWithRecord({ writer: aWriter("node-b", { requested: false }) }, tight),
          attachments: [primary, aReplica("node-b", { status: failed })],
          nodes: [aNode("node-a"), aNode("node-c")],
        }),
        plan: [{ kind: "ReplicasMissing", missing: 1, rejected: [] }],
      },
      {
        because: "of two primaries one is not served yet",
        observed: anObservedVolume({
          volume: aVolume({ spec: { disk: aDiskSpec({ maxShares: 4 }), maxMountReplicaCount: 2 } }),
          attachments: [primary, anAttachment("node-b", { status: { state: "Attaching" } })],
        }),
        plan: [],
      },
      {
        because: "a shared disk grows",
        observed: anObservedVolume({
          volume: aVolume({ status: { state: "Updating" } }),
          attachments: [primary],
        }),
        plan: [],
      },
      {
        because: "a second primary has the last share for good",
        observed: anObservedVolume({
          volume: aVolume({ spec: tight }),
          attachments: [primary, anAttachment("node-b")],
          nodes: [aNode("node-a"), aNode("node-b")],
        }),
        plan: [{ kind: "ReplicasMissing", missing: 1, rejected: [] }],
      },
    ]);
  });

  it("does not look through the pods of the cluster where no replica is missing", () => {
    const placement = (): never => assert.fail("asked where the pods could run");
    const companionCounts = (): never => assert.fail("asked for other volumes where no replica is surplus");
    for (const replicas of [
      ["node-b", "node-c"],
      ["node-b", "node-c", "node-d"],
    ]) {
      const attachments = [primary, ...replicas.map((nodeName) => aReplica(nodeName))];
      const spec = { disk: aDiskSpec({ maxShares: 4 }), maxMountReplicaCount: 2 };
      const volume = aVolumeWithRecord(writerOnA, spec);
      assert.equal(
        planReplicas(
          anObservedVolume({
            volume,
            attachments,
            placement,
            ...(replicas.length === 2 && { companionCounts }),
          }),
        ).length,
        replicas.length - 2,
      );
    }
  });

  it("chooses another node after the last attempt, also without a free share", () => {
    const volume = aVolume({ spec: tight });
    check([
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

  // The next pod may need any of them.
  // The names of attachments end in hashes: "node-" may come before or after "node-2".
  it("keeps the surplus replicas of a pod's volumes on the same node if all are alike", () => {
    const nodes = ["node", "node-2", "node-c"].map((name) => aNode(name));
    const deletedFor = (at: number): readonly string[] => {
      const inAzure = diskUri.replace("pvc-1", `pvc-${at}`);
      const attachments = [anAttachment("node-c"), aReplica("node"), aReplica("node-2")].map((attachment) => {
        const name = attachmentObjectName({ diskUri: inAzure, nodeName: attachment.spec.nodeName });
        return { ...attachment, metadata: { ...attachment.metadata, name } };
      });
      const observed = anObservedVolume({
        volume: aVolumeWithRecord({ writer: aWriter("node-c") }, { maxMountReplicaCount: 1 }),
        nodes,
        // As the cache lists them.
        attachments: attachments.toSorted((left, right) =>
          left.metadata.name < right.metadata.name ? -1 : 1,
        ),
      });
      const deleted = new Set(
        planReplicas(observed).map((action) => action.kind === "DeleteAttachment" && action.attachmentName),
      );
      return attachments.flatMap(({ metadata, spec }) => (deleted.has(metadata.name) ? spec.nodeName : []));
    };
    for (let at = 0; at < 16; at++) assert.deepEqual(deletedFor(at), ["node"], `pvc-${at}`);
  });

  describe("of a surplus replica while an attached primary may come from a backup", () => {
    const spec = { maxMountReplicaCount: 1 };
    const planned = (volume: AzVolume, place = anAttachment("node-c")): readonly ReplicaAction[] =>
      planReplicas(
        anObservedVolume({ volume, attachments: [aReplica("node-a"), aReplica("node-b"), place] }),
      );
    const rows: readonly { readonly because: string; readonly volume: AzVolume }[] = [
      { because: "the volume is granted to no node", volume: aVolumeWithRecord({}, spec) },
      {
        because: "the writer's node requests the volume no longer",
        volume: aVolumeWithRecord({ writer: aWriter("node-c", { requested: false }) }, spec),
      },
      {
        because: "a node is being fenced",
        volume: aVolumeWithRecord({ writer: aWriter("node-c"), fencing: identity("node-d") }, spec),
      },
      {
        because: "the record is being rebuilt",
        volume: { ...severalWriters(spec), spec: aVolume({ spec }).spec },
      },
    ];
    for (const { because, volume } of rows)
      it(`keeps it: ${because}`, () => assert.deepEqual(planned(volume), []));

    it("keeps it: the primary requests nothing", () => {
      const unrequested = anAttachment("node-c", { spec: { writerRequest: undefined } });
      assert.deepEqual(planned(aVolumeWithRecord({}, spec), unrequested), []);
    });
  });

  it("deletes surplus replicas, least useful first, and no more than needed", () => {
    const moving = anAttachment("node-c", { status: undefined });
    const fourReplicas = ["node-a", "node-b", "node-d", "node-e"].map((nodeName) => aReplica(nodeName));
    check([
      {
        because: "the new primary needs a share: the replica on the node that is not ready is deleted",
        observed: anObservedVolume({
          volume: aVolume({ spec: tight }),
          attachments: [aReplica("node-a"), aReplica("node-b"), moving],
          nodes: [aNode("node-a"), aNode("node-b", { isReady: false }), aNode("node-c")],
        }),
        plan: [trims("node-b", ["node-c"], ["node-a"])],
      },
      {
        because: "the unfit replica's share is enough for the primary: the other one stays",
        observed: anObservedVolume({
          volume: aVolumeWithRecord({ quarantined: [identity("node-b")] }, tight),
          attachments: [aReplica("node-a"), aReplica("node-b"), moving],
        }),
        plan: [fencedFrom("node-b")],
      },
      {
        because: "two of three replicas are surplus; an unfit or failed one is not counted",
        observed: anObservedVolume({
          volume: aVolumeWithRecord({ quarantined: [identity("node-e")] }, tight),
          attachments: [...fourReplicas, aReplica("node-f", { status: failed }), moving],
        }),
        plan: [
          fencedFrom("node-e"),
          trims("node-a", ["node-c"], ["node-d"]),
          trims("node-b", ["node-c"], ["node-d"]),
        ],
      },
      {
        because: "a replica whose every attempt failed has no share that the primary would lack",
        observed: anObservedVolume({
          volume: aVolume({ spec: tight }),
          attachments: [aReplica("node-a", { status: failed }), aReplica("node-b"), moving],
        }),
        plan: [],
      },
      {
        because:
          "one that requests the volume, or is unverified, keeps its share though its every attempt failed",
        observed: anObservedVolume({
          volume: aVolumeWithRecord({ unverified: [identity("node-a")] }),
          attachments: [
            aReplica("node-a", { status: failed }),
            aReplica("node-b"),
            moving,
            aReplica("node-d"),
          ],
        }),
        plan: [trims("node-b", ["node-a", "node-c"], ["node-d"])],
      },
      {
        because: "its share is on its way to the primary: the other replica stays",
        observed: anObservedVolume({
          volume: aVolume({ spec: tight }),
          attachments: [aReplica("node-a"), leaving(aReplica("node-b")), moving],
        }),
        plan: [],
      },
      {
        because: "until the primary is served, the writer before last stays if it can have a share",
        observed: anObservedVolume({
          volume: aVolume({ spec: { maxMountReplicaCount: 1 } }),
          attachments: [aReplica("node-a"), aReplica("node-b"), moving],
        }),
        plan: [],
      },
      {
        because: "also once it is granted the volume, until its disk is attached",
        observed: anObservedVolume({
          volume: aVolumeWithRecord({ writer: aWriter("node-c") }, { maxMountReplicaCount: 1 }),
          attachments: [aReplica("node-a"), aReplica("node-b"), moving],
        }),
        plan: [],
      },
      {
        because: "also where it is granted the volume, does not hold it, and its device is missing",
        observed: anObservedVolume({
          volume: aVolumeWithRecord(
            { writer: aWriter("node-c", { held: false }) },
            { maxMountReplicaCount: 1 },
          ),
          attachments: [
            aReplica("node-a"),
            aReplica("node-b"),
            anAttachment("node-c", { status: { deviceMissing: true } }),
          ],
        }),
        plan: [],
      },
      {
        because: "a primary whose device is missing is not served: the writer before last stays",
        observed: anObservedVolume({
          volume: aVolume({ spec: { maxMountReplicaCount: 1 } }),
          attachments: [
            aReplica("node-a"),
            aReplica("node-b"),
            anAttachment("node-c", { status: { deviceMissing: true } }),
          ],
        }),
        plan: [],
      },
      {
        because:
          "a writer that misses the device is served all the same: else one mark would keep every replica",
        observed: anObservedVolume({
          volume: aVolumeWithRecord({ writer: aWriter("node-c") }, { maxMountReplicaCount: 1 }),
          attachments: [
            aReplica("node-a"),
            aReplica("node-b"),
            anAttachment("node-c", { status: { deviceMissing: true } }),
          ],
        }),
        plan: [trims("node-a", ["node-c"], ["node-b"], { nodeName: "node-c", epoch: 1 })],
      },
      {
        because: "then it is trimmed",
        observed: anObservedVolume({
          volume: aVolumeWithRecord({ writer: aWriter("node-c") }, { maxMountReplicaCount: 1 }),
          attachments: [
            aReplica("node-a"),
            aReplica("node-b", { status: { state: "Attaching" } }),
            anAttachment("node-c"),
          ],
        }),
        plan: [trims("node-b", ["node-c"], ["node-a"], { nodeName: "node-c", epoch: 1 })],
      },
      {
        because: "the one that stays has the most other volumes of the same pods beside it",
        observed: anObservedVolume({
          volume: aVolumeWithRecord(
            { writer: aWriter("node-c") },
            { disk: aDiskSpec({ maxShares: 4 }), maxMountReplicaCount: 1 },
          ),
          attachments: [aReplica("node-a"), aReplica("node-b"), aReplica("node-d"), anAttachment("node-c")],
          companionCounts: () =>
            new Map([
              ["node-a", 2],
              ["node-b", 1],
            ]),
        }),
        plan: [
          trims("node-d", ["node-c"], ["node-a"], { nodeName: "node-c", epoch: 1 }),
          trims("node-b", ["node-c"], ["node-a"], { nodeName: "node-c", epoch: 1 }),
        ],
      },
      {
        because: "one that is attached stays all the same",
        observed: anObservedVolume({
          volume: aVolumeWithRecord({ writer: aWriter("node-c") }, { maxMountReplicaCount: 1 }),
          attachments: [
            aReplica("node-a", { status: { state: "Attaching" } }),
            aReplica("node-b"),
            anAttachment("node-c"),
          ],
          companionCounts: () => new Map([["node-a", 1]]),
        }),
        plan: [trims("node-a", ["node-c"], ["node-b"], { nodeName: "node-c", epoch: 1 })],
      },
      {
        because: "one share is needed in any case; the other replica is only more than requested",
        observed: anObservedVolume({
          volume: aVolumeWithRecord(
            { writer: aWriter("node-c", { epoch: 7 }) },
            { disk: aDiskSpec({ maxShares: 3 }), maxMountReplicaCount: 1 },
          ),
          attachments: [aReplica("node-a"), aReplica("node-b"), aReplica("node-d"), anAttachment("node-c")],
        }),
        plan: [
          trims("node-a", ["node-c"], ["node-d"]),
          trims("node-b", ["node-c"], ["node-d"], { nodeName: "node-c", epoch: 7 }),
        ],
      },
      {
        because: "on a node that the cluster no longer has, as a cache shows: only while that is so",
        observed: anObservedVolume({
          attachments: [aReplica("node-b")],
          nodes: [aNode("node-b", { isGone: true })],
          pods: () => [aPod()],
        }),
        plan: [
          { ...deletes("node-b", "its node is gone"), onlyWhile: { kind: "NodeGone", nodeName: "node-b" } },
        ],
      },
      {
        because: "whose AzDriverNode was lost while nothing writes: it may register again",
        observed: anObservedVolume({ attachments: [aReplica("node-z")], pods: () => [aPod()] }),
        plan: [],
      },
      {
        because: "on a node that was fenced",
        observed: anObservedVolume({
          volume: aVolumeWithRecord({ ...writerOnA, quarantined: [identity("node-b")] }, asked),
          attachments: [primary, aReplica("node-b"), aReplica("node-c")],
        }),
        plan: [fencedFrom("node-b")],
      },
      {
        because: "on a node that is out of service",
        observed: anObservedVolume({
          volume: aVolumeWithRecord(writerOnA, asked),
          attachments: [primary, aReplica("node-b"), aReplica("node-c")],
          nodes: [aNode("node-a"), aNode("node-b", { isOutOfService: true }), aNode("node-c")],
        }),
        plan: [
          { ...deletes("node-b", outOfService), onlyWhile: { kind: "OutOfService", nodeName: "node-b" } },
        ],
      },
      {
        because:
          "whose AzDriverNode was lost while another node is being fenced: the next failover may need it",
        observed: anObservedVolume({
          volume: aVolumeWithRecord({ ...writerOnA, fencing: identity("node-b") }, asked),
          attachments: [primary, aReplica("node-c"), aReplica("node-z")],
        }),
        plan: [],
      },
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

  describe("of a replica whose node has no AzDriverNode", () => {
    const replicas = [aReplica("node-b"), aReplica("node-c")];
    const attachments = [primary, ...replicas];
    const volume = aVolumeWithRecord(writerOnA, asked);
    const nodes = [aNode("node-a")];
    const unregistered = (
      unregisteredForMs: number,
      changed: Parameters<typeof anObservedVolume>[0] = {},
    ): ObservedVolume =>
      anObservedVolume({ volume, attachments, nodes, unregisteredMs: () => unregisteredForMs, ...changed });
    const deletesAll = ["node-b", "node-c"].map((nodeName) => ({
      ...deletes(nodeName, "its node has had no AzDriverNode for a while"),
      onlyWhile: { kind: "Unregistered", nodeName } as const,
    }));
    const deletionsOf = (observed: ObservedVolume): readonly ReplicaAction[] =>
      planReplicas(observed).filter(({ kind }) => kind === "DeleteAttachment");

    it("replaces it after a minute, while the writer's node reports itself healthy", () => {
      assert.deepEqual(planReplicas(unregistered(59_999)), [planAgain(1_000)]);
      assert.deepEqual(planReplicas(unregistered(20_000)), [planAgain(40_000)]);
      assert.deepEqual(deletionsOf(unregistered(60_000)), deletesAll);
      assert.deepEqual(
        deletionsOf(unregistered(60_000, { pods: () => [aPod({ nodeName: "node-a", isPending: false })] })),
        deletesAll,
      );
    });

    it("keeps it where the writer may be unhealthy, or a pod waits on another node", () => {
      const unreachable = {
        taints: [{ key: "node.kubernetes.io/unreachable", value: "", effect: "NoExecute" }],
      } as const;
      const { record: _, ...lost } = volume.status ?? assert.fail();
      const rows: readonly ({ readonly because: string } & Parameters<typeof anObservedVolume>[0])[] = [
        { because: "its heartbeat is stale", nodes: [aNode("node-a", { heartbeatUnchangedMs: 35_000 })] },
        { because: "it is NotReady", nodes: [aNode("node-a", unreachable)] },
        { because: "its plug-in is not ready", nodes: [aNode("node-a", { isReady: false })] },
        { because: "it is gone", nodes: [aNode("node-a", { isGone: true })] },
        { because: "it is out of service", nodes: [aNode("node-a", { isOutOfService: true })] },
        { because: "it has no AzDriverNode either", nodes: [] },
        { because: "another VM has its name", nodes: [aNode("node-a", { vmId: "another" })] },
        { because: "the pods are still being listed", pods: () => undefined },
        { because: "a pod waits on another node", pods: () => [aPod()] },
        {
          because: "it is recalled",
          volume: aVolumeWithRecord({ writer: aWriter("node-a", { requested: false }) }, asked),
        },
        {
          because: "it is being fenced",
          volume: aVolumeWithRecord({ ...writerOnA, fencing: identity("node-a") }, asked),
        },
        { because: "there is none", volume: aVolumeWithRecord({}, asked), attachments: replicas },
        {
          because: "the record is being rebuilt",
          volume: { ...volume, status: lost },
          attachments: replicas,
        },
      ];
      for (const { because, ...changed } of rows)
        assert.deepEqual(deletionsOf(unregistered(3_600_000, changed)), [], because);
    });

    it("plans again as soon as the first of several is due", () => {
      const unregisteredMs = (nodeName: string): number => (nodeName === "node-b" ? 20_000 : 50_000);
      assert.deepEqual(planReplicas(unregistered(0, { unregisteredMs })), [planAgain(10_000)]);
    });

    it("does not plan again for a primary, nor for replicas kept while the disk grows", () => {
      const another = anAttachment("node-b", { status: { state: "Attaching" } });
      assert.deepEqual(planReplicas(unregistered(20_000, { attachments: [primary, another] })), []);
      const growing = aVolume({ spec: asked, status: { state: "Updating", record: aRecord(writerOnA) } });
      for (const ms of [60_000, 60_001])
        assert.deepEqual(planReplicas(unregistered(ms, { volume: growing })), []);
    });

    describe("and whose volume several nodes write", () => {
      const volumeOfSeveral = severalWriters({ ...asked, disk: aDiskSpec({ maxShares: 4 }) });
      const writers = [aNode("node-a"), aNode("node-d")];
      const of = (changed: Parameters<typeof anObservedVolume>[0]): readonly ReplicaAction[] =>
        deletionsOf(
          unregistered(60_000, {
            volume: volumeOfSeveral,
            nodes: writers,
            attachments: [...attachments, anAttachment("node-d")],
            ...changed,
          }),
        );

      it("replaces it while each of them reports itself healthy", () => {
        assert.deepEqual(of({}), deletesAll);
        assert.deepEqual(of({ pods: () => [aPod({ nodeName: "node-d" })] }), deletesAll);
      });

      it("keeps it where one of them may be unhealthy, or a pod waits on a further node", () => {
        const rows: readonly ({ readonly because: string } & Parameters<typeof anObservedVolume>[0])[] = [
          { because: "it is not ready", nodes: [aNode("node-a"), aNode("node-d", { isReady: false })] },
          { because: "it has no AzDriverNode either", nodes: [aNode("node-a")] },
          {
            because: "another VM has its name",
            nodes: [aNode("node-a"), aNode("node-d", { vmId: "other" })],
          },
          { because: "the pods are still being listed", pods: () => undefined },
          { because: "a pod waits on a further node", pods: () => [aPod({ nodeName: "node-c" })] },
          { because: "none of them is left", attachments: replicas },
        ];
        for (const { because, ...changed } of rows) assert.deepEqual(of(changed), [], because);
      });
    });
  });

  // It serves until it is rebuilt.
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

  it("looks at no node while the missing replicas wait for a share", () => {
    const attachments = [primary, leaving(aReplica("node-b"))];
    const observed = anObservedVolume({ volume: aVolumeWithRecord(writerOnA, tight), attachments });
    const nodes = (): never => assert.fail("all nodes are read");
    assert.deepEqual(planReplicas({ ...observed, nodes }), []);
  });

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
        placement: () => ({ pods: [apart], neighbours: rivals }),
        placementOn: (nodeName) => ({
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
            placement: () => ({ pods, neighbours: [] }),
            placementOn: () => ({ pods, neighbours: [] }),
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

  // The next pod of the node that has just left may come to any of them.
  describe("of a surplus replica where several nodes write", () => {
    const several = severalWriters({ disk: aDiskSpec({ maxShares: 4 }), maxMountReplicaCount: 1 });
    const leftFor = (ms: number): ObservedVolume["attachments"][number] =>
      unchangedFor(ms, aReplica("node-b"));
    const planned = (changed: Parameters<typeof anObservedVolume>[0]): readonly ReplicaAction[] =>
      planReplicas(anObservedVolume({ volume: several, ...changed }));
    const surplus = [primary, unchangedFor(pruneMs, aReplica("node-c"))];

    it("keeps it for as long as an unrequested volume keeps its replicas", () => {
      assert.deepEqual(planned({ attachments: [...surplus, leftFor(20_000)] }), [planAgain(280_000)]);
      assert.deepEqual(planned({ attachments: [...surplus, leftFor(pruneMs - 1)] }), [planAgain(10_000)]);
      assert.deepEqual(planned({ attachments: [...surplus, leftFor(pruneMs)] }), [
        trims("node-b", ["node-a"], ["node-c"]),
      ]);
    });

    it("counts only time in which the store was reachable", () => {
      const unwatched = { ...leftFor(pruneMs), watchedUnchangedMs: 0 };
      assert.deepEqual(planned({ attachments: [...surplus, unwatched] }), [planAgain(pruneMs)]);
    });

    it("keeps it while a node that writes is in trouble, or a pod waits elsewhere", () => {
      const attachments = [...surplus, leftFor(pruneMs)];
      const nodes = ["node-b", "node-c"].map((nodeName) => aNode(nodeName));
      assert.deepEqual(planned({ attachments, nodes: [aNode("node-a", { isReady: false }), ...nodes] }), [
        planAgain(10_000),
      ]);
      assert.deepEqual(planned({ attachments, pods: () => [aPod({ nodeName: "node-c" })] }), [
        planAgain(10_000),
      ]);
    });

    it("deletes it at once where a further node needs its share", () => {
      const moving = ["node-d", "node-e"].map((nodeName) => anAttachment(nodeName, { status: undefined }));
      const attachments = [...surplus, leftFor(0), ...moving];
      assert.deepEqual(planned({ attachments }), [
        trims("node-b", ["node-a", "node-d", "node-e"], ["node-c"]),
      ]);
    });

    it("plans no later look where none is too many, or no node writes", () => {
      assert.deepEqual(planned({ attachments: surplus }), []);
      assert.deepEqual(planned({ attachments: [leftFor(0), aReplica("node-c")] }), []);
    });

    // Its request was lost, with the objects or by an older backup.
    describe("whose node has a pod", () => {
      const started = [aPod({ nodeName: "node-b", isPending: false })];
      const none = severalWriters({ disk: aDiskSpec({ maxShares: 4 }), maxMountReplicaCount: 0 });
      const tightest = severalWriters({ disk: aDiskSpec({ maxShares: 2 }), maxMountReplicaCount: 1 });
      const deleted = (changed: Parameters<typeof anObservedVolume>[0]): readonly string[] =>
        planned(changed).flatMap((action) =>
          action.kind === "DeleteAttachment" ? action.attachmentName : [],
        );

      it("keeps it while the pod runs there, or the pods are not known yet", () => {
        const attachments = [primary, aReplica("node-b")];
        assert.deepEqual(deleted({ volume: none, attachments, pods: () => started }), []);
        const [again, ...others] = planned({ volume: none, attachments, pods: () => undefined });
        assert.deepEqual(again, { kind: "Requeue", afterMs: 1_000 });
        assert.ok(others.every(({ kind }) => kind === "Requeue"));
        assert.deepEqual(deleted({ volume: none, attachments }), [attachmentName("node-b")]);
      });

      it("keeps it while an init container of a pod runs there", () => {
        const pods = [aPod({ nodeName: "node-b", isPending: true, hasNeverRun: false })];
        const attachments = [primary, aReplica("node-b")];
        assert.deepEqual(deleted({ volume: none, attachments, pods: () => pods }), []);
      });

      // A restored backup of etcd has no such pod.
      it("keeps it until its node has seen the restored store", () => {
        const deletedOf = (node: Partial<ObservedNode>): readonly string[] =>
          deleted({
            volume: none,
            attachments: [primary, aReplica("node-b")],
            nodes: [aNode("node-a"), aNode("node-b", node)],
            storeIncarnation: 1,
          });
        assert.deepEqual(deletedOf({ storeIncarnation: 0 }), []);
        assert.deepEqual(deletedOf({ storeIncarnation: 0, isOutOfService: true }), [
          attachmentName("node-b"),
        ]);
        assert.deepEqual(deletedOf({ storeIncarnation: 1 }), [attachmentName("node-b")]);
      });

      it("keeps it for a while where the restored store does not have its node", () => {
        const deletedAfter = (unregisteredForMs: number): readonly string[] =>
          deleted({
            volume: none,
            attachments: [primary, aReplica("node-b")],
            nodes: [aNode("node-a", { storeIncarnation: 1 })],
            unregisteredMs: () => unregisteredForMs,
            storeIncarnation: 1,
          });
        assert.deepEqual(deletedAfter(34_999), []);
        assert.deepEqual(deletedAfter(35_000), [attachmentName("node-b")]);
      });

      it("keeps it while it is marked as in use, and its node reports the volume as staged", () => {
        const staged = [{ volumeName: "pvc-1" }];
        const nodes = [aNode("node-a"), aNode("node-b", { staged })];
        const deletedOf = (spec: { readonly published?: true }): readonly string[] =>
          deleted({ volume: none, attachments: [primary, aReplica("node-b", { spec })], nodes });
        assert.deepEqual(deletedOf({ published: true }), []);
        assert.deepEqual(deletedOf({}), [attachmentName("node-b")]);
      });

      it("lets another one give way to a further node", () => {
        const further = anAttachment("node-d", { status: undefined });
        const attachments = [primary, aReplica("node-b"), aReplica("node-c"), further];
        const volume = severalWriters({ disk: aDiskSpec({ maxShares: 3 }), maxMountReplicaCount: 1 });
        assert.deepEqual(
          planned({ volume, attachments, pods: () => started })[0],
          trims("node-c", ["node-a", "node-d"], ["node-b"]),
        );
      });

      it("deletes it where the pod only waits, or its node is lost", () => {
        const attachments = [primary, anAttachment("node-d", { status: undefined }), aReplica("node-b")];
        const waits = [aPod({ nodeName: "node-b" })];
        assert.deepEqual(deleted({ volume: tightest, attachments, pods: () => waits }), [
          attachmentName("node-b"),
        ]);
        const nodes = ["node-a", "node-d"].map((nodeName) => aNode(nodeName));
        for (const lost of [{ isOutOfService: true }, { isGone: true }])
          assert.deepEqual(
            deleted({
              volume: none,
              attachments,
              nodes: [...nodes, aNode("node-b", lost)],
              pods: () => started,
            }),
            [attachmentName("node-b")],
          );
      });
    });

    it("is none that waits for its share: it says so without a look at any node", () => {
      const primaries = ["node-a", "node-b", "node-c", "node-d"].map((nodeName) => anAttachment(nodeName));
      const placement = (): never => assert.fail("a cluster has thousands of nodes");
      assert.deepEqual(planned({ attachments: primaries, placement }), [
        { kind: "ReplicasMissing", missing: 1, rejected: [] },
      ]);
    });
  });

  it("deletes a replica where several writers need all shares of the disk", () => {
    const attachments = [primary, anAttachment("node-b"), anAttachment("node-c"), aReplica("node-d")];
    const [first] = planReplicas(anObservedVolume({ volume: severalWriters(tight), attachments }));
    assert.deepEqual(first, trims("node-d", ["node-a", "node-b", "node-c"]));
  });

  for (const { because, node } of [
    { because: "its plug-in is not ready", node: aNode("node-b", { isReady: false }) },
    { because: "its heartbeat is stale", node: aNode("node-b", { heartbeatUnchangedMs: 35_000 }) },
    { because: "it is cordoned", node: aNode("node-b", { isUnschedulable: true }) },
    {
      because: "it is NotReady",
      node: aNode("node-b", {
        taints: [{ key: "node.kubernetes.io/not-ready", value: "", effect: "NoExecute" }],
      }),
    },
    { because: "it has no AzDriverNode", node: aNode("node-x") },
  ])
    it(`prefers a pending replica to one whose node could not take over: ${because}`, () => {
      const attachments = [
        aReplica("node-a", { status: { state: "Attaching" } }),
        aReplica("node-b"),
        anAttachment("node-c", { status: undefined }),
      ];
      const observed = anObservedVolume({
        volume: aVolumeWithRecord({ unverified: [identity("node-x")] }, tight),
        attachments,
        nodes: [aNode("node-a"), node],
      });
      assert.deepEqual(planReplicas(observed), [trims("node-b", ["node-c"], ["node-a"])]);
    });

  it("prunes replicas once the volume has been unrequested for a while", () => {
    const replicas = [aReplica("node-a"), aReplica("node-b")];
    check([
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

  it("never deletes a writer's, a requested or an unverified attachment", () => {
    const old = { metadata: { creationTimestamp: agoMs(pruneMs * 2) } };
    const since = { unrequestedSince: agoMs(pruneMs * 2) };
    check([
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
});
