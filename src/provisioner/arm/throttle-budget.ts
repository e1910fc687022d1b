import { type Lane, ignoresOtherClients, urgencies } from "../../core/azure/lane.ts";
import {
  type Bucket,
  type BucketLimit,
  type Urgency,
  blocked,
  corrected,
  fullBucket,
  refilled,
  spent,
  waitMs,
} from "../../core/azure/pace/token-bucket.ts";
import { putNewest } from "../../core/primitives/put-newest.ts";
import type { Clock } from "../../ports/clock.ts";
import type { CallBudgetState } from "../../ports/cloud/call-budget.ts";
import type { ArmAnswer, ArmError } from "./arm-api.ts";
import { RETRY_AFTER_DEFAULT_MS } from "./arm-error.ts";

/** The limits of one group: for each resource, and for the whole subscription. */
export interface GroupLimits {
  readonly perResource?: BucketLimit;
  readonly perSubscription: BucketLimit;
}

/**
 * Azure's published limits (compute throttling limits, 2024) of each kind of calls that it counts together;
 * those of disks per 3 minutes, spread.
 */
export const azureLimits = {
  vmWrite: { perResource: { burst: 12, perMinute: 4 }, perSubscription: { burst: 1500, perMinute: 500 } },
  vmRead: { perResource: { burst: 36, perMinute: 12 }, perSubscription: { burst: 24_000, perMinute: 8000 } },
  // Of instances of uniform scale sets, which Azure counts apart from VMs.
  instanceWrite: {
    perResource: { burst: 12, perMinute: 4 },
    perSubscription: { burst: 1500, perMinute: 500 },
  },
  instanceRead: {
    perResource: { burst: 36, perMinute: 12 },
    perSubscription: { burst: 6000, perMinute: 2000 },
  },
  vmList: { perSubscription: { burst: 900, perMinute: 300 } },
  vmOperationRead: {
    perResource: { burst: 45, perMinute: 15 },
    perSubscription: { burst: 15_000, perMinute: 5000 },
  },
  diskWrite: { perSubscription: { burst: 1000, perMinute: 333 } },
  diskDelete: { perSubscription: { burst: 3000, perMinute: 1000 } },
  diskRead: { perSubscription: { burst: 5000, perMinute: 1666 } },
  diskList: { perSubscription: { burst: 240, perMinute: 80 } },
  diskOperationRead: { perSubscription: { burst: 50_000, perMinute: 16_666 } },
} satisfies Readonly<Record<string, GroupLimits>>;

/** A kind of calls that Azure counts together. */
export type CallGroup = keyof typeof azureLimits;

export const callGroups = Object.keys(azureLimits) as readonly CallGroup[];

/** The groups of the reads and writes of a VM, or of an instance of a uniform scale set. */
export function callGroupsOf(vm: { readonly scaleSet?: object | undefined }): {
  readonly read: "vmRead" | "instanceRead";
  readonly write: VmWriteGroup;
} {
  return vm.scaleSet === undefined
    ? { read: "vmRead", write: "vmWrite" }
    : { read: "instanceRead", write: "instanceWrite" };
}

type VmWriteGroup = "vmWrite" | "instanceWrite";

export function isVmWriteGroup(group: CallGroup): group is VmWriteGroup {
  return group === "vmWrite" || group === "instanceWrite";
}

/** Calls that ARM's front door counts together, whatever they are for. */
export type GatewayClass = "reads" | "writes" | "deletes";

/**
 * The front door's published limits, for each principal in a subscription and region. A hundred volumes
 * requested at once reach these limits first.
 */
export const azureGatewayLimits: Readonly<Record<GatewayClass, BucketLimit>> = {
  reads: { burst: 250, perMinute: 1500 },
  writes: { burst: 200, perMinute: 600 },
  deletes: { burst: 200, perMinute: 600 },
};

export interface BudgetedCall {
  readonly group: CallGroup;
  /** ARM id, or another name of the resource; undefined: of no matter. */
  readonly resource: string | undefined;
  readonly lane: Lane;
}

/**
 * The calls that Azure still allows, shared by all callers: a model of its buckets, corrected by what its
 * answers say. Waiting here is cheaper than being refused there. A share is kept for failovers, and except at
 * the front door for detaches. Failovers use all that VMs share, and wait for the limits of their own VM only
 * as a `Retry-After` says. Tags leave half of each bucket for all others. A `Retry-After` of another refusal
 * than 429 delays calls of that kind for that resource alone.
 */
export class ThrottleBudget {
  readonly #clock: Clock;
  readonly #limits: Readonly<Record<CallGroup, GroupLimits>>;
  readonly #gatewayLimits: Readonly<Record<GatewayClass, BucketLimit>>;
  readonly #buckets = new Map<string, Bucket>();
  readonly #totals = new Map<string, { calls: number; refused: number; waitedMs: number }>();

