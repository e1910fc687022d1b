import type { Failure } from "../../../core/failure/failure.ts";
import type { Result } from "../../../core/failure/result.ts";
import { fail, ok } from "../../../core/failure/result.ts";
import type { NodeNotes, VolumeNote } from "../../../ports/host/node-checkpoints.ts";
import type { NotesContent } from "./parse-node-checkpoints.ts";

/** What was noted before the machine was started again says nothing of the devices that it has now. */
export function afterBoot(content: NotesContent, bootId: string): NotesContent {
  const isSameBoot = content.bootId === undefined || content.bootId === bootId;
  return { ...content, bootId, volumes: isSameBoot ? content.volumes : content.volumes.map((note) => ({ ...note, majorMinor: undefined })) };
}

/** Notes that begin with `first`; `replace` makes a new content durable before it resolves, or rejects. */
export function createDurableNotes(first: NotesContent, replace: (content: NotesContent) => Promise<void>): NodeNotes {
  let durable = first;
  let lastWrite: Promise<unknown> = Promise.resolve();

  /** One change after the other, each on top of what the one before it made durable. */
  const change = async (revise: (current: NotesContent) => NotesContent, signal: AbortSignal): Promise<Result<void, Failure>> => {
    const written = lastWrite.then(async (): Promise<Result<void, Failure>> => {
      if (signal.aborted) return fail({ kind: "Cancelled" });
      const content = revise(durable);
      try {
        await replace(content);
      } catch (error) {
        return fail({ kind: "HostNotReady", detail: error instanceof Error ? error.message : String(error) });
      }
      durable = content;
      return ok(undefined);
    });
    lastWrite = written;
    return await written;
  };

  return {
    volumes: () => durable.volumes,
    put: (note, signal) => change((current) => ({ ...current, volumes: [...withoutNote(current.volumes, note.volumeName), note].toSorted(byName) }), signal),
    remove: async (volumeName, signal) => await change((current) => ({ ...current, volumes: withoutNote(current.volumes, volumeName) }), signal),
    heartbeat: () => durable.heartbeat,
    putHeartbeat: (heartbeat, signal) => change((current) => ({ ...current, heartbeat }), signal),
    doubtedGeneration: () => durable.doubtedGeneration,
    putDoubt: (generation, signal) => change((current) => ({ ...current, doubtedGeneration: generation }), signal),
  };
}

function withoutNote(volumes: readonly VolumeNote[], volumeName: string): readonly VolumeNote[] {
  return volumes.filter((note) => note.volumeName !== volumeName);
}

function byName(a: VolumeNote, b: VolumeNote): number {
  return a.volumeName < b.volumeName ? -1 : 1;
}
