import assert from "node:assert/strict";
import { mkdir, rm, symlink } from "node:fs/promises";
import { dirname, relative } from "node:path";
import { after, afterEach, before, describe, it } from "node:test";
import type { Failure } from "../../src/core/failure/failure.ts";
import type { Result } from "../../src/core/failure/result.ts";
import { valueOf } from "../../src/core/testing/value-of.ts";
import type { Device, HostProvisioner } from "../../src/ports/host/host-provisioner.ts";
import { hostProvisionerContract } from "./host-provisioner-contract.ts";
import { makeWindowsHostWorld } from "./windows/windows-host-world.ts";
import { volumePath } from "./windows/windows-machine.ts";

hostProvisionerContract("Windows host on a PowerShell double", makeWindowsHostWorld, { platform: "windows" });

const never = new AbortController().signal;
const GIB = 1024n * 1024n * 1024n;
const MIB = 1024 * 1024;
const OTHERS_OFFSET = 64 * MIB;
const uuid = "0f1e2d3c-4b5a-4678-8796-a5b4c3d2e1f0";

describe("unmounting on Windows", () => {
  let world: Awaited<ReturnType<typeof makeWindowsHostWorld>>;
  before(async () => {
    world = await makeWindowsHostWorld();
  });
  after(() => world.close());

  const isOffline = (lun: number): boolean => world.machine.atLun(lun).isOffline;
  async function stagedAt(lun: number): Promise<string> {
    await aMountedDisk(world, lun);
    return world.pathOf(`staging-${lun}`);
  }
  async function failToTakeOffline(path: string): Promise<void> {
    world.machine.refused = "Set-Disk";
    const unmounted = await world.host.unmount(path, never);
    assert.equal(!unmounted.ok && unmounted.failure.kind, "HostCommandFailed");
  }

  it("takes the disk offline at the next try where the first could not", async () => {
    const path = await stagedAt(1);
    await failToTakeOffline(path);
    assert.equal(isOffline(1), false);
    valueOf(await world.host.unmount(path, never));
    assert.deepEqual([isOffline(1), valueOf(await world.host.pathKind(path, never))], [true, "absent"]);
  });

  it("does not end an unmount while the disk, still online, is reported incompletely", async () => {
    const path = await stagedAt(21);
    await failToTakeOffline(path);
    world.machine.odd.set(world.machine.atLun(21).number, { Size: null });
    const unmounted = await world.host.unmount(path, never);
    assert.equal(!unmounted.ok && unmounted.failure.kind, "HostNotReady");
    world.machine.odd.clear();
    valueOf(await world.host.unmount(path, never));
    assert.equal(isOffline(21), true);
  });

  it("takes a disk with a drive letter offline at the next try", async () => {
    await world.attachDisk({ lun: 7, sizeBytes: GIB });
    const at = world.machine.atLun(7);
    world.machine.setOffline(at, false);
    at.isReadOnly = false;
    await world.machine.initialize(at);
    world.machine.addPartition(at.number, OTHERS_OFFSET);
    const partition = world.machine.partition(at.number, 2);
    partition.letter = "E";
    await world.machine.format(volumePath(partition), "NTFS");
    const path = world.pathOf("staging-7");
    const device = valueOf(await world.host.findDevice({ lun: 7 }, never));
    valueOf(await mount(world.host, device, path));
    await failToTakeOffline(path);
    valueOf(await world.host.unmount(path, never));
    assert.equal(isOffline(7), true);
  });

  it("leaves a disk online during a look at its content, and is not clean then", async () => {
    await world.attachDisk({ lun: 8, sizeBytes: GIB });
    const device = valueOf(await world.host.findDevice({ lun: 8 }, never));
    valueOf(await world.host.format({ device, fsType: "ntfs", uuid }, never));
    const path = await stagedAt(9);
    await failToTakeOffline(path);
    const reached = Promise.withResolvers<void>();
    const until = Promise.withResolvers<void>();
    world.machine.pause = { cmdlet: "Get-Partition", until: until.promise, reached: reached.resolve };
    const looking = world.host.inspectDevice(device, never);
    await reached.promise;
    valueOf(await world.host.unmount(path, never));
    const clean = { accessType: "mount", lun: 8, lastMajorMinor: undefined, lunsOfOthers: [] } as const;
    assert.equal(valueOf(await world.host.isClean(clean, never)).clean, false);
    until.resolve();
    assert.deepEqual(valueOf(await looking), { kind: "fileSystem", fsType: "ntfs", uuid });
    assert.equal(valueOf(await world.host.isClean(clean, never)).clean, true);
  });

  it("leaves other disks online that are mounted, in use or not the driver's", async () => {
    const mounted = await stagedAt(2);
    await world.attachDisk({ lun: 3, sizeBytes: GIB });
    const others = world.machine.atLun(3);
    world.machine.setOffline(others, false);
    others.isReadOnly = false;
    await world.machine.initialize(others);
    world.machine.addPartition(others.number, OTHERS_OFFSET);
    await world.attachDisk({ lun: 4, sizeBytes: GIB });
    const device = valueOf(await world.host.findDevice({ lun: 4 }, never));
    const reached = Promise.withResolvers<void>();
    const until = Promise.withResolvers<void>();
    world.machine.pause = { cmdlet: "Format-Volume", until: until.promise, reached: reached.resolve };
    const formatting = world.host.format({ device, fsType: "ntfs", uuid }, never);
    await reached.promise;
    const path = await stagedAt(5);
    await failToTakeOffline(path);
    valueOf(await world.host.unmount(path, never));
    assert.deepEqual([2, 3, 4, 5].map(isOffline), [false, false, false, true]);
    until.resolve();
    valueOf(await formatting);
    valueOf(await world.host.unmount(mounted, never));
  });

  it("takes the disk offline that an earlier instance has unmounted and left online", async () => {
    const path = await stagedAt(6);
    await failToTakeOffline(path);
    const { host, endFirst } = await world.startSecondPlugin();
    await endFirst();
    valueOf(await host.unmount(path, never));
    assert.equal(isOffline(6), true);
  });
});

