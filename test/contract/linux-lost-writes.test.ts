import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdir, mkdtemp, open, readFile, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe } from "node:test";
import { promisify } from "node:util";
import { systemClock } from "../../src/adapters/system/system-clock.ts";
import { gibToBytes } from "../../src/core/primitives/units.ts";
import { kindOf, valueOf } from "../../src/core/testing/value-of.ts";
import { aBlock, aMount, never } from "./host/host-suite.ts";
import type { LinuxHostWorld } from "./worlds/linux-host-world.ts";
import { onLinuxHost } from "./worlds/on-linux-host.ts";

const run = promisify(execFile);
const LUN = 0;
const MIB = 1024 * 1024;
const POLL_MS = 20;
/** Room for an empty file system and its log, and for less than what is written. */
const TAKEN_MIB = 160;
const WRITTEN_MIB = 256;

describe("Linux host on a disk that takes no more writes", () => {
  for (const fsType of ["ext4", "xfs", "btrfs"] as const)
    for (const by of ["unmount", "freeze"] as const)
      onLinuxHost(
        `says once what it lost, and unmounts then (${fsType}, ${by})`,
        { fsType },
        async (world) => {
          const { host } = world;
          const remove = await attachDiskOf(world, TAKEN_MIB);
          const path = world.pathOf("staging");
          try {
            const device = valueOf(await host.findDevice({ lun: LUN }, never));
            const on = { device, fsType };
            valueOf(await host.format({ ...on, uuid: randomUUID(), geometry: {} }, never));
            valueOf(await host.mountDevice({ ...on, path, mountFlags: [], readOnly: false }, never));
            // As of an application that never syncs: no call of it fails.
            await writeUnsynced(`${path}/file`);
            const freeze = { path, majorMinor: device.majorMinor, limitMs: 60_000 };
            const flushed =
              by === "unmount" ? await host.unmount(path, never) : await host.freeze(freeze, never);
            assert.equal(kindOf(flushed), "WritesLost");
            assert.ok(!flushed.ok && "detail" in flushed.failure);
            assert.match(String(flushed.failure.detail), /Input\/output error|No space left on device/u);
            valueOf(await host.unmount(path, never));
            const request = { ...aMount({ lun: LUN, lastMajorMinor: device.majorMinor }), needsFlush: false };
            assert.equal(valueOf(await host.isClean(request, never)).clean, true);
          } finally {
            await run("umount", [path]).catch(() => undefined);
            await remove();
          }
        },
      );

  for (const fsType of ["ext4", "xfs"] as const)
    for (const by of ["unmount", "freeze"] as const)
      onLinuxHost(
        `says so to the next call where the caller had left before (${fsType}, ${by})`,
        { fsType },
        async (world) => {
          const { host } = world;
          const { remove, hang, answer } = await attachHangingDisk(world);
          const path = world.pathOf("staging");
          try {
            const device = valueOf(await host.findDevice({ lun: LUN }, never));
            const on = { device, fsType };
            valueOf(await host.format({ ...on, uuid: randomUUID(), geometry: {} }, never));
            valueOf(await host.mountDevice({ ...on, path, mountFlags: [], readOnly: false }, never));
            await writeUnsynced(`${path}/file`);
            await hang();
            const caller = new AbortController();
            const freeze = { path, majorMinor: device.majorMinor, limitMs: 1_000 };
            const leaving =
              by === "unmount" ? host.unmount(path, caller.signal) : host.freeze(freeze, caller.signal);
            while (by === "unmount" && !(await isSyncing(path))) await systemClock.sleep(POLL_MS, never);
            if (by === "unmount") caller.abort();
            assert.equal(kindOf(await leaving), by === "unmount" ? "Cancelled" : "HostCommandTimedOut");
            await answer();
            let unmounted = await host.unmount(path, never);
            // The kernel is still at it.
            while (kindOf(unmounted) === "HostCommandTimedOut") unmounted = await host.unmount(path, never);
            assert.equal(kindOf(unmounted), "WritesLost");
            valueOf(await host.unmount(path, never));
          } finally {
            await answer();
            await run("umount", [path]).catch(() => undefined);
            await remove();
          }
        },
      );

  onLinuxHost("is not clean of raw block, says once what it lost, and is clean then", {}, async (world) => {
    const { host } = world;
    const remove = await attachDiskOf(world, 1);
    try {
      const { path, majorMinor } = valueOf(await host.findDevice({ lun: LUN }, never));
      // The kernel writes what is left with the last close, which reports no error.
      const place = [`of=${path}`, "bs=1M", "count=8", "conv=notrunc", "status=none"];
      await run("dd", ["if=/dev/urandom", ...place]);
      const request = aBlock({ lun: LUN, lastMajorMinor: majorMinor });
      const first = valueOf(await host.isClean(request, never));
      assert.equal(first.clean, false);
      assert.match(first.writesLost ?? "", /Input\/output error|No space left on device/u);
      assert.equal(valueOf(await host.isClean(request, never)).clean, true);
    } finally {
      await remove();
    }
  });
});

