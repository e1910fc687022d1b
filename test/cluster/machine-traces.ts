import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { openCgroups } from "../../testbed/lab/cgroups.ts";
import { labHome } from "../../testbed/lab/lab-home.ts";
import { run } from "../../testbed/lab/run.ts";

/** What a lab may leave on a machine; a machine that never had it shows the same before and after. */
export interface MachineTraces {
  readonly links: readonly string[];
  readonly routes: readonly string[];
  readonly mounts: readonly string[];
  /** Loop devices on files of this lab. */
  readonly devices: readonly string[];
  /** Its processes, and those that carry its folder in their arguments. */
  readonly processes: readonly string[];
  readonly controlGroups: readonly string[];
  readonly files: readonly string[];
  /** What a kubelet would set for the whole machine. */
  readonly kernel: readonly string[];
}

const KERNEL = ["vm/overcommit_memory", "kernel/panic", "kernel/panic_on_oops", "net/ipv4/ip_forward"];

/** Looks for every kind of thing that a lab called `name` makes, as far as others' work on the machine does not make the same. */
export async function machineTraces(name: string): Promise<MachineTraces> {
  const home = labHome(name);
  const links = JSON.parse(await run(["ip", "-j", "link", "show"])) as readonly { readonly ifname: string }[];
  const routes = (await run(["ip", "route", "show"])).split("\n");
  const mounts = (await readFile("/proc/self/mounts", "utf8")).split("\n");
  const loops = (await run(["losetup", "--list", "--noheadings", "--output", "NAME,BACK-FILE"])).split("\n");
  const groups = await run(["find", "/sys/fs/cgroup", "-type", "d", "-name", home.group]);
  const nameFolders = await Promise.all(
    ["/var/lib/azuredisk-lab", "/dev/disk"].map(async (folder) => (await readdir(folder).catch(() => [])).map((entry) => join(folder, entry))),
  );
  return {
    links: links
      .map(({ ifname }) => ifname)
      .filter((link) => link.startsWith("azdlab"))
      .toSorted(),
    routes: routes.filter((route) => route.includes("azdlab")).toSorted(),
    mounts: mounts.filter((mount) => mount.includes(home.folder)),
    devices: loops.filter((loop) => loop.includes(home.folder)),
    processes: [...(await (await openCgroups()).processes(home.group)).map(String), ...(await processesThatName(home.folder))],
    controlGroups: groups.split("\n").filter((group) => group !== ""),
    files: nameFolders
      .flat()
      .filter((path) => path === home.folder || path.startsWith("/dev/disk"))
      .toSorted(),
    kernel: await Promise.all(KERNEL.map(async (file) => `${file}=${(await readFile(join("/proc/sys", file), "utf8")).trim()}`)),
  };
}

async function processesThatName(folder: string): Promise<readonly string[]> {
  const pids = (await readdir("/proc")).filter((entry) => /^\d+$/u.test(entry));
  const commands = await Promise.all(pids.map(async (pid) => readFile(join("/proc", pid, "cmdline"), "utf8").catch(() => "")));
  return commands.filter((command) => command.includes(`${folder}/`));
}
