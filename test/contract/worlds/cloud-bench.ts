import assert from "node:assert/strict";
import type { NodeIdentity } from "../../../src/core/api/identity/node-identity.ts";
import type { Failure } from "../../../src/core/failure/failure.ts";
import type { Result } from "../../../src/core/failure/result.ts";
import { valueOf } from "../../../src/core/testing/value-of.ts";
import type { JournalEntry } from "../../../src/emulator/model/api/journal.ts";
import type { ComputeModel } from "../../../src/emulator/model/compute-model.ts";
import type { BackgroundCopy } from "../../../src/emulator/model/disk/copy/background-copy.ts";
import type { LatencyName } from "../../../src/emulator/model/pace/latency.ts";
import type { ScaleSetSetUp } from "../../../src/emulator/model/scale-set/scale-set-set-up.ts";
import { addVirtualMachine } from "../../../src/emulator/model/set-up.ts";
import { type VirtualMachine, etagText } from "../../../src/emulator/model/vm/virtual-machine.ts";
import { findVm } from "../../../src/emulator/model/world.ts";
import type { CreateDiskRequest } from "../../../src/ports/cloud/cloud-provisioner.ts";
import type { AzureCloudProvisioner } from "../../../src/provisioner/azure-cloud-provisioner.ts";

export const SUBSCRIPTION_ID = "00000000-0000-0000-0000-000000000001";
export const RESOURCE_GROUP = "rg";
export const LOCATION = "eastus";

/** A provisioner to test against the contract, and the cloud behind it as its owner sees it. */
export interface CloudUnderTest {
  readonly provisioner: AzureCloudProvisioner;
  readonly vms: VmKind;
  /** Another instance on the same cloud: a restarted controller, or a second leader. */
  readonly another: () => AzureCloudProvisioner;
  readonly model: ComputeModel;
  /** Lets time pass until `work` is done. */
  readonly run: <T>(work: Promise<T>) => Promise<T>;
  /** Lets time pass until `isReached`; throws if that takes too long. */
  readonly until: (isReached: () => boolean) => Promise<void>;
  readonly elapsedMs: () => number;
  readonly close: () => Promise<void>;
}

/** A kind of VMs on which the contract is tested: where they are, and how Azure names their operations. */
export interface VmKind {
  /** The ARM id of a node's VM, whose name is not the node's. */
  readonly uri: (nodeName: string) => string;
  /** The name of a node's VM. */
  readonly name: (nodeName: string) => string;
  /**
   * The name of an operation of theirs, such as `Update`, in Azure's API description; a pattern, as fault
   * rules take it, where their kinds differ.
   */
  readonly operation: (operation: string) => string;
  /** The HTTP method of an update. */
  readonly updateMethod: (nodeName: string) => "PATCH" | "PUT";
  /** Whether the driver may tag them. */
  readonly getsTags: (nodeName: string) => boolean;
  /** Their resource groups, which all exist. */
  readonly resourceGroups: readonly string[];
  /** The scale sets that there are, without instances. */
  readonly scaleSets: readonly Pick<ScaleSetSetUp, "name" | "orchestrationMode" | "resourceGroup">[];
  /** Where the emulator puts a node's VM; without a resource group, in `RESOURCE_GROUP`. */
  readonly place: (nodeName: string) => {
    readonly name: string;
    readonly resourceGroup?: string;
    readonly scaleSet?: string;
    readonly availabilitySet?: string;
  };
}

const COMPUTE = `/subscriptions/${SUBSCRIPTION_ID}/resourceGroups/${RESOURCE_GROUP}/providers/Microsoft.Compute`;

/** VMs of their own. */
export const singleVms: VmKind = {
  uri: (nodeName) => `${COMPUTE}/virtualMachines/vm-${nodeName}`,
  name: (nodeName) => `vm-${nodeName}`,
  operation: (operation) => `VirtualMachines_${operation}`,
  updateMethod: () => "PATCH",
  getsTags: () => true,
  resourceGroups: [RESOURCE_GROUP],
  scaleSets: [],
  place: (nodeName) => ({ name: `vm-${nodeName}` }),
};

/** The uniform scale set of `uniformInstances`. */
export const SCALE_SET = "aks-pool-vmss";

/** Instances of a uniform scale set, as ordinary node pools of AKS have them. */
export const uniformInstances: VmKind = {
  uri: (nodeName) =>
    `${COMPUTE}/virtualMachineScaleSets/${SCALE_SET}/virtualMachines/${instanceIdOf(nodeName)}`,
  name: (nodeName) => `${SCALE_SET}_${instanceIdOf(nodeName)}`,
  operation: (operation) => `VirtualMachineScaleSetVMs_${operation}`,
  updateMethod: () => "PUT",
  getsTags: () => false,
  resourceGroups: [RESOURCE_GROUP],
  scaleSets: [{ name: SCALE_SET, resourceGroup: RESOURCE_GROUP, orchestrationMode: "Uniform" }],
  place: (nodeName) => ({ scaleSet: SCALE_SET, name: instanceIdOf(nodeName) }),
};

/** The instance id of a node's VM: digits that no other node's name gives. */
export function instanceIdOf(nodeName: string): string {
  return nodeName.replaceAll(/./g, (character) => String(character.charCodeAt(0)));
}

/** The disk's ARM id. */
export function diskUri(name: string): string {
  return `/subscriptions/${SUBSCRIPTION_ID}/resourceGroups/${RESOURCE_GROUP}/providers/Microsoft.Compute/disks/${name}`;
}

