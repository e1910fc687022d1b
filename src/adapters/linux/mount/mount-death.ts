import { lstat, statfs } from "node:fs/promises";
import type { MountinfoEntry } from "../../../core/node/parse-mountinfo.ts";
import { type MountEvidence, whyMountIsDead } from "../../../core/node/why-mount-is-dead.ts";
import { hasCode } from "../../../core/primitives/error-code.ts";
import { callIn } from "../call-lane.ts";
import { diskOf, nodeOfDevice, readDeviceAttribute, sizeOfDevice } from "../device/block-device.ts";
import type { HostContext } from "../host-context.ts";

/**
 * The read error of a detached device; any other one (no such program, no permission) is no proof of
 * death.
 */
const ioErrorMessages = /Input\/output error|No such device|Remote I\/O error/;

/** No disk is smaller: a smaller raw device has been detached. */
const smallestDiskBytes = 4096n;

/** Bytes of the direct read: the largest sector size that Azure's disks have. */
const probeBytes = 4096;

/** A mount, and how the device behind it is known. */
interface Known {
  readonly entry: MountinfoEntry;
  readonly majorMinor: string;
  /** The node of the device is bound here: no file system is mounted. */
  readonly isBound: boolean;
  /** Its path leads to another mount. */
  readonly isHidden: boolean;
}

/**
 * Why a mount is dead, by what the kernel shows of it and of its device without any I/O; undefined: it is
 * not, as far as that shows.
 */
export async function whyDead(
  host: HostContext,
  { entry, majorMinor, isBound, isHidden }: Known,
): Promise<string | undefined> {
  // Not a block device's file system (tmpfs, NFS …): not the driver's.
  if (majorMinor.startsWith("0:")) return undefined;
  const [sizeBytes, state] = await Promise.all([
    sizeOfDevice(host.sysRoot, majorMinor),
    diskOf(host.sysRoot, majorMinor).then((disk) => readDeviceAttribute(host.sysRoot, disk, "device/state")),
  ]);
  const device = sizeBytes === undefined ? undefined : { sizeBytes, state };
  // Options of a devtmpfs say nothing of the device that is bound from it.
  if (isBound)
    return whyMountIsDead({
      entry: { options: [], superOptions: [] },
      device,
      fileSystemBytes: smallestDiskBytes,
      answersIoError: false,
    });
  // Looked up by its path, a hidden mount would answer for what hides it.
  const root = isHidden ? nothingSeen : await lookAtRoot(host, entry.mountPoint);
  return whyMountIsDead({ entry, device, ...root });
}

type SeenRoot = Pick<MountEvidence, "fileSystemBytes" | "answersIoError">;

const nothingSeen: SeenRoot = { fileSystemBytes: undefined, answersIoError: false };

async function lookAtRoot({ volumeLooks }: HostContext, mountPoint: string): Promise<SeenRoot> {
  try {
    const stats = await callIn(volumeLooks, `statfs ${mountPoint}`, async () => {
      await lstat(mountPoint);
      return await statfs(mountPoint, { bigint: true });
    });
    return { fileSystemBytes: stats.blocks * stats.bsize, answersIoError: false };
  } catch (error) {
    // Another error (the mount has just ended, say) proves nothing. Nor does a look that hangs, as with XFS
    // on Linux 5.14 to 5.18 while its device answers nothing, or that is not made while another one hangs.
    return { fileSystemBytes: undefined, answersIoError: hasCode(error, "EIO", "ENODEV") };
  }
}

/**
 * Reads the first block of the device past every cache: until the detached file system is next written,
 * only this detects it.
 */
export async function answersIoErrorDirectly(
  host: HostContext,
  majorMinor: string,
  signal: AbortSignal,
): Promise<boolean> {
  const node = await nodeOfDevice(host.sysRoot, majorMinor);
  if (node === undefined) return false;
  const exit = await host.runner.run(
    {
      program: "dd",
      args: [`if=${node}`, `bs=${probeBytes}`, "count=1", "iflag=direct", "status=none"],
      pool: "inspect",
      limitMs: host.limits.directReadMs,
      touches: [],
      changes: false,
    },
    signal,
  );
  // A read that hangs or can't be made is no answer; a device shorter than one block has been detached.
  if (!exit.ok) return false;
  return exit.value.exitCode === 0
    ? exit.value.stdout.length < probeBytes
    : ioErrorMessages.test(exit.value.stderr);
}
