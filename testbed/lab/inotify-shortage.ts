import { readdir, readFile, readlink, stat } from "node:fs/promises";
import { join } from "node:path";

/** A kubelet has 6 and a containerd 2. */
const INSTANCES_PER_NODE = 8;
/** The control plane has 6; the rest is for programs in pods. */
const INSTANCES_OF_REST = 10;
const LIMIT_FILE = "/proc/sys/fs/inotify/max_user_instances";

/**
 * Why the kernel would refuse file watches to the lab's programs, since root has a fixed number of inotify
 * instances; `undefined` if enough are left.
 */
export async function inotifyShortage(nodes: number): Promise<string | undefined> {
  const needed = nodes * INSTANCES_PER_NODE + INSTANCES_OF_REST;
  const limit = Number(await readFile(LIMIT_FILE, "utf8"));
  const inUse = (
    await Promise.all((await readdir("/proc")).filter((entry) => /^\d+$/u.test(entry)).map(instancesOf))
  ).reduce((sum, each) => sum + each, 0);
  if (inUse + needed <= limit) return undefined;
  return (
    `a lab of ${nodes} nodes needs ${needed} inotify instances, and root has ${limit - inUse} of ` +
    `${limit} left: ` +
    `sysctl fs.inotify.max_user_instances=${inUse + needed + limit}, or take another lab down`
  );
}

async function instancesOf(pid: string): Promise<number> {
  const folder = join("/proc", pid, "fd");
  try {
    if ((await stat(folder)).uid !== 0) return 0;
    const targets = await Promise.all(
      (await readdir(folder)).map(async (fd) => readlink(join(folder, fd)).catch(() => "")),
    );
    return targets.filter((target) => target === "anon_inode:inotify").length;
  } catch {
    // The process has ended, or this user may not read it.
    return 0;
  }
}
