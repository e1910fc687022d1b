import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Failure } from "../../core/failure/failure.ts";
import {
  anAttachment,
  aVolumeWithRecord,
  aWriter,
  identity,
  instanceUriOf,
} from "../../core/testing/objects.ts";
import type { RecordChanges } from "../../core/testing/record-lists.ts";
import type { ClusterAttachment, NodePresence } from "../../ports/cluster/cluster-volumes.ts";
import type { Reconciled } from "../../runtime/queue/control-loop.ts";
import { aCluster, aClusterAttachment, type ModelCluster } from "../testing/a-cluster.ts";
import { type ReconcileWorld, withControllerPorts } from "../testing/a-controller.ts";
import { aDriverNode } from "../testing/a-driver-node.ts";
import { mayHaveOrphans, nodesWithOrphans, orphansReconciler } from "./delete-orphans.ts";

const NODE = "node-a";
const NAME = "csi-node-a";
const never = new AbortController().signal;
const AGAIN = { ok: true, value: { requeueAfterMs: 10_000 } } as const;
const DONE = { ok: true, value: {} } as const;

interface Situation {
  readonly attachment?: Partial<ClusterAttachment>;
  readonly isGoneInCache?: boolean;
  readonly presence?: NodePresence;
  readonly use?: ReconcileWorld["use"];
  /** The vmId of the VM that has the node's resource id now; default: none. */
  readonly vmId?: string;
  readonly inspectFailure?: Failure;
  readonly attach?: "kubernetes" | "driver";
  /** What says which VM the node was. Default: the writer record alone. */
  readonly record?: RecordChanges;
  readonly isRegistered?: boolean;
  readonly isAttachmentKnown?: boolean;
  /** Happens right after the attachment was read past the cache. */
  readonly during?: (cluster: ModelCluster) => void;
}

interface Examined {
  readonly answer: Reconciled;
  readonly isDeleted: boolean;
  readonly events: readonly string[];
}

/** Runs for node-a, without Node, VM, or pods that use the volume, except as the situation says. */
async function examined(world: ReconcileWorld, situation: Situation): Promise<Examined> {
  const { record = { writer: aWriter(NODE) }, during } = situation;
  const cluster = aCluster([], [aClusterAttachment(NODE, situation.attachment)]);
  cluster.presence.set(NODE, situation.presence ?? "gone");
  cluster.during = during === undefined ? undefined : () => during(cluster);
  if (situation.isGoneInCache ?? true) world.gone.add(NODE);
  world.use = situation.use ?? { kind: "unused" };
  if (situation.vmId !== undefined) world.instances.set(instanceUriOf(NODE), situation.vmId);
  world.inspectFailure = situation.inspectFailure;
  await world.given("AzVolume", aVolumeWithRecord(record));
  if (situation.isRegistered === true) await world.given("AzDriverNode", aDriverNode(NODE));
  if (situation.isAttachmentKnown === true) {
    const { vmId, instanceUri } = identity(NODE);
    await world.given("AzVolumeAttachment", anAttachment(NODE, { status: { vmId, instanceUri } }));
  }
  const ports = { ...world.ports, clusterVolumes: cluster, attach: situation.attach ?? "kubernetes" };
  const answer = await world.answerOf(orphansReconciler(ports).reconcile(NODE, never));
  return {
    answer,
    isDeleted:
      cluster.attached.get(NAME)?.isTerminating === true && situation.attachment?.isTerminating !== true,
    events: world.emitted.map(({ reason, message }) => `${reason}: ${message}`),
  };
}