describe("a Windows node with several volumes", () => {
  let world: Awaited<ReturnType<typeof makeWindowsHostWorld>>;
  const devices: Device[] = [];
  before(async () => {
    world = await makeWindowsHostWorld();
    for (const lun of [1, 2, 3]) devices.push(await aMountedDisk(world, lun));
    world.machine.calls.length = 0;
  });
  after(() => world.close());

  const called = (cmdlet: string): readonly unknown[] =>
    world.machine.calls.filter((call) => call.cmdlet === cmdlet).map(({ parameters }) => parameters);

  it("asks about no other volume for one's mounts: another one's failure is not theirs", async () => {
    const [, second] = devices;
    assert.ok(second !== undefined);
    const paths = valueOf(await world.host.mountsOf(second.majorMinor, never)).map(({ path }) => path);
    assert.deepEqual(paths, [world.pathOf("staging-2")]);
    const { guid } = world.machine.partition(world.machine.atLun(2).number, 2);
    assert.deepEqual(called("Get-Volume"), [{ Path: `\\\\?\\Volume{${guid}}\\` }]);
  });

  it("lists its disks in a clean check as often for many volumes as for one", async () => {
    const calls: number[] = [];
    for (const lunsOfOthers of [[], [1, 2, 4, 5, 6, 7]]) {
      world.machine.calls.length = 0;
      valueOf(
        await world.host.isClean(
          { accessType: "mount", lun: 3, lastMajorMinor: undefined, lunsOfOthers },
          never,
        ),
      );
      calls.push(called("Get-Disk").length);
    }
    assert.deepEqual(calls, [calls[0], calls[0]]);
  });

  it("asks PowerShell three times for a volume's usage", async () => {
    const bind = { stagingPath: world.pathOf("staging-3"), targetPath: world.pathOf("target-3") };
    valueOf(await world.host.bindMount({ ...bind, readOnly: false, mountFlags: [] }, never));
    world.machine.calls.length = 0;
    valueOf(await world.host.fileSystemStats(bind.targetPath, never));
    assert.deepEqual(
      world.machine.calls.map(({ cmdlet }) => cmdlet),
      ["Get-Partition", "Get-Disk", "Get-Volume"],
    );
    valueOf(await world.host.unmount(bind.targetPath, never));
  });

  it("names a mount as Windows does where the kubelet's paths have other cases", async () => {
    const [, second] = devices;
    assert.ok(second !== undefined);
    const path = world.pathOf("staging-2");
    const asked = valueOf(await world.host.mountAt(path.toUpperCase(), never));
    const listed = valueOf(await world.host.mountsOf(second.majorMinor, never));
    // An unstage takes what is listed under another path for a pod's.
    assert.deepEqual([asked?.path, ...listed.map((mounted) => mounted.path)], [path, path]);
  });

  it("finds the folder of a link that names no drive", async () => {
    const [first] = devices;
    assert.ok(first !== undefined);
    const [staging, target] = [world.pathOf("staging-1"), world.pathOf("target-1")];
    await mkdir(dirname(target), { recursive: true });
    await symlink(relative(dirname(target), staging), target);
    assert.equal(valueOf(await world.host.mountAt(target, never))?.isDead, false);
    const paths = valueOf(await world.host.mountsOf(first.majorMinor, never)).map(({ path }) => path);
    assert.deepEqual(paths, [staging, target]);
    valueOf(await world.host.unmount(target, never));
  });
});

