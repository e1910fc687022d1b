import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, open, readdir, rm, stat, symlink, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { promisify } from "node:util";
import { openFileNodeCheckpoints } from "../../src/adapters/linux/checkpoints/file-node-checkpoints.ts";
import { createLinuxHost } from "../../src/adapters/linux/create-linux-host.ts";
import { systemClock } from "../../src/adapters/system/system-clock.ts";
import type { Result } from "../../src/core/failure/result.ts";
import { kindOf } from "../../src/core/testing/value-of.ts";
import { dataPlaneAvailable } from "../../src/emulator/data-plane/data-plane-available.ts";
import { aCheckpoint } from "../../src/ports/testing/a-checkpoint.ts";
import { startDeviceUser } from "./worlds/start-device-user.ts";

const run = promisify(execFile);
const never = new AbortController().signal;
const devices = dataPlaneAvailable();
const here = { timeout: 300_000, ...(devices.available ? {} : { skip: devices.reason }) };
const CHUNK_BYTES = 4096;
const LEFT_BYTES = 4 * CHUNK_BYTES;
const SLOT_BYTES = 64 * 1024;
/** More than one volume at a time needs, and less than makes the slots grow. */
const VOLUMES = 20;

const fileSystems = {
  tmpfs: async (path: string) =>
    void (await run("mount", ["-t", "tmpfs", "-o", "size=1m", "full-disk", path])),
  ext4: async (path: string) => mountImage(path, ["mkfs.ext4", "-q", "-m", "0"], "16M"),
  xfs: async (path: string) => mountImage(path, ["mkfs.xfs", "-q"], "320M"),
} as const;

/** Makes a file system of its own in a file beside `path`. */
async function mountImage(path: string, [mkfs, ...args]: readonly string[], size: string): Promise<void> {
  const image = `${path}.img`;
  await writeFile(image, "");
  await truncate(image, Number(size.slice(0, -1)) * 1024 * 1024);
  await run(mkfs ?? "", [...args, image]);
  await run("mount", ["-o", "loop", image, path]);
}

/** Runs `act` with a folder on a small file system. */
async function withFileSystem(
  kind: keyof typeof fileSystems,
  act: (folder: string) => Promise<void>,
): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "full-disk-"));
  const folder = join(directory, "root");
  await mkdir(folder);
  await fileSystems[kind](folder);
  try {
    await act(folder);
  } finally {
    await run("umount", [folder]);
    await rm(directory, { recursive: true });
  }
}

/** Writes until nothing more fits, and leaves room for a part of a slot. */
async function fill(folder: string): Promise<void> {
  const file = await open(join(folder, "filler"), "a");
  try {
    for (;;) await file.writeFile(Buffer.alloc(CHUNK_BYTES, "x"));
  } catch (error) {
    assert.match(String(error), /ENOSPC/u);
  } finally {
    await file.sync().catch(() => undefined);
    await file.truncate((await file.stat()).size - LEFT_BYTES);
    await file.sync();
    await file.close();
  }
}

