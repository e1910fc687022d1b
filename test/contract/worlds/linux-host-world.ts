import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { copyFile, mkdir, mkdtemp, open, readFile, rm, symlink, truncate, writeFile } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { createLinuxHost } from "../../../src/adapters/linux/create-linux-host.ts";
import type { LinuxHost } from "../../../src/adapters/linux/create-linux-host.ts";
import { systemClock } from "../../../src/adapters/system/system-clock.ts";
import { linuxLoopDevices } from "../../../src/emulator/data-plane/loop-devices.ts";
import { loadSystemCalls } from "../../../src/emulator/data-plane/system-calls.ts";
import { growsMountedExt } from "../host/grows-mounted-ext.ts";
import type { HostWorld, StoppedMount } from "../host/host-suite.ts";

/** How much of a replica's device its reader reads, and a test of a raw one, in bytes. */
const READ_BYTES = 4 * 1024 * 1024;
const RAW_BYTES = 4096;

/** The Debian packages of mkfs, apart from e2fsprogs. */
const packageOf: Readonly<Record<string, string>> = { xfs: "xfsprogs", btrfs: "btrfs-progs" };

interface AttachedLoop {
  readonly path: string;
  readonly filePath: string;
  readonly link: string;
}

/** The world of the Linux host, with the parts that only a real kernel needs. */
export type LinuxHostWorld = HostWorld & {
  readonly deviceRoot: string;
  /** The path of the file behind a disk. */
  readonly fileOf: (lun: number) => string;
  /** Keeps a shell command running that prints a line when it is ready and ends with its standard input. */
  readonly keepRunning: (program: string, args: readonly string[]) => Promise<() => Promise<void>>;
};

/**
 * This machine as the contract's world: loop devices on sparse files, with the links that udev would make.
 * LUNs below 2 are linked as SCSI disks, the others as NVMe.
 */
