import type { AzVolume } from "../../../core/api/az-volume.ts";
import type { Failure } from "../../../core/failure/failure.ts";
import { fail, ok, type Result } from "../../../core/failure/result.ts";
import { changeSpec, targetOf } from "../../../objects/update-object.ts";
import type { ControllerContext } from "../controller-context.ts";

/**
 * Marks a volume as to be deleted together with its disk, and deletes its object; a finalizer holds the
 * object until the disk is gone. The mark goes first: an object deleted without it keeps its disk.
 * `objection` judges the object on the very version that receives the mark.
 */
export async function markDeleted(
  context: ControllerContext,
  volume: AzVolume,
  objection: (volume: AzVolume) => Failure | undefined,
  signal: AbortSignal,
): Promise<Result<void>> {
  const { name, uid } = volume.metadata;
  let objected: Failure | undefined;
  const mark = (present: AzVolume): AzVolume | undefined => {
    objected = objection(present);
    if (objected !== undefined || present.spec.deleteRequested) return undefined;
    return { ...present, spec: { ...present.spec, deleteRequested: true } };
  };
  const marked = await context.steps.run("mark-delete", () =>
    changeSpec(context.store, targetOf(volume), mark, signal),
  );
  if (!marked.ok) return marked.failure.kind === "ObjectNotFound" ? ok(undefined) : marked;
  if (objected !== undefined) return fail(objected);
  const deleted = await context.steps.run("mark-delete", () =>
    context.store.delete("AzVolume", name, { uid }, signal),
  );
  return deleted.ok || deleted.failure.kind === "ObjectNotFound" ? ok(undefined) : deleted;
}