describe("a node whose root disk is full", here, () => {
  for (const kind of ["tmpfs", "ext4", "xfs"] as const)
    it(`unpublishes, unstages and sends heartbeats on ${kind}, and stages nothing more`, async () =>
      withFileSystem(kind, async (folder) => {
        const path = join(folder, "state/volumes.json");
        const checkpoints = await openFileNodeCheckpoints(path);
        const names = Array.from({ length: VOLUMES }, (_, index) => `pvc-${10 + index}`);
        for (const name of names)
          assert.equal(
            kindOf(
              await checkpoints.put(
                aCheckpoint({ volumeName: name, targetPaths: [`/target/${name}`] }),
                never,
              ),
            ),
            "ok",
          );
        await fill(folder);

        // An epoch and a heartbeat of one digit more, as a reclaim brings them.
        for (const beat of [9, 10, 99, 100])
          assert.equal(
            kindOf(await checkpoints.putHeartbeat({ heartbeat: beat, vmId: "vm-1" }, never)),
            "ok",
          );
        const [name = ""] = names;
        const reclaimed = aCheckpoint({ volumeName: name, targetPaths: [`/target/${name}`], epoch: 10 });
        assert.equal(kindOf(await checkpoints.put(reclaimed, never)), "ok");
        // What still fits twice may come.
        for (const added of ["pvc-50", "pvc-51"])
          assert.equal(kindOf(await checkpoints.put(aCheckpoint({ volumeName: added }), never)), "ok");
        const more = Array.from({ length: 300 }, (_, index) => `more-${100 + index}`);
        let refused: Result<void> | undefined;
        for (const added of more) {
          const put = await checkpoints.put(aCheckpoint({ volumeName: added }), never);
          if (!put.ok) refused ??= put;
        }
        assert.equal(refused === undefined ? "none" : kindOf(refused), "CheckpointsFull");
        // What could not grow gives back what it had taken.
        for (const slot of ["volumes.json", "volumes.2.json"])
          assert.equal((await stat(join(folder, "state", slot))).size, SLOT_BYTES);

        const held = checkpoints.volumes().map(({ volumeName }) => volumeName);
        for (const volumeName of held) {
          assert.equal(kindOf(await checkpoints.put(aCheckpoint({ volumeName }), never)), "ok");
          assert.equal(kindOf(await checkpoints.remove(volumeName, never)), "ok");
        }
        assert.equal(kindOf(await checkpoints.putRollback(3, never)), "ok");
        const after = await openFileNodeCheckpoints(path);
        assert.deepEqual([after.volumes(), after.heartbeat(), after.rollbackIncarnation()], [[], 100, 3]);
        assert.deepEqual((await readdir(join(folder, "state"))).toSorted(), [
          "volumes.2.json",
          "volumes.json",
        ]);
      }));

  it("continues with its heartbeats where only one of the two files could grow", async () =>
    withFileSystem("tmpfs", async (folder) => {
      const path = join(folder, "state/volumes.json");
      const checkpoints = await openFileNodeCheckpoints(path);
      for (let index = 0; index < VOLUMES; index += 1)
        await checkpoints.put(aCheckpoint({ volumeName: `pvc-${index}` }), never);
      await fill(folder);
      // Room for one file to grow, and no more.
      const filler = await open(join(folder, "filler"), "r+");
      await filler.truncate((await filler.stat()).size - SLOT_BYTES);
      await filler.close();
      for (let index = VOLUMES; index < 200; index += 1)
        await checkpoints.put(aCheckpoint({ volumeName: `pvc-${index}` }), never);
      const sizes = await Promise.all(
        ["volumes.json", "volumes.2.json"].map(
          async (file) => (await stat(join(folder, "state", file))).size,
        ),
      );
      assert.deepEqual(new Set(sizes), new Set([SLOT_BYTES, 2 * SLOT_BYTES]));
      assert.equal(kindOf(await checkpoints.putHeartbeat({ heartbeat: 5, vmId: "vm-1" }, never)), "ok");
      const again = await openFileNodeCheckpoints(path);
      for (const beat of [6, 7, 8])
        assert.equal(kindOf(await again.putHeartbeat({ heartbeat: beat, vmId: "vm-1" }, never)), "ok");
      for (const { volumeName } of again.volumes())
        assert.equal(kindOf(await again.remove(volumeName, never)), "ok");
      assert.equal((await openFileNodeCheckpoints(path)).heartbeat(), 8);
    }));

  it("makes no checkpoints there, and leaves nothing of its try", async () =>
    withFileSystem("tmpfs", async (folder) => {
      const checkpoints = await openFileNodeCheckpoints(join(folder, "state/volumes.json"));
      await fill(folder);
      assert.equal(
        kindOf(await checkpoints.putHeartbeat({ heartbeat: 1, vmId: "vm-1" }, never)),
        "CheckpointsFull",
      );
      assert.deepEqual(await readdir(join(folder, "state")), []);
      await rm(join(folder, "filler"));
      assert.equal(kindOf(await checkpoints.putHeartbeat({ heartbeat: 1, vmId: "vm-1" }, never)), "ok");
    }));

  it("unmounts where not even a file for a command's messages can be made", async () =>
    withFileSystem("tmpfs", async (folder) => {
      const host = await createLinuxHost({
        deviceRoot: folder,
        lockDirectory: join(folder, "locks"),
        clock: systemClock,
      });
      const target = join(folder, "..", "target");
      await mkdir(target);
      await run("mount", ["-t", "tmpfs", "-o", "size=64k", "full-disk", target]);
      await run("mount", ["-o", "remount,nr_inodes=4", folder]);
      await fill(folder);
      await assert.rejects(async () => {
        for (let file = 0; ; file += 1) await writeFile(join(folder, `file-${file}`), "");
      }, /ENOSPC/u);
      assert.deepEqual(await host.unmount(target, never), { ok: true, value: undefined });
      await host.close();
    }));
});

