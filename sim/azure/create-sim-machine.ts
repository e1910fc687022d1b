import type { HostMethod, ModelDiskWrite } from "../../src/adapters/model-host/machine-state.ts";
import type { ModelDisk } from "../../src/adapters/model-host/model-disk.ts";
import { createModelMachine } from "../../src/adapters/model-host/model-machine.ts";
import { landAccepted } from "../../src/adapters/model-host/reservation/model-reservation.ts";
import type { Clock } from "../../src/ports/clock.ts";
import type { Random } from "../../src/ports/random.ts";
import type { Agenda } from "../agenda.ts";
import { createGate, gatedClock } from "../driver/gate.ts";
import type { SimMachine } from "./sim-machine.ts";

/** What happens to a machine's devices. */
export type DeviceChange =
  | { readonly kind: "attached"; readonly disk: ModelDisk; readonly lun: number }
  | {
      readonly kind: "detached";
      readonly disk: ModelDisk;
      readonly lun: number;
      readonly couldWrite: boolean;
    }
  | { readonly kind: "refused"; readonly disk: ModelDisk; readonly couldWrite: boolean }
  | { readonly kind: "wrote"; readonly diskUri: string; readonly by: ModelDiskWrite["by"] }
  | {
      readonly kind: "unmounted";
      readonly diskUri: string;
      readonly path: string;
      readonly couldWrite: boolean;
    };

/** A machine with the controls of the platform that runs it. */
export interface RunMachine extends SimMachine {
  /** Its kubelet registers under that name from now on. */
  readonly rename: (nodeName: string) => void;
  readonly freeze: () => void;
  readonly thaw: () => void;
  /** Cuts the power: all unflushed data and every process are lost. */
  readonly cutPower: () => void;
  /** It gets another OS disk when its power is cut next. */
  readonly replaceOsDisk: () => void;
  /** Starts it; does nothing unless it is off. */
  readonly givePower: () => void;
  /**
   * From now on it notices no device that comes or goes, as a kernel whose scan of the bus waits for a disk
   * that does not answer. Returns how it notices all of them; a boot does, too.
   */
  readonly holdScans: () => () => void;
  readonly attach: (at: { readonly lun: number; readonly disk: ModelDisk }) => void;
  /** From now on no write reaches the disk; a frozen machine notices later. */
  readonly detach: (lun: number) => void;
  /** The lowest LUN without a device; undefined: it has noticed every device that has left. */
  readonly lunBesideUnnoticed: () => number | undefined;
  /** Whether a device has left that LUN, and the machine has not noticed. */
  readonly hasLeftUnnoticed: (lun: number) => boolean;
}

/** When ext4 and the kernel write back unsynced data, in milliseconds after the first such write. */
const WRITE_BACK_MS = [5_000, 30_000] as const;

/** When a disk carries out what it has accepted, and a preemption has not aborted, in milliseconds. */
const ACCEPTED_MS = [10, 10_000] as const;

/** How long commands take, in milliseconds. */
const commandMs: Partial<Readonly<Record<HostMethod, readonly [min: number, max: number]>>> = {
  format: [100, 1_500],
  eraseUnfinishedFormat: [20, 200],
  checkFileSystem: [20, 400],
  growBeforeMount: [20, 400],
  growFileSystem: [20, 400],
  mountDevice: [10, 150],
  bindMount: [1, 20],
  bindDevice: [1, 20],
  unmount: [5, 300],
  mountPlaceholder: [5, 300],
  flush: [5, 300],
  reserve: [5, 200],
  preempt: [5, 500],
  releaseReservation: [5, 200],
};

