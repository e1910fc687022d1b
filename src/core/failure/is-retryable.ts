import type { Failure } from "./failure.ts";

/** For each kind, whether the same attempt may succeed later. */
const retryable: Readonly<Record<Failure["kind"], boolean>> = {
  OperationInProgress: true,
  NodeNotFound: true,
  OtherWriter: true,
  WriterRecordUnverified: true,
  InQuarantine: true,
  NotWriter: true,
  VolumeInUse: true,
  StoreRolledBack: true,
  StillWaiting: true,
  Cancelled: true,
  DeadlineExceeded: true,
  DiskAttachedElsewhere: true,
  DiskInUse: true,
  NoFreeLun: true,
  NoFreeShare: true,
  InstanceUnknown: true,
  Refused: true,
  Throttled: true,
  CloudUnavailable: true,
  ObjectNotFound: true,
  ObjectAlreadyExists: true,
  ObjectConflict: true,
  StoreUnavailable: true,
  DeviceNotFound: true,
  DeviceBusy: true,
  GrowsUnmounted: true,
  HostCommandFailed: true,
  HostCommandTimedOut: true,
  HostNotReady: true,
  OtherDriver: true,
  InvalidArgument: false,
  OutOfRange: false,
  VolumeNotFound: false,
  VolumeExistsWithOtherRequest: false,
  Unsupported: false,
  InvalidToken: false,
  DiskNotFound: false,
  InstanceNotFound: false,
  InstanceReplaced: false,
  QuotaExceeded: false,
  CloudRejected: false,
  CloudUnauthorized: false,
  ObjectInvalid: false,
  WrongDevice: false,
  WrongFileSystem: false,
  FileSystemBroken: false,
  PathNotAllowed: false,
  PathNotMounted: false,
};

/**
 * Whether the same attempt may succeed later unchanged. `false`: a retry is pointless before the request,
 * a quota, a permission or another external state has changed.
 */
export function isRetryable(failure: Failure): boolean {
  return retryable[failure.kind];
}

/**
 * The same by the kind alone, as a resource's status keeps it. Kinds of later versions are not retryable.
 */
export function isPermanentKind(kind: string): boolean {
  return Object.hasOwn(retryable, kind) && !retryable[kind as Failure["kind"]];
}
