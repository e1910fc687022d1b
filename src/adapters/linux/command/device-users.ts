import { join } from "node:path";
import type { Failure } from "../../../core/failure/failure.ts";
import type { Result } from "../../../core/failure/result.ts";
import { fail, ok } from "../../../core/failure/result.ts";
import { parseShownFiles, shownFilesArgs } from "../../../core/node/parse-shown-files.ts";
import { askAbout, FILES_AT_ONCE } from "./ask-about-files.ts";
import type { DeviceInProcess, Question, SearchedHost } from "./ask-about-files.ts";
import { mappedDevices } from "./mapped-devices.ts";
import { openFilesOf, otherProcessIds } from "./processes.ts";
import type { OpenFile } from "./processes.ts";

/** The ids of processes that may write to a device. */
export interface DeviceUsers {
  readonly openInPids: readonly number[];
  readonly mappedInPids: readonly number[];
}

/** The devices that the processes of this host have. */
export interface DevicesOfProcesses {
  readonly open: readonly DeviceInProcess[];
  readonly mapped: readonly DeviceInProcess[];
  /** Why there may be more: a process does not show in time what it has. */
  readonly incomplete: Failure | undefined;
}

/** Searches of all processes: the second is of those that the first has not seen. */
const searches = 2;

/**
 * Searches every process for devices. A process may end before it is looked at, having started another one
 * since they were listed, and its first thread may end while it is looked at: so those that were not looked
 * at are listed, and looked at, once more. Descriptors come first: a process maps what it has open, and may
 * then close it.
 */
export async function searchProcesses(host: SearchedHost, signal: AbortSignal): Promise<DevicesOfProcesses> {
  const searched = new Set<number>();
  const open: DeviceInProcess[] = [];
  const mapped: DeviceInProcess[] = [];
  for (let search = 1; search <= searches; search += 1) {
    const ids = (await otherProcessIds(host.procRoot)).filter((id) => !searched.has(id));
    const opened = await addOpenDevices(host, ids, open, signal);
    // These have closed files since, and may have moved the device to another descriptor.
    const searchedAgain = opened.ok ? await addOpenDevices(host, opened.value, open, signal) : opened;
    const alsoMapped = searchedAgain.ok ? await mappedDevices(host, ids, signal) : searchedAgain;
    if (!alsoMapped.ok) return { open, mapped, incomplete: alsoMapped.failure };
    mapped.push(...alsoMapped.value);
    for (const id of ids) searched.add(id);
  }
  return { open, mapped, incomplete: undefined };
}

/**
 * Who has one of these devices. What is found answers: a process that does not show what it has hides no
 * more. Else that one makes it fail, with `HostNotReady`.
 */
export function usersAmong(
  { open, mapped, incomplete }: DevicesOfProcesses,
  devices: ReadonlySet<string>,
): Result<DeviceUsers> {
  const pidsOf = (found: readonly DeviceInProcess[]): readonly number[] => [
    ...new Set(found.filter(({ device }) => devices.has(device)).map(({ pid }) => pid)),
  ];
  const users = { openInPids: pidsOf(open), mappedInPids: pidsOf(mapped) };
  const isUsed = users.openInPids.length > 0 || users.mappedInPids.length > 0;
  return isUsed || incomplete === undefined ? ok(users) : fail(incomplete);
}

/**
 * Adds the devices that these processes have open, and answers which of them have closed a file since it was
 * listed. Commands look, which can be killed where a look hangs.
 */
async function addOpenDevices(
  host: SearchedHost,
  ids: readonly number[],
  found: DeviceInProcess[],
  signal: AbortSignal,
): Promise<Result<readonly number[]>> {
  const question: Question<OpenFile> = {
    program: "stat",
    args: shownFilesArgs,
    fileOf: ({ pid, descriptor }) => join(host.procRoot, `${pid}/fd/${descriptor}`),
    pidOf: ({ pid }) => pid,
    whatIsLate: "what it has open",
  };
  let files: OpenFile[] = [];
  const changed = new Set<number>();
  const look = async (): Promise<Result<readonly number[]>> => {
    const shown = await askAbout(host, question, files, signal);
    if (!shown.ok) return shown;
    const known = new Set<string>();
    for (const { pid, name, device } of parseShownFiles(shown.value)) {
      known.add(`${pid}/${name}`);
      if (device !== undefined) found.push({ pid, device });
    }
    for (const { pid, descriptor } of files) if (!known.has(`${pid}/${descriptor}`)) changed.add(pid);
    files = [];
    return ok([...changed]);
  };
  for await (const file of openFilesOf(host.procRoot, ids)) {
    files.push(file);
    if (files.length < FILES_AT_ONCE) continue;
    const looked = await look();
    if (!looked.ok) return looked;
  }
  return await look();
}
