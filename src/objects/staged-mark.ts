import type { AzVolumeAttachment } from "../core/api/az-volume-attachment.ts";
import { isRequestedPrimary } from "../core/attachment/is-requested-primary.ts";
import { isTerminating } from "../core/attachment/observed-volume.ts";
import type { Failure } from "../core/failure/failure.ts";
import { stillWaiting } from "../core/failure/frequent-failures.ts";
import type { Result } from "../core/failure/result.ts";
import type { Steps } from "../ports/steps.ts";
import type { ObjectStore } from "../ports/store/object-store.ts";
import { namedAttachment } from "./named-attachment.ts";
import { changeSpec } from "./update-object.ts";

/** What a change of the mark needs. */
interface MarkPorts {
  readonly store: ObjectStore;
  readonly steps: Steps;
}

/** Whose attachment is marked. */
export interface StagedPlace {
  readonly volumeId: string;
  readonly nodeName: string;
}

/**
 * Marks a volume that several nodes may write as staged on a node, before the node stages it. One write
 * decides between a stage and a ControllerUnpublishVolume: whichever comes first, the other one finds it.
 * Fails with `StillWaiting` where the volume is not requested there any more, and with `ObjectNotFound`
 * without an attachment. Reads it past the cache: the node's own earlier mark may be gone.
 */
export async function markStaged(
  ports: MarkPorts,
  { volumeId, nodeName }: StagedPlace,
  signal: AbortSignal,
): Promise<Result<AzVolumeAttachment, Failure>> {
  const target = namedAttachment({ diskUri: volumeId, nodeName });
  const marked = await ports.steps.run("request", () =>
    changeSpec(ports.store, target, (present) => (mayStage(present) ? asStaged(present) : undefined), signal),
  );
  return !marked.ok || mayStage(marked.value)
    ? marked
    : stillWaiting(
        volumeId,
        `the volume to be requested for ${nodeName} again: it has been unpublished there`,
      );
}

function mayStage(attachment: AzVolumeAttachment): boolean {
  return isRequestedPrimary(attachment) && !isTerminating(attachment);
}

/**
 * Sets the mark, or takes it back, by what the node finds of the volume on itself. Fails with
 * `ObjectNotFound` without an attachment.
 */
export function correctStaged(
  ports: MarkPorts,
  { volumeId, nodeName }: StagedPlace,
  isStaged: boolean,
  signal: AbortSignal,
): Promise<Result<AzVolumeAttachment, Failure>> {
  const target = namedAttachment({ diskUri: volumeId, nodeName });
  const correct = isStaged ? asStaged : withoutMark;
  return ports.steps.run(isStaged ? "request" : "withdraw", () =>
    changeSpec(ports.store, target, correct, signal),
  );
}

/** The attachment with the mark; undefined: it has it. */
export function asStaged(present: AzVolumeAttachment): AzVolumeAttachment | undefined {
  return present.spec.staged === true ? undefined : { ...present, spec: { ...present.spec, staged: true } };
}

/** The attachment without the mark. */
export function withoutStaged(present: AzVolumeAttachment): AzVolumeAttachment {
  const { staged: _, ...spec } = present.spec;
  return { ...present, spec };
}

function withoutMark(present: AzVolumeAttachment): AzVolumeAttachment | undefined {
  return present.spec.staged === true ? withoutStaged(present) : undefined;
}
