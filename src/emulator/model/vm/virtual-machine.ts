import { type Json, type JsonObject, listAt, objectAt, textAt, withoutMembers } from "../api/json.ts";
import { isoTime } from "../api/resource/iso-time.ts";
import { withoutSecrets } from "../api/resource/secrets.ts";
import type { DiskControllerType } from "../data-plane-port.ts";
import type { DiskSkuName } from "../disk/disk-sku.ts";
import type { Performance } from "../disk/disk-tier.ts";
import type { DiskSpec, ProvisioningState } from "../disk/disk.ts";
import { osDiskId, renderOsDisk } from "./os-disk/render-os-disk.ts";
import type { VmSize } from "./vm-sizes.ts";

export type PowerState =
  | "creating"
  | "starting"
  | "running"
  | "stopping"
  | "stopped"
  | "deallocating"
  | "deallocated"
  /** Azure can't tell. Only a test makes it so. */
  | "unknown";

/**
 * The progress of a data disk. A `Detaching` disk stays in the list with `toBeDetached` until it is off. An
 * `AttachFailed` disk stays in the list without being attached: the next write of the VM tries again.
 */
type DataDiskPhase = "Attaching" | "Attached" | "AttachFailed" | "Detaching" | "DetachFailed";

export type Caching = "None" | "ReadOnly" | "ReadWrite";

export interface DataDisk {
  readonly lun: number;
  readonly name: string;
  readonly diskId: string;
  /** How its disk came: it existed, or the VM's write makes it. It stays as long as the entry. */
  readonly createOption: "Attach" | "Empty";
  /** The disk that is still to be made with the entry. */
  readonly makes?: DiskSpec;
  /** The SKU that its existing disk is still to get with the attach. */
  readonly becomes?: DiskSkuName;
  readonly caching: Caching;
  /** Shown once a write has stated it: recorded. */
  readonly writeAcceleratorEnabled: boolean | undefined;
  readonly deleteOption: string;
  readonly diskEncryptionSetId?: string;
  readonly phase: DataDiskPhase;
  /** The detach does not wait for the guest. */
  readonly forced: boolean;
}

/** What an instance of a uniform scale set has beside the properties of a VM. */
export interface ScaleSetInstance {
  readonly scaleSet: string;
  readonly instanceId: string;
  /** Whether it was made, or upgraded, with the scale set's present model. */
  readonly latestModelApplied: boolean;
}

export interface VirtualMachine {
  readonly id: string;
  /** Of an instance of a uniform scale set: `<scale set>_<instance id>`. */
  readonly name: string;
  readonly instance?: ScaleSetInstance;
  readonly subscriptionId: string;
  readonly resourceGroup: string;
  readonly location: string;
  readonly zones: readonly string[];
  readonly tags: Readonly<Record<string, string>> | undefined;
  /** `properties.vmId`: it changes when the VM has been deleted and recreated under its name. */
  readonly vmGuid: string;
  readonly size: VmSize;
  readonly controllerType: DiskControllerType;
  readonly ultraSsdEnabled: boolean;
  readonly availabilitySetId?: string;
  /** Its number in its availability set or flexible scale set, which decides its fault domain. */
  readonly domainNumber?: number;
  /**
   * Properties that are stored and returned, but have no effect here: image, OS disk, OS profile, network …
   */
  readonly other: JsonObject;
  /** The same beside its properties: its identity, its plan … */
  readonly members: JsonObject;
  /** The OS disk that is still to be made with the VM. */
  readonly osDiskToMake?: DiskSpec;
  readonly dataDisks: readonly DataDisk[];
  readonly power: PowerState;
  /** Whether memory was saved when the VM was deallocated. */
  readonly hibernated: boolean;
  /** Whether the guest responds. A hung guest can't take part in a regular detach. */
  readonly guestResponsive: boolean;
  /** Whether the guest's agent reports. A VM that the network cuts off continues to run and to write. */
  readonly agentReachable: boolean;
  readonly provisioningState: ProvisioningState;
  readonly etag: number;
  readonly operationId?: string;
  /** The body of the PUT that is creating it, to recognise its repetition. */
  readonly pendingBody?: Json;
  readonly createdAtMs: number;
  /** When its last write ended; absent until the first has. */
  readonly settledAtMs?: number;
}

/** The ETag as sent, quotes included. */
export function etagText(vm: Pick<VirtualMachine, "etag">): string {
  return `"${vm.etag}"`;
}

/** The properties of the disk itself that the rendering of a data disk needs. */
export interface DataDiskFacts {
  readonly sizeGiB: number;
  readonly storageAccountType: string;
  /** Of an Ultra disk or a Premium SSD v2. */
  readonly performance?: Performance;
}

export type DiskFactsLookup = (diskId: string) => DataDiskFacts | undefined;

/** Parts of a scale set's model that govern its uniform instances, but are not among their properties. */
const OF_THE_MODEL_ONLY = [
  "applicationProfile",
  "billingProfile",
  "capacityReservation",
  "evictionPolicy",
  "priority",
  "scheduledEventsProfile",
];

/** What a GET returns on request only. */
export interface Expanded {
  readonly instanceView?: JsonObject;
  readonly userData?: boolean;
}

