import type { Clock } from "../../../src/ports/clock.ts";
import type { SimMachine } from "../../azure/sim-machine.ts";
import { instanceUriOf } from "../../azure/vm-names.ts";
import { createSwitch } from "../api/switch.ts";

/** A machine without devices that can be frozen and rebooted; its kernel only knows its mounts. */
export interface TestMachine extends SimMachine {
  /** Path and disk's URI. */
  readonly mounted: Map<string, string>;
  /** Disks that it cannot write any more. */
  readonly cutOff: Set<string>;
  freeze(): void;
  thaw(): void;
  reboot(): void;
}

const NEVER = new AbortController().signal;

/** A machine that runs. */
export function aMachine(nodeName: string, clock: Clock): TestMachine {
  const running = createSwitch();
  const mounted = new Map<string, string>();
  const cutOff = new Set<string>();
  const listeners: (() => void)[] = [];
  let boot = new AbortController();
  const passed = (): Promise<void> => running.untilOn(NEVER);
  return {
    nodeName,
    isOrWas: (name) => name === nodeName,
    instanceUri: instanceUriOf(nodeName),
    vmGuid: `vm-of-${nodeName}`,
    osDisk: () => 1,
    rootDisk: { isBroken: false },
    mounted,
    cutOff,
    kernel: {
      mounts: () =>
        [...mounted].map(([path, diskUri]) => ({
          path,
          diskUri,
          readOnly: false,
          canWrite: !cutOff.has(diskUri),
        })),
      placeholders: () => [],
    } as unknown as SimMachine["kernel"],
    clock: {
      nowMs: clock.nowMs,
      elapsedMs: clock.elapsedMs,
      sleep: async (ms, signal) => {
        await clock.sleep(ms, signal);
        await running.untilOn(signal);
      },
    },
    state: () => (running.isOn() ? "running" : "frozen"),
    boot: () => boot.signal,
    passed,
    bootNumber: () => 1,
    onBoot: (listener) => listeners.push(listener),
    freeze: () => running.set(false),
    thaw: () => running.set(true),
    reboot: () => {
      mounted.clear();
      boot.abort(new Error("reboot"));
      boot = new AbortController();
      running.set(true);
      for (const listener of listeners) listener();
    },
  };
}
