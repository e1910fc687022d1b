import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdir, readdir, readlink, realpath, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { boundLoopDevices } from "../../src/emulator/data-plane/bound-loop-devices.ts";
import { linuxLoopDevices } from "../../src/emulator/data-plane/loop-devices.ts";
import { loadSystemCalls } from "../../src/emulator/data-plane/system-calls.ts";
import { freezeProcess } from "../../testbed/lab/units/freeze-process.ts";
import { sendSignal } from "../../testbed/lab/units/process-identity.ts";
import { waitUntil } from "../wait-until.ts";
import type { Child } from "./child.ts";

/** What a VM of the lab has of its own and loses with its power: mounts, processes and a boot id. */
export interface Machine {
  /** A process that stays in the mount namespace of this boot: mounts outlive the node plug-in. */
  readonly mountsPid: number;
  /** Starts it after a power loss: its own disk is as it was cut, and nothing else is mounted. */
  boot(): Promise<void>;
  /**
   * Ends it at one moment: its processes freeze, its own disk and Azure's are cut, and only then do the
   * processes die, so that none of them sees a dead disk. Resolves once its mounts are gone. Only for a
   * machine with a disk of its own: what it has not synced is lost.
   */
  losePower(cutAzureDisks: () => Promise<void>): Promise<void>;
}

export interface MachineOptions {
  readonly name: string;
  /** An existing folder for what it keeps. */
  readonly home: string;
  /** Whether `home/disk` is a disk of its own, or a folder. */
  readonly hasOwnDisk: boolean;
  readonly run: (command: readonly string[]) => Child;
}

/** The folder of a machine that outlives its power: its state, and what its kubelet keeps. */
export function diskOf(home: string): string {
  return join(home, "disk");
}

const BOOT_MAX_MS = 120_000;
const END_MAX_MS = 120_000;
/** Enough for the checkpoints and the mount points of many volumes. */
const DISK_BYTES = 64 * 1024 * 1024;

/**
 * The first process of a machine. Its boot id hides the kernel's, which all machines of a lab share:
 * systemd-nspawn does the same. Its own disk has a loop device that ends with the mount.
 */
const INIT =
  'mount --bind "$0" /proc/sys/kernel/random/boot_id && { [ -z "$2" ] || mount -o loop "$2" "$1"; } && ' +
  'mkdir -p "$1/kubelet" && echo {} && exec sleep infinity';

/** Boots a machine for the first time. */
export async function startMachine({ name, home, hasOwnDisk, run }: MachineOptions): Promise<Machine> {
  const folder = await realpath(home);
  const bootIdFile = join(folder, "boot-id");
  const diskFile = join(folder, "own.disk");
  await mkdir(diskOf(folder), { recursive: true });
  if (hasOwnDisk) {
    await writeFile(diskFile, "");
    await truncate(diskFile, DISK_BYTES);
    await promisify(execFile)("mkfs.ext4", ["-q", "-F", diskFile]);
  }
  let first = await boot();
  return {
    get mountsPid() {
      return first.pid;
    },
    boot: async () => {
      first = await boot();
    },
    losePower: async (cutAzureDisks) => {
      const namespace = await readlink(`/proc/${first.pid}/ns/mnt`);
      await freezeAll(namespace);
      await cutAzureDisks();
      const loops = linuxLoopDevices(await loadSystemCalls());
      for (const device of await boundLoopDevices(folder)) await loops.cut(device);
      for (const pid of await processesIn(namespace)) sendSignal(pid, "SIGKILL");
      await waitUntil(`${name} to end`, END_MAX_MS, async () => {
        const left = [...(await processesIn(namespace)), ...(await boundLoopDevices(folder))];
        return left.length === 0 ? true : undefined;
      });
    },
  };

  async function boot(): Promise<Child> {
    await writeFile(bootIdFile, `${randomUUID()}\n`);
    const init = ["unshare", "--mount", "--propagation=private", "sh", "-c", INIT];
    const started = run([...init, bootIdFile, diskOf(folder), ...(hasOwnDisk ? [diskFile] : [])]);
    // Until it reports that it is ready, it may still be in the lab's own namespace.
    await started.untilLine((line) => line.startsWith("{"), BOOT_MAX_MS);
    return started;
  }
}

/** Freezes each process of a namespace, and those that these start until then. */
async function freezeAll(namespace: string): Promise<void> {
  const frozen = new Set<number>();
  for (;;) {
    const running = (await processesIn(namespace)).filter((pid) => !frozen.has(pid));
    if (running.length === 0) return;
    await Promise.all(running.map(freezeProcess));
    for (const pid of running) frozen.add(pid);
  }
}

/** The processes that have this mount namespace, such as `mnt:[4026531840]`. */
async function processesIn(namespace: string): Promise<readonly number[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/u.test(name));
  const namespaces = await Promise.all(
    pids.map((pid) => readlink(`/proc/${pid}/ns/mnt`).catch(unlessForeign)),
  );
  return pids.filter((_, index) => namespaces[index] === namespace).map(Number);
}

/** It has ended, or is of the machine's owner, who lets no other see it: then it is none of the lab's. */
function unlessForeign(error: unknown): undefined {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  if (["ENOENT", "ESRCH", "EACCES"].includes(code)) return undefined;
  throw error;
}
