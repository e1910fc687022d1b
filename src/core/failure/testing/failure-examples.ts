import type { Failure, FailureOf } from "../failure.ts";

const DISK = "/subscriptions/sub-1/resourceGroups/rg-1/providers/Microsoft.Compute/disks/pvc-1";
const SNAPSHOT = "/subscriptions/sub-1/resourceGroups/rg-1/providers/Microsoft.Compute/snapshots/snapshot-1";

type Examples = { readonly [K in Failure["kind"]]: Omit<FailureOf<K>, "kind"> };

const examples: Examples = {
  InvalidArgument: {
    field: "parameters.skuName",
    value: "Fast",
    problem: "must be one of Premium_LRS, Premium_ZRS",
  },
  OutOfRange: { field: "capacity_range.limit_bytes", value: "1", problem: "no disk is that small" },
  CopyUnreachable: { sourceUri: DISK, place: "eastus-1", requested: ["eastus-2"] },
  VolumeNotFound: { volumeId: DISK },
  NodeNotFound: { nodeName: "node-a" },
  VolumeExistsWithOtherRequest: { volumeName: "pvc-1", difference: "it has 10 GiB, not 20 GiB" },
  SnapshotNotFound: { snapshotUri: SNAPSHOT },
  SnapshotExistsWithOtherRequest: {
    snapshotUri: SNAPSHOT,
    difference: "it is a full copy, not an incremental one",
  },
  SnapshotOfOther: { snapshotUri: SNAPSHOT, owner: "cluster cluster-2 made it", clusterId: "cluster-1" },
  SnapshotCopyFailed: { snapshotUri: SNAPSHOT, detail: "CopySourceNotFound" },
  SnapshotCopyDelayed: { snapshotUri: SNAPSHOT, detail: "OperationNotAllowed: another copy runs" },
  SnapshotNotFrozen: { snapshotUri: SNAPSHOT, detail: "node-a thawed it before Azure had taken it" },
  CopySourceFailed: { sourceUri: SNAPSHOT, detail: "provisioningState Failed" },
  SnapshotBeingCopied: { diskUri: DISK, snapshotUri: SNAPSHOT },
  SourceBeingCopied: { sourceUri: SNAPSHOT, diskUri: DISK, percent: 40 },
  OperationInProgress: { volumeId: DISK, operation: "DeleteVolume" },
  Unsupported: { what: "a volume content source" },
  InvalidToken: { token: "17" },
  OtherWriter: { volumeId: DISK, writer: "node-a", users: ["default/pod-1"] },
  WriterRecordUnverified: { volumeId: DISK, nodes: ["node-a"] },
  InQuarantine: { volumeId: DISK, nodeName: "node-a" },
  NotWriter: { volumeId: DISK, nodeName: "node-a", reason: "node-b holds the grant" },
  VolumeInUse: { volumeId: DISK, nodeName: "node-a", users: [] },
  StoreRolledBack: { detail: "heartbeat 5 after 9" },
  StillWaiting: { volumeId: DISK, what: "the disk to be created" },
  Cancelled: {},
  DeadlineExceeded: { operation: "CreateVolume" },
  DiskNotFound: { diskUri: DISK },
  DiskAttachedElsewhere: { diskUri: DISK, attachedTo: ["node-b"] },
  DiskInUse: { diskUri: DISK, attachedTo: [] },
  DiskAccessGranted: { diskUri: DISK },
  ChangedTooOften: {
    diskUri: DISK,
    detail: "The performance of disk disk-1 can be changed only 4 times in 24 hours.",
  },
  NoFreeLun: { nodeName: "node-a", lunsMax: 8 },
  DiskBeingCopied: { diskUri: DISK, percent: 40 },
  DiskReplaced: { diskUri: DISK, uniqueId: "8d0f", shownId: "97c2" },
  DiskCopyFailed: { diskUri: DISK, sourceUri: SNAPSHOT, state: "Failed" },
  NoFreeShare: { diskUri: DISK, maxShares: 3 },
  InstanceNotFound: { nodeName: "node-a" },
  InstanceUnknown: {
    nodeName: "node-a",
    instanceUri: "/subscriptions/sub-1/resourceGroups/rg-1/providers/Microsoft.Compute/virtualMachines/vm-1",
    problem: "the disk names an owner that can't be read",
  },
  InstanceReplaced: { nodeName: "node-a", vmId: "0000" },
  EtagNotMoved: {
    nodeName: "node-a",
    instanceUri:
      "/subscriptions/sub-1/resourceGroups/rg-1/providers/Microsoft.Compute/virtualMachineScaleSets/pool/virtualMachines/3",
    retryAfterMs: 60_000,
  },
  Refused: { diskUri: DISK, nodeName: "node-a" },
  Throttled: { retryAfterMs: 1500, detail: "writes of this subscription" },
  QuotaExceeded: { detail: "500 disks in eastus" },
  NotOfferedInZone: { zone: "2", detail: "PremiumV2_LRS disk is not supported." },
  NoCapacityInZone: { zone: "2", detail: "Allocation failed." },
  ChangeOverQuota: { diskUri: DISK, detail: "500 snapshots in eastus" },
  TooManySnapshots: { diskUri: DISK },
  CloudRejected: { code: "BadRequest", message: "no", requestId: "r-1" },
  CloudUnavailable: { code: "InternalServerError", message: "oops", requestId: "r-1" },
  CloudUnauthorized: {
    code: "AuthorizationFailed",
    message:
      "The client 'c-1' with object id 'o-1' does not have authorization to perform action " +
      "'Microsoft.Compute/disks/write' over scope '/subscriptions/sub-1/resourceGroups/rg-1'",
    requestId: "r-1",
  },
  ObjectNotFound: { objectKind: "AzVolume", name: "pvc-1" },
  ObjectAlreadyExists: { objectKind: "AzVolume", name: "pvc-1" },
  ObjectConflict: { objectKind: "AzVolume", name: "pvc-1" },
  ObjectInvalid: { objectKind: "AzVolume", name: "pvc-1", problem: "spec.disk.maxShares must be at most 15" },
  StoreUnavailable: { detail: "connection refused" },
  DeviceNotFound: { lun: 3, searched: ["/dev/disk/azure/scsi1/lun3"], seen: [], waitedMs: 60_000 },
  WrongDevice: { devicePath: "/dev/sdc", problem: "it has 4 GiB, not 10 GiB" },
  MountedOtherwise: {
    path: "/var/lib/kubelet/…/globalmount",
    problem: "already holds a mount of /dev/sdd (8:48)",
  },
  WrongFileSystem: { devicePath: "/dev/sdc", found: "xfs", requested: "ext4" },
  DeviceBusy: { devicePath: "/dev/sdc", detail: "mounted at /mnt" },
  FileSystemBroken: { devicePath: "/dev/sdc", detail: "e2fsck answered 4" },
  WritesLost: { devicePath: "/dev/sdc", detail: "sync: Input/output error" },
  FileSystemUnserved: { fsType: "btrfs", problem: "the kernel has no module btrfs" },
  WriteProtected: { devicePath: "/dev/sdc" },
  JournalNotReplayed: { devicePath: "/dev/sdc", fsType: "ext4", option: "noload" },
  FileSystemNotUnique: { devicePath: "/dev/sdc", detail: "File exists" },
  GrowsUnmounted: {
    devicePath: "/dev/sdc",
    reason:
      "this node keeps CAP_SYS_RESOURCE from its node plug-in; it grows before its next mount: delete " +
      "the pods that use the volume, and they start with the new size",
  },
  DeviceSettingRefused: {
    devicePath: "/dev/sdc",
    setting: "queue/scheduler",
    value: "kyber",
    detail: "EINVAL",
  },
  PathNotAllowed: { field: "target_path", path: "/etc", allowedRoots: ["/var/lib/kubelet"] },
  PathNotMounted: { path: "/var/lib/kubelet/x" },
  HostCommandFailed: { command: "mkfs.ext4", exitCode: 1, stderr: "no space\n" },
  HostCommandTimedOut: { command: "mkfs.ext4", timeoutMs: 1000 },
  HostNotReady: { detail: "checkpoints can't be written" },
  CheckpointsFull: { path: "/var/lib/azuredisk-csi/volumes.json", neededBytes: 65_600 },
  OtherDriver: { detail: "CSINode node-a names disk.csi.azure.com; remove it" },
  DriverBug: { detail: "timestamp yesterday is not ISO 8601" },
};

/** One failure of every kind, for documentation and tests. */
export const failureExamples = Object.fromEntries(
  Object.entries(examples).map(([kind, example]) => [kind, { kind, ...example }]),
) as { readonly [K in Failure["kind"]]: FailureOf<K> };
