import type { ArmMethod } from "../api/arm-message.ts";
import { type ArmFailure, armErrors } from "../api/errors.ts";
import { isoTime } from "../api/resource/iso-time.ts";
import {
  GATEWAY_POLICIES,
  isGateway,
  policiesOf,
  type ThrottleGroup,
  type ThrottleLimit,
  type ThrottlePolicy,
} from "./throttle-policies.ts";

interface Bucket {
  tokens: number;
  updatedMs: number;
}

/**
 * Buckets by policy and by the subscription or resource that they count for, the most recently used last.
 */
export type Buckets = Map<string, Bucket>;

export interface ThrottledCall {
  readonly operation: string;
  readonly isPoll: boolean;
  readonly method: ArmMethod;
  readonly path: string;
  readonly nowMs: number;
  /** A fast clock also refills faster. */
  readonly timeScale: number;
  readonly mode: "off" | "report" | "enforce";
  readonly limits: Readonly<Partial<Record<string, ThrottleLimit>>>;
  readonly groups: Readonly<Partial<Record<string, ThrottleGroup>>>;
}

/** The buckets' verdict on a call: the headers with the remaining calls, and a refusal if none was left. */
export interface ThrottleVerdict {
  readonly headers: Readonly<Record<string, string>>;
  readonly refused?: ArmFailure;
}

const MINUTE_MS = 60_000;
/** Several for each of 5,000 VMs, and one for each operation that is being polled. */
const BUCKETS_MAX = 20_000;

/** Takes a token from every bucket that the call counts against; a refused call takes none. */
export function throttle(buckets: Buckets, call: ThrottledCall): ThrottleVerdict {
  if (call.mode === "off") return { headers: {} };
  const subscription = /^\/subscriptions\/([^/]+)/i.exec(call.path)?.[1]?.toLowerCase() ?? "";
  const gateway =
    call.method === "GET" || call.method === "HEAD"
      ? GATEWAY_POLICIES.reads
      : call.method === "DELETE"
        ? GATEWAY_POLICIES.deletes
        : GATEWAY_POLICIES.writes;
  const policies = policiesOf(call.operation, {
    isPoll: call.isPoll,
    isDisk: /\/diskoperations\//i.test(call.path),
    isGroup: /\/operationresults\//i.test(call.path),
    groups: call.groups,
  });
  const fill = (policy: ThrottlePolicy): Filled =>
    refilled(buckets, policy, call, policy.scope === "Resource" ? resourceOf(call.path) : subscription);
  const [front, provider] = [gateway.map(fill), policies.map(fill)];
  const empty =
    call.mode === "enforce"
      ? [...front, ...provider].find(({ policy, bucket }) => policy.figure === undefined && bucket.tokens < 1)
      : undefined;
  if (empty !== undefined) return { headers: {}, refused: refusal(empty, call, subscription) };
  for (const filled of [front, provider])
    for (const { bucket } of filled) bucket.tokens = Math.max(0, bucket.tokens - 1);
  return { headers: remainingHeaders(front, provider) };
}

interface Filled {
  readonly policy: ThrottlePolicy;
  readonly limit: ThrottleLimit;
  readonly bucket: Bucket;
}

function refilled(buckets: Buckets, policy: ThrottlePolicy, call: ThrottledCall, owner: string): Filled {
  const limit = call.limits[policy.name] ?? policy.limit;
  const key = `${policy.name} ${owner}`;
  const bucket = buckets.get(key) ?? { tokens: limit.burst, updatedMs: call.nowMs };
  const minutes =
    call.timeScale === 0 ? Infinity : (call.nowMs - bucket.updatedMs) / MINUTE_MS / call.timeScale;
  bucket.tokens =
    minutes === Infinity ? limit.burst : Math.min(limit.burst, bucket.tokens + minutes * limit.perMinute);
  bucket.updatedMs = call.nowMs;
  buckets.delete(key);
  buckets.set(key, bucket);
  // The least recently used bucket has refilled by now, and a missing bucket counts as full.
  if (buckets.size > BUCKETS_MAX) dropFirst(buckets);
  return { policy, limit, bucket };
}

function dropFirst(buckets: Buckets): void {
  const [oldest] = buckets.keys();
  if (oldest !== undefined) buckets.delete(oldest);
}

/** Actions and views of a VM, and all polls of one operation, count against the same bucket. */
function resourceOf(path: string): string {
  const lower = path.toLowerCase();
  return /^(.*\/virtualmachines\/[^/]+)/.exec(lower)?.[1] ?? lower;
}

function refusal({ policy, limit, bucket }: Filled, call: ThrottledCall, subscription: string): ArmFailure {
  const waitMs = ((1 - bucket.tokens) / limit.perMinute) * MINUTE_MS * call.timeScale;
  const retryAfterS = Math.max(1, Math.ceil(waitMs / 1000));
  const refused = isGateway(policy)
    ? armErrors.subscriptionThrottled({ subscription, operation: call.operation, retryAfterS })
    : armErrors.tooManyRequests({
        group: policy.name,
        allowed: limit.burst,
        measured: limit.burst + 1,
        startTime: isoTime(call.nowMs - MINUTE_MS),
        endTime: isoTime(call.nowMs),
        retryAfterS,
      });
  // The standard header holds whole seconds. A fast clock adds the milliseconds that SDKs also understand.
  return call.timeScale === 1
    ? refused
    : { ...refused, headers: { ...refused.headers, "retry-after-ms": String(Math.ceil(waitMs)) } };
}

function remainingHeaders(front: readonly Filled[], provider: readonly Filled[]): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const { policy, bucket } of front)
    headers[`x-ms-ratelimit-remaining-${policy.name}`] = String(Math.floor(bucket.tokens));
  const remaining = provider.map(
    ({ policy, bucket }) => `Microsoft.Compute/${policy.name};${policy.figure ?? Math.floor(bucket.tokens)}`,
  );
  if (remaining.length > 0) headers["x-ms-ratelimit-remaining-resource"] = remaining.join(",");
  return headers;
}
