import { constants } from "node:fs";
import { open, readdir, readFile, readlink } from "node:fs/promises";
import { undefinedIf } from "../../src/core/primitives/error-code.ts";
import { loadSystemCalls, type SystemCalls } from "../../src/emulator/data-plane/system-calls.ts";
import { stoppedThreads } from "../../testbed/lab/units/freeze-process.ts";
import { sendSignal } from "../../testbed/lab/units/process-identity.ts";
import { waitUntil } from "../wait-until.ts";

const STOP_MAX_MS = 120_000;
const BOOT_ID = "/proc/sys/kernel/random/boot_id";
/** A request of linux/fs.h. */
const FITHAW = 0xc0045878;
/** Not frozen, or of a file system that can't be. */
const unlessNotFrozen = undefinedIf("EINVAL", "EOPNOTSUPP");
/** The process has ended or has closed it, it is no directory, or it is of the machine's owner. */
const unlessNotThere = undefinedIf("ENOENT", "ESRCH", "EACCES", "ENOTDIR", "ENXIO");

/**
 * The mount namespace of one boot of a machine. The kernel gives its number to another namespace as soon as
 * it has ended, so the boot id that only this one shows tells it from those of other programs.
 */
export interface MachineNamespace {
  /** Such as `mnt:[4026532235]`. */
  readonly number: string;
  readonly bootId: string;
}

/** The mount namespace of a process. */
export async function namespaceOf(pid: number): Promise<MachineNamespace> {
  const [number, own] = await Promise.all([pid, "self"].map((id) => readlink(`/proc/${id}/ns/mnt`)));
  if (number === undefined || number === own)
    throw new Error(`process ${pid} has no mount namespace of its own`);
  return { number, bootId: await readFile(bootIdSeenBy(pid), "utf8") };
}

/** The processes that have this mount namespace. */
export async function processesIn({ number, bootId }: MachineNamespace): Promise<readonly number[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/u.test(name)).map(Number);
  const isInside = await Promise.all(
    pids.map(
      async (pid) =>
        (await readlink(`/proc/${pid}/ns/mnt`).catch(unlessNotThere)) === number &&
        (await readFile(bootIdSeenBy(pid), "utf8").catch(unlessNotThere)) === bootId,
    ),
  );
  return pids.filter((_, index) => isInside[index]);
}

function bootIdSeenBy(pid: number): string {
  return `/proc/${pid}/root${BOOT_ID}`;
}

/** Sends a signal to each process of a namespace, and to those that these start until then. */
export async function signalAll(namespace: MachineNamespace, signal: NodeJS.Signals): Promise<void> {
  const signalled = new Set<number>();
  for (;;) {
    const others = (await processesIn(namespace)).filter((pid) => !signalled.has(pid));
    if (others.length === 0) return;
    for (const pid of others) {
      sendSignal(pid, signal);
      signalled.add(pid);
    }
  }
}

/**
 * Stops each process of a namespace, and ends the freezes of file systems that they hold: a process that
 * writes to one stops no sooner, and unmounted frozen it would stay in the kernel. No holder can freeze one
 * again afterwards.
 */
export async function stopAll(namespace: MachineNamespace): Promise<void> {
  const systemCalls = await loadSystemCalls();
  let before: string | undefined;
  await waitUntil(`the processes of ${namespace.number} to stop`, STOP_MAX_MS, async () => {
    await signalAll(namespace, "SIGSTOP");
    const pids = await processesIn(namespace);
    const threads = await Promise.all(pids.map(stoppedThreads));
    for (const pid of pids) await thawHeldBy(pid, systemCalls);
    const stopped = threads.includes(undefined) ? undefined : threads.join();
    // Seen twice, as by `freezeProcess`.
    const haveStopped = stopped !== undefined && stopped === before;
    before = stopped;
    return haveStopped ? true : undefined;
  });
}

/** Thaws the file systems of which a process has a directory open, as the holder of a freeze has. */
async function thawHeldBy(pid: number, { ioctl }: SystemCalls): Promise<void> {
  const descriptors = (await readdir(`/proc/${pid}/fd`).catch(unlessNotThere)) ?? [];
  for (const descriptor of descriptors) {
    const { O_RDONLY, O_DIRECTORY } = constants;
    const place = `/proc/${pid}/fd/${descriptor}`;
    const directory = await open(place, O_RDONLY | O_DIRECTORY).catch(unlessNotThere);
    if (directory === undefined) continue;
    try {
      await ioctl(directory.fd, FITHAW, null).catch(unlessNotFrozen);
    } finally {
      await directory.close();
    }
  }
}
