import { canonicalInstanceUri } from "../../core/azure/ids/instance-uri.ts";
import type { AzureAnswer, Failure } from "../../core/failure/failure.ts";
import type { ArmError } from "./arm-api.ts";
import { ownErrorCodes, RETRY_AFTER_DEFAULT_MS } from "./arm-error.ts";
import { namesDisk } from "./names-disk.ts";

/** What an error means for the driver's next step; what it means for the caller is its `Failure`. */
export type ArmErrorClass =
  /** The caller gave up. */
  | "cancelled"
  /** No answer, or the service broke: the call may have taken effect, so read. */
  | "lost"
  | "throttled"
  | "unauthorized"
  /** The resource was changed since the read: read again. */
  | "changed"
  /** Another operation is under way: wait, then read again. */
  | "busy"
  /** A newer operation replaced this one: read again. */
  | "preempted"
  | "notFound"
  /** Azure's final answer to this request. */
  | "rejected";

/** What was being tried, for the failure's fields. */
export interface ErrorContext {
  readonly diskUri?: string;
  readonly nodeName?: string;
  /** The zone of the disk to make; undefined: not in a zone, or no creation. */
  readonly zone?: string | undefined;
}

interface Row {
  readonly status?: readonly number[];
  readonly code?: RegExp;
  /** Matched against message, innererror code and the codes in `details`, without the names in ids. */
  readonly text?: RegExp;
  /** The same without whatever is quoted: single words, which any name may be or have in it. */
  readonly words?: RegExp;
  readonly target?: RegExp;
  /** What it is about, where that decides between rows of one class. */
  readonly isOf?: (context: ErrorContext) => boolean;
  readonly class: ArmErrorClass;
  readonly failure: (error: ArmError, context: ErrorContext) => Failure;
}

const cloudFailure =
  (kind: "CloudUnavailable" | "CloudRejected" | "CloudUnauthorized") =>
  ({ code, message, requestId }: ArmError): Failure => ({ kind, code, message, requestId });
const unavailable = cloudFailure("CloudUnavailable");
const rejected = cloudFailure("CloudRejected");
const unauthorized = cloudFailure("CloudUnauthorized");
const answered = ({ code, internalErrorCode, requestId }: ArmError): { readonly azure: AzureAnswer } => ({
  azure: { code: internalErrorCode === "" ? code : `${code} ${internalErrorCode}`, requestId },
});
/** A creation may succeed in another place; a disk that is there is not moved for its change. */
const quota = (error: ArmError, { diskUri, nodeName }: ErrorContext): Failure => {
  const exceeded = { detail: error.message, ...answered(error) };
  return diskUri === undefined || nodeName !== undefined
    ? { kind: "QuotaExceeded", ...exceeded }
    : { kind: "ChangeOverQuota", diskUri, ...exceeded };
};
/** Another zone of the region may offer it. Without a zone, only another request can succeed. */
const notOffered =
  (field: string) =>
  (error: ArmError, { zone }: ErrorContext): Failure =>
    zone === undefined
      ? {
          kind: "InvalidArgument",
          field,
          value: SKU_NAME.exec(error.message)?.[0] ?? "",
          problem: error.message,
          ...answered(error),
        }
      : { kind: "NotOfferedInZone", zone, detail: error.message, ...answered(error) };
const SKU_NAME = /\b\w+_[LZ]RS\b/u;
/** A zone may have room for a new disk where another one is full. */
const noCapacity = (error: ArmError, context: ErrorContext): Failure =>
  context.zone === undefined
    ? quota(error, context)
    : { kind: "NoCapacityInZone", zone: context.zone, detail: error.message, ...answered(error) };
const OUT_OF_RANGE =
  /The value (\S+) of parameter disk\.d(iskIOPSReadWrite|iskMBpsReadWrite) is not valid\. (The supported range.*)/iu;
