import { type Lane, mayUseReserve } from "../core/cloud/lane.ts";
import { type Bucket, type BucketLimit, blocked, corrected, fullBucket, refilled, spent, waitMs } from "../core/cloud/token-bucket.ts";
import type { CallBudgetState } from "../ports/call-budget.ts";
import type { Clock } from "../ports/clock.ts";
import type { ArmAnswer, ArmError } from "./arm-api.ts";

/** Kinds of calls that Azure counts together. */
export type CallGroup = "vmRead" | "vmList" | "vmWrite" | "diskRead" | "diskList" | "diskWrite" | "diskDelete" | "vmOperationRead" | "diskOperationRead";

const callGroups: readonly CallGroup[] = [
  "vmWrite",
  "vmRead",
  "vmList",
  "vmOperationRead",
  "diskWrite",
  "diskDelete",
  "diskRead",
  "diskList",
  "diskOperationRead",
];

/** The limits of one group: for each resource, and for the whole subscription. */
export interface GroupLimits {
  readonly perResource?: BucketLimit;
  readonly perSubscription: BucketLimit;
}

/** Azure's published limits (compute throttling limits, 2024); those of disks per 3 minutes, spread. */
export const azureLimits: Readonly<Record<CallGroup, GroupLimits>> = {
  vmWrite: { perResource: { burst: 12, perMinute: 4 }, perSubscription: { burst: 1500, perMinute: 500 } },
  vmRead: { perResource: { burst: 36, perMinute: 12 }, perSubscription: { burst: 24_000, perMinute: 8000 } },
  vmList: { perSubscription: { burst: 900, perMinute: 300 } },
  vmOperationRead: { perResource: { burst: 45, perMinute: 15 }, perSubscription: { burst: 15_000, perMinute: 5000 } },
  diskWrite: { perSubscription: { burst: 1000, perMinute: 333 } },
  diskDelete: { perSubscription: { burst: 3000, perMinute: 1000 } },
  diskRead: { perSubscription: { burst: 5000, perMinute: 1666 } },
  diskList: { perSubscription: { burst: 240, perMinute: 80 } },
  diskOperationRead: { perSubscription: { burst: 50_000, perMinute: 16_666 } },
};

/** One call, as the budget sees it. */
export interface BudgetedCall {
  readonly group: CallGroup;
  /** ARM id in lower case, or whatever names the resource; undefined for lists. */
  readonly resource: string | undefined;
  readonly lane: Lane;
}

/**
 * The calls that Azure still allows, shared by all callers: a model of its buckets, corrected by what its answers say. Waiting here is cheaper than
 * being refused there. A share is kept for failover and detaches; failover waits for nothing but a `Retry-After`.
 */
export class ThrottleBudget {
  readonly #clock: Clock;
  readonly #limits: Readonly<Record<CallGroup, GroupLimits>>;
  readonly #buckets = new Map<string, Bucket>();
  readonly #totals = new Map<CallGroup, { calls: number; refused: number; waitedMs: number }>();

  constructor(options: { readonly clock: Clock; readonly limits: Readonly<Record<CallGroup, GroupLimits>> }) {
    this.#clock = options.clock;
    this.#limits = options.limits;
  }

