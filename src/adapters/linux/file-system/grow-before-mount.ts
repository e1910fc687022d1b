import { readFile } from "node:fs/promises";
import { hostNotReady } from "../../../core/failure/frequent-failures.ts";
import type { Result } from "../../../core/failure/result.ts";
import { ok } from "../../../core/failure/result.ts";
import { growsOnDisk, parseExtSize } from "../../../core/node/file-system/parse-ext-superblock.ts";
import { isKeptByKernel } from "../../../core/volume/device/file-system.ts";
import type { CheckRemark, FileSystemOn } from "../../../ports/host/host-provisioner.ts";
import { runToSuccess } from "../command/command-failed.ts";
import { inspecting } from "../command/device-commands.ts";
import { isWriteProtected } from "../device/block-device.ts";
import type { HostContext } from "../host-context.ts";
import { growUnmounted } from "./grow-file-system.ts";

/**
 * Bit of CAP_SYS_RESOURCE (capabilities(7)): the kernel requires it for resizing a mounted ext file
 * system.
 */
const SYS_RESOURCE_BIT = 24n;

/**
 * Whether this process may resize an ext file system that is mounted. Some machines withhold the
 * capability even from privileged containers.
 */
export async function mayGrowMountedExt(): Promise<boolean> {
  const effective = /^CapEff:\s*([0-9a-f]+)$/mu.exec(await readFile("/proc/self/status", "utf8"))?.[1] ?? "0";
  return ((BigInt(`0x${effective}`) >> SYS_RESOURCE_BIT) & 1n) === 1n;
}

/**
 * Grows an ext file system that is smaller than its device, on a machine where that is impossible once
 * it is mounted. On others growing it then costs no check, and is left to `growFileSystem`.
 */
export async function growBeforeMount(
  host: HostContext,
  { device, fsType }: FileSystemOn,
  signal: AbortSignal,
): Promise<Result<CheckRemark | undefined>> {
  if (isKeptByKernel(fsType) || host.mayGrowMountedExt) return ok(undefined);
  // The mount says so, with its remedy.
  if (await isWriteProtected(host.sysRoot, device.majorMinor)) return ok(undefined);
  const command = inspecting(host, "dumpe2fs", ["-h", device.path], [device.majorMinor]);
  const exit = await runToSuccess(host, command, signal);
  if (!exit.ok) return exit;
  const size = parseExtSize(exit.value.stdout.toString("utf8"));
  if (size === undefined)
    return hostNotReady(`dumpe2fs -h ${device.path} does not say how large the file system is`);
  // One that can't be as large as the disk is mounted as it is, and `growFileSystem` says why.
  return growsOnDisk(size, device.sizeBytes) ? growUnmounted(host, device, signal) : ok(undefined);
}
