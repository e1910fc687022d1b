import type { ModelDisk } from "../../src/adapters/model-host/model-disk.ts";
import { resourceUriKey } from "../../src/core/azure/ids/disk-uri.ts";
import { invariant } from "../../src/core/failure/invariant.ts";
import { gibToBytes } from "../../src/core/primitives/units.ts";
import type { ArmAnswer, ArmRequest } from "../../src/emulator/model/api/arm-message.ts";
import { type ComputeModel, createComputeModel } from "../../src/emulator/model/compute-model.ts";
import { DEFAULT_LATENCIES, type Latencies } from "../../src/emulator/model/pace/latency.ts";
import { type OrchestrationMode, scaleSetId } from "../../src/emulator/model/scale-set/scale-set.ts";
import { DEFAULT_UPGRADE_POLICY } from "../../src/emulator/model/scale-set/upgrade-policy.ts";
import { addResourceGroup, addVirtualMachine } from "../../src/emulator/model/set-up.ts";
import type { ModelSettings } from "../../src/emulator/model/settings.ts";
import { isOsDisk } from "../../src/emulator/model/vm/os-disk/render-os-disk.ts";
import type { VirtualMachine } from "../../src/emulator/model/vm/virtual-machine.ts";
import { strikeVm } from "../../src/emulator/model/vm/vm-events.ts";
import type { VmEvent } from "../../src/emulator/model/vm/vm-set-up.ts";
import {
  findDisk,
  findScaleSet,
  findSnapshot,
  findVm,
  putDisk,
  putScaleSet,
  putVm,
} from "../../src/emulator/model/world.ts";
import type { Clock } from "../../src/ports/clock.ts";
import type { Random } from "../../src/ports/random.ts";
import type { Agenda } from "../agenda.ts";
import { OUTSIDER } from "../history/vm-changes.ts";
import type { Trace } from "../trace.ts";
import { type DeviceChange, type RunMachine, createSimMachine } from "./create-sim-machine.ts";
import { createCreatedBy } from "./created-by.ts";
import { describeEvent, toEvent } from "./disk-events.ts";
import type { DiskEvent } from "./sim-azure.ts";
import { createSimDataPlane } from "./sim-data-plane.ts";
import type { SimMachine } from "./sim-machine.ts";
import { createStrangers, isNeighbours, NEIGHBOUR, strangersByUri } from "./strangers.ts";
import { createUnfrozenCopies } from "./unfrozen-copies.ts";
import { azurePlace, type InstancePlace, instanceUriOf } from "./vm-names.ts";

const UINT32_END = 2 ** 32;
/** How often the neighbour's workload writes to each of its disks, in milliseconds. */
const NEIGHBOUR_WRITES_MS = 20_000;
/** An operation that ends may let others begin at the same moment; a cycle is a bug. */
const ROUNDS_MAX = 1_000;

/** The owner of a VM, and what its cluster does with it. */
interface Guest {
  /** In its own cluster: nodes of two clusters may have the same name. */
  readonly nodeName: string;
  readonly trace: Trace;
  /** Called once the VM is deleted. */
  readonly onGone?: () => void;
}

/**
 * The model of Azure with the machines that it runs, for all clusters that share its resource group. It
 * runs on the world's agenda.
 */
