import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AzVolumeAttachment } from "../../../core/api/az-volume-attachment.ts";
import type { AzVolume } from "../../../core/api/az-volume.ts";
import { ATTACHMENT_FINALIZER } from "../../../core/api/finalizers.ts";
import { describeFailure } from "../../../core/failure/describe-failure.ts";
import { fail, ok } from "../../../core/failure/result.ts";
import type { VolumeUse } from "../../../core/schedule/volume-use.ts";
import { aLease } from "../../../core/testing/a-lease.ts";
import { aReplica, attachmentName, aVolume, diskUri, leaving } from "../../../core/testing/objects.ts";
import { correctStaged } from "../../../objects/staged-mark.ts";
import type { NodePresence } from "../../../ports/cluster/cluster-volumes.ts";
import type { Reconciled } from "../../../runtime/queue/control-loop.ts";
import { type ReconcileWorld, withControllerPorts } from "../../testing/a-controller.ts";
import { aDriverNode } from "../../testing/a-driver-node.ts";
import { anInstance } from "../../testing/an-instance.ts";
import { must } from "../../testing/settled.ts";
import { attachmentReconciler } from "../attachment-reconciler.ts";

const never = new AbortController().signal;
const running = { kind: "used", users: ["pod default/db-0"] } as const;
const waiting = { ...running, areWaiting: true } as const;

interface PastCache {
  readonly use: VolumeUse;
  readonly isOutOfService?: boolean;
  readonly presence?: NodePresence;
  /** Whether there is an orchestrator that has VolumeAttachments. */
  readonly knowsAttachments?: boolean;
}

/**
 * A replica of a volume that several nodes write is being deleted, and the cache shows no pod on its node.
 * Answers one pass over its attachment.
 */
async function leave(
  world: ReconcileWorld,
  {
    pastCache: { use, isOutOfService = false, presence = "present", knowsAttachments = true },
    volume = {},
    status = {},
    storeIncarnation = 0,
    asked = async () => undefined,
  }: {
    readonly pastCache: PastCache;
    readonly volume?: Partial<AzVolume["spec"]>;
    readonly status?: Partial<NonNullable<AzVolumeAttachment["status"]>>;
    /** In which store incarnation its node has compared its volumes. */
    readonly storeIncarnation?: number;
    /** What happens while its pods are asked for. */
    readonly asked?: () => Promise<unknown>;
  },
): Promise<Reconciled> {
  const { record: _, ...provisioned } = aVolume().status ?? assert.fail("no status");
  const capabilities = [{ accessMode: "MULTI_NODE_MULTI_WRITER", accessType: "block" }] as const;
  await world.given("AzDriverNode", aDriverNode("node-a", { storeIncarnation }));
  await world.given("AzVolume", { ...aVolume({ spec: { capabilities, ...volume } }), status: provisioned });
  const metadata = { finalizers: [ATTACHMENT_FINALIZER] };
  await world.given("AzVolumeAttachment", leaving(aReplica("node-a", { metadata, status })));
  world.attachedTo.add("node-a");
  const { users, clusterVolumes, cloud } = world.ports;
  const ports = {
    ...world.ports,
    users: {
      ...users,
      on: async () => {
        await asked();
        return use;
      },
      isOutOfService: async () => isOutOfService,
    },
    clusterVolumes: { ...clusterVolumes, knowsAttachments, nodePresence: async () => presence },
    cloud: {
      ...cloud,
      inspectInstance: async () =>
        ok(anInstance("node-a", { dataDisks: [{ diskUri, lun: 4, beingDetached: false }] })),
    },
  };
  return world.answerOf(attachmentReconciler(ports).reconcile(attachmentName("node-a"), never));
}

/** Its attachment, and where the disk is. */
function shown(world: ReconcileWorld): readonly unknown[] {
  const present = world.attachment("node-a");
  return [
    present?.spec.role,
    present?.metadata.deletionTimestamp !== undefined,
    present?.status?.state,
    [...world.attachedTo],
  ];
}

