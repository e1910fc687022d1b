/** A budget as Azure keeps it: `burst` calls at once, refilled by `perMinute`. */
export interface BucketLimit {
  readonly burst: number;
  readonly perMinute: number;
}

/** How full a bucket is at a time. `tokens` may be negative while calls that could not wait are under way. */
export interface Bucket {
  readonly tokens: number;
  readonly atMs: number;
  /** Azure said `Retry-After`: nothing goes before this time. */
  readonly blockedUntilMs: number;
}

/** The share of a bucket that only urgent lanes may use. */
const RESERVED_SHARE = 0.25;

const MS_PER_MINUTE = 60_000;

/** A bucket nobody has used yet. */
export function fullBucket(limit: BucketLimit, nowMs: number): Bucket {
  return { tokens: limit.burst, atMs: nowMs, blockedUntilMs: 0 };
}

/** The bucket as time has refilled it. */
export function refilled(bucket: Bucket, limit: BucketLimit, nowMs: number): Bucket {
  const gained = (Math.max(0, nowMs - bucket.atMs) * limit.perMinute) / MS_PER_MINUTE;
  return { ...bucket, tokens: Math.min(limit.burst, bucket.tokens + gained), atMs: nowMs };
}

/** How long a call must wait: until `Retry-After` is over and, unless it is urgent, until a token above the reserve is there. */
export function waitMs(bucket: Bucket, limit: BucketLimit, options: { readonly nowMs: number; readonly urgency: "now" | "reserve" | "normal" }): number {
  const blockedMs = Math.max(0, bucket.blockedUntilMs - options.nowMs);
  if (options.urgency === "now") return blockedMs;
  const floor = options.urgency === "reserve" ? 0 : Math.floor(limit.burst * RESERVED_SHARE);
  const missing = floor + 1 - refilled(bucket, limit, options.nowMs).tokens;
  return Math.max(blockedMs, missing <= 0 ? 0 : Math.ceil((missing * MS_PER_MINUTE) / limit.perMinute));
}

/** The bucket after one call. */
export function spent(bucket: Bucket, limit: BucketLimit, nowMs: number): Bucket {
  const now = refilled(bucket, limit, nowMs);
  return { ...now, tokens: now.tokens - 1 };
}

/**
 * The bucket after Azure took a call, and perhaps said how many are left: never more than that. Nor fewer than none: Azure's own bucket has no debts, so
 * calls that could not wait need not be paid back.
 */
export function corrected(bucket: Bucket, limit: BucketLimit, options: { readonly nowMs: number; readonly remaining: number | undefined }): Bucket {
  const now = refilled(bucket, limit, options.nowMs);
  return { ...now, tokens: Math.max(0, Math.min(now.tokens, options.remaining ?? now.tokens)) };
}

/** The bucket after Azure refused a call and said when to come again: its word, not our count, tells when there is a token. */
export function blocked(bucket: Bucket, options: { readonly nowMs: number; readonly retryAfterMs: number }): Bucket {
  return { ...bucket, blockedUntilMs: Math.max(bucket.blockedUntilMs, options.nowMs + options.retryAfterMs) };
}
