import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Failure } from "../../core/failure/failure.ts";
import { toGrpcStatus } from "../../csi/server/to-grpc-status.ts";
import type { ArmError } from "./arm-api.ts";
import {
  type ArmErrorClass,
  classOf,
  type ErrorContext,
  isWorthRetrying,
  saysNotThere,
  toFailure,
} from "./error-table.ts";

const anError = (changes: Partial<ArmError>): ArmError => ({
  statusCode: 409,
  code: "Conflict",
  message: "",
  target: "",
  details: [],
  internalErrorCode: "",
  retryAfterMs: undefined,
  requestId: "request-1",
  ...changes,
});

const diskUri = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Compute/disks/pvc-1";
const vmUri = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/node-b";
const ofVmWrite = { diskUri, nodeName: "node-a" };

/** Messages that Azure was seen to send. */
const rows: readonly {
  readonly because: string;
  readonly error: Partial<ArmError>;
  /** What was being tried. Default: a write of a VM. */
  readonly context?: ErrorContext;
  /** Default: rejected. */
  readonly class?: ArmErrorClass;
  /** Only its kind: it has Azure's code and message, and the request. Otherwise without `azure`. */
  readonly failure: Failure["kind"] | { readonly kind: string; readonly [field: string]: unknown };
}[] = [
  {
    because: "no answer came",
    error: { statusCode: 0, code: "NoAnswer", message: "ECONNRESET" },
    class: "lost",
    failure: "CloudUnavailable",
  },
  {
    because: "the caller gave up",
    error: { statusCode: 0, code: "Cancelled" },
    class: "cancelled",
    failure: { kind: "Cancelled" },
  },
  {
    because: "the service broke down",
    error: { statusCode: 503, code: "ServiceUnavailable" },
    class: "lost",
    failure: "CloudUnavailable",
  },
  {
    because: "the compute provider throttles",
    error: {
      statusCode: 429,
      code: "OperationNotAllowed",
      message: "too many",
      retryAfterMs: 7000,
      details: [{ code: "TooManyRequests", target: "HighCostGetVMScaleSet3Min", message: "" }],
    },
    class: "throttled",
    failure: {
      kind: "Throttled",
      retryAfterMs: 7000,
      detail: "OperationNotAllowed HighCostGetVMScaleSet3Min: too many (request request-1)",
    },
  },
  {
    because: "a 429 names no time",
    error: { statusCode: 429, code: "SubscriptionRequestsThrottled", message: "m" },
    class: "throttled",
    failure: {
      kind: "Throttled",
      retryAfterMs: 10_000,
      detail: "SubscriptionRequestsThrottled: m (request request-1)",
    },
  },
  {
    because: "our own budget is used up",
    error: { statusCode: 0, code: "CallBudgetExhausted", message: "m", retryAfterMs: 90_000 },
    class: "throttled",
    failure: {
      kind: "Throttled",
      retryAfterMs: 90_000,
      detail: "CallBudgetExhausted: m (request request-1)",
    },
  },
  {
    because: "the role is missing",
    error: { statusCode: 403, code: "AuthorizationFailed", message: "m" },
    class: "unauthorized",
    failure: "CloudUnauthorized",
  },
  {
    because: "the ETag moved",
    error: { statusCode: 412, code: "PreconditionFailed", message: "m" },
    class: "changed",
    failure: "CloudUnavailable",
  },
  {
    because: "a disk of the VM has grown since the VM was read",
    error: {
      code: "Conflict",
      message: "Disk resizing is allowed only when creating a VM or when the VM is deallocated.",
    },
    class: "changed",
    failure: "CloudUnavailable",
  },
  {
    because: "a disk of the deallocated VM has grown since the VM was read",
    error: {
      statusCode: 400,
      code: "ResizeDiskError",
      message:
        "Managed disk resize via Virtual Machine 'node-a' is not allowed. Please resize disk resource at x.",
    },
    class: "changed",
    failure: "CloudUnavailable",
  },
  {
    because: "a disk of the VM has another SKU since the VM was read",
    error: {
      code: "OperationNotAllowed",
      message: "Managed disk storage account type change through Virtual Machine 'node-a' is not allowed.",
    },
    class: "changed",
    failure: "CloudUnavailable",
  },
  {
    because: "a concurrent write of the VM",
    error: {
      message:
        "The request failed due to conflict with a concurrent request. To resolve it, please refer to " +
        "https://aka.ms/activitylog",
    },
    class: "busy",
    failure: "CloudUnavailable",
  },
  {
    because: "another operation runs",
    error: {
      code: "OperationNotAllowed",
      message: "Operation 'x' is not allowed on VM 'y' since another operation is in progress.",
    },
    class: "busy",
    failure: "CloudUnavailable",
  },
  {
    because: "the disk is still being detached",
    error: { code: "AttachDiskWhileBeingDetached", message: "m" },
    class: "busy",
    failure: "CloudUnavailable",
  },
  {
    because: "a newer operation took over (a poll of status 200)",
    error: { statusCode: 200, code: "OperationPreempted", message: "m" },
    class: "preempted",
    failure: "CloudUnavailable",
  },
  {
    because: "a forced detach took over",
    error: { statusCode: 200, code: "DataDisksForceDetached", message: "m" },
    class: "preempted",
    failure: "CloudUnavailable",
  },
  {
    because: "the VM is full",
    error: {
      code: "OperationNotAllowed",
      target: "dataDisks",
      message: "The maximum number of data disks allowed to be attached to a VM of this size is 8.",
    },
    failure: { kind: "NoFreeLun", nodeName: "node-a", lunsMax: 8 },
  },
  {
    because: "another VM owns the disk",
    error: {
      code: "ConflictingUserInput",
      target: "diskId",
      message: `Disk '${diskUri}' cannot be attached as the disk is already owned by VM '${vmUri}'.`,
    },
    failure: { kind: "DiskAttachedElsewhere", diskUri, attachedTo: [vmUri] },
  },
  {
    because: "a VM's write conflicts in words that are not known",
    error: { code: "ConflictingUserInput", message: "The disk is in use." },
    failure: { kind: "DiskAttachedElsewhere", diskUri, attachedTo: [] },
  },
  {
    because: "the same code says nothing of a VM: the disk's policy does not go with its DiskAccess",
    error: {
      code: "ConflictingUserInput",
      message: "Disk Access is only supported for disks with NetworkAccessPolicy AllowPrivate",
    },
    context: { diskUri },
    failure: "CloudRejected",
  },
  {
    because: "the same, and the name of the DiskAccess has the word",
    error: {
      code: "ConflictingUserInput",
      message: "Disk Access 'attached' of disk db-attached-1 needs NetworkAccessPolicy AllowPrivate",
    },
    context: { diskUri },
    failure: "CloudRejected",
  },
  {
    because: "a disk's write conflicts with a VM that has it",
    error: { code: "ConflictingUserInput", message: `Disk 'pvc-1' is already owned by VM '${vmUri}'.` },
    context: { diskUri },
    failure: { kind: "DiskAttachedElsewhere", diskUri, attachedTo: [vmUri] },
  },
  {
    because: "a disk to delete is attached",
    error: { code: "OperationNotAllowed", message: `Disk pvc-1 is attached to VM ${vmUri}.` },
    failure: { kind: "DiskInUse", diskUri, attachedTo: [vmUri] },
  },
  {
    because: "a shared disk grows only alone",
    error: { code: "OperationNotAllowed", message: "m", internalErrorCode: "LiveResizeSharedDiskNotAllowed" },
    failure: { kind: "DiskInUse", diskUri, attachedTo: [] },
  },
  {
    because: "a VM caches a disk that is to grow beyond what Azure caches",
    error: {
      statusCode: 400,
      code: "BadRequest",
      message: "Only Disk CachingType 'None' is supported for disk with size greater than 4095 GB.",
    },
    context: { diskUri },
    failure: { kind: "DiskInUse", diskUri, attachedTo: [] },
  },
  {
    because: "a disk that is attached is larger than what Azure caches",
    error: {
      statusCode: 400,
      code: "InvalidParameter",
      message: "Only Disk CachingType 'None' is supported for disk with size greater than 4095 GB.",
    },
    failure: "CloudRejected",
  },
  {
    because: "a VM caches a disk that is to be converted",
    error: { code: "OperationNotAllowed", message: "Its host caching must be None." },
    context: { diskUri },
    failure: { kind: "DiskInUse", diskUri, attachedTo: [] },
  },
  {
    because: "an entry of a VM can't have the cache that its update states",
    error: {
      statusCode: 400,
      code: "InvalidParameter",
      target: "dataDisk.caching",
      message:
        "Storage Account type PremiumV2_LRS is not supported with caching type ReadOnly. Please use " +
        "caching type None.",
    },
    failure: "CloudRejected",
  },
  {
    because: "a disk was changed as often as Azure allows in a day",
    error: {
      code: "OperationNotAllowed",
      message: "The sku of disk pvc-1 can be changed only 2 times in 24 hours.",
    },
    failure: {
      kind: "ChangedTooOften",
      diskUri,
      detail: "The sku of disk pvc-1 can be changed only 2 times in 24 hours.",
    },
  },
  {
    because: "a disk has too many snapshots of the last minutes: later there may be another",
    error: {
      code: "OperationNotAllowed",
      message: "At most 7 incremental snapshots of a disk can be made in 5 minutes.",
    },
    failure: {
      kind: "Throttled",
      retryAfterMs: 60_000,
      detail:
        "OperationNotAllowed: At most 7 incremental snapshots of a disk can be made in 5 minutes. " +
        "(request request-1)",
    },
  },
  ...[
    "The snapshot can't be made: a disk has at most 3 snapshots whose background copy still runs.",
    "The number of pending snapshots of disk pvc-1 exceeds the limit of 3.",
  ].map((message) => ({
    because: `a disk has as many snapshots as Azure copies at a time: ${message}`,
    error: { code: "OperationNotAllowed", message },
    context: { diskUri },
    failure: {
      kind: "Throttled" as const,
      retryAfterMs: 60_000,
      detail: `OperationNotAllowed: ${message} (request request-1)`,
    },
  })),
  {
    because: "the same words of a copy to another region: that waits as a whole",
    error: { code: "OperationNotAllowed", message: "Another snapshot is still pending." },
    context: {},
    failure: "CloudRejected",
  },
  {
    because: "the same of a copy as a limit, with any status",
    error: {
      statusCode: 400,
      code: "OperationNotAllowed",
      message: "The number of pending snapshots exceeds the limit of 50.",
    },
    context: {},
    failure: { kind: "QuotaExceeded", detail: "The number of pending snapshots exceeds the limit of 50." },
  },
  {
    because: "the same words of an update of a VM: no limit of snapshots",
    error: {
      code: "OperationNotAllowed",
      message: "The background copy of the snapshot of disk pvc-1 is not complete.",
    },
    context: { diskUri, nodeName: "node-a" },
    failure: "CloudRejected",
  },
  ...["pvc-1", "pvc-2"].map((named) => ({
    because: `someone has access by URL to ${named}`,
    error: {
      code: "OperationNotAllowed",
      message: `There is an active shared access signature outstanding for disk ${named}.`,
    },
    failure:
      named === "pvc-1"
        ? {
            kind: "DiskAccessGranted" as const,
            diskUri,
          }
        : ("CloudRejected" as const),
  })),
  {
    because: "someone has access by URL to a disk that is to grow",
    error: { code: "OperationNotAllowed", internalErrorCode: "ChangeDiskSizeWhileActiveSasNotAllowed" },
    context: { diskUri },
    failure: { kind: "DiskAccessGranted", diskUri },
  },
  ...["SnapshotLimitReached", "SnapshotsLimitReached"].map((code) => ({
    because: `a disk has all snapshots that Azure keeps of one (${code})`,
    error: { code, message: "The snapshot count was exceeded for a disk." },
    failure: { kind: "TooManySnapshots" as const, diskUri },
  })),
  {
    because: "the same, of a copy that names no disk",
    error: { code: "SnapshotLimitReached", message: "The count was exceeded." },
    context: {},
    failure: { kind: "QuotaExceeded", detail: "The count was exceeded." },
  },
  {
    because: "a quota is used up",
    error: {
      code: "OperationNotAllowed",
      message: "Operation could not be completed as it results in exceeding approved Total Disks quota.",
    },
    failure: {
      kind: "QuotaExceeded",
      detail: "Operation could not be completed as it results in exceeding approved Total Disks quota.",
    },
  },
  ...["data-quota", "quota", "web-cached-0", "caching"].map((name) => ({
    because: `the disk ${name} is gone, whose name says something else`,
    error: {
      statusCode: 404,
      code: "ResourceNotFound",
      message:
        `The Resource 'Microsoft.Compute/disks/${name}' under resource group 'rg-caching' was not found. ` +
        "For more details please go to https://aka.ms/ARMResourceNotFoundFix",
    },
    context: { diskUri },
    class: "notFound" as const,
    failure: { kind: "DiskNotFound", diskUri },
  })),
  ...["quota", "caching", "pending", "team.quota", "disks", "virtualMachines"].map((group) => ({
    because: `another resource is not there, whose group ${group} says something else`,
    error: {
      statusCode: 404,
      code: "NotFound",
      message:
        `There is no /subscriptions/s/resourceGroups/${group}/providers/Microsoft.Compute/` +
        `diskEncryptionSets/cached for the snapshot 'team.quota'.`,
    },
    context: { diskUri },
    class: "notFound" as const,
    failure: "CloudRejected" as const,
  })),
  ...["quota", "cached", "pending", "team.quota", "quota.db"].map((name) => ({
    because: `a disk is refused whose name ${name} says something else`,
    error: {
      code: "Conflict",
      message:
        `Disk '${name}' has no snapshot: /subscriptions/s/resourceGroups/${name}/providers/` +
        `Microsoft.Compute/disks/${name} can't be changed, nor can Microsoft.Compute/disks/team.${name}.`,
    },
    context: { diskUri },
    failure: "CloudRejected" as const,
  })),
  {
    because: "the name of a group says something else",
    error: { code: "Conflict", message: "Group rg-quota has the disk data-cached-0." },
    context: { diskUri },
    failure: "CloudRejected",
  },
  {
    because: "a quota is used up for what a disk that is there is to become",
    error: {
      code: "OperationNotAllowed",
      message: "Operation could not be completed as it results in exceeding approved PremiumV2 quota.",
    },
    context: { diskUri },
    failure: {
      kind: "ChangeOverQuota",
      diskUri,
      detail: "Operation could not be completed as it results in exceeding approved PremiumV2 quota.",
    },
  },
  {
    because: "a zone is full",
    error: { code: "ZonalAllocationFailed", message: "m" },
    failure: { kind: "QuotaExceeded", detail: "m" },
  },
  ...[
    "ZonalAllocationFailed",
    "AllocationFailed",
    "OverconstrainedZonalAllocationRequest",
    "SkuNotAvailable",
    "NotAvailableForSubscription",
  ].map((code) => ({
    because: `another zone may have room for a new disk: ${code}`,
    error: { code, message: "m" },
    context: { zone: "3" },
    failure: { kind: "NoCapacityInZone", zone: "3", detail: "m" },
  })),
  {
    because: "the SKU is not for this subscription",
    error: { code: "NotAvailableForSubscription", message: "m" },
    failure: { kind: "QuotaExceeded", detail: "m" },
  },
  {
    because: "there are as many disks as there may be",
    error: { code: "DiskCountExceeded", message: "m" },
    failure: { kind: "QuotaExceeded", detail: "m" },
  },
  {
    because: "the region has no such zone",
    error: { statusCode: 400, code: "InvalidAvailabilityZone", message: "m" },
    failure: { kind: "InvalidArgument", field: "zone", value: "", problem: "m" },
  },
  ...(
    [
      ["InvalidAvailabilityZone", "The zone(s) '3' for resource 'd' is not supported."],
      ["InvalidParameter", "PremiumV2_LRS disk is not supported."],
      ["InvalidParameter", "SKU Premium_ZRS is not available."],
      ["InvalidParameter", "UltraSSD_LRS disks are not supported in this availability zone."],
    ] as const
  ).map(([code, message]) => ({
    because: `another zone of the region may offer it: ${message}`,
    error: { statusCode: 400, code, message },
    context: { zone: "3" },
    failure: { kind: "NotOfferedInZone", zone: "3", detail: message },
  })),
  ...[
    "UltraSSD_LRS disks with logical sectors of 1024 bytes are not supported.",
    "PremiumV2_LRS disk with bursting is not supported in this zone or any other.",
    "Disk encryption set type X with SKU UltraSSD_LRS is not supported.",
  ].map((problem) => ({
    because: `no zone would do for what the class asks: ${problem}`,
    error: { statusCode: 400, code: "InvalidParameter", message: problem },
    context: { zone: "3" },
    failure: {
      kind: "InvalidArgument",
      field: "skuName",
      value: /\w+_LRS/u.exec(problem)?.[0] ?? "",
      problem,
    },
  })),
  {
    because: "without a zone no other one would do",
    error: { statusCode: 400, code: "InvalidParameter", message: "PremiumV2_LRS disk is not supported." },
    context: { zone: undefined },
    failure: {
      kind: "InvalidArgument",
      field: "skuName",
      value: "PremiumV2_LRS",
      problem: "PremiumV2_LRS disk is not supported.",
    },
  },
  {
    because: "no zone of the region offers the SKU",
    error: {
      statusCode: 400,
      code: "InvalidParameter",
      message:
        "SKU PremiumV2_LRS is not supported for resource type Disk in this region. Supported SKUs for this " +
        "region are Premium_LRS",
      target: "sku",
    },
    context: { zone: "3" },
    failure: {
      kind: "InvalidArgument",
      field: "skuName",
      value: "PremiumV2_LRS",
      problem:
        "SKU PremiumV2_LRS is not supported for resource type Disk in this region. Supported SKUs for this " +
        "region are Premium_LRS",
    },
  },
  {
    because: "what a VM can't attach is no fault of a zone or class",
    error: { statusCode: 400, code: "InvalidParameter", message: "PremiumV2_LRS disks are not supported." },
    context: ofVmWrite,
    failure: "CloudRejected",
  },
  {
    because: "the SKU and size allow other IOPS",
    error: {
      statusCode: 400,
      code: "BadRequest",
      message:
        "The value 500 of parameter disk.diskIOPSReadWrite is not valid. The supported range for a " +
        "UltraSSD_LRS disk of size 512 GB is between 512 and 153600.",
    },
    context: { diskUri },
    failure: {
      kind: "InvalidArgument",
      field: "DiskIOPSReadWrite",
      value: "500",
      problem: "The supported range for a UltraSSD_LRS disk of size 512 GB is between 512 and 153600.",
    },
  },
  {
    because: "the disk's IOPS allow less throughput",
    error: {
      statusCode: 400,
      code: "BadRequest",
      message:
        "The value 1000 of parameter disk.diskMBpsReadWrite is not valid. The supported range for a " +
        "PremiumV2_LRS disk of size 100 GB is between 125 and 750.",
    },
    context: { diskUri },
    failure: {
      kind: "InvalidArgument",
      field: "DiskMBpsReadWrite",
      value: "1000",
      problem:
        "The supported range for a PremiumV2_LRS disk of size 100 GB is between 125 and 750. More IOPS " +
        "allow more: DiskIOPSReadWrite",
    },
  },
  {
    because: "the instance of a scale set is gone",
    error: {
      statusCode: 400,
      code: "InvalidParameter",
      target: "instanceIds",
      message: "The provided instanceId 267 is not an active instanceId.",
    },
    class: "notFound",
    failure: { kind: "InstanceNotFound", nodeName: "node-a" },
  },
  {
    because: "another resource is gone",
    error: {
      statusCode: 404,
      code: "ResourceGroupNotFound",
      message: "Resource group 'rg' could not be found.",
    },
    class: "notFound",
    failure: "CloudRejected",
  },
  {
    because: "the disk to attach is gone",
    error: { statusCode: 404, code: "NotFound", target: "diskId", message: "Disk pvc-1 is not found." },
    class: "notFound",
    failure: { kind: "DiskNotFound", diskUri },
  },
  {
    because: "another disk that the VM lists is gone",
    error: { statusCode: 404, code: "NotFound", target: "diskId", message: "Disk pvc-2 is not found." },
    class: "notFound",
    failure: "CloudRejected",
  },
  {
    because: "the VM is gone",
    error: {
      statusCode: 404,
      code: "ResourceNotFound",
      message:
        "The Resource 'Microsoft.Compute/virtualMachines/node-a' under resource group 'rg' was not found.",
    },
    class: "notFound",
    failure: { kind: "InstanceNotFound", nodeName: "node-a" },
  },
  {
    because: "the disk is gone",
    error: {
      statusCode: 404,
      code: "ResourceNotFound",
      message: "The Resource 'Microsoft.Compute/disks/pvc-1' under resource group 'rg' was not found.",
    },
    class: "notFound",
    failure: { kind: "DiskNotFound", diskUri },
  },
  {
    because: "Azure has cancelled an operation without a word",
    error: { statusCode: 200, code: "OperationCanceled", message: "" },
    failure: "CloudUnavailable",
  },
  {
    because: "an operation has failed without a word",
    error: { statusCode: 200, code: "OperationFailed", message: "" },
    failure: "CloudUnavailable",
  },
  {
    because: "an operation broke inside Azure",
    error: { statusCode: 200, code: "InternalExecutionError", message: "m" },
    failure: "CloudUnavailable",
  },
  {
    because: "the code is unknown",
    error: { statusCode: 400, code: "Novelty", message: "m" },
    failure: "CloudRejected",
  },
];

