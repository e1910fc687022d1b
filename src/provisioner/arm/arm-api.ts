import type { Failure } from "../../core/failure/failure.ts";
import type { Result } from "../../core/failure/result.ts";

/**
 * An entry of a VM's data disk list. Members that are not named here travel unchanged from a read to the
 * next write, but for the performance of the disk.
 */
export interface ArmDataDisk {
  readonly lun: number;
  readonly name?: string;
  readonly createOption: string;
  readonly caching?: string;
  readonly writeAcceleratorEnabled?: boolean;
  readonly managedDisk?: { readonly id?: string };
  /** The disk is on its way off, or the last detach failed. */
  readonly toBeDetached?: boolean;
  /** `ForceDetach` together with `toBeDetached`: does not wait for the guest. */
  readonly detachOption?: string;
  /** `Delete`: Azure deletes the disk when it deletes the VM. Default: `Detach`, which keeps it. */
  readonly deleteOption?: string;
}

/** What VMs, disks and snapshots have in common. */
interface ArmResource {
  readonly id: string;
  readonly name: string;
  readonly location: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly provisioningState: string;
}

/** A virtual machine, as far as the driver reads it. */
export interface ArmVm extends ArmResource {
  readonly zones: readonly string[];
  /** The name of its `extendedLocation`; undefined: it is in the region itself. */
  readonly edgeZone?: string | undefined;
  /** Empty if ARM sent none: nothing can then be written conditionally. */
  readonly etag: string;
  /** The VM's GUID, lower case. */
  readonly vmId: string;
  readonly vmSize: string;
  readonly diskControllerType: string | undefined;
  readonly dataDisks: readonly ArmDataDisk[];
  /** Codes such as `PowerState/running`; undefined unless the instance view was asked for. */
  readonly statusCodes: readonly string[] | undefined;
  /**
   * Codes of the guest agent's status, such as `ProvisioningState/succeeded`; undefined unless the instance
   * view was asked for.
   */
  readonly agentStatusCodes: readonly string[] | undefined;
}

/** A managed disk, as far as the driver reads it. */
export interface ArmDisk extends ArmResource {
  readonly zones: readonly string[];
  /** As of a VM. */
  readonly edgeZone?: string | undefined;
  readonly skuName: string;
  readonly diskSizeGB: number;
  /** Azure has disks of no whole GiB: made from images, from uploads, or from such snapshots. */
  readonly diskSizeBytes?: number | undefined;
  readonly maxShares: number;
  readonly diskIOPSReadWrite: number | undefined;
  readonly diskMBpsReadWrite: number | undefined;
  readonly networkAccessPolicy: string | undefined;
  readonly publicNetworkAccess: string | undefined;
  readonly diskAccessId: string | undefined;
  /** Of a copy or conversion in the background; undefined where there was none. */
  readonly completionPercent: number | undefined;
  readonly managedBy: string | undefined;
  readonly managedByExtended: readonly string[];
  /** A GUID: a later disk of the name has another. */
  readonly uniqueId?: string | undefined;
  /** RFC 3339. */
  readonly timeCreated?: string | undefined;
  /** The disk or snapshot that it was made as a copy of; it may be gone. */
  readonly sourceId: string | undefined;
  /** The `uniqueId` of that very disk or snapshot. */
  readonly sourceUniqueId?: string | undefined;
  /** In bytes; undefined: the default of its SKU. */
  readonly logicalSectorSize: number | undefined;
  readonly burstingEnabled: boolean;
}

/**
 * Properties that a disk can be given at any time, in Azure's words. What is undefined is Azure's
 * default, or stays as it is.
 */
export interface ArmDiskTraits {
  /** Premium SSD v2 and Ultra only, as is `diskMBpsReadWrite`. */
  readonly diskIOPSReadWrite?: number | undefined;
  readonly diskMBpsReadWrite?: number | undefined;
  /** A performance tier above the size's own, such as `P40`: Premium SSD only. */
  readonly tier?: string;
  readonly burstingEnabled?: boolean | undefined;
  readonly networkAccessPolicy?: string | undefined;
  readonly publicNetworkAccess?: string | undefined;
  readonly diskAccessId?: string | undefined;
  readonly diskEncryptionSetId?: string | undefined;
  /** With `diskEncryptionSetId` only. Default: the customer's key alone. */
  readonly encryptionType?: string | undefined;
  readonly optimizedForFrequentAttach?: boolean | undefined;
}

/** A new disk: empty, or with the bytes of a snapshot or of another disk. */
export interface ArmDiskSpec extends ArmDiskTraits {
  readonly location: string;
  /** Of that location; undefined: in the region itself. */
  readonly edgeZone?: string;
  readonly zones: readonly string[];
  readonly tags: Readonly<Record<string, string>>;
  readonly skuName: string;
  /** Undefined only with a source: as large as that. */
  readonly diskSizeGB: number | undefined;
  readonly maxShares: number;
  /** The snapshot or disk that it starts out as a copy of. */
  readonly sourceId?: string;
  /** 512 or 4096: Premium SSD v2 and Ultra only. */
  readonly logicalSectorSize?: number | undefined;
  readonly performancePlus?: boolean | undefined;
}