/** The IOPS that a disk has decide its range of throughput. */
const performanceOutOfRange = (error: ArmError): Failure => {
  const [, value = "", name = "", range = error.message] = OUT_OF_RANGE.exec(error.message) ?? [];
  const problem = name === "iskMBpsReadWrite" ? `${range} More IOPS allow more: DiskIOPSReadWrite` : range;
  return { kind: "InvalidArgument", field: `D${name}`, value, problem, ...answered(error) };
};
const throttled = (error: ArmError): Failure => ({
  kind: "Throttled",
  retryAfterMs: error.retryAfterMs ?? RETRY_AFTER_DEFAULT_MS,
  detail:
    `${[error.code, ...error.details.map((detail) => detail.target)].filter(Boolean).join(" ")}: ` +
    `${error.message} (request ${error.requestId})`,
});
const ownedFailure =
  (kind: "DiskAttachedElsewhere" | "DiskInUse") =>
  (error: ArmError, { diskUri = "" }: ErrorContext): Failure => ({
    kind,
    diskUri,
    attachedTo: vmUrisIn(error.message),
    ...answered(error),
  });
const attachedElsewhere = ownedFailure("DiskAttachedElsewhere");
const diskInUse = ownedFailure("DiskInUse");
/** A disk has no cache, so a write of one that is refused for its cache waits for the VM that has it. */
const cachedByVm = (error: ArmError, context: ErrorContext): Failure =>
  context.diskUri === undefined || context.nodeName !== undefined
    ? rejected(error)
    : diskInUse(error, context);
/** A write of a VM may be refused for another disk that the VM lists. */
const accessGranted = (error: ArmError, { diskUri, nodeName }: ErrorContext): Failure =>
  diskUri === undefined || (nodeName !== undefined && !namesDisk(error, diskUri))
    ? rejected(error)
    : { kind: "DiskAccessGranted", diskUri, ...answered(error) };
const changedTooOften = (error: ArmError, context: ErrorContext): Failure => ({
  kind: "ChangedTooOften",
  diskUri: context.diskUri ?? "",
  detail: error.message,
  ...answered(error),
});
/** A place among the snapshots of the last 5 minutes is free again within that time. */
const SNAPSHOT_AGAIN_MS = 60_000;
const snapshotsTooOften = (error: ArmError): Failure =>
  throttled({ ...error, retryAfterMs: error.retryAfterMs ?? SNAPSHOT_AGAIN_MS });
const tooManySnapshots = (error: ArmError, context: ErrorContext): Failure =>
  context.diskUri === undefined
    ? quota(error, context)
    : { kind: "TooManySnapshots", diskUri: context.diskUri, ...answered(error) };
const noFreeLun = (error: ArmError, context: ErrorContext): Failure => ({
  kind: "NoFreeLun",
  nodeName: context.nodeName ?? "",
  lunsMax: Number(/of this size is (\d+)/i.exec(error.message)?.[1] ?? 0),
  ...answered(error),
});
/** A write of a VM is also refused for a disk that the VM lists, and that the request is not about. */
const diskNotFound = (error: ArmError, { diskUri, nodeName }: ErrorContext): Failure =>
  diskUri === undefined || (nodeName !== undefined && !namesDisk(error, diskUri))
    ? rejected(error)
    : { kind: "DiskNotFound", diskUri, ...answered(error) };
const instanceNotFound = (error: ArmError, context: ErrorContext): Failure =>
  context.nodeName === undefined
    ? rejected(error)
    : { kind: "InstanceNotFound", nodeName: context.nodeName, ...answered(error) };

/**
 * ARM's errors, first match wins. Unlike errors share codes (`OperationNotAllowed` has at least six
 * meanings), so parts of the message decide where the code can't; Azure's own drivers match the same
 * parts.
 */
