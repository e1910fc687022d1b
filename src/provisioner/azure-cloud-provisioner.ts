import type { NodeIdentity } from "../core/api/node-identity.ts";
import type { Failure } from "../core/failure/failure.ts";
import { type Result, fail, ok } from "../core/failure/result.ts";
import type { Clock } from "../ports/clock.ts";
import type { CallBudgetState } from "../ports/cloud/call-budget.ts";
import type { CloudProvisioner } from "../ports/cloud/cloud-provisioner.ts";
import type { EtagWriteMemory } from "../ports/cloud/etag-write-memory.ts";
import type { Random } from "../ports/random.ts";
import type { ArmApi, ArmDisk } from "./arm/arm-api.ts";
import { createArmSession } from "./arm/arm-session.ts";
import { toFailure } from "./arm/error-table.ts";
import { ThrottleBudget } from "./arm/throttle-budget.ts";
import {
  type AttachmentContext,
  attachDisk,
  detachDisk,
  fenceDisk,
  proveDetached,
  writeBarrier,
} from "./attachments.ts";
import { BoundedCache } from "./bounded-cache.ts";
import { diskFactsOf } from "./disk/disk-facts.ts";
import { diskIdOf, readDisk } from "./disk/disk-owners.ts";
import {
  type DiskPlace,
  type DiskTarget,
  createDisk,
  deleteDisk,
  listDisks,
  resizeDisk,
  tagDisk,
} from "./disk/disks.ts";
import { KeyedMutex } from "./keyed-mutex.ts";
import { type ProvisionerSettings, defaultProvisionerSettings } from "./settings.ts";
import { EtagWrites } from "./vm/etag-writes.ts";
import { instanceFactsOf } from "./vm/instance-facts.ts";
import { proveVanished } from "./vm/prove-vanished.ts";
import { resolveInstance } from "./vm/resolve-instance.ts";
import { SharedVmReads } from "./vm/shared-vm-reads.ts";
import { VmQueues } from "./vm/vm-queues.ts";
import { VmSizes } from "./vm/vm-sizes.ts";
import { readInstance, type VmTarget } from "./vm/vm-update.ts";

/** What the Azure half of the provisioner library needs. */
export interface AzureCloudProvisionerOptions {
  readonly arm: ArmApi;
  readonly clock: Clock;
  readonly random: Random;
  /**
   * The cluster's subscription, resource group and location: for disks that name no other place. VMs
   * are looked up by their own resource ids.
   */
  readonly place: DiskPlace;
  /**
   * Ends all work at shutdown. An operation that Azure has accepted continues; the next instance finds
   * it.
   */
  readonly lifetime: AbortSignal;
  /** Differences from the settings for Azure, for emulators. */
  readonly settings?: Partial<ProvisionerSettings>;
  /**
   * The correlation id of the call under way, sent as `x-ms-client-request-id`. Without one, each call gets
   * a fresh id.
   */
  readonly correlationId?: () => string | undefined;
  /** Remembers which writes move a VM's ETag. Default: for as long as the process lives. */
  readonly etagWrites?: EtagWriteMemory;
}

