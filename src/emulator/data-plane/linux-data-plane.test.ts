import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createReadStream } from "node:fs";
import {
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  readlink,
  realpath,
  rm,
  stat,
  writeFile,
  type FileHandle,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { createInterface } from "node:readline";
import { pipeline } from "node:stream/promises";
import { after, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual, promisify } from "node:util";
import type { DataPlaneAttachment } from "../model/data-plane-port.ts";
import { boundLoopDevices } from "./bound-loop-devices.ts";
import { dataPlaneAvailable } from "./data-plane-available.ts";
import { createLinuxDataPlane, type LinuxDataPlane } from "./linux-data-plane.ts";

const MIB = 1024 * 1024;
const SIZE_BYTES = BigInt(64 * MIB);
/** Of all tests together: seconds on an idle machine. */
const SUITE_TIMEOUT_MS = 1_200_000;
const COMMAND_TIMEOUT_MS = 240_000;
const FREE_MAX_MS = 60_000;
const LOOK_EVERY_MS = 20;

/** Settings of a queue that a node may change. */
const TUNED: Readonly<Record<string, string>> = {
  scheduler: "mq-deadline",
  max_sectors_kb: "64",
  read_ahead_kb: "16",
  nomerges: "2",
  rq_affinity: "2",
  add_random: "1",
};

const availability = dataPlaneAvailable();
const skip = availability.available ? false : availability.reason;

describe("createLinuxDataPlane", { skip, timeout: SUITE_TIMEOUT_MS }, () => {
  const cleanUps: (() => Promise<unknown>)[] = [];
  after(async () => {
    for (const cleanUp of cleanUps.reverse()) await cleanUp();
  });

  async function aDirectory(): Promise<string> {
    const directory = await realpath(await mkdtemp(join(tmpdir(), "data-plane-")));
    cleanUps.push(() => rm(directory, { recursive: true, force: true }));
    return directory;
  }

  /** A data plane with one disk, and a place to mount things. */
  async function aDataPlane(options: { readonly releasePatienceMs?: number } = {}) {
    const directory = await aDirectory();
    const dataPlane = await createLinuxDataPlane({
      directory: join(directory, "disks"),
      deviceRoot: join(directory, "vms"),
      ...options,
    });
    cleanUps.push(() => dataPlane.close());
    await dataPlane.diskCreated({ diskId: diskIdOf("data"), sizeBytes: SIZE_BYTES });
    return {
      dataPlane,
      directory,
      filePath: () => onlyDiskFile(directory),
      mount: async (devicePath: string): Promise<string> => {
        const path = await mkdtemp(join(directory, "mnt-"));
        await run("mount", devicePath, path);
        cleanUps.push(() => run("umount", path).catch(() => undefined));
        return path;
      },
    };
  }

  async function attach(dataPlane: LinuxDataPlane, attachment: DataPlaneAttachment): Promise<string> {
    await dataPlane.diskAttached(attachment);
    return readlink(dataPlane.linkPath(attachment));
  }

  it("shows a disk at the link of its LUN, with the disk's size, until detached", async () => {
    const { dataPlane, directory, filePath } = await aDataPlane();
    const rows = [
      {
        attachment: anAttachment({ vm: "vm-scsi", lun: 3, controllerType: "SCSI" }),
        link: "vms/vm-scsi/dev/disk/azure/scsi1/lun3",
      },
      {
        attachment: anAttachment({ vm: "vm-nvme", lun: 4, controllerType: "NVMe" }),
        link: "vms/vm-nvme/dev/disk/azure/data/by-lun/4",
      },
    ];
    for (const { attachment, link } of rows) {
      const devicePath = await attach(dataPlane, attachment);
      assert.equal(await readlink(join(directory, link)), devicePath);
      assert.equal(await sizeOf(devicePath), SIZE_BYTES);
      assert.deepEqual(await dataPlane.devices(), [
        { path: devicePath, filePath: await filePath(), isCut: false },
      ]);
      await dataPlane.diskDetached(attachment);
      assert.deepEqual(await readdir(join(directory, link, "..")), []);
      await untilDevices(dataPlane, []);
    }
  });

  it("repeats every step without effect", async () => {
    const { dataPlane } = await aDataPlane();
    const attachment = anAttachment({});
    const devicePath = await attach(dataPlane, attachment);
    await writeAndSync(devicePath, 0, "kept");

    await dataPlane.diskCreated({ diskId: attachment.diskId.toUpperCase(), sizeBytes: SIZE_BYTES });
    assert.equal(
      await attach(dataPlane, { ...attachment, diskId: attachment.diskId.toUpperCase() }),
      devicePath,
    );
    await dataPlane.vmStarted(attachment);
    assert.equal(await readlink(dataPlane.linkPath(attachment)), devicePath);
    assert.equal(await readAt(devicePath, 0, 4), "kept");

    await dataPlane.diskDetached(attachment);
    await dataPlane.diskDetached(attachment);
    await dataPlane.diskDeleted(attachment);
    await dataPlane.diskDeleted(attachment);
    await untilDevices(dataPlane, []);
  });

  it("makes a new device for a disk whose device another process has freed", async () => {
    const { dataPlane } = await aDataPlane();
    const attachment = anAttachment({});
    await run("losetup", "-d", await attach(dataPlane, attachment));
    assert.equal(await sizeOf(await attach(dataPlane, attachment)), SIZE_BYTES);
  });

  it("gives a new device none of the settings that a node gave the disk before it", async () => {
    const { dataPlane } = await aDataPlane();
    const attachment = anAttachment({});
    const fresh = await queueOf(await attach(dataPlane, attachment));
    for (const [name, value] of Object.entries(TUNED)) assert.notEqual(fresh[name], value, name);
    let tuned: string;
    let next = "";
    // Until the same device is free again, which another program of this machine may take in between.
    do {
      tuned = await readlink(dataPlane.linkPath(attachment));
      for (const [name, value] of Object.entries(TUNED))
        await writeFile(join("/sys/class/block", basename(tuned), "queue", name), value);
      await dataPlane.diskDetached(attachment);
      await untilDevices(dataPlane, []);
      next = await attach(dataPlane, attachment);
    } while (next !== tuned);
    assert.deepEqual(await queueOf(next), fresh);
    await dataPlane.diskDetached(attachment);
    await untilDevices(dataPlane, []);
  });

  it("refuses what would lose data or hide a disk, and gives the reason", async () => {
    const { dataPlane } = await aDataPlane();
    const attachment = anAttachment({ vm: "vm-a", lun: 1 });
    await attach(dataPlane, attachment);
    await dataPlane.diskCreated({ diskId: diskIdOf("other"), sizeBytes: SIZE_BYTES });
    const rows = [
      {
        because: "a VM has it",
        step: () => dataPlane.diskDeleted(attachment),
        message: /cannot delete .*\/disks\/data: .*\/virtualMachines\/vm-a has it as LUN 1/,
      },
      {
        because: "it would shrink",
        step: () => dataPlane.diskResized({ ...attachment, sizeBytes: SIZE_BYTES / 2n }),
        message: /cannot grow .* to 33554432 bytes .*disks only grow/,
      },
      {
        because: "the LUN is taken",
        step: () => dataPlane.diskAttached({ ...attachment, diskId: diskIdOf("other") }),
        message: /its link .*lun1 belongs to .*\/disks\/data/,
      },
      {
        because: "there is no such disk",
        step: () => dataPlane.diskAttached({ ...attachment, diskId: diskIdOf("nowhere"), lun: 2 }),
        message: /cannot bind a loop device to .*nowhere.*ENOENT/,
      },
      {
        because: "there is no such source",
        step: () =>
          dataPlane.diskCopied({
            sourceId: diskIdOf("nowhere"),
            diskId: diskIdOf("copy"),
            sizeBytes: SIZE_BYTES,
          }),
        message: /cannot copy .*nowhere.*ENOENT/,
      },
      {
        because: "the name would leave the device root",
        step: () =>
          dataPlane.diskAttached({ ...attachment, diskId: diskIdOf("other"), vmName: "../vm", lun: 2 }),
        message: /VM name "\.\.\/vm"/,
      },
    ];
    for (const { because, step, message } of rows) await assert.rejects(step(), { message }, because);
    assert.equal((await dataPlane.devices()).length, 1);
  });

  // What was synced is on the next VM; nothing else reaches the disk.
  it("cuts a frozen VM's mounted disk and keeps only what was synced", async () => {
    const { dataPlane, filePath, mount } = await aDataPlane();
    const [onA, onB] = [anAttachment({ vm: "vm-a" }), anAttachment({ vm: "vm-b" })];
    const [deviceA, deviceB] = [await attach(dataPlane, onA), await attach(dataPlane, onB)];
    await run("mkfs.ext4", "-q", deviceA);
    const mountA = await mount(deviceA);
    for (let n = 0; n < 50; n += 1) await writeAndSync(join(mountA, `synced-${n}`), 0, `content ${n}`);
    await writeFile(join(mountA, "not-synced"), Buffer.alloc(MIB, "n"));
    await using writer = await aWriter(join(mountA, "writer"));
    const syncedLines = await writer.nextLine();

    writer.freeze();
    await dataPlane.diskDetached(onA);
    const hashAtCut = await hashOf(await filePath());
    assert.deepEqual(
      await dataPlane.devices(),
      sortedByPath([
        { path: deviceA, filePath: await filePath(), isCut: true },
        { path: deviceB, filePath: await filePath(), isCut: false },
      ]),
    );

    writer.thaw();
    assert.match(await writer.failure, /EIO|EROFS/);
    await assert.rejects(writeAndSync(join(mountA, "synced-0"), 0, "stale"), { code: /EIO|EROFS/ });
    await run("sync", "-f", mountA).catch(() => undefined);
    assert.equal(await hashOf(await filePath()), hashAtCut, "the cut VM changed the disk");

    const mountB = await mount(deviceB);
    for (let n = 0; n < 50; n += 1)
      assert.equal(await readFile(join(mountB, `synced-${n}`), "utf8"), `content ${n}`);
    assert.ok(
      (await readFile(join(mountB, "writer"), "utf8")).startsWith(syncedLines),
      "a synced line is missing",
    );
    await writeAndSync(join(mountB, "of-b"), 0, "of b");
    await run("umount", mountB);
    const hashOfB = await hashOf(await filePath());

    assert.ok(
      (await dataPlane.devices()).some(({ path, isCut }) => path === deviceA && isCut),
      "still tracked while it is mounted",
    );
    await run("umount", mountA);
    // Gone with its last mount.
    await untilDevices(dataPlane, [{ path: deviceB, filePath: await filePath(), isCut: false }]);
    assert.equal(await hashOf(await filePath()), hashOfB, "unmounting the cut device changed the disk");
    await run("e2fsck", "-fn", deviceB);
  });

  it("lets no write of a busy VM pass once the detach has returned", async () => {
    const { dataPlane, filePath } = await aDataPlane();
    const attachment = anAttachment({});
    // With a size limit but without the offset, a write passes in about every third round: one that the
    // kernel had checked but not queued before the cut.
    for (let round = 0; round < 3; round += 1) {
      const devicePath = await attach(dataPlane, attachment);
      const writers = [0, 1, 2].map((nth) => aDirectWriter(devicePath, nth));
      cleanUps.push(async () => writers.forEach(({ process }) => process.kill("SIGKILL")));
      await Promise.all(writers.map(({ hasWritten }) => hasWritten));

      await dataPlane.diskDetached(attachment);
      const atCut = await fileState(await filePath());
      for (const { ended } of writers) assert.match(await ended, /EIO|ENOSPC/);
      assert.deepEqual(await fileState(await filePath()), atCut);
    }
    await untilDevices(dataPlane, []);
  });

  // Nor does the kernel reuse the device's number before it is closed.
  it("fails buffered writes to a raw device that stays open across the cut", async () => {
    const { dataPlane, filePath } = await aDataPlane();
    const attachment = anAttachment({});
    const devicePath = await attach(dataPlane, attachment);
    const held = await open(devicePath, "r+");
    await held.write("dirty before the cut", 0);

    await dataPlane.diskDetached(attachment);
    const hashAtCut = await hashOf(await filePath());
    await assert.rejects(writeAndSyncHandle(held, 4096, "dirty after the cut"), { code: /EIO|ENOSPC/ });
    const deviceAgain = await attach(dataPlane, attachment);
    assert.notEqual(deviceAgain, devicePath);
    await held.close();
    assert.equal(await hashOf(await filePath()), hashAtCut);
    await untilDevices(dataPlane, [{ path: deviceAgain, filePath: await filePath(), isCut: false }]);
  });

  it("gives a stopped VM's disks back on devices without its old mounts", async () => {
    const { dataPlane, mount } = await aDataPlane();
    const [onA, onB] = [anAttachment({ vm: "vm-a" }), anAttachment({ vm: "vm-b" })];
    const [deviceA, deviceB] = [await attach(dataPlane, onA), await attach(dataPlane, onB)];
    await run("mkfs.ext4", "-q", deviceA);
    const mountA = await mount(deviceA);
    await writeAndSync(join(mountA, "file"), 0, "synced");

    await dataPlane.vmStopped(onA);
    await assert.rejects(readlink(dataPlane.linkPath(onA)), { code: "ENOENT" });
    await assert.rejects(writeAndSync(join(mountA, "file"), 0, "stale"), { code: /EIO|EROFS/ });
    assert.equal(await sizeOf(deviceB), SIZE_BYTES);
    await dataPlane.diskAttached(onA);
    await assert.rejects(
      readlink(dataPlane.linkPath(onA)),
      { code: "ENOENT" },
      "a stopped VM has no devices",
    );

    await dataPlane.vmStarted(onA);
    const deviceAgain = await readlink(dataPlane.linkPath(onA));
    assert.notEqual(deviceAgain, deviceA);
    await assert.rejects(writeAndSync(join(mountA, "file"), 0, "stale"), { code: /EIO|EROFS/ });
    await run("umount", mountA);
    const mountAgain = await mount(deviceAgain);
    assert.equal(await readFile(join(mountAgain, "file"), "utf8"), "synced");
    await run("umount", mountAgain);
    await run("e2fsck", "-fn", deviceAgain);
  });

  it("shows a disk's new size to every VM that has it", async () => {
    const { dataPlane } = await aDataPlane();
    const devices = [
      await attach(dataPlane, anAttachment({ vm: "vm-a" })),
      await attach(dataPlane, anAttachment({ vm: "vm-b" })),
    ];
    await dataPlane.diskResized({ diskId: diskIdOf("data"), sizeBytes: SIZE_BYTES * 2n });
    assert.deepEqual(await Promise.all(devices.map(sizeOf)), [SIZE_BYTES * 2n, SIZE_BYTES * 2n]);
  });

  it("copies a disk's bytes and keeps its holes", async () => {
    const { dataPlane, directory } = await aDataPlane();
    const source = anAttachment({});
    await writeAndSync(await attach(dataPlane, source), 8 * MIB, "copied");
    const copy = { ...source, diskId: diskIdOf("copy"), lun: 1 };
    await dataPlane.diskCopied({ sourceId: source.diskId, diskId: copy.diskId, sizeBytes: SIZE_BYTES * 2n });
    const device = await attach(dataPlane, copy);
    assert.equal(await readAt(device, 8 * MIB, 6), "copied");
    assert.equal(await sizeOf(device), SIZE_BYTES * 2n);
    const file = (await readdir(join(directory, "disks"))).find((name) => name.startsWith("copy-"));
    assert.ok((await stat(join(directory, "disks", file ?? ""))).blocks * 512 < MIB);
  });

  // Except blocks that the other's kernel still buffers for an open device.
  it("shows one VM's flushed writes to another", async () => {
    const { dataPlane } = await aDataPlane();
    const [deviceA, deviceB] = [
      await attach(dataPlane, anAttachment({ vm: "vm-a" })),
      await attach(dataPlane, anAttachment({ vm: "vm-b" })),
    ];
    await writeAndSync(deviceA, 0, "first");
    assert.equal(await readAt(deviceB, 0, 5), "first");

    await writeAndSync(deviceA, 0, "again");
    // A probe that closed the device leaves nothing stale behind.
    await untilRead(deviceB, "again");

    const held = await open(deviceB, "r");
    assert.equal(await readHandle(held, 0, 5), "again");
    await writeAndSync(deviceA, 0, "later");
    assert.equal(
      await readHandle(held, 0, 5),
      "again",
      "as on a real machine: only the last close drops a device's buffers",
    );
    await held.close();
    await untilRead(deviceB, "later");
  });

  it("attaches many disks at once beside other users of loop devices", async () => {
    const { dataPlane, directory } = await aDataPlane();
    const foreign = join(directory, "foreign");
    await writeFile(foreign, Buffer.alloc(MIB));
    const taken: string[] = [];
    cleanUps.push(async () => {
      for (const device of taken) await run("losetup", "-d", device);
    });
    await Promise.all([
      ...Array.from({ length: 12 }, (_, nth) => dataPlane.diskAttached(anAttachment({ vm: `vm-${nth}` }))),
      ...Array.from({ length: 4 }, async () =>
        taken.push((await run("losetup", "-f", "--show", foreign)).trim()),
      ),
    ]);
    const links = await Promise.all(
      Array.from({ length: 12 }, (_, nth) => readlink(dataPlane.linkPath(anAttachment({ vm: `vm-${nth}` })))),
    );
    assert.equal(new Set([...links, ...taken]).size, 16);
  });

  it("leaves no device and no link when closed, and names a device in use", async () => {
    const { dataPlane, directory, mount } = await aDataPlane({ releasePatienceMs: 1_000 });
    const attachment = anAttachment({});
    const devicePath = await attach(dataPlane, attachment);
    await attach(dataPlane, anAttachment({ vm: "vm-b" }));
    await run("mkfs.ext4", "-q", devicePath);
    const mounted = await mount(devicePath);

    await assert.rejects(dataPlane.close(), {
      message: new RegExp(`still held: ${devicePath} on .*goes away when it is unmounted`),
    });
    await assert.rejects(readlink(dataPlane.linkPath(attachment)), { code: "ENOENT" });
    await assert.rejects(writeAndSync(join(mounted, "file"), 0, "stale"), { code: /EIO|EROFS/ });
    await run("umount", mounted);
    await untilDevices({ devices: () => boundLoopDevices(join(directory, "disks")) }, []);
    assert.doesNotMatch(await run("losetup", "-a"), new RegExp(directory));
    await assert.rejects(dataPlane.diskAttached(attachment), { message: /closed/ });
  });

  it("removes the disks' files on request, also those of another data plane", async () => {
    const { dataPlane, directory } = await aDataPlane();
    await dataPlane.close();
    assert.equal((await diskFilesIn(directory)).length, 1);
    const next = await createLinuxDataPlane({
      directory: join(directory, "disks"),
      deviceRoot: join(directory, "vms"),
      removeFilesOnClose: true,
    });
    await next.close();
    assert.deepEqual(await diskFilesIn(directory), []);
  });

  it("shares its directory with no other data plane", async () => {
    const { directory } = await aDataPlane();
    await assert.rejects(
      createLinuxDataPlane({ directory: join(directory, "disks"), deviceRoot: join(directory, "vms") }),
      {
        message: /another data plane uses it/,
      },
    );
  });

  it("cuts the devices of a data plane killed with SIGKILL, and keeps the bytes", async () => {
    const directory = await aDirectory();
    const devicePath = await attachInAProcessThatIsKilled(directory);
    cleanUps.push(() => run("umount", join(directory, "mnt")).catch(() => undefined));
    await run("mkfs.ext4", "-q", devicePath);
    await mkdir(join(directory, "mnt"));
    await run("mount", devicePath, join(directory, "mnt"));
    await writeAndSync(join(directory, "mnt", "file"), 0, "synced");

    const dataPlane = await createLinuxDataPlane({
      directory: join(directory, "disks"),
      deviceRoot: join(directory, "vms"),
    });
    cleanUps.push(() => dataPlane.close());
    const attachment = anAttachment({});
    await assert.rejects(readlink(dataPlane.linkPath(attachment)), { code: "ENOENT" });
    await assert.rejects(writeAndSync(join(directory, "mnt", "file"), 0, "stale"), { code: /EIO|EROFS/ });
    assert.deepEqual(
      (await dataPlane.devices()).map(({ path, isCut }) => ({ path, isCut })),
      [{ path: devicePath, isCut: true }],
    );

    const deviceAgain = await attach(dataPlane, attachment);
    assert.notEqual(deviceAgain, devicePath);
    await run("umount", join(directory, "mnt"));
    await run("mount", deviceAgain, join(directory, "mnt"));
    assert.equal(await readFile(join(directory, "mnt", "file"), "utf8"), "synced");
    await run("umount", join(directory, "mnt"));
    await run("e2fsck", "-fn", deviceAgain);
    const filePath = await onlyDiskFile(directory);
    await untilDevices(dataPlane, [{ path: deviceAgain, filePath, isCut: false }]);
  });
});

async function queueOf(devicePath: string): Promise<Readonly<Record<string, string>>> {
  const entries = Object.keys(TUNED).map(async (name) => {
    const text = await readFile(join("/sys/class/block", basename(devicePath), "queue", name), "utf8");
    return [name, text.trim()] as const;
  });
  return Object.fromEntries(await Promise.all(entries));
}

function diskIdOf(name: string): string {
  return `/subscriptions/s/resourceGroups/rg/providers/Microsoft.Compute/disks/${name}`;
}

function anAttachment({
  vm = "vm-a",
  lun = 0,
  controllerType = "SCSI" as const,
}: {
  readonly vm?: string;
  readonly lun?: number;
  readonly controllerType?: DataPlaneAttachment["controllerType"];
}): DataPlaneAttachment {
  return {
    vmId: `/subscriptions/s/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/${vm}`,
    vmName: vm,
    diskId: diskIdOf("data"),
    lun,
    controllerType,
  };
}

async function run(command: string, ...argument: readonly string[]): Promise<string> {
  return (await promisify(execFile)(command, argument, { timeout: COMMAND_TIMEOUT_MS })).stdout;
}

async function diskFilesIn(directory: string): Promise<readonly string[]> {
  return (await readdir(join(directory, "disks"))).filter((name) => name.endsWith(".disk"));
}

async function onlyDiskFile(directory: string): Promise<string> {
  const [name, ...others] = await diskFilesIn(directory);
  assert.ok(name !== undefined && others.length === 0);
  return join(directory, "disks", name);
}

/**
 * Waits until the data plane has these devices and no others. The kernel frees a device at its last close,
 * and other programs of this machine open every loop device for a moment (losetup --list).
 */
async function untilDevices(
  dataPlane: Pick<LinuxDataPlane, "devices">,
  expected: Awaited<ReturnType<LinuxDataPlane["devices"]>>,
): Promise<void> {
  const endsMs = performance.now() + FREE_MAX_MS;
  let found = await dataPlane.devices();
  while (!isDeepStrictEqual(found, expected) && performance.now() < endsMs) {
    await sleep(LOOK_EVERY_MS);
    found = await dataPlane.devices();
  }
  assert.deepEqual(found, expected);
}

/** The same for what a device shows once no other program has it open. */
async function untilRead(path: string, expected: string): Promise<void> {
  const endsMs = performance.now() + FREE_MAX_MS;
  let found = await readAt(path, 0, expected.length);
  while (found !== expected && performance.now() < endsMs) {
    await sleep(LOOK_EVERY_MS);
    found = await readAt(path, 0, expected.length);
  }
  assert.equal(found, expected);
}

function sortedByPath<Item extends { readonly path: string }>(items: readonly Item[]): readonly Item[] {
  return items.toSorted((one, other) => one.path.localeCompare(other.path));
}

async function sizeOf(devicePath: string): Promise<bigint> {
  return BigInt(await readFile(`/sys/block/${devicePath.slice("/dev/".length)}/size`, "utf8")) * 512n;
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  return hash.digest("hex");
}

/** A value that changes with every write to a file. */
async function fileState(path: string) {
  const { mtimeNs, size, blocks } = await stat(path, { bigint: true });
  return { mtimeNs, size, blocks };
}

async function withHandle<Value>(
  path: string,
  flags: string,
  use: (handle: FileHandle) => Promise<Value>,
): Promise<Value> {
  const handle = await open(path, flags);
  try {
    return await use(handle);
  } finally {
    await handle.close();
  }
}

async function writeAndSync(path: string, position: number, text: string): Promise<void> {
  const flags = (await stat(path).catch(() => undefined)) === undefined ? "w+" : "r+";
  await withHandle(path, flags, (handle) => writeAndSyncHandle(handle, position, text));
}

async function writeAndSyncHandle(handle: FileHandle, position: number, text: string): Promise<void> {
  await handle.write(text, position);
  await handle.sync();
}

function readAt(path: string, position: number, length: number): Promise<string> {
  return withHandle(path, "r", (handle) => readHandle(handle, position, length));
}

async function readHandle(handle: FileHandle, position: number, length: number): Promise<string> {
  return (await handle.read(Buffer.alloc(length), 0, length, position)).buffer.toString();
}

/**
 * A process that appends lines to a file, syncs each and prints what it has synced. When a call fails, it
 * prints the failure's code.
 */
async function aWriter(path: string) {
  const source = `
    const fs = require("node:fs");
    const fd = fs.openSync(${JSON.stringify(path)}, "w");
    let synced = "";
    try {
      for (let n = 0; ; n += 1) {
        fs.writeSync(fd, "line " + n + "\\n");
        fs.fsyncSync(fd);
        synced += "line " + n + "\\n";
        if (n === 20) console.log(JSON.stringify({ synced }));
      }
    } catch (error) {
      console.log(JSON.stringify({ failure: error.code }));
    }`;
  const child = spawn(process.execPath, ["-e", source], { stdio: ["ignore", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  async function next(field: "synced" | "failure"): Promise<string> {
    const message: unknown = JSON.parse((await lines.next()).value ?? "{}");
    assert.ok(typeof message === "object" && message !== null && field in message);
    return String((message as Record<string, unknown>)[field]);
  }
  const synced = next("synced");
  return {
    nextLine: () => synced,
    /** Read only after `nextLine`. */
    get failure(): Promise<string> {
      return next("failure");
    },
    freeze: () => child.kill("SIGSTOP"),
    thaw: () => child.kill("SIGCONT"),
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    },
  };
}

/** A process that overwrites the device with large direct writes of different bytes until one fails. */
function aDirectWriter(devicePath: string, nth: number) {
  const source = `
    const fs = require("node:fs");
    const fd = fs.openSync(${JSON.stringify(devicePath)}, fs.constants.O_RDWR | fs.constants.O_DIRECT);
    // Aligned to a page, as direct I/O requires.
    const memory = Buffer.from(new WebAssembly.Memory({ initial: 128 }).buffer);
    for (let round = 0; ; round += 1) {
      memory.fill((round * 3 + ${nth}) % 256);
      try {
        for (let position = 0; position < ${Number(SIZE_BYTES)}; position += memory.length)
          fs.writeSync(fd, memory, 0, memory.length, position);
      } catch (error) {
        console.log(error.code);
        break;
      }
      if (round === 0) console.log("written");
    }`;
  const child = spawn(process.execPath, ["-e", source], { stdio: ["ignore", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const hasWritten = lines.next().then(({ value }) => assert.equal(value, "written"));
  const exit = once(child, "exit");
  async function end(): Promise<string> {
    await hasWritten;
    const code = String((await lines.next()).value);
    // Until its exit the process holds the device open.
    await exit;
    return code;
  }
  return { process: child, hasWritten, ended: end() };
}

/**
 * Lets another process attach a disk to a VM and end by SIGKILL. Returns the device that it leaves behind.
 */
async function attachInAProcessThatIsKilled(directory: string): Promise<string> {
  const source = `
    import { createLinuxDataPlane } from
      ${JSON.stringify(new URL("linux-data-plane.ts", import.meta.url).href)};
    const dataPlane = await createLinuxDataPlane(
      ${JSON.stringify({ directory: join(directory, "disks"), deviceRoot: join(directory, "vms") })});
    const attachment = ${JSON.stringify(anAttachment({}))};
    await dataPlane.diskCreated({ diskId: attachment.diskId, sizeBytes: ${SIZE_BYTES}n });
    await dataPlane.diskAttached(attachment);
    process.kill(process.pid, "SIGKILL");`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", source], { stdio: "inherit" });
  assert.deepEqual(await once(child, "exit"), [null, "SIGKILL"]);
  return readlink(join(directory, "vms/vm-a/dev/disk/azure/scsi1/lun0"));
}
