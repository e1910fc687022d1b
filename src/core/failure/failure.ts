/**
 * Azure's own response behind a failure: its code, and the id by which its support finds the request.
 * Absent where the failure rests on a read of the driver.
 */
export interface AzureAnswer {
  readonly code: string;
  readonly requestId: string;
}

/**
 * Everything that may go wrong. A bug throws, and is a failure only where the other objects of many
 * continue. Closed: adding a kind does not compile until it has a row in `failure-table.ts`. Sentences name
 * the object, the value and the remedy.
 */
export type Failure =
  // The caller asked for something impossible.
  | {
      readonly kind: "InvalidArgument";
      readonly field: string;
      readonly value: string;
      readonly problem: string;
      readonly azure?: AzureAnswer;
    }
  | { readonly kind: "OutOfRange"; readonly field: string; readonly value: string; readonly problem: string }
  | {
      readonly kind: "CopyUnreachable";
      readonly sourceUri: string;
      readonly place: string;
      readonly requested: readonly string[];
    }
  | { readonly kind: "VolumeNotFound"; readonly volumeId: string }
  | { readonly kind: "NodeNotFound"; readonly nodeName: string }
  | {
      readonly kind: "VolumeExistsWithOtherRequest";
      readonly volumeName: string;
      readonly difference: string;
    }
  | { readonly kind: "SnapshotNotFound"; readonly snapshotUri: string; readonly azure?: AzureAnswer }
  | {
      readonly kind: "SnapshotExistsWithOtherRequest";
      readonly snapshotUri: string;
      readonly difference: string;
    }
  /** `clusterId`: this cluster's. */
  | {
      readonly kind: "SnapshotOfOther";
      readonly snapshotUri: string;
      readonly owner: string;
      readonly clusterId: string;
    }
  | { readonly kind: "SnapshotCopyFailed"; readonly snapshotUri: string; readonly detail: string }
  | { readonly kind: "SnapshotCopyDelayed"; readonly snapshotUri: string; readonly detail: string }
  | { readonly kind: "SnapshotNotFrozen"; readonly snapshotUri: string; readonly detail: string }
  | { readonly kind: "CopySourceFailed"; readonly sourceUri: string; readonly detail: string }
  /** Of a disk that is to be deleted: Azure may need it for a snapshot yet. */
  | { readonly kind: "SnapshotBeingCopied"; readonly diskUri: string; readonly snapshotUri: string }
  | {
      readonly kind: "SourceBeingCopied";
      readonly sourceUri: string;
      readonly diskUri: string;
      readonly percent: number;
    }
  | { readonly kind: "OperationInProgress"; readonly volumeId: string; readonly operation: string }
  | { readonly kind: "Unsupported"; readonly what: string }
  | { readonly kind: "InvalidToken"; readonly token: string }
  // The writer protocol answers wait, or no.
  | {
      readonly kind: "OtherWriter";
      readonly volumeId: string;
      readonly writer: string;
      readonly users: readonly string[];
    }
  | { readonly kind: "WriterRecordUnverified"; readonly volumeId: string; readonly nodes: readonly string[] }
  | { readonly kind: "InQuarantine"; readonly volumeId: string; readonly nodeName: string }
  | {
      readonly kind: "NotWriter";
      readonly volumeId: string;
      readonly nodeName: string;
      readonly reason: string;
    }
  | {
      readonly kind: "VolumeInUse";
      readonly volumeId: string;
      readonly nodeName: string;
      readonly users: readonly string[];
    }
  | { readonly kind: "StoreRolledBack"; readonly detail: string }
  // A wait took longer than it may.
  | { readonly kind: "StillWaiting"; readonly volumeId: string; readonly what: string }
  | { readonly kind: "Cancelled" }
  | { readonly kind: "DeadlineExceeded"; readonly operation: string }
  // Azure.
  | { readonly kind: "DiskNotFound"; readonly diskUri: string; readonly azure?: AzureAnswer }
  | {
      readonly kind: "DiskAttachedElsewhere";
      readonly diskUri: string;
      readonly attachedTo: readonly string[];
      readonly azure?: AzureAnswer;
    }
  | {
      readonly kind: "DiskInUse";
      readonly diskUri: string;
      readonly attachedTo: readonly string[];
      /** How long after its last pod a volume keeps its replicas, in milliseconds; undefined: it has none. */
      readonly replicasKeptMs?: number;
      readonly azure?: AzureAnswer;
    }
  | {
      readonly kind: "ChangedTooOften";
      readonly diskUri: string;
      readonly detail: string;
      readonly azure?: AzureAnswer;
    }
  | {
      readonly kind: "NoFreeLun";
      readonly nodeName: string;
      readonly lunsMax: number;
      readonly azure?: AzureAnswer;
    }
  | { readonly kind: "DiskBeingCopied"; readonly diskUri: string; readonly percent: number }
  | {
      readonly kind: "DiskCopyFailed";
      readonly diskUri: string;
      readonly sourceUri: string;
      readonly state: string;
    }
  | { readonly kind: "NoFreeShare"; readonly diskUri: string; readonly maxShares: number }
  | { readonly kind: "InstanceNotFound"; readonly nodeName: string; readonly azure?: AzureAnswer }
  | {
      readonly kind: "InstanceUnknown";
      readonly nodeName: string;
      readonly instanceUri: string;
      readonly problem: string;
    }
  | { readonly kind: "InstanceReplaced"; readonly nodeName: string; readonly vmId: string }
  /** `retryAfterMs`: when the VM is read again. Nothing is written to it before its pause is over. */
  | {
      readonly kind: "EtagNotMoved";
      readonly nodeName: string;
      readonly instanceUri: string;
      readonly retryAfterMs: number;
    }
  | { readonly kind: "Refused"; readonly diskUri: string; readonly nodeName?: string }
  | { readonly kind: "Throttled"; readonly retryAfterMs: number; readonly detail: string }
  | { readonly kind: "QuotaExceeded"; readonly detail: string; readonly azure?: AzureAnswer }
  /** Azure makes no such disk in this zone of the region: `zone` is its number. */
  | {
      readonly kind: "NotOfferedInZone";
      readonly zone: string;
      readonly detail: string;
      readonly azure?: AzureAnswer;
    }
  /** Azure has no room for such a disk in this zone of the region, for now: `zone` is its number. */
  | {
      readonly kind: "NoCapacityInZone";
      readonly zone: string;
      readonly detail: string;
      readonly azure?: AzureAnswer;
    }
  /** Of a disk that exists: a change of it, or a snapshot. */
  | {
      readonly kind: "ChangeOverQuota";
      readonly diskUri: string;
      readonly detail: string;
      readonly azure?: AzureAnswer;
    }
  | { readonly kind: "TooManySnapshots"; readonly diskUri: string; readonly azure?: AzureAnswer }
  | ({ readonly kind: "CloudRejected"; readonly message: string } & AzureAnswer)
  | ({ readonly kind: "CloudUnavailable"; readonly message: string } & AzureAnswer)
  | ({ readonly kind: "CloudUnauthorized"; readonly message: string } & AzureAnswer)
  // The object store.
  | { readonly kind: "ObjectNotFound"; readonly objectKind: string; readonly name: string }
  | { readonly kind: "ObjectAlreadyExists"; readonly objectKind: string; readonly name: string }
  | { readonly kind: "ObjectConflict"; readonly objectKind: string; readonly name: string }
  | {
      readonly kind: "ObjectInvalid";
      readonly objectKind: string;
      readonly name: string;
      readonly problem: string;
    }
  | { readonly kind: "StoreUnavailable"; readonly detail: string }
  // The host.
  /** `seen`: what was found of the LUN without its device, such as a link that leads nowhere. */
  | {
      readonly kind: "DeviceNotFound";
      readonly lun: number;
      readonly searched: readonly string[];
      readonly seen: readonly string[];
      readonly waitedMs: number;
    }
  | { readonly kind: "WrongDevice"; readonly devicePath: string; readonly problem: string }
  /** Where a device is to be mounted or bound, another one is, or this one in another way. */
  | { readonly kind: "MountedOtherwise"; readonly path: string; readonly problem: string }
  | {
      readonly kind: "WrongFileSystem";
      readonly devicePath: string;
      readonly found: string;
      readonly requested: string;
      /** The driver would format the disk once it is erased. */
      readonly isFormattedOnceBlank?: true;
    }
  | { readonly kind: "DeviceBusy"; readonly devicePath: string; readonly detail: string }
  | { readonly kind: "FileSystemBroken"; readonly devicePath: string; readonly detail: string }
  | { readonly kind: "FileSystemUnserved"; readonly fsType: string; readonly problem: string }
  | { readonly kind: "WriteProtected"; readonly devicePath: string }
  /** `option`: the mount option that mounts it as it is. */
  | {
      readonly kind: "JournalNotReplayed";
      readonly devicePath: string;
      readonly fsType: string;
      readonly option: string;
    }
  | { readonly kind: "FileSystemNotUnique"; readonly devicePath: string; readonly detail: string }
  /** `reason`: with its remedy. */
  | { readonly kind: "GrowsUnmounted"; readonly devicePath: string; readonly reason: string }
  | {
      readonly kind: "DeviceSettingRefused";
      readonly devicePath: string;
      readonly setting: string;
      readonly value: string;
      readonly detail: string;
    }
  | {
      readonly kind: "PathNotAllowed";
      readonly field: string;
      readonly path: string;
      readonly allowedRoots: readonly string[];
    }
  | { readonly kind: "PathNotMounted"; readonly path: string }
  | {
      readonly kind: "HostCommandFailed";
      readonly command: string;
      readonly exitCode: number | null;
      readonly stderr: string;
    }
  | { readonly kind: "HostCommandTimedOut"; readonly command: string; readonly timeoutMs: number }
  | { readonly kind: "HostNotReady"; readonly detail: string }
  /** The file system of the node's checkpoints is full, and this change of them needs more of it. */
  | { readonly kind: "CheckpointsFull"; readonly path: string; readonly neededBytes: number }
  /** Another Azure disk driver manages the attachments of the same VMs. */
  | { readonly kind: "OtherDriver"; readonly detail: string }
  /** An exception met one of many objects that are tried together: the others continue. */
  | { readonly kind: "DriverBug"; readonly detail: string };

/** A failure of one kind. */
export type FailureOf<K extends Failure["kind"]> = Extract<Failure, { readonly kind: K }>;
