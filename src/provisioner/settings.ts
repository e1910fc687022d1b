import type { Backoff } from "../core/cloud/backoff.ts";
import type { PollPace } from "../core/cloud/poll-delay.ts";
import type { BucketLimit } from "../core/cloud/token-bucket.ts";
import { type CallGroup, type GroupLimits, azureLimits } from "./throttle-budget.ts";

/** What bounds the provisioner's patience. Times in milliseconds. */
export interface ProvisionerSettings {
  /** How often operations on VMs are polled. Default 1 s to 5 s. */
  readonly vmPollPace: PollPace;
  /** How often operations on disks are polled: they take a tenth of a second to seconds. Default 0.2 s to 2 s. */
  readonly diskPollPace: PollPace;
  /** Delays after a conflict, a changed ETag or a lost answer. Default 0.25 s, doubling to 15 s. */
  readonly backoff: Backoff;
  /** Troubles in a row (conflict, changed ETag, lost answer, preemption) after which a batch gives up. Default 12, about 100 s of back-off. */
  readonly troublesMax: number;
  /** Longest wait for one operation before its callers are told to come again. Default 15 min. */
  readonly operationMaxMs: number;
  /** How long an update that is found in flight on a VM is waited for before ours is tried all the same. Default 60 s. */
  readonly inFlightPatienceMs: number;
  /** How long a disk may go on naming a VM that no longer has it. Default 60 s; after the deletion of a VM it takes tens of seconds. */
  readonly ownerPatienceMs: number;
  /** Longest wait for the call budget; beyond it a call fails as `Throttled`. Default 60 s. */
  readonly throttleWaitMaxMs: number;
  /** The limits that the call budget assumes. Default: Azure's published ones. */
  readonly limits: Readonly<Record<CallGroup, GroupLimits>>;
}

/** What is right for Azure itself. */
export const defaultProvisionerSettings: ProvisionerSettings = {
  vmPollPace: { minMs: 1000, maxMs: 5000 },
  diskPollPace: { minMs: 200, maxMs: 2000 },
  backoff: { baseMs: 250, maxMs: 15_000 },
  troublesMax: 12,
  operationMaxMs: 900_000,
  inFlightPatienceMs: 60_000,
  ownerPatienceMs: 60_000,
  throttleWaitMaxMs: 60_000,
  limits: azureLimits,
};

/** The same for an Azure whose time runs faster: waits are shorter by `timeScale`, and call budgets refill as much faster. */
export function scaledSettings(timeScale: number): ProvisionerSettings {
  const scaled = (ms: number): number => Math.max(1, ms * timeScale);
  const { vmPollPace, diskPollPace, backoff, limits, ...rest } = defaultProvisionerSettings;
  return {
    ...rest,
    vmPollPace: { minMs: scaled(vmPollPace.minMs), maxMs: scaled(vmPollPace.maxMs) },
    diskPollPace: { minMs: scaled(diskPollPace.minMs), maxMs: scaled(diskPollPace.maxMs) },
    backoff: { ...backoff, baseMs: scaled(backoff.baseMs), maxMs: scaled(backoff.maxMs) },
    limits: {
      vmWrite: scaledLimits(limits.vmWrite, timeScale),
      vmRead: scaledLimits(limits.vmRead, timeScale),
      vmList: scaledLimits(limits.vmList, timeScale),
      vmOperationRead: scaledLimits(limits.vmOperationRead, timeScale),
      diskWrite: scaledLimits(limits.diskWrite, timeScale),
      diskDelete: scaledLimits(limits.diskDelete, timeScale),
      diskRead: scaledLimits(limits.diskRead, timeScale),
      diskList: scaledLimits(limits.diskList, timeScale),
      diskOperationRead: scaledLimits(limits.diskOperationRead, timeScale),
    },
  };
}

function scaledLimits(limits: GroupLimits, timeScale: number): GroupLimits {
  const faster = (limit: BucketLimit): BucketLimit => ({ burst: limit.burst, perMinute: limit.perMinute / timeScale });
  return { ...(limits.perResource === undefined ? {} : { perResource: faster(limits.perResource) }), perSubscription: faster(limits.perSubscription) };
}
