import type { AzVolume } from "../../core/api/az-volume.ts";
import { maxSharesOf, type ObservedVolume } from "../../core/attachment/observed-volume.ts";
import { planUnrequestedTime, withUnrequestedTime } from "../../core/attachment/plan-unrequested-time.ts";
import { planReplicas } from "../../core/attachment/replicas/plan-replicas.ts";
import type { ReplicaAction } from "../../core/attachment/replicas/replica-action.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { unreachable } from "../../core/failure/invariant.ts";
import { fail, ok } from "../../core/failure/result.ts";
import { sameJson } from "../../core/primitives/same-json.ts";
import { describeRejections } from "../../core/schedule/describe-rejections.ts";
import { differInMountsAlone, planConditions, withConditions } from "../../core/writer/plan-conditions.ts";
import { planWriter } from "../../core/writer/plan-writer.ts";
import type { WriterAction } from "../../core/writer/writer-action.ts";
import { ignoreNotFound } from "../../objects/ignore-not-found.ts";
import { placedReplica } from "../../objects/new-attachment.ts";
import { changeStatus } from "../../objects/update-object.ts";
import type { Reconciled, Reconciler } from "../../runtime/queue/control-loop.ts";
import { KeyPace } from "../../runtime/queue/key-pace.ts";
import { createAttachment } from "../attachment/create-attachment.ts";
import { deleteReplica } from "../attachment/removal/delete-replica.ts";
import type { WriterPorts } from "../controller-ports.ts";
import { observeVolume } from "../observe-volume.ts";
import { executeWriterAction } from "./execute-writer-action.ts";
import { labelNodes } from "./label-nodes.ts";

/** How often attachments without a visible pod are examined again, in milliseconds. Reads caches alone. */
const UNBACKED_AGAIN_MS = 1_000;
/**
 * How often a released grant is made held again, in milliseconds. A token may release it as often as it
 * likes, and the plug-in of a VM whose Node was deleted does so each time. No plan revokes it until then.
 */
const DISTRUST_AGAIN_MS = 1_000;
/**
 * How often the condition is written by which nodes' mounts are well or not, in milliseconds. A token may
 * state another as often as it likes.
 */
const MOUNT_CONDITION_AGAIN_MS = 10_000;

/**
 * Changes the writer record and keeps the replicas of a volume. Never waits for the cloud: a promotion
 * must not queue behind an attach. `onQuestion` receives volumes that require a read of a VM.
 */
export function volumeReconciler(ports: WriterPorts, onQuestion: (volumeName: string) => void): Reconciler {
  const distrusts = new KeyPace(ports.clock, DISTRUST_AGAIN_MS);
  const mountConditions = new KeyPace(ports.clock, MOUNT_CONDITION_AGAIN_MS);
  const placing = new Map<string, readonly string[]>();
  return {
    name: "volume",
    workers: 32,
    backoff: { baseMs: 50, maxMs: 10_000 },
    reconcile: (volumeName, signal) =>
      reconcileVolume({ ...ports, distrusts, mountConditions, placing }, volumeName, onQuestion, signal),
  };
}

/**
 * `distrusts`, `mountConditions`: by the name of the volume. `placing`: the nodes of replicas that are being
 * created, by the same. The volumes of one pod are planned at the same moment, before the cache shows any of
 * their replicas.
 */
type PacedPorts = WriterPorts & {
  readonly distrusts: KeyPace;
  readonly mountConditions: KeyPace;
  readonly placing: Map<string, readonly string[]>;
};

async function reconcileVolume(
  ports: PacedPorts,
  volumeName: string,
  onQuestion: (volumeName: string) => void,
  signal: AbortSignal,
): Promise<Reconciled> {
  const observed = observeVolume(ports, volumeName);
  if (observed === undefined) return ok({});
  let requeueAfterMs = hasUnbacked(ports, observed) ? UNBACKED_AGAIN_MS : Infinity;
  let failure: Failure | undefined;
  const writerActions = planWriter(observed);
  if (writerActions.some(({ kind }) => kind === "AskAzure")) onQuestion(volumeName);
  const replicaActions = planReplicas(observed);
  const passes = [
    ...writerActions.map((action) => () => executeInPace(ports, observed, action, signal)),
    ...replicaActions.map((action) => () => executeReplicaAction(ports, observed, action, signal)),
  ];
  const conditions = planConditions(observed, writerActions);
  const unrequestedTime = planUnrequestedTime(observed);
  if (conditions !== undefined || unrequestedTime !== undefined)
    passes.push(() => {
      // A step of this pass, or another loop or process, has changed the volume: the next pass plans for
      // that. A change of conditions or labels alone leads to none by itself.
      if (!isCached(ports, observed.volume)) return Promise.resolve(ok({ requeueAfterMs: 0 }));
      const record = (): Promise<Reconciled> =>
        recordStatus(ports, volumeName, { conditions, unrequestedTime }, signal);
      const present = observed.volume.status?.conditions ?? [];
      const areMountsAlone = conditions !== undefined && differInMountsAlone(present, conditions);
      return unrequestedTime === undefined && areMountsAlone
        ? ports.mountConditions.run(volumeName, record)
        : record();
    });
  // Last of all: a grant has written its label by then.
  passes.push(() => labelNodes(ports, observed, signal));
  const chosen = replicaActions.flatMap((action) => (action.kind === "CreateReplica" ? action.nodeName : []));
  if (chosen.length > 0) ports.placing.set(volumeName, chosen);
  try {
    for (const pass of passes) {
      const done = await pass();
      if (done.ok) requeueAfterMs = Math.min(requeueAfterMs, done.value.requeueAfterMs ?? Infinity);
      else failure ??= done.failure;
    }
  } finally {
    ports.placing.delete(volumeName);
  }
  if (failure !== undefined) return fail(failure);
  return ok(requeueAfterMs === Infinity ? {} : { requeueAfterMs });
}

