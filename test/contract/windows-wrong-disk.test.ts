import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { valueOf } from "../../src/core/testing/value-of.ts";
import type { Device } from "../../src/ports/host/host-provisioner.ts";
import { makeWindowsHostWorld } from "./windows/windows-host-world.ts";
import type { ModelDisk } from "./windows/windows-machine.ts";

const never = new AbortController().signal;
const GIB = 1024n * 1024n * 1024n;
const MIB = 1024 * 1024;
const uuid = "0f1e2d3c-4b5a-4678-8796-a5b4c3d2e1f0";
const PRECIOUS = "an application's own format";

/**
 * Windows gives the number of a disk to another one as soon as the first is gone, while its handles are open,
 * too. In each test the disk goes, and another one gets its number.
 */
describe("another disk that gets the number of one on Windows", () => {
  let world: Awaited<ReturnType<typeof makeWindowsHostWorld>>;
  let other: ModelDisk;
  let device: Device;

  before(async () => {
    world = await makeWindowsHostWorld();
  });
  after(() => world.close());

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
  async function swap(): Promise<void> {
    await world.machine.detach(0);
    await world.machine.attach({ lun: 1, disk: other });
    assert.equal(`${world.machine.devices}PhysicalDrive${world.machine.atLun(1).number}`, device.path);
  }
  /** Swaps the disks before a cmdlet runs, or before its answer arrives. */
  async function swapAt(when: "pause" | "hold", cmdlet: string, act: () => Promise<unknown>): Promise<void> {
    const reached = Promise.withResolvers<void>();
    const until = Promise.withResolvers<void>();
    world.machine[when] = { cmdlet, until: until.promise, reached: reached.resolve };
    const acting = act();
    await reached.promise;
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
    await world.machine.detach(1);
  });

  it("is not erased as an unfinished format", async () => {
    await aRawDisk();
    await world.scribble(0);
    await swapAt("pause", "Get-Partition", async () => {
      const erased = await world.host.eraseUnfinishedFormat({ device, fsType: "ntfs" }, never);
      assert.equal(!erased.ok && erased.failure.kind, "WrongDevice");
    });
    await assertUntouched();
    await world.machine.detach(1);
  });

  it("is not given the UUID of a file system", async () => {
    await aRawDisk();
    await swapAt("hold", "Initialize-Disk", async () => {
      const formatted = await world.host.format({ device, fsType: "ntfs", uuid }, never);
      assert.equal(!formatted.ok && formatted.failure.kind, "WrongDevice");
    });
    await assertUntouched();
    await world.machine.detach(1);
  });

  it("is not read in its place: a blank one shows nothing about the first", async () => {
    await aRawDisk();
    await world.scribble(0);
    other = await world.machine.makeDisk(Number(GIB));
    await swapAt("hold", "Get-Disk", async () => {
      const content = await world.host.inspectDevice(device, never);
      assert.equal(!content.ok && content.failure.kind, "WrongDevice");
    });
    await world.machine.detach(1);
  });

  it("is not formatted in its place", async () => {
    const { machine, host } = world;
    const path = world.pathOf("staging");
    await world.attachDisk({ lun: 1, sizeBytes: GIB });
    const full = valueOf(await host.findDevice({ lun: 1 }, never));
    valueOf(await host.format({ device: full, fsType: "ntfs", uuid }, never));
    const mount = { device: full, path, fsType: "ntfs", mountFlags: [], readOnly: false } as const;
    valueOf(await host.mountDevice(mount, never));
    await world.writeFile(`${path}/file`, PRECIOUS);
    valueOf(await host.unmount(path, never));
    const withData = await machine.detach(1);
    await aRawDisk();
    other = withData;
    await swapAt("hold", "New-Partition", async () => {
      machine.pause = {
        cmdlet: "Get-Partition",
        until: Promise.resolve(),
        // Windows brings a disk online as it comes, by its policy.
        reached: () => machine.setOffline(machine.atLun(1), false),
      };
      const formatted = await host.format({ device, fsType: "ntfs", uuid }, never);
      assert.equal(!formatted.ok && formatted.failure.kind, "WrongDevice");
    });
    const again = valueOf(await host.findDevice({ lun: 1 }, never));
    valueOf(await host.mountDevice({ ...mount, device: again }, never));
    assert.equal(await world.readFile(`${path}/file`), PRECIOUS);
    valueOf(await host.unmount(path, never));
  });
});
