import { invariant } from "../../src/core/failure/invariant.ts";
import type { ArmAnswer, ArmRequest } from "../../src/emulator/model/api/arm-message.ts";
import type { ComputeModel } from "../../src/emulator/model/compute-model.ts";
import type { VirtualMachine } from "../../src/emulator/model/vm/virtual-machine.ts";
import type { VmEvent } from "../../src/emulator/model/vm/vm-set-up.ts";
import { findVm } from "../../src/emulator/model/world.ts";
import type { Clock } from "../../src/ports/clock.ts";
import type { InstanceMetadata } from "../../src/ports/cloud/instance-metadata.ts";
import type { Random } from "../../src/ports/random.ts";
import type { Agenda } from "../agenda.ts";
import { OUTSIDER } from "../history/vm-changes.ts";
import type { Trace } from "../trace.ts";
import type { AzureRegion } from "./create-azure-region.ts";
import type { RunMachine } from "./create-sim-machine.ts";
import { createMachineMishaps } from "./machine-mishaps.ts";
import { createNodeInstances } from "./node-instances.ts";
import { createOutsiders } from "./outsiders.ts";
import type { DiskEvent, SimAzure } from "./sim-azure.ts";
import type { SimMachine } from "./sim-machine.ts";
import { azurePlace, type InstanceKind, scaleSetNameOf } from "./vm-names.ts";
import { createInstanceMetadata } from "./wire/instance-metadata.ts";
import { createSimWire } from "./wire/sim-wire.ts";

/** A size with eight data disks. */
const VM_SIZE = "Standard_D4s_v5";
/** From the deletion of a VM to the next one of its name. */
const RECREATE_MS = [1_000, 20_000] as const;

/** The parts of one cluster's share of Azure. */
export interface SimAzureOptions {
  readonly region: AzureRegion;
  /**
   * Distinguishes its VMs and callers from those of another cluster: lower-case letters. Default: the
   * first cluster's.
   */
  readonly prefix?: string | undefined;
  readonly clock: Clock;
  readonly random: (name: string) => Random;
  readonly trace: Trace;
  readonly agenda: Agenda;
  readonly nodes: readonly {
    readonly name: string;
    readonly zone: string;
    /** Default: a VM of its own. */
    readonly instance?: InstanceKind;
  }[];
  /** Of all its VMs. Default: a size with eight data disks. */
  readonly vmSize?: string | undefined;
}

