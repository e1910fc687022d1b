import { remedyOfDenial } from "./denied-access.ts";
import type { FailureRows } from "./failure-row.ts";
import { listOf, quote } from "./sentence-parts.ts";

const MS_PER_SECOND = 1000;

/** Codes of the driver's own: Azure has responded, and the requested change has not taken effect yet. */
const UNDER_WAY_CODES: readonly string[] = [
  "DiskStillDetaching",
  "DiskStillAttached",
  "DiskStillOwned",
  "OperationStillRunning",
];

/** Azure refused, or what it reports forbids the step. */
export const cloudFailures = {
  DiskNotFound: {
    code: "NOT_FOUND",
    retryable: false,
    sentence: (failure) => `disk ${quote(failure.diskUri)} does not exist in Azure`,
  },
  DiskReplaced: {
    code: "FAILED_PRECONDITION",
    retryable: false,
    sentence: (failure) =>
      `disk ${quote(failure.diskUri)} is another disk than the volume's (uniqueId ${failure.shownId}, not ` +
      `${failure.uniqueId}): that was deleted outside of the driver, and this one made under its name. ` +
      "It is not attached, changed or deleted: to use it as the volume's disk from now on, delete the " +
      "AzVolume; to delete the volume, delete this disk in Azure first, or keep it: set Retain on the " +
      "PersistentVolume, delete that, then remove the AzVolume's finalizer",
  },
  DiskAttachedElsewhere: {
    code: "FAILED_PRECONDITION",
    retryable: true,
    sentence: (failure) =>
      `disk ${quote(failure.diskUri)} is attached to ${listOf(failure.attachedTo)}; it must be ` +
      "detached there first",
  },
  DiskInUse: {
    code: "FAILED_PRECONDITION",
    retryable: true,
    // The VMs last: an event ends after 700 characters, which the ids of three may fill.
    sentence: (failure) =>
      `disk ${quote(failure.diskUri)} is attached, and Azure deletes a disk, grows a shared one (and most ` +
      "others across 4,095 GiB) and changes most SKUs (all, of a disk that a VM caches) only while no VM " +
      "has it: end its use " +
      `first${untilReplicasLeave(failure)}. It is attached to ${listOf(failure.attachedTo)}`,
  },
  DiskAccessGranted: {
    code: "FAILED_PRECONDITION",
    // It may last for hours, and its end is not seen.
    retryable: false,
    sentence: (failure) =>
      `access by URL (SAS) to the bytes of disk ${quote(failure.diskUri)} is granted, for an export or ` +
      "backup, say, and until that ends Azure neither attaches, changes nor deletes the disk: wait until " +
      `it expires, or end it: az disk revoke-access --ids ${failure.diskUri}`,
  },
  ChangedTooOften: {
    // Final: a class whose outcome is uncertain could not be left until the next day.
    code: "FAILED_PRECONDITION",
    retryable: false,
    sentence: (failure) =>
      `Azure changes the SKU and the performance of disk ${quote(failure.diskUri)} only so often a day ` +
      `(${failure.detail}): the change can be made the next day, and the disk stays as it is until then`,
  },
  NoFreeLun: {
    code: "RESOURCE_EXHAUSTED",
    retryable: true,
    sentence: (failure) =>
      `node ${failure.nodeName} already has as many data disks as it takes ` +
      `(${failure.lunsMax}); move a pod with a volume away or use a larger VM size`,
  },
  DiskBeingCopied: {
    code: "UNAVAILABLE",
    retryable: true,
    sentence: (failure) =>
      `Azure still copies the data of disk ${quote(failure.diskUri)} in the background ` +
      `(${failure.percent} %): before that is complete, it grows no such disk, and may refuse snapshots of ` +
      "it; call again",
  },
  DiskCopyFailed: {
    // The same disk never becomes complete. CreateVolume removes its own, and the next call starts over.
    code: "FAILED_PRECONDITION",
    retryable: false,
    sentence: (failure) =>
      `disk ${quote(failure.diskUri)} is no copy of ${quote(failure.sourceUri)} that Azure calls complete ` +
      `(provisioningState ${failure.state}), so data may be missing on it: restore again from that source, ` +
      "which is kept until then; deleting the PersistentVolumeClaim of the failed copy deletes it, and a " +
      "disk without one is deleted in Azure",
  },
  NoFreeShare: {
    code: "FAILED_PRECONDITION",
    retryable: true,
    sentence: (failure) =>
      `disk ${quote(failure.diskUri)} is attached to as many VMs as maxShares ` +
      `(${failure.maxShares}) allows; it attaches once it is detached from another VM`,
  },
  InstanceNotFound: {
    code: "NOT_FOUND",
    retryable: false,
    sentence: (failure) =>
      `no VM for node ${quote(failure.nodeName)} exists in Azure: if it was deleted, its pods are started ` +
      `elsewhere once its Node is deleted, too (on Kubernetes: kubectl delete node ${failure.nodeName})`,
  },
  InstanceUnknown: {
    code: "UNAVAILABLE",
    retryable: true,
    sentence: (failure) =>
      `it is not known which VM node ${failure.nodeName} is or was, so nothing is proven of it: ` +
      `${failure.instanceUri}: ${failure.problem}; check this id, and detach the disk there by hand ` +
      "if that VM is to be given up",
  },
  InstanceReplaced: {
    code: "FAILED_PRECONDITION",
    retryable: false,
    sentence: (failure) =>
      `the VM behind node ${failure.nodeName} is no longer ${failure.vmId}: another VM was created ` +
      "under its resource id",
  },
  EtagNotMoved: {
    code: "UNAVAILABLE",
    retryable: true,
    sentence: (failure) =>
      `Azure accepts updates of VM ${failure.instanceUri} of node ${failure.nodeName}, and none moves its ` +
      "ETag, so it is not proven that an earlier update can't succeed any more",
  },
  Refused: {
    code: "ABORTED",
    retryable: true,
    sentence: (failure) =>
      failure.nodeName === undefined
        ? `the volume of disk ${quote(failure.diskUri)} has changed since this was decided; it is ` +
          "decided again"
        : `the writer record of disk ${quote(failure.diskUri)} forbids this on node ${failure.nodeName} ` +
          "now; it is tried again when the record has changed",
  },
  Throttled: {
    code: "UNAVAILABLE",
    retryable: true,
    sentence: (failure) =>
      `Azure throttles requests (${failure.detail}); tried again in ` +
      `${Math.ceil(failure.retryAfterMs / MS_PER_SECOND)} s`,
  },
  QuotaExceeded: {
    // With this code external-provisioner has the pod scheduled to another node.
    code: "RESOURCE_EXHAUSTED",
    retryable: false,
    // Azure's answer last: an event ends after 700 characters, which the links and ids in it may fill.
    sentence: (failure) =>
      `an Azure quota is used up; ask for more or delete what is not needed (${failure.detail})`,
  },
  NotOfferedInZone: {
    // With this code external-provisioner has the pod scheduled to another node. CSI: "Unable to provision in
    // `accessible_topology`".
    code: "RESOURCE_EXHAUSTED",
    retryable: false,
    sentence: (failure) =>
      `Azure makes no such disk in zone ${failure.zone} (${failure.detail}): use a SKU that the zone ` +
      "offers, or restrict allowedTopologies of the StorageClass, or the nodes of the pod, to zones that " +
      "offer this one",
  },
  NoCapacityInZone: {
    code: "RESOURCE_EXHAUSTED",
    retryable: false,
    sentence: (failure) =>
      `Azure has no room for such a disk in zone ${failure.zone} (${failure.detail}): call again later, ` +
      "use another SKU, or allow more zones in allowedTopologies of the StorageClass",
  },
  ChangeOverQuota: {
    // Final: after RESOURCE_EXHAUSTED csi-resizer asks for no other size or class, and csi-snapshotter
    // removes no VolumeSnapshot.
    code: "FAILED_PRECONDITION",
    retryable: false,
    sentence: (failure) =>
      `an Azure quota is used up, and disk ${quote(failure.diskUri)} stays as it is; ask for more or ` +
      `delete what is not needed (${failure.detail})`,
  },
  TooManySnapshots: {
    // Final for the same reason.
    code: "FAILED_PRECONDITION",
    retryable: false,
    sentence: (failure) =>
      `disk ${quote(failure.diskUri)} has as many incremental snapshots as Azure keeps of one disk (500), ` +
      'those of other tools included; delete some: full ones (incremental: "false") do not count',
  },
  CloudRejected: {
    code: "INTERNAL",
    retryable: false,
    sentence: (failure) => `Azure refused: ${failure.code}: ${failure.message}${requestOf(failure)}`,
  },
  CloudUnavailable: {
    code: "UNAVAILABLE",
    retryable: true,
    sentence: (failure) =>
      `${UNDER_WAY_CODES.includes(failure.code) ? "Azure has not finished yet" : "Azure can't be reached or failed for now"}: ` +
      `${failure.code}: ${failure.message}${requestOf(failure)}`,
  },
  CloudUnauthorized: {
    code: "PERMISSION_DENIED",
    retryable: false,
    // Azure's answer last, as of a quota.
    sentence: (failure) =>
      `Azure denies the driver access: ${failure.code}: ${remedyOfDenial(failure)}. Azure's answer: ` +
      `${failure.message}${requestOf(failure)}`,
  },
} as const satisfies Partial<FailureRows>;

/** What ends the use by replicas, which no pod shows. */
function untilReplicasLeave({ replicasKeptMs }: { readonly replicasKeptMs?: number }): string {
  if (replicasKeptMs === undefined) return "";
  const keptS = Math.ceil(replicasKeptMs / MS_PER_SECOND);
  return (
    `, and start no pod with this volume for ${keptS} s: its replicas are detached so long after its last ` +
    "pod has ended"
  );
}

/** Without a response of Azure's there is no request to ask about. */
function requestOf({ requestId }: { readonly requestId: string }): string {
  return requestId === "" ? "" : ` (request ${requestId})`;
}