/** The provisioner and its end: work that callers no longer wait for continues until `drained`. */
export interface AzureCloudProvisioner extends CloudProvisioner {
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
    clientRequestId: options.correlationId ?? (() => undefined),
  });
  const sizes = new VmSizes(session, lifetime);
  const vmReads = new SharedVmReads(session, lifetime);
  const queues = new VmQueues({
    session,
    place,
    vmReads,
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

  return {
    createDisk: (request, signal) =>
      cancellable(signal, () => createDisk({ session, disks }, place, request, signal)),
    deleteDisk: (request, signal) =>
      cancellable(signal, () =>
        onDisk(place, request.diskUri, (disk) =>
          deleteDisk({ session, disks }, { ...request, ...disk }, signal),
        ),
      ),
    resizeDisk: (request, signal) =>
      cancellable(signal, () =>
        onDisk(place, request.diskUri, (disk) =>
          resizeDisk({ session, disks }, { ...request, ...disk }, signal),
        ),
      ),
    tagDisk: (request, signal) =>
      cancellable(signal, () =>
        onDisk(place, request.diskUri, (disk) =>
          tagDisk({ session, disks }, { ...request, ...disk }, signal),
        ),
      ),
    getDisk: (request, signal) =>
      cancellable(signal, () =>
        onDisk(place, request.diskUri, async () => {
          const read = await readDisk(session, { diskUri: request.diskUri, lane: "primaryAttach" }, signal);
          return read.ok ? ok(diskFactsOf(read.value)) : fail(toFailure(read.failure, request));
        }),
      ),
    listDisks: ({ resourceGroup = place.resourceGroup }, signal) =>
      cancellable(signal, () =>
        listDisks(session, { subscriptionId: place.subscriptionId, resourceGroup }, signal),
      ),
    attachDisk: (request, signal) =>
      cancellable(signal, () =>
        onVm(place, request, (vm) => attachDisk(attachments, { ...request, vm }, signal)),
      ),
    detachDisk: (request, signal) =>
      cancellable(signal, () =>
        onVm(place, request, (vm) => detachDisk(attachments, { ...request, vm }, signal)),
      ),
    fenceDisk: (request, signal) =>
      cancellable(signal, () =>
        onVm(place, request, (vm) => fenceDisk(attachments, { ...request, vm }, signal)),
      ),
    proveDetached: (request, signal) =>
      cancellable(signal, () =>
        onVm(place, request, (vm) => proveDetached(attachments, { ...request, vm }, signal)),
      ),
    writeBarrier: (request, signal) =>
      cancellable(signal, () =>
        onVm(place, request, (vm) => writeBarrier(attachments, { ...request, vm }, signal)),
      ),
    proveVanished: (request, signal) =>
      cancellable(signal, () =>
        onVm(place, request, (vm) =>
          proveVanished({ session, place, vmReads }, { ...request, vm, lane: "failover" }, signal),
        ),
      ),
    inspectInstance: ({ nodeName, instanceUri }, signal) =>
      cancellable(signal, async () => {
        const vm = resolveInstance(place, { nodeName, instanceUri });
        if (!vm.ok) return vm;
        const read = await readInstance(session, vm.value, { lane: "failover", instanceView: true }, signal);
        return read.ok
          ? ok(instanceFactsOf(nodeName, read.value, await sizes.dataDisksMaxOrGuess(read.value)))
          : fail(toFailure(read.failure, { nodeName }));
      }),
    budget: () => budget.states(),
    drained: () => queues.drained(),
  };
}

/** Waiting ends with the caller's signal by a rejection; the port reports `Cancelled`. */
async function cancellable<T>(
  signal: AbortSignal,
  work: () => Promise<Result<T, Failure>>,
): Promise<Result<T, Failure>> {
  if (signal.aborted) return fail({ kind: "Cancelled" });
  try {
    return await work();
  } catch (reason) {
    if (signal.aborted && reason === signal.reason) return fail({ kind: "Cancelled" });
    throw reason;
  }
}

/**
 * Refuses ids other than a managed disk's, and other subscriptions, before ARM sees them: the disk of
 * that group and name here would be another one.
 */
async function onDisk<T>(
  place: DiskPlace,
  diskUri: string,
  work: (disk: DiskTarget) => Promise<Result<T, Failure>>,
): Promise<Result<T, Failure>> {
  const id = diskIdOf(diskUri);
  const refuse = (problem: string): Result<never, Failure> =>
    fail({ kind: "InvalidArgument", field: "diskUri", value: diskUri, problem });
  if (id === undefined)
    return refuse(
      "is not the id of a managed disk: /subscriptions/…/resourceGroups/…/providers/Microsoft.Compute/disks/…",
    );
  if (id.subscriptionId.toLowerCase() !== place.subscriptionId.toLowerCase())
    return refuse(
      `is in subscription ${id.subscriptionId}; this driver serves only disks of subscription ${place.subscriptionId}`,
    );
  return work({ id, diskUri });
}

/** Also finds the VM, and refuses a node without vmId: every VM would seem to differ from it. */
async function onVm<T>(
  place: DiskPlace,
  request: { readonly diskUri: string; readonly node: NodeIdentity },
  work: (vm: VmTarget) => Promise<Result<T, Failure>>,
): Promise<Result<T, Failure>> {
  const { nodeName, vmId } = request.node;
  if (vmId === "") {
    const problem = `node ${nodeName} has no vmId: names are reused, so a node is always its name and its VM's GUID`;
    return fail({ kind: "InvalidArgument", field: "node.vmId", value: "", problem });
  }
  const vm = resolveInstance(place, request.node);
  return vm.ok ? onDisk(place, request.diskUri, () => work(vm.value)) : vm;
}
