import { createModelArmApi } from "../../src/adapters/arm-model/model-arm-api.ts";
import { type ModelDisk, createModelDisk } from "../../src/adapters/model-host/model-disk.ts";
import { invariant } from "../../src/core/invariant.ts";
import { resourceUriKey } from "../../src/core/model/disk-uri.ts";
import type { ArmAnswer, ArmRequest } from "../../src/emulator/model/arm-message.ts";
import { createComputeModel } from "../../src/emulator/model/compute-model.ts";
import type { DataPlaneEffect } from "../../src/emulator/model/data-plane-port.ts";
import { addResourceGroup, addVirtualMachine } from "../../src/emulator/model/set-up.ts";
import type { ModelSettings } from "../../src/emulator/model/settings.ts";
import { type VmEvent, strikeVm } from "../../src/emulator/model/vm-events.ts";
import { findVm } from "../../src/emulator/model/world.ts";
import type { Clock } from "../../src/ports/clock.ts";
import type { Random } from "../../src/ports/random.ts";
import type { Agenda } from "../agenda.ts";
import type { Trace } from "../trace.ts";
import { type DeviceChange, type RunMachine, createSimMachine } from "./create-sim-machine.ts";
import { sentCalls } from "./sent-calls.ts";
import type { DiskEvent, SimAzure } from "./sim-azure.ts";
import type { SimMachine } from "./sim-machine.ts";

const place = { subscriptionId: "00000000-0000-0000-0000-000000000001", resourceGroup: "rg", location: "eastus" };
const API_VERSION = "2025-04-01";
/** Takes eight data disks. */
const VM_SIZE = "Standard_D4s_v5";
const UINT32_END = 2 ** 32;
/** A call's way to Azure, or back, in milliseconds. */
const ONE_WAY_MS = [3, 25] as const;
const REBOOT_MS = [8_000, 30_000] as const;
/** From the end of a VM to the next one of its name. */
const RECREATE_MS = [1_000, 20_000] as const;
/** People who are refused try again. */
const OUTSIDER_TRIES_MAX = 20;
const OUTSIDER_RETRY_MS = 5_000;
/** Operations that end at one moment may let others begin; a circle is a bug. */
const ROUNDS_MAX = 1_000;

const lost: ArmAnswer = { status: 0, headers: {}, delivery: { kind: "Dropped" }, sequence: 0 };

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
}

