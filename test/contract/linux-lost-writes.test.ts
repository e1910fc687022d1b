import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdir, mkdtemp, open, readFile, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe } from "node:test";
import { promisify } from "node:util";
import { systemClock } from "../../src/adapters/system/system-clock.ts";
import { errorCode } from "../../src/core/primitives/error-code.ts";
import { gibToBytes } from "../../src/core/primitives/units.ts";
import { kindOf, valueOf } from "../../src/core/testing/value-of.ts";
import type { Device } from "../../src/ports/host/host-provisioner.ts";
import { aBlock, aMount, never } from "./host/host-suite.ts";
import type { LinuxHostWorld } from "./worlds/linux-host-world.ts";
import { onLinuxHost } from "./worlds/on-linux-host.ts";

const run = promisify(execFile);
const LUN = 0;
const MIB = 1024 * 1024;
const POLL_MS = 20;
/** 10 s in all. */
const UNMOUNTS_MAX = 500;
/** Room for an empty file system and its log, and for less than what is written. */
const TAKEN_MIB = 160;
const WRITTEN_MIB = 256;

describe("Linux host on a disk that takes no more writes", () => {
  for (const fsType of ["ext4", "xfs", "btrfs"] as const)
    for (const by of ["unmount", "freeze"] as const)
      onLinuxHost(`says once what it lost, and unmounts then (${fsType}, ${by})`, { fsType }, (world) =>
        withUnsynced(
          world,
          fsType,
          () => attachDiskOf(world, TAKEN_MIB),
          async ({ device, path }) => {
            const { host } = world;
            const freeze = { path, majorMinor: device.majorMinor, limitMs: 60_000 };
            const flushed =
              by === "unmount" ? await host.unmount(path, never) : await host.freeze(freeze, never);
            assert.equal(kindOf(flushed), "WritesLost");
            assert.ok(!flushed.ok && "detail" in flushed.failure);
            assert.match(String(flushed.failure.detail), /Input\/output error|No space left on device/u);
            valueOf(await host.unmount(path, never));
            const request = { ...aMount({ lun: LUN, lastMajorMinor: device.majorMinor }), needsFlush: false };
            assert.equal(valueOf(await host.isClean(request, never)).clean, true);
          },
        ),
      );

  for (const fsType of ["ext4", "xfs"] as const)
    for (const by of ["unmount", "freeze"] as const)
      onLinuxHost(
        `says so to the next call where the caller had left before (${fsType}, ${by})`,
        { fsType },
        (world) =>
          withUnsynced(
            world,
            fsType,
            () => attachHangingDisk(world),
            async ({ disk, device, path }) => {
              const { host } = world;
              const caller = new AbortController();
              const freeze = { path, majorMinor: device.majorMinor, limitMs: 1_000 };
              const leaving =
                by === "unmount" ? host.unmount(path, caller.signal) : host.freeze(freeze, caller.signal);
              while (by === "unmount" && !(await isHeldUp(path))) await systemClock.sleep(POLL_MS, never);
              if (by === "unmount") caller.abort();
              assert.equal(kindOf(await leaving), by === "unmount" ? "Cancelled" : "HostCommandTimedOut");
              await disk.answer();
              let unmounted = await host.unmount(path, never);
              // The kernel is still at it.
              while (kindOf(unmounted) === "HostCommandTimedOut") unmounted = await host.unmount(path, never);
              assert.equal(kindOf(unmounted), "WritesLost");
              valueOf(await host.unmount(path, never));
            },
          ),
      );

  onLinuxHost("says what a device lost to the next look where the caller had left", {}, async (world) => {
    const { host } = world;
    const disk = await attachHangingDisk(world);
    const { path, majorMinor } = valueOf(await host.findDevice({ lun: LUN }, never));
    const writer = await open(path, "r+");
    try {
      await writer.write(Buffer.alloc(WRITTEN_MIB * MIB, 1));
      await disk.hang();
      const caller = new AbortController();
      const request = aMount({ lun: LUN, lastMajorMinor: majorMinor });
      const leaving = host.isClean(request, caller.signal);
      while (!(await isHeldUp(path))) await systemClock.sleep(POLL_MS, never);
      caller.abort();
      assert.equal(kindOf(await leaving), "Cancelled");
      await disk.answer();
      let looked = await host.isClean(request, never);
      while (looked.ok && looked.value.reason?.includes("did not end") === true)
        looked = await host.isClean(request, never);
      assert.match(valueOf(looked).writesLost ?? "", /Input\/output error|No space left on device/u);
      assert.equal(valueOf(await host.isClean(request, never)).writesLost, undefined);
    } finally {
      await disk.answer();
      await writer.close();
      await disk.remove();
    }
  });

  onLinuxHost("is not clean of raw block, says once what it lost, and is clean then", {}, async (world) => {
    const { host } = world;
    const { remove } = await attachDiskOf(world, 1);
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

interface LosingDisk {
  /** From now on its writes hang in the kernel, where it is one that hangs. */
  readonly hang: () => Promise<void>;
  /** From now on they fail. */
  readonly answer: () => Promise<void>;
  readonly remove: () => Promise<void>;
}

/** A disk that loses writes, and where it is mounted. */
interface Mounted {
  readonly disk: LosingDisk;
  readonly device: Device;
  readonly path: string;
}

/**
 * Acts on a mounted disk for which the kernel caches more than it takes: as of an application that never
 * syncs, no call of which fails. On a busy machine the kernel may write by itself before: then another disk
 * is tried.
 */
async function withUnsynced(
  world: LinuxHostWorld,
  fsType: "ext4" | "xfs" | "btrfs",
  attach: () => Promise<LosingDisk>,
  act: (mounted: Mounted) => Promise<void>,
): Promise<void> {
  const { host } = world;
  const path = world.pathOf("staging");
  for (let isDone = false; !isDone;) {
    const disk = await attach();
    try {
      const device = valueOf(await host.findDevice({ lun: LUN }, never));
      const on = { device, fsType };
      valueOf(await host.format({ ...on, uuid: randomUUID(), geometry: {} }, never));
      valueOf(await host.mountDevice({ ...on, path, mountFlags: [], readOnly: false }, never));
      isDone = await isCached(`${path}/file`);
      if (isDone) {
        await disk.hang();
        await act({ disk, device, path });
      }
    } finally {
      await disk.answer();
      await run("umount", [path]).catch(() => undefined);
      await disk.remove();
    }
  }
}

/** A disk of 2 GiB on a file system of `takenMib`: each further write to it fails. */
async function attachDiskOf(world: LinuxHostWorld, takenMib: number): Promise<LosingDisk> {
  const folder = await mkdtemp(join(tmpdir(), "lost-writes-"));
  await run("mount", ["-t", "tmpfs", "-o", `size=${takenMib}m`, "tmpfs", folder]);
  const remove = await attachDiskIn(world, folder);
  return { hang: () => Promise.resolve(), answer: () => Promise.resolve(), remove };
}

/** The same, whose writes hang in the kernel for a while before they fail. */
async function attachHangingDisk(world: LinuxHostWorld): Promise<LosingDisk> {
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
  const link = join(links, `lun${LUN}`);
  await symlink(stdout.trim(), link);
  return async () => {
    await rm(link);
    await run("losetup", ["--detach", stdout.trim()]);
    await unmountOnceFree(folder);
    await rm(folder, { recursive: true });
  };
}

/** The kernel detaches a loop device only once its last write has ended. */
async function unmountOnceFree(folder: string): Promise<void> {
  for (let left = UNMOUNTS_MAX; ; left -= 1)
    try {
      await run("umount", [folder]);
      return;
    } catch (error) {
      if (left === 0) throw error;
      await systemClock.sleep(POLL_MS, never);
    }
}

/**
 * Whether the flush of a mount waits for its disk, or the thaw before it: the kernel, which has begun to
 * write by itself, holds that up. The disk has to answer soon: every `sync` on the machine waits for it.
 */
async function isHeldUp(path: string): Promise<boolean> {
  const commands = ["--exact", "--full", `(sync|sync --file-system|fsfreeze --unfreeze) ${path}`];
  const found = await run("pgrep", commands).catch(() => undefined);
  const pid = found?.stdout.trim();
  if (pid === undefined) return false;
  return /^State:\s+D/mu.test(await readFile(`/proc/${pid}/status`, "utf8").catch(() => ""));
}

/** Writes a file without a flush. False: the kernel has written by itself, and a call has failed. */
async function isCached(path: string): Promise<boolean> {
  const file = await open(path, "w");
  try {
    for (let written = 0; written < WRITTEN_MIB; written += 1) await file.write(Buffer.alloc(MIB, 1));
    return true;
  } catch (error) {
    if (["EROFS", "EIO", "ENOSPC"].includes(errorCode(error) ?? "")) return false;
    throw error;
  } finally {
    await file.close();
  }
}
