import {
  deviceBusy,
  deviceReplaced,
  hostCommandFailed,
  hostNotReady,
} from "../../core/failure/frequent-failures.ts";
import type { Result } from "../../core/failure/result.ts";
import { bytes } from "../../core/primitives/units.ts";
import type { Device } from "../../ports/host/host-provisioner.ts";
import type { MachineState, ModelDevice, ModelMount } from "./machine-state.ts";
import { acceptsWrites } from "./reservation/model-reservation.ts";

/** Acts on the machine's device of that number, if there is one that answers. */
export function withDevice<T>(
  machine: MachineState,
  device: Device,
  act: (found: ModelDevice) => Result<T>,
): Result<T> {
  const found = [...machine.devicesByLun.values()].find(
    (candidate) => candidate.majorMinor === device.majorMinor,
  );
  if (found === undefined) return deviceReplaced(device);
  if (found.state === "cutOff") return hostNotReady(`${device.path} can't be opened (EIO)`);
  return act(found);
}

/** Acts on the device where its disk takes writes of this machine. */
export function withWritable(
  machine: MachineState,
  device: Device,
  act: (found: ModelDevice) => Result<void>,
): Result<void> {
  return withDevice(machine, device, (found) => (acceptsWrites(found) ? act(found) : refusesWrites(found)));
}

/** The answer where the disk takes no writes of this machine. */
export function refusesWrites({ path }: ModelDevice): Result<never> {
  return hostCommandFailed(`write ${path}`, 1, "Input/output error");
}

/** The answer where something else uses the device. */
export function inUse(device: ModelDevice): Result<never> {
  return deviceBusy(
    device.path,
    "it is mounted somewhere, part of another device (LVM, RAID), or in use by another command",
  );
}

/** The device as the port names it. */
export function toDevice(device: ModelDevice): Device {
  return { path: device.path, majorMinor: device.majorMinor, sizeBytes: bytes(device.knownBytes) };
}

export function mountOn(machine: MachineState, path: string): ModelMount | undefined {
  return machine.mounts.findLast((mount) => mount.path === path);
}

/** Whether the device of a mount has gone, or takes no more writes. */
export function isDead(mount: ModelMount): boolean {
  return mount.device.state !== "present";
}
