import type { Failure } from "../../../core/failure/failure.ts";
import type { Result } from "../../../core/failure/result.ts";
import { fail, ok } from "../../../core/failure/result.ts";
import { sameJson } from "../../../core/primitives/same-json.ts";
import type { FreezeMark, NodeCheckpoints, VolumeCheckpoint } from "../../../ports/host/node-checkpoints.ts";
import type { CallLane } from "../call-lane.ts";
import type { CheckpointFile } from "./parse-node-checkpoints.ts";

/** A device number recorded before the machine's restart means nothing for its present devices. */
export function afterBoot(content: CheckpointFile, bootId: string): CheckpointFile {
  const isSameBoot = content.bootId === undefined || content.bootId === bootId;
  return {
    ...content,
    bootId,
    // A machine starts with no file system frozen.
    freezes: isSameBoot ? content.freezes : undefined,
    volumes: isSameBoot
      ? content.volumes
      : content.volumes.map((checkpoint) => ({ ...checkpoint, majorMinor: undefined })),
  };
}

/** What a new content of the checkpoints is for. */
export interface CheckpointChange {
  /**
   * Whether it adds a volume, a target or the mark of a freeze. All else has to be possible where there is no
   * free space, so what adds has to leave room for it.
   */
  readonly adds: boolean;
}

/**
 * What a change of the checkpoints does. `removes`: nothing but that. `evidence`: of a rollback,
 * which a node without a writable disk needs as well.
 */
type Effect = "adds" | "removes" | "evidence" | "other";

const noAnswer: Failure = { kind: "HostNotReady", detail: "the disk does not answer" };

/** How checkpoints are written. */
export interface CheckpointWrites {
  /** One write after the other. */
  readonly lane: CallLane;
  /** What is answered while a write does not return; left out where the lane's calls may take any time. */
  readonly late?: Failure;
  /** Why the disk takes no change from the start. */
  readonly unwritten?: Failure | undefined;
}

/**
 * Checkpoints that begin with `first`; `replace` makes a new content durable before it answers success. What
 * only removes, and evidence of a rollback, counts from the call on, also where it can't be made durable: the
 * next change that is written has it. A plug-in that starts before that finds what one finds that was killed
 * right before the change. A removal has then succeeded.
 */
export function createDurableCheckpoints(
  first: CheckpointFile,
  replace: (content: CheckpointFile, change: CheckpointChange) => Promise<Result<void>>,
  { lane, late = noAnswer, unwritten: firstUnwritten }: CheckpointWrites,
): NodeCheckpoints {
  let present = first;
  let unwritten = firstUnwritten;

  /** One change after the other, each on top of the previous content. */
  const change = async (
    revise: (current: CheckpointFile) => CheckpointFile,
    signal: AbortSignal,
    effectOn: (current: CheckpointFile) => Effect = () => "other",
  ): Promise<Result<void>> => {
    let settled: Result<void> | undefined;
    const settle = (content: CheckpointFile, effect: Effect, replaced: Result<void>): Result<void> => {
      if (replaced.ok) unwritten = undefined;
      // All else may still be written without the room that an addition has to leave.
      else if (effect !== "adds" || replaced.failure.kind !== "CheckpointsFull") unwritten = replaced.failure;
      if (replaced.ok || effect === "removes" || effect === "evidence") present = content;
      return (settled = effect === "removes" ? ok(undefined) : replaced);
    };
    if (signal.aborted) return fail({ kind: "Cancelled" });
    const written = await lane.run(async (isLate): Promise<Result<void>> => {
      if (signal.aborted) return fail({ kind: "Cancelled" });
      const [content, effect] = [revise(present), effectOn(present)];
      const replaced = await replace(content, { adds: effect === "adds" });
      // Its caller has an answer. What is on the disk now is what a plug-in leaves that is killed right here.
      return isLate() ? replaced : settle(content, effect, replaced);
    });
    if (written.kind === "done") return written.value;
    return settled ?? settle(revise(present), effectOn(present), fail(late));
  };

  return {
    unwritten: () => unwritten,
    volumes: () => present.volumes,
    put: (checkpoint, signal) =>
      change(
        (current) => ({
          ...current,
          volumes: [...withoutCheckpoint(current.volumes, checkpoint.volumeName), checkpoint].toSorted(
            byName,
          ),
        }),
        signal,
        ({ volumes }) => effectOf(volumes, checkpoint),
      ),
    remove: async (volumeName, signal) =>
      await change(
        (current) => ({ ...current, volumes: withoutCheckpoint(current.volumes, volumeName) }),
        signal,
        () => "removes",
      ),
    freezes: () => present.freezes ?? [],
    putFreeze: (mark, signal) =>
      change(
        (current) => ({ ...current, freezes: [...withoutFreeze(current, mark.volumeName), mark] }),
        signal,
        () => "adds",
      ),
    removeFreeze: (volumeName, signal) =>
      change(
        (current) => ({ ...current, freezes: withoutFreeze(current, volumeName) }),
        signal,
        () => "removes",
      ),
    heartbeat: () => present.heartbeat,
    heartbeatVmId: () => present.heartbeatVmId,
    heartbeatNodeName: () => present.heartbeatNodeName,
    putHeartbeat: ({ heartbeat, vmId, nodeName }, signal) =>
      change(
        // A try of the disk, whose number was read before, may come after a heartbeat.
        ({ heartbeatNodeName: _, ...current }) => ({
          ...current,
          heartbeat: Math.max(current.heartbeat, heartbeat),
          heartbeatVmId: vmId,
          ...(nodeName === undefined ? {} : { heartbeatNodeName: nodeName }),
        }),
        signal,
        () => "evidence",
      ),
    rollbackIncarnation: () => present.rollbackIncarnation,
    putRollback: (incarnation, signal) =>
      change(
        (current) => ({ ...current, rollbackIncarnation: incarnation }),
        signal,
        () => "evidence",
      ),
  };
}

function effectOf(volumes: readonly VolumeCheckpoint[], checkpoint: VolumeCheckpoint): Effect {
  const earlier = volumes.find(({ volumeName }) => volumeName === checkpoint.volumeName);
  if (earlier === undefined || checkpoint.targetPaths.length > earlier.targetPaths.length) return "adds";
  const isLess =
    checkpoint.targetPaths.every((path) => earlier.targetPaths.includes(path)) &&
    sameJson({ ...earlier, ...checkpoint, targetPaths: earlier.targetPaths }, earlier);
  return isLess ? "removes" : "other";
}

function withoutCheckpoint(
  volumes: readonly VolumeCheckpoint[],
  volumeName: string,
): readonly VolumeCheckpoint[] {
  return volumes.filter((checkpoint) => checkpoint.volumeName !== volumeName);
}

function withoutFreeze({ freezes = [] }: CheckpointFile, volumeName: string): readonly FreezeMark[] {
  return freezes.filter((mark) => mark.volumeName !== volumeName);
}

function byName(a: VolumeCheckpoint, b: VolumeCheckpoint): number {
  return a.volumeName < b.volumeName ? -1 : 1;
}
