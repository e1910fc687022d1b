import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AzVolumeAttachment } from "../../src/core/api/az-volume-attachment.ts";
import type { AzVolume } from "../../src/core/api/az-volume.ts";
import { LAST_RESORT_MS } from "../../src/core/attachment/choose-evicted.ts";
import {
  aDiskSpec,
  aRecord,
  anAttachment,
  aReplica,
  attachmentName,
  aVolume,
  aWriter,
  identity,
  instanceUriOf,
} from "../../src/core/testing/objects.ts";
import type { SimPod } from "../kubernetes/sim-cluster.ts";
import { aHistory, diskUri } from "./testing/a-history.ts";
import { watchReplicas } from "./watch-replicas.ts";

const KNOWN_AFTER_MS = 3_000;
const READ_BEFORE_MS = 15;
const KNOWN_LATE_MS = 120_000;
const SEEN_AFTER_MS = 200;
const SUCCESSOR_MS = 3_000;
const PRUNE_REPLICAS_AFTER_MS = 300_000;
const RELEASE_DRAINED_AFTER_MS = 30_000;
const names = ["node-a", "node-b", "node-c"];
const aPod: SimPod = {
  name: "db-0",
  uid: "pod-1",
  volumeName: "pvc-1",
  nodeName: undefined,
  phase: "Pending",
  isReady: false,
  isDeleted: false,
};
const place = { volumeId: diskUri };
const replica = aReplica("node-b", { spec: place });
const leaving = { ...replica, metadata: { ...replica.metadata, deletionTimestamp: "2026-01-01T00:00:00Z" } };
const requestOnC = anAttachment("node-c", { spec: place });
const withoutSlot = anAttachment("node-b", {
  metadata: { name: "other" },
  spec: { volumeName: "pvc-2" },
  status: {
    state: "AttachmentFailed",
    error: { kind: "NoFreeLun", message: "", failure: "{}", time: "", retries: 1 },
  },
});
const broken = ["replica-removed"];

type OnNodeChange = Parameters<Parameters<typeof watchReplicas>[0]["cluster"]["onNodeChange"]>[0];

interface Circumstances {
  readonly volume?: AzVolume;
  readonly others?: readonly AzVolumeAttachment[];
  readonly pods?: readonly SimPod[];
  /** How long all of that has been so, in milliseconds. */
  readonly forMs?: number;
  /** Another pod of the volume has just replaced them, this long after their end, in milliseconds. */
  readonly successorAfterMs?: number;
  /** The successor's node. Default: that of its predecessor. */
  readonly successorOn?: string;
  readonly isNewsLate?: boolean;
  readonly attach?: "kubernetes" | "driver";
  readonly nodes?: readonly string[];
  readonly notReady?: readonly string[];
  /** Nodes that become not ready at the moment of the removal. */
  readonly justNotReady?: readonly string[];
  readonly outOfService?: readonly string[];
  readonly unschedulable?: readonly string[];
  /** They were schedulable just before the removal for this long, in milliseconds. */
  readonly schedulableMs?: number;
  /** All nodes were uncordoned this long before the removal, in milliseconds. */
  readonly uncordonedMs?: number;
  /** The replica on node-a was marked for deletion this long before the removal, in milliseconds. */
  readonly freedMs?: number;
  /** The Node of node-b was created again this long before the removal, in milliseconds. */
  readonly recreatedMs?: number;
  /** The first Node of node-b was created this long before the removal, in milliseconds. */
  readonly createdMs?: number;
  /** Another node stopped being a primary of the volume this long before the removal, in milliseconds. */
  readonly leftMs?: number;
  /** Nodes with a VolumeAttachment of the volume. */
  readonly publishedOn?: readonly string[];
  readonly by?: string;
  readonly before?: AzVolumeAttachment;
  readonly after?: AzVolumeAttachment;
}

/**
 * The replica on node-b is marked for deletion; a pod has been waiting for its volume, whose last writer
 * was fenced.
 */