/** Failures that have no `azure`: Throttled says it in its detail. */
const WITHOUT_AZURE: readonly string[] = ["Cancelled", "Throttled"];

describe("error table", () => {
  for (const { because, error, context = ofVmWrite, class: expectedClass = "rejected", failure } of rows)
    it(`calls it ${expectedClass} when ${because}`, () => {
      const { code, internalErrorCode, message, requestId } = anError(error);
      const azure = { code: `${code} ${internalErrorCode}`.trim(), requestId };
      const expected =
        typeof failure === "string"
          ? { kind: failure, code, message, requestId }
          : WITHOUT_AZURE.includes(failure.kind)
            ? failure
            : { ...failure, azure };
      assert.equal(classOf(anError(error)), expectedClass);
      assert.deepEqual(toFailure(anError(error), context), expected);
    });

  it("names in each sentence the code that Azure answered, and the request", () => {
    for (const { because, error, context = ofVmWrite, class: errorClass } of rows) {
      if (errorClass === "cancelled") continue;
      const { details } = toGrpcStatus(toFailure(anError(error), context));
      for (const word of [error.code ?? "", error.internalErrorCode ?? "", "request-1"])
        assert.ok(details.includes(word), `${because}: ${details}`);
    }
  });

  it("retries what may pass by itself, and nothing else", () => {
    assert.equal(isWorthRetrying(anError({ statusCode: 412, code: "PreconditionFailed" })), true);
    assert.equal(isWorthRetrying(anError({ statusCode: 400, code: "InvalidParameter" })), false);
    assert.equal(isWorthRetrying(anError({ statusCode: 0, code: "Cancelled" })), false);
  });

  it("does not take a missing resource group for a missing resource", () => {
    assert.equal(saysNotThere(anError({ statusCode: 404, code: "ResourceNotFound" })), true);
    assert.equal(saysNotThere(anError({ statusCode: 404, code: "ParentResourceNotFound" })), true);
    const gone = { statusCode: 400, code: "InvalidParameter", target: "instanceIds" };
    assert.equal(saysNotThere(anError(gone)), true);
    assert.equal(saysNotThere(anError({ ...gone, target: "dataDisk.lun" })), false);
    assert.equal(saysNotThere(anError({ statusCode: 404, code: "ResourceGroupNotFound" })), false);
    assert.equal(saysNotThere(anError({ statusCode: 403, code: "AuthorizationFailed" })), false);
  });
});