const rows: readonly Row[] = [
  { code: exactly(ownErrorCodes.cancelled), class: "cancelled", failure: () => ({ kind: "Cancelled" }) },
  {
    code: exactly(ownErrorCodes.refused),
    class: "rejected",
    failure: (error) => error.refusal ?? rejected(error),
  },
  { code: exactly(ownErrorCodes.budgetExhausted), class: "throttled", failure: throttled },
  { code: /^(OperationPreempted|DataDisksForceDetached)$/i, class: "preempted", failure: unavailable },
  { status: [0], class: "lost", failure: unavailable },
  { status: [429], class: "throttled", failure: throttled },
  { status: [401, 403], class: "unauthorized", failure: unauthorized },
  { status: [412], class: "changed", failure: unavailable },
  // The driver sends back what it read: the disk has been grown or moved to another SKU since then.
  {
    text: /Disk resizing is allowed only|Managed disk (resize|storage account type change) (via|through) Virtual/i,
    class: "changed",
    failure: unavailable,
  },
  { status: [408, 500, 502, 503, 504], class: "lost", failure: unavailable },
  // No answer of ARM's, which always has a code: a proxy or front door in front of it has stopped the call,
  // or leads elsewhere. The end of an operation (200) is Azure's.
  { code: /^((?!HTTP200$)HTTP\d+|RestError)?$/, class: "lost", failure: unavailable },
  // Before all rows with words of a text: it quotes the names of disk, VM and group.
  { status: [404], target: /^diskId$/i, class: "notFound", failure: diskNotFound },
  { status: [404], text: /^Disk .* is not found/i, class: "notFound", failure: diskNotFound },
  { status: [404], text: /virtualMachines\//i, class: "notFound", failure: instanceNotFound },
  { status: [404], text: /\bdisks\//i, class: "notFound", failure: diskNotFound },
  { status: [404], class: "notFound", failure: rejected },

  { status: [409], text: /conflict with a concurrent request/i, class: "busy", failure: unavailable },
  {
    text: /another operation is in progress|ongoing operation is changing power state|marked for deletion/i,
    class: "busy",
    failure: unavailable,
  },
  { code: /^AttachDiskWhileBeingDetached$/i, class: "busy", failure: unavailable },

  { text: /attached to a VM of this size is/i, class: "rejected", failure: noFreeLun },
  {
    code: /^ConflictingUserInput$/i,
    isOf: ({ nodeName }) => nodeName !== undefined,
    class: "rejected",
    failure: attachedElsewhere,
  },
  // Of a disk's write the same code is of other conflicts, too, such as of its DiskAccess with its policy.
  {
    code: /^ConflictingUserInput$/i,
    words: /(?<![-.\w])(attached|owned by)(?![-\w]|\.\w)/i,
    class: "rejected",
    failure: attachedElsewhere,
  },
  // So does Azure refuse to grow a disk that a VM caches across 4,095 GiB (azuredisk-csi-driver issue 3072).
  { text: /^Only Disk CachingType\b/i, class: "rejected", failure: cachedByVm },
  {
    text: /LiveResizeSharedDiskNotAllowed|ChangeDiskSizeWhileAttached|InvalidResizeForLargeDisks|Cannot resize disk .* while it is attached/i,
    class: "rejected",
    failure: diskInUse,
  },
  { text: /Cannot change .* of disk .* while it is attached/i, class: "rejected", failure: diskInUse },
  { code: /^OperationNotAllowed$/i, text: /is attached to VM/i, class: "rejected", failure: diskInUse },
  // Learn (Troubleshoot disk resize blocked by an active SAS URI) has the code; the first text is remembered.
  {
    text: /\bactive (shared access signature|SAS)\b|ActiveSasNotAllowed/i,
    class: "rejected",
    failure: accessGranted,
  },
  // Learn states the limits, and no source the text of their error.
  {
    text: /\bchanged? .*\btimes in 24 hours|\b(twice|times) (per|a) day\b/i,
    class: "rejected",
    failure: changedTooOften,
  },
  // The same for seven incremental snapshots of a disk in 5 minutes. Of no concern to other requests.
  { text: /\bsnapshots?\b.*\b(5|five) minutes/i, class: "rejected", failure: snapshotsTooOften },
  // The same for three snapshots of a disk that are still copied: each copy ends. What Azure says of a copy
  // to another region is for its caller to judge.
  {
    words:
      /\bsnapshots?\b.*(?<![-.\w])(pending|background copy)(?![-\w]|\.\w)|(?<![-.\w])(pending|background copy)(?![-\w]|\.\w).*\bsnapshots?\b/i,
    isOf: ({ diskUri, nodeName }) => diskUri !== undefined && nodeName === undefined,
    class: "rejected",
    failure: snapshotsTooOften,
  },
  // Azure's code was seen in both spellings (azure-sdk-for-python issue 14282 has the plural).
  { code: /^Snapshots?LimitReached$/i, class: "rejected", failure: tooManySnapshots },
  { text: OUT_OF_RANGE, class: "rejected", failure: performanceOutOfRange },
  // It names the region where that has none of the SKU (azuredisk-csi-driver pull request 1477), and no other
  // zone would do.
  {
    text: /\bSKU \w+_[LZ]RS is not supported for resource type Disk in this region/i,
    class: "rejected",
    failure: (error) => notOffered("skuName")(error, {}),
  },
  // Of a region where only some zones have Premium SSD v2 Azure says no more than that it is not supported
  // (azuredisk-csi-driver issues 1556 and 1659; ansible-collections/azure issue 792).
  {
    code: /^InvalidParameter$/i,
    text: /^(SKU )?\w+_[LZ]RS( disks?)? (is|are) not (supported|available)( in (this|the|availability) [\w ]*zones?\b.*)?\.?$/i,
    isOf: ({ nodeName }) => nodeName === undefined,
    class: "rejected",
    failure: notOffered("skuName"),
  },
  // Any other such sentence is about what was asked of the SKU, which no zone would do.
  {
    code: /^InvalidParameter$/i,
    text: /\b\w+_[LZ]RS\b.* (is|are) not (supported|available)\b/i,
    isOf: ({ nodeName }) => nodeName === undefined,
    class: "rejected",
    failure: (error) => notOffered("skuName")(error, {}),
  },
  {
    words: /(?<![-.\w])quota(?![-\w]|\.\w)|exceed(s|ed|ing)? .*\blimit\b/i,
    class: "rejected",
    failure: quota,
  },
  { code: /QuotaExceeded|DiskCountExceeded|ResourceLimitExceeded/i, class: "rejected", failure: quota },
  {
    code: /AllocationFailed|^SkuNotAvailable$|^NotAvailableForSubscription$|OverconstrainedZonalAllocationRequest/i,
    class: "rejected",
    failure: noCapacity,
  },
  // A fault inside Azure while it carried an operation out, or the end of one that was cancelled there, or
  // that failed and whose reason is not known. One disk may cause it, so a batch is split; its callers may
  // retry.
  {
    code: /^Internal\w*Error$|^Operation(?:Failed|TimedOut|Cancell?ed)$|^RetryableError/i,
    class: "rejected",
    failure: unavailable,
  },
  // Learn states the rule for conversions, and no source the text of its error.
  { words: /(?<![-.\w])cach(ed|ing)(?![-\w]|\.\w)/i, class: "rejected", failure: cachedByVm },
  { code: /^InvalidAvailabilityZone$/i, class: "rejected", failure: notOffered("zone") },
  { code: /^InvalidParameter$/i, target: /^instanceIds$/i, class: "notFound", failure: instanceNotFound },
];

/** What an error means for the driver's next step. */
export function classOf(error: ArmError): ArmErrorClass {
  return rowOf(error)?.class ?? "rejected";
}

/** The failure that the caller gets, with Azure's code and request id. */
export function toFailure(error: ArmError, context: ErrorContext): Failure {
  return (rowOf(error, context)?.failure ?? rejected)(error, context);
}

/** Whether the same request may succeed later without a change. */
export function isWorthRetrying(error: ArmError): boolean {
  return ["lost", "throttled", "changed", "busy", "preempted"].includes(classOf(error));
}

/**
 * Whether the error ends an operation that had been accepted: only a read shows which part of it took
 * effect.
 */
export function isOperationFailure(error: ArmError): boolean {
  return error.statusCode === 200;
}

/** Whether a request that has ended so may take effect, or has: no answer of Azure's has refused it. */
export function mayTakeEffect(error: ArmError): boolean {
  return ["lost", "cancelled", "preempted"].includes(classOf(error));
}

/**
 * Whether a request that has ended so makes nothing any more. Of one that Azure has accepted only the end of
 * its operation says so.
 */
export function isOver(error: ArmError, isAccepted: boolean): boolean {
  return isAccepted ? isOperationFailure(error) : !mayTakeEffect(error);
}

/**
 * Whether ARM or the compute provider reports that a resource, or the scale set that it would be in, does not
 * exist. Any other 404 proves nothing: a missing resource group or subscription may be a wrong setting, and
 * the page of a proxy or front door has no code of ARM's.
 */
export function saysNotThere(error: ArmError): boolean {
  return (
    (error.statusCode === 404 &&
      /^(ResourceNotFound|NotFound|PatchResourceNotFound|ParentResourceNotFound)$/i.test(error.code)) ||
    isInstanceGone(error)
  );
}

/** The answer to a write of a uniform scale set's instance that is gone. */
function isInstanceGone({ statusCode, code, target }: ArmError): boolean {
  return statusCode === 400 && /^InvalidParameter$/i.test(code) && /^instanceIds$/i.test(target);
}

/** Whether ARM reports that a resource group does not exist: nothing is in it. */
export function saysNoGroup(error: ArmError): boolean {
  return error.statusCode === 404 && /^ResourceGroupNotFound$/i.test(error.code);
}

/**
 * Whether ARM reports of a disk or snapshot by its full id that it does not exist. The id names subscription
 * and group: without its group there is none.
 */
export function saysGone(error: ArmError): boolean {
  return saysNotThere(error) || saysNoGroup(error);
}

function rowOf(error: ArmError, context?: ErrorContext): Row | undefined {
  const texts = [
    error.message,
    error.internalErrorCode,
    ...error.details.flatMap((detail) => [detail.code, detail.message]),
  ].map(withoutNamesInIds);
  return rows.find(
    (row) =>
      (row.status === undefined || row.status.includes(error.statusCode)) &&
      (row.code === undefined || row.code.test(error.code)) &&
      (row.target === undefined || row.target.test(error.target)) &&
      (context === undefined || row.isOf?.(context) !== false) &&
      (row.text === undefined ||
        texts.some((text) => row.text?.test(text) === true) ||
        row.text.test(error.code)) &&
      (row.words === undefined || texts.some((text) => row.words?.test(withoutQuotes(text)) === true)),
  );
}

/** In an id every second part is a name, which a user has chosen, or the namespace of a provider. */
function withoutNamesInIds(text: string): string {
  return text.replace(/\/subscriptions\/[^\s'",]+/giu, (id) =>
    id
      .split("/")
      .map((part, index, parts) =>
        index % 2 === 0 && !/^providers$/iu.test(parts[index - 1] ?? "") ? "" : part,
      )
      .join("/"),
  );
}

function withoutQuotes(text: string): string {
  return text.replace(/'[^'\s]+'|"[^"\s]+"/gu, "''");
}

function vmUrisIn(message: string): readonly string[] {
  const named = message.match(/\/subscriptions\/[^\s']+\/virtualMachines\/[^\s'.]+/gi) ?? [];
  return [...new Set(named.map(canonicalInstanceUri))];
}

function exactly(code: string): RegExp {
  return new RegExp(`^${code}$`);
}
