import type { GatherLimits } from "../core/azure/pace/gather-delay.ts";
import type { PollPace } from "../core/azure/pace/poll-delay.ts";
import type { PollSpacing } from "../core/azure/pace/spaced-poll-delay.ts";
import type { BucketLimit } from "../core/azure/pace/token-bucket.ts";
import type { Backoff } from "../core/primitives/backoff.ts";
import {
  type CallGroup,
  type GatewayClass,
  type GroupLimits,
  azureGatewayLimits,
  azureLimits,
} from "./arm/throttle-budget.ts";

/** The provisioner's time limits, in milliseconds. */
export interface ProvisionerSettings {
  /** How often operations on VMs are polled. Default 1 s to 5 s. */
  readonly vmPollPace: PollPace;
  /**
   * How far apart polls of attaches and detaches are, once their end can be predicted. Default 0.25 s to
   * 3 s.
   */
  readonly vmPollSpacing: PollSpacing;
  /**
   * How often operations on disks are polled: they take a tenth of a second to seconds. Default 0.2 s to 2
   * s. Azure asks for 2 s after a write of a disk, and the first poll waits for that.
   */
  readonly diskPollPace: PollPace;
  /** Delays after a conflict, a changed ETag or a lost answer. Default 0.25 s, doubling to 15 s. */
  readonly backoff: Backoff;
  /**
   * Consecutive faults (conflict, changed ETag, lost answer, preemption) after which a batch gives up.
   * Default 12, about 100 s of back-off.
   */
  readonly retriesMax: number;
  /** Longest wait for one operation before its callers have to retry. Default 15 min. */
  readonly operationMaxMs: number;
  /**
   * How long an update waits for one that is already in flight on its VM, before it is tried all the same.
   * Default 60 s.
   */
  readonly inFlightPatienceMs: number;
  /**
   * How long an update that detaches disks may run before they are detached by force. Azure calls 30 to
   * 120 s usual for a detach and ForceDetach a last resort. A guest that hangs never releases a disk by
   * itself, and Azure takes one write of a VM at a time: nothing else would reach the VM. Default 240
   * s, as long as Azure's V1 driver waits.
   */
  readonly detachPatienceMs: number;
  /**
   * How long a fence tries a regular detach if the VM runs and its agent answers, before it forces. 0:
   * every fence forces at once. Default 30 s: three times a usual detach, and the most that a failover
   * loses while Azure still reports a dead VM as healthy.
   */
  readonly fenceRegularDetachMs: number;
  /**
   * How long Azure is polled for the end of a write that only moves a VM's ETag; from then on only the
   * VM is read, to see whether its ETag has moved. Default 60 s.
   */
  readonly etagMoveMaxMs: number;
  /**
   * How long nothing is written to a VM merely to move its ETag, after the largest such write has not moved
   * it. Default 10 min: Azure would have to behave differently, which no shorter time makes likelier, and
   * such writes then take at most one in forty of the four that Azure allows a VM each minute.
   */
  readonly etagPauseMs: number;
  /**
   * How often such a VM is read in between: once it is deleted, that is proof. Default 60 s.
   */
  readonly etagReadMs: number;
  /**
   * How long a disk may still name a VM that no longer has it. Default 60 s; after the deletion of a VM
   * it takes tens of seconds.
   */
  readonly ownerPatienceMs: number;
  /**
   * Longest wait for the call budget before one try of a call, its line included; beyond it the call fails
   * as `Throttled`. Default 60 s.
   */
  readonly throttleWaitMaxMs: number;
  /**
   * How long an update waits for requests that are announced or expected. Default: requests within 0.1 s
   * of each other, and 0.5 s at most: as long as a slow read of a disk.
   */
  readonly gathering: GatherLimits;
  /** The limits that the call budget assumes. Default: Azure's published ones. */
  readonly limits: Readonly<Record<CallGroup, GroupLimits>>;
  /** Those of ARM's front door, over all kinds of calls. Default: Azure's published ones. */
  readonly gatewayLimits: Readonly<Record<GatewayClass, BucketLimit>>;
}