async function aRemoval(circumstances: Circumstances): Promise<readonly string[]> {
  const {
    before = replica,
    after = leaving,
    createdMs,
    outOfService = [],
    others = [],
    by = "controller-1",
  } = circumstances;
  const history = aHistory();
  let pods = circumstances.pods ?? [aPod];
  let notReady = circumstances.notReady ?? [];
  let unschedulable = circumstances.unschedulable ?? [];
  const present = circumstances.nodes ?? names;
  let nodes = createdMs === undefined ? present : present.filter((name) => name !== "node-b");
  let recreated: readonly string[] = [];
  const onNodeChange: OnNodeChange[] = [];
  const objects = {
    AzVolume: [
      circumstances.volume ?? aVolume({ status: { record: aRecord({ quarantined: [identity("node-a")] }) } }),
    ],
    AzVolumeAttachment: [...others, after],
  };
  const store = { ...history.store, objects: (kind: keyof typeof objects) => objects[kind] };
  const cluster = {
    pods: () => pods,
    nodes: () =>
      nodes.map((name) => ({
        name,
        uid: `uid-of-${name}${recreated.includes(name) ? "-again" : ""}`,
        instanceUri: instanceUriOf(name),
        isReady: !notReady.includes(name),
        isUnschedulable: unschedulable.includes(name),
        isOutOfService: false,
        isMarkedByDriver: false,
        volumesMax: 8,
      })),
    volumeAttachments: () =>
      (circumstances.publishedOn ?? []).map((nodeName) => ({
        name: `attachment-to-${nodeName}`,
        volumeName: "pvc-1",
        nodeName,
        isAttached: true,
        isDeleted: false,
      })),
    diskUriOf: (volumeName: string) => (volumeName === "pvc-1" ? diskUri : undefined),
    onNodeChange: (listener: OnNodeChange) => {
      onNodeChange.push(listener);
    },
  };
  const outside = {
    wasOutOfService: (nodeName: string) => outOfService.includes(nodeName),
    isNewsLate: () => circumstances.isNewsLate === true,
  };
  const world = {
    ...history,
    store: store as Parameters<typeof watchReplicas>[0]["store"],
    cluster,
    outside,
  };
  watchReplicas(world, {
    attach: circumstances.attach ?? "kubernetes",
    releaseDrainedAfterMs: RELEASE_DRAINED_AFTER_MS,
    pruneReplicasAfterMs: PRUNE_REPLICAS_AFTER_MS,
  });
  const look = (): void =>
    history.commit({ kind: "Lease", name: "lease", before: undefined, after: undefined });
  look();
  await history.clock.advance(circumstances.forMs ?? KNOWN_AFTER_MS);
  if (circumstances.successorAfterMs !== undefined) {
    pods = [];
    look();
    await history.clock.advance(circumstances.successorAfterMs);
    pods = [{ ...aPod, uid: "pod-2", nodeName: circumstances.successorOn ?? aPod.nodeName }];
  }
  const nodesChange = async (forMs: number): Promise<void> => {
    for (const listener of onNodeChange) listener(undefined, undefined);
    await history.clock.advance(forMs);
  };
  if (circumstances.schedulableMs !== undefined) {
    unschedulable = [];
    await nodesChange(circumstances.schedulableMs);
    unschedulable = circumstances.unschedulable ?? [];
  }
  if (circumstances.uncordonedMs !== undefined) {
    unschedulable = [];
    await nodesChange(circumstances.uncordonedMs);
  }
  if (circumstances.recreatedMs !== undefined) {
    recreated = ["node-b"];
    await nodesChange(circumstances.recreatedMs);
  }
  if (createdMs !== undefined) {
    nodes = present;
    await nodesChange(createdMs);
  }
  if (circumstances.leftMs !== undefined) {
    const name = attachmentName("node-a");
    const [primary, left] = [anAttachment("node-a", { spec: place }), aReplica("node-a", { spec: place })];
    history.commit({ kind: "AzVolumeAttachment", name, by: "node-a", before: primary, after: left });
    await history.clock.advance(circumstances.leftMs);
  }
  if (circumstances.freedMs !== undefined) {
    objects.AzVolumeAttachment = objects.AzVolumeAttachment.map((one) =>
      one?.spec.nodeName === "node-a"
        ? { ...one, metadata: { ...one.metadata, deletionTimestamp: "now" } }
        : one,
    );
    look();
    await history.clock.advance(circumstances.freedMs);
  }
  notReady = [...notReady, ...(circumstances.justNotReady ?? [])];
  history.commit({ kind: "AzVolumeAttachment", name: before.metadata.name, by, before, after });
  return history.invariants();
}

