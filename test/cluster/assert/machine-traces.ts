import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { labHome } from "../../../testbed/lab/lab-home.ts";
import { openCgroups } from "../../../testbed/lab/units/cgroups.ts";
import { run } from "../../../testbed/lab/units/run.ts";

/** The traces that a lab may leave on a machine. Others may use that machine, with labs of their own. */
export interface MachineTraces {
  readonly links: readonly string[];
  readonly routes: readonly string[];
  readonly mounts: readonly string[];
  readonly devices: readonly string[];
  readonly processes: readonly string[];
  readonly controlGroups: readonly string[];
  readonly files: readonly string[];
}

export const NO_TRACES: MachineTraces = {
  links: [],
  routes: [],
  mounts: [],
  devices: [],
  processes: [],
  controlGroups: [],
  files: [],
};

/** Settings that a kubelet changes for the whole machine unless it is prevented. */
const KERNEL_SETTINGS = [
  "vm/overcommit_memory",
  "vm/panic_on_oom",
  "kernel/panic",
  "kernel/panic_on_oops",
  "kernel/keys/root_maxkeys",
  "net/ipv4/ip_forward",
];

/** Looks for everything that the lab called `name`, whose link is `hostLink`, has created. */
export async function machineTraces(name: string, hostLink: string): Promise<MachineTraces> {
  const home = labHome(name);
  const links = JSON.parse(await run(["ip", "-j", "link", "show"])) as readonly { readonly ifname: string }[];
  const routes = (await run(["ip", "route", "show"])).split("\n");
  const mounts = (await readFile("/proc/self/mounts", "utf8")).split("\n");
  const loops = (await run(["losetup", "--list", "--noheadings", "--output", "NAME,BACK-FILE"])).split("\n");
  // A cgroup that is removed during the search makes find fail, though it has seen the others.
  const groups = await run([
    "sh",
    "-c",
    'find /sys/fs/cgroup -maxdepth 2 -type d -name "$0" 2>/dev/null; true',
    home.group,
  ]);
  return {
    links: links.map(({ ifname }) => ifname).filter((link) => link === hostLink),
    routes: routes.filter((route) => route.includes(`dev ${hostLink} `)),
    mounts: mounts.filter((mount) => mount.includes(`${home.folder}/`)),
    devices: loops.filter((loop) => loop.includes(`${home.folder}/`)),
    processes: [
      ...(await (await openCgroups()).processes(home.group)).map(String),
      ...(await commandsThatName(`${home.folder}/`)),
    ],
    controlGroups: groups.split("\n").filter((group) => group !== ""),
    files: (await readdir(join(home.folder, "..")).catch(() => [])).filter((file) => file === name),
  };
}

/** The present values of kernel settings that a lab must not change. */
export async function kernelSettings(): Promise<readonly string[]> {
  return Promise.all(
    KERNEL_SETTINGS.map(
      async (file) => `${file}=${(await readFile(join("/proc/sys", file), "utf8")).trim()}`,
    ),
  );
}

async function commandsThatName(folder: string): Promise<readonly string[]> {
  const pids = (await readdir("/proc")).filter((entry) => /^\d+$/u.test(entry));
  const commands = await Promise.all(
    pids.map(async (pid) => readFile(join("/proc", pid, "cmdline"), "utf8").catch(() => "")),
  );
  return commands.filter((command) => command.includes(folder));
}