export interface AzureRegion {
  readonly model: ComputeModel;
  diskOf(diskUri: string): ModelDisk | undefined;
  isCopy(diskUri: string): boolean;
  /** Why a snapshot is not of a frozen file system, a sentence each; empty: it is. */
  whyUnfrozen(snapshotUri: string): readonly string[];
  /** Answers a call from a cluster. A disk or snapshot belongs to the cluster that created it. */
  handle(request: ArmRequest, clusterName: string): ArmAnswer;
  /** Creates a VM of a cluster and starts it. */
  addVm(
    vm: {
      readonly place: InstancePlace;
      readonly size: string;
      readonly zone: string;
      /** The flexible scale set to which it belongs, if any. */
      readonly flexibleSet?: string;
    },
    guest: Guest & { readonly clusterName: string },
  ): RunMachine;
  /** By the resource id of its VM, in any case. */
  machineAt(instanceUri: string): RunMachine | undefined;
  /** Ends what is due by now. An operation may replace a VM. */
  advance(): void;
  strike(vm: VirtualMachine, event: VmEvent): void;
  onDiskEvent(listener: (event: DiskEvent) => void): void;
  /**
   * Whether a VM or disk, by its resource id in any case, is another cluster's, or the disk of a VM's
   * operating system, which is no cluster's. As of a call in the journal, the last one by default. One that
   * is gone is no cluster's.
   */
  isOthers(resourceUri: string, clusterName: string, sequence?: number): boolean;
  /** Whether a person has created a disk or snapshot, by its resource id in any case. */
  isMadeByHand(resourceUri: string): boolean;
  /**
   * Whether an event is on a machine of the cluster, or on a machine of no live cluster and not about
   * another cluster's disk.
   */
  concerns(event: DiskEvent, clusterName: string): boolean;
  /**
   * Adds VMs and disks that no simulated driver knows. To be called once, after the VMs of the first
   * cluster are created.
   */
  addStrangers(): void;
}

/** The parts of Azure and of its machines. */
export interface AzureRegionOptions {
  readonly clock: Clock;
  readonly random: (name: string) => Random;
  readonly trace: Trace;
  readonly agenda: Agenda;
  /** Factor on Azure's latencies. */
  readonly timeScale: number;
  readonly settings?: Partial<ModelSettings> | undefined;
}

/** Azure takes hours for a conversion to Premium SSD v2, which no run lasts. */
const latencies: Latencies = { ...DEFAULT_LATENCIES, diskConvert: { medianMs: 240_000, p99Ms: 1_200_000 } };