describe("a disk that comes back to a Windows node with another number", () => {
  /** Mounted at LUN 5, and gone since; another disk has its number. It is online again by Windows' policy. */
  async function aRenumberedDisk({ letter = "" } = {}) {
    const world = await makeWindowsHostWorld();
    const { machine, host } = world;
    await world.attachDisk({ lun: 5, sizeBytes: GIB });
    const first = machine.atLun(5);
    machine.setOffline(first, false);
    first.isReadOnly = false;
    await machine.initialize(first);
    machine.addPartition(first.number, OTHERS_OFFSET);
    const partition = machine.partition(first.number, 2);
    partition.letter = letter;
    await machine.format(volumePath(partition), "NTFS");
    const device = valueOf(await host.findDevice({ lun: 5 }, never));
    const path = world.pathOf("staging-5");
    valueOf(await mount(host, device, path));
    const disk = await machine.detach(5);
    await world.attachDisk({ lun: 6, sizeBytes: GIB });
    await machine.attach({ lun: 5, disk });
    const at = machine.atLun(5);
    machine.setOffline(at, false);
    machine.updateCache();
    assert.notEqual(at.number, first.number);
    return { world, at, path, last: device.majorMinor };
  }

  it("is not clean while Windows has mounted it again where it was", async () => {
    const { world, at, path, last } = await aRenumberedDisk();
    const { machine } = world;
    await rm(path);
    await mkdir(path);
    await machine.addFolder(at.number, 2, path);
    machine.updateCache();
    // As after a restart: nothing but the checkpoint knows the disk.
    const { host, endFirst } = await world.startSecondPlugin();
    await endFirst();
    const isClean = (lunsOfOthers: readonly number[]) =>
      host.isClean({ accessType: "mount", lun: undefined, lastMajorMinor: last, lunsOfOthers }, never);
    assert.equal(valueOf(await isClean([])).clean, false);
    assert.equal(valueOf(await isClean([5])).clean, false);
    valueOf(await host.unmount(path, never));
    assert.equal(valueOf(await isClean([])).clean, true);
    await world.close();
  });

  it("goes offline with its dead mount, also with a drive letter", async () => {
    const { world, at, path } = await aRenumberedDisk({ letter: "E" });
    assert.equal(valueOf(await world.host.mountAt(path, never))?.isDead, true);
    valueOf(await world.host.unmount(path, never));
    assert.equal(at.isOffline, true);
    await world.close();
  });
});