describe("replicas at a failover", () => {
  it("reports a removal while a pod or another node waits for the volume", async () => {
    assert.deepEqual(await aRemoval({}), broken);
    assert.deepEqual(await aRemoval({ pods: [], others: [requestOnC], publishedOn: ["node-c"] }), broken);
    assert.deepEqual(await aRemoval({ attach: "driver" }), broken);
  });

  it("reports one too many where one of several nodes that write has just left", async () => {
    const { record: _, ...status } = aVolume().status ?? assert.fail("no status");
    const capabilities = [{ accessMode: "MULTI_NODE_MULTI_WRITER", accessType: "block" }] as const;
    const shared = {
      volume: { ...aVolume({ spec: { maxMountReplicaCount: 1, capabilities } }), status },
      others: [requestOnC, aReplica("node-a", { spec: place })],
      publishedOn: ["node-c"],
    };
    assert.deepEqual(await aRemoval({ ...shared, leftMs: 0.9 * PRUNE_REPLICAS_AFTER_MS - 1 }), broken);
    assert.deepEqual(await aRemoval({ ...shared, leftMs: 0.9 * PRUNE_REPLICAS_AFTER_MS }), []);
    assert.deepEqual(await aRemoval(shared), []);
  });

  it("reports a removal from a drained node too early, and where a pod waits there", async () => {
    const drained = { unschedulable: ["node-b"], forMs: RELEASE_DRAINED_AFTER_MS };
    assert.deepEqual(await aRemoval({ ...drained, forMs: RELEASE_DRAINED_AFTER_MS - 1 }), broken);
    assert.deepEqual(await aRemoval({ ...drained, pods: [{ ...aPod, nodeName: "node-b" }] }), broken);
    assert.deepEqual(await aRemoval({ ...drained, unschedulable: ["node-a"] }), broken);
    assert.deepEqual(await aRemoval({ ...drained, schedulableMs: KNOWN_AFTER_MS }), broken);
    assert.deepEqual(await aRemoval(drained), []);
  });

  it("accepts one from a drained node to which a pod has only just been bound", async () => {
    const drained = { unschedulable: ["node-b"], forMs: RELEASE_DRAINED_AFTER_MS };
    assert.deepEqual(await aRemoval({ ...drained, successorAfterMs: 1, successorOn: "node-b" }), []);
  });

  it("reports one from a node that every controller knows to be uncordoned", async () => {
    const drained = { unschedulable: ["node-b"], forMs: RELEASE_DRAINED_AFTER_MS };
    assert.deepEqual(await aRemoval({ ...drained, uncordonedMs: KNOWN_AFTER_MS }), broken);
    assert.deepEqual(await aRemoval({ ...drained, uncordonedMs: KNOWN_AFTER_MS - 1 }), []);
    const tooEarly = { ...drained, forMs: RELEASE_DRAINED_AFTER_MS - 1 };
    assert.deepEqual(await aRemoval({ ...tooEarly, uncordonedMs: 1 }), broken);
    const late = { ...drained, forMs: KNOWN_LATE_MS, isNewsLate: true };
    assert.deepEqual(await aRemoval({ ...late, uncordonedMs: KNOWN_LATE_MS }), broken);
    assert.deepEqual(await aRemoval({ ...late, uncordonedMs: KNOWN_LATE_MS - 1 }), []);
  });

  it("accepts one from a node that was schedulable for too short a time to be seen", async () => {
    const drainedWith = (schedulableMs: number): Circumstances => ({
      unschedulable: ["node-b"],
      forMs: RELEASE_DRAINED_AFTER_MS - schedulableMs,
      schedulableMs,
    });
    assert.deepEqual(await aRemoval(drainedWith(SEEN_AFTER_MS + 1)), broken);
    assert.deepEqual(await aRemoval(drainedWith(SEEN_AFTER_MS)), []);
  });

  it("reports one from a node that was schedulable for long, while news is late", async () => {
    const drained = { unschedulable: ["node-b"], forMs: KNOWN_LATE_MS, isNewsLate: true };
    assert.deepEqual(await aRemoval({ ...drained, schedulableMs: KNOWN_LATE_MS + 1 }), broken);
    assert.deepEqual(await aRemoval({ ...drained, schedulableMs: KNOWN_LATE_MS }), []);
  });

  it("reports a removal from a Node that every controller knows again", async () => {
    assert.deepEqual(await aRemoval({ recreatedMs: KNOWN_AFTER_MS }), broken);
    assert.deepEqual(await aRemoval({ recreatedMs: KNOWN_AFTER_MS - 1 }), []);
  });

  it("reports a removal from a new Node whose name no earlier one had", async () => {
    assert.deepEqual(await aRemoval({ createdMs: 1 }), broken);
  });

  it("reports a removal after a person has deleted the AzVolume", async () => {
    const metadata = { deletionTimestamp: "2026-01-01T00:00:00Z" };
    assert.deepEqual(
      await aRemoval({
        volume: aVolume({ metadata, status: { record: aRecord({ quarantined: [identity("node-a")] }) } }),
      }),
      broken,
    );
  });

  it("reports a removal that lets the shared disk grow", async () => {
    const record = aRecord({ quarantined: [identity("node-a")] });
    assert.deepEqual(await aRemoval({ volume: aVolume({ status: { state: "Updating", record } }) }), broken);
  });

  it("reports a removal while the writer's node is not ready or the record is rebuilt", async () => {
    const written = aVolume({ status: { record: aRecord({ writer: aWriter("node-c") }) } });
    assert.deepEqual(await aRemoval({ volume: written, notReady: ["node-c"] }), broken);
    assert.deepEqual(await aRemoval({ volume: written, notReady: ["node-b"] }), []);
    const { record: _, ...status } = written.status ?? assert.fail();
    assert.deepEqual(await aRemoval({ volume: { ...written, status } }), broken);
  });

  it("reports an immediate removal for a primary of another volume", async () => {
    assert.deepEqual(await aRemoval({ forMs: LAST_RESORT_MS - 1, others: [withoutSlot] }), broken);
  });

  it("reports a removal when a pod of the volume has just followed another one", async () => {
    assert.deepEqual(await aRemoval({ successorAfterMs: SUCCESSOR_MS }), broken);
  });

  it("reports a removal while a waiting primary has no share of the disk yet", async () => {
    const waiting = anAttachment("node-c", { spec: place, status: undefined });
    assert.deepEqual(
      await aRemoval({
        volume: aVolume({ spec: { maxMountReplicaCount: 1 } }),
        others: [waiting, aReplica("node-a", { spec: place })],
      }),
      broken,
    );
  });

  it("reports a removal for a share that another attachment is freeing", async () => {
    const ofTwoShares: Circumstances = {
      volume: aVolume({ spec: { disk: aDiskSpec({ maxShares: 2 }), maxMountReplicaCount: 1 } }),
      others: [requestOnC, aReplica("node-a", { spec: place })],
    };
    assert.deepEqual(await aRemoval({ ...ofTwoShares, freedMs: READ_BEFORE_MS + 1 }), broken);
    assert.deepEqual(await aRemoval({ ...ofTwoShares, freedMs: READ_BEFORE_MS }), [], "read before");
  });

  it("reports a removal for a node's request beside a primary with a pod", async () => {
    const volume = aVolume({ spec: { maxMountReplicaCount: 2 } });
    const others = [requestOnC, anAttachment("node-a", { spec: place })];
    assert.deepEqual(
      await aRemoval({ attach: "driver", volume, pods: [{ ...aPod, nodeName: "node-c" }], others }),
      broken,
    );
  });

  it("reports a removal for a pod whose own node lost the disk", async () => {
    const volume = aVolume({ spec: { maxMountReplicaCount: 1 } });
    const others = [
      aReplica("node-c", { spec: place, status: { state: "AttachmentFailed" } }),
      anAttachment("node-a", { spec: place }),
    ];
    assert.deepEqual(
      await aRemoval({ attach: "driver", volume, pods: [{ ...aPod, nodeName: "node-c" }], others }),
      broken,
    );
  });

  it("reports a removal beside two primaries whose VolumeAttachments exist", async () => {
    const volume = aVolume({ spec: { maxMountReplicaCount: 1 } });
    const others = [requestOnC, anAttachment("node-a", { spec: place })];
    const nodeNames = ["node-a", "node-c"];
    assert.deepEqual(await aRemoval({ volume, others, publishedOn: nodeNames }), broken);
  });

  it("reports one too many where the pod stays, or where the others do not suffice", async () => {
    const volume = aVolume({ spec: { maxMountReplicaCount: 1 } });
    const pod = { ...aPod, nodeName: "node-b" };
    const others = [aReplica("node-a", { spec: place }), aReplica("node-c", { spec: place })];
    assert.deepEqual(await aRemoval({ attach: "driver", volume, others, pods: [pod] }), broken);
    assert.deepEqual(
      await aRemoval({
        attach: "driver",
        volume,
        others: others.slice(1),
        pods: [{ ...pod, isDeleted: true }],
      }),
      broken,
    );
  });

  it("reports a removal long after a pod came, while watches are late", async () => {
    assert.deepEqual(await aRemoval({ isNewsLate: true, forMs: KNOWN_LATE_MS }), broken);
  });

  it("reports a removal while the writer is recalled or fenced", async () => {
    const recalled = { writer: aWriter("node-a", { requested: false }) };
    for (const record of [recalled, { ...recalled, fencing: identity("node-a") }])
      assert.deepEqual(await aRemoval({ volume: aVolume({ status: { record: aRecord(record) } }) }), broken);
  });

  it("reports one of a VM if an earlier VM of its node's name is fenced", async () => {
    const earlier = { ...identity("node-b"), vmId: "older", instanceUri: instanceUriOf("an-earlier-node-b") };
    for (const record of [{ quarantined: [earlier] }, { fencing: earlier }])
      assert.deepEqual(await aRemoval({ volume: aVolume({ status: { record: aRecord(record) } }) }), broken);
  });

  const fine: readonly ({ readonly because: string } & Circumstances)[] = [
    { because: "nothing requests the volume", pods: [] },
    {
      because: "a node that attaches by itself has left a request behind, without a pod",
      attach: "driver",
      pods: [],
      others: [requestOnC],
    },
    {
      because: "no VolumeAttachment supports the request, which a backup has put back",
      pods: [],
      others: [requestOnC],
    },
    {
      because: "the writer's node has just come to be not ready",
      volume: aVolume({ status: { record: aRecord({ writer: aWriter("node-c") }) } }),
      justNotReady: ["node-c"],
    },
    { because: "the request has just come", forMs: KNOWN_AFTER_MS - 1 },
    { because: "the request has come while news is late", isNewsLate: true, forMs: KNOWN_LATE_MS - 1 },
    { because: "the pod has come back after the volume was not in use", successorAfterMs: SUCCESSOR_MS + 1 },
    {
      because: "the pod came after the shared disk began to grow",
      volume: aVolume({ status: { state: "Updating" } }),
      successorAfterMs: 1,
    },
    {
      because: "there are more than asked for, one of which bears the role that its node wrote without a pod",
      attach: "driver",
      volume: aVolume({ spec: { maxMountReplicaCount: 1 } }),
      pods: [{ ...aPod, nodeName: "node-c" }],
      others: [requestOnC, anAttachment("node-a", { spec: place })],
    },
    {
      because: "there are more than asked for beside the one that its pod's node has, whose role is old",
      attach: "driver",
      volume: aVolume({ spec: { maxMountReplicaCount: 1 } }),
      pods: [{ ...aPod, nodeName: "node-c" }],
      others: [aReplica("node-c", { spec: place }), anAttachment("node-a", { spec: place })],
    },
    {
      because: "there are more than asked for, one of which has a role that no VolumeAttachment supports",
      volume: aVolume({ spec: { maxMountReplicaCount: 1 } }),
      others: [requestOnC, anAttachment("node-a", { spec: place, status: undefined })],
      publishedOn: ["node-c"],
    },
    {
      because: "its pod leaves, and the others are enough for the next primary and its replicas",
      attach: "driver",
      volume: aVolume({ spec: { maxMountReplicaCount: 1 } }),
      pods: [{ ...aPod, nodeName: "node-b", isDeleted: true }],
      others: [aReplica("node-a", { spec: place }), requestOnC],
    },
    { because: "the pod waits for another volume", pods: [{ ...aPod, volumeName: "pvc-2" }] },
    {
      because: "a node writes, and is to",
      volume: aVolume({ status: { record: aRecord({ writer: aWriter("node-c") }) } }),
    },
    { because: "an operator removes it", by: "operator" },
    { because: "it was being removed before", before: leaving },
    {
      because: "it never attached",
      before: aReplica("node-b", { spec: place, status: { state: "AttachmentFailed" } }),
    },
    { because: "the volume is being deleted", volume: aVolume({ spec: { deleteRequested: true } }) },
    { because: "no replicas are asked for", volume: aVolume({ spec: { maxMountReplicaCount: 0 } }) },
    { because: "its node is gone", nodes: ["node-a", "node-c"] },
    { because: "its node is out of service", outOfService: ["node-b"] },
    {
      because: "its node is fenced",
      volume: aVolume({ status: { record: aRecord({ quarantined: [identity("node-b")] }) } }),
    },
    {
      because: "a primary needs its share",
      volume: aVolume({ spec: { disk: aDiskSpec({ maxShares: 2 }), maxMountReplicaCount: 1 } }),
      others: [requestOnC, aReplica("node-a", { spec: place })],
    },
    {
      because: "there are more than asked for, and the primary is served",
      volume: aVolume({ spec: { maxMountReplicaCount: 1 } }),
      others: [requestOnC, aReplica("node-a", { spec: place })],
      publishedOn: ["node-c"],
    },
    {
      because: "a primary of another volume has needed its slot for a minute",
      forMs: LAST_RESORT_MS,
      others: [withoutSlot],
    },
  ];
  for (const { because, ...circumstances } of fine)
    it(`accepts it if ${because}`, async () => {
      assert.deepEqual(await aRemoval(circumstances), []);
    });
});
