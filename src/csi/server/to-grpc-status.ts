import { status } from "@grpc/grpc-js";
import { describeFailure } from "../../core/failure/describe-failure.ts";
import type { Failure } from "../../core/failure/failure.ts";
import { unreachable } from "../../core/failure/invariant.ts";

/** What a gRPC caller receives instead of a response. */
export interface GrpcStatus {
  readonly code: status;
  readonly details: string;
}

/** The message travels in a header and ends up in Kubernetes events of at most 1,024 bytes. */
const DETAILS_MAX_CHARS = 1000;

/** Turns a failure into a gRPC status: the only function that knows gRPC codes. */
export function toGrpcStatus(failure: Failure): GrpcStatus {
  return { code: codeOf(failure), details: shortened(describeFailure(failure)) };
}

/**
 * The codes of the CSI specification's error tables. Sidecars take CANCELLED, DEADLINE_EXCEEDED,
 * UNAVAILABLE and ABORTED for work that may continue in the background, and every other code for an end
 * without effect; external-attacher takes NOT_FOUND from an unpublish for success. So no failure that
 * may have had an effect maps to a final code, and NOT_FOUND is only for what is really gone.
 */
function codeOf(failure: Failure): status {
  switch (failure.kind) {
    case "InvalidArgument":
    case "PathNotAllowed":
      return status.INVALID_ARGUMENT;
    case "OutOfRange":
      return status.OUT_OF_RANGE;
    case "VolumeNotFound":
    case "NodeNotFound":
    case "DiskNotFound":
    case "InstanceNotFound":
    case "PathNotMounted":
      return status.NOT_FOUND;
    case "VolumeExistsWithOtherRequest":
      return status.ALREADY_EXISTS;
    case "Unsupported":
      return status.UNIMPLEMENTED;
    case "OperationInProgress":
    case "InvalidToken":
    case "Refused":
    case "ObjectNotFound":
    case "ObjectAlreadyExists":
    case "ObjectConflict":
      return status.ABORTED;
    case "OtherWriter":
    case "WriterRecordUnverified":
    case "InQuarantine":
    case "NotWriter":
    case "VolumeInUse":
    case "DiskAttachedElsewhere":
    case "DiskInUse":
    case "NoFreeShare":
    case "InstanceReplaced":
    case "WrongDevice":
    case "WrongFileSystem":
    case "FileSystemBroken":
    case "OtherDriver":
    // For the kubelet this means: not while the volume is in use, and no reason to keep a pod from
    // starting.
    case "GrowsUnmounted":
      return status.FAILED_PRECONDITION;
    case "NoFreeLun":
    case "QuotaExceeded":
      return status.RESOURCE_EXHAUSTED;
    case "CloudUnauthorized":
      return status.PERMISSION_DENIED;
    case "StoreRolledBack":
    case "StillWaiting":
    case "Throttled":
    case "CloudUnavailable":
    case "InstanceUnknown":
    case "StoreUnavailable":
    case "DeviceNotFound":
    case "DeviceBusy":
    case "HostCommandTimedOut":
    case "HostNotReady":
      return status.UNAVAILABLE;
    case "Cancelled":
      return status.CANCELLED;
    case "DeadlineExceeded":
      return status.DEADLINE_EXCEEDED;
    case "CloudRejected":
    case "ObjectInvalid":
    case "HostCommandFailed":
      return status.INTERNAL;
    default:
      return unreachable(failure);
  }
}

/** What was tried is at the beginning, the outcome of a command at the end: both are kept. */
function shortened(sentence: string): string {
  if (sentence.length <= DETAILS_MAX_CHARS) return sentence;
  const half = Math.floor(DETAILS_MAX_CHARS / 2) - 2;
  return `${sentence.slice(0, half)} … ${sentence.slice(-half)}`;
}
