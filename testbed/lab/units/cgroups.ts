import { mkdir, readdir, readFile, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { hasCode, undefinedIf } from "../../../src/core/primitives/error-code.ts";
import { parseHierarchies } from "./parse-hierarchies.ts";
import { sendSignal } from "./process-identity.ts";
import { waitUntil } from "./wait-until.ts";

/**
 * Control groups of a lab. Every process of a lab is in one of its groups, and so are all its descendants,
 * even detached ones. The groups are therefore the complete list of processes to end, and contain no
 * others.
 */
export interface Cgroups {
  /** The file that accepts the number of a process which joins `group`. */
  joinFile(group: string): string;
  /** Makes a group that processes join. */
  create(group: string): Promise<void>;
  /** Makes a group below which a kubelet makes its own, with every available controller. */
  createRoot(group: string): Promise<void>;
  /** Every process in a group and below it; none if there is no such group. */
  processes(group: string): Promise<readonly number[]>;
  /** Freezes or thaws a group and all below it, and waits until it is done. */
  setFrozen(group: string, frozen: boolean): Promise<void>;
  /**
   * Kills every process in a group and below it, frozen ones included, and waits until they are gone. The
   * group is thawed then.
   */
  kill(group: string): Promise<void>;
  /** Removes a group without processes and all below it, in every hierarchy. */
  remove(group: string): Promise<void>;
}

const KILL_MAX_MS = 120_000;
const FREEZE_MAX_MS = 240_000;
const REMOVE_MAX_MS = 240_000;
/** The controllers that pods need under version 2. */
const CONTROLLERS = ["cpuset", "cpu", "io", "memory", "hugetlb", "pids"];

/**
 * The groups of this machine: version 1 if its freezer is mounted, else version 2. Throws if there is
 * neither. `mountinfo`: what is mounted, as /proc/self/mountinfo has it, which is the default.
 */
export async function openCgroups(mountinfo?: string): Promise<Cgroups> {
  const hierarchies = parseHierarchies(mountinfo ?? (await readFile("/proc/self/mountinfo", "utf8")));
  const freezer = hierarchies.find(
    ({ controllers }) => controllers !== "unified" && controllers.includes("freezer"),
  );
  const unified = hierarchies.find(({ controllers }) => controllers === "unified");
  const tracking = freezer ?? unified;
  if (tracking === undefined) throw new Error("no control groups: mount cgroup2 at /sys/fs/cgroup");
  const pathOf = (group: string): string => join(tracking.mountPoint, group);

  async function createRoot(group: string): Promise<void> {
    if (freezer === undefined) return createWithControllers(tracking?.mountPoint ?? "", group);
    for (const { mountPoint, controllers } of hierarchies) {
      await mkdir(join(mountPoint, group), { recursive: true });
      if (controllers !== "unified" && controllers.includes("cpuset")) await inheritCpuset(mountPoint, group);
    }
  }

  async function setFrozen(group: string, frozen: boolean): Promise<void> {
    const path = pathOf(group);
    await waitUntil(
      `${group} to be ${frozen ? "frozen" : "thawed"}`,
      { timeoutMs: FREEZE_MAX_MS },
      async () => {
        // Repeated: version 1 may miss a process that starts during the freeze: it needs another try.
        if (freezer === undefined) await writeFile(join(path, "cgroup.freeze"), frozen ? "1" : "0");
        else await writeFile(join(path, "freezer.state"), frozen ? "FROZEN" : "THAWED");
        const isFrozen =
          freezer === undefined
            ? (await readFile(join(path, "cgroup.events"), "utf8")).includes("frozen 1")
            : (await readFile(join(path, "freezer.state"), "utf8")).trim() === "FROZEN";
        return isFrozen === frozen || undefined;
      },
    );
  }

  async function kill(group: string): Promise<void> {
    await waitUntil(`the processes of ${group} to end`, { timeoutMs: KILL_MAX_MS }, async () => {
      const pids = await processesBelow(pathOf(group));
      for (const pid of pids) sendSignal(pid, "SIGKILL");
      // Version 1 does not kill a frozen process until it is thawed, and thawing a group leaves frozen
      // groups below it as they are.
      if (freezer !== undefined && pids.length > 0) await thawTree(pathOf(group));
      return pids.length === 0 || undefined;
    });
    // Version 2 kills frozen processes, and the group stays frozen: the next one to join would stop.
    if (freezer === undefined) await writeFile(join(pathOf(group), "cgroup.freeze"), "0").catch(unlessGone);
  }

  async function remove(group: string): Promise<void> {
    await Promise.all(
      hierarchies.map(({ mountPoint }) =>
        waitUntil(
          `the group ${group} to go`,
          { timeoutMs: REMOVE_MAX_MS },
          async () => (await removeTree(join(mountPoint, group))) || undefined,
        ),
      ),
    );
  }

  return {
    joinFile: (group) => join(pathOf(group), "cgroup.procs"),
    create: async (group) => void (await mkdir(pathOf(group), { recursive: true })),
    createRoot,
    processes: (group) => processesBelow(pathOf(group)),
    setFrozen,
    kill,
    remove,
  };
}

/** Every group on the path passes its controllers down. One that this machine lacks can't be passed. */
async function createWithControllers(mountPoint: string, group: string): Promise<void> {
  let path = mountPoint;
  for (const name of group.split("/")) {
    const offered = (await readFile(join(path, "cgroup.controllers"), "utf8")).trim().split(" ");
    for (const controller of CONTROLLERS.filter((each) => offered.includes(each))) {
      try {
        await writeFile(join(path, "cgroup.subtree_control"), `+${controller}`);
      } catch (error) {
        throw new Error(
          `${path} can't pass the controller ${controller} down, which pods need: ` +
            "in a container, start from the machine itself",
          {
            cause: error,
          },
        );
      }
    }
    path = join(path, name);
    await mkdir(path, { recursive: true });
  }
}

/** A new group of version 1 has no processors and no memory nodes, and accepts no process without them. */
async function inheritCpuset(mountPoint: string, group: string): Promise<void> {
  let path = mountPoint;
  for (const name of group.split("/")) {
    const inherited = await Promise.all(
      ["cpuset.cpus", "cpuset.mems"].map(
        async (file) => [file, await readFile(join(path, file), "utf8")] as const,
      ),
    );
    path = join(path, name);
    for (const [file, value] of inherited) await writeFile(join(path, file), value.trim());
  }
}

async function processesBelow(path: string): Promise<readonly number[]> {
  const own = await readFile(join(path, "cgroup.procs"), "utf8").catch(unlessGone);
  if (own === undefined) return [];
  const below = await Promise.all((await groupsIn(path)).map(processesBelow));
  return [
    ...own
      .split("\n")
      .filter((line) => line !== "")
      .map(Number),
    ...below.flat(),
  ];
}

async function thawTree(path: string): Promise<void> {
  await writeFile(join(path, "freezer.state"), "THAWED").catch(unlessGone);
  for (const child of await groupsIn(path)) await thawTree(child);
}

/** Returns false while the kernel still counts processes that have ended. */
async function removeTree(path: string): Promise<boolean> {
  for (const child of await groupsIn(path)) {
    if (!(await removeTree(child))) return false;
  }
  try {
    await rmdir(path).catch(unlessGone);
    return true;
  } catch (error) {
    if (hasCode(error, "EBUSY")) return false;
    throw error;
  }
}

async function groupsIn(path: string): Promise<readonly string[]> {
  const entries = (await readdir(path, { withFileTypes: true }).catch(unlessGone)) ?? [];
  return entries.filter((entry) => entry.isDirectory()).map((entry) => join(path, entry.name));
}

/** ENODEV: the group was removed between open and read. */
const unlessGone = undefinedIf("ENOENT", "ENODEV");