/** Azure as one cluster has it, with a VM for each of its nodes. */
export function createSimAzure(options: SimAzureOptions): SimAzure {
  const { region, prefix, clock, trace, agenda } = options;
  const { model } = region;
  const clusterName = prefix ?? "";
  const chance = options.random("azure");
  const zones = new Map(options.nodes.map(({ name, zone }) => [name, zone]));
  /** A node that is added in the place of another has its name and more, and is of its kind. */
  const kindOf = (nodeName: string): InstanceKind =>
    options.nodes.find(({ name }) => nodeName.startsWith(name))?.instance ?? "vm";
  const instances = createNodeInstances(prefix, kindOf);
  /** The cluster's machines by the resource ids of their VMs: several may have had one node's name. */
  const machines = new Map<string, RunMachine>();
  /** Resource ids of VMs. */
  const recreating = new Set<string>();
  const machineListeners: ((machine: SimMachine) => void)[] = [];
  const diskListeners: ((event: DiskEvent) => void)[] = [];

  const machineOf = (nodeName: string): RunMachine | undefined => region.machineAt(instances.uriOf(nodeName));
  const between = ([least, most]: readonly [number, number]): number =>
    least + chance.next() * (most - least);
  const vmOf = (nodeName: string): VirtualMachine | undefined =>
    findVm(model.world, instances.uriOf(nodeName));

  function metadataOf({ instanceUri, vmGuid }: SimMachine): InstanceMetadata | undefined {
    const vm = findVm(model.world, instanceUri);
    if (vm?.vmGuid !== vmGuid) return undefined;
    return {
      vmId: vmGuid,
      resourceId: vm.id,
      location: vm.location,
      zone: vm.zones[0] ?? "",
      vmSize: vm.size.name,
      dataDisks: vm.dataDisks
        .filter(({ phase }) => phase === "Attached")
        .map(({ diskId, lun }) => ({ diskUri: diskId, lun })),
    };
  }

  function addVm(nodeName: string): SimMachine {
    const instanceUri = instances.uriOf(nodeName);
    const machine = region.addVm(
      {
        place: instances.placeOf(nodeName),
        ...(kindOf(nodeName) === "flex" ? { flexibleSet: scaleSetNameOf("flex", prefix) } : {}),
        size: options.vmSize ?? VM_SIZE,
        zone: zones.get(nodeName) ?? "",
      },
      { nodeName, clusterName, trace, onGone: () => forget(instanceUri, nodeName) },
    );
    machines.set(instanceUri, machine);
    for (const listener of machineListeners) listener(machine);
    return machine;
  }

  function forget(instanceUri: string, nodeName: string): void {
    machines.delete(instanceUri);
    if (recreating.delete(instanceUri))
      agenda.after(between(RECREATE_MS), () => {
        // Its kubelet may have another name by now.
        const present = instances.nodeNameAt(instanceUri) ?? nodeName;
        if (machineOf(present) === undefined) addVm(present);
      });
  }

  function strike(nodeName: string, event: VmEvent): void {
    // An operation that is due at this moment ends first, and may replace the VM.
    region.advance();
    const vm = vmOf(nodeName);
    if (vm === undefined) return;
    trace.note(nodeName, `is struck by ${event}`);
    region.strike(vm, event);
  }

  const callerOf = (name: string): string =>
    prefix === undefined || name === OUTSIDER ? name : `${prefix}/${name}`;
  const handle = (request: ArmRequest): ArmAnswer =>
    region.handle(
      prefix === undefined ? request : { ...request, caller: callerOf(request.caller ?? "") },
      clusterName,
    );
  const wire = createSimWire({
    handle,
    subscriptionId: azurePlace.subscriptionId,
    nodeNameAt: instances.nodeNameAt,
    instanceUriOf: instances.uriOf,
    clock,
    random: options.random("azure-wire"),
  });
  const outsiders = createOutsiders({ handle, instanceUriOf: instances.uriOf, machineOf, vmOf, agenda });
  const mishaps = createMachineMishaps({ machineOf, vmOf, strike, agenda, random: chance });

  region.onDiskEvent((event) => {
    if (region.concerns(event, clusterName)) for (const listener of diskListeners) listener(event);
  });
  for (const { name } of options.nodes) addVm(name);

  return {
    model,
    place: azurePlace,
    journal: callsOf(
      model.journal,
      (caller) => caller === callerOf(caller.slice(caller.lastIndexOf("/") + 1)),
    ),
    isOthers: (resourceUri, sequence) => region.isOthers(resourceUri, clusterName, sequence),
    isMadeByHand: region.isMadeByHand,
    vmOf,
    instanceUriOf: instances.uriOf,
    nodeNameAt: instances.nodeNameAt,
    machineOf,
    machines: () => [...machines.values()].filter((machine) => machineOf(machine.nodeName) === machine),
    onMachine: (listener) => machineListeners.push(listener),
    ...wire,
    metadataOf,
    ...createInstanceMetadata(metadataOf, machineOf),
    diskOf: region.diskOf,
    isCopy: region.isCopy,
    whyUnfrozen: region.whyUnfrozen,
    onDiskEvent: (listener) => diskListeners.push(listener),
    addVm: (nodeName, zone) => {
      zones.set(nodeName, zone);
      return machineOf(nodeName) ?? addVm(nodeName);
    },
    ...mishaps,
    ...outsiders,
    recreateVm: (nodeName) => {
      // A second call while this is under way would delete the new VM without creating another.
      const instanceUri = instances.uriOf(nodeName);
      if (recreating.has(instanceUri)) return;
      recreating.add(instanceUri);
      outsiders.deleteVm(nodeName);
    },
    reuseInstance: (nodeName, next) => {
      invariant(machineOf(nodeName) === undefined, `the VM of ${nodeName} still has its resource id`);
      instances.reuse(nodeName, next);
    },
    renameNode: (nodeName, next) => {
      const machine = machineOf(nodeName);
      invariant(machine !== undefined, `${nodeName} has no machine`);
      invariant(machineOf(next) === undefined, `there is a machine of ${next}`);
      zones.set(next, zones.get(nodeName) ?? "");
      instances.reuse(nodeName, next);
      machine.rename(next);
      trace.note(next, `is the name of ${nodeName} from now on`);
      for (const listener of machineListeners) listener(machine);
    },
    moveName: (nodeName, { isShared = false } = {}) => {
      const earlier = machineOf(nodeName);
      invariant(
        isShared || earlier?.state() !== "running",
        `the VM of ${nodeName} has to be stopped or frozen before another one takes its name`,
      );
      instances.moveName(nodeName);
      addVm(nodeName);
    },
  };
}

/** The journal's calls from certain callers, and those without a known caller. */
function callsOf(journal: ComputeModel["journal"], isOwn: (caller: string) => boolean): SimAzure["journal"] {
  return {
    since: (sequence) => {
      for (
        let entries = journal.since(sequence);
        ;
        entries = journal.since(entries.at(-1)?.sequence ?? sequence)
      ) {
        const own = entries.filter(({ caller }) => caller === undefined || isOwn(caller));
        if (own.length > 0 || entries.length === 0) return own;
      }
    },
  };
}
