import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { basename } from "node:path";
import { promisify } from "node:util";
import { createLinuxHost } from "../../src/adapters/linux/create-linux-host.ts";
import { systemClock } from "../../src/adapters/system/system-clock.ts";
import { valueOf } from "../../src/core/testing/value-of.ts";
import type { Device } from "../../src/ports/host/host-provisioner.ts";
import { linkDisk } from "./link-disk.ts";

const LOCKS = "/run/locks";
const [SOURCE, COPY, OWN] = ["/run/source", "/run/copy", "/run/own"] as const;
const never = new AbortController().signal;
const run = promisify(execFile);

/** What the kernel of this guest, which is older than 6.7, does with a copy, and with removed disks. */
async function main(): Promise<void> {
  await mkdir(LOCKS);
  for (const lun of [0, 1, 2, 3]) await linkDisk(lun);
  const host = await createLinuxHost({ lockDirectory: LOCKS, clock: systemClock });
  const source = valueOf(await host.findDevice({ lun: 0 }, never));
  const copy = valueOf(await host.findDevice({ lun: 1 }, never));
  const fsType = "btrfs";
  const flags = { fsType, mountFlags: [], readOnly: false } as const;
  const uuid = "0f1e2d3c-4b5a-4678-8796-a5b4c3d2e1f0";
  const clean = async (majorMinor: string) =>
    valueOf(
      await host.isClean(
        { accessType: "mount", lun: undefined, lastMajorMinor: majorMinor, lunsOfOthers: [] },
        never,
      ),
    );

  valueOf(await host.format({ device: source, fsType, uuid }, never));
  valueOf(await host.mountDevice({ ...flags, device: source, path: SOURCE }, never));
  await writeFile(`${SOURCE}/file`, "of the source", { flush: true });
  valueOf(await host.flush(SOURCE, never));
  await run("dd", [`if=${source.path}`, `of=${copy.path}`, "bs=1M", "conv=sparse,fsync", "status=none"]);
  const refused = await host.mountDevice({ ...flags, device: copy, path: COPY }, never);
  assert.equal(refused.ok ? "mounted" : refused.failure.kind, "FileSystemNotUnique");
  assert.equal(valueOf(await host.mountAt(COPY, never)), undefined);
  valueOf(await host.unmount(SOURCE, never));
  valueOf(await host.mountDevice({ ...flags, device: copy, path: COPY }, never));
  assert.equal(valueOf(await host.mountAt(COPY, never))?.majorMinor, copy.majorMinor);
  valueOf(await host.unmount(COPY, never));
  console.log("a copy is mounted once its source is not");

  valueOf(await host.mountDevice({ ...flags, device: source, path: SOURCE }, never));
  await writeFile(`${SOURCE}/file`, "never synced");
  await remove(source);
  const dead = valueOf(await host.mountAt(SOURCE, never));
  assert.equal(dead?.isDead, true);
  assert.notEqual(dead.majorMinor, source.majorMinor);
  const { clean: isClean, reason } = await clean(source.majorMinor);
  assert.deepEqual(
    [isClean, /mounted on this node, is or may be on it/u.test(reason)],
    [false, true],
    reason,
  );
  assert.equal((await clean(copy.majorMinor)).clean, true, "another disk, which is there");
  valueOf(await host.unmount(SOURCE, never));
  assert.equal((await clean(source.majorMinor)).clean, true);
  assert.equal(
    await readFile("/proc/self/mountinfo", "utf8").then((text) => text.includes(" btrfs ")),
    false,
  );
  console.log("a removed disk is clean once its mount has ended");

  const own = valueOf(await host.findDevice({ lun: 2 }, never));
  const failing = valueOf(await host.findDevice({ lun: 3 }, never));
  await run("mkfs.btrfs", ["-q", "-m", "raid1", "-d", "raid1", own.path, failing.path]);
  await run("btrfs", ["device", "scan", own.path, failing.path]);
  await mkdir(OWN);
  await run("mount", [own.path, OWN]);
  await remove(failing);
  assert.equal((await clean(source.majorMinor)).clean, false, "the removed one may have been the volume's");
  await run("umount", [OWN]);
  await run("mount", ["-o", "degraded", own.path, OWN]);
  assert.equal((await clean(source.majorMinor)).clean, true);
  assert.equal((await clean(own.majorMinor)).clean, false);
  console.log("a RAID that was mounted without one of its disks says nothing of others");
  await host.close();
}

async function remove({ path }: Device): Promise<void> {
  await writeFile(`/sys/block/${basename(path)}/device/delete`, "1");
}

// Not awaited at the top level: the bundle is CommonJS.
main().then(
  () => process.exit(),
  (error: unknown) => {
    console.error(error);
    process.exitCode = 1;
  },
);
