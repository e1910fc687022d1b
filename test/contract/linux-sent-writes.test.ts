import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, open, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { describe, it } from "node:test";
import { promisify } from "node:util";
import { createLinuxHost } from "../../src/adapters/linux/create-linux-host.ts";
import { systemClock } from "../../src/adapters/system/system-clock.ts";
import { majorMinorOf } from "../../src/core/node/device/device-number.ts";
import { valueOf } from "../../src/core/testing/value-of.ts";
import { linuxLoopDevices } from "../../src/emulator/data-plane/loop-devices.ts";
import { loadSystemCalls } from "../../src/emulator/data-plane/system-calls.ts";
import type { CleanRequest } from "../../src/ports/host/host-provisioner.ts";
import { never } from "./host/host-suite.ts";
import { onRealDevices } from "./worlds/on-linux-host.ts";
import { startDeviceUser } from "./worlds/start-device-user.ts";

const run = promisify(execFile);
const DISK_BYTES = 16 * 1024 * 1024;

interface SlowDisk {
  readonly path: string;
  readonly majorMinor: string;
  /** What the disk has at its start. */
  readonly read: () => Promise<string>;
  /** From now on the disk carries nothing out. */
  readonly stop: () => Promise<void>;
  readonly proceed: () => Promise<void>;
}

/** A disk that can be made to keep its writes. It has no cache to flush, as Azure's without a host cache. */
async function withSlowDisk(act: (disk: SlowDisk, directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "sent-writes-"));
  const [folder, image] = [join(directory, "below"), join(directory, "below.img")];
  await mkdir(folder);
  await writeFile(image, "");
  await truncate(image, 64 * 1024 * 1024);
  await run("mkfs.ext4", ["-q", image]);
  await run("mount", ["-o", "loop", image, folder]);
  const filePath = join(folder, "disk");
  await writeFile(filePath, Buffer.alloc(DISK_BYTES));
  const loops = linuxLoopDevices(await loadSystemCalls());
  const path = await loops.bind(filePath);
  let isStopped = false;
  const proceed = async (): Promise<void> => {
    if (isStopped) await run("fsfreeze", ["--unfreeze", folder]);
    isStopped = false;
  };
  try {
    await writeFile(`/sys/block/${basename(path)}/queue/write_cache`, "write through");
    await act(
      {
        path,
        majorMinor: majorMinorOf((await stat(path, { bigint: true })).rdev),
        read: async () => {
          const file = await open(filePath, "r");
          const { buffer } = await file.read(Buffer.alloc(4), 0, 4, 0);
          await file.close();
          return buffer.toString();
        },
        stop: async () => {
          await run("fsfreeze", ["--freeze", folder]);
          isStopped = true;
        },
        proceed,
      },
      directory,
    );
  } finally {
    await proceed();
    await loops.cut({ path, filePath });
    const unmounted = (): Promise<boolean> => run("umount", [folder]).then(Boolean, () => false);
    while (!(await unmounted())) await systemClock.sleep(5, never);
    await rm(directory, { recursive: true });
  }
}

describe("a raw device to which a killed process has sent a write", onRealDevices, () => {
  it("is not clean before the disk has carried that out", async (t) => {
    // Linux 6.6 and newer have the setting; 2 refuses it to root as well.
    const setting = await readFile("/proc/sys/kernel/io_uring_disabled", "utf8").catch(() => "0");
    if (setting.trim() === "2") return t.skip("this machine has io_uring switched off");
    await withSlowDisk(async ({ path, majorMinor, read, stop, proceed }, directory) => {
      const lockDirectory = join(directory, "locks");
      // The kernel's own devices: no other node of this machine has the loop device.
      const host = await createLinuxHost({ sharesKernel: false, lockDirectory, clock: systemClock });
      const request: CleanRequest = {
        ...{ accessType: "block", lun: undefined, lastMajorMinor: majorMinor, lunsOfOthers: [] },
      };
      try {
        await stop();
        const user = await startDeviceUser({ path, mapping: undefined, hasSentWrite: true });
        await user.end();
        const kept = valueOf(await host.isClean(request, never));
        const before = await read();
        await proceed();
        while ((await read()) !== "late") await systemClock.sleep(5, never);
        assert.notEqual(before, "late");
        const reason = `the disk has not carried out 1 write to ${path}`;
        assert.deepEqual(kept, { clean: false, reason, endsByItself: true });
        assert.equal(valueOf(await host.isClean(request, never)).clean, true);
      } finally {
        await proceed();
        await host.close();
      }
    });
  });
});