describe("a Windows node on which Get-Disk reports a disk oddly", () => {
  let world: Awaited<ReturnType<typeof makeWindowsHostWorld>>;
  let device: Device;
  before(async () => {
    world = await makeWindowsHostWorld();
    device = await aMountedDisk(world, 1);
    await world.attachDisk({ lun: 2, sizeBytes: GIB });
  });
  afterEach(() => {
    world.machine.odd.clear();
    world.machine.otherRows.length = 0;
  });
  after(() => world.close());

  const failureOf = <T>(result: Result<T>): Failure | undefined => (result.ok ? undefined : result.failure);
  const number = (lun: number): number => world.machine.atLun(lun).number;
  const findSecond = () => world.host.findDevice({ lun: 2 }, never);
  const isClean = (lun: number | undefined, lastMajorMinor?: string) =>
    world.host.isClean({ accessType: "mount", lun, lastMajorMinor, lunsOfOthers: [1, 2] }, never);

  const rows: readonly (readonly [string, Readonly<Record<string, unknown>>])[] = [
    ["without a size", { Size: undefined }],
    ["with a size of null", { Size: null }],
    ["without a number", { Number: undefined }],
    ["without a partition style", { PartitionStyle: null }],
    ["without the property IsOffline", { IsOffline: undefined }],
    ["without a bus type and a location", { BusType: null, Location: null, IsBoot: null }],
  ];
  for (const [title, row] of rows)
    it(`finds and measures the other disks beside one ${title}`, async () => {
      world.machine.otherRows.push({
        Location: "Integrated : Adapter 3 : Port 0 : Target 0 : LUN 7",
        ...row,
      });
      assert.equal(valueOf(await findSecond()).path, `${world.machine.devices}PhysicalDrive${number(2)}`);
      assert.equal(valueOf(await world.host.mountAt(world.pathOf("staging-1"), never))?.isDead, false);
      valueOf(await world.host.fileSystemStats(world.pathOf("staging-1"), never));
    });

  it("reads numbers that come as text", async () => {
    world.machine.odd.set(number(2), { Size: String(GIB), Number: String(number(2)), PartitionStyle: 3 });
    assert.deepEqual(valueOf(await findSecond()).sizeBytes, GIB);
    assert.deepEqual(valueOf(await world.host.inspectDevice(valueOf(await findSecond()), never)), {
      kind: "otherData",
      detail: "a partition table of type 3",
    });
  });

  it("refuses the LUN of an odd disk, and names what it misses", async () => {
    world.machine.odd.set(number(2), { Size: null });
    const failure = failureOf(await findSecond());
    assert.equal(failure?.kind, "WrongDevice");
    assert.match(JSON.stringify(failure), /reports it incompletely: disk \d+: Size/u);
  });

  it("names an odd disk without a LUN where a disk is not found", async () => {
    world.machine.odd.set(number(2), { Size: null, Location: null, Path: null });
    const failure = failureOf(await findSecond());
    assert.equal(failure?.kind, "DeviceNotFound");
    assert.match(JSON.stringify(failure), /disk \d+: Size/u);
  });

  it("refuses a disk whose unique id another one has, also once it was found", async () => {
    const second = valueOf(await findSecond());
    world.machine.otherRows.push({ UniqueId: world.machine.atLun(2).disk.uniqueId, Size: null });
    assert.equal(failureOf(await findSecond())?.kind, "WrongDevice");
    const erased = await world.host.eraseUnfinishedFormat({ device: second, fsType: "ntfs" }, never);
    assert.equal(failureOf(erased)?.kind, "WrongDevice");
  });

  it("keeps the mount of a disk that has become odd", async () => {
    world.machine.odd.set(number(1), { Size: null, Location: null, Path: null });
    const [mount] = valueOf(await world.host.mountsOf(device.majorMinor, never));
    assert.deepEqual([mount?.path, mount?.isDead], [world.pathOf("staging-1"), false]);
  });

  it("unmounts nothing at a folder whose disk has lost its unique id", async () => {
    world.machine.odd.set(number(1), { UniqueId: null });
    const staging = world.pathOf("staging-1");
    assert.deepEqual(
      [
        failureOf(await world.host.mountAt(staging, never))?.kind,
        failureOf(await world.host.mountsOf(device.majorMinor, never))?.kind,
        failureOf(await world.host.unmount(staging, never))?.kind,
      ],
      ["HostNotReady", "HostNotReady", "HostNotReady"],
    );
    world.machine.odd.clear();
    assert.equal(valueOf(await world.host.mountAt(staging, never))?.isDead, false);
  });

  it("does not call a volume clean whose disk may be the odd one", async () => {
    world.machine.odd.set(number(1), { Size: null, Location: null, Path: null });
    assert.equal(failureOf(await isClean(1))?.kind, "HostNotReady");
    assert.equal(failureOf(await isClean(undefined, device.majorMinor))?.kind, "HostNotReady");
    // Its unique id is another one's.
    assert.equal(valueOf(await isClean(5, "9:60022480999999999999999999999999")).clean, true);
    assert.equal(valueOf(await isClean(2)).clean, true);
  });
});

