import { readFile } from "node:fs/promises";
import { type LabHome, labHome } from "./lab-home.ts";
import { forgetLab, isBeingStarted, isOrphaned, labNames, readLabRecord } from "./lab-record.ts";
import { labFrame } from "./lab.ts";
import { releaseDevices } from "./release-devices.ts";
import { openCgroups } from "./units/cgroups.ts";

export interface StopOptions {
  /**
   * The clone of the project that takes it down. A lab of another clone is not touched, unless it has
   * outlived the process it was to end with.
   */
  readonly clone: string;
  /** Takes it down whichever clone it belongs to. */
  readonly force?: boolean;
  /** Only if the process with this number started it. */
  readonly startedBy?: number;
}

/**
 * Takes a lab down, in whatever state it is, with every trace of it: processes and their namespaces, mounts
 * and links, then block devices, control groups and files. Returns whether there was one. Throws if it
 * belongs to another clone or another process is starting it.
 */
export async function stopLab(
  name: string,
  { clone, force = false, startedBy }: StopOptions,
): Promise<boolean> {
  const home = labHome(name);
  if (!(await labNames()).includes(name)) return false;
  const record = await readLabRecord(home);
  if (startedBy !== undefined && record?.starter.pid !== startedBy) return false;
  if (record !== undefined && record.clone !== clone && !force && !(await isOrphaned(record)))
    throw new Error(
      `lab ${name} belongs to the clone at ${record.clone}: ` +
        "choose another --name, or take it down from there, or with down --force from here",
    );
  if (record !== undefined && !force && (await isBeingStarted(record)))
    throw new Error(
      `lab ${name} is being started by process ${record.starter.pid}: end that first, or take the lab down ` +
        "with down --force",
    );
  // The groups of a lab contain only its own processes, so this needs no list of what was started.
  const cgroups = await openCgroups();
  await cgroups.kill(home.group);
  if (record !== undefined) await (await labFrame(home, record)).networkUnit.removeHostLink();
  await releaseDevices(home.folder);
  await cgroups.remove(home.group);
  await refuseMounts(home);
  await forgetLab(home, new AbortController().signal);
  return true;
}

/**
 * A node's mounts are not visible here. If a mount is visible all the same, files below it may belong to
 * something else.
 */
async function refuseMounts(home: LabHome): Promise<void> {
  const mountPoints = (await readFile("/proc/self/mountinfo", "utf8"))
    .split("\n")
    .map((line) => line.split(" ")[4] ?? "");
  const below = mountPoints.filter((path) => path.startsWith(`${home.folder}/`));
  if (below.length > 0)
    throw new Error(
      `mounts that are not the lab's lie in its folder; unmount them first: ${below.join(", ")}`,
    );
}