async function executeInPace(
  ports: PacedPorts,
  observed: ObservedVolume,
  action: WriterAction,
  signal: AbortSignal,
): Promise<Reconciled> {
  const execute = (): Promise<Reconciled> => executeWriterAction(ports, observed, action, signal);
  return action.kind === "Distrust" && action.as === "writer"
    ? ports.distrusts.run(observed.volume.metadata.name, execute)
    : execute();
}

/** Whether the cache still shows this version of a volume. */
function isCached({ cache }: WriterPorts, { metadata: { name, resourceVersion } }: AzVolume): boolean {
  return cache.get("AzVolume", name)?.metadata.resourceVersion === resourceVersion;
}

/** The pod behind it may be seen soon, and not every such change triggers a reconcile. */
function hasUnbacked({ cache }: WriterPorts, observed: ObservedVolume): boolean {
  return (
    cache.byIndex("AzVolumeAttachment", "volumeName", observed.volume.metadata.name).length >
    observed.attachments.length
  );
}

/**
 * Writes the volume's status besides its record. Where it has just become unrequested, the plan is due
 * again when its replicas are.
 */
async function recordStatus(
  ports: WriterPorts,
  volumeName: string,
  planned: {
    readonly conditions: ReturnType<typeof planConditions>;
    readonly unrequestedTime: ReturnType<typeof planUnrequestedTime>;
  },
  signal: AbortSignal,
): Promise<Reconciled> {
  const recorded = await changeStatus(
    ports.store,
    { kind: "AzVolume", name: volumeName },
    (present) => {
      if (present.status === undefined) return undefined;
      const { conditions, unrequestedTime } = planned;
      const withReasons =
        conditions === undefined ? present.status : withConditions(present.status, conditions);
      const next =
        unrequestedTime === undefined ? withReasons : withUnrequestedTime(withReasons, unrequestedTime);
      return sameJson(next, present.status) ? undefined : { ...present, status: next };
    },
    signal,
  );
  if (!recorded.ok) return ignoreNotFound(recorded);
  return ok(
    planned.unrequestedTime?.unrequestedSince === undefined
      ? {}
      : { requeueAfterMs: ports.settings.pruneReplicasAfterMs },
  );
}

async function executeReplicaAction(
  ports: WriterPorts,
  observed: ObservedVolume,
  action: ReplicaAction,
  signal: AbortSignal,
): Promise<Reconciled> {
  const { events } = ports;
  const volumeName = observed.volume.metadata.name;
  switch (action.kind) {
    case "CreateReplica":
      return createReplica(ports, observed, action.nodeName, signal);
    case "DeleteAttachment":
      return deleteReplica(ports, observed, action, signal);
    case "ReplicasMissing": {
      const reasons = describeRejections(action.rejected);
      events.emit({
        about: { kind: "AzVolume", name: volumeName },
        reason: "ReplicasMissing",
        message:
          `${action.missing} of ${observed.volume.spec.maxMountReplicaCount} replicas find no node: ` +
          (reasons === "" ? `all ${maxSharesOf(observed.volume)} shares of the disk are taken` : reasons),
      });
      return ok({});
    }
    case "Requeue":
      return ok({ requeueAfterMs: action.afterMs });
    default:
      return unreachable(action);
  }
}

async function createReplica(
  ports: WriterPorts,
  observed: ObservedVolume,
  nodeName: string,
  signal: AbortSignal,
): Promise<Reconciled> {
  const { volume } = observed;
  const diskUri = volume.status?.detail?.diskUri;
  if (diskUri === undefined) return ok({});
  const volumeName = volume.metadata.name;
  const replica = placedReplica(volume, { diskUri, nodeName });
  const created = await ports.steps.run("create-replica", () => createAttachment(ports, replica, signal));
  if (!created.ok && created.failure.kind !== "ObjectAlreadyExists") return created;
  ports.logger.info("replica placed", { volumeName, nodeName });
  return ok({});
}
