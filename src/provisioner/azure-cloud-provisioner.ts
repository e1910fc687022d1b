import { parseSnapshotUri } from "../core/azure/ids/snapshot-uri.ts";
import { type Result, fail, ok } from "../core/failure/result.ts";
import type { Clock } from "../ports/clock.ts";
import type { CallBudgetState } from "../ports/cloud/call-budget.ts";
import type { CloudProvisioner } from "../ports/cloud/cloud-provisioner.ts";
import type { EtagWriteMemory } from "../ports/cloud/etag-write-memory.ts";
import type { SnapshotProvisioner } from "../ports/cloud/snapshot-provisioner.ts";
import type { Random } from "../ports/random.ts";
import type { ArmApi, ArmDisk, ArmGroup } from "./arm/arm-api.ts";
import { createArmSession } from "./arm/arm-session.ts";
import { saysNoGroup, saysNotThere, toFailure } from "./arm/error-table.ts";
import { ThrottleBudget } from "./arm/throttle-budget.ts";
import { type AttachmentContext, attachDisk, barrier, detachDisk } from "./attachments.ts";
import { BoundedCache } from "./bounded-cache.ts";
import { tagDisk, updateDisk } from "./disk/change-disk.ts";
import { diskFactsOf } from "./disk/disk-facts.ts";
import { diskLists } from "./disk/disk-lists.ts";
import { readDisk } from "./disk/disk-owners.ts";
import {
  type DefaultDiskPlace,
  type DiskTarget,
  createDisk,
  deleteDisk,
  namedDiskTarget,
  resizeDisk,
} from "./disk/disks.ts";
import { RecentDiskWrites } from "./disk/recent-writes.ts";
import { SharedDiskReads } from "./disk/shared-disk-reads.ts";
import { KeyedMutex } from "./keyed-mutex.ts";
import {
  type DiskOfNode,
  type Method,
  type OnVm,
  diskTargetOf,
  methodOn,
  vmOf,
  vmTargetOf,
} from "./request-target.ts";
import { type ProvisionerSettings, defaultProvisionerSettings } from "./settings.ts";
import {
  createSnapshot,
  deleteSnapshot,
  getSnapshot,
  snapshotLists,
  tagSnapshot,
  type SnapshotTarget,
  snapshotTargetOf,
} from "./snapshot/snapshots.ts";
import { EtagWrites } from "./vm/etag-writes.ts";
import { instanceFactsOf } from "./vm/instance/instance-facts.ts";
import { powerOff } from "./vm/instance/power-off.ts";
import { proveGone } from "./vm/instance/prove-gone.ts";
import { resolveInstance } from "./vm/instance/resolve-instance.ts";
import { SharedVmReads } from "./vm/shared-vm-reads.ts";
import { VmQueues } from "./vm/vm-queues.ts";
import { VmSizes } from "./vm/vm-sizes.ts";
import { readInstance } from "./vm/vm-update.ts";

export interface AzureCloudProvisionerOptions {
  readonly arm: ArmApi;
  readonly clock: Clock;
  readonly random: Random;
  /**
   * The cluster's subscription, resource group and location: for disks that name no other place. VMs
   * are looked up by their own resource ids.
   */
  readonly place: DefaultDiskPlace;
  /**
   * Ends all work at shutdown. An operation that Azure has accepted continues; the next instance finds
   * it.
   */
  readonly lifetime: AbortSignal;
  /** Differences from the settings for Azure, for emulators. */
  readonly settings?: Partial<ProvisionerSettings>;
  /** Remembers which writes move a VM's ETag. Default: for as long as the process lives. */
  readonly etagWrites?: EtagWriteMemory | undefined;
}

/** The provisioner and its end: work that callers no longer wait for continues until `drained`. */
export interface AzureCloudProvisioner extends CloudProvisioner, SnapshotProvisioner {
  /** Resolves when no update of any VM is under way. */
  drained(): Promise<void>;
  /** The calls that Azure still allows, for metrics. */
  budget(): readonly CallBudgetState[];
}

/** Disks that are remembered between their creation, or a read, and their attach. */
const DISKS_KNOWN_MAX = 10_000;
const DISKS_KNOWN_MAX_AGE_MS = 30_000;