/** The settings for Azure itself. */
export const defaultProvisionerSettings: ProvisionerSettings = {
  vmPollPace: { minMs: 1000, maxMs: 5000 },
  vmPollSpacing: { closeMs: 250, wideMs: 3000 },
  diskPollPace: { minMs: 200, maxMs: 2000 },
  backoff: { baseMs: 250, maxMs: 15_000 },
  retriesMax: 12,
  operationMaxMs: 900_000,
  inFlightPatienceMs: 60_000,
  detachPatienceMs: 240_000,
  fenceRegularDetachMs: 30_000,
  etagMoveMaxMs: 60_000,
  etagPauseMs: 600_000,
  etagReadMs: 60_000,
  ownerPatienceMs: 60_000,
  throttleWaitMaxMs: 60_000,
  gathering: { quietMs: 100, maxMs: 500 },
  limits: azureLimits,
  gatewayLimits: azureGatewayLimits,
};

/**
 * The settings for an emulator whose operations take `timeScale` times what Azure's take (0.01: a hundred
 * times as fast): all paces and limits alike, but for `throttleWaitMaxMs` and `gathering`, since requests
 * take as long to arrive at any scale. Waits keep a lower bound of some milliseconds: calls are not scaled.
 */
export function scaledSettings(
  timeScale: number,
  changes: Partial<Pick<ProvisionerSettings, "detachPatienceMs" | "fenceRegularDetachMs">> = {},
): ProvisionerSettings {
  const scaled = (ms: number, leastMs: number): number => Math.max(leastMs, ms * timeScale);
  const settings = { ...defaultProvisionerSettings, ...changes };
  const { vmPollPace, vmPollSpacing, diskPollPace, backoff } = settings;
  return {
    ...settings,
    vmPollPace: { minMs: scaled(vmPollPace.minMs, 5), maxMs: scaled(vmPollPace.maxMs, 25) },
    vmPollSpacing: { closeMs: scaled(vmPollSpacing.closeMs, 5), wideMs: scaled(vmPollSpacing.wideMs, 15) },
    diskPollPace: { minMs: scaled(diskPollPace.minMs, 2), maxMs: scaled(diskPollPace.maxMs, 20) },
    backoff: { baseMs: scaled(backoff.baseMs, 5), maxMs: scaled(backoff.maxMs, 100) },
    operationMaxMs: scaled(settings.operationMaxMs, 5000),
    inFlightPatienceMs: scaled(settings.inFlightPatienceMs, 1000),
    detachPatienceMs: scaled(settings.detachPatienceMs, 2000),
    fenceRegularDetachMs:
      settings.fenceRegularDetachMs === 0 ? 0 : scaled(settings.fenceRegularDetachMs, 500),
    etagMoveMaxMs: scaled(settings.etagMoveMaxMs, 1000),
    etagPauseMs: scaled(settings.etagPauseMs, 10_000),
    etagReadMs: scaled(settings.etagReadMs, 1000),
    ownerPatienceMs: scaled(settings.ownerPatienceMs, 1000),
    limits: scaledEach(settings.limits, (limits) => scaledLimits(limits, timeScale)),
    gatewayLimits: scaledEach(settings.gatewayLimits, (limit) => faster(limit, timeScale)),
  };
}

function scaledEach<K extends string, V>(
  limits: Readonly<Record<K, V>>,
  scale: (limit: V) => V,
): Readonly<Record<K, V>> {
  const scaled = Object.entries<V>(limits).map(([name, limit]) => [name, scale(limit)]);
  return Object.fromEntries(scaled) as Readonly<Record<K, V>>;
}

function scaledLimits(limits: GroupLimits, timeScale: number): GroupLimits {
  return {
    ...(limits.perResource === undefined ? {} : { perResource: faster(limits.perResource, timeScale) }),
    perSubscription: faster(limits.perSubscription, timeScale),
  };
}

function faster(limit: BucketLimit, timeScale: number): BucketLimit {
  return { burst: limit.burst, perMinute: limit.perMinute / timeScale };
}