/** The resource as GET answers it. */
export function renderVirtualMachine(
  vm: VirtualMachine,
  diskFacts: DiskFactsLookup,
  { instanceView, userData = false }: Expanded = {},
): JsonObject {
  const hidden = [...(vm.instance === undefined ? [] : OF_THE_MODEL_ONLY), ...(userData ? [] : ["userData"])];
  return {
    name: vm.name,
    id: vm.id,
    type:
      vm.instance === undefined
        ? "Microsoft.Compute/virtualMachines"
        : "Microsoft.Compute/virtualMachineScaleSets/virtualMachines",
    location: vm.location,
    tags: vm.tags,
    ...(vm.zones.length > 0 ? { zones: vm.zones } : {}),
    ...vm.members,
    ...(vm.instance === undefined
      ? {}
      : { instanceId: vm.instance.instanceId, sku: { name: vm.size.name, tier: "Standard" } }),
    properties: {
      ...withoutMembers(withoutSecrets(vm.other), hidden),
      ...networkProfileOf(vm),
      hardwareProfile: { ...objectAt(vm.other, "hardwareProfile"), vmSize: vm.size.name },
      ...(vm.instance === undefined
        ? {}
        : {
            latestModelApplied: vm.instance.latestModelApplied,
            modelDefinitionApplied: modelDefinitionOf(vm),
            resilientVMDeletionStatus: "Disabled",
          }),
      provisioningState: vm.provisioningState,
      vmId: vm.vmGuid,
      ...(vm.availabilitySetId === undefined ? {} : { availabilitySet: { id: vm.availabilitySetId } }),
      ...(vm.ultraSsdEnabled
        ? {
            additionalCapabilities: {
              ...objectAt(vm.other, "additionalCapabilities"),
              ultraSSDEnabled: true,
            },
          }
        : {}),
      storageProfile: renderStorageProfile(vm, diskFacts),
      timeCreated: isoTime(vm.createdAtMs),
      ...(instanceView === undefined ? {} : { instanceView }),
    },
    etag: etagText(vm),
  };
}

/**
 * Whose model an instance follows. Inferred: its own for as long as it has a disk that its scale set's model
 * lacks.
 */
function modelDefinitionOf({ dataDisks }: VirtualMachine): string {
  const isOwn = dataDisks.some(({ createOption }) => createOption === "Attach");
  return isOwn ? "VirtualMachine" : "VirtualMachineScaleSet";
}

/**
 * The interfaces of an instance are below it, and named as in the model
 * (VirtualMachineScaleSetVMs_Get_WithUserData of the description).
 */
function networkProfileOf({ id, instance, other }: VirtualMachine): JsonObject {
  const configurations = listAt(other, "networkProfileConfiguration", "networkInterfaceConfigurations");
  if (instance === undefined || configurations === undefined) return {};
  return {
    networkProfile: {
      ...objectAt(other, "networkProfile"),
      networkInterfaces: configurations.map((configuration) => ({
        id: `${id}/networkInterfaces/${textAt(configuration, "name") ?? ""}`,
      })),
    },
  };
}

/**
 * A VM's disks, and its image. While it is deallocated, it names neither size nor SKU of its disks, which may
 * change: that is by design, as Azure's engineers say of the SKU (azure-powershell#13213). That the size is
 * missing too is seen in rubrik-sizing-scripts#72.
 */
export function renderStorageProfile(vm: VirtualMachine, diskFacts: DiskFactsLookup): JsonObject {
  const factsOf: DiskFactsLookup = (diskId) => (vm.power === "deallocated" ? undefined : diskFacts(diskId));
  return {
    ...objectAt(vm.other, "storageProfile"),
    ...renderOsDisk(vm, factsOf(osDiskId(vm) ?? "")),
    dataDisks: vm.dataDisks.map((entry) => ({
      ...renderDataDisk(entry, factsOf(entry.diskId)),
      ...(vm.instance === undefined ? {} : renderPerformance(entry, factsOf(entry.diskId))),
    })),
    diskControllerType: vm.controllerType,
  };
}

function renderDataDisk(entry: DataDisk, facts: DataDiskFacts | undefined): JsonObject {
  const { makes } = entry;
  const shown = makes === undefined ? facts : { sizeGiB: makes.sizeGiB, storageAccountType: makes.sku.name };
  return {
    lun: entry.lun,
    name: entry.name,
    createOption: entry.createOption,
    caching: entry.caching,
    writeAcceleratorEnabled: entry.writeAcceleratorEnabled,
    managedDisk: {
      ...(shown === undefined ? {} : { storageAccountType: entry.becomes ?? shown.storageAccountType }),
      ...(entry.diskEncryptionSetId === undefined
        ? {}
        : { diskEncryptionSet: { id: entry.diskEncryptionSetId } }),
      ...(makes === undefined ? { id: entry.diskId } : {}),
    },
    deleteOption: entry.deleteOption,
    ...(shown === undefined ? {} : { diskSizeGB: shown.sizeGiB }),
    toBeDetached: isLeaving(entry),
    ...(entry.forced && isLeaving(entry) ? { detachOption: "ForceDetach" } : {}),
  };
}

/** Azure's description: returned of the disks of a scale set's instances only. */
function renderPerformance({ makes }: DataDisk, facts: DataDiskFacts | undefined): JsonObject {
  const performance = makes?.performance ?? facts?.performance;
  return performance === undefined
    ? {}
    : { diskIOPSReadWrite: performance.iops, diskMBpsReadWrite: performance.mbps };
}

/** Whether the agent reports, so that it can be asked to run something. */
export function isAgentReady(vm: VirtualMachine): boolean {
  return vm.power === "running" && vm.guestResponsive && vm.agentReachable;
}

/** Whether an entry is being detached, or its detach failed. */
export function isLeaving(entry: DataDisk): boolean {
  return entry.phase === "Detaching" || entry.phase === "DetachFailed";
}