const detached = [undefined, false, undefined, []];
const kept = ["Replica", true, "Attached", ["node-a"]];
const recreated = ["Primary", false, undefined, ["node-a"]];

describe("detach of a replica of several writers whose pod the cache does not show", () => {
  const rows: readonly (readonly [string, PastCache, readonly unknown[]])[] = [
    ["recreates it where a pod runs there", { use: running }, recreated],
    ["detaches it where no pod is there", { use: { kind: "unused" } }, detached],
    ["detaches it where a pod there only waits", { use: waiting }, detached],
    [
      "detaches it where no orchestrator could say",
      { use: { kind: "unknown" }, knowsAttachments: false },
      detached,
    ],
    ["detaches it from a node out of service", { use: running, isOutOfService: true }, detached],
    ["detaches it from a node that is gone", { use: running, presence: "gone" }, detached],
  ];
  for (const [what, pastCache, expected] of rows)
    it(what, () =>
      withControllerPorts(async (world) => {
        await leave(world, { pastCache });
        assert.deepEqual(shown(world), expected);
      }),
    );

  it("keeps it where it is not known whether a pod does, and says why", () =>
    withControllerPorts(async (world) => {
      const use = { kind: "unknown", because: "claim default/data is being made again" } as const;
      const answered = await leave(world, { pastCache: { use } });
      const what = "it to be known whether a pod on node-a uses it: claim default/data is being made again";
      const failure = { kind: "StillWaiting", volumeId: diskUri, what } as const;
      assert.deepEqual(answered, fail(failure));
      assert.deepEqual(shown(world), kept);
      assert.deepEqual(
        world.emitted.map(({ reason, message }) => [reason, message]),
        [["DetachFailed", `detach from node-a has not begun: ${describeFailure(failure)}`]],
      );
    }));

  it("makes it again as a replica until its node has seen the restored store", () =>
    withControllerPorts(async (world) => {
      world.ports.leaseHighWaterMark.saw(aLease({ counter: 0, incarnation: 1 }));
      await leave(world, { pastCache: { use: { kind: "unused" } } });
      assert.deepEqual(shown(world), ["Replica", false, undefined, ["node-a"]]);
    }));

  it("detaches it once its node has", () =>
    withControllerPorts(async (world) => {
      world.ports.leaseHighWaterMark.saw(aLease({ counter: 0, incarnation: 1 }));
      await leave(world, { pastCache: { use: { kind: "unused" } }, storeIncarnation: 1 });
      assert.deepEqual(shown(world), detached);
    }));

  it("keeps it where it was marked as staged since, unless its node is lost", async () => {
    const leaveMarked = async (isOutOfService: boolean): Promise<unknown> => {
      let left: unknown;
      await withControllerPorts(async (world) => {
        const where = { volumeId: diskUri, nodeName: "node-a" };
        const asked = (): Promise<unknown> => must(correctStaged(world.ports, where, true, never));
        await leave(world, { pastCache: { use: { kind: "unused" }, isOutOfService }, asked });
        left = shown(world);
      });
      return left;
    };
    assert.deepEqual(await leaveMarked(false), kept);
    assert.deepEqual(await leaveMarked(true), detached);
  });

  it("takes an earlier detach back first", () =>
    withControllerPorts(async (world) => {
      const status = { state: "Detaching", attempt: "mark-1", lun: 0 } as const;
      await leave(world, { pastCache: { use: running }, status });
      assert.deepEqual(shown(world), kept);
      assert.equal(world.attachment("node-a")?.status?.lun, 4);
    }));

  it("waits for the pod where the volume is being deleted", () =>
    withControllerPorts(async (world) => {
      const volume = { deleteRequested: true };
      await leave(world, { pastCache: { use: running }, volume });
      assert.deepEqual(shown(world), kept);
    }));
});
