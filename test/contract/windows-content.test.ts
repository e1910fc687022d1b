import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import { valueOf } from "../../src/core/testing/value-of.ts";
import type { Device } from "../../src/ports/host/host-provisioner.ts";
import { makeWindowsHostWorld } from "./windows/windows-host-world.ts";
import { type ModelPartition, volumePath } from "./windows/windows-machine.ts";

const never = new AbortController().signal;
const GIB = 1024n * 1024n * 1024n;
const MIB = 1024 * 1024;
const OWN_OFFSET = 32 * MIB;
const uuid = "0f1e2d3c-4b5a-4678-8796-a5b4c3d2e1f0";
const LINUX_TYPE = "{0fc63daf-8483-4772-8e79-3d69d8477de4}";
const unnamed = "a data partition without a file system that Windows knows";

/** Only data that is the rest of the driver's own format may be erased, by the mark that the driver left. */
describe("what is on a disk on Windows", () => {
  let world: Awaited<ReturnType<typeof makeWindowsHostWorld>>;
  let device: Device;

  before(async () => {
    world = await makeWindowsHostWorld();
  });
  afterEach(() => world.detachDisk(0));
  after(() => world.close());

  async function aRawDisk(): Promise<void> {
    await world.attachDisk({ lun: 0, sizeBytes: GIB });
    const at = world.machine.atLun(0);
    at.isReadOnly = false;
    world.machine.setOffline(at, false);
    device = valueOf(await world.host.findDevice({ lun: 0 }, never));
  }
  /** A GPT with a reserved partition, and one for data at an offset. */
  async function aGpt(offset?: number): Promise<ModelPartition[]> {
    await aRawDisk();
    const at = world.machine.atLun(0);
    await world.machine.initialize(at);
    if (offset !== undefined) world.machine.addPartition(at.number, offset);
    world.machine.updateCache();
    return at.disk.partitions;
  }
  const write = (offset: number, text: string) =>
    world.machine.writeRaw(world.machine.atLun(0).disk, offset, text);
  const content = async () => valueOf(await world.host.inspectDevice(device, never));

  it("is blank only if samples between its ends are zeros, too", async () => {
    await aRawDisk();
    assert.deepEqual(await content(), { kind: "blank" });
    await write(128 * MIB, "the second block group of an ext4 whose start was erased");
    assert.deepEqual(await content(), {
      kind: "otherData",
      detail: "no partition table, but data at its middle",
      hasNoSignature: true,
    });
  });

  for (const [name, offset, text] of [
    ["ext2, ext3 or ext4", 1080, "\u0053\u00ef"],
    ["XFS", 0, "XFSB"],
    ["LUKS", 0, "LUKS\u00ba\u00be"],
  ] as const) {
    it(`is ${name} without a partition table, and no unfinished format`, async () => {
      await aRawDisk();
      await write(offset, text);
      assert.deepEqual(await content(), { kind: "otherData", detail: `no partition table, but ${name}` });
    });

    it(`is ${name} in the driver's own partition, and no unfinished format`, async () => {
      await aGpt(OWN_OFFSET);
      await write(OWN_OFFSET + offset, text);
      assert.deepEqual(await content(), { kind: "otherData", detail: `a data partition with ${name}` });
    });
  }

  it("is an unfinished format while the driver's own partitions hold nothing else", async () => {
    await aGpt();
    const detail = "a GPT without a data partition";
    assert.deepEqual(await content(), { kind: "otherData", detail, hasNoSignature: true });
    world.machine.addPartition(world.machine.atLun(0).number, OWN_OFFSET);
    assert.deepEqual(await content(), { kind: "otherData", detail: unnamed, hasNoSignature: true });
    await write(OWN_OFFSET, "\u00eb\u0052\u0090NTFS    ");
    assert.deepEqual(await content(), { kind: "otherData", detail: unnamed, hasNoSignature: true });
  });

  it("is another tool's with a partition of another type, and no unfinished format", async () => {
    const partitions = await aGpt();
    const [reserved] = partitions;
    assert.ok(reserved !== undefined);
    partitions.push({ ...reserved, number: 2, type: LINUX_TYPE, offset: 64 * MIB });
    const detail = `a GPT with a partition of type ${LINUX_TYPE}`;
    assert.deepEqual(await content(), { kind: "otherData", detail });
    partitions.length = 0;
    partitions.push(reserved, { ...reserved, number: 3, type: LINUX_TYPE, offset: 512 * MIB });
    world.machine.addPartition(world.machine.atLun(0).number, 600 * MIB);
    assert.deepEqual(await content(), { kind: "otherData", detail: unnamed });
  });

  it("is no unfinished format while Windows shows none of its partitions", async () => {
    const partitions = await aGpt();
    partitions.length = 0;
    assert.deepEqual(await content(), {
      kind: "otherData",
      detail: "a GPT of which Windows shows no partition (docs/windows.md says what to do)",
    });
  });

  it("is another tool's where its data partition is in another place", async () => {
    await aGpt(64 * MIB);
    assert.deepEqual(await content(), { kind: "otherData", detail: unnamed });
  });

  it("is formatted again after an erased format, whose rest lies between the ends", async () => {
    await aRawDisk();
    valueOf(await world.host.format({ device, fsType: "ntfs", uuid }, never));
    valueOf(await world.host.eraseUnfinishedFormat({ device, fsType: "ntfs" }, never));
    const rest = await content();
    assert.equal(rest.kind === "otherData" && rest.hasNoSignature, true);
    valueOf(await world.host.format({ device, fsType: "ntfs", uuid }, never));
    assert.deepEqual(await content(), { kind: "fileSystem", fsType: "ntfs", uuid });
  });

  const states = [
    [["OK"], "success"],
    [["Scan Needed"], "success"],
    [["OK", "Full Repair Needed", "Scan Needed"], "success"],
    [["Unknown"], "FileSystemBroken"],
    [["OK", "Predictive Failure"], "FileSystemBroken"],
    [["Scan Needed", "Predictive Failure"], "FileSystemBroken"],
    [["Degraded", "Scan Needed"], "success"],
    [["Degraded", "Scan Needed", "Predictive Failure"], "FileSystemBroken"],
    [["Degraded"], "FileSystemBroken"],
    [["Fehlerfrei"], "FileSystemBroken"],
    [[], "FileSystemBroken"],
  ] as const;
  for (const [reported, outcome] of states)
    it(`checks a volume in the states [${reported.join()}]: ${outcome}`, async () => {
      const partitions = await aGpt(OWN_OFFSET);
      const data = partitions[1];
      assert.ok(data !== undefined);
      await world.machine.format(volumePath(data), "NTFS");
      data.states = [...reported];
      const checked = await world.host.checkFileSystem({ device, fsType: "ntfs" }, never);
      assert.equal(checked.ok ? "success" : checked.failure.kind, outcome);
      if (checked.ok) assert.deepEqual(data.states, ["OK"]);
    });
});