export async function makeLinuxHostWorld(): Promise<LinuxHostWorld> {
  const directory = await mkdtemp(join(tmpdir(), "host-contract-"));
  const deviceRoot = join(directory, "root");
  const mountRoot = join(directory, "mounts");
  const loops = linuxLoopDevices(await loadSystemCalls());
  const attached = new Map<number, AttachedLoop>();
  /** Detached disks, whose numbers the kernel keeps as long as they are open. */
  const keptOpen = new Set<FileHandle>();
  const hosts: LinuxHost[] = [];
  const closers = new Set<() => Promise<void>>();
  const searchPath = process.env["PATH"];

  const startHost = async (): Promise<LinuxHost> => {
    const host = await createLinuxHost({
      deviceRoot,
      lockDirectory: join(directory, "locks"),
      clock: systemClock,
      deviceWaitMs: 200,
    });
    hosts.push(host);
    return host;
  };
  const loopAt = (lun: number): AttachedLoop => {
    const loop = attached.get(lun);
    if (loop === undefined) throw new Error(`no disk at LUN ${lun}`);
    return loop;
  };
  const keepRunning = async (program: string, args: readonly string[]): Promise<() => Promise<void>> => {
    const holder = spawn(program, args, { stdio: ["pipe", "pipe", "inherit"] });
    await once(holder.stdout, "data");
    const close = async (): Promise<void> => {
      closers.delete(close);
      const exited = once(holder, "exit");
      holder.stdin.end();
      await exited;
    };
    closers.add(close);
    return close;
  };
  /** In its own process, because the host doesn't count its own descriptors. */
  const keepOpen = (path: string): Promise<() => Promise<void>> =>
    keepRunning("sh", ["-c", 'exec 3<"$1"; echo open; exec cat', "sh", path]);
  const stopNextMount = async (): Promise<StoppedMount> => {
    const { order, pidFile } = await putMountThatStops(join(directory, "bin"));
    await writeFile(order, "");
    const pidOf = async (): Promise<number> => Number(await readFile(pidFile, "utf8"));
    const proceed = async (): Promise<void> => {
      closers.delete(proceed);
      await rm(order, { force: true });
      if (!existsSync(pidFile)) return;
      const pid = await pidOf();
      process.kill(pid, "SIGCONT");
      await until(() => stateOf(pid) === undefined);
    };
    closers.add(proceed);
    return {
      stopped: async () => {
        await until(() => existsSync(pidFile));
        const pid = await pidOf();
        await until(() => stateOf(pid) === "T");
      },
      proceed,
    };
  };
  /**
   * Lets the kernel give the numbers of detached disks away: only to the next disk of this world, which a
   * host has to tell from them. Other tests take loop devices on the same kernel, and one that has opened
   * a free number and not yet bound it is a trace of the volume that had it before.
   */
  const releaseNumbers = async (): Promise<void> => {
    for (const device of keptOpen) await device.close();
    keptOpen.clear();
  };
  const attachFile = async (lun: number, filePath: string): Promise<void> => {
    await releaseNumbers();
    const path = await loops.bind(filePath);
    const link =
      lun < 2
        ? join(deviceRoot, "dev/disk/azure/scsi1", `lun${lun}`)
        : join(deviceRoot, "dev/disk/azure/data/by-lun", `${lun}`);
    await mkdir(join(link, ".."), { recursive: true });
    await symlink(path, link);
    attached.set(lun, { path, filePath, link });
  };

  await mkdir(mountRoot, { recursive: true });
  const host = await startHost();
  return {
    host,
    deviceRoot,
    fileOf: (lun) => loopAt(lun).filePath,
    attachSameDisk: ({ lun, asLun }) => attachFile(asLun, loopAt(lun).filePath),
    attachCopy: async ({ lun, asLun, sizeBytes }) => {
      const filePath = join(directory, `disk-${asLun}`);
      await copyFile(loopAt(lun).filePath, filePath);
      await truncate(filePath, Number(sizeBytes));
      await attachFile(asLun, filePath);
    },
    keepDeviceRead: (lun) =>
      keepRunning("sh", [
        "-c",
        `exec 3<"$1"; head -c ${READ_BYTES} <&3 >/dev/null; echo read; exec cat`,
        "sh",
        loopAt(lun).path,
      ]),
    writeRaw: async (lun, text) => {
      const device = await open(loopAt(lun).path, "r+");
      await device.write(text, 0);
      await device.sync();
      await device.close();
    },
    readRaw: async (lun) => {
      const device = await open(loopAt(lun).path, "r");
      const { buffer, bytesRead } = await device.read(Buffer.alloc(RAW_BYTES), 0, RAW_BYTES, 0);
      await device.close();
      return buffer.subarray(0, bytesRead).toString().replaceAll("\0", "");
    },
    keepRunning,
    pathOf: (name) => join(mountRoot, name),
    attachDisk: async ({ lun, sizeBytes }) => {
      const filePath = join(directory, `disk-${lun}`);
      await writeFile(filePath, "");
      await truncate(filePath, Number(sizeBytes));
      await attachFile(lun, filePath);
    },
    detachDisk: async (lun) => {
      const loop = loopAt(lun);
      // In this process, whose descriptors the host doesn't count.
      keptOpen.add(await open(loop.path, "r"));
      await loops.cut(loop);
      await rm(loop.link);
    },
    moveDisk: async ({ fromLun, toLun }) => {
      const loop = loopAt(fromLun);
      await loops.cut(loop);
      await rm(loop.link);
      attached.delete(fromLun);
      await attachFile(toLun, loop.filePath);
    },
    growDisk: async ({ lun, sizeBytes }) => {
      await truncate(loopAt(lun).filePath, Number(sizeBytes));
      await loops.rereadSize(loopAt(lun).path);
    },
    scribble: async (lun) => {
      const file = await open(loopAt(lun).filePath, "r+");
      await file.write("an application's own format", 8192);
      await file.sync();
      await file.close();
    },
    writeFile: (path, text) => writeFile(path, text),
    makeDirectory: async (path) => {
      await mkdir(path);
    },
    readFile: (path) => readFile(path, "utf8"),
    keepFileOpen: keepOpen,
    keepDeviceOpen: (device) => keepOpen(device.path),
    stopNextMount,
    startSecondPlugin: async () => ({ host: await startHost(), endFirst: () => host.close() }),
    whyNot: (fsType) =>
      hasProgram(`mkfs.${fsType}`)
        ? undefined
        : `needs mkfs.${fsType}: install ${packageOf[fsType] ?? "e2fsprogs"}`,
    mayGrowMountedExt4: growsMountedExt(),
    close: async () => {
      for (const close of closers) await close();
      await releaseNumbers();
      process.env["PATH"] = searchPath;
      const cleaner = await startHost();
      for (const path of (await pathsMountedBelow(mountRoot)).toReversed())
        await cleaner.unmount(path, new AbortController().signal);
      for (const loop of attached.values()) await loops.cut(loop);
      for (const started of hosts) await started.close();
      await rm(directory, { recursive: true });
    },
  };
}

/**
 * Puts a `mount` before all others in `PATH`. While the file `order` exists, it writes its process id,
 * stops itself, and then becomes the real one: the same process, with everything it inherited.
 */
async function putMountThatStops(bin: string): Promise<{ readonly order: string; readonly pidFile: string }> {
  const [order, pidFile] = [join(bin, "stop"), join(bin, "pid")];
  await mkdir(bin, { recursive: true });
  const script = `#!/bin/sh
PATH="\${PATH#${bin}:}"
if rm "${order}" 2>/dev/null; then
  echo $$ >"${pidFile}.new" && mv "${pidFile}.new" "${pidFile}"
  kill -STOP $$
fi
exec mount "$@"
`;
  await writeFile(join(bin, "mount"), script, { mode: 0o755 });
  process.env["PATH"] = [bin, process.env["PATH"] ?? ""].join(delimiter);
  return { order, pidFile };
}

/** The letter of a process's state, as in /proc; undefined once it has gone. */
export function stateOf(pid: number): string | undefined {
  try {
    return /^\d+ \(.*\) (\w)/.exec(readFileSync(`/proc/${pid}/stat`, "utf8"))?.[1];
  } catch {
    return undefined;
  }
}

export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await systemClock.sleep(5, new AbortController().signal);
}

async function pathsMountedBelow(root: string): Promise<readonly string[]> {
  const lines = (await readFile("/proc/self/mountinfo", "utf8")).split("\n");
  return lines.map((line) => line.split(" ")[4] ?? "").filter((path) => path.startsWith(`${root}/`));
}

function hasProgram(name: string): boolean {
  return [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin", "/sbin"].some((directory) =>
    existsSync(join(directory, name)),
  );
}
