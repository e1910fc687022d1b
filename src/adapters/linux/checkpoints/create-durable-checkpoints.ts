import type { Failure } from "../../../core/failure/failure.ts";
import type { Result } from "../../../core/failure/result.ts";
import { fail } from "../../../core/failure/result.ts";
import type { FreezeMark, NodeCheckpoints, VolumeCheckpoint } from "../../../ports/host/node-checkpoints.ts";
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

/** Checkpoints that begin with `first`; `replace` makes a new content durable before it answers success. */
export function createDurableCheckpoints(
  first: CheckpointFile,
  replace: (content: CheckpointFile, change: CheckpointChange) => Promise<Result<void, Failure>>,
): NodeCheckpoints {
  let durable = first;
  let lastWrite: Promise<unknown> = Promise.resolve();

  /** One change after the other, each on top of the previous durable content. */
  const change = async (
    revise: (current: CheckpointFile) => CheckpointFile,
    signal: AbortSignal,
    adds: (current: CheckpointFile) => boolean = () => false,
  ): Promise<Result<void, Failure>> => {
    const written = lastWrite.then(async (): Promise<Result<void, Failure>> => {
      if (signal.aborted) return fail({ kind: "Cancelled" });
      const content = revise(durable);
      const replaced = await replace(content, { adds: adds(durable) });
      if (replaced.ok) durable = content;
      return replaced;
    });
    lastWrite = Promise.allSettled([written]);
    return await written;
  };

  return {
    volumes: () => durable.volumes,
    put: (checkpoint, signal) =>
      change(
        (current) => ({
          ...current,
          volumes: [...withoutCheckpoint(current.volumes, checkpoint.volumeName), checkpoint].toSorted(
            byName,
          ),
        }),
        signal,
        ({ volumes }) => addsTarget(volumes, checkpoint),
      ),
    remove: async (volumeName, signal) =>
      await change(
        (current) => ({ ...current, volumes: withoutCheckpoint(current.volumes, volumeName) }),
        signal,
      ),
    freezes: () => durable.freezes ?? [],
    putFreeze: (mark, signal) =>
      change(
        (current) => ({ ...current, freezes: [...withoutFreeze(current, mark.volumeName), mark] }),
        signal,
        () => true,
      ),
    removeFreeze: (volumeName, signal) =>
      change((current) => ({ ...current, freezes: withoutFreeze(current, volumeName) }), signal),
    heartbeat: () => durable.heartbeat,
    putHeartbeat: (heartbeat, signal) => change((current) => ({ ...current, heartbeat }), signal),
    rollbackIncarnation: () => durable.rollbackIncarnation,
    putRollback: (generation, signal) =>
      change((current) => ({ ...current, rollbackIncarnation: generation }), signal),
  };
}

function addsTarget(
  volumes: readonly VolumeCheckpoint[],
  { volumeName, targetPaths }: VolumeCheckpoint,
): boolean {
  const earlier = volumes.find((checkpoint) => checkpoint.volumeName === volumeName);
  return earlier === undefined || targetPaths.length > earlier.targetPaths.length;
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