/** Puts a running VM into the cloud, for a node of that name. */
export function addVm(
  cloud: CloudUnderTest,
  name: string,
  options: {
    readonly size?: string;
    readonly zone?: string;
    readonly tags?: Readonly<Record<string, string>>;
  } = {},
): NodeIdentity {
  const added = addVirtualMachine(cloud.model.world, {
    subscriptionId: SUBSCRIPTION_ID,
    resourceGroup: RESOURCE_GROUP,
    location: LOCATION,
    ...cloud.vms.place(name),
    ...options,
  });
  assert.equal(added.kind, "Added");
  return { nodeName: name, vmId: vmAt(cloud, name).vmGuid, instanceUri: cloud.vms.uri(name) };
}

/** A request for a disk; by default Premium_LRS of 64 GiB. */
export function aDiskRequest(changes: Partial<CreateDiskRequest> = {}): CreateDiskRequest {
  return {
    diskName: "pvc-1",
    resourceGroup: undefined,
    location: undefined,
    zone: undefined,
    skuName: "Premium_LRS",
    sizeGiB: 64,
    maxShares: 1,
    tags: {},
    precondition: mayAlways,
    ...changes,
  };
}

/** Creates a disk and answers its id. */
export async function addDisk(
  cloud: CloudUnderTest,
  diskName: string,
  changes: Partial<CreateDiskRequest> = {},
): Promise<string> {
  return valueOf(await cloud.run(cloud.provisioner.createDisk(aDiskRequest({ diskName, ...changes }), never)))
    .diskUri;
}

/** The VM as the cloud has it. */
export function vmAt(cloud: CloudUnderTest, name: string): VirtualMachine {
  const vm = findVm(cloud.model.world, cloud.vms.uri(name));
  assert.ok(vm !== undefined, `there is no VM ${name}`);
  return vm;
}

/** Name and LUN of each disk in the VM's list. */
export function disksOn(cloud: CloudUnderTest, name: string): readonly string[] {
  return vmAt(cloud, name).dataDisks.map((entry) => `${entry.name}@${entry.lun}`);
}

/** Another client changes the VM: only its ETag changes. */
export function changeFromOutside(
  cloud: CloudUnderTest,
  name: string,
  change: { readonly tags?: Readonly<Record<string, string>>; readonly ifMatch?: string } = {},
): number {
  return cloud.model.handle({
    method: cloud.vms.updateMethod(name),
    path: cloud.vms.uri(name),
    query: { "api-version": "2025-04-01" },
    ...(change.ifMatch === undefined ? {} : { ifMatch: change.ifMatch }),
    body: { tags: change.tags ?? { outside: String(cloud.model.world.nowMs) } },
  }).status;
}

/** Makes what begins from now on take that long on the cloud's clock. */
export function setLatency(cloud: CloudUnderTest, name: LatencyName, latencyMs: number): void {
  const { settings } = cloud.model.world;
  const latency = { medianMs: latencyMs, p99Ms: latencyMs };
  cloud.model.world.settings = { ...settings, latencies: { ...settings.latencies, [name]: latency } };
}

/**
 * Makes each attach take a minute of the cloud's time, so that something can happen in between on any
 * machine.
 */
export function slowDownAttaches(cloud: CloudUnderTest): void {
  setLatency(cloud, "attach", 60_000);
}

/**
 * Holds the work in the background that begins from now on: it stays at 0 % on any machine, until the test
 * ends it.
 */
export function holdBackgroundWork(
  cloud: CloudUnderTest,
  name: "snapshotBackgroundCopy" | "diskBackgroundCopy" | "diskConvert",
): void {
  // A hundred years, which are three months on the emulator's clock.
  setLatency(cloud, name, 3e12);
}

/** Work in the background as it is once it has ended, from the moment at which it began. */
export function ended({ startedAtMs }: BackgroundCopy): BackgroundCopy {
  return { startedAtMs: startedAtMs - 1, endsAtMs: startedAtMs };
}

/** The VM's ETag, as ARM shows it. */
export function etagOf(cloud: CloudUnderTest, name: string): string {
  return etagText(vmAt(cloud, name));
}

/** The number of calls of one operation so far. */
export function callsOf(cloud: CloudUnderTest, operation: string, path?: string): readonly JournalEntry[] {
  return cloud.model.journal
    .since(0)
    .filter(
      (entry) =>
        isOperation(entry, operation) &&
        (path === undefined || entry.path.toLowerCase() === path.toLowerCase()),
    );
}

/** Whether a call is of an operation, or of a pattern with `*` for any part. */
export function isOperation({ operation }: Pick<JournalEntry, "operation">, pattern: string): boolean {
  return new RegExp(`^${pattern.replaceAll("*", ".*")}$`, "u").test(operation);
}

/** Writes of VMs that were accepted. */
export function vmWrites(cloud: CloudUnderTest, vmName?: string): readonly JournalEntry[] {
  return callsOf(
    cloud,
    cloud.vms.operation("Update"),
    vmName === undefined ? undefined : cloud.vms.uri(vmName),
  ).filter((entry) => entry.status === 200);
}

export function failureOf(result: Result<unknown>): Failure {
  assert.ok(!result.ok, "expected a failure");
  return result.failure;
}

/** The facts of a failure, without Azure's request id. */
export function factsOf(failure: Failure): Failure {
  if (!("azure" in failure)) return failure;
  const { azure: _answer, ...facts } = failure;
  return facts;
}

/** A signal that is never aborted. */
export const never = new AbortController().signal;

/** A precondition that always holds. */
export const mayAlways = (): Promise<boolean> => Promise.resolve(true);
