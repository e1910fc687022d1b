import type { NodeIdentity } from "../../core/api/node-identity.ts";
import type { Lane } from "../../core/azure/lane.ts";
import type { Failure } from "../../core/failure/failure.ts";
import type { Result } from "../../core/failure/result.ts";
import type { CachingMode, DiskSku } from "../../core/volume/disk-sku.ts";

export type { Lane } from "../../core/azure/lane.ts";

/** A managed disk to create. */
export interface CreateDiskRequest {
  readonly diskName: string;
  readonly resourceGroup: string | undefined;
  readonly location: string | undefined;
  /** Availability zone such as `1`; undefined: regional or zone-redundant. */
  readonly zone: string | undefined;
  readonly skuName: DiskSku;
  readonly sizeGiB: number;
  readonly maxShares: number;
  readonly tags: Readonly<Record<string, string>>;
  readonly precondition: MayProceed;
}

/** A managed disk as the platform shows it. */
export interface DiskFacts {
  readonly diskUri: string;
  readonly diskName: string;
  readonly location: string;
  readonly zones: readonly string[];
  readonly skuName: string;
  readonly sizeGiB: number;
  readonly maxShares: number;
  readonly tags: Readonly<Record<string, string>>;
  /** `provisioningState` is Succeeded. */
  readonly isReady: boolean;
  /** URIs of the VMs that `managedBy` and `managedByExtended` name. */
  readonly attachedTo: readonly string[];
}

/** An instance as the platform shows it. */
export interface InstanceFacts {
  readonly nodeName: string;
  /** The VM's resource URI. */
  readonly instanceUri: string;
  /** The VM's GUID, lower case. Another GUID under the same name is another machine. */
  readonly vmId: string;
  readonly location: string;
  /** Availability zone such as `1`; empty: not zonal. */
  readonly zone: string;
  readonly vmSize: string;
  readonly powerState: "running" | "stopped" | "deallocated" | "hibernated" | "changing" | "unknown";
  readonly busType: "SCSI" | "NVMe";
  /** Data disks that this size of VM takes. */
  readonly dataDisksMax: number;
  /** Includes disks that are being detached. */
  readonly dataDisks: readonly {
    readonly diskUri: string;
    readonly lun: number;
    readonly beingDetached: boolean;
  }[];
}

/**
 * Asked per disk after each read of the VM and before each write: a fresh look at the writer record, or at
 * the volume where the disk itself is written. `false` refuses the disk (`Refused`).
 */
export type MayProceed = (signal: AbortSignal) => Promise<boolean>;

/**
 * Asked where the VM lists disks of which others have said that they are to come off (`toBeDetached`): any
 * update of the VM carries that out. `false` puts the update off: the request fails as `CloudUnavailable`
 * with code `OthersDetachPending`. Asked after `precondition` and last before the write, since the answer
 * `true` may note that the disks come off.
 */
export type MayCarryOut = (leaving: readonly string[], signal: AbortSignal) => Promise<boolean>;

/**
 * LUNs at which a node looks for other disks, whether the platform still has these there or not: somebody
 * may have taken them off without telling.
 */
export type PromisedLuns = () => readonly number[];

/** What shows that a disk is off a node for good. */
export interface FenceProof {
  readonly kind: "entryGone" | "instanceGone" | "instanceReplaced" | "instanceOff";
  readonly detail: string;
}

/**
 * The cloud half of the provisioner library: what a platform must offer. Everything above it is
 * platform-free.
 *
 * A VM is always looked up by the resource id in the node's identity, never by a name. Where that id is no
 * VM's that this platform can look up, methods fail with `InstanceUnknown` (retryable, never a proof), or
 * `Unsupported` for an instance of a uniform scale set.
 *
 * Each method is idempotent. Besides what it names, each may fail with `Throttled`, `CloudUnavailable`
 * (retryable; the call may have taken effect), `CloudUnauthorized`, `CloudRejected` (Azure's refusal with
 * its code) or `Cancelled`. A cancelled call may leave an operation running, which the next call finds.
 */
