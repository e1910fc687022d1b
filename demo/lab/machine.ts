import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdir, readFile, realpath, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { type BoundLoopDevice, boundLoopDevices } from "../../src/emulator/data-plane/bound-loop-devices.ts";
import { linuxLoopDevices } from "../../src/emulator/data-plane/loop-devices.ts";
import { loadSystemCalls } from "../../src/emulator/data-plane/system-calls.ts";
import type { Child } from "./child.ts";
import { type MachineNamespace, namespaceOf, processesIn, signalAll, stopAll } from "./mount-namespace.ts";

/** What a VM of the lab has of its own and loses with its power: mounts, processes and a boot id. */
export interface Machine {
  /** A process that stays in the mount namespace of this boot: mounts outlive the node plug-in. */
  readonly mountsPid: number;
  /** Starts it after a power loss: its own disk is as it was cut, and nothing else is mounted. */
  boot(): Promise<void>;
  /**
   * Ends it at one moment: its processes stop, its own disk and Azure's are cut, and only then do the
   * processes die, so that none of them sees a dead disk. Resolves once its mounts are gone. Only for a
   * machine with a disk of its own: what it has not synced is lost.
   */
  losePower(cutAzureDisks: () => Promise<void>): Promise<void>;
  /**
   * Stops its processes as a VM that hangs. One that waits in the kernel, as for a file system that is frozen
   * for a snapshot, stops once that lets it go.
   */
  freeze(): Promise<void>;
  /** It continues as if nothing had happened. */
  thaw(): Promise<void>;
  /** Asks its processes to end, kills those left after the grace period, and waits for its mounts' end. */
  shutDown(graceMs: number): Promise<void>;
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
const LOOK_EVERY_MS = 20;
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
  /** Undefined while it is off. */
  let namespace: MachineNamespace | undefined = await namespaceOf(first.pid);
  return {
    get mountsPid() {
      return first.pid;
    },
    boot: async () => {
      first = await boot();
      namespace = await namespaceOf(first.pid);
    },
    losePower: async (cutAzureDisks) => {
      await stopAll(running());
      await cutAzureDisks();
      const loops = linuxLoopDevices(await loadSystemCalls());
      for (const device of await boundLoopDevices(folder)) await loops.cut(device);
      await kill();
    },
    freeze: () => signalAll(running(), "SIGSTOP"),
    thaw: () => signalAll(running(), "SIGCONT"),
    shutDown: async (graceMs) => {
      if (namespace === undefined) return;
      await signalAll(namespace, "SIGCONT");
      await signalAll(namespace, "SIGTERM");
      if ((await leftAfter(graceMs)).length === 0) return;
      await stopAll(namespace);
      await kill();
    },
  };

  function running(): MachineNamespace {
    if (namespace === undefined) throw new Error(`${name} is off`);
    return namespace;
  }

  async function kill(): Promise<void> {
    // Again at each look: another program may have been about to enter the namespace.
    const left = await leftAfter(END_MAX_MS, "SIGKILL");
    if (left.length > 0) throw new Error(`${name} did not end within ${END_MAX_MS} ms: ${left.join(", ")}`);
  }

  /** What of it has not ended within this time; `signal` is sent before each look. */
  async function leftAfter(maxMs: number, signal?: NodeJS.Signals): Promise<readonly string[]> {
    const endMs = performance.now() + maxMs;
    for (;;) {
      if (signal !== undefined) await signalAll(running(), signal);
      const pids = await processesIn(running());
      const devices = await boundLoopDevices(folder);
      if (pids.length === 0 && devices.length === 0) {
        namespace = undefined;
        return [];
      }
      if (performance.now() > endMs)
        return [...(await Promise.all(pids.map(describeProcess))), ...devices.map(describeDevice)];
      await sleep(LOOK_EVERY_MS);
    }
  }

  async function boot(): Promise<Child> {
    await writeFile(bootIdFile, `${randomUUID()}\n`);
    const init = ["unshare", "--mount", "--propagation=private", "sh", "-c", INIT];
    const started = run([...init, bootIdFile, diskOf(folder), ...(hasOwnDisk ? [diskFile] : [])]);
    // Until it reports that it is ready, it may still be in the lab's own namespace.
    await started.untilLine((line) => line.startsWith("{"), BOOT_MAX_MS);
    return started;
  }
}

/** Such as `4711 (sleep, state D in __wait_on_freeing_inode)`. */
async function describeProcess(pid: number): Promise<string> {
  const [stat, waitsIn] = await Promise.all(
    ["stat", "wchan"].map((file) => readFile(`/proc/${pid}/${file}`, "utf8").catch(String)),
  );
  const [, command, state] = /\((.*)\) (\S)/su.exec(stat ?? "") ?? [];
  return `${pid} (${command}, state ${state} in ${waitsIn})`;
}

function describeDevice({ path, filePath, isCut }: BoundLoopDevice): string {
  return `${path} of ${filePath}${isCut ? ", cut" : ""}`;
}
