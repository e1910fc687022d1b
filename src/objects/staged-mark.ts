import type { AzVolumeAttachment } from "../core/api/az-volume-attachment.ts";
import type { NodeIdentity } from "../core/api/identity/node-identity.ts";
import { earlierVmOf } from "../core/attachment/attachment-state.ts";
import type { Result } from "../core/failure/result.ts";
import type { Steps } from "../ports/steps.ts";
import type { ObjectStore } from "../ports/store/object-store.ts";
import { namedAttachment } from "./named-attachment.ts";
import { changeSpec } from "./update-object.ts";

/**
 * Takes back the mark that a node may have staged a volume that several nodes may write. Only that node does,
 * once nothing of the volume is left there: controllers set the mark where they withdraw its request, make
 * its attachment without one, or find that the store was rolled back. Another machine under the node's name
 * leaves it: nothing there shows what the first one has. Fails with `ObjectNotFound` without an
 * attachment.
 */
export function takeBackStaged(
  ports: { readonly store: ObjectStore; readonly steps: Steps },
  { volumeId, node }: { readonly volumeId: string; readonly node: NodeIdentity },
  signal: AbortSignal,
): Promise<Result<AzVolumeAttachment>> {
  const target = namedAttachment({ diskUri: volumeId, nodeName: node.nodeName });
  return ports.steps.run("withdraw", () =>
    changeSpec(
      ports.store,
      target,
      (present) =>
        present.spec.staged === true && earlierVmOf(present, node) === undefined
          ? withoutStaged(present)
          : undefined,
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