/** A simulated Azure with a VM for each node. */
export function createSimAzure(options: SimAzureOptions): SimAzure {
  const { clock, trace, agenda } = options;
  const chance = options.random("azure");
  const wire = options.random("azure-wire");
  const startedAtMs = clock.nowMs() - clock.elapsedMs();
  const model = createComputeModel({
    // Azure's own clock: nobody moves it.
    clock: { nowMs: () => startedAtMs + clock.elapsedMs() },
    seed: Math.floor(chance.next() * UINT32_END),
    settings: { timeScale: options.timeScale, ...options.settings },
    hasDataPlane: true,
  });
  const zones = new Map(options.nodes.map(({ name, zone }) => [name, zone]));
  const machines = new Map<string, RunMachine>();
  const disks = new Map<string, ModelDisk>();
  const unreachable = new Set<string>();
  const recreating = new Set<string>();
  const machineListeners: ((machine: SimMachine) => void)[] = [];
  const diskListeners: ((event: DiskEvent) => void)[] = [];
  const updateDelays = new Set<Parameters<SimAzure["delayUpdates"]>[0]>();
  let wakesAtMs = Infinity;
  let slow = { probability: 0, ms: 0 };

  const slownessMs = (): number => (slow.probability > 0 && wire.next() < slow.probability ? wire.next() * slow.ms : 0);
  const between = ([least, most]: readonly [number, number]): number => least + chance.next() * (most - least);
  const vmId = (nodeName: string): string =>
    `/subscriptions/${place.subscriptionId}/resourceGroups/${place.resourceGroup}/providers/Microsoft.Compute/virtualMachines/${nodeName}`;

  /** Ends what is due, lets the devices follow, and sees to it that the next operation ends in time. */
  function pump(): void {
    const nowMs = startedAtMs + clock.elapsedMs();
    for (let round = 0; ; round++) {
      invariant(round < ROUNDS_MAX, "Azure's operations begin one another in a circle");
      model.advanceTo(nowMs);
      const due = model.takeDueEffects();
      if (due.length === 0) break;
      for (const { operationId, effects } of due) {
        for (const effect of effects) carryOut(effect);
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

  function carryOut(effect: DataPlaneEffect): void {
    switch (effect.kind) {
      case "diskCreated":
        return void disks.set(resourceUriKey(effect.diskId), createModelDisk({ diskUri: effect.diskId, sizeBytes: effect.sizeBytes }));
      case "diskResized":
        diskAt(effect.diskId).sizeBytes = effect.sizeBytes;
        return;
      case "diskDeleted":
        return void disks.delete(resourceUriKey(effect.diskId));
      case "diskCopied":
        return copyDisk(effect);
      case "diskAttached":
        return machineAt(effect.vmName).attach(effect.lun, diskAt(effect.diskId));
      case "diskDetached":
        return machineAt(effect.vmName).detach(effect.lun);
      case "vmStopped":
        return machineAt(effect.vmName).cutPower();
      case "vmStarted":
        return machineAt(effect.vmName).givePower();
    }
  }

  function copyDisk(copy: { readonly sourceId: string; readonly diskId: string; readonly sizeBytes: bigint }): void {
    const source = diskAt(copy.sourceId);
    const disk = { ...createModelDisk({ diskUri: copy.diskId, sizeBytes: copy.sizeBytes }), content: source.content, fileSystemBytes: source.fileSystemBytes };
    for (const [name, text] of source.files) disk.files.set(name, text);
    disks.set(resourceUriKey(copy.diskId), disk);
  }

  function diskAt(diskId: string): ModelDisk {
    const disk = disks.get(resourceUriKey(diskId));
    invariant(disk !== undefined, `no disk stands behind ${diskId}`);
    return disk;
  }

  function machineAt(nodeName: string): RunMachine {
    const machine = machines.get(nodeName);
    invariant(machine !== undefined, `no machine runs VM ${nodeName}`);
    return machine;
  }

  function forgetGone(): void {
    for (const nodeName of machines.keys()) {
      if (findVm(model.world, vmId(nodeName)) !== undefined) continue;
      machines.delete(nodeName);
      trace.note(nodeName, "its VM is gone");
      if (recreating.delete(nodeName)) agenda.after(between(RECREATE_MS), () => void (machines.has(nodeName) || addVm(nodeName)));
    }
  }

  function addVm(nodeName: string): SimMachine {
    const zone = zones.get(nodeName) ?? "";
    const { subscriptionId, resourceGroup, location } = place;
    const added = addVirtualMachine(model.world, {
      subscriptionId,
      resourceGroup,
      location,
      name: nodeName,
      size: VM_SIZE,
      ...(zone === "" ? {} : { zone }),
    });
    invariant(added.kind === "Added", `VM ${nodeName} can't be made: ${added.kind === "Failure" ? added.message : ""}`);
    const { vmGuid } = added.vm;
    const machine = createSimMachine({ nodeName, vmGuid, clock, random: options.random(`machine/${vmGuid}`), agenda, onChange: tell });
    machines.set(nodeName, machine);
    trace.note(nodeName, `its VM ${vmGuid} runs`);
    pump();
    for (const listener of machineListeners) listener(machine);
    return machine;
  }

  function tell(machine: SimMachine, change: DeviceChange): void {
    const event = toEvent(machine, change);
    const diskName = event.diskUri.slice(event.diskUri.lastIndexOf("/") + 1);
    trace.note(machine.nodeName, event.kind === "wrote" ? `wrote ${diskName} by ${event.by}` : `${event.kind} ${diskName} at LUN ${event.lun}`);
    for (const listener of diskListeners) listener(event);
  }

  function strike(nodeName: string, event: VmEvent): void {
    const vm = findVm(model.world, vmId(nodeName));
    if (vm === undefined) return;
    trace.note(nodeName, `is struck by ${event}`);
    model.advanceTo(startedAtMs + clock.elapsedMs());
    strikeVm(model.world, vm, event);
    pump();
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

  function askOutside(request: Pick<ArmRequest, "method" | "path" | "body">, tries = 1): void {
    const { status } = handle({ ...request, caller: "outsider", query: { "api-version": API_VERSION } });
    const isWorthRetrying = status === 409 || status === 429 || status >= 500;
    if (isWorthRetrying && tries < OUTSIDER_TRIES_MAX) agenda.after(OUTSIDER_RETRY_MS, () => askOutside(request, tries + 1));
  }

  addResourceGroup(model.world, { subscriptionId: place.subscriptionId, name: place.resourceGroup, location: place.location });
  for (const { name } of options.nodes) addVm(name);

  return {
    model,
    place,
    machineOf: (nodeName) => machines.get(nodeName),
    machines: () => [...machines.values()],
    onMachine: (listener) => machineListeners.push(listener),
    arm: (caller) => {
      const isReachable = (): boolean => !unreachable.has(caller);
      const arm = createModelArmApi({
        model: { handle: (request) => (isReachable() ? handle(request) : lost) },
        subscriptionId: place.subscriptionId,
        clock,
        caller,
        oneWayMs: () => ONE_WAY_MS[0] + wire.next() * (ONE_WAY_MS[1] - ONE_WAY_MS[0]) + slownessMs(),
      });
      const startVmUpdate: typeof arm.startVmUpdate = async (request, signal) => {
        const delayMs = Math.max(0, ...[...updateDelays].map((delayOf) => delayOf({ caller, nodeName: request.name })));
        if (delayMs > 0) await clock.sleep(delayMs, signal);
        return arm.startVmUpdate(request, signal);
      };
      return sentCalls({ ...arm, startVmUpdate }, isReachable);
    },
    delayUpdates: (delayMs) => {
      updateDelays.add(delayMs);
      return () => updateDelays.delete(delayMs);
    },
    setReachable: (caller, isReachable) => {
      if (isReachable) unreachable.delete(caller);
      else unreachable.add(caller);
    },
    setSlowness: (slowness) => {
      slow = slowness;
    },
    metadataOf: ({ nodeName, vmGuid }) => {
      const vm = findVm(model.world, vmId(nodeName));
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
    diskOf: (diskUri) => disks.get(resourceUriKey(diskUri)),
    onDiskEvent: (listener) => diskListeners.push(listener),
    addVm: (nodeName, zone) => {
      zones.set(nodeName, zone);
      return machines.get(nodeName) ?? addVm(nodeName);
    },
    freeze: (nodeName) => {
      machines.get(nodeName)?.freeze();
      strike(nodeName, "GuestHang");
    },
    thaw: (nodeName) => {
      const machine = machines.get(nodeName);
      if (machine?.state() !== "frozen") return;
      machine.thaw();
      strike(nodeName, "GuestRecovery");
    },
    losePower: (nodeName, { isSilent }) => strike(nodeName, isSilent ? "SilentPowerLoss" : "PowerLoss"),
    powerOn: (nodeName) => {
      if (machines.get(nodeName)?.state() === "off") strike(nodeName, "PowerReturn");
    },
    reboot: (nodeName) => {
      const machine = machines.get(nodeName);
      if (machine === undefined || machine.state() === "off") return;
      strike(nodeName, "GuestHang");
      machine.cutPower();
      const bootNumber = machine.bootNumber();
      agenda.after(between(REBOOT_MS), () => {
        const isStillOff = machine.state() === "off" && machine.bootNumber() === bootNumber;
        if (isStillOff && machines.get(nodeName) === machine && hasPower(nodeName)) strike(nodeName, "PowerReturn");
      });
    },
    deleteVm: (nodeName) => askOutside({ method: "DELETE", path: vmId(nodeName) }),
    recreateVm: (nodeName) => {
      recreating.add(nodeName);
      askOutside({ method: "DELETE", path: vmId(nodeName) });
    },
    attachOutside: (nodeName, diskUri) =>
      askOutside({ method: "POST", path: `${vmId(nodeName)}/attachDetachDataDisks`, body: { dataDisksToAttach: [{ diskId: diskUri }] } }),
    detachOutside: (nodeName, diskUri) =>
      askOutside({ method: "POST", path: `${vmId(nodeName)}/attachDetachDataDisks`, body: { dataDisksToDetach: [{ diskId: diskUri }] } }),
    deleteDiskOutside: (diskUri) => askOutside({ method: "DELETE", path: diskUri }),
  };

  /** Whether Azure runs the VM, whatever its guest does. */
  function hasPower(nodeName: string): boolean {
    return findVm(model.world, vmId(nodeName))?.power === "running";
  }
}

function toEvent(machine: SimMachine, change: DeviceChange): DiskEvent {
  switch (change.kind) {
    case "wrote":
      return { kind: "wrote", diskUri: change.diskUri, machine, by: change.by };
    case "attached":
      return { kind: "attached", diskUri: change.disk.diskUri, machine, lun: change.lun };
    case "detached":
      return { kind: "detached", diskUri: change.disk.diskUri, machine, lun: change.lun, hadWritableMount: change.couldWrite };
  }
}
