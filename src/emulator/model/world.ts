import type { Journal } from "./api/journal.ts";
import type { Json, JsonObject } from "./api/json.ts";
import { type GroupAddress, groupKey, keyOf, type NamedAddress } from "./api/resource/resource-id.ts";
import type { Disk } from "./disk/disk.ts";
import type { Snapshot } from "./disk/snapshot/snapshot.ts";
import type { LinkedResource } from "./linked/linked-resource.ts";
import type { FaultRule } from "./pace/fault-rule.ts";
import type { Faults } from "./pace/faults.ts";
import type { Operation } from "./pace/operation.ts";
import type { SeededRandom } from "./pace/random.ts";
import type { Buckets } from "./pace/throttle.ts";
import type { ScaleSetSetUp } from "./scale-set/scale-set-set-up.ts";
import type { ScaleSet } from "./scale-set/scale-set.ts";
import type { ScheduledEvent } from "./scheduled-events/scheduled-event.ts";
import type { ModelSettings } from "./settings.ts";
import type { VirtualMachine } from "./vm/virtual-machine.ts";
import type { VmSetUp } from "./vm/vm-set-up.ts";

export interface ResourceGroup {
  readonly subscriptionId: string;
  readonly name: string;
  readonly location: string;
  /** Undefined until a write states them. */
  readonly tags: Readonly<Record<string, string>> | undefined;
  readonly managedBy?: string;
  readonly deletion?: string;
}

export interface AvailabilitySet extends NamedAddress {
  readonly id: string;
  readonly location: string;
  readonly tags: Readonly<Record<string, string>> | undefined;
  readonly skuName: string;
  readonly faultDomains: number;
  readonly updateDomains: number;
  /** Further properties that are stored and returned, but have no effect here. */
  readonly other: JsonObject;
}

/**
 * The whole state of the emulated cloud at one moment. Resources are replaced, never changed in place. Maps
 * are keyed by lower-case ids.
 */
export interface World {
  /** When it began; a replay begins at the same time. */
  readonly startedAtMs: number;
  nowMs: number;
  settings: ModelSettings;
  readonly random: SeededRandom;
  /** The ids of the subscriptions of the set-up. */
  readonly subscriptions: Map<string, string>;
  readonly resourceGroups: Map<string, ResourceGroup>;
  readonly disks: Map<string, Disk>;
  readonly snapshots: Map<string, Snapshot>;
  readonly availabilitySets: Map<string, AvailabilitySet>;
  readonly virtualMachines: Map<string, VirtualMachine>;
  readonly scaleSets: Map<string, ScaleSet>;
  /** By id; those that have ended too. */
  readonly scheduledEvents: Map<string, ScheduledEvent>;
  /** When each VM's guest last asked for its events, by the VM's GUID. */
  readonly listeners: Map<string, number>;
  /** Disk encryption sets and disk accesses. */
  readonly linkedResources: Map<string, LinkedResource>;
  readonly operations: Map<string, Operation>;
  /** Operations that have not ended, in the order in which they started. */
  readonly running: Set<string>;
  /** Operations that are due and wait for the data plane. */
  readonly awaitingDataPlane: string[];
  /** The caller whose call is being answered; undefined between calls. */
  caller: string | undefined;
  /** Whether a data plane carries out effects; without one, an operation ends as soon as it is due. */
  readonly hasDataPlane: boolean;
  /** Whether scripts can be run in VMs; if not, no agent reports. */
  readonly hasGuests: boolean;
  readonly faults: Faults;
  readonly journal: Journal;
  /** Calls left, by policy and resource. */
  readonly buckets: Buckets;
  /** The last fresh answers of reads that a fault may make stale, by path. */
  readonly lastReads: Map<string, Json>;
  /** The initial state, also after a reset. */
  readonly initial: WorldSetUp;
}

/** Initial resource groups, VMs and scale sets. */
export interface WorldSetUp {
  /** Initial fault rules, also after a reset. */
  readonly faults?: readonly FaultRule[];
  readonly resourceGroups?: readonly {
    readonly subscriptionId: string;
    readonly name: string;
    readonly location: string;
  }[];
  readonly virtualMachines?: readonly VmSetUp[];
  /** Before the virtual machines, which may be their instances. */
  readonly scaleSets?: readonly ScaleSetSetUp[];
}

