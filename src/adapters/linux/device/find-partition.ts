import { wrongDevice } from "../../../core/failure/frequent-failures.ts";
import type { Result } from "../../../core/failure/result.ts";
import { ok } from "../../../core/failure/result.ts";
import type { Device } from "../../../ports/host/host-provisioner.ts";
import type { HostContext } from "../host-context.ts";
import { nodeOfDevice, partitionsOf, sizeOfDevice } from "./block-device.ts";

/** The device of a partition of a disk, by the kernel's own table: no link of udev is followed. */
export async function findPartition(
  { sysRoot }: HostContext,
  { disk, partition }: { readonly disk: Device; readonly partition: number },
): Promise<Result<Device>> {
  const seen = await partitionsOf(sysRoot, disk.majorMinor);
  const majorMinor = seen.find(({ number }) => number === partition)?.majorMinor;
  const path = majorMinor === undefined ? undefined : await nodeOfDevice(sysRoot, majorMinor);
  const sizeBytes = majorMinor === undefined ? undefined : await sizeOfDevice(sysRoot, majorMinor);
  if (majorMinor === undefined || path === undefined || sizeBytes === undefined)
    return wrongDevice(
      disk.path,
      `the kernel sees no partition ${partition} on it, only ${listed(seen.map(({ number }) => number))}`,
    );
  return ok({ path, majorMinor, sizeBytes });
}

function listed(numbers: readonly number[]): string {
  return numbers.length === 0 ? "the whole disk" : numbers.toSorted((left, right) => left - right).join(", ");
}
