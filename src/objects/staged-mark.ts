import type { AzVolumeAttachment } from "../core/api/az-volume-attachment.ts";
import type { Result } from "../core/failure/result.ts";
import type { Steps } from "../ports/steps.ts";
import type { ObjectStore } from "../ports/store/object-store.ts";
import { namedAttachment } from "./named-attachment.ts";
import { changeSpec } from "./update-object.ts";

/**
 * Takes back the mark that a node may have staged a volume that several nodes may write. Only that node does,
 * once nothing of the volume is left there: controllers set the mark where they withdraw its request, make
 * its attachment without one, or find that the store was rolled back. Fails with `ObjectNotFound` without an
 * attachment.
 */
export function takeBackStaged(
  ports: { readonly store: ObjectStore; readonly steps: Steps },
  { volumeId, nodeName }: { readonly volumeId: string; readonly nodeName: string },
  signal: AbortSignal,
): Promise<Result<AzVolumeAttachment>> {
  const target = namedAttachment({ diskUri: volumeId, nodeName });
  return ports.steps.run("withdraw", () =>
    changeSpec(
      ports.store,
      target,
      (present) => (present.spec.staged === true ? withoutStaged(present) : undefined),
      signal,
    ),
  );
}

/** The attachment with the mark; undefined: it has it. */
export function asStaged(present: AzVolumeAttachment): AzVolumeAttachment | undefined {
  return present.spec.staged === true ? undefined : { ...present, spec: { ...present.spec, staged: true } };
}

export function withoutStaged(present: AzVolumeAttachment): AzVolumeAttachment {
  const { staged: _, ...spec } = present.spec;
  return { ...present, spec };
}
