import type { Failure } from "./failure.ts";
import { unreachable } from "./invariant.ts";

/**
 * A failure as a sentence or two for people: its subject, the value at fault, and what to do. Never holds
 * a secret.
 */
export function describeFailure(failure: Failure): string {
  const sentence = describe(failure);
  if (!("azure" in failure) || failure.azure === undefined) return sentence;
  const { code, requestId } = failure.azure;
  return `${sentence} (Azure: ${code}${requestId === "" ? "" : `, request ${requestId}`})`;
}

/**
 * Codes of the driver's own where Azure has responded, and the requested change has not taken effect yet.
 */
const UNDER_WAY_CODES: readonly string[] = [
  "DiskStillDetaching",
  "DiskStillAttached",
  "DiskStillOwned",
  "OperationStillRunning",
];

function isUnderWay(code: string): boolean {
  return UNDER_WAY_CODES.includes(code);
}

/** Without a response of Azure's there is no request to ask about. */
function requestOf({ requestId }: { readonly requestId: string }): string {
  return requestId === "" ? "" : ` (request ${requestId})`;
}

function describe(failure: Failure): string {
  switch (failure.kind) {
    case "InvalidArgument":
    case "OutOfRange":
      return `${failure.field} ${quote(failure.value)}: ${failure.problem}`;
    case "VolumeNotFound":
      return `volume ${quote(failure.volumeId)} does not exist, or no AzVolume object knows it`;
    case "NodeNotFound":
      return (
        `node ${quote(failure.nodeName)} is not known: no AzDriverNode of that name; check that the ` +
        "node plug-in runs there"
      );
    case "VolumeExistsWithOtherRequest":
      return (
        `volume ${quote(failure.volumeName)} exists, made by another request: ${failure.difference}; ` +
        "use another name or ask for the same"
      );
    case "OperationInProgress":
      return (
        `${failure.operation} of volume ${quote(failure.volumeId)} is under ` +
        "way; call again when it has ended"
      );
    case "Unsupported":
      return `${failure.what} is not supported by this version of the driver`;
    case "InvalidToken":
      return `starting_token ${quote(failure.token)} is none of this driver's; start again without a token`;
    case "OtherWriter":
      return (
        `volume ${quote(failure.volumeId)} is in use by node ` +
        `${failure.writer}${usersOf(failure.users)}; it moves once that use has ended`
      );
    case "WriterRecordUnverified":
      return (
        `volume ${quote(failure.volumeId)} was found attached to ${listOf(failure.nodes)}, and it is ` +
        "not proven that nothing writes it there; detach it there or wait until its node plug-in " +
        "reports"
      );
    case "InQuarantine":
      return (
        `node ${failure.nodeName} may still have a dead mount of volume ${quote(failure.volumeId)}; ` +
        "it takes the volume again once its plug-in reports clean"
      );
    case "NotWriter":
      return `node ${failure.nodeName} may not write volume ${quote(failure.volumeId)}: ${failure.reason}`;
    case "VolumeInUse":
      return (
        `volume ${quote(failure.volumeId)} is in use on node ` +
        `${failure.nodeName}${usersOf(failure.users)}; end that use first`
      );
    case "StoreRolledBack":
      return (
        `the object store was rolled back to an older state (${failure.detail}); nothing is granted ` +
        "until a controller has checked every volume"
      );
    case "StillWaiting":
      return (
        `volume ${quote(failure.volumeId)}: still waiting for ${failure.what}; ` +
        "the work continues, call again"
      );
    case "Cancelled":
      return "the caller cancelled the call; work that had begun continues and the next call finds it";
    case "DeadlineExceeded":
      return (
        `${failure.operation} did not end within the caller's deadline; the work continues and the ` +
        "next call finds it"
      );
    default:
      return describeCloudFailure(failure);
  }
}

type RequestKind =
  | "InvalidArgument"
  | "OutOfRange"
  | "VolumeNotFound"
  | "NodeNotFound"
  | "VolumeExistsWithOtherRequest"
  | "OperationInProgress"
  | "Unsupported"
  | "InvalidToken"
  | "OtherWriter"
  | "WriterRecordUnverified"
  | "InQuarantine"
  | "NotWriter"
  | "VolumeInUse"
  | "StoreRolledBack"
  | "StillWaiting"
  | "Cancelled"
  | "DeadlineExceeded";