describe("orphansReconciler", () => {
  it("deletes the attachment to a node whose Node and VM are gone, and says so", () =>
    withControllerPorts(async (world) => {
      assert.deepEqual(await examined(world, {}), {
        answer: DONE,
        isDeleted: true,
        events: [
          "OrphanDetached: the Node and the VM of node-a are gone, and no pod there uses the volume: its " +
            "VolumeAttachment csi-node-a was deleted",
        ],
      });
    }));

  const deleted: readonly (Situation & { readonly because: string })[] = [
    { because: "another VM has its resource id", vmId: "another-vm" },
    { because: "its AzDriverNode alone says which VM it was", record: {}, isRegistered: true },
    { because: "its AzVolumeAttachment alone says which VM it was", record: {}, isAttachmentKnown: true },
    { because: "it was never attached", attachment: { isAttached: false } },
  ];
  for (const { because, ...situation } of deleted)
    it(`deletes it where ${because}`, () =>
      withControllerPorts(async (world) => {
        const { answer, isDeleted } = await examined(world, situation);
        assert.deepEqual([answer, isDeleted], [DONE, true]);
      }));

  const kept: readonly (Situation & { readonly because: string; readonly answer: Reconciled })[] = [
    { because: "the Node exists", isGoneInCache: false, answer: DONE },
    { because: "the Node is back, which no cache shows yet", presence: "present", answer: AGAIN },
    { because: "the API server does not say whether the Node exists", presence: "unknown", answer: AGAIN },
    { because: "it is being deleted already", attachment: { isTerminating: true }, answer: DONE },
    { because: "a pod there uses the volume", use: { kind: "used", users: ["db-0"] }, answer: AGAIN },
    { because: "its users are not known", use: { kind: "unknown" }, answer: AGAIN },
    { because: "the VM exists", vmId: identity(NODE).vmId, answer: AGAIN },
    { because: "no object says which VM it was", record: {}, answer: DONE },
    {
      because: "Azure does not answer",
      inspectFailure: { kind: "InstanceUnknown", nodeName: NODE } as Failure,
      answer: { ok: false, failure: { kind: "InstanceUnknown", nodeName: NODE } as Failure },
    },
    { because: "nodes attach by themselves", attach: "driver", answer: DONE },
    {
      because: "another one has its name by now",
      during: ({ attached }) => attached.set(NAME, aClusterAttachment(NODE, { uid: "another" })),
      answer: AGAIN,
    },
    {
      because: "it has changed since it was read",
      during: ({ attached }) => attached.set(NAME, aClusterAttachment(NODE, { version: "2" })),
      answer: AGAIN,
    },
  ];
  for (const { because, answer, ...situation } of kept)
    it(`keeps it where ${because}`, () =>
      withControllerPorts(async (world) => {
        assert.deepEqual(await examined(world, situation), { answer, isDeleted: false, events: [] });
      }));

  it("asks nothing while the cache shows a user", () =>
    withControllerPorts(async (world) => {
      const users = { ...world.ports.users, cachedOn: () => ({ kind: "used", users: ["db-0"] }) as const };
      const ports = { ...world, ports: { ...world.ports, users } };
      const { answer, isDeleted } = await examined(ports, {});
      assert.deepEqual([answer, isDeleted, world.asked], [DONE, false, 0]);
    }));

  it("is woken for nodes that are gone and have attachments", () =>
    withControllerPorts(async (world) => {
      const of = (attach: "kubernetes" | "driver", attachment: Partial<ClusterAttachment> = {}) => ({
        ...world.ports,
        attach,
        clusterVolumes: aCluster([], [aClusterAttachment(NODE, attachment), aClusterAttachment("node-b")]),
      });
      assert.equal(mayHaveOrphans(of("kubernetes"), NODE), false, "it exists");
      world.gone.add(NODE);
      assert.equal(mayHaveOrphans(of("kubernetes"), NODE), true);
      assert.equal(mayHaveOrphans(of("kubernetes", { isTerminating: true }), NODE), false);
      assert.equal(mayHaveOrphans(of("driver"), NODE), false);
      assert.deepEqual([...nodesWithOrphans(of("kubernetes"))], [NODE]);
      assert.deepEqual([...nodesWithOrphans(of("driver"))], []);
    }));
});
