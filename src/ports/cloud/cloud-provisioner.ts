import type { DiskSpec } from "../../core/api/az-volume.ts";
import type { NodeIdentity } from "../../core/api/identity/node-identity.ts";
import type { Lane } from "../../core/azure/lane.ts";
import type { PowerState } from "../../core/azure/power-state.ts";
import type { Failure } from "../../core/failure/failure.ts";
import type { Result } from "../../core/failure/result.ts";
import type { DiskPerformance } from "../../core/volume/disk-performance.ts";
import type { CachingMode } from "../../core/volume/disk-sku.ts";
import type { DiskIdentity } from "../../core/volume/replaced-disk.ts";

export type { Lane } from "../../core/azure/lane.ts";

export interface CreateDiskRequest extends DiskSpec {
  readonly diskName: string;
  readonly precondition: Precondition;
}

/** Changes of a disk that exists; what is absent stays as it is. */
export interface DiskChange {
  readonly skuName?: string | undefined;
  /** Set or replaced by name; other tags stay. */
  readonly tags?: Readonly<Record<string, string>> | undefined;
  readonly diskIOPSReadWrite?: number | undefined;
  readonly diskMBpsReadWrite?: number | undefined;
  readonly networkAccessPolicy?: string | undefined;
  readonly publicNetworkAccess?: string | undefined;
  readonly diskAccessId?: string | undefined;
}

/**
 * A disk that is to be changed, or attached, with the platform's id of that very disk. Another disk that has
 * the URI by now is left alone: the call fails with `DiskReplaced` (`replacedDisk`). Without the id the URI
 * decides.
 */
export interface DiskToChange extends DiskIdentity {
  readonly diskUri: string;
}

/** A managed disk as the platform shows it. */
export interface DiskFacts extends Pick<
  DiskChange,
  "diskIOPSReadWrite" | "diskMBpsReadWrite" | "networkAccessPolicy" | "publicNetworkAccess"
> {
  readonly diskUri: string;
  /** The platform's id of this very disk: a later one of its URI has another. Absent: not shown. */
  readonly uniqueId?: string;
  /** When it was made, in the platform's words. Absent: not shown. */
  readonly timeCreated?: string;
  readonly diskName: string;
  readonly location: string;
  /** Of the location, by name; absent: it is in the region itself. */
  readonly edgeZone?: string;
  readonly zones: readonly string[];
  readonly skuName: string;
  readonly sizeGiB: number;
  /** The least disk that a copy of it can be, where its bytes need one GiB more than the platform shows. */
  readonly copyGiB?: number;
  readonly maxShares: number;
  readonly tags: Readonly<Record<string, string>>;
  /** How far a copy or conversion in the background is, from 0 to 99. Absent: none is under way. */
  readonly completionPercent?: number;
  /** Azure shows that such work is complete (100 %). Absent: it shows nothing of it, or less. */
  readonly isShownComplete?: true;
  /** `provisioningState`, such as `Succeeded` or `Failed`. */
  readonly state: string;
  /** The disk or snapshot that it is a copy of; undefined: it was made empty. */
  readonly sourceUri: string | undefined;
  /** The `uniqueId` of that very disk or snapshot: a later one may have its URI by now. Absent: not shown. */
  readonly sourceUniqueId?: string;
  /** Its logical sector size, in bytes. */
  readonly sectorSizeBytes: number;
  /** It bursts on demand. */
  readonly burstingEnabled: boolean;
  /** URIs of the VMs that `managedBy` and `managedByExtended` name. */
  readonly attachedTo: readonly string[];
}

/** An instance as the platform shows it. */
export interface InstanceFacts {
  readonly nodeName: string;
  readonly instanceUri: string;
  /** The VM's GUID, lower case. Another GUID under the same name is another machine. */
  readonly vmId: string;
  readonly location: string;
  /** Availability zone such as `1`; empty: not zonal. */
  readonly zone: string;
  readonly vmSize: string;
  readonly powerState: PowerState;
  readonly busType: "SCSI" | "NVMe";
  /** Data disks that its VM size takes. */
  readonly dataDisksMax: number;
  /** Includes disks that are being detached. */
  readonly dataDisks: readonly {
    readonly diskUri: string;
    readonly lun: number;
    readonly beingDetached: boolean;
    /** The platform deletes the disk when it deletes the VM. */
    readonly deletedWithVm?: true;
  }[];
}

