import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AttachmentStatus } from "../../../core/api/az-volume-attachment.ts";
import type { AzVolume } from "../../../core/api/az-volume.ts";
import { ATTACHMENT_FINALIZER } from "../../../core/api/finalizers.ts";
import { ok } from "../../../core/failure/result.ts";
import { ATTACHMENTS_UNMARKED } from "../../../core/rollback/attachments-unmarked.ts";
import { aReplica, attachmentName, aVolume, diskUri, leaving } from "../../../core/testing/objects.ts";
import { must } from "../../../core/testing/value-of.ts";
import { asStaged } from "../../../objects/staged-mark.ts";
import { changeSpec } from "../../../objects/update-object.ts";
import { type ReconcileWorld, withControllerPorts } from "../../testing/a-controller.ts";
import { aDriverNode } from "../../testing/a-driver-node.ts";
import { anInstance } from "../../testing/an-instance.ts";
import { attachmentReconciler } from "../attachment-reconciler.ts";

const never = new AbortController().signal;

interface Leaving {
  /** What the cache shows of the mark that its node has staged the volume. */
  readonly staged?: true;
  /** As an older backup shows it: a primary without a request. */
  readonly role?: "Primary";
  /** Whether another controller marks it once the detach is planned. */
  readonly isMarkedLate?: boolean;
  readonly isOutOfService?: boolean;
  readonly isGone?: boolean;
  /** Whether the last rebuild could not mark each attachment. */
  readonly isUnmarked?: boolean;
  readonly volume?: Partial<AzVolume["spec"]>;
  readonly status?: Partial<AttachmentStatus>;
}

/** One pass over the attachment of a replica that is being deleted, of a volume that several nodes write. */
async function leave(
  world: ReconcileWorld,
  {
    staged,
    role,
    isMarkedLate = false,
    isOutOfService = false,
    isGone = false,
    isUnmarked = false,
    volume = {},
    status = {},
  }: Leaving,
): Promise<void> {
  const { record: _, ...provisioned } = aVolume().status ?? assert.fail("no status");
  const capabilities = [{ accessMode: "MULTI_NODE_MULTI_WRITER", accessType: "block" }] as const;
  const unmarked = {
    type: ATTACHMENTS_UNMARKED,
    status: "True",
    reason: "Refused",
    message: "",
    lastTransitionTime: "2026-01-01T00:00:00.000Z",
  } as const;
  const conditions = isUnmarked ? [unmarked] : [];
  await world.given("AzDriverNode", aDriverNode("node-a"));
  await world.given("AzVolume", {
    ...aVolume({ spec: { capabilities, ...volume } }),
    status: { ...provisioned, conditions },
  });
  const metadata = { finalizers: [ATTACHMENT_FINALIZER] };
  const spec = {
    ...(staged === undefined ? {} : { staged }),
    ...(role === undefined ? {} : { role, writerRequest: undefined }),
  };
  await world.given("AzVolumeAttachment", leaving(aReplica("node-a", { metadata, spec, status })));
  world.attachedTo.add("node-a");
  if (isOutOfService) world.outOfService.add("node-a");
  if (isGone) world.gone.add("node-a");
  const { users, clusterVolumes, cloud } = world.ports;
  const mark = (): Promise<unknown> => {
    const target = { kind: "AzVolumeAttachment", name: attachmentName("node-a") } as const;
    return must(changeSpec(world.other, target, asStaged, never));
  };
  const ports = {
    ...world.ports,
    users: {
      ...users,
      // Asked between the plan of a detach and its mark.
      isOutOfService: async () => {
        if (isMarkedLate) await mark();
        return isOutOfService;
      },
    },
    clusterVolumes: {
      ...clusterVolumes,
      nodePresence: async () => (isGone ? ("gone" as const) : ("present" as const)),
    },
    cloud: {
      ...cloud,
      inspectInstance: async () =>
        ok(anInstance("node-a", { dataDisks: [{ diskUri, lun: 4, beingDetached: false }] })),
    },
  };
  await world.answerOf(attachmentReconciler(ports).reconcile(attachmentName("node-a"), never));
}

/** Its attachment, and where the disk is. */
function shown(world: ReconcileWorld): readonly unknown[] {
  const present = world.attachment("node-a");
  return [
    present?.spec.role,
    present?.spec.staged === true,
    present?.metadata.deletionTimestamp !== undefined,
    present?.status?.state,
    [...world.attachedTo],
  ];
}

const detached = [undefined, false, false, undefined, []];
const kept = ["Replica", true, true, "Attached", ["node-a"]];

describe("detach of a replica, where several nodes write", () => {
  const rows: readonly (readonly [string, Leaving, readonly unknown[]])[] = [
    ["detaches it where its node has unstaged the volume", {}, detached],
    [
      "makes it again, with its mark, where its node has not",
      { staged: true },
      ["Replica", true, false, undefined, ["node-a"]],
    ],
    [
      "does so also where an older backup shows it as a primary",
      { staged: true, role: "Primary" },
      ["Replica", true, false, undefined, ["node-a"]],
    ],
    ["keeps it where it is marked since its plan", { isMarkedLate: true }, kept],
    ["detaches it from a node out of service", { staged: true, isOutOfService: true }, detached],
    [
      "detaches it from such a node where it is marked since",
      { isMarkedLate: true, isOutOfService: true },
      detached,
    ],
    ["detaches it from a node that is gone", { staged: true, isGone: true }, detached],
    [
      "waits for its node where the volume is being deleted",
      { staged: true, volume: { deleteRequested: true } },
      kept,
    ],
    [
      "keeps it while a rebuild can't mark each attachment of the volume",
      { isUnmarked: true },
      ["Replica", false, true, "Attached", ["node-a"]],
    ],
  ];
  for (const [what, given, expected] of rows)
    it(what, () =>
      withControllerPorts(async (world) => {
        await leave(world, given);
        assert.deepEqual(shown(world), expected);
      }),
    );

  it("takes an earlier detach back first", () =>
    withControllerPorts(async (world) => {
      await leave(world, { staged: true, status: { state: "Detaching", attempt: "mark-1", lun: 0 } });
      assert.deepEqual(shown(world), kept);
      assert.equal(world.attachment("node-a")?.status?.lun, 4);
    }));
});