  constructor(options: {
    readonly clock: Clock;
    readonly limits: Readonly<Record<CallGroup, GroupLimits>>;
    readonly gatewayLimits: Readonly<Record<GatewayClass, BucketLimit>>;
  }) {
    this.#clock = options.clock;
    this.#limits = options.limits;
    this.#gatewayLimits = options.gatewayLimits;
  }

  /** How long the call must wait, if it lets `ahead` others go first; 0: it may go. */
  waitMs(call: BudgetedCall, ahead = 0): number {
    return this.#waitMs(call, this.#scopesOf(call), { ahead });
  }

  /** The same by the compute provider's limits alone. */
  providerWaitMs(call: BudgetedCall): number {
    return this.#waitMs(
      call,
      this.#scopesOf(call).filter(({ kind }) => kind !== "gateway"),
    );
  }

  /** The same by the front door's limits alone; `isDue`: it may take what is kept for more urgent calls. */
  gatewayWaitMs(call: BudgetedCall, isDue: boolean): number {
    return this.#waitMs(
      call,
      this.#scopesOf(call).filter(({ kind }) => kind === "gateway"),
      isDue ? { urgency: "reserve" } : {},
    );
  }

  #waitMs(
    call: BudgetedCall,
    scopes: readonly Scope[],
    options: { readonly ahead?: number; readonly urgency?: Urgency } = {},
  ): number {
    const nowMs = this.#clock.elapsedMs();
    return Math.max(
      ...scopes.map(({ key, limit, kind }) => {
        const urgency = urgencyIn(kind, call.lane);
        const counts = countsFor(call, kind);
        return waitMs(this.#bucket(key, limit, nowMs), limit, { nowMs, urgency, counts, ...options });
      }),
    );
  }

  /** Names the line in which the call waits for the front door. */
  lineOf(call: BudgetedCall): string {
    return gatewayKey(call);
  }

  /** How each group stands, and each class of the front door. */
  states(): readonly CallBudgetState[] {
    const nowMs = this.#clock.elapsedMs();
    return [
      ...callGroups.map((group) => this.#stateOf(group, this.#limits[group], nowMs)),
      ...gatewayClasses.map((gatewayClass) =>
        this.#stateOf(
          `gateway-${gatewayClass}`,
          { perSubscription: this.#gatewayLimits[gatewayClass] },
          nowMs,
        ),
      ),
    ];
  }

  recordWait(group: CallGroup, waitedMs: number): void {
    this.#totalsOf(group).waitedMs += waitedMs;
  }

  /** Counts the call. Each page of a list is one. */
  spend(call: BudgetedCall): void {
    for (const group of [call.group, gatewayKey(call)]) this.#totalsOf(group).calls++;
    const nowMs = this.#clock.elapsedMs();
    for (const { key, limit } of this.#scopesOf(call))
      this.#put(key, spent(this.#bucket(key, limit, nowMs), limit, nowMs));
  }

  /** Learns from an answer: the remaining calls in its headers, and `Retry-After` of whatever refusal. */
  observe(call: BudgetedCall, answer: ArmAnswer<unknown>): void {
    const nowMs = this.#clock.elapsedMs();
    if (!answer.result.ok) {
      const { statusCode, retryAfterMs } = answer.result.failure;
      if (statusCode === 0) return;
      if (statusCode === 429) return this.#blockThrottled(call, answer.result.failure, nowMs);
      const key = resourceKey(call);
      if (retryAfterMs !== undefined && key !== undefined)
        this.#block(
          { key, limit: this.#limits[call.group].perResource ?? uncounted },
          { nowMs, retryAfterMs },
        );
    }
    const fewest = new Map<Scope["kind"], number>();
    for (const { policy, remaining } of answer.remaining) {
      const kind = scopeOf(policy);
      fewest.set(kind, Math.min(fewest.get(kind) ?? Infinity, remaining));
    }
    for (const { key, limit, kind } of this.#scopesOf(call))
      this.#put(
        key,
        corrected(this.#bucket(key, limit, nowMs), limit, { nowMs, remaining: fewest.get(kind) }),
      );
  }

  #stateOf(group: string, { perSubscription, perResource }: GroupLimits, nowMs: number): CallBudgetState {
    const subscription = this.#bucket(group, perSubscription, nowMs);
    const resources = [...this.#buckets]
      .filter(([key]) => key.startsWith(`${group} `))
      .map(([, bucket]) => bucket);
    const left =
      perResource === undefined ? [] : resources.map((bucket) => refilled(bucket, perResource, nowMs).tokens);
    const totals = this.#totalsOf(group);
    return {
      group,
      subscriptionCallsLeft: refilled(subscription, perSubscription, nowMs).tokens,
      fewestResourceCallsLeft:
        left.length === 0 ? undefined : left.reduce((fewest, tokens) => Math.min(fewest, tokens)),
      blockedMs: [subscription, ...resources].reduce(
        (longest, bucket) => Math.max(longest, bucket.blockedUntilMs - nowMs),
        0,
      ),
      callsTotal: totals.calls,
      refusedTotal: totals.refused,
      waitedMsTotal: totals.waitedMs,
    };
  }

  #totalsOf(group: string): { calls: number; refused: number; waitedMs: number } {
    const totals = this.#totals.get(group) ?? { calls: 0, refused: 0, waitedMs: 0 };
    this.#totals.set(group, totals);
    return totals;
  }

  #blockThrottled(call: BudgetedCall, error: ArmError, nowMs: number): void {
    const scopes = this.#scopesOf(call);
    // A refusal that names a resource's policy concerns that resource alone; the front door's has its
    // own code; any other one concerns the group.
    const kind = /^SubscriptionRequestsThrottled$/i.test(error.code)
      ? "gateway"
      : error.details.some(({ target }) => scopeOf(target) === "resource")
        ? "resource"
        : "subscription";
    const scope = scopes.find((candidate) => candidate.kind === kind) ?? scopes[0];
    if (scope === undefined) return;
    this.#totalsOf(kind === "gateway" ? gatewayKey(call) : call.group).refused++;
    this.#block(scope, { nowMs, retryAfterMs: error.retryAfterMs ?? RETRY_AFTER_DEFAULT_MS });
  }

  #block(
    { key, limit }: Pick<Scope, "key" | "limit">,
    delay: { readonly nowMs: number; readonly retryAfterMs: number },
  ): void {
    this.#put(key, blocked(this.#bucket(key, limit, delay.nowMs), delay));
  }

  #scopesOf(call: BudgetedCall): readonly Scope[] {
    const limits = this.#limits[call.group];
    const scopes: readonly Scope[] = [
      { kind: "subscription", key: call.group, limit: limits.perSubscription },
      { kind: "gateway", key: gatewayKey(call), limit: this.#gatewayLimits[gatewayClassOf(call.group)] },
    ];
    const key = resourceKey(call);
    if (key === undefined) return scopes;
    // What Azure does not count by resource has a bucket only once it was refused.
    const limit = limits.perResource ?? (this.#buckets.has(key) ? uncounted : undefined);
    return limit === undefined ? scopes : [...scopes, { kind: "resource", key, limit }];
  }

  #bucket(key: string, limit: BucketLimit, nowMs: number): Bucket {
    return this.#buckets.get(key) ?? fullBucket(limit, nowMs);
  }

  #put(key: string, bucket: Bucket): void {
    // The bucket that was used longest ago has refilled by now, and a missing bucket counts as full.
    putNewest(this.#buckets, key, bucket, BUCKETS_MAX);
  }
}