export interface AttachedDisk {
  readonly lun: number;
  /** The platform deletes the disk when it deletes the VM, and refuses to change that. */
  readonly deletedWithVm?: true;
}

/**
 * Asked per disk after each read of the VM and before each write: an uncached look at the writer record,
 * or at the volume where the disk itself is written. Only `true` allows the write: `false` refuses the disk
 * (`Refused`), and a failure, of a look that had no answer, ends the request as it is.
 */
export type Precondition = (signal: AbortSignal) => Promise<boolean | Failure>;

/**
 * Asked where the VM lists a foreign detach (`toBeDetached`), which any update of the VM carries out.
 * `false` postpones the update: the request fails as `CloudUnavailable` with code `OthersDetachPending`.
 * Asked after `precondition` and last before the write, since the answer `true` may record the detach.
 */
export type MayCompleteDetach = (leaving: readonly string[], signal: AbortSignal) => Promise<boolean>;

/**
 * Asked where a fence detaches its disk by force from a VM that lists foreign detaches: which of them it
 * forces with its own. The update carries out the others as regular detaches, and ends only once they are
 * off, too. `undefined` postpones the update, as `false` does of `MayCompleteDetach`, which comes before.
 */
export type ForcedDetaches = (
  leaving: readonly string[],
  signal: AbortSignal,
) => Promise<readonly string[] | undefined>;

/**
 * LUNs at which a node looks for other disks, whether or not the platform still has them there: another
 * client may have detached them.
 */
export type ReservedLuns = () => readonly number[];

/**
 * Disks that the same node is about to have attached or detached, as far as is known: their requests can
 * share an update of the VM.
 */
type ExpectedDisks = () => readonly string[];

/**
 * What a barrier does besides moving the VM's ETag:
 * - `fence` detaches the disk, by force where needed, and succeeds only with proof that it is off;
 * - `prove` detaches nothing, and proves that the disk is off. No proof where the VM lists the disk;
 * - `flush` detaches and proves nothing; the disk only names the purpose.
 */
export type BarrierMode = "fence" | "prove" | "flush";

export interface AttachDiskRequest extends DiskToChange {
  readonly node: NodeIdentity;
  readonly cachingMode: CachingMode;
  /** Whether writes go through Azure's write accelerator: VMs of the M series only. Default: false. */
  readonly writeAccelerator?: boolean;
  readonly lane: Lane;
  readonly precondition: Precondition;
  /** Default: always. */
  readonly mayCompleteDetach?: MayCompleteDetach;
  /** Default: never. */
  readonly forcePrecondition?: Precondition;
  /** Default: none. */
  readonly reservedLuns?: ReservedLuns;
  /** The LUN at which its node had the disk, and may look for it. Default: none. */
  readonly formerLun?: number;
  /** Default: none. */
  readonly expectedDisks?: ExpectedDisks;
}

/**
 * The evidence that a disk is detached from a node for good: its VM lists the disk no more, or no longer
 * exists, whether or not another VM is at its resource id.
 */
export interface FenceProof {
  readonly kind: "entryGone" | "instanceGone";
  readonly detail: string;
}

/**
 * The cloud half of the provisioner library: what a platform must offer. Everything above it is
 * platform-free.
 *
 * A VM is always located by the resource id in the node's identity, never by a name. Where this platform
 * can't look up a VM at that id, methods fail with `InstanceUnknown` (retryable, never a proof). An id has
 * one spelling here (`canonicalInstanceUri`), whatever Azure uses.
 *
 * Each method is idempotent. Besides what it names, each may fail with `Throttled`, `CloudUnavailable`
 * (retryable; the call may have taken effect), `CloudUnauthorized`, `CloudRejected` (Azure's refusal with
 * its code) or `Cancelled`. A cancelled call may leave an operation running, which the next call finds.
 */
