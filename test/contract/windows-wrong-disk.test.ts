import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Result } from "../../src/core/failure/result.ts";
import { valueOf } from "../../src/core/testing/value-of.ts";
import type { Device, HostProvisioner } from "../../src/ports/host/host-provisioner.ts";
import { makeWindowsHostWorld } from "./windows/windows-host-world.ts";
import type { ModelDisk } from "./windows/windows-machine.ts";

const never = new AbortController().signal;
const GIB = 1024n * 1024n * 1024n;
const MIB = 1024 * 1024;
const uuid = "0f1e2d3c-4b5a-4678-8796-a5b4c3d2e1f0";
const PRECIOUS = "an application's own format";

/**
 * Windows gives the number of a disk to another one as soon as the first is gone, while its handles are open,
 * too. In each test the disk goes, and another one gets its number. `Get-Disk` and `Get-Partition` answer
 * what was there before, until the Storage provider updates its cache.
 */
describe("another disk that gets the number of one on Windows", () => {
  let world: Awaited<ReturnType<typeof makeWindowsHostWorld>>;
  let other: ModelDisk;
  let device: Device;

  before(async () => {
    world = await makeWindowsHostWorld();
  });
  after(() => world.close());

  /** Ends the test of the disk that has the number now. */
  const end = (): Promise<void> => world.detachDisk(1);
  /** A raw disk that is online at LUN 0, and another one with data that is not attached. */
  async function aRawDisk(): Promise<void> {
    const { machine, host } = world;
    other = await machine.makeDisk(Number(GIB));
    for (const offset of [0, 24 * MIB, 28 * MIB]) await machine.writeRaw(other, offset, PRECIOUS);
    await world.attachDisk({ lun: 0, sizeBytes: GIB });
    const at = machine.atLun(0);
    at.isReadOnly = false;
    machine.setOffline(at, false);
    device = valueOf(await host.findDevice({ lun: 0 }, never));
  }
  /** A disk with NTFS at LUN 0. */
  async function aFormattedDisk(): Promise<Device> {
    await aRawDisk();
    valueOf(await world.host.format({ device, fsType: "ntfs", uuid }, never));
    return device;
  }
  /** The disk at LUN 0 goes, and the Storage provider notices it. */
  async function takeAway(): Promise<ModelDisk> {
    const disk = await world.machine.detach(0);
    world.machine.updateCache();
    return disk;
  }
  const mount = (path: string) =>
    ({ device, path, fsType: "ntfs", mountFlags: [], readOnly: false }) as const;
  const foldersOf = ({ partitions }: ModelDisk): readonly string[] =>
    partitions.flatMap(({ folders }) => folders);
  /** Windows brings a disk online as it comes, by its policy. */
  async function swap(): Promise<void> {
    const { machine } = world;
    await machine.detach(0);
    await machine.attach({ lun: 1, disk: other });
    const at = machine.atLun(1);
    assert.equal(`${machine.devices}PhysicalDrive${at.number}`, device.path);
    machine.setOffline(at, false);
    at.isReadOnly = false;
  }
  /** Swaps the disks before a cmdlet runs, or before its answer arrives. */
  async function swapAt(when: "pause" | "hold", cmdlet: string, act: () => Promise<unknown>): Promise<void> {
    const reached = Promise.withResolvers<void>();
    const until = Promise.withResolvers<void>();
    world.machine[when] = { cmdlet, until: until.promise, reached: reached.resolve };
    const acting = act();
    await Promise.race([reached.promise, acting.then(() => assert.fail(`no ${cmdlet} was called`))]);
    await swap();
    until.resolve();
    await acting;
  }
  async function assertUntouched(): Promise<void> {
    for (const offset of [0, 24 * MIB, 28 * MIB])
      assert.equal(await world.machine.readRaw(other, offset, PRECIOUS.length), PRECIOUS);
  }

  it("is not marked for a first format", async () => {
    await aRawDisk();
    await swapAt("pause", "Get-Partition", async () => {
      const mark = { diskUri: "/disks/1", uuid };
      const marked = await world.host.writeFormatMark({ device, fsType: "ntfs", mark }, never);
      assert.equal(!marked.ok && marked.failure.kind, "WrongDevice");
    });
    await assertUntouched();
    await end();
  });

  it("is not erased as an unfinished format", async () => {
    await aRawDisk();
    await world.scribble(0);
    await swapAt("pause", "Get-Partition", async () => {
      const erased = await world.host.eraseUnfinishedFormat({ device, fsType: "ntfs" }, never);
      assert.equal(!erased.ok && erased.failure.kind, "WrongDevice");
    });
    await assertUntouched();
    await end();
  });

  it("is not given the UUID of a file system", async () => {
    await aRawDisk();
    await swapAt("hold", "Initialize-Disk", async () => {
      const formatted = await world.host.format({ device, fsType: "ntfs", uuid }, never);
      assert.equal(!formatted.ok && formatted.failure.kind, "WrongDevice");
    });
    await assertUntouched();
    await end();
  });

  it("is not read in its place: a blank one shows nothing about the first", async () => {
    await aRawDisk();
    await world.scribble(0);
    other = await world.machine.makeDisk(Number(GIB));
    await swapAt("hold", "Get-Disk", async () => {
      // What was opened is the first disk.
      assert.notEqual(valueOf(await world.host.inspectDevice(device, never)).kind, "blank");
    });
    await end();
  });

  const changes: Readonly<Record<string, (host: HostProvisioner) => Promise<Result<unknown>>>> = {
    "marked for a first format": (host) =>
      host.writeFormatMark({ device, fsType: "ntfs", mark: { diskUri: "/disks/1", uuid } }, never),
    "erased as an unfinished format": (host) => host.eraseUnfinishedFormat({ device, fsType: "ntfs" }, never),
    formatted: (host) => host.format({ device, fsType: "ntfs", uuid }, never),
    "read as blank": (host) => host.inspectDevice(device, never),
    "asked for a mark": (host) => host.readFormatMark(device, never),
  };
  for (const [title, act] of Object.entries(changes))
    it(`is not ${title} while Windows still shows the first one`, async () => {
      await aRawDisk();
      if (title === "read as blank") other = await world.machine.makeDisk(Number(GIB));
      await swap();
      const acted = await act(world.host);
      assert.equal(!acted.ok && acted.failure.kind, "WrongDevice");
      if (title !== "read as blank") await assertUntouched();
      assert.notDeepEqual(valueOf(await world.host.findDevice({ lun: 1 }, never)), device);
      await end();
    });

  it("is not mounted in its place", async () => {
    const path = world.pathOf("staging");
    await aFormattedDisk();
    const full = await takeAway();
    await aFormattedDisk();
    other = full;
    await swapAt("pause", "Add-PartitionAccessPath", async () => {
      const mounted = await world.host.mountDevice(mount(path), never);
      assert.equal(!mounted.ok && mounted.failure.kind, "WrongDevice");
    });
    assert.deepEqual(foldersOf(other), []);
    await end();
  });

  it("is not formatted in its place", async () => {
    const { host } = world;
    const path = world.pathOf("staging");
    device = await aFormattedDisk();
    valueOf(await host.mountDevice(mount(path), never));
    await world.writeFile(`${path}/file`, PRECIOUS);
    valueOf(await host.unmount(path, never));
    const withData = await takeAway();
    await aRawDisk();
    other = withData;
    await swapAt("hold", "New-Partition", async () => {
      const formatted = await host.format({ device, fsType: "ntfs", uuid }, never);
      assert.ok(!formatted.ok && formatted.failure.kind === "WrongDevice");
      assert.match(formatted.failure.problem, new RegExp(`New-Partition may have .* ${other.uniqueId}`, "u"));
    });
    device = valueOf(await host.findDevice({ lun: 1 }, never));
    valueOf(await host.mountDevice(mount(path), never));
    assert.equal(await world.readFile(`${path}/file`), PRECIOUS);
    valueOf(await host.unmount(path, never));
    await end();
  });

  it("is not formatted where its partitions are listed as the first one's", async () => {
    const { machine, host } = world;
    await aFormattedDisk();
    const full = await takeAway();
    await aRawDisk();
    other = full;
    machine.calls.length = 0;
    // Its partitions are shown, and then the first disk as it was.
    await swapAt("pause", "Get-Partition", async () => {
      machine.listAsNow = "Get-Partition";
      const formatted = await host.format({ device, fsType: "ntfs", uuid }, never);
      assert.equal(!formatted.ok && formatted.failure.kind, "WrongDevice");
    });
    machine.listAsNow = undefined;
    assert.equal(
      machine.calls.some(({ cmdlet }) => cmdlet === "Format-Volume"),
      false,
    );
    await end();
  });

  it("is named where it was grown in the first one's place", async () => {
    const path = world.pathOf("staging");
    await aFormattedDisk();
    const full = await takeAway();
    await aFormattedDisk();
    other = full;
    valueOf(await world.host.mountDevice(mount(path), never));
    for (const disk of [other, world.machine.atLun(0).disk]) disk.size *= 2;
    device = valueOf(await world.host.rescanDevice(device, never));
    await swapAt("pause", "Resize-Partition", async () => {
      const grown = await world.host.growFileSystem({ device, mountPath: path, fsType: "ntfs" }, never);
      assert.ok(!grown.ok && grown.failure.kind === "WrongDevice");
      assert.match(grown.failure.problem, new RegExp(`Resize-Partition may have .* ${other.uniqueId}`, "u"));
    });
    await end();
  });
});
