import { deviceBusy, deviceReplaced } from "../../../core/failure/frequent-failures.ts";
import { fail, ok, type Result } from "../../../core/failure/result.ts";
import type { DiskReservations } from "../../../ports/host/disk-reservations.ts";
import type { Device } from "../../../ports/host/host-provisioner.ts";
import { withDevice } from "../found-device.ts";
import type { MachineState, ModelDevice } from "../machine-state.ts";
import type { PlugInCalls } from "../plug-in-calls.ts";
import { heldKey, preempt, reserve, unregister } from "./model-reservation.ts";

/** How a plug-in reserves disks. */
export function reservationCalls({ machine, look, command }: PlugInCalls): DiskReservations {
  return {
    readReservation: async (device, signal) =>
      look("readReservation", signal, () =>
        withReservations(machine, device, ({ disk: { reservation } }) => ok(heldKey(reservation))),
      ),
    readHolder: async (device, signal) =>
      look("readHolder", signal, () =>
        withReservations(machine, device, ({ disk: { reservation } }) => {
          const key = heldKey(reservation);
          return ok(key === undefined ? undefined : { key, isThisMachine: reservation.holder === machine });
        }),
      ),
    reserve: ({ device, key, earlier }, signal) =>
      command("reserve", [device.majorMinor, key, ...(earlier === undefined ? [] : [earlier])], signal, () =>
        withReservations(machine, device, (found) =>
          reserve(found, { key, earlier }) ? ok(undefined) : heldOtherwise(found),
        ),
      ),
    preempt: ({ device, key, victim }, signal) =>
      command("preempt", [device.majorMinor, key, victim], signal, () =>
        withReservations(machine, device, (found) => {
          if (found.disk.reservation.support === "withoutAbort")
            return fail({ kind: "Unsupported", what: `to abort writes that ${device.path} has accepted` });
          return preempt(found, { key, victim }) ? ok(undefined) : heldOtherwise(found);
        }),
      ),
    releaseReservation: ({ device, key }, signal) =>
      command("releaseReservation", [device.majorMinor, key], signal, () =>
        withReservations(machine, device, (found) => ok(unregister(found, key))),
      ),
  };
}

function withReservations<T>(
  machine: MachineState,
  device: Device,
  act: (found: ModelDevice) => Result<T>,
): Result<T> {
  return withDevice(machine, device, (found) => {
    if (found.path !== device.path) return deviceReplaced(device);
    if (found.disk.reservation.support === "none")
      return fail({ kind: "Unsupported", what: `a persistent reservation of ${device.path}` });
    if (found.disk.reservation.isForeign)
      return deviceBusy(device.path, "other software has reserved it with another type");
    return act(found);
  });
}

function heldOtherwise({ path, disk: { reservation } }: ModelDevice): Result<never> {
  const held = heldKey(reservation);
  return deviceBusy(
    path,
    held === undefined ? "no machine reserves it" : `a machine reserves it under ${held}`,
  );
}