describe("growing on Windows", () => {
  /** A disk as V1 makes it, with another partition behind, which grows to twice its size. */
  async function aGrownDisk({ behind }: { readonly behind: boolean }) {
    const world = await makeWindowsHostWorld();
    const { machine, host } = world;
    await world.attachDisk({ lun: 1, sizeBytes: GIB });
    const at = machine.atLun(1);
    at.isReadOnly = false;
    machine.setOffline(at, false);
    await machine.initialize(at);
    machine.addPartition(at.number, OTHERS_OFFSET);
    const partition = machine.partition(at.number, 2);
    await machine.format(volumePath(partition), "NTFS");
    if (behind) {
      partition.size -= 64 * MIB;
      at.disk.partitions.push({
        ...partition,
        number: 3,
        type: "{de94bba4-06d1-4d40-a16a-bfd50179d6ac}",
        offset: partition.offset + partition.size,
        size: 32 * MIB,
        folders: [],
      });
    }
    const small = valueOf(await host.findDevice({ lun: 1 }, never));
    const mountPath = world.pathOf("staging-1");
    valueOf(await mount(host, small, mountPath));
    await world.growDisk({ lun: 1, sizeBytes: 2n * GIB });
    const device = valueOf(await host.rescanDevice(small, never));
    const grow = () => host.growFileSystem({ device, mountPath, fsType: "ntfs" }, never);
    return { world, partition, grow };
  }

  it("grows the partition to the second table of a disk that has grown, and once", async () => {
    const { world, partition, grow } = await aGrownDisk({ behind: false });
    valueOf(await grow());
    assert.equal(partition.size, Number(2n * GIB) - OTHERS_OFFSET - MIB);
    valueOf(await grow());
    await world.close();
  });

  it("is not interrupted by an unmount", async () => {
    const { world, grow } = await aGrownDisk({ behind: false });
    const reached = Promise.withResolvers<void>();
    const until = Promise.withResolvers<void>();
    world.machine.pause = { cmdlet: "Resize-Partition", until: until.promise, reached: reached.resolve };
    const growing = grow();
    await reached.promise;
    const unmounted = await world.host.unmount(world.pathOf("staging-1"), never);
    assert.equal(!unmounted.ok && unmounted.failure.kind, "DeviceBusy");
    until.resolve();
    valueOf(await growing);
    valueOf(await world.host.unmount(world.pathOf("staging-1"), never));
    await world.close();
  });

  it("leaves an NTFS as it is whose clusters are too small for the disk, and says so", async () => {
    const { world, partition, grow } = await aGrownDisk({ behind: false });
    const { size } = partition;
    world.machine.atLun(1).disk.size = 16 * 1024 ** 4;
    world.machine.updateCache();
    valueOf(await grow());
    world.machine.atLun(1).disk.size = 17 * 1024 ** 4;
    world.machine.updateCache();
    const grown = await grow();
    assert.ok(!grown.ok && grown.failure.kind === "GrowsUnmounted");
    assert.match(grown.failure.reason, /clusters/u);
    assert.ok(partition.size > size && partition.size < 16 * 1024 ** 4);
    partition.clusterBytes = 8192;
    valueOf(await grow());
    assert.equal(partition.size, 17 * 1024 ** 4 - OTHERS_OFFSET - MIB);
    await world.close();
  });

  it("says that another partition follows, and changes none", async () => {
    const { world, partition, grow } = await aGrownDisk({ behind: true });
    const { size } = partition;
    const grown = await grow();
    assert.equal(!grown.ok && grown.failure.kind, "GrowsUnmounted");
    assert.equal(partition.size, size);
    await world.close();
  });
});

