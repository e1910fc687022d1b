import type { Failure } from "../../../core/failure/failure.ts";
import type { ControllerContext } from "../controller-context.ts";

/** Of Kubernetes: external-provisioner calls DeleteVolume by the PersistentVolume's own policy. */
const RETAIN_REMEDY =
  "the disk may exist and is not deleted: to delete its PersistentVolume alone, set " +
  "persistentVolumeReclaimPolicy Retain there";

/** A failure to read the disk that is to be deleted, with what to do where the driver is never to read it. */
export function withRetainRemedy(
  failure: Failure,
  { knowsAttachments }: Pick<ControllerContext["clusterVolumes"], "knowsAttachments">,
): Failure {
  if (!knowsAttachments) return failure;
  if (failure.kind === "InvalidArgument")
    return { ...failure, problem: `${failure.problem}; ${RETAIN_REMEDY}` };
  return failure.kind === "CloudUnauthorized"
    ? { ...failure, message: `${failure.message}; ${RETAIN_REMEDY}` }
    : failure;
}
