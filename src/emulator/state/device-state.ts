import { keyOf } from "../model/api/resource/resource-id.ts";
import { type DataPlaneEffect, slotKeyOf } from "../model/data-plane-port.ts";
import type { Effect } from "../model/run-command/guests-port.ts";

/** What the devices of all VMs are like, as the sum of the effects that were carried out. */
export interface DeviceState {
  add(effects: readonly Effect[]): void;
  /** The effects that bring a data plane which has the disks' files, and no devices, to this state. */
  effects(): readonly DataPlaneEffect[];
}

/** Devices before the first effect: none. */
export function createDeviceState(): DeviceState {
  const attached = new Map<string, DataPlaneEffect>();
  const stopped = new Map<string, DataPlaneEffect>();
  return {
    add: (effects) => {
      for (const effect of effects) {
        if (effect.kind === "diskAttached") attached.set(slotKeyOf(effect), effect);
        else if (effect.kind === "diskDetached") attached.delete(slotKeyOf(effect));
        else if (effect.kind === "vmStopped") stopped.set(keyOf(effect.vmId), effect);
        else if (effect.kind === "vmStarted") stopped.delete(keyOf(effect.vmId));
      }
    },
    // Power first: a VM that is off shows no disk.
    effects: () => [...stopped.values(), ...attached.values()],
  };
}