/** Builds the `CloudProvisioner` of Azure over an `ArmApi`. */
export function createAzureCloudProvisioner(options: AzureCloudProvisionerOptions): AzureCloudProvisioner {
  const { arm, clock, random, place, lifetime } = options;
  const settings = { ...defaultProvisionerSettings, ...options.settings };
  const budget = new ThrottleBudget({
    clock,
    limits: settings.limits,
    gatewayLimits: settings.gatewayLimits,
  });
  const session = createArmSession({
    arm,
    budget,
    clock,
    random,
    settings,
    lifetime,
  });
  const sizes = new VmSizes(session, lifetime);
  const vmReads = new SharedVmReads(session);
  const queues = new VmQueues({
    session,
    place,
    vmReads,
    diskReads: new SharedDiskReads(session, lifetime),
    sizes,
    etagWrites: options.etagWrites ?? new EtagWrites(),
    lifetime,
  });
  const disks = new BoundedCache<ArmDisk>({
    clock,
    entriesMax: DISKS_KNOWN_MAX,
    maxAgeMs: DISKS_KNOWN_MAX_AGE_MS,
  });
  const attachments: AttachmentContext = {
    session,
    place,
    vmReads,
    queues,
    firstAttaches: new KeyedMutex(),
    disks,
  };

  const writes = new RecentDiskWrites(clock);
  const diskContext = { session, disks, writes, tagWrites: new KeyedMutex() };
  const onDisk = <R extends { readonly diskUri: string }, T>(work: Method<R & DiskTarget, T>): Method<R, T> =>
    methodOn<R, DiskTarget, T>(({ diskUri }) => diskTargetOf(place, diskUri), work);
  const onSnapshot = <R extends { readonly snapshotUri: string }, T>(
    work: Method<R & SnapshotTarget, T>,
  ): Method<R, T> => methodOn<R, SnapshotTarget, T>(({ snapshotUri }) => snapshotTargetOf(snapshotUri), work);
  const onVm = <R extends DiskOfNode, T>(work: Method<R & OnVm, T>): Method<R, T> =>
    methodOn<R, OnVm, T>((request) => vmTargetOf(place, request), work);
  const groupOf = ({
    resourceGroup = place.resourceGroup,
  }: {
    readonly resourceGroup: string | undefined;
  }): Result<ArmGroup, never> => ok({ subscriptionId: place.subscriptionId, resourceGroup });

  return {
    createDisk: methodOn(() => ok({}), createDisk.bind(undefined, diskContext, place)),
    diskUriOf: (disk) => namedDiskTarget(place, disk).diskUri,
    deleteDisk: onDisk((request, signal) => deleteDisk(diskContext, request, signal)),
    resizeDisk: onDisk((request, signal) => resizeDisk(diskContext, request, signal)),
    updateDisk: onDisk((request, signal) => updateDisk(diskContext, request, signal)),
    tagDisk: onDisk((request, signal) => tagDisk(diskContext, request, signal)),
    forgetWrites: () => writes.forgetAll(),
    getDisk: onDisk(
      async ({ diskUri, lane = "primaryAttach" }: Parameters<CloudProvisioner["getDisk"]>[0], signal) => {
        const read = await readDisk(session, { diskUri, lane }, signal);
        return read.ok ? ok(diskFactsOf(read.value)) : fail(toFailure(read.failure, { diskUri }));
      },
    ),
    listDisks: methodOn(groupOf, diskLists(session)),
    createSnapshot: methodOn(
      ({ sourceUri, snapshotUri }) => {
        const isCopy = parseSnapshotUri(sourceUri) !== undefined;
        const source = isCopy ? snapshotTargetOf(sourceUri) : diskTargetOf(place, sourceUri);
        return source.ok ? snapshotTargetOf(snapshotUri) : source;
      },
      createSnapshot.bind(undefined, session),
    ),
    tagSnapshot: onSnapshot((request, signal) => tagSnapshot(session, request, signal)),
    deleteSnapshot: onSnapshot((request, signal) => deleteSnapshot(session, request, signal)),
    getSnapshot: onSnapshot((request, signal) => getSnapshot(session, request, signal)),
    listSnapshots: methodOn(groupOf, snapshotLists(session)),
    attachDisk: onVm(attachDisk.bind(undefined, attachments)),
    detachDisk: onVm(detachDisk.bind(undefined, attachments)),
    barrier: onVm(barrier.bind(undefined, attachments)),
    proveGone: onVm((request, signal) => proveGone(attachments, { ...request, lane: "failover" }, signal)),
    inspectInstance: methodOn(
      (request) => resolveInstance(place, request),
      async (vm, signal) => {
        const { lane = "failover" } = vm;
        const read = await readInstance(session, vm, { lane, instanceView: true }, signal);
        if (read.ok)
          return ok(instanceFactsOf(vm.nodeName, read.value, await sizes.dataDisksMaxOrGuess(read.value)));
        // By code: the text of a missing scale set or group names no VM.
        const { nodeName, uri: instanceUri } = vm;
        if (saysNotThere(read.failure)) return fail({ kind: "InstanceNotFound", nodeName });
        return saysNoGroup(read.failure)
          ? fail({ kind: "InstanceUnknown", nodeName, instanceUri, problem: "its resource group is gone" })
          : fail(toFailure(read.failure, { nodeName }));
      },
    ),
    powerOff: methodOn(({ node }) => vmOf(place, node), powerOff.bind(undefined, session)),
    dataDisksMax: (vm) => sizes.listedDataDisksMax(vm),
    budget: () => budget.states(),
    drained: () => queues.drained(),
  };
}