/** A running machine without devices. */
export function createSimMachine(options: {
  readonly nodeName: string;
  readonly instanceUri: string;
  readonly vmGuid: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly agenda: Agenda;
  readonly onChange: (machine: SimMachine, change: DeviceChange) => void;
}): RunMachine {
  const { nodeName, random, agenda, onChange } = options;
  const nodeNames = [nodeName];
  const gate = createGate();
  const clock = gatedClock(options.clock, gate);
  const bootListeners: (() => void)[] = [];
  /** Each fault because of which it does not look for changes of its devices. */
  const scansHeld = new Set<object>();
  /** Changes that a guest has not noticed yet: it is frozen, or does not look. */
  const unnoticed: (() => void)[] = [];
  /** The disks whose devices accept writes. */
  const live = new Map<number, ModelDisk>();
  let state: ReturnType<SimMachine["state"]> = "running";
  let boot = new AbortController();
  /** Disks that arrived unnoticed, by LUN. */
  const arriving = new Map<
    number,
    { readonly arrive: () => void; readonly departure: (() => void) | undefined }
  >();
  /** What a guest has to notice of disks that were cut off, by LUN. */
  const leaving = new Map<number, () => void>();
  let boots = 1;
  let osDisks = 1;
  let isOsDiskLeaving = false;
  const rootDisk = { isBroken: false };
  let writeBackDueMs: number | undefined;

  const between = ([least, most]: readonly [number, number]): number =>
    most === 0 ? 0 : least + random.next() * (most - least);
  const kernel = createModelMachine({
    nodeName,
    clock,
    reusesNumbers: true,
    keepsDevicesOpen: true,
    usualLatencyMs: (method) => between(commandMs[method] ?? [0, 0]),
    onDiskWrite: ({ diskUri, by }) => onChange(machine, { kind: "wrote", diskUri, by }),
    onUnmount: ({ diskUri, path, canWrite }) =>
      onChange(machine, { kind: "unmounted", diskUri, path, couldWrite: canWrite }),
    onRefused: ({ disk, couldWrite }) => {
      onChange(machine, { kind: "refused", disk, couldWrite });
      agenda.after(between(ACCEPTED_MS), () => landAccepted(disk));
    },
    onCached: () => {
      if (writeBackDueMs !== undefined) return;
      const delayMs = between(WRITE_BACK_MS);
      writeBackDueMs = options.clock.elapsedMs() + delayMs;
      agenda.after(delayMs, writeBack);
    },
  });

  /** A frozen machine does this when it thaws. */
  function writeBack(): void {
    if (state !== "running" || writeBackDueMs === undefined || writeBackDueMs > options.clock.elapsedMs())
      return;
    writeBackDueMs = undefined;
    kernel.writeBack();
  }

  function isBlind(): boolean {
    return state === "frozen" || (state === "running" && scansHeld.size > 0);
  }

  /** Shows the guest a change of its devices, now or when it looks again. */
  function notice(change: () => void): void {
    if (isBlind()) unnoticed.push(change);
    else change();
  }

  function awaitDeparture(lun: number, depart: () => void): void {
    leaving.set(lun, depart);
    unnoticed.push(depart);
  }

  function noticeAll(): void {
    arriving.clear();
    leaving.clear();
    for (const change of unnoticed.splice(0)) change();
  }

  const machine: RunMachine = {
    get nodeName() {
      return nodeNames.at(-1) ?? nodeName;
    },
    isOrWas: (name) => nodeNames.includes(name),
    rename: (name) => void nodeNames.push(name),
    instanceUri: options.instanceUri,
    vmGuid: options.vmGuid,
    osDisk: () => osDisks,
    rootDisk,
    kernel,
    clock,
    state: () => state,
    boot: () => boot.signal,
    bootNumber: () => boots,
    passed: gate.passed,
    onBoot: (listener) => bootListeners.push(listener),
    freeze: () => {
      if (state !== "running") return;
      state = "frozen";
      gate.shut();
    },
    thaw: () => {
      if (state !== "frozen") return;
      state = "running";
      // Writes that were due while it was frozen come first: late writes are what a fence has to stop.
      writeBack();
      if (!isBlind()) noticeAll();
      gate.open();
    },
    holdScans: () => {
      const hold = {};
      scansHeld.add(hold);
      return () => {
        scansHeld.delete(hold);
        if (!isBlind()) noticeAll();
      };
    },
    cutPower: () => {
      if (isOsDiskLeaving) osDisks++;
      isOsDiskLeaving = false;
      if (state === "off") return;
      gate.shut();
      state = "off";
      scansHeld.clear();
      writeBackDueMs = undefined;
      noticeAll();
      kernel.reboot();
      boot.abort(new Error(`${nodeName} lost power`));
    },
    replaceOsDisk: () => {
      isOsDiskLeaving = true;
    },
    givePower: () => {
      if (state !== "off") return;
      state = "running";
      boot = new AbortController();
      boots++;
      rootDisk.isBroken = false;
      gate.open();
      for (const listener of bootListeners) listener();
    },
    attach: ({ lun, disk }) => {
      // The guest asks only whether its devices are there, and one is.
      const departure = isBlind() ? leaving.get(lun) : undefined;
      if (departure !== undefined) {
        leaving.delete(lun);
        unnoticed.splice(unnoticed.indexOf(departure), 1);
      }
      const arrive = (): void => {
        if (departure === undefined) kernel.attach({ lun, disk });
        else kernel.replace({ lun, disk });
        live.set(lun, disk);
        onChange(machine, { kind: "attached", disk, lun });
      };
      if (isBlind()) arriving.set(lun, { arrive, departure });
      notice(arrive);
    },
    detach: (lun) => {
      // The guest never sees a device that came and went while it did not look.
      const arrival = isBlind() ? arriving.get(lun) : undefined;
      if (arrival !== undefined) {
        arriving.delete(lun);
        unnoticed.splice(unnoticed.indexOf(arrival.arrive), 1);
        if (arrival.departure !== undefined) awaitDeparture(lun, arrival.departure);
        return;
      }
      if (!isBlind() || !live.has(lun)) return notice(() => leave(lun));
      const cutOff = live.get(lun);
      if (cutOff === undefined) return;
      const couldWrite = kernel.canWrite(cutOff.diskUri);
      live.delete(lun);
      kernel.cutOff(lun);
      const depart = (): void => kernel.detach(lun);
      awaitDeparture(lun, depart);
      onChange(machine, { kind: "detached", disk: cutOff, lun, couldWrite });
    },
    hasLeftUnnoticed: (lun) => leaving.has(lun),
    lunBesideUnnoticed: () => {
      if (leaving.size === 0) return undefined;
      let lun = 0;
      while (live.has(lun) || leaving.has(lun) || arriving.has(lun)) lun++;
      return lun;
    },
  };

  function leave(lun: number): void {
    const disk = live.get(lun);
    if (disk === undefined) return;
    const couldWrite = state === "running" && kernel.canWrite(disk.diskUri);
    live.delete(lun);
    kernel.detach(lun);
    onChange(machine, { kind: "detached", disk, lun, couldWrite });
  }

  return machine;
}