/** Changes of a disk: what is undefined stays as it is. */
export interface ArmDiskChange extends ArmDiskTraits {
  readonly diskSizeGB?: number;
  readonly skuName?: string;
  /** The whole map. */
  readonly tags?: Readonly<Record<string, string>>;
}

/** A snapshot, as far as a driver reads it. */
export interface ArmSnapshot extends ArmResource {
  /** As of a VM. */
  readonly edgeZone?: string | undefined;
  readonly diskSizeGB: number;
  /** Azure has snapshots of no whole GiB. Undefined: none is shown yet. */
  readonly diskSizeBytes: number | undefined;
  readonly incremental: boolean;
  /** The disk or snapshot that it was made from; it may be gone. */
  readonly sourceId: string;
  /** The `uniqueId` of that very disk or snapshot. */
  readonly sourceUniqueId?: string | undefined;
  /** In bytes, of the disk that it was made of; undefined: 512. */
  readonly logicalSectorSize: number | undefined;
  /** RFC 3339. */
  readonly timeCreated: string;
  /**
   * Of a copy in the background; undefined where there is none. Below 100 it can't be restored, save by
   * instant access.
   */
  readonly completionPercent: number | undefined;
  /**
   * `Pending`, `Available`, `InstantAccess` or `AvailableWithInstantAccess`; undefined from older services.
   */
  readonly accessState: string | undefined;
  /** Why a copy from another region never completes: Azure's code and message. */
  readonly copyError: string | undefined;
}

export interface ArmSnapshotSpec {
  readonly location: string;
  /** Of that location, and the same as its source's, or Azure refuses; undefined: in the region itself. */
  readonly edgeZone?: string;
  readonly tags: Readonly<Record<string, string>>;
  /** A disk, or a snapshot to copy. */
  readonly sourceId: string;
  /** `CopyStart`: of an incremental snapshot in another region, in the background. */
  readonly createOption: "Copy" | "CopyStart";
  /** false: a full copy, which Premium SSD v2 and Ultra disks refuse. */
  readonly incremental: boolean;
  /** Default: Azure's, zone-redundant where there is such storage. */
  readonly skuName?: string;
  /** 60 to 300: Premium SSD v2 and Ultra only. */
  readonly instantAccessDurationMinutes?: number;
  readonly networkAccessPolicy?: string;
  readonly publicNetworkAccess?: string;
  readonly dataAccessAuthMode?: string;
}

export interface ArmVmSize {
  /** Such as `Standard_D8s_v5`. */
  readonly name: string;
  readonly dataDisksMax: number;
}

/** What a subscription has in a location of something that Azure limits. */
export interface ArmUsage {
  /** Such as `PremiumDiskCount`. */
  readonly name: string;
  readonly current: number;
  readonly limit: number;
}

/** Changes of a VM: what is undefined stays as it is; none at all is an empty update. */
export interface ArmVmChange {
  /** The whole list: an entry that is left out is detached. */
  readonly dataDisks?: readonly ArmDataDisk[];
  /** The whole map. */
  readonly tags?: Readonly<Record<string, string>>;
}

/** A resource group by its full id: no call goes to the subscription of the client by default. */
export interface ArmGroup {
  readonly subscriptionId: string;
  readonly resourceGroup: string;
}

/**
 * A resource by its full id: every segment travels with every call, so that none can be dropped on the
 * way.
 */
export interface ArmName extends ArmGroup {
  readonly name: string;
}

/** A VM by its full id. */
export interface ArmVmName extends ArmName {
  /** Of an instance of a uniform scale set, whose `name` is `<scale set>_<instance id>`. */
  readonly scaleSet?: { readonly name: string; readonly instanceId: string };
}

/** A refusal of ARM, or a missing answer. */
export interface ArmError {
  /**
   * 0: no answer came, so the call may or may not have taken effect. 200: a long-running operation failed.
   */
  readonly statusCode: number;
  readonly code: string;
  readonly message: string;
  /** The property at fault, such as `dataDisk.lun`; empty if ARM names none. */
  readonly target: string;
  /** Codes and targets below the top one. */
  readonly details: readonly { readonly code: string; readonly target: string; readonly message: string }[];
  /** `innererror.internalErrorCode`, empty if there is none. */
  readonly internalErrorCode: string;
  /** From `Retry-After`. */
  readonly retryAfterMs: number | undefined;
  readonly requestId: string;
  /** Of a request that was not sent: why the caller's `precondition` did not allow it. */
  readonly refusal?: Failure;
}

