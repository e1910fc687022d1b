import { FREEZE_DETAIL_MAX_CHARS } from "../../core/api/attachment-bounds.ts";
import type { AttachmentStatus, AzVolumeAttachment } from "../../core/api/az-volume-attachment.ts";
import { LUNS_MAX } from "../../core/azure/choose-luns.ts";
import { describeFailure } from "../../core/failure/describe-failure.ts";
import { unreachable } from "../../core/failure/invariant.ts";
import { ok, type Result } from "../../core/failure/result.ts";
import { type FreezeAction, planFreeze, whyReleased } from "../../core/node/plan-freeze.ts";
import { changeStatus } from "../../objects/update-object.ts";
import type { Reconciler } from "../../runtime/queue/control-loop.ts";
import type { NodePorts } from "../node-ports.ts";
import { checkpointOf, ownAttachment } from "../own-state.ts";
import { reportWritesLost } from "../unmount-volume.ts";

const MS_PER_SECOND = 1_000;
/** Actions of one pass: freeze and answer, or thaw and answer. */
const ACTIONS_MAX = 4;

type Answer = NonNullable<AttachmentStatus["freeze"]>;

/** A staged file system. */
interface Mount {
  readonly path: string;
  readonly majorMinor: string;
}

/**
 * A freeze of this process: when it ends at the latest, by the clock's elapsed time, or, once it is thawed,
 * its answer. A second thaw would find nothing held, and the snapshot would be lost with the first answer.
 */
type OwnFreeze =
  | { readonly id: string; readonly untilMs: number }
  | { readonly id: string; readonly answer: Answer };

/**
 * Freezes file systems for the moment of a snapshot, as the controller asks, and thaws them. It waits for
 * no call of the same volume: each of them thaws first what it would have to wait for.
 */
export function freezeReconciler(ports: NodePorts): Reconciler {
  const own = new Map<string, OwnFreeze>();
  return {
    name: "freezes",
    // A disk that does not answer keeps a worker: those of the others have theirs.
    workers: LUNS_MAX,
    backoff: { baseMs: 200, maxMs: 5_000 },
    reconcile: async (volumeName, signal) => {
      for (let actions = 0; actions < ACTIONS_MAX; actions += 1) {
        const done = await reconcileOnce(ports, own, volumeName, signal);
        if (!done.ok) return done;
        if (done.value !== "again") return ok(done.value);
      }
      return ok({ requeueAfterMs: 0 });
    },
  };
}

async function reconcileOnce(
  ports: NodePorts,
  own: Map<string, OwnFreeze>,
  volumeName: string,
  signal: AbortSignal,
): Promise<Result<{ readonly requeueAfterMs?: number } | "again">> {
  const cached = ownAttachment(ports, volumeName);
  const mark = ports.checkpoints.freezes().find((other) => other.volumeName === volumeName);
  if (mark === undefined && !isOpen(cached)) return ok({});
  const read =
    cached === undefined
      ? undefined
      : await ports.store.get("AzVolumeAttachment", cached.metadata.name, signal);
  if (read?.ok === false && read.failure.kind !== "ObjectNotFound") return read;
  const attachment = read?.ok === true ? read.value : undefined;
  const mount = await freezable(ports, volumeName, signal);
  if (!mount.ok) return mount;
  const freeze = own.get(volumeName);
  const action = planFreeze({
    request: attachment?.spec.freeze,
    answer: attachment?.status?.freeze,
    markedId: mark?.id,
    own:
      freeze === undefined || freeze.id !== mark?.id || "answer" in freeze
        ? undefined
        : { leftMs: freeze.untilMs - ports.clock.elapsedMs() },
    obstacle:
      (attachment === undefined ? undefined : whyReleased(attachment)) ??
      (typeof mount.value === "string" ? mount.value : undefined),
  });
  if (action.kind === "None") return ok({});
  if (action.kind === "WaitForEnd") return ok({ requeueAfterMs: action.forMs });
  const done = await execute(ports, own, { volumeName, attachment, mount: mount.value }, action, signal);
  return done.ok ? ok("again") : done;
}

interface Target {
  readonly volumeName: string;
  readonly attachment: AzVolumeAttachment | undefined;
  readonly mount: Mount | string;
}

