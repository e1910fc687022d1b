import { invariant } from "../../src/core/invariant.ts";
import { gibToBytes } from "../../src/core/units.ts";
import type { ArmAnswer, ArmRequest } from "../../src/emulator/model/arm-message.ts";
import { createComputeModel } from "../../src/emulator/model/compute-model.ts";
import { addResourceGroup, addVirtualMachine } from "../../src/emulator/model/set-up.ts";
import type { ModelSettings } from "../../src/emulator/model/settings.ts";
import type { VirtualMachine } from "../../src/emulator/model/virtual-machine.ts";
import { strikeVm } from "../../src/emulator/model/vm-events.ts";
import type { VmEvent } from "../../src/emulator/model/vm-set-up.ts";
import { findVm, putDisk, putVm } from "../../src/emulator/model/world.ts";
import type { Clock } from "../../src/ports/clock.ts";
import type { Random } from "../../src/ports/random.ts";
import type { Agenda } from "../agenda.ts";
import type { Trace } from "../trace.ts";
import { type DeviceChange, type RunMachine, createSimMachine } from "./create-sim-machine.ts";
import { createMachineMishaps } from "./machine-mishaps.ts";
import { createOutsiders } from "./outsiders.ts";
import type { DiskEvent, SimAzure } from "./sim-azure.ts";
import { createSimDataPlane } from "./sim-data-plane.ts";
import type { SimMachine } from "./sim-machine.ts";
import { createSimWire } from "./sim-wire.ts";
import { createStrangers, isStranger, NEIGHBOUR } from "./strangers.ts";
import { azurePlace, instanceUriOf, nodeNameOfVm, vmNameOf } from "./vm-names.ts";

/** Takes eight data disks. */
const VM_SIZE = "Standard_D4s_v5";
const UINT32_END = 2 ** 32;
/** How often the neighbour's workload writes to each of its disks, in milliseconds. */
const NEIGHBOUR_WRITES_MS = 20_000;
/** From the end of a VM to the next one of its name. */
const RECREATE_MS = [1_000, 20_000] as const;
/** Operations that end at one moment may let others begin; a circle is a bug. */
const ROUNDS_MAX = 1_000;

/** What a simulated Azure is made of. */
export interface SimAzureOptions {
  readonly clock: Clock;
  readonly random: (name: string) => Random;
  readonly trace: Trace;
  readonly agenda: Agenda;
  readonly nodes: readonly { readonly name: string; readonly zone: string }[];
  /** Azure's latencies times this. */
  readonly timeScale: number;
  readonly settings?: Partial<ModelSettings>;
  /** Of all VMs. Default: one that takes eight data disks. */
  readonly vmSize?: string | undefined;
}