  /** How long the call must wait; 0: it may go. */
  waitMs(call: BudgetedCall): number {
    const nowMs = this.#clock.elapsedMs();
    const urgency = call.lane === "failover" ? "now" : mayUseReserve(call.lane) ? "reserve" : "normal";
    return Math.max(...this.#scopesOf(call).map(({ key, limit }) => waitMs(this.#bucket(key, limit, nowMs), limit, { nowMs, urgency })));
  }

  /** How each group stands, groups in the order of `azureLimits`. */
  states(): readonly CallBudgetState[] {
    const nowMs = this.#clock.elapsedMs();
    return callGroups.map((group) => this.#stateOf(group, nowMs));
  }

  /** Notes that a call waited for the budget. */
  noteWait(group: CallGroup, waitedMs: number): void {
    this.#totalsOf(group).waitedMs += waitedMs;
  }

  /** Counts the call. */
  spend(call: BudgetedCall): void {
    this.#totalsOf(call.group).calls++;
    const nowMs = this.#clock.elapsedMs();
    for (const { key, limit } of this.#scopesOf(call)) this.#put(key, spent(this.#bucket(key, limit, nowMs), limit, nowMs));
  }

  /** Learns from an answer: the remaining calls in its headers, and `Retry-After`. */
  observe(call: BudgetedCall, answer: ArmAnswer<unknown>): void {
    const nowMs = this.#clock.elapsedMs();
    if (!answer.result.ok && answer.result.failure.statusCode === 429) return this.#block(call, answer.result.failure, nowMs);
    if (!answer.result.ok && answer.result.failure.statusCode === 0) return;
    for (const { key, limit, isResource } of this.#scopesOf(call)) {
      const counts = answer.remaining.filter(({ policy }) => /Resource$/i.test(policy) === isResource).map(({ remaining }) => remaining);
      const remaining = counts.length === 0 ? undefined : Math.min(...counts);
      this.#put(key, corrected(this.#bucket(key, limit, nowMs), limit, { nowMs, remaining }));
    }
  }

  #stateOf(group: CallGroup, nowMs: number): CallBudgetState {
    const { perSubscription, perResource } = this.#limits[group];
    const subscription = this.#bucket(group, perSubscription, nowMs);
    const resources = perResource === undefined ? [] : [...this.#buckets].filter(([key]) => key.startsWith(`${group} `)).map(([, bucket]) => bucket);
    const left = perResource === undefined ? [] : resources.map((bucket) => refilled(bucket, perResource, nowMs).tokens);
    const totals = this.#totalsOf(group);
    return {
      group,
      subscriptionCallsLeft: refilled(subscription, perSubscription, nowMs).tokens,
      fewestResourceCallsLeft: left.length === 0 ? undefined : left.reduce((fewest, tokens) => Math.min(fewest, tokens)),
      blockedMs: [subscription, ...resources].reduce((longest, bucket) => Math.max(longest, bucket.blockedUntilMs - nowMs), 0),
      callsTotal: totals.calls,
      refusedTotal: totals.refused,
      waitedMsTotal: totals.waitedMs,
    };
  }

  #totalsOf(group: CallGroup): { calls: number; refused: number; waitedMs: number } {
    const totals = this.#totals.get(group) ?? { calls: 0, refused: 0, waitedMs: 0 };
    this.#totals.set(group, totals);
    return totals;
  }

  #block(call: BudgetedCall, error: ArmError, nowMs: number): void {
    this.#totalsOf(call.group).refused++;
    const scopes = this.#scopesOf(call);
    // A refusal that names a resource's policy concerns that resource alone; any other one concerns the group.
    const namesResource = error.details.some(({ target }) => /Resource$/i.test(target));
    const scope = scopes.find(({ isResource }) => isResource === namesResource) ?? scopes[0];
    if (scope === undefined) return;
    const retryAfterMs = error.retryAfterMs ?? RETRY_AFTER_DEFAULT_MS;
    this.#put(scope.key, blocked(this.#bucket(scope.key, scope.limit, nowMs), { nowMs, retryAfterMs }));
  }

  #scopesOf(call: BudgetedCall): readonly { readonly key: string; readonly limit: BucketLimit; readonly isResource: boolean }[] {
    const limits = this.#limits[call.group];
    const subscription = { key: call.group, limit: limits.perSubscription, isResource: false };
    if (limits.perResource === undefined || call.resource === undefined) return [subscription];
    return [subscription, { key: `${call.group} ${call.resource}`, limit: limits.perResource, isResource: true }];
  }

  #bucket(key: string, limit: BucketLimit, nowMs: number): Bucket {
    return this.#buckets.get(key) ?? fullBucket(limit, nowMs);
  }

  #put(key: string, bucket: Bucket): void {
    this.#buckets.delete(key);
    this.#buckets.set(key, bucket);
    // Bounded memory: the bucket that was used longest ago has refilled by now, and a full bucket is what a missing one means.
    const [oldest] = this.#buckets.keys();
    if (this.#buckets.size > BUCKETS_MAX && oldest !== undefined) this.#buckets.delete(oldest);
  }
}

/** More than three groups for each of 5,000 nodes. */
const BUCKETS_MAX = 20_000;

const RETRY_AFTER_DEFAULT_MS = 10_000;
