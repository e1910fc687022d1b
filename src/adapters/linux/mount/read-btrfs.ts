import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Result } from "../../../core/failure/result.ts";
import { ok } from "../../../core/failure/result.ts";
import { chooseBtrfs, statfsArgs } from "../../../core/node/btrfs/mounted-btrfs.ts";
import type { MountedBtrfs } from "../../../core/node/btrfs/mounted-btrfs.ts";
import { isReachable } from "../../../core/node/parse-mountinfo.ts";
import type { MountinfoEntry } from "../../../core/node/parse-mountinfo.ts";
import { errorCode, undefinedIfMissing } from "../../../core/primitives/error-code.ts";
import { runToSuccess } from "../command/command-failed.ts";
import { inspecting } from "../command/device-commands.ts";
import type { HostContext } from "../host-context.ts";

/** Beside the folders of file systems there is one of the kernel's features. */
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/u;

/** Every btrfs that this kernel has mounted, in whatever mount namespace. None where it has no btrfs. */
export async function mountedBtrfs(sysRoot: string): Promise<readonly MountedBtrfs[]> {
  const folder = join(sysRoot, "fs/btrfs");
  const fsids = (await namesIn(folder)).filter((name) => UUID.test(name));
  return await Promise.all(
    fsids.map(async (fsid) => ({
      fsid,
      ...(await devicesIn(join(folder, fsid, "devices"))),
      ...(await deviceIdsIn(join(folder, fsid, "devinfo"))),
    })),
  );
}

async function devicesIn(folder: string): Promise<Pick<MountedBtrfs, "devices" | "removedNames">> {
  const links = await Promise.all(
    (await namesIn(folder)).map(async (name) => ({
      name,
      // A link that leads nowhere is of a device that was removed under the mount.
      number: (await readFile(join(folder, name, "dev"), "utf8").catch(ifRemoved))?.trim(),
    })),
  );
  return {
    devices: links.flatMap(({ number }) => number ?? []),
    removedNames: links.flatMap(({ name, number }) => (number === undefined ? name : [])),
  };
}

async function deviceIdsIn(folder: string): Promise<Pick<MountedBtrfs, "deviceIds" | "missingIds">> {
  const deviceIds = await namesIn(folder);
  const missing = await Promise.all(
    deviceIds.map(async (id) => await readFile(join(folder, id, "missing"), "utf8").catch(ifRemoved)),
  );
  return { deviceIds, missingIds: deviceIds.filter((_id, index) => missing[index]?.trim() === "1") };
}

/**
 * Which of these file systems is mounted where mountinfo shows a number of btrfs: all mounts of one have the
 * same number. Undefined where nothing shows it. Fails where stat(1) gives no answer: then it may be any.
 */
export async function btrfsWithNumber(
  host: HostContext,
  entries: readonly MountinfoEntry[],
  number: string,
  fileSystems: readonly MountedBtrfs[],
): Promise<Result<MountedBtrfs | undefined>> {
  // The path of a hidden mount leads to what hides it.
  const entry = entries.find(
    (candidate) => candidate.majorMinor === number && isReachable(entries, candidate),
  );
  if (entry === undefined) return ok(undefined);
  const exit = await runToSuccess(
    host,
    inspecting(host, "stat", [...statfsArgs, entry.mountPoint]),
    // Bounded by its limit: what it answers is part of an observation.
    new AbortController().signal,
  );
  return exit.ok ? ok(chooseBtrfs(fileSystems, entry, exit.value.stdout.toString("utf8"))) : exit;
}

/**
 * Each btrfs on devices with these numbers, by the number of its mounts. Costs a command if there is one.
 * Fails where one may be mounted at a path for which stat(1) gave no answer.
 */
export async function btrfsOnDevices(
  host: HostContext,
  entries: readonly MountinfoEntry[],
  numbers: ReadonlySet<string>,
): Promise<Result<ReadonlyMap<string, MountedBtrfs>>> {
  const mounted = new Set(
    entries.filter(({ fsType }) => fsType === "btrfs").map((entry) => entry.majorMinor),
  );
  const fileSystems = mounted.size === 0 ? [] : await mountedBtrfs(host.sysRoot);
  const isOn = ({ devices }: MountedBtrfs): boolean => devices.some((device) => numbers.has(device));
  const count = fileSystems.filter(isOn).length;
  const found = new Map<string, MountedBtrfs>();
  let failed: Result<never> | undefined;
  for (const number of mounted) {
    if (found.size === count) break;
    const fileSystem = await btrfsWithNumber(host, entries, number, fileSystems);
    if (!fileSystem.ok) failed ??= fileSystem;
    else if (fileSystem.value !== undefined && isOn(fileSystem.value)) found.set(number, fileSystem.value);
  }
  return failed === undefined || found.size === count ? ok(found) : failed;
}

/** Sorted; none if the folder does not exist, or is just being removed. */
async function namesIn(folder: string): Promise<readonly string[]> {
  return ((await readdir(folder).catch(undefinedIfMissing)) ?? []).toSorted();
}

function ifRemoved(error: unknown): undefined {
  return errorCode(error) === "ENODEV" ? undefined : undefinedIfMissing(error);
}