/** A simulated Azure with a VM for each node. */
export function createSimAzure(options: SimAzureOptions): SimAzure {
  const { clock, trace, agenda } = options;
  const chance = options.random("azure");
  const startedAtMs = clock.nowMs() - clock.elapsedMs();
  const model = createComputeModel({
    // Azure's own clock: nobody moves it.
    clock: { nowMs: () => startedAtMs + clock.elapsedMs() },
    seed: Math.floor(chance.next() * UINT32_END),
    settings: { timeScale: options.timeScale, ...options.settings },
    hasDataPlane: true,
  });
  const zones = new Map(options.nodes.map(({ name, zone }) => [name, zone]));
  /** By the names of their VMs: several may have had one node's name. */
  const machines = new Map<string, RunMachine>();
  /** How many VMs have had a node's name, where there were several. The last one has it. */
  const vmsOf = new Map<string, number>();
  /** Names of VMs. */
  const recreating = new Set<string>();
  const machineListeners: ((machine: SimMachine) => void)[] = [];
  const diskListeners: ((event: DiskEvent) => void)[] = [];
  let wakesAtMs = Infinity;

  const vmNameNow = (nodeName: string): string => vmNameOf(nodeName, vmsOf.get(nodeName));
  const instanceUriNow = (nodeName: string): string => instanceUriOf(nodeName, vmsOf.get(nodeName));
  const nodeNameNow = (vmName: string): string | undefined => {
    const nodeName = nodeNameOfVm(vmName);
    return vmNameNow(nodeName) === vmName ? nodeName : undefined;
  };
  const machineOf = (nodeName: string): RunMachine | undefined => machines.get(vmNameNow(nodeName));
  const dataPlane = createSimDataPlane((vmName) => machines.get(vmName));
  const between = ([least, most]: readonly [number, number]): number => least + chance.next() * (most - least);
  const vmOf = (nodeName: string): VirtualMachine | undefined => findVm(model.world, instanceUriNow(nodeName));

  /** Ends what is due, lets the devices follow, and sees to it that the next operation ends in time. */
  function pump(): void {
    const nowMs = startedAtMs + clock.elapsedMs();
    for (let round = 0; ; round++) {
      invariant(round < ROUNDS_MAX, "Azure's operations begin one another in a circle");
      model.advanceTo(nowMs);
      const due = model.takeDueEffects();
      if (due.length === 0) break;
      for (const { operationId, effects } of due) {
        for (const effect of effects) dataPlane.carryOut(effect);
        model.settleOperation(operationId);
      }
    }
    forgetGone();
    const nextAtMs = model.nextEventAtMs();
    if (nextAtMs === undefined || nextAtMs >= wakesAtMs) return;
    wakesAtMs = nextAtMs;
    agenda.after(nextAtMs - nowMs, () => {
      if (nextAtMs === wakesAtMs) wakesAtMs = Infinity;
      pump();
    });
  }

  function forgetGone(): void {
    // Every VM has its machine, and each call to Azure asks twice.
    if (model.world.virtualMachines.size === machines.size) return;
    for (const [vmName, { nodeName, instanceUri }] of machines) {
      if (findVm(model.world, instanceUri) !== undefined) continue;
      machines.delete(vmName);
      trace.note(nodeName, "its VM is gone");
      if (recreating.delete(vmName)) agenda.after(between(RECREATE_MS), () => void (machineOf(nodeName) !== undefined || addVm(nodeName)));
    }
  }

  function addVm(nodeName: string): SimMachine {
    const zone = zones.get(nodeName) ?? "";
    const { subscriptionId, resourceGroup, location } = azurePlace;
    const added = addVirtualMachine(model.world, {
      subscriptionId,
      resourceGroup,
      location,
      name: vmNameNow(nodeName),
      size: options.vmSize ?? VM_SIZE,
      ...(zone === "" ? {} : { zone }),
    });
    invariant(added.kind === "Added", `VM ${nodeName} can't be made: ${added.kind === "Failure" ? added.message : ""}`);
    const machine = startMachine(nodeName, added.vm);
    pump();
    for (const listener of machineListeners) listener(machine);
    return machine;
  }

  function startMachine(nodeName: string, { id: instanceUri, name, vmGuid }: VirtualMachine): RunMachine {
    const machine = createSimMachine({ nodeName, instanceUri, vmGuid, clock, random: options.random(`machine/${vmGuid}`), agenda, onChange: tell });
    machines.set(name, machine);
    trace.note(nodeName, `its VM ${vmGuid} runs`);
    return machine;
  }

  /** VMs and disks that are not of this cluster. Nothing of the driver runs there. */
  function addStrangers(): void {
    const { vms, disks } = createStrangers(startedAtMs);
    for (const disk of disks) {
      putDisk(model.world, disk);
      dataPlane.carryOut({ kind: "diskCreated", diskId: disk.id, sizeBytes: gibToBytes(disk.spec.sizeGiB) });
    }
    for (const vm of vms) {
      startMachine(nodeNameOfVm(vm.name), putVm(model.world, vm));
      const at = { vmId: vm.id, vmName: vm.name, controllerType: vm.controllerType };
      for (const { diskId, lun } of vm.dataDisks) dataPlane.carryOut({ kind: "diskAttached", ...at, diskId, lun });
    }
    writeAsNeighbour(1);
  }

  /** The neighbour's workload, on raw devices. */
  function writeAsNeighbour(round: number): void {
    const attached = vmOf(NEIGHBOUR)?.dataDisks.filter(({ phase }) => phase === "Attached") ?? [];
    for (const { lun } of attached) machineOf(NEIGHBOUR)?.kernel.writeBlock(lun, "/record", `round ${round}`);
    agenda.after(NEIGHBOUR_WRITES_MS, () => writeAsNeighbour(round + 1));
  }

  function tell(machine: SimMachine, change: DeviceChange): void {
    const event = toEvent(machine, change);
    trace.note(machine.nodeName, describeEvent(event));
    for (const listener of diskListeners) listener(event);
  }

  function handle(request: ArmRequest): ArmAnswer {
    // Operations that are due have ended before the call is answered, devices included.
    pump();
    const answer = model.handle(request);
    if (request.method !== "GET" || answer.status >= 400) {
      const what = `${request.method} ${request.path.slice(request.path.indexOf("/providers/") + "/providers/Microsoft.Compute/".length)}`;
      trace.note(request.caller ?? "", `${what} is answered ${answer.status}${answer.delivery.kind === "Answered" ? "" : ` (${answer.delivery.kind})`}`);
    }
    pump();
    return answer;
  }

  function strike(nodeName: string, event: VmEvent): void {
    // An operation that is due at this moment ends first, and leaves another VM than it found.
    model.advanceTo(startedAtMs + clock.elapsedMs());
    const vm = vmOf(nodeName);
    if (vm === undefined) return;
    trace.note(nodeName, `is struck by ${event}`);
    strikeVm(model.world, vm, event);
    pump();
  }

  const wire = createSimWire({
    handle,
    subscriptionId: azurePlace.subscriptionId,
    nodeNameOf: nodeNameNow,
    instanceUriOf: instanceUriNow,
    clock,
    random: options.random("azure-wire"),
  });
  const outsiders = createOutsiders({ handle, instanceUriOf: instanceUriNow, agenda });
  const mishaps = createMachineMishaps({ machineOf, vmOf, strike, agenda, random: chance });

  addResourceGroup(model.world, { subscriptionId: azurePlace.subscriptionId, name: azurePlace.resourceGroup, location: azurePlace.location });
  for (const { name } of options.nodes) addVm(name);
  addStrangers();

  return {
    model,
    place: azurePlace,
    vmOf,
    instanceUriOf: instanceUriNow,
    nodeNameAt: (instanceUri) => nodeNameNow(instanceUri.slice(instanceUri.lastIndexOf("/") + 1)),
    machineOf,
    machines: () => [...machines.values()].filter((machine) => !isStranger(machine.nodeName) && machineOf(machine.nodeName) === machine),
    onMachine: (listener) => machineListeners.push(listener),
    ...wire,
    metadataOf: ({ instanceUri, vmGuid }) => {
      const vm = findVm(model.world, instanceUri);
      if (vm?.vmGuid !== vmGuid) return undefined;
      return {
        vmId: vmGuid,
        vmName: vm.name,
        resourceId: vm.id,
        location: vm.location,
        zone: vm.zones[0] ?? "",
        vmSize: vm.size.name,
        dataDisks: vm.dataDisks.filter(({ phase }) => phase === "Attached").map(({ diskId, lun }) => ({ diskUri: diskId, lun })),
      };
    },
    diskOf: dataPlane.diskOf,
    isCopyOfData: dataPlane.isCopyOfData,
    onDiskEvent: (listener) => diskListeners.push(listener),
    addVm: (nodeName, zone) => {
      zones.set(nodeName, zone);
      return machineOf(nodeName) ?? addVm(nodeName);
    },
    ...mishaps,
    ...outsiders,
    recreateVm: (nodeName) => {
      // Whoever asks for it while it is under way would have the VM deleted that comes of it, and nobody would make another.
      const vmName = vmNameNow(nodeName);
      if (recreating.has(vmName)) return;
      recreating.add(vmName);
      outsiders.deleteVm(nodeName);
    },
    moveName: (nodeName) => {
      const earlier = machineOf(nodeName);
      invariant(earlier?.state() !== "running", `the VM of ${nodeName} has to stand still before another one takes its name`);
      vmsOf.set(nodeName, (vmsOf.get(nodeName) ?? 1) + 1);
      addVm(nodeName);
    },
  };
}

function describeEvent(event: DiskEvent): string {
  const diskName = event.diskUri.slice(event.diskUri.lastIndexOf("/") + 1);
  switch (event.kind) {
    case "wrote":
      return `wrote ${diskName} by ${event.by}`;
    case "unmounted":
      return `unmounted ${diskName} from ${event.path}`;
    case "attached":
    case "detached":
      return `${event.kind} ${diskName} at LUN ${event.lun}`;
  }
}

function toEvent(machine: SimMachine, change: DeviceChange): DiskEvent {
  switch (change.kind) {
    case "wrote":
      return { kind: "wrote", diskUri: change.diskUri, machine, by: change.by };
    case "unmounted":
      return { kind: "unmounted", diskUri: change.diskUri, machine, path: change.path, couldWrite: change.couldWrite };
    case "attached":
      return { kind: "attached", diskUri: change.disk.diskUri, machine, lun: change.lun };
    case "detached":
      return { kind: "detached", diskUri: change.disk.diskUri, machine, lun: change.lun, hadWritableMount: change.couldWrite };
  }
}