async function execute(
  ports: NodePorts,
  own: Map<string, OwnFreeze>,
  target: Target,
  action: Exclude<FreezeAction, { readonly kind: "None" | "WaitForEnd" }>,
  signal: AbortSignal,
): Promise<Result<unknown>> {
  const { volumeName, attachment, mount } = target;
  switch (action.kind) {
    case "Freeze": {
      if (typeof mount === "string") return ok(undefined);
      const limitMs = action.seconds * MS_PER_SECOND;
      const mark = { volumeName, id: action.id, ...mount };
      const frozen = await ports.steps.run("freeze", async () => {
        const marked = await ports.checkpoints.putFreeze(mark, signal);
        if (!marked.ok) return marked;
        own.set(volumeName, { id: action.id, untilMs: ports.clock.elapsedMs() + limitMs });
        return ports.host.freeze({ ...mount, limitMs }, signal);
      });
      if (frozen.ok) return frozen;
      own.delete(volumeName);
      const detail = describeFailure(frozen.failure).slice(0, FREEZE_DETAIL_MAX_CHARS);
      const answer = { id: action.id, state: "Refused", detail } as const;
      const { kind } = frozen.failure;
      // The next flush reports it no more, nor the unmount.
      if (kind === "WritesLost") await reportWritesLost(ports, volumeName, frozen.failure.detail, signal);
      if (kind === "DeviceBusy" || kind === "WritesLost") {
        // A backup's hook may have frozen it: with the mark, a later thaw would end that.
        const dropped = await ports.checkpoints.removeFreeze(volumeName, signal);
        return dropped.ok ? answerFreeze(ports, attachment, answer, signal) : dropped;
      }
      return endFreeze(ports, own, { volumeName, attachment, answerOf: () => answer }, signal);
    }
    case "Answer":
      return answerFreeze(ports, attachment, action.answer, signal);
    case "Thaw": {
      const { id, ifHeld } = action;
      const answerOf = (held: boolean): Answer => ({ id, state: held ? ifHeld : "Lost" });
      return endFreeze(ports, own, { volumeName, attachment, answerOf }, signal);
    }
    default:
      return unreachable(action);
  }
}

/** Thaws, answers unless it has answered already, and drops the mark last of all. */
async function endFreeze(
  ports: NodePorts,
  own: Map<string, OwnFreeze>,
  {
    volumeName,
    attachment,
    answerOf,
  }: Pick<Target, "volumeName" | "attachment"> & { readonly answerOf: (held: boolean) => Answer },
  signal: AbortSignal,
): Promise<Result<void>> {
  const ended = await thawOnce(ports, own, { volumeName, answerOf }, signal);
  if (!ended.ok) return ended;
  const answer = ended.value;
  const present = attachment?.status?.freeze;
  const isAnswered = present?.id === answer.id && present.state !== "Frozen";
  const answered = isAnswered ? ok(undefined) : await answerFreeze(ports, attachment, answer, signal);
  if (!answered.ok) return answered;
  const dropped = await ports.checkpoints.removeFreeze(volumeName, signal);
  if (dropped.ok) own.delete(volumeName);
  return dropped;
}

/** Thaws what is marked, and answers how the freeze ended: the same each time, until the mark is dropped. */
async function thawOnce(
  ports: NodePorts,
  own: Map<string, OwnFreeze>,
  { volumeName, answerOf }: Pick<Target, "volumeName"> & { readonly answerOf: (held: boolean) => Answer },
  signal: AbortSignal,
): Promise<Result<Answer>> {
  const mark = ports.checkpoints.freezes().find((other) => other.volumeName === volumeName);
  const before = own.get(volumeName);
  if (before !== undefined && "answer" in before && before.id === mark?.id) return ok(before.answer);
  if (mark === undefined) return ok(answerOf(false));
  const thawed = await ports.steps.run("thaw", () => ports.host.thaw(mark, signal));
  if (!thawed.ok) return thawed;
  const answer = answerOf(thawed.value.held);
  own.set(volumeName, { id: mark.id, answer });
  return ok(answer);
}

async function answerFreeze(
  ports: NodePorts,
  attachment: AzVolumeAttachment | undefined,
  freeze: Answer,
  signal: AbortSignal,
): Promise<Result<void>> {
  if (attachment === undefined) return ok(undefined);
  const { name, uid } = attachment.metadata;
  const answered = await ports.steps.run("answer-freeze", () =>
    changeStatus(
      ports.store,
      { kind: "AzVolumeAttachment", name, uid },
      (present) =>
        present.status === undefined ? undefined : { ...present, status: { ...present.status, freeze } },
      signal,
    ),
  );
  return answered.ok || answered.failure.kind === "ObjectNotFound" ? ok(undefined) : answered;
}

/** What is staged of a volume, or why nothing can be frozen. */
async function freezable(
  ports: NodePorts,
  volumeName: string,
  signal: AbortSignal,
): Promise<Result<Mount | string>> {
  const checkpoint = checkpointOf(ports, volumeName);
  if (checkpoint === undefined) return ok(`${volumeName} is not staged on ${ports.node.nodeName}`);
  if (checkpoint.accessType === "block") return ok("a raw block volume has no file system to freeze");
  const { stagingPath: path } = checkpoint;
  const mount = await ports.host.mountAt(path, signal);
  if (!mount.ok) return mount;
  const isItsOwn = mount.value !== undefined && mount.value.majorMinor === checkpoint.majorMinor;
  if (!isItsOwn || mount.value.isDead) return ok(`nothing that can be frozen is mounted at ${path}`);
  return ok({ path, majorMinor: mount.value.majorMinor });
}

/** Whether a freeze is asked for or was answered as frozen, and is not answered to its end. */
function isOpen(attachment: AzVolumeAttachment | undefined): boolean {
  const request = attachment?.spec.freeze;
  const answer = attachment?.status?.freeze;
  return answer?.state === "Frozen" || (request !== undefined && request.id !== answer?.id);
}