/** An Azure with one empty resource group. */
export function createAzureRegion(options: AzureRegionOptions): AzureRegion {
  const { clock, trace, agenda } = options;
  const startedAtMs = clock.nowMs() - clock.elapsedMs();
  const model = createComputeModel({
    // Azure's own clock: no fault moves it.
    clock: { nowMs: () => startedAtMs + clock.elapsedMs() },
    seed: Math.floor(options.random("azure").next() * UINT32_END),
    // What a failed attach leaves behind is a fault that a storm draws.
    settings: { timeScale: options.timeScale, failedAttach: "removed", latencies, ...options.settings },
    hasDataPlane: true,
  });
  /** By the resource ids of their VMs, as index keys. */
  const machines = new Map<string, { readonly machine: RunMachine; readonly guest: Guest }>();
  const createdBy = createCreatedBy();
  const madeByHand = new Set<string>();
  const diskListeners: ((event: DiskEvent) => void)[] = [];
  let wakesAtMs = Infinity;
  const machineAt = (instanceUri: string): RunMachine | undefined =>
    machines.get(resourceUriKey(instanceUri))?.machine;
  const dataPlane = createSimDataPlane(machineAt);
  const unfrozenCopies = createUnfrozenCopies();
  const isFound = (resourceUri: string): boolean =>
    (findDisk(model.world, resourceUri) ?? findSnapshot(model.world, resourceUri)) !== undefined;
  const nowMs = (): number => startedAtMs + clock.elapsedMs();

  /** Ends what is due, updates the devices, and schedules the end of the next operation. */
  function pump(): void {
    for (let round = 0; ; round++) {
      invariant(round < ROUNDS_MAX, "Azure's operations begin one another in a circle");
      model.advanceTo(nowMs());
      const due = model.takeDueEffects();
      if (due.length === 0) break;
      for (const { operationId, effects } of due) {
        for (const effect of effects) {
          if (effect.kind === "diskCopied") noteCopy(effect);
          // The call that is answered next is the first one that may find it gone.
          if (effect.kind === "diskDeleted")
            createdBy.noteGone(effect.diskId, model.journal.lastSequence() + 1);
          invariant(effect.kind !== "scriptRun", "a simulated VM has no agent");
          dataPlane.carryOut(effect);
        }
        model.settleOperation(operationId);
      }
    }
    forgetGone();
    const nextAtMs = model.nextEventAtMs();
    if (nextAtMs === undefined || nextAtMs >= wakesAtMs) return;
    wakesAtMs = nextAtMs;
    agenda.after(nextAtMs - nowMs(), () => {
      if (nextAtMs === wakesAtMs) wakesAtMs = Infinity;
      pump();
    });
  }

  function noteCopy(copy: { readonly sourceId: string; readonly diskId: string }): void {
    const snapshot = findSnapshot(model.world, copy.diskId);
    if (snapshot === undefined) return;
    const fileSystems = [...machines.values()].flatMap(({ machine }) => machine.kernel.writableFileSystems());
    unfrozenCopies.note({ ...copy, forMs: model.world.nowMs - snapshot.createdAtMs }, fileSystems);
  }

  function forgetGone(): void {
    // Each VM has its machine, and each call to Azure needs both.
    if (model.world.virtualMachines.size === machines.size) return;
    for (const [key, { machine, guest }] of machines) {
      if (findVm(model.world, machine.instanceUri) !== undefined) continue;
      machines.delete(key);
      guest.trace.note(guest.nodeName, "its VM is gone");
      guest.onGone?.();
    }
  }

  /** Adds a scale set unless it is there, and returns its id. Its creation draws nothing. */
  function addScaleSet(name: string, orchestrationMode: OrchestrationMode): string {
    const address = { ...azurePlace, name };
    const id = scaleSetId(address);
    if (findScaleSet(model.world, id) !== undefined) return id;
    putScaleSet(model.world, {
      ...address,
      id,
      orchestrationMode,
      zones: [],
      tags: {},
      sizeName: "",
      upgradePolicy: DEFAULT_UPGRADE_POLICY,
      profile: {},
      other: {},
      members: {},
      uniqueId: name,
      nextInstanceId: 0,
      provisioningState: "Succeeded",
      etag: 1,
      createdAtMs: startedAtMs,
    });
    return id;
  }

  function noteCreation({ path, caller }: ArmRequest, clusterName: string): void {
    const key = resourceUriKey(path);
    // A disk that a person makes under the name of one that a cluster had is no cluster's.
    const isMadeAgain = caller === OUTSIDER && createdBy.wasCreated(path);
    createdBy.note(path, isMadeAgain ? OUTSIDER : clusterName, model.journal.lastSequence());
    if (caller === OUTSIDER) madeByHand.add(key);
    else madeByHand.delete(key);
  }

  function startMachine({ id: instanceUri, vmGuid }: VirtualMachine, guest: Guest): RunMachine {
    const { nodeName } = guest;
    const onChange = (machine: SimMachine, change: DeviceChange): void =>
      emitDiskEvent(guest.trace, toEvent(machine, change));
    const machine = createSimMachine({
      nodeName,
      instanceUri,
      vmGuid,
      clock,
      random: options.random(`machine/${vmGuid}`),
      agenda,
      onChange,
    });
    machines.set(resourceUriKey(instanceUri), { machine, guest });
    guest.trace.note(nodeName, `its VM ${vmGuid} runs`);
    return machine;
  }

  function emitDiskEvent(about: Trace, event: DiskEvent): void {
    about.note(event.machine.nodeName, describeEvent(event));
    for (const listener of diskListeners) listener(event);
  }

  /** The neighbour's workload, on raw devices. */
  function writeAsNeighbour(round: number): void {
    const attached =
      findVm(model.world, instanceUriOf(NEIGHBOUR))?.dataDisks.filter(({ phase }) => phase === "Attached") ??
      [];
    for (const { lun } of attached)
      machineAt(instanceUriOf(NEIGHBOUR))?.kernel.writeBlock(lun, "/record", `round ${round}`);
    agenda.after(NEIGHBOUR_WRITES_MS, () => writeAsNeighbour(round + 1));
  }

  addResourceGroup(model.world, {
    subscriptionId: azurePlace.subscriptionId,
    name: azurePlace.resourceGroup,
    location: azurePlace.location,
  });

  return {
    model,
    diskOf: dataPlane.diskOf,
    isCopy: dataPlane.isCopy,
    whyUnfrozen: unfrozenCopies.whyUnfrozen,
    handle: (request, clusterName) => {
      // Operations that are due have ended before the call is answered, devices included.
      pump();
      const isCreation = request.method === "PUT" && !isFound(request.path);
      const answer = model.handle(request);
      if (isCreation && isFound(request.path)) noteCreation(request, clusterName);
      if (request.method !== "GET" || answer.status >= 400) {
        const what = `${request.method} ${request.path.slice(request.path.indexOf("/providers/") + "/providers/Microsoft.Compute/".length)}`;
        trace.note(
          request.caller ?? "",
          `${what} is answered ` +
            `${answer.status}${answer.delivery.kind === "Answered" ? "" : ` (${answer.delivery.kind})`}`,
        );
      }
      pump();
      return answer;
    },
    addVm: ({ place, size, zone, flexibleSet }, { clusterName, ...guest }) => {
      const { subscriptionId, resourceGroup, location } = azurePlace;
      const { scaleSetName } = place;
      if (scaleSetName !== undefined) addScaleSet(scaleSetName, "Uniform");
      const added = addVirtualMachine(model.world, {
        subscriptionId,
        resourceGroup,
        location,
        name: place.instanceName,
        ...(scaleSetName === undefined ? {} : { scaleSet: scaleSetName }),
        size,
        ...(zone === "" ? {} : { zone }),
      });
      invariant(
        added.kind === "Added",
        `VM ${place.instanceName} can't be made: ${added.kind === "Failure" ? added.message : ""}`,
      );
      createdBy.note(added.vm.id, clusterName, model.journal.lastSequence());
      if (flexibleSet !== undefined) {
        const virtualMachineScaleSet = { id: addScaleSet(flexibleSet, "Flexible") };
        putVm(model.world, { ...added.vm, other: { ...added.vm.other, virtualMachineScaleSet } });
      }
      const machine = startMachine(added.vm, guest);
      pump();
      return machine;
    },
    machineAt,
    advance: () => model.advanceTo(nowMs()),
    strike: (vm, event) => {
      strikeVm(model.world, vm, event);
      pump();
    },
    onDiskEvent: (listener) => diskListeners.push(listener),
    isOthers: (resourceUri, clusterName, sequence) =>
      isNeighbours(resourceUri) ||
      isOsDisk(findDisk(model.world, resourceUri)) ||
      (createdBy.find(resourceUri, sequence) ?? clusterName) !== clusterName,
    isMadeByHand: (resourceUri) => madeByHand.has(resourceUriKey(resourceUri)),
    concerns: ({ machine, diskUri }, clusterName) => {
      const cluster = createdBy.find(machine.instanceUri) ?? createdBy.find(diskUri);
      return cluster === undefined || cluster === clusterName;
    },
    addStrangers: () => {
      const { vms, disks } = createStrangers(startedAtMs);
      for (const disk of disks) {
        putDisk(model.world, disk);
        dataPlane.carryOut({
          kind: "diskCreated",
          diskId: disk.id,
          sizeBytes: gibToBytes(disk.spec.sizeGiB),
        });
      }
      for (const vm of vms) {
        const nodeName = strangersByUri.get(resourceUriKey(vm.id)) ?? vm.name;
        startMachine(putVm(model.world, vm), { nodeName, trace });
        const at = { vmId: vm.id, vmName: vm.name, controllerType: vm.controllerType };
        for (const { diskId, lun } of vm.dataDisks)
          dataPlane.carryOut({ kind: "diskAttached", ...at, diskId, lun });
      }
      writeAsNeighbour(1);
    },
  };
}
