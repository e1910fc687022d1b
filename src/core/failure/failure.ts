/**
 * Azure's own response behind a failure: its code, and the id by which its support finds the request.
 * Absent where the failure rests on a read of the driver.
 */
export interface AzureAnswer {
  readonly code: string;
  readonly requestId: string;
}

/** What each kind of failure says besides its kind. */
interface FailureFields {
  // The caller asked for something impossible.
  readonly InvalidArgument: { field: string; value: string; problem: string; azure?: AzureAnswer };
  readonly OutOfRange: { field: string; value: string; problem: string };
  readonly CopyUnreachable: { sourceUri: string; place: string; requested: readonly string[] };
  readonly VolumeNotFound: { volumeId: string };
  readonly NodeNotFound: { nodeName: string };
  readonly VolumeExistsWithOtherRequest: { volumeName: string; difference: string };
  readonly SnapshotNotFound: { snapshotUri: string; azure?: AzureAnswer };
  readonly SnapshotExistsWithOtherRequest: { snapshotUri: string; difference: string };
  /** `clusterId`: this cluster's. */
  readonly SnapshotOfOther: { snapshotUri: string; owner: string; clusterId: string };
  readonly SnapshotCopyFailed: { snapshotUri: string; detail: string };
  readonly SnapshotCopyDelayed: { snapshotUri: string; detail: string };
  readonly SnapshotNotFrozen: { snapshotUri: string; detail: string };
  readonly CopySourceFailed: { sourceUri: string; detail: string };
  /** Of a disk that is to be deleted: Azure may need it for a snapshot yet. */
  readonly SnapshotBeingCopied: { diskUri: string; snapshotUri: string };
  readonly SourceBeingCopied: { sourceUri: string; diskUri: string; percent: number };
  readonly OperationInProgress: { volumeId: string; operation: string };
  readonly Unsupported: { what: string };
  readonly InvalidToken: { token: string };
  // The writer protocol answers wait, or no.
  readonly OtherWriter: { volumeId: string; writer: string; users: readonly string[] };
  readonly WriterRecordUnverified: { volumeId: string; nodes: readonly string[] };
  readonly InQuarantine: { volumeId: string; nodeName: string };
  readonly NotWriter: { volumeId: string; nodeName: string; reason: string };
  readonly VolumeInUse: { volumeId: string; nodeName: string; users: readonly string[] };
  readonly StoreRolledBack: { detail: string };
  // A wait took longer than it may.
  readonly StillWaiting: { volumeId: string; what: string };
  readonly Cancelled: Record<never, never>;
  readonly DeadlineExceeded: { operation: string };
  // Azure.
  readonly DiskNotFound: { diskUri: string; azure?: AzureAnswer };
  /** `uniqueId`: Azure's id of the disk that is meant; `shownId`: of the one that has its name now. */
  readonly DiskReplaced: { diskUri: string; uniqueId: string; shownId: string };
  readonly DiskAttachedElsewhere: { diskUri: string; attachedTo: readonly string[]; azure?: AzureAnswer };
  readonly DiskInUse: {
    diskUri: string;
    attachedTo: readonly string[];
    /** How long after its last pod a volume keeps its replicas, in milliseconds; undefined: it has none. */
    replicasKeptMs?: number;
    azure?: AzureAnswer;
  };
  /** Someone may read or write its bytes by a URL: a shared access signature. */
  readonly DiskAccessGranted: { diskUri: string; azure?: AzureAnswer };
  readonly ChangedTooOften: { diskUri: string; detail: string; azure?: AzureAnswer };
  readonly NoFreeLun: { nodeName: string; lunsMax: number; azure?: AzureAnswer };
  readonly DiskBeingCopied: { diskUri: string; percent: number };
  readonly DiskCopyFailed: { diskUri: string; sourceUri: string; state: string };
  readonly NoFreeShare: { diskUri: string; maxShares: number };
  readonly InstanceNotFound: { nodeName: string; azure?: AzureAnswer };
  readonly InstanceUnknown: { nodeName: string; instanceUri: string; problem: string };
  readonly InstanceReplaced: { nodeName: string; vmId: string };
  /** `retryAfterMs`: when the VM is read again. Nothing is written to it before its pause is over. */
  readonly EtagNotMoved: { nodeName: string; instanceUri: string; retryAfterMs: number };
  readonly Refused: { diskUri: string; nodeName?: string };
  readonly Throttled: { retryAfterMs: number; detail: string };
  readonly QuotaExceeded: { detail: string; azure?: AzureAnswer };
  /** Azure makes no such disk in this zone of the region: `zone` is its number. */
  readonly NotOfferedInZone: { zone: string; detail: string; azure?: AzureAnswer };
  /** Azure has no room for such a disk in this zone of the region, for now: `zone` is its number. */
  readonly NoCapacityInZone: { zone: string; detail: string; azure?: AzureAnswer };
  /** Of a disk that exists: a change of it, or a snapshot. */
  readonly ChangeOverQuota: { diskUri: string; detail: string; azure?: AzureAnswer };
  readonly TooManySnapshots: { diskUri: string; azure?: AzureAnswer };
  readonly CloudRejected: { message: string } & AzureAnswer;
  readonly CloudUnavailable: { message: string } & AzureAnswer;
  readonly CloudUnauthorized: { message: string } & AzureAnswer;
  // The object store.
  readonly ObjectNotFound: { objectKind: string; name: string };
  readonly ObjectAlreadyExists: { objectKind: string; name: string };
  readonly ObjectConflict: { objectKind: string; name: string };
  readonly ObjectInvalid: { objectKind: string; name: string; problem: string };
  readonly StoreUnavailable: { detail: string };
  // The host.
  /** `seen`: what was found of the LUN without its device, such as a link that leads nowhere. */
  readonly DeviceNotFound: {
    lun: number;
    searched: readonly string[];
    seen: readonly string[];
    waitedMs: number;
  };
  readonly WrongDevice: { devicePath: string; problem: string };
  /** Where a device is to be mounted or bound, another one is, or this one in another way. */
  readonly MountedOtherwise: { path: string; problem: string };
  readonly WrongFileSystem: {
    devicePath: string;
    found: string;
    requested: string;
    /** The driver would format the disk once it is erased. */
    isFormattedOnceBlank?: true;
  };
  readonly DeviceBusy: {
    devicePath: string;
    detail: string;
    /** No program is known to use it: a command of the driver or a write has yet to end. */
    endsByItself?: true | undefined;
  };
  readonly FileSystemBroken: { devicePath: string; detail: string };
  /** The kernel could not write what was written before, and keeps it no longer. */
  readonly WritesLost: { devicePath: string; detail: string };
  readonly FileSystemUnserved: { fsType: string; problem: string };
  readonly WriteProtected: { devicePath: string };
  /** `option`: the mount option that mounts it as it is. */
  readonly JournalNotReplayed: { devicePath: string; fsType: string; option: string };
  readonly FileSystemNotUnique: { devicePath: string; detail: string };
  /** `reason`: with its remedy. */
  readonly GrowsUnmounted: { devicePath: string; reason: string };
  readonly DeviceSettingRefused: { devicePath: string; setting: string; value: string; detail: string };
  readonly PathNotAllowed: { field: string; path: string; allowedRoots: readonly string[] };
  readonly PathNotMounted: { path: string };
  readonly HostCommandFailed: { command: string; exitCode: number | null; stderr: string };
  readonly HostCommandTimedOut: { command: string; timeoutMs: number };
  readonly HostNotReady: { detail: string };
  /** The file system of the node's checkpoints is full, and this change of them needs more of it. */
  readonly CheckpointsFull: { path: string; neededBytes: number };
  /** Another Azure disk driver manages the attachments of the same VMs. */
  readonly OtherDriver: { detail: string };
  /** An exception met one of many objects that are tried together: the others continue. */
  readonly DriverBug: { detail: string };
}

export type FailureOf<K extends keyof FailureFields> = {
  readonly [Kind in K]: Readonly<{ kind: Kind } & FailureFields[Kind]>;
}[K];

/**
 * Everything that may go wrong. A bug throws, and is a failure only where the other objects of many
 * continue. Closed: adding a kind does not compile until it has a row in `failure-table.ts`. Sentences name
 * the object, the value and the remedy.
 */
export type Failure = FailureOf<keyof FailureFields>;
