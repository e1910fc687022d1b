import { parseDiskUri } from "../azure/ids/disk-uri.ts";
import { parseSnapshotUri } from "../azure/ids/snapshot-uri.ts";
import type { FailureRows } from "./failure-row.ts";
import { listOf, quote, usersOf } from "./sentence-parts.ts";

const COMPUTE_ID = "/subscriptions/<id>/resourceGroups/<group>/providers/Microsoft.Compute";

/** The caller asked for something impossible, the writer protocol says wait, or a wait took too long. */
export const requestFailures = {
  InvalidArgument: {
    code: "INVALID_ARGUMENT",
    retryable: false,
    sentence: (failure) => `${failure.field} ${quote(failure.value)}: ${failure.problem}`,
  },
  OutOfRange: {
    code: "OUT_OF_RANGE",
    retryable: false,
    sentence: (failure) => `${failure.field} ${quote(failure.value)}: ${failure.problem}`,
  },
  CopyUnreachable: {
    // With this code external-provisioner has the pod scheduled to another node.
    code: "RESOURCE_EXHAUSTED",
    retryable: false,
    sentence: (failure) =>
      `a copy of ${quote(failure.sourceUri)} can only be in ${failure.place}, and the requested topologies ` +
      `are ${listOf(failure.requested)}; a disk is copied within its zone, a snapshot of it anywhere in ` +
      "its region",
  },
  VolumeNotFound: {
    code: "NOT_FOUND",
    retryable: false,
    sentence: ({ volumeId }) =>
      parseDiskUri(volumeId) === undefined
        ? `volume ${quote(volumeId)} does not exist: a volume's id is that of a managed disk, ${COMPUTE_ID}/disks/<name>`
        : `volume ${quote(volumeId)} does not exist, or no AzVolume object knows it`,
  },
  NodeNotFound: {
    code: "NOT_FOUND",
    retryable: true,
    sentence: (failure) =>
      `node ${quote(failure.nodeName)} is not known: no AzDriverNode of that name; check that the ` +
      "node plug-in runs there",
  },
  VolumeExistsWithOtherRequest: {
    code: "ALREADY_EXISTS",
    retryable: false,
    sentence: (failure) =>
      `volume ${quote(failure.volumeName)} exists, made by another request: ${failure.difference}; ` +
      "use another name or ask for the same",
  },
  SnapshotNotFound: {
    code: "NOT_FOUND",
    retryable: false,
    sentence: ({ snapshotUri }) =>
      parseSnapshotUri(snapshotUri) === undefined
        ? `snapshot ${quote(snapshotUri)} does not exist: a snapshot's id is ${COMPUTE_ID}/snapshots/<name>`
        : `snapshot ${quote(snapshotUri)} does not exist in Azure`,
  },
  SnapshotExistsWithOtherRequest: {
    code: "ALREADY_EXISTS",
    retryable: false,
    sentence: (failure) =>
      `snapshot ${quote(failure.snapshotUri)} exists, made by another request: ${failure.difference}; ` +
      "use another name or ask for the same",
  },
  SnapshotOfOther: {
    code: "FAILED_PRECONDITION",
    retryable: false,
    sentence: (failure) =>
      `snapshot ${quote(failure.snapshotUri)} is not deleted: ${failure.owner}; delete it there, set ` +
      "deletionPolicy Retain on its VolumeSnapshotContent, or hand it over to this cluster, which may " +
      `delete it then: az tag update --resource-id ${failure.snapshotUri} --operation merge --tags ` +
      `disk.csi.azure.com-cluster-id=${failure.clusterId}`,
  },
  SnapshotCopyFailed: {
    code: "FAILED_PRECONDITION",
    retryable: false,
    sentence: (failure) =>
      `snapshot ${quote(failure.snapshotUri)} has no content: its copy from the disk's region failed ` +
      `(${failure.detail}), and the snapshot there is gone; delete the VolumeSnapshot and make another`,
  },
  SnapshotCopyDelayed: {
    code: "UNAVAILABLE",
    retryable: true,
    sentence: (failure) =>
      `Azure can't begin the copy of snapshot ${quote(failure.snapshotUri)} to another region yet ` +
      `(${failure.detail}); it copies one snapshot of a disk at a time, and the content is kept; call again`,
  },
  SnapshotNotFrozen: {
    // A final code: nothing is left in Azure, and csi-snapshotter lets the VolumeSnapshot be deleted.
    code: "FAILED_PRECONDITION",
    retryable: true,
    sentence: (failure) =>
      `there is no snapshot ${quote(failure.snapshotUri)}: its file system was not frozen at its moment ` +
      `(${failure.detail}); call again, raise fileSystemFreezeSeconds, or leave it out`,
  },
  CopySourceFailed: {
    code: "FAILED_PRECONDITION",
    retryable: false,
    sentence: (failure) =>
      `nothing is copied from ${quote(failure.sourceUri)}: Azure has shown it as failed ` +
      `(${failure.detail}), so data may be missing in it; name another source: an earlier or a new ` +
      "snapshot, or where a volume is a failed copy itself, what that was to be a copy of",
  },
  SnapshotBeingCopied: {
    // CSI, DeleteVolume: "in use by another resource or has snapshots and the plugin doesn't treat them as
    // independent entities".
    code: "FAILED_PRECONDITION",
    retryable: true,
    sentence: (failure) =>
      `disk ${quote(failure.diskUri)} is not deleted yet: Azure makes its snapshot ` +
      `${quote(failure.snapshotUri)}, or copies it in the background, and may need the disk until then; ` +
      "call again, or delete that snapshot first",
  },
  SourceBeingCopied: {
    // CSI, DeleteSnapshot and DeleteVolume: "in use by another resource".
    code: "FAILED_PRECONDITION",
    retryable: true,
    sentence: (failure) =>
      `${quote(failure.sourceUri)} is not deleted yet: disk ${quote(failure.diskUri)} is a copy of it, and ` +
      `Azure has copied ${failure.percent} % of its data in the background; call again, or delete the ` +
      "volume of that disk first",
  },
  OperationInProgress: {
    code: "ABORTED",
    retryable: true,
    sentence: (failure) =>
      `${failure.operation} of ${quote(failure.volumeId)} is under way; call again when it has ended`,
  },
  Unsupported: {
    code: "UNIMPLEMENTED",
    retryable: false,
    sentence: (failure) => `${failure.what} is not supported by this version of the driver`,
  },
  InvalidToken: {
    code: "ABORTED",
    retryable: false,
    sentence: (failure) =>
      `starting_token ${quote(failure.token)} is none of this driver's; start again without a token`,
  },
  OtherWriter: {
    code: "FAILED_PRECONDITION",
    retryable: true,
    sentence: (failure) =>
      `volume ${quote(failure.volumeId)} is in use by node ` +
      `${failure.writer}${usersOf(failure.users)}; it moves once that use has ended`,
  },
  WriterRecordUnverified: {
    code: "FAILED_PRECONDITION",
    retryable: true,
    sentence: (failure) =>
      `volume ${quote(failure.volumeId)} was found attached to ${listOf(failure.nodes)}, and it is ` +
      "not proven that nothing writes it there; detach it there or wait until its node plug-in " +
      "reports",
  },
  InQuarantine: {
    code: "FAILED_PRECONDITION",
    retryable: true,
    sentence: (failure) =>
      `node ${failure.nodeName} may still have a dead mount of volume ${quote(failure.volumeId)}; ` +
      "it takes the volume again once its plug-in reports clean",
  },
  NotWriter: {
    code: "FAILED_PRECONDITION",
    retryable: true,
    sentence: (failure) =>
      `node ${failure.nodeName} may not write volume ${quote(failure.volumeId)}: ${failure.reason}`,
  },
  VolumeInUse: {
    code: "FAILED_PRECONDITION",
    retryable: true,
    sentence: (failure) =>
      `volume ${quote(failure.volumeId)} is in use on node ` +
      `${failure.nodeName}${usersOf(failure.users)}; end that use first`,
  },
  StoreRolledBack: {
    code: "UNAVAILABLE",
    retryable: true,
    sentence: (failure) =>
      `the object store was rolled back to an older state (${failure.detail}); nothing is granted ` +
      "until a controller has checked every volume",
  },
  StillWaiting: {
    code: "UNAVAILABLE",
    retryable: true,
    sentence: (failure) =>
      `volume ${quote(failure.volumeId)}: still waiting for ${failure.what}; ` +
      "the work continues, call again",
  },
  Cancelled: {
    code: "CANCELLED",
    retryable: true,
    sentence: () => "the caller cancelled the call; work that had begun continues and the next call finds it",
  },
  DeadlineExceeded: {
    code: "DEADLINE_EXCEEDED",
    retryable: true,
    sentence: (failure) =>
      `${failure.operation} did not end within the caller's deadline; the work continues and the ` +
      "next call finds it",
  },
} as const satisfies Partial<FailureRows>;
