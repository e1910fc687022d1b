import type { Failure } from "../../../core/failure/failure.ts";
import type { Result } from "../../../core/failure/result.ts";
import { ok } from "../../../core/failure/result.ts";
import { processesWithMappedDevice } from "./mapped-devices.ts";
import type { SearchedHost } from "./mapped-devices.ts";
import { otherProcessIds, processesWithOpenDevice } from "./processes.ts";

/** The ids of processes that may write to a device. */
export interface DeviceUsers {
  readonly openInPids: readonly number[];
  readonly mappedInPids: readonly number[];
}

/** Searches of all processes: the second is of those that the first has not seen. */
const searches = 2;

/**
 * Searches every process for a device. A process may end before it is looked at, having started another one
 * since they were listed, and its first thread may end while it is looked at: so those that were not looked
 * at are listed, and looked at, once more. Descriptors come first: a process maps what it has open, and may
 * then close it. What is open answers: a process that does not show in time what it has mapped hides no more.
 * Else that one makes it fail, with `HostNotReady`.
 */
export async function usersOfDevice(
  host: SearchedHost,
  numbers: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<Result<DeviceUsers, Failure>> {
  const looked = new Set<number>();
  const openInPids: number[] = [];
  const mappedInPids: number[] = [];
  for (let search = 1; search <= searches; search += 1) {
    const ids = (await otherProcessIds(host.procRoot)).filter((id) => !looked.has(id));
    openInPids.push(...(await processesWithOpenDevice(host.procRoot, ids, numbers)));
    if (openInPids.length > 0) break;
    const mapped = await processesWithMappedDevice(host, ids, numbers, signal);
    if (!mapped.ok) return mapped;
    mappedInPids.push(...mapped.value);
    for (const id of ids) looked.add(id);
  }
  return ok({ openInPids, mappedInPids });
}