/** How a root disk ends after an error: ext4 takes no change, XFS answers nothing that it has to look up. */
const broken = {
  ext4: async (folder: string) => {
    await run("mount", ["-o", "remount,errors=remount-ro", folder]);
    await run("mount", ["-o", "remount,abort", folder]);
  },
  xfs: async (folder: string) => void (await run("xfs_io", ["-x", "-c", "shutdown", folder])),
} as const;

describe("a node whose root disk takes no change after an error", here, () => {
  for (const kind of ["ext4", "xfs"] as const)
    it(`unmounts volumes all the same, so that other nodes get them (${kind})`, async () =>
      withFileSystem(kind, async (folder) => {
        // A node's devices are not on its root disk.
        const [deviceRoot, lockDirectory] = [join(folder, ".."), join(folder, "locks")];
        const options = { deviceRoot, lockDirectory, clock: systemClock };
        const host = await createLinuxHost(options);
        const path = join(folder, "state/volumes.json");
        const checkpoints = await openFileNodeCheckpoints(path);
        assert.equal(kindOf(await checkpoints.put(aCheckpoint(), never)), "ok");
        const [staging, target] = [join(folder, "globalmount"), join(folder, "target")];
        const image = join(folder, "..", "volume.img");
        for (const mountPoint of [staging, target]) await mkdir(mountPoint);
        await writeFile(image, "");
        await truncate(image, 16 * 1024 * 1024);
        await run("mkfs.ext4", ["-q", image]);
        // Not mount's own loop device, whose number anything else here may have after the last unmount.
        const device = (await run("losetup", ["--find", "--show", image])).stdout.trim();
        await run("mount", [device, staging]);
        const majorMinor = await numberOf(staging);
        try {
          await run("mount", ["--bind", staging, target]);
          await writeFile(join(staging, "file"), "written");
          await broken[kind](folder);
          await assert.rejects(writeFile(join(folder, "file"), ""), /EROFS|EIO/u);
          for (const mountPoint of [target, staging, staging])
            assert.deepEqual(await host.unmount(mountPoint, never), { ok: true, value: undefined });
          assert.deepEqual(await host.mountAt(staging, never), { ok: true, value: undefined });
          const request = { accessType: "mount", lun: undefined, lunsOfOthers: [] } as const;
          const clean = await host.isClean({ ...request, lastMajorMinor: majorMinor }, never);
          assert.equal(clean.ok && clean.value.clean, true, JSON.stringify(clean));
          assert.equal(
            kindOf(await checkpoints.put(aCheckpoint({ volumeName: "pvc-2" }), never)),
            "HostNotReady",
          );
          assert.equal(kindOf(await checkpoints.remove("pvc-1", never)), "ok");
          assert.deepEqual([checkpoints.volumes(), checkpoints.unwritten()?.kind], [[], "HostNotReady"]);
        } finally {
          for (const mountPoint of [target, staging])
            await run("umount", [mountPoint]).catch(() => undefined);
          await run("losetup", ["--detach", device]);
          await host.close();
        }
      }));

  for (const kind of ["ext4", "xfs"] as const)
    it(`is clean once the commands of an earlier plug-in have ended, whose file stays (${kind})`, async () =>
      withFileSystem(kind, async (folder) => {
        const options = { deviceRoot: folder, lockDirectory: join(folder, "locks"), clock: systemClock };
        const [dead, earlier] = [await createLinuxHost(options), await createLinuxHost(options)];
        const host = await createLinuxHost(options);
        try {
          assert.deepEqual(await host.earlierChildrenAlive(never), { ok: true, value: true });
          await broken[kind](folder);
          await dead.close();
          assert.deepEqual(await host.earlierChildrenAlive(never), { ok: true, value: true });
          await earlier.close();
          assert.deepEqual(await host.earlierChildrenAlive(never), { ok: true, value: false });
        } finally {
          await host.close();
        }
      }));

  it("starts plug-ins, one at a time, that write nothing until the disk is writable", async (t) =>
    withFileSystem("ext4", async (folder) => {
      const stateDir = join(folder, "state");
      const options = { deviceRoot: folder, lockDirectory: join(stateDir, "locks"), clock: systemClock };
      const path = join(stateDir, "volumes.json");
      // An earlier plug-in has left locks and checkpoints.
      const dead = await createLinuxHost(options);
      const before = await openFileNodeCheckpoints(path);
      assert.equal(kindOf(await before.put(aCheckpoint(), never)), "ok");
      await writeFile(join(stateDir, "volumes.lock"), "");
      await dead.close();
      await run("mount", ["-o", "remount,ro", folder]);
      const first = startLocking(stateDir);
      t.after(first.kill);
      assert.equal(await first.said, "locked");
      const second = startLocking(stateDir);
      t.after(second.kill);
      assert.match(await second.said, /^waiting for another node plug-in/u);
      const host = await createLinuxHost(options);
      try {
        const checkpoints = await openFileNodeCheckpoints(path);
        assert.deepEqual(
          checkpoints.volumes().map(({ volumeName }) => volumeName),
          ["pvc-1"],
        );
        assert.equal(checkpoints.unwritten()?.kind, "HostNotReady");
        assert.deepEqual(await host.earlierChildrenAlive(never), { ok: true, value: false });
        assert.equal(
          kindOf(await checkpoints.put(aCheckpoint({ volumeName: "pvc-2" }), never)),
          "HostNotReady",
        );
        assert.equal(kindOf(await checkpoints.remove("pvc-1", never)), "ok");
        await assert.rejects(createLinuxHost(options), /a command of an earlier node plug-in is alive/u);
        await run("mount", ["-o", "remount,rw", folder]);
        assert.equal(kindOf(await checkpoints.putHeartbeat({ heartbeat: 2, vmId: "vm-1" }, never)), "ok");
        assert.equal(checkpoints.unwritten(), undefined);
        const later = await createLinuxHost(options);
        try {
          assert.deepEqual(await later.earlierChildrenAlive(never), { ok: true, value: true });
          await host.close();
          assert.deepEqual(await later.earlierChildrenAlive(never), { ok: true, value: false });
        } finally {
          await later.close();
        }
      } finally {
        await host.close().catch(() => undefined);
        await first.kill();
        await second.kill();
      }
    }));

  for (const kind of ["ext4", "xfs"] as const)
    it(`unmounts a volume by a link that its root disk can't read any more (${kind})`, async () =>
      withFileSystem(kind, async (folder) => {
        const options = { deviceRoot: folder, lockDirectory: join(folder, "locks"), clock: systemClock };
        const host = await createLinuxHost(options);
        const mountPoint = join(folder, "data/pods/1/mount");
        await mkdir(mountPoint, { recursive: true });
        await symlink(join(folder, "data"), join(folder, "kubelet"));
        await run("mount", ["-t", "tmpfs", "-o", "size=64k", "volume", mountPoint]);
        const path = join(folder, "kubelet/pods/1/mount");
        const isMounted = async (): Promise<boolean> =>
          (await run("findmnt", ["--list", "--noheadings", "--output", "TARGET"])).stdout
            .split("\n")
            .includes(mountPoint);
        try {
          const found = await host.mountAt(path, never);
          assert.equal(found.ok && found.value?.path, mountPoint);
          await broken[kind](folder);
          const still = await host.mountAt(path, never);
          assert.equal(still.ok && still.value?.path, mountPoint);
          assert.deepEqual(await host.unmount(path, never), { ok: true, value: undefined });
          assert.equal(await isMounted(), false);
        } finally {
          await run("umount", [mountPoint]).catch(() => undefined);
          await host.close();
        }
      }));

  for (const kind of ["ext4", "xfs"] as const)
    it(`answers for paths that its root disk can't look up (${kind})`, async () =>
      withFileSystem(kind, async (folder) => {
        const options = { deviceRoot: folder, lockDirectory: join(folder, "locks"), clock: systemClock };
        const host = await createLinuxHost(options);
        try {
          await broken[kind](folder);
          const path = join(folder, "pods/1/volumes/pvc-1/mount");
          const nothing = { ok: true, value: undefined };
          assert.deepEqual(await host.mountAt(path, never), nothing);
          assert.deepEqual(await host.mountPlaceholder(path, never), nothing);
          assert.deepEqual(await host.unmount(path, never), nothing);
        } finally {
          await host.close();
        }
      }));

  for (const descriptor of ["has open", "has mapped and closed"] as const)
    it(`releases raw block beside a process that ${descriptor} a file there`, async () =>
      withFileSystem("xfs", async (folder) => {
        const raw = join(folder, "..", "raw.img");
        await writeFile(raw, "");
        await truncate(raw, 1024 * 1024);
        const device = (await run("losetup", ["--find", "--show", raw])).stdout.trim();
        const deviceRoot = join(folder, "..", "links");
        const links = join(deviceRoot, "dev/disk/azure/scsi1");
        await mkdir(links, { recursive: true });
        await symlink(device, join(links, "lun0"));
        const path = join(folder, "file");
        await writeFile(path, Buffer.alloc(CHUNK_BYTES));
        const mapping = descriptor === "has open" ? undefined : "shared";
        const user = await startDeviceUser({ path, mapping });
        const host = await createLinuxHost({
          deviceRoot,
          lockDirectory: join(folder, "..", "locks"),
          clock: systemClock,
        });
        try {
          await broken.xfs(folder);
          const request = { accessType: "block", lun: 0, lunsOfOthers: [] } as const;
          assert.deepEqual(await host.isClean({ ...request, lastMajorMinor: undefined }, never), {
            ok: true,
            value: { clean: true, reason: `nothing holds ${device}` },
          });
        } finally {
          await user.end();
          await host.close();
          await run("losetup", ["--detach", device]);
        }
      }));
});

/** A process that locks a state folder, and its first line: that it has, or what it waits for. */
function startLocking(stateDir: string) {
  const moduleUrl = (path: string): string =>
    JSON.stringify(new URL(`../../src/adapters/${path}`, import.meta.url).href);
  const source = `
    const { lockStateFolder } = await import(${moduleUrl("linux/checkpoints/lock-state-folder.ts")});
    const { systemClock } = await import(${moduleUrl("system/system-clock.ts")});
    const logger = { warn: (message) => console.log(message) };
    const never = new AbortController().signal;
    await lockStateFolder(${JSON.stringify(stateDir)}, { clock: systemClock, logger }, never);
    console.log("locked");
    process.stdin.resume();
  `;
  const locking = spawn(process.execPath, ["--input-type=module", "--eval", source], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const exited = once(locking, "exit");
  return {
    said: once(locking.stdout.setEncoding("utf8"), "data").then(([line]) => String(line).trim()),
    kill: async (): Promise<void> => {
      locking.kill("SIGKILL");
      await exited;
    },
  };
}

/** The number of the device that is mounted at a path. */
async function numberOf(path: string): Promise<string> {
  return (await run("findmnt", ["--noheadings", "--output", "MAJ:MIN", path])).stdout.trim();
}