/**
 * How many calls ARM still allows, from its `x-ms-ratelimit-remaining-…` headers: `{policy:
 * "PutVMResource", remaining: 9}`, `{policy: "subscription-reads", …}`.
 */
export interface RemainingCalls {
  readonly policy: string;
  readonly remaining: number;
}

/** What a call answered, and what its headers say of the calls that are left. */
export interface ArmAnswer<T> {
  readonly result: Result<T, ArmError>;
  readonly remaining: readonly RemainingCalls[];
}

/**
 * A long-running operation that was accepted. `pollUrl` undefined: it ended with the answer, unless it
 * `isUntold`.
 */
export interface ArmOperation {
  readonly pollUrl: string | undefined;
  /**
   * The answer names no address, and shows the resource in another state than Succeeded: only a read of the
   * resource shows the end. Default: false.
   */
  readonly isUntold?: boolean;
  /** Which budget its polls are charged to. */
  readonly kind: "vm" | "disk";
  readonly retryAfterMs: number | undefined;
}

/** What the service says of an operation that succeeded, where it says it. */
export interface ArmOperationEnd {
  /** How long the operation took, by the service's own clock. */
  readonly durationMs?: number;
  /** The disk as the operation left it. */
  readonly disk?: ArmDisk;
}

/** How far an operation is. */
export type ArmOperationStatus =
  | { readonly state: "running"; readonly operation: ArmOperation }
  | ({ readonly state: "succeeded" } & ArmOperationEnd)
  | { readonly state: "failed"; readonly error: ArmError }
  /** `OperationPreempted` arrives here: a newer operation took its place. */
  | { readonly state: "canceled"; readonly error: ArmError };

/** Travels with every call as `x-ms-client-request-id`, so that our logs can be matched with Azure's. */
interface ArmCall {
  readonly clientRequestId: string;
}

/** Of a call that makes a resource. */
interface ArmCreation {
  /** Goes before the client's own User-Agent. Default: nothing does. */
  readonly userAgent?: string | undefined;
}

interface ArmListOptions {
  /**
   * Waits before each page but the first, since Azure counts every page. A failure ends the list with it.
   * Default: pages are read without a pause, and the first failure ends the list.
   */
  readonly nextPage?: NextPage;
}

/** See `ArmListOptions`. `failed`: the answer to a page that failed, and that is to be read again. */
export type NextPage = (failed?: ArmAnswer<never>) => Promise<Result<void, ArmError>>;

type Call<Request, Answer> = (request: Request & ArmCall, signal: AbortSignal) => Promise<ArmAnswer<Answer>>;

type Start<Request> = Call<Request, ArmOperation>;

type List<Request, Item> = Call<Request & ArmListOptions, readonly Item[]>;

interface ArmLocation {
  readonly location: string;
}

/**
 * Azure Resource Manager's compute operations, one method each, with ARM's answers: no retries, no
 * waiting, no interpretation. A long-running operation is a start that returns a handle, and
 * `pollOperation`, so that our clock decides when to poll.
 */
export interface ArmApi {
  readonly getDisk: Call<ArmName, ArmDisk>;
  readonly listDisks: List<ArmGroup, ArmDisk>;
  readonly startDiskCreateOrUpdate: Start<ArmName & ArmCreation & { readonly disk: ArmDiskSpec }>;
  readonly startDiskUpdate: Start<ArmName & { readonly change: ArmDiskChange }>;
  readonly startDiskDelete: Start<ArmName>;
  readonly getSnapshot: Call<ArmName, ArmSnapshot>;
  readonly listSnapshots: List<ArmGroup, ArmSnapshot>;
  readonly startSnapshotCreate: Start<ArmName & ArmCreation & { readonly snapshot: ArmSnapshotSpec }>;
  /** PATCH: it changes nothing of a snapshot that is gone, where a PUT would make another one. */
  readonly startSnapshotUpdate: Start<ArmName & { readonly tags: Readonly<Record<string, string>> }>;
  readonly startSnapshotDelete: Start<ArmName>;
  /** The sizes of VMs that the subscription of the client offers in a location: megabytes. */
  readonly listVmSizes: List<ArmLocation, ArmVmSize>;
  /** What the subscription of the client has of its quotas in a location. */
  readonly listUsages: List<ArmLocation, ArmUsage>;
  readonly getVm: Call<ArmVmName & { readonly instanceView: boolean }, ArmVm>;
  /**
   * PATCH with `If-Match`, or for an instance of a uniform scale set a PUT of what changes: the one way in
   * which disks reach and leave a VM.
   */
  readonly startVmUpdate: Start<ArmVmName & { readonly change: ArmVmChange; readonly ifMatch: string }>;
  /** POST: ends at once whatever runs on the VM (`skipShutdown`). */
  readonly startVmPowerOff: Start<ArmVmName>;
  readonly pollOperation: Call<{ readonly operation: ArmOperation }, ArmOperationStatus>;
}