/** More than three groups for each of 5,000 nodes. */
const BUCKETS_MAX = 20_000;

/** One bucket that a call takes from. */
interface Scope {
  readonly kind: "subscription" | "gateway" | "resource";
  readonly key: string;
  readonly limit: BucketLimit;
}

/** Of resources whose calls Azure does not count: only a `Retry-After` delays them. */
const uncounted: BucketLimit = { burst: 1e9, perMinute: 1e9 };

const gatewayClasses: readonly GatewayClass[] = ["reads", "writes", "deletes"];

function gatewayClassOf(group: CallGroup): GatewayClass {
  if (group.endsWith("Delete")) return "deletes";
  return group.endsWith("Write") ? "writes" : "reads";
}

/**
 * A failover tries its own VM, whatever has been called there. Beyond what all VMs share it would only be
 * refused, and with it the next failover. What the front door keeps is for failovers alone: its line sees to
 * it that calls which free a volume do not wait for calls that place replicas.
 */
function urgencyIn(kind: Scope["kind"], lane: Lane): Urgency {
  const urgency = urgencies[lane];
  if (kind === "resource") return urgency;
  if (urgency === "now") return "reserve";
  return kind === "gateway" && urgency === "reserve" ? "normal" : urgency;
}

/** Reads of one VM that a pod waits for are tried, whatever other clients have read of it. */
function countsFor({ group, lane }: BudgetedCall, kind: Scope["kind"]): "all" | "own" {
  const isReadOfVm = group === "vmRead" || group === "instanceRead" || group === "vmOperationRead";
  return kind === "resource" && isReadOfVm && ignoresOtherClients(lane) ? "own" : "all";
}

/** Ids differ in case only. */
function resourceKey({ group, resource }: BudgetedCall): string | undefined {
  return resource === undefined ? undefined : `${group} ${resource.toLowerCase()}`;
}

function gatewayKey(call: BudgetedCall): string {
  return `gateway-${gatewayClassOf(call.group)}`;
}

/**
 * Which bucket a policy of Azure's stands for: `UpdateVMResource`, `UpdateVMSubscriptionMaximum`,
 * `subscription-writes`.
 */
function scopeOf(policy: string): Scope["kind"] {
  if (/Resource$/i.test(policy)) return "resource";
  return /^subscription-/i.test(policy) ? "gateway" : "subscription";
}