describe("disks by NVMe on Windows", () => {
  it("are found by the LUN in their path, beside one by SCSI", async () => {
    const world = await makeWindowsHostWorld();
    const { machine, host } = world;
    await machine.attach({ lun: 0, disk: await machine.makeDisk(Number(GIB)) });
    await machine.attach({ lun: 1, disk: await machine.makeDisk(Number(2n * GIB)), bus: "NVMe" });
    await machine.attach({ lun: 8, disk: await machine.makeDisk(Number(3n * GIB)), bus: "NVMe" });
    const found = await Promise.all([0, 1, 8].map((lun) => host.findDevice({ lun }, never)));
    assert.deepEqual(
      found.map((device) => valueOf(device).sizeBytes / GIB),
      [1n, 2n, 3n],
    );
    await world.close();
  });

  it("are found by a hexadecimal letter, and not guessed from LUN 15 on", async () => {
    const world = await makeWindowsHostWorld();
    const { machine, host } = world;
    for (const lun of [9, 14, 15])
      await machine.attach({ lun, disk: await machine.makeDisk(Number(GIB)), bus: "NVMe" });
    for (const lun of [9, 14])
      assert.match(valueOf(await host.findDevice({ lun }, never)).path, pathOf(machine.atLun(lun).number));
    // LUN 9 in decimal digits.
    const found = await host.findDevice({ lun: 15 }, never);
    assert.ok(!found.ok && found.failure.kind === "DeviceNotFound");
    assert.match(found.failure.seen.join("\n"), /prod_msft_nvme_accele#6&ca10229&0&000010/u);
    await world.close();
  });
});

function pathOf(number: number): RegExp {
  return new RegExp(`PhysicalDrive${number}$`, "u");
}

describe("a mount on Windows that was made past the Storage provider, as V1 makes it", () => {
  /** Its cache does not show the folder yet. */
  async function aMountOfV1() {
    const world = await makeWindowsHostWorld();
    const { machine, host } = world;
    await world.attachDisk({ lun: 1, sizeBytes: GIB });
    const device = valueOf(await host.findDevice({ lun: 1 }, never));
    valueOf(await host.format({ device, fsType: "ntfs", uuid }, never));
    const path = world.pathOf("staging-1");
    await mkdir(path, { recursive: true });
    await machine.addFolder(machine.atLun(1).number, 2, path);
    return { world, device, path };
  }

  it("is alive", async () => {
    const { world, device, path } = await aMountOfV1();
    const { majorMinor, isDead } = valueOf(await world.host.mountAt(path, never)) ?? {};
    assert.deepEqual([majorMinor, isDead], [device.majorMinor, false]);
    await world.close();
  });

  it("has a usage", async () => {
    const { world, path } = await aMountOfV1();
    assert.ok(valueOf(await world.host.fileSystemStats(path, never)).totalBytes > 0n);
    await world.close();
  });

  it("is not clean", async () => {
    const { world, device } = await aMountOfV1();
    const last = { lun: undefined, lastMajorMinor: device.majorMinor, lunsOfOthers: [] };
    assert.equal(valueOf(await world.host.isClean({ accessType: "mount", ...last }, never)).clean, false);
    await world.close();
  });

  it("is flushed and dismounted before its folder is removed", async () => {
    const { world, path } = await aMountOfV1();
    const { machine, host } = world;
    machine.calls.length = 0;
    valueOf(await host.unmount(path, never));
    const changes = machine.calls.map(({ cmdlet }) => cmdlet).filter((name) => !name.startsWith("Get-"));
    assert.deepEqual(changes.slice(-4), [
      "Write-VolumeCache",
      "Invoke-CimMethod",
      "Remove-PartitionAccessPath",
      "Set-Disk",
    ]);
    assert.equal(machine.atLun(1).isOffline, true);
    await world.close();
  });
});

it("mounts nothing below a kubelet's folder that leads elsewhere, and says where", async () => {
  const world = await makeWindowsHostWorld();
  const { host, machine } = world;
  await world.attachDisk({ lun: 1, sizeBytes: GIB });
  const device = valueOf(await host.findDevice({ lun: 1 }, never));
  valueOf(await host.format({ device, fsType: "ntfs", uuid }, never));
  const plugins = dirname(world.pathOf("staging-1"));
  await mkdir(plugins, { recursive: true });
  const link = `${machine.root}-link`;
  await symlink(plugins, link);
  const mounted = await mount(host, device, `${link}/staging-1`);
  assert.ok(!mounted.ok && mounted.failure.kind === "HostNotReady");
  assert.match(mounted.failure.detail, /machine-link\/staging-1 leads to .*plugins\/staging-1/u);
  assert.deepEqual(machine.partition(machine.atLun(1).number, 2).folders, []);
  await world.close();
});

it("knows an earlier instance's dead mount by its device, once staged again", async () => {
  const world = await makeWindowsHostWorld();
  const device = await aMountedDisk(world, 1);
  const { host, endFirst } = await world.startSecondPlugin();
  await endFirst();
  valueOf(await mount(host, device, world.pathOf("staging-1")));
  await world.detachDisk(1);
  assert.deepEqual(
    valueOf(await host.mountsOf(device.majorMinor, never)).map(({ path, isDead }) => ({ path, isDead })),
    [{ path: world.pathOf("staging-1"), isDead: true }],
  );
  await world.close();
});

it("makes Windows look at its disks twice in a stage, and 11 times in a first one", async () => {
  const world = await makeWindowsHostWorld();
  const { host, machine } = world;
  await world.attachDisk({ lun: 1, sizeBytes: GIB });
  const device = valueOf(await host.findDevice({ lun: 1 }, never));
  const path = world.pathOf("staging-1");
  const mark = { diskUri: "/disks/1", uuid };
  const updates = (): number =>
    machine.calls.filter(({ cmdlet }) => cmdlet === "Update-HostStorageCache").length;
  const stage = () =>
    host.whileHolding(
      device,
      async () => {
        valueOf(await host.checkFileSystem({ device, fsType: "ntfs" }, never));
        return mount(host, device, path);
      },
      never,
    );
  machine.calls.length = 0;
  valueOf(await host.inspectDevice(device, never));
  valueOf(await host.readFormatMark(device, never));
  valueOf(await host.writeFormatMark({ device, fsType: "ntfs", mark }, never));
  valueOf(await host.format({ device, fsType: "ntfs", uuid }, never));
  valueOf(await host.eraseFormatMark({ device, diskUri: mark.diskUri }, never));
  valueOf(await stage());
  const first = updates();
  valueOf(await host.unmount(path, never));
  machine.calls.length = 0;
  valueOf(await host.findDevice({ lun: 1 }, never));
  valueOf(await host.inspectDevice(device, never));
  valueOf(await stage());
  assert.deepEqual([first, updates(), machine.calls.length], [11, 2, 25]);
  await world.close();
});

it("makes a disk writable before it writes the mark of a first format", async () => {
  const world = await makeWindowsHostWorld();
  await world.attachDisk({ lun: 1, sizeBytes: GIB });
  const device = valueOf(await world.host.findDevice({ lun: 1 }, never));
  assert.equal(world.machine.atLun(1).isReadOnly, true);
  const mark = { diskUri: "/disks/1", uuid };
  valueOf(await world.host.writeFormatMark({ device, fsType: "ntfs", mark }, never));
  assert.equal(world.machine.atLun(1).isReadOnly, false);
  await world.close();
});

it("knows no UUID of a file system that another tool has made: its GUIDs may change", async () => {
  const world = await makeWindowsHostWorld();
  const { machine, host } = world;
  await world.attachDisk({ lun: 1, sizeBytes: GIB });
  const at = machine.atLun(1);
  at.isReadOnly = false;
  machine.setOffline(at, false);
  await machine.initialize(at);
  machine.addPartition(at.number, OTHERS_OFFSET);
  await machine.format(volumePath(machine.partition(at.number, 2)), "NTFS");
  const device = valueOf(await host.findDevice({ lun: 1 }, never));
  const content = { kind: "fileSystem", fsType: "ntfs", uuid: "" };
  assert.deepEqual(valueOf(await host.inspectDevice(device, never)), content);
  await world.close();
});

it("sees the worker of an earlier plug-in whose process id it has itself", async () => {
  const world = await makeWindowsHostWorld();
  assert.equal(valueOf(await world.host.earlierChildrenAlive(never)), false);
  const [own = 0] = world.machine.plugins;
  world.machine.orphans.push({ parent: own, createdAtMs: own - 1 });
  assert.equal(valueOf(await world.host.earlierChildrenAlive(never)), true);
  await world.close();
});

describe("a copy beside its source on one Windows machine", () => {
  for (const order of [
    ["source", "copy"],
    ["copy", "source"],
  ] as const)
    it(`keeps the identity of both file systems where the ${order[0]} is online first`, async () => {
      const world = await makeWindowsHostWorld();
      const { machine, host } = world;
      await world.attachDisk({ lun: 1, sizeBytes: GIB });
      const formatted = valueOf(await host.findDevice({ lun: 1 }, never));
      valueOf(await host.format({ device: formatted, fsType: "ntfs", uuid }, never));
      valueOf(await mount(host, formatted, world.pathOf("staging-1")));
      await world.writeFile(`${world.pathOf("staging-1")}/file`, "text");
      valueOf(await host.unmount(world.pathOf("staging-1"), never));
      const source = await machine.detach(1);
      const disks = { source, copy: await machine.copyDisk(source) };
      for (const [index, which] of order.entries()) {
        const lun = index + 2;
        await machine.attach({ lun, disk: disks[which] });
        const device = valueOf(await host.findDevice({ lun }, never));
        const content = { kind: "fileSystem", fsType: "ntfs", uuid };
        assert.deepEqual(valueOf(await host.inspectDevice(device, never)), content);
        const path = world.pathOf(`staging-${lun}`);
        valueOf(await mount(host, device, path));
        await world.writeFile(`${path}/own`, which);
      }
      for (const [index, which] of order.entries()) {
        const path = world.pathOf(`staging-${index + 2}`);
        assert.deepEqual(
          await Promise.all(["file", "own"].map((name) => world.readFile(`${path}/${name}`))),
          ["text", which],
        );
        valueOf(await host.unmount(path, never));
      }
      await world.close();
    });
});

async function aMountedDisk(
  world: Awaited<ReturnType<typeof makeWindowsHostWorld>>,
  lun: number,
): Promise<Device> {
  await world.attachDisk({ lun, sizeBytes: GIB });
  const device = valueOf(await world.host.findDevice({ lun }, never));
  valueOf(await world.host.format({ device, fsType: "ntfs", uuid }, never));
  valueOf(await mount(world.host, device, world.pathOf(`staging-${lun}`)));
  return device;
}

function mount(host: HostProvisioner, device: Device, path: string): Promise<Result<void>> {
  return host.mountDevice({ device, path, fsType: "ntfs", mountFlags: [], readOnly: false }, never);
}
