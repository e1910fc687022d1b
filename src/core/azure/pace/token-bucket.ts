/** A budget as Azure counts it: `burst` calls at once, refilled by `perMinute`. */
export interface BucketLimit {
  readonly burst: number;
  readonly perMinute: number;
}

/** The level of a bucket at a time. Negative `tokens`: calls are under way that could not wait. */
export interface Bucket {
  readonly tokens: number;
  /** The same as if no other client made calls. */
  readonly ownTokens: number;
  readonly atMs: number;
  /** Azure sent `Retry-After`: no call before this time. */
  readonly blockedUntilMs: number;
}

/** How much of a bucket a call may use: more than all, all, all but the reserve, or its upper half. */
export type Urgency = "now" | "reserve" | "normal" | "last";

/** The share of a bucket that a call leaves for those that are more urgent. */
const leftShares = { reserve: 0, normal: 0.25, last: 0.5 } as const;

/** Milliseconds in the minute of `perMinute`. */
export const MS_PER_MINUTE = 60_000;

/** An unused bucket. */
export function fullBucket(limit: BucketLimit, nowMs: number): Bucket {
  return { tokens: limit.burst, ownTokens: limit.burst, atMs: nowMs, blockedUntilMs: 0 };
}

/** The bucket after the refill up to a time. */
export function refilled(bucket: Bucket, limit: BucketLimit, nowMs: number): Bucket {
  const gained = (Math.max(0, nowMs - bucket.atMs) * limit.perMinute) / MS_PER_MINUTE;
  return {
    ...bucket,
    tokens: Math.min(limit.burst, bucket.tokens + gained),
    ownTokens: Math.min(limit.burst, bucket.ownTokens + gained),
    atMs: nowMs,
  };
}

/**
 * How long a call must wait: until `Retry-After` has passed and a token exists above those reserved for
 * more urgent calls. With `counts: "own"`, calls of other clients do not delay it: Azure may refuse it.
 */
export function waitMs(
  bucket: Bucket,
  limit: BucketLimit,
  options: {
    readonly nowMs: number;
    readonly urgency: Urgency;
    readonly counts?: "all" | "own";
    /** Calls that go before it. Default 0. */
    readonly ahead?: number;
  },
): number {
  const blockedMs = Math.max(0, bucket.blockedUntilMs - options.nowMs);
  if (options.urgency === "now") return blockedMs;
  const floor = Math.floor(limit.burst * leftShares[options.urgency]);
  const { tokens, ownTokens } = refilled(bucket, limit, options.nowMs);
  const missing = floor + 1 + (options.ahead ?? 0) - (options.counts === "own" ? ownTokens : tokens);
  return Math.max(blockedMs, missing <= 0 ? 0 : Math.ceil((missing * MS_PER_MINUTE) / limit.perMinute));
}

/** The bucket after one call. */
export function spent(bucket: Bucket, limit: BucketLimit, nowMs: number): Bucket {
  const now = refilled(bucket, limit, nowMs);
  return { ...now, tokens: now.tokens - 1, ownTokens: now.ownTokens - 1 };
}

/**
 * The bucket after Azure accepted a call, and perhaps returned its own count, which is an upper limit.
 * Never negative: Azure's bucket has no debts, so calls that could not wait are not paid back.
 */
export function corrected(
  bucket: Bucket,
  limit: BucketLimit,
  options: { readonly nowMs: number; readonly remaining: number | undefined },
): Bucket {
  const now = refilled(bucket, limit, options.nowMs);
  const tokens = Math.max(0, Math.min(now.tokens, options.remaining ?? now.tokens));
  return { ...now, tokens, ownTokens: Math.max(0, now.ownTokens) };
}

/** The bucket after Azure refused a call with a delay: that says when there is a token, not our count. */
export function blocked(
  bucket: Bucket,
  options: { readonly nowMs: number; readonly retryAfterMs: number },
): Bucket {
  return { ...bucket, blockedUntilMs: Math.max(bucket.blockedUntilMs, options.nowMs + options.retryAfterMs) };
}