export interface CloudProvisioner {
  /**
   * Creates a disk, or answers the one of that name if size, SKU, maxShares and zone agree. A write whose
   * answer was lost is sent again, and so is one that Azure has failed, where the disk has all tags of the
   * request. `precondition` is asked before each time: the volume may have been deleted since, and the disk
   * would come back. Fails with `VolumeExistsWithOtherRequest`, `InvalidArgument`, `QuotaExceeded`,
   * `Refused`.
   */
  createDisk(request: CreateDiskRequest, signal: AbortSignal): Promise<Result<DiskFacts, Failure>>;
  /**
   * Deletes a disk; success if it is gone already. Asks `precondition` as `createDisk` does: another disk
   * may have the name since. Fails with `DiskInUse` while a VM has it, or `Refused`.
   */
  deleteDisk(
    request: { readonly diskUri: string; readonly precondition: MayProceed },
    signal: AbortSignal,
  ): Promise<Result<void, Failure>>;
  /**
   * Grows a disk to at least `sizeGiB`; never shrinks. Asks `precondition` as `createDisk` does. Fails with
   * `DiskNotFound`, `DiskInUse` (shared disks grow only while no VM has them), or `Refused`.
   */
  resizeDisk(
    request: { readonly diskUri: string; readonly sizeGiB: number; readonly precondition: MayProceed },
    signal: AbortSignal,
  ): Promise<Result<{ readonly sizeGiB: number }, Failure>>;
  /**
   * Sets tags of a disk and removes those that are given as undefined; all others stay as they are read
   * before each request. Never in the way of an attach: waits behind all else for the call budget. Asks
   * `precondition` as `createDisk` does. Fails with `DiskNotFound`, and with `InvalidArgument` where the
   * disk would get more tags than Azure allows, or `Refused`.
   */
  tagDisk(
    request: {
      readonly diskUri: string;
      readonly tags: Readonly<Record<string, string | undefined>>;
      readonly precondition: MayProceed;
    },
    signal: AbortSignal,
  ): Promise<Result<void, Failure>>;
  /** Reads a disk, never from a cache. Fails with `DiskNotFound`. */
  getDisk(request: { readonly diskUri: string }, signal: AbortSignal): Promise<Result<DiskFacts, Failure>>;
  /** All disks of a resource group (default: the cluster's), sorted by URI. */
  listDisks(
    request: { readonly resourceGroup: string | undefined },
    signal: AbortSignal,
  ): Promise<Result<readonly DiskFacts[], Failure>>;
  /**
   * Attaches a disk and waits until the platform reports it attached. A disk that is on the node already
   * answers its present LUN. One that is still coming off is waited for; where that hangs,
   * `forcePrecondition` is asked as `precondition` is, and it is taken off by force only then: somebody may
   * be writing there, and others have asked for the detach. None of `reservedLuns` is given to the disk,
   * since the node would take it for another there. Fails with `DiskNotFound`, `DiskAttachedElsewhere`,
   * `NoFreeLun`, `NoFreeShare`, `InstanceNotFound`, `InstanceReplaced` (another VM is at its resource id)
   * or `Refused`.
   */
  attachDisk(
    request: {
      readonly diskUri: string;
      readonly node: NodeIdentity;
      readonly cachingMode: CachingMode;
      readonly lane: Lane;
      readonly precondition: MayProceed;
      /** Default: always. */
      readonly mayCarryOut?: MayCarryOut;
      /** Default: never. */
      readonly forcePrecondition?: MayProceed;
      /** Default: none. */
      readonly reservedLuns?: PromisedLuns;
    },
    signal: AbortSignal,
  ): Promise<Result<{ readonly lun: number }, Failure>>;
  /**
   * Detaches a disk and waits until the VM no longer lists it. Success if it is off, or the VM is gone or
   * another. Fails with `Refused`.
   */
  detachDisk(
    request: {
      readonly diskUri: string;
      readonly node: NodeIdentity;
      readonly lane: Lane;
      readonly precondition: MayProceed;
      readonly mayCarryOut?: MayCarryOut;
    },
    signal: AbortSignal,
  ): Promise<Result<void, Failure>>;
  /**
   * Cuts a node off a disk: takes it off the VM, by force where needed, moves the VM's ETag even if the
   * disk is off already (a late write of a former leader then fails), and answers only with proof. Asks
   * `precondition` as attach does. Fails with `Refused`, or when proof can't be had: never guesses.
   */
  fenceDisk(
    request: {
      readonly diskUri: string;
      readonly node: NodeIdentity;
      readonly precondition: MayProceed;
      readonly mayCarryOut?: MayCarryOut;
    },
    signal: AbortSignal,
  ): Promise<Result<FenceProof, Failure>>;
  /**
   * Proves that a disk is off a node which nobody has to be cut off from: takes nothing off, and moves the
   * VM's ETag on the condition that the VM is still as it was read without the disk, so that no write which
   * somebody prepared before can bring it there. Answers undefined where the VM lists the disk. Asks
   * `precondition` as attach does. Fails with `Refused`, or when proof can't be had.
   */
  proveDetached(
    request: {
      readonly diskUri: string;
      readonly node: NodeIdentity;
      readonly precondition: MayProceed;
      readonly mayCarryOut?: MayCarryOut;
    },
    signal: AbortSignal,
  ): Promise<Result<FenceProof | undefined, Failure>>;
  /**
   * Settles what may still be under way to a node's VM: no update that anybody prepared before this call
   * lands after it. Moves the VM's ETag, and waits for an update that Azure has taken up; takes nothing off
   * by itself. The disk only says what it is for. Asks `precondition` as attach does. Fails with
   * `InstanceNotFound`, `Refused`, or when it can't be had.
   */
  writeBarrier(
    request: {
      readonly diskUri: string;
      readonly node: NodeIdentity;
      readonly precondition: MayProceed;
      readonly mayCarryOut?: MayCarryOut;
    },
    signal: AbortSignal,
  ): Promise<Result<void, Failure>>;
  /**
   * Proves that a node's VM is gone, without changing anything: nothing, or another vmId, is at its
   * resource id, and every VM that the disk names as its owner has been read and has another vmId. Answers
   * undefined where the VM exists. Fails with `InstanceUnknown` where neither can be said.
   */
  proveVanished(
    request: { readonly diskUri: string; readonly node: NodeIdentity },
    signal: AbortSignal,
  ): Promise<Result<FenceProof | undefined, Failure>>;
  /**
   * Reads the VM at a resource id with its power state, never from a cache. `nodeName` only appears in
   * failures. Fails with `InstanceNotFound`.
   */
  inspectInstance(
    request: { readonly nodeName: string; readonly instanceUri: string },
    signal: AbortSignal,
  ): Promise<Result<InstanceFacts, Failure>>;
}
