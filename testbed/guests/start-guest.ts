import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { Duplex, Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { bundle } from "../../scripts/build/bundle.ts";
import { cpioArchive } from "./cpio.ts";
import type { GuestParts } from "./guest-parts.ts";
import { collectLines } from "./printed-lines.ts";
import { driveName, qemuArguments } from "./qemu-arguments.ts";
import type { GuestChannels, SharedDisk } from "./qemu-arguments.ts";
import { openQmp, type Qmp } from "./qmp.ts";

/** What runs in a guest, and on which disks. */
export interface GuestProgram {
  /**
   * A module of the project, relative to it. It is bundled, so it may not await at its top level. Or a shell
   * script, for busybox.
   */
  readonly entry: string;
  /** The size of each of its SCSI disks in bytes, by LUN. */
  readonly diskBytes?: ReadonlyMap<number, bigint>;
  /** The disks that it has from another guest, by LUN. */
  readonly sharedDisks?: ReadonlyMap<number, SharedDisk>;
  /** The port of this machine at which it serves its disk to other guests. */
  readonly servedAtPort?: number;
}

/** How a guest ended. */
export interface GuestExit {
  /** Of the program; undefined if the guest ended before it. */
  readonly exitCode: number | undefined;
  /** Standard output and error of the program. */
  readonly output: string;
  /** What the kernel and QEMU wrote. */
  readonly console: string;
}

/** A machine with a kernel of its own that runs one program and then ends. */
export interface Guest {
  /** Waits until the program has printed the line; false if it ended without it. */
  readonly untilPrinted: (line: string) => Promise<boolean>;
  /** What the program writes to and reads from `/dev/vport0p3`. */
  readonly messages: Duplex;
  /** Restarts the machine at once, as a crash of its kernel does. Its disks stay attached. */
  readonly reset: () => Promise<void>;
  /** Grows a disk under the running kernel. */
  readonly growDisk: (lun: number, sizeBytes: bigint) => Promise<void>;
  /** Ends the machine at once. */
  readonly kill: () => Promise<void>;
  /** Waits for the end. */
  readonly ended: () => Promise<GuestExit>;
  /** Ends the guest, if it still runs, and removes its files. */
  readonly [Symbol.asyncDispose]: () => Promise<void>;
}

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const BUNDLE_FOLDER = "dist";
const FILE_MODE = 0o644;
/** The descriptors after standard input, output and error. */
const CHANNELS: GuestChannels = { monitor: 3, console: 4, output: 5, exitCode: 6, messages: 7 };

/**
 * Boots a guest under emulation and starts the program in it, with the project's Node. It ends with its
 * program, and at the latest when `signal` is aborted.
 */
export async function startGuest(
  parts: GuestParts,
  { entry, diskBytes = new Map(), sharedDisks = new Map(), servedAtPort }: GuestProgram,
  signal: AbortSignal,
): Promise<Guest> {
  await using unfinished = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "guest-"));
  unfinished.defer(() => rm(folder, { recursive: true }));
  const files = [...diskBytes].map(([lun, sizeBytes]) => ({
    lun,
    file: join(folder, driveName(lun)),
    sizeBytes,
  }));
  for (const { file, sizeBytes } of files) {
    await writeFile(file, "");
    await truncate(file, Number(sizeBytes));
  }
  const initrd = join(folder, "initrd");
  await writeFile(
    initrd,
    Buffer.concat([await readFile(join(parts.system, "initrd")), await programArchive(entry)]),
  );
  const shared = [...sharedDisks].map(([lun, sharedDisk]) => ({ lun, sharedDisk }));
  const disks = [...files, ...shared];
  const { command, env } = qemuArguments(parts, { initrd, disks, channels: CHANNELS, servedAtPort });
  const [qemu, ...args] = command;
  const child = spawn(qemu, args, {
    env: { ...process.env, ...env },
    stdio: ["ignore", ...Array<"pipe">(7).fill("pipe")],
  });
  const output = collectLines(readable(child, CHANNELS.output));
  const exitCode = collectLines(readable(child, CHANNELS.exitCode));
  const messages = [1, 2, CHANNELS.console].map((fd) => collectLines(readable(child, fd)));
  await once(child, "spawn");
  const closed = once(child, "close");
  const end = (): void => {
    child.kill("SIGKILL");
  };
  unfinished.defer(async () => {
    signal.removeEventListener("abort", end);
    end();
    await closed;
  });
  signal.addEventListener("abort", end);
  if (signal.aborted) end();
  const monitor = duplex(child, CHANNELS.monitor);
  let qmp: ReturnType<typeof openQmp> | undefined;
  const execute = async (...command: Parameters<Qmp["execute"]>): Promise<void> => {
    qmp ??= openQmp(monitor);
    await (await qmp).execute(...command);
  };
  const owned = unfinished.move();
  return {
    untilPrinted: (line) => output.until(line),
    messages: duplex(child, CHANNELS.messages),
    reset: async () => {
      // It was started to end instead.
      await execute("set-action", { reboot: "reset" });
      await execute("system_reset", {});
    },
    growDisk: async (lun, sizeBytes) => {
      await execute("block_resize", { device: driveName(lun), size: Number(sizeBytes) });
    },
    kill: async () => {
      end();
      await closed;
    },
    ended: async () => {
      await closed;
      const code = exitCode.text();
      return {
        exitCode: code === "" ? undefined : Number(code),
        output: output.text(),
        console: messages.map((lines) => lines.text()).join("\n"),
      };
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** The program as the first stage expects it: `program/main.cjs` with its chunks, or `program/main.sh`. */
async function programArchive(entry: string): Promise<Uint8Array> {
  if (entry.endsWith(".sh")) {
    const content = await readFile(join(ROOT, entry));
    return cpioArchive(["program"], [{ path: "program/main.sh", mode: FILE_MODE, content }]);
  }
  const { files } = await bundle(ROOT, [{ entry, name: "main" }], BUNDLE_FOLDER);
  return cpioArchive(
    ["program", "program/chunks"],
    files.map(({ path, text }) => ({
      path: join("program", relative(join(ROOT, BUNDLE_FOLDER), path)),
      mode: FILE_MODE,
      content: Buffer.from(text),
    })),
  );
}

function duplex(child: ChildProcess, fd: number): Duplex {
  const stream = child.stdio[fd];
  if (!(stream instanceof Duplex)) throw new Error(`descriptor ${fd} of QEMU is no channel`);
  return stream;
}

function readable(child: ChildProcess, fd: number): Readable {
  const stream = child.stdio[fd];
  if (!(stream instanceof Readable)) throw new Error(`descriptor ${fd} of QEMU can't be read`);
  return stream;
}
