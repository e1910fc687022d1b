import assert from "node:assert/strict";
import { mkdir, symlink } from "node:fs/promises";
import { dirname } from "node:path";
import { after, afterEach, before, describe, it } from "node:test";
import type { Result } from "../../src/core/failure/result.ts";
import { valueOf } from "../../src/core/testing/value-of.ts";
import type { Device } from "../../src/ports/host/host-provisioner.ts";
import { makeWindowsHostWorld } from "./windows/windows-host-world.ts";

const never = new AbortController().signal;
const GIB = 1024n * 1024n * 1024n;
const uuid = "0f1e2d3c-4b5a-4678-8796-a5b4c3d2e1f0";

const failureOf = <T>(result: Result<T>): string | undefined => (result.ok ? undefined : result.failure.kind);

describe("a Windows node on which Get-Partition reports a partition oddly", () => {
  let world: Awaited<ReturnType<typeof makeWindowsHostWorld>>;
  const devices: Device[] = [];

  before(async () => {
    world = await makeWindowsHostWorld();
    for (const lun of [1, 2]) {
      await world.attachDisk({ lun, sizeBytes: GIB });
      const device = valueOf(await world.host.findDevice({ lun }, never));
      valueOf(await world.host.format({ device, fsType: "ntfs", uuid }, never));
      devices.push(device);
    }
  });
  afterEach(() => {
    world.machine.oddPartitions.clear();
    world.machine.otherPartitions.length = 0;
  });
  after(() => world.close());

  const deviceAt = (index: number): Device => {
    const device = devices[index];
    assert.ok(device !== undefined);
    return device;
  };
  const staging = (index: number): string => world.pathOf(`staging-${index}`);
  const mount = (index: number) =>
    world.host.mountDevice(
      { device: deviceAt(index), path: staging(index), fsType: "ntfs", mountFlags: [], readOnly: false },
      never,
    );
  const numberOf = (lun: number): number => world.machine.atLun(lun).number;
  const isClean = (lun: number) =>
    world.host.isClean({ accessType: "mount", lun, lastMajorMinor: undefined, lunsOfOthers: [] }, never);

  const rows: readonly (readonly [string, Readonly<Record<string, unknown>>])[] = [
    ["without an offset", { Offset: null }],
    ["without a number", { PartitionNumber: undefined }],
    ["whose type is a number", { GptType: 7 }],
    ["whose folders can't be read", { AccessPaths: 1 }],
  ];
  for (const [title, row] of rows)
    it(`serves every volume beside a partition of another disk ${title}`, async () => {
      world.machine.otherPartitions.push(row);
      valueOf(await mount(0));
      valueOf(await world.host.fileSystemStats(staging(0), never));
      valueOf(await world.host.flush(staging(0), never));
      assert.equal(valueOf(await isClean(1)).clean, false);
      assert.deepEqual(
        valueOf(await world.host.mountsOf(deviceAt(0).majorMinor, never)).map(({ path }) => path),
        [staging(0)],
      );
      valueOf(await world.host.unmount(staging(0), never));
      assert.equal(valueOf(await isClean(1)).clean, true);
      assert.equal(world.machine.atLun(1).isOffline, true);
      // A target that outlived its volume, as after a crash.
      const target = world.pathOf("target");
      await mkdir(dirname(target), { recursive: true });
      await symlink(staging(0), target);
      assert.equal(valueOf(await world.host.mountAt(target, never))?.isDead, true);
      valueOf(await world.host.unmount(target, never));
    });

  for (const [title, row] of rows)
    it(`changes nothing on a disk with a partition ${title}, and says why`, async () => {
      valueOf(await mount(0));
      world.machine.oddPartitions.set(numberOf(1), row);
      const mounted = await world.host.mountAt(staging(0), never);
      const grown = await world.host.growFileSystem(
        { device: deviceAt(0), mountPath: staging(0), fsType: "ntfs" },
        never,
      );
      const unmounted = await world.host.unmount(staging(0), never);
      assert.deepEqual(
        [failureOf(mounted), failureOf(grown), failureOf(unmounted)],
        ["HostNotReady", "HostNotReady", "HostNotReady"],
      );
      assert.equal(failureOf(await isClean(1)), "HostNotReady");
      assert.equal(failureOf(await world.host.inspectDevice(deviceAt(0), never)), "HostNotReady");
      // The other disk's volume is served.
      valueOf(await mount(1));
      valueOf(await world.host.unmount(staging(1), never));
      world.machine.oddPartitions.clear();
      assert.equal(valueOf(await world.host.mountAt(staging(0), never))?.isDead, false);
      valueOf(await world.host.unmount(staging(0), never));
    });

  it("keeps a disk online whose odd partition is mounted elsewhere", async () => {
    valueOf(await mount(0));
    world.machine.otherPartitions.push({ DiskNumber: numberOf(1), Offset: null, AccessPaths: ["D:\\x\\"] });
    assert.equal(failureOf(await world.host.unmount(staging(0), never)), "HostNotReady");
    world.machine.otherPartitions.length = 0;
    valueOf(await world.host.unmount(staging(0), never));
  });

  it("takes no dead mount for one that an odd partition may be mounted at", async () => {
    valueOf(await mount(0));
    world.machine.oddPartitions.set(numberOf(1), { AccessPaths: 1 });
    const target = world.pathOf("target");
    await mkdir(staging(1), { recursive: true });
    assert.equal(failureOf(await world.host.unmount(staging(1), never)), "HostNotReady");
    assert.equal(valueOf(await world.host.pathKind(staging(1), never)), "directory");
    world.machine.oddPartitions.clear();
    valueOf(
      await world.host.bindMount(
        { stagingPath: staging(0), targetPath: target, readOnly: false, mountFlags: [] },
        never,
      ),
    );
    world.machine.oddPartitions.set(numberOf(1), { AccessPaths: 1 });
    assert.equal(failureOf(await world.host.mountAt(target, never)), "HostNotReady");
    world.machine.oddPartitions.clear();
    for (const path of [target, staging(0), staging(1)]) valueOf(await world.host.unmount(path, never));
  });

  it("refuses each disk's changes where a partition does not say whose it is", async () => {
    world.machine.otherPartitions.push({ DiskNumber: null });
    assert.equal(failureOf(await mount(0)), "HostNotReady");
    assert.match(JSON.stringify(await mount(0)), /without the number of its disk: DiskNumber/u);
  });
});
