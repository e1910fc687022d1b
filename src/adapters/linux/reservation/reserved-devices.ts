import { ok, type Result } from "../../../core/failure/result.ts";
import { isNvmeParent, scsiLunOf } from "../../../core/node/device/device-address.ts";
import type { DiskReservations } from "../../../ports/host/disk-reservations.ts";
import type { Device } from "../../../ports/host/host-provisioner.ts";
import { diskOf } from "../device/block-device.ts";
import { parentOf } from "../device/device-address.ts";
import type { HeldDevices } from "../device/held-devices.ts";
import type { OpeningHost } from "../device/open-device.ts";
import type { HostContext } from "../host-context.ts";
import { readHolder } from "./read-holder.ts";
import { readReservation } from "./read-reservation.ts";
import { releaseReservation } from "./release-reservation.ts";
import { preemptDisk, reserveDisk } from "./reserve-disk.ts";
import { noReservationOf } from "./sg-persist.ts";

/** The parts of the host that reserve disks. */
type ReservationsHost = OpeningHost & Pick<HostContext, "sysRoot">;

/** Reservations of SCSI disks. While a command asks or changes one, its device is held. */
export function createReservations(
  host: ReservationsHost,
  whileHolding: HeldDevices["whileHolding"],
): DiskReservations {
  const onDisk = <T>(
    device: Device,
    act: () => Promise<Result<T>>,
    signal: AbortSignal,
  ): Promise<Result<T>> => {
    const checked = async (): Promise<Result<T>> => {
      const refused = await refuseUnreserved(host, device);
      return refused.ok ? await act() : refused;
    };
    return whileHolding(host, device, checked, signal);
  };
  return {
    readReservation: (device, signal) => onDisk(device, () => readReservation(host, device, signal), signal),
    readHolder: (device, signal) => onDisk(device, () => readHolder(host, device, signal), signal),
    reserve: (request, signal) => onDisk(request.device, () => reserveDisk(host, request, signal), signal),
    preempt: (request, signal) => onDisk(request.device, () => preemptDisk(host, request, signal), signal),
    releaseReservation: (request, signal) =>
      onDisk(request.device, () => releaseReservation(host, request, signal), signal),
  };
}

/** Fails with `Unsupported` for all but SCSI disks: NVMe has other commands. */
async function refuseUnreserved(
  { sysRoot }: Pick<HostContext, "sysRoot">,
  device: Device,
): Promise<Result<void>> {
  const parent = await parentOf(sysRoot, await diskOf(sysRoot, device.majorMinor));
  if (parent !== undefined && scsiLunOf(parent) !== undefined) return ok(undefined);
  const isNvme = parent !== undefined && isNvmeParent(parent);
  return noReservationOf(device, isNvme ? "which is an NVMe disk" : "which is no SCSI disk");
}
