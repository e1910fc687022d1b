import type { FailureRows } from "./failure-row.ts";
import type { FailureOf } from "./failure.ts";
import { quote } from "./sentence-parts.ts";

const MS_PER_SECOND = 1000;

/** The object store or the host of a node failed. */
export const localFailures = {
  ObjectNotFound: {
    code: "ABORTED",
    retryable: true,
    sentence: (failure) => `${failure.objectKind} ${quote(failure.name)} does not exist`,
  },
  ObjectAlreadyExists: {
    code: "ABORTED",
    retryable: true,
    sentence: (failure) => `${failure.objectKind} ${quote(failure.name)} exists already`,
  },
  ObjectConflict: {
    code: "ABORTED",
    retryable: true,
    sentence: (failure) =>
      `${failure.objectKind} ${quote(failure.name)} was changed concurrently ` +
      "by another client; call again",
  },
  ObjectInvalid: {
    code: "INTERNAL",
    retryable: false,
    sentence: (failure) =>
      `${failure.objectKind} ${quote(failure.name)} was refused by the object store: ${failure.problem}`,
  },
  StoreUnavailable: {
    code: "UNAVAILABLE",
    retryable: true,
    sentence: (failure) => `the object store can't be reached: ${failure.detail}`,
  },
  DeviceNotFound: {
    code: "UNAVAILABLE",
    retryable: true,
    sentence: (failure) => describeMissingDevice(failure),
  },
  WrongDevice: {
    code: "FAILED_PRECONDITION",
    retryable: false,
    sentence: (failure) =>
      `device ${failure.devicePath} is not the volume's disk: ${failure.problem}; nothing was ` +
      "written to it",
  },
  MountedOtherwise: {
    code: "FAILED_PRECONDITION",
    retryable: false,
    sentence: (failure) => `${failure.path} ${failure.problem}; nothing was mounted there: unmount it first`,
  },
  WrongFileSystem: {
    code: "FAILED_PRECONDITION",
    retryable: false,
    sentence: ({ devicePath, found, requested, isFormattedOnceBlank }) =>
      `device ${devicePath} carries ${found}, not ${requested}; nothing was written to it: ` +
      (isFormattedOnceBlank === true
        ? ERASE_IF_UNUSED
        : "use the file system that it has, or another volume"),
  },
  DeviceBusy: {
    code: "UNAVAILABLE",
    retryable: true,
    sentence: (failure) => `device ${failure.devicePath} is busy: ${failure.detail}`,
  },
  FileSystemBroken: {
    code: "FAILED_PRECONDITION",
    retryable: false,
    sentence: (failure) =>
      `the file system on ${failure.devicePath} has errors that can't be repaired without losing ` +
      `data: ${failure.detail}; repair it by hand`,
  },
  WritesLost: {
    code: "UNAVAILABLE",
    retryable: true,
    sentence: (failure) =>
      `not all that was written is on ${failure.devicePath}: ${failure.detail}; it is lost, and the next ` +
      "call continues without it",
  },
  FileSystemUnserved: {
    code: "FAILED_PRECONDITION",
    retryable: true,
    sentence: (failure) =>
      `this node can't serve ${failure.fsType}, and nothing was written to the disk: ${failure.problem}; ` +
      "install what is missing on the node or in the driver's image, run the pod on another node, or name " +
      "another fsType in the StorageClass",
  },
  WriteProtected: {
    code: "FAILED_PRECONDITION",
    retryable: true,
    sentence: (failure) =>
      `device ${failure.devicePath} is write-protected on this node, and the volume is to be written; ` +
      "nothing was mounted: see the kernel's log for the reason, run the pod on another node, or request " +
      "the volume read-only",
  },
  JournalNotReplayed: {
    code: "FAILED_PRECONDITION",
    retryable: true,
    sentence: (failure) =>
      `the ${failure.fsType} on ${failure.devicePath} was not unmounted cleanly, and its journal can't be ` +
      "replayed, since the device is write-protected on this node; nothing was mounted: mount the volume " +
      `writable once on another node (a pod that ends is enough), or add ${failure.option} to mountOptions ` +
      "of the PersistentVolume, which shows it without what was written last",
  },
  FileSystemNotUnique: {
    code: "FAILED_PRECONDITION",
    retryable: true,
    sentence: (failure) =>
      `the btrfs on ${failure.devicePath} is not mounted: for the kernel of this node it is the same as ` +
      `that of another disk (${failure.detail}), its source or a copy; run the pod on a node without the ` +
      "other, or with Linux 6.7 or newer; if the other is not mounted here, `btrfs device scan --forget` " +
      "on the node is enough",
  },
  GrowsUnmounted: {
    // For the kubelet this code means: not while the volume is in use, and no reason to keep a pod from
    // starting.
    code: "FAILED_PRECONDITION",
    retryable: true,
    sentence: (failure) =>
      `the file system on ${failure.devicePath} can't be grown while it is mounted: ${failure.reason}`,
  },
  DeviceSettingRefused: {
    code: "FAILED_PRECONDITION",
    retryable: false,
    sentence: (failure) =>
      `device ${failure.devicePath} does not take ${quote(failure.value)} for ${failure.setting}: ` +
      failure.detail,
  },
  PathNotAllowed: {
    code: "INVALID_ARGUMENT",
    retryable: false,
    sentence: (failure) =>
      `${failure.field} ${quote(failure.path)} lies outside the directories that the driver may ` +
      `mount in (--kubelet-dir): ${failure.allowedRoots.join(", ")}`,
  },
  PathNotMounted: {
    code: "NOT_FOUND",
    retryable: false,
    sentence: (failure) => `nothing is mounted at ${quote(failure.path)}`,
  },
  HostCommandFailed: {
    code: "INTERNAL",
    retryable: true,
    sentence: (failure) =>
      `${failure.command} failed with exit code ${failure.exitCode ?? "none"}: ${failure.stderr.trim()}`,
  },
  HostCommandTimedOut: {
    code: "UNAVAILABLE",
    retryable: true,
    sentence: (failure) => `${failure.command} did not end within ${failure.timeoutMs} ms`,
  },
  HostNotReady: {
    code: "UNAVAILABLE",
    retryable: true,
    sentence: (failure) => `this node is not ready: ${failure.detail}`,
  },
  CheckpointsFull: {
    code: "RESOURCE_EXHAUSTED",
    retryable: true,
    sentence: (failure) =>
      `the node's checkpoints in ${failure.path} need ${failure.neededBytes} bytes, and their file system ` +
      "is full: free space there, or end pods with disks on this node",
  },
  OtherDriver: {
    code: "FAILED_PRECONDITION",
    retryable: true,
    sentence: (failure) => `another Azure disk driver runs beside this one: ${failure.detail}`,
  },
  DriverBug: {
    code: "INTERNAL",
    retryable: true,
    sentence: (failure) => `a bug in the driver, whose stack is in the log: ${failure.detail}`,
  },
} as const satisfies Partial<FailureRows>;

/** Of data that no tool recognizes, on a volume without a format on record. */
const ERASE_IF_UNUSED =
  "it may be a pod's data, a file system whose start was erased, or the rest of a first mkfs that was " +
  "interrupted, as by V1. Take a snapshot of the disk, and find out whether a pod ever wrote to it. If so, " +
  "repair it by hand. If not, delete the pods, attach the disk to another VM, erase it completely there " +
  "(on Linux: blkdiscard -z <device>) and detach it: the driver then formats it for the next pod";

function describeMissingDevice({ lun, searched, seen, waitedMs }: FailureOf<"DeviceNotFound">): string {
  const found = seen.length === 0 ? "nothing" : seen.join("; ");
  return (
    `no block device for LUN ${lun} appeared within ${waitedMs / MS_PER_SECOND} s (searched ` +
    `${searched.join(", ")}; seen: ${found}); check that the disk is attached`
  );
}