export interface CloudProvisioner {
  /**
   * Creates a disk, or answers the one of that name if size, SKU, maxShares, zone and source agree. A write
   * without a response, or one that Azure failed, is sent again where the disk has the driver's tags of
   * the request, and no node has had it. `precondition` is asked before each write: the volume may have been
   * deleted since, and the disk would come back. A copy is answered once it is made; the platform may still
   * fill it then (`completionPercent`). While it is not made, this fails with `DiskBeingCopied`. Fails with
   * `VolumeExistsWithOtherRequest`, `InvalidArgument`, `QuotaExceeded`, `NotOfferedInZone`,
   * `NoCapacityInZone`, `Refused`, and with `DiskNotFound` or `SnapshotNotFound` where the source is gone.
   */
  createDisk(request: CreateDiskRequest, signal: AbortSignal): Promise<Result<DiskFacts>>;
  /** The URI of the disk that `createDisk` makes, or answers, for a disk of that name and resource group. */
  diskUriOf(disk: Pick<CreateDiskRequest, "diskName" | "resourceGroup">): string;
  /**
   * Deletes a disk; success if it, or its resource group, is gone already. Asks `precondition` as
   * `createDisk` does: another disk may have the name by now. Fails with `DiskInUse` while a VM has it, or
   * `Refused`.
   */
  deleteDisk(
    request: DiskToChange & { readonly precondition: Precondition },
    signal: AbortSignal,
  ): Promise<Result<void>>;
  /**
   * Grows a disk to at least `sizeGiB`; never shrinks. Where the platform allows no disk of that size as few
   * IOPS, or as little throughput, as it has, the same write raises them (`raised`). Asks `precondition` as
   * `createDisk` does. Calls `onOver` after each request that is known to change nothing any more: Azure has
   * refused or failed it. Fails with `DiskNotFound`, `DiskInUse` (shared disks grow only while no VM has
   * them), `DiskBeingCopied`, `ChangeOverQuota` or `Refused`.
   */
  resizeDisk(
    request: DiskToChange & {
      readonly sizeGiB: number;
      readonly precondition: Precondition;
      readonly onOver?: (signal: AbortSignal) => Promise<void>;
    },
    signal: AbortSignal,
  ): Promise<Result<{ readonly sizeGiB: number; readonly raised?: DiskPerformance }>>;
  /**
   * Changes a disk in one write, and none where the disk is as requested; answers the disk. Reads it before
   * each request, since the whole map of tags is sent; a read that is older than writes of the last 5 minutes
   * takes none of them back, and does not pass for the end of this one. Conversions to Premium SSD v2
   * continue after the answer (`completionPercent`). Asks `precondition` as `createDisk` does. Fails with
   * `DiskNotFound`, `DiskInUse` (Azure makes this change only while no running VM has the disk),
   * `ChangedTooOften`, `ChangeOverQuota`, `InvalidArgument` or `Refused`.
   */
  updateDisk(
    request: DiskToChange & { readonly change: DiskChange; readonly precondition: Precondition },
    signal: AbortSignal,
  ): Promise<Result<DiskFacts>>;
  /**
   * Sets tags of a disk and removes those given as undefined; other tags keep the values read before each
   * request. Waits behind all other calls for the call budget, so never delays an attach. Asks
   * `precondition` as `createDisk` does, and `isToBeTagged` of the tags that it has just read; default:
   * yes. Fails with `DiskNotFound`, and with `InvalidArgument` where the disk would get more tags than
   * Azure allows, or `Refused`.
   */
  tagDisk(
    request: DiskToChange & {
      readonly tags: Readonly<Record<string, string | undefined>>;
      readonly isToBeTagged?: (present: Readonly<Record<string, string>>) => boolean;
      readonly precondition: Precondition;
    },
    signal: AbortSignal,
  ): Promise<Result<void>>;
  /**
   * Reads a disk, never from a cache. `lane`: default `primaryAttach`, since most reads hold a pod up. Fails
   * with `DiskNotFound`.
   */
  getDisk(
    request: { readonly diskUri: string; readonly lane?: Lane },
    signal: AbortSignal,
  ): Promise<Result<DiskFacts>>;
  /** All disks of a resource group (default: the cluster's), sorted by URI. */
  listDisks(
    request: { readonly resourceGroup: string | undefined },
    signal: AbortSignal,
  ): Promise<Result<readonly DiskFacts[]>>;
  /**
   * Attaches a disk and waits until the platform reports it attached. A disk that is on the node already
   * answers its present LUN, without `precondition`; one that the platform would delete with the VM is kept
   * from then on, where the platform allows it. One that is being detached is waited for. If that detach
   * hangs, `forcePrecondition` decides whether to force it: another client may have asked for it while a
   * node writes. The disk gets its `formerLun` again where that is free, and else none of
   * `reservedLuns`, where the node would take it for another. Fails with `DiskNotFound`,
   * `DiskAttachedElsewhere`, `NoFreeLun`, `NoFreeShare`, `InstanceNotFound`,
   * `InstanceReplaced` (another VM is at its resource id) or `Refused`.
   */
  attachDisk(request: AttachDiskRequest, signal: AbortSignal): Promise<Result<AttachedDisk>>;
  /**
   * Detaches a disk and waits until the VM no longer lists it. Success if it is detached, or the VM is
   * gone or another. Fails with `Refused`.
   */
  detachDisk(
    request: Pick<
      AttachDiskRequest,
      "diskUri" | "node" | "lane" | "precondition" | "mayCompleteDetach" | "expectedDisks"
    >,
    signal: AbortSignal,
  ): Promise<Result<void>>;
  /**
   * The write barrier of a node's VM: no update that was prepared before this call lands after it. Moves
   * the VM's ETag even if the disk is detached already, on the condition that the VM is unchanged since it
   * was read, and waits for an update that Azure has accepted. Answers the proof that the disk is off the
   * node: always for `fence`, unless the VM lists the disk for `prove`, never for `flush`. Asks
   * `precondition` as attach does. Fails with `Refused`, when the VM can't be updated, or when proof can't
   * be had: never guesses; `flush` also with `InstanceNotFound`.
   */
  barrier(
    request: {
      readonly diskUri: string;
      readonly node: NodeIdentity;
      readonly mode: BarrierMode;
      readonly precondition: Precondition;
      readonly mayCompleteDetach?: MayCompleteDetach;
      /** Default: none. */
      readonly forcedDetaches?: ForcedDetaches;
    },
    signal: AbortSignal,
  ): Promise<Result<FenceProof | undefined>>;
  /**
   * Proves that a node's VM is gone, without changing anything: its resource id has no VM or another
   * vmId, and every VM that the disk names as its owner was read and has another vmId. Answers undefined
   * where the VM exists. Fails with `InstanceUnknown` where neither can be shown.
   */
  proveGone(
    request: { readonly diskUri: string; readonly node: NodeIdentity },
    signal: AbortSignal,
  ): Promise<Result<FenceProof | undefined>>;
  /**
   * Powers a node's VM off without waiting for its guest, and waits until that has ended: nothing runs on it
   * then. It keeps its host and its disks. Answers false, and changes nothing, where the VM is off or its
   * power changes, and where `precondition`, asked once the VM was read, does not allow it. The action itself
   * has no condition: where the VM is replaced between that read and the request, its successor is powered
   * off. Fails with `InstanceNotFound` or `InstanceReplaced`, and where Azure shows the VM as anything but
   * off in the end.
   */
  powerOff(
    request: { readonly node: NodeIdentity; readonly precondition: Precondition },
    signal: AbortSignal,
  ): Promise<Result<boolean>>;
  /**
   * Reads the VM at a resource id with its power state, never from a cache. `nodeName` only appears in
   * failures. `lane`: default `failover`. Fails with `InstanceNotFound`.
   */
  inspectInstance(
    request: { readonly nodeName: string; readonly instanceUri: string; readonly lane?: Lane },
    signal: AbortSignal,
  ): Promise<Result<InstanceFacts>>;
  /**
   * Forgets what this process has lately written of disks, which reads are compared with. Called as a term of
   * leading begins: another process may have written since.
   */
  forgetWrites(): void;
  /**
   * How many data disks the platform lists for a size of VM in a location. Undefined where it lists no such
   * size, or can't be asked at the moment: never fails, and waits two seconds at most.
   */
  dataDisksMax(vm: { readonly vmSize: string; readonly location: string }): Promise<number | undefined>;
}