function describeCloudFailure(failure: Exclude<Failure, { readonly kind: RequestKind }>): string {
  switch (failure.kind) {
    case "DiskNotFound":
      return `disk ${quote(failure.diskUri)} does not exist in Azure`;
    case "DiskAttachedElsewhere":
      return (
        `disk ${quote(failure.diskUri)} is attached to ${listOf(failure.attachedTo)}; it must be ` +
        "detached there first"
      );
    case "DiskInUse":
      return (
        `disk ${quote(failure.diskUri)} is attached to ${listOf(failure.attachedTo)}; Azure deletes a ` +
        "disk, and grows a shared one, only while no VM has it: end its use there first"
      );
    case "NoFreeLun":
      return (
        `node ${failure.nodeName} already has as many data disks as its VM size takes ` +
        `(${failure.lunsMax}); move a pod with a volume away or use a larger VM size`
      );
    case "NoFreeShare":
      return (
        `disk ${quote(failure.diskUri)} is attached to as many VMs as maxShares ` +
        `(${failure.maxShares}) allows; it attaches once it is detached from another VM`
      );
    case "InstanceNotFound":
      return `no VM for node ${quote(failure.nodeName)} exists in Azure`;
    case "InstanceUnknown":
      return (
        `it is not known which VM node ${failure.nodeName} is or was, so nothing is proven of it: ` +
        `${failure.instanceUri}: ${failure.problem}; check this id, and detach the disk there by hand ` +
        "if that VM is to be given up"
      );
    case "InstanceReplaced":
      return (
        `the VM behind node ${failure.nodeName} is no longer ${failure.vmId}: another VM was created ` +
        "under its resource id"
      );
    case "Refused":
      return failure.nodeName === undefined
        ? `the volume of disk ${quote(failure.diskUri)} has changed since this was decided; it is ` +
            "decided again"
        : `the writer record of disk ${quote(failure.diskUri)} forbids this on node ${failure.nodeName} ` +
            "now; it is tried again when the record has changed";
    case "Throttled":
      return (
        `Azure throttles requests (${failure.detail}); tried again in ` +
        `${Math.ceil(failure.retryAfterMs / MS_PER_SECOND)} s`
      );
    case "QuotaExceeded":
      return `an Azure quota is used up (${failure.detail}); ask for more or delete what is not needed`;
    case "CloudRejected":
      return `Azure refused: ${failure.code}: ${failure.message}${requestOf(failure)}`;
    case "CloudUnavailable":
      return (
        `${isUnderWay(failure.code) ? "Azure is still at it" : "Azure can't be reached or failed for now"}: ` +
        `${failure.code}: ${failure.message}${requestOf(failure)}`
      );
    case "CloudUnauthorized":
      return (
        `Azure denies the driver access: ${failure.code}: ${failure.message}${requestOf(failure)}; ` +
        "check the identity's role assignments"
      );
    default:
      return describeLocalFailure(failure);
  }
}

type CloudKind =
  | "DiskNotFound"
  | "DiskAttachedElsewhere"
  | "DiskInUse"
  | "NoFreeLun"
  | "NoFreeShare"
  | "InstanceNotFound"
  | "InstanceUnknown"
  | "InstanceReplaced"
  | "Refused"
  | "Throttled"
  | "QuotaExceeded"
  | "CloudRejected"
  | "CloudUnavailable"
  | "CloudUnauthorized";

function describeLocalFailure(failure: Exclude<Failure, { readonly kind: RequestKind | CloudKind }>): string {
  switch (failure.kind) {
    case "ObjectNotFound":
      return `${failure.objectKind} ${quote(failure.name)} does not exist`;
    case "ObjectAlreadyExists":
      return `${failure.objectKind} ${quote(failure.name)} exists already`;
    case "ObjectConflict":
      return (
        `${failure.objectKind} ${quote(failure.name)} was changed concurrently ` +
        "by another client; call again"
      );
    case "ObjectInvalid":
      return (
        `${failure.objectKind} ${quote(failure.name)} was refused by the object store: ` +
        `${failure.problem}`
      );
    case "StoreUnavailable":
      return `the object store can't be reached: ${failure.detail}`;
    case "DeviceNotFound":
      return describeMissingDevice(failure);
    case "WrongDevice":
      return (
        `device ${failure.devicePath} is not the volume's disk: ${failure.problem}; nothing was ` +
        "written to it"
      );
    case "WrongFileSystem":
      return (
        `device ${failure.devicePath} carries ${failure.found}, not ${failure.requested}; nothing was ` +
        "written to it: use the file system that it has, or another volume"
      );
    case "DeviceBusy":
      return `device ${failure.devicePath} is busy: ${failure.detail}`;
    case "FileSystemBroken":
      return (
        `the file system on ${failure.devicePath} has errors that can't be repaired without losing ` +
        `data: ${failure.detail}; repair it by hand`
      );
    case "GrowsUnmounted":
      return (
        `the file system on ${failure.devicePath} can't be grown while it is mounted, since this node ` +
        "keeps CAP_SYS_RESOURCE from its node plug-in; it grows before its next mount: delete the " +
        "pods that use the volume, and they start with the new size"
      );
    case "PathNotAllowed":
      return (
        `${failure.field} ${quote(failure.path)} lies outside the directories that the driver may ` +
        `mount in: ${failure.allowedRoots.join(", ")}`
      );
    case "PathNotMounted":
      return `nothing is mounted at ${quote(failure.path)}`;
    case "HostCommandFailed":
      return (
        `${failure.command} failed with exit code ${failure.exitCode ?? "none"}: ` +
        `${failure.stderr.trim()}`
      );
    case "HostCommandTimedOut":
      return `${failure.command} did not end within ${failure.timeoutMs} ms`;
    case "HostNotReady":
      return `this node is not ready: ${failure.detail}`;
    case "OtherDriver":
      return `another Azure disk driver runs beside this one: ${failure.detail}`;
    default:
      return unreachable(failure);
  }
}

const MS_PER_SECOND = 1000;

function describeMissingDevice({
  lun,
  searched,
  seen,
  waitedMs,
}: Extract<Failure, { readonly kind: "DeviceNotFound" }>): string {
  const found = seen.length === 0 ? "nothing" : seen.join("; ");
  return (
    `no block device for LUN ${lun} appeared within ${waitedMs / MS_PER_SECOND} s (searched ` +
    `${searched.join(", ")}; seen: ${found}); check that the disk is attached`
  );
}

function quote(value: string): string {
  return JSON.stringify(value);
}

function listOf(names: readonly string[]): string {
  return names.length === 0 ? "another VM" : names.join(", ");
}

function usersOf(users: readonly string[]): string {
  return users.length === 0 ? "" : ` (${users.join(", ")})`;
}