/** A disk of 2 GiB on a file system of `takenMib`: each further write to it fails. Returns its removal. */
async function attachDiskOf(world: LinuxHostWorld, takenMib: number): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), "lost-writes-"));
  await run("mount", ["-t", "tmpfs", "-o", `size=${takenMib}m`, "tmpfs", folder]);
  return attachDiskIn(world, folder);
}

/** The same, whose writes hang in the kernel for a while before they fail. */
async function attachHangingDisk(world: LinuxHostWorld) {
  const directory = await mkdtemp(join(tmpdir(), "lost-writes-"));
  const [folder, image] = [join(directory, "root"), join(directory, "image")];
  await mkdir(folder);
  await writeFile(image, "");
  await truncate(image, TAKEN_MIB * MIB);
  await run("mkfs.ext4", ["-q", "-O", "^has_journal", "-m", "0", image]);
  await run("mount", ["-o", "loop", image, folder]);
  const detach = await attachDiskIn(world, folder);
  let isHung = false;
  const hang = async (): Promise<void> => {
    await run("fsfreeze", ["--freeze", folder]);
    isHung = true;
  };
  const answer = async (): Promise<void> => {
    if (isHung) await run("fsfreeze", ["--unfreeze", folder]);
    isHung = false;
  };
  const remove = async (): Promise<void> => {
    await detach();
    await rm(directory, { recursive: true });
  };
  return { hang, answer, remove };
}

async function attachDiskIn(world: LinuxHostWorld, folder: string): Promise<() => Promise<void>> {
  const file = join(folder, "disk");
  await writeFile(file, "");
  await truncate(file, Number(gibToBytes(2)));
  const { stdout } = await run("losetup", ["--find", "--show", file]);
  const links = join(world.deviceRoot, "dev/disk/azure/scsi1");
  await mkdir(links, { recursive: true });
  await symlink(stdout.trim(), join(links, `lun${LUN}`));
  return async () => {
    await run("losetup", ["--detach", stdout.trim()]);
    await run("umount", [folder]);
    await rm(folder, { recursive: true });
  };
}

/** Whether a flush of a mount waits for its disk. */
async function isSyncing(path: string): Promise<boolean> {
  const found = await run("pgrep", ["--exact", "--full", `sync --file-system ${path}`]).catch(
    () => undefined,
  );
  const pid = found?.stdout.trim();
  if (pid === undefined) return false;
  return /^State:\s+D/mu.test(await readFile(`/proc/${pid}/status`, "utf8").catch(() => ""));
}

async function writeUnsynced(path: string): Promise<void> {
  const file = await open(path, "w");
  try {
    for (let written = 0; written < WRITTEN_MIB; written += 1) await file.write(Buffer.alloc(MIB, 1));
  } finally {
    await file.close();
  }
}
