import type { Failure } from "./failure.ts";
import { unreachable } from "./invariant.ts";

/**
 * Whether the same attempt may succeed later without anybody changing what was asked. `false`: it is pointless to repeat before the request,
 * a quota, a permission or something by hand has changed.
 */
export function isRetryable(failure: Failure): boolean {
  switch (failure.kind) {
    case "OperationInProgress":
    case "NodeNotFound":
    case "OtherWriter":
    case "WriterRecordUnproven":
    case "InQuarantine":
    case "NotWriter":
    case "VolumeInUse":
    case "StoreWentBack":
    case "StillWaiting":
    case "Cancelled":
    case "DeadlineExceeded":
    case "DiskAttachedElsewhere":
    case "DiskInUse":
    case "NoFreeLun":
    case "NoFreeShare":
    case "Refused":
    case "Throttled":
    case "CloudUnavailable":
    case "ObjectNotFound":
    case "ObjectAlreadyExists":
    case "ObjectConflict":
    case "StoreUnavailable":
    case "DeviceNotFound":
    case "DeviceBusy":
    case "GrowsUnmounted":
    case "HostCommandFailed":
    case "HostCommandTimedOut":
    case "HostNotReady":
      return true;
    case "InvalidArgument":
    case "OutOfRange":
    case "VolumeNotFound":
    case "VolumeExistsWithOtherRequest":
    case "Unsupported":
    case "InvalidToken":
    case "DiskNotFound":
    case "InstanceNotFound":
    case "InstanceReplaced":
    case "QuotaExceeded":
    case "CloudRejected":
    case "CloudUnauthorized":
    case "ObjectInvalid":
    case "WrongDevice":
    case "WrongFileSystem":
    case "FileSystemBroken":
    case "PathNotAllowed":
    case "PathNotMounted":
      return false;
    default:
      return unreachable(failure);
  }
}
