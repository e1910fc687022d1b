import { otherProcessIds, processesWithOpenDevice } from "./processes.ts";

/** Searches of all processes: the second is of those that the first has not seen. */
const searches = 2;

/**
 * Searches every process for a device. A process may end before it is looked at, having started another one
 * since they were listed, and its first thread may end while it is looked at: so those that were not looked
 * at are listed, and looked at, once more.
 */
export async function processesWithDevice(
  procRoot: string,
  numbers: ReadonlySet<string>,
): Promise<readonly number[]> {
  const looked = new Set<number>();
  const openIn: number[] = [];
  for (let search = 1; search <= searches; search += 1) {
    const ids = (await otherProcessIds(procRoot)).filter((id) => !looked.has(id));
    openIn.push(...(await processesWithOpenDevice(procRoot, ids, numbers)));
    for (const id of ids) looked.add(id);
  }
  return openIn;
}