export function createWorld(
  options: Pick<
    World,
    "settings" | "random" | "nowMs" | "hasDataPlane" | "hasGuests" | "faults" | "journal" | "initial"
  >,
): World {
  return {
    ...options,
    startedAtMs: options.nowMs,
    subscriptions: new Map(),
    resourceGroups: new Map(),
    disks: new Map(),
    snapshots: new Map(),
    availabilitySets: new Map(),
    virtualMachines: new Map(),
    scaleSets: new Map(),
    scheduledEvents: new Map(),
    listeners: new Map(),
    linkedResources: new Map(),
    operations: new Map(),
    running: new Set(),
    caller: undefined,
    awaitingDataPlane: [],
    buckets: new Map(),
    lastReads: new Map(),
  };
}

/** The prefix of the keys of `lastReads` for one caller's reads of a VM. */
export function vmReadsKey(caller: string, vmId: string): string {
  return `${caller} ${keyOf(vmId)} `;
}

/** Drops what a caller has read of a resource, so that its next read is fresh. */
export function forgetReads(world: World, caller: string, resourceId: string): void {
  const prefix = vmReadsKey(caller, resourceId);
  for (const key of world.lastReads.keys()) if (key.startsWith(prefix)) world.lastReads.delete(key);
}

export function findDisk(world: World, id: string): Disk | undefined {
  return world.disks.get(keyOf(id));
}

export function putDisk(world: World, disk: Disk): Disk {
  world.disks.set(keyOf(disk.id), disk);
  return disk;
}

/** Replaces a disk by the result of `change`. A disk that is gone stays gone. */
export function updateDisk(world: World, id: string, change: (disk: Disk) => Disk): void {
  const disk = findDisk(world, id);
  if (disk !== undefined) putDisk(world, change(disk));
}

export function findSnapshot(world: World, id: string): Snapshot | undefined {
  return world.snapshots.get(keyOf(id));
}

export function putSnapshot(world: World, snapshot: Snapshot): Snapshot {
  world.snapshots.set(keyOf(snapshot.id), snapshot);
  return snapshot;
}

export function findVm(world: World, id: string): VirtualMachine | undefined {
  return world.virtualMachines.get(keyOf(id));
}

export function putVm(world: World, vm: VirtualMachine): VirtualMachine {
  world.virtualMachines.set(keyOf(vm.id), vm);
  return vm;
}

export function findScaleSet(world: World, id: string): ScaleSet | undefined {
  return world.scaleSets.get(keyOf(id));
}

export function putScaleSet(world: World, set: ScaleSet): ScaleSet {
  world.scaleSets.set(keyOf(set.id), set);
  return set;
}

export function findResourceGroup(world: World, group: GroupAddress): ResourceGroup | undefined {
  return world.resourceGroups.get(groupKey(group));
}

/** Whether calls find the group; with `createResourceGroups` every group exists, even an empty one. */
export function hasResourceGroup(world: World, group: GroupAddress): boolean {
  return world.settings.createResourceGroups || findResourceGroup(world, group) !== undefined;
}

/** Makes the group into which a write puts a resource: with `createResourceGroups` it need not exist. */
export function ensureResourceGroup(world: World, group: GroupAddress, location: string): void {
  if (findResourceGroup(world, group) !== undefined) return;
  const { subscriptionId, resourceGroup: name } = group;
  putResourceGroup(world, { subscriptionId, name, location, tags: undefined });
}

export function putResourceGroup(world: World, group: ResourceGroup): ResourceGroup {
  world.resourceGroups.set(
    groupKey({ subscriptionId: group.subscriptionId, resourceGroup: group.name }),
    group,
  );
  return group;
}

/** The same record without one of its optional members. */
export function without<T extends object, K extends keyof T>(record: T, member: K): Omit<T, K> {
  const { [member]: _removed, ...rest } = record;
  return rest;
}

/** The location in its compared form: "East US" and "eastus" are one. */
export function normalLocation(location: string): string {
  return location.replaceAll(" ", "").toLowerCase();
}
