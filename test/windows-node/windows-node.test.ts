import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { valueOf } from "../../src/core/testing/value-of.ts";
import type { Device } from "../../src/ports/host/host-provisioner.ts";
import { makeWindowsNodeWorld, type WindowsNodeWorld } from "./windows-node-world.ts";

const never = new AbortController().signal;
const uuid = "0f1e2d3c-4b5a-4678-8796-a5b4c3d2e1f0";
const mark = { diskUri: "/disks/windows-node", uuid };
const mountFlags: readonly string[] = [];

/** One volume's life, on one disk: each test continues after the one before it. */
describe(
  `a Windows node (${process.platform === "win32" ? "this machine" : "modelled"})`,
  { timeout: 1_800_000 },
  () => {
    let world: WindowsNodeWorld;
    let device: Device;
    const mount = () => ({
      device,
      path: world.pathOf("staging"),
      fsType: "ntfs" as const,
      mountFlags,
      readOnly: false,
    });

    before(async () => {
      world = await makeWindowsNodeWorld();
    });
    after(() => world.close());

    it("finds the disk by its LUN, and reads that it is blank and clean", async () => {
      device = valueOf(await world.host.findDevice({ lun: world.lun }, never));
      assert.deepEqual(valueOf(await world.host.inspectDevice(device, never)), { kind: "blank" });
      assert.deepEqual(await isClean(world, device), true);
      assert.equal(valueOf(await world.host.earlierChildrenAlive(never)), false);
    });

    it("marks it, and formats it with its UUID under the mark", async () => {
      valueOf(await world.host.writeFormatMark({ device, fsType: "ntfs", mark }, never));
      valueOf(await world.host.format({ device, fsType: "ntfs", uuid }, never));
      assert.deepEqual(valueOf(await world.host.readFormatMark(device, never)), mark);
      const content = { kind: "fileSystem", fsType: "ntfs", uuid };
      assert.deepEqual(valueOf(await world.host.inspectDevice(device, never)), content);
    });

    it("erases the file system and leaves the mark, so that it can be formatted again", async () => {
      valueOf(await world.host.eraseUnfinishedFormat({ device, fsType: "ntfs" }, never));
      // The rest of the format, between the ends.
      const rest = valueOf(await world.host.inspectDevice(device, never));
      assert.ok(rest.kind === "blank" || (rest.kind === "otherData" && rest.hasNoSignature === true));
      assert.deepEqual(valueOf(await world.host.readFormatMark(device, never)), mark);
      valueOf(await world.host.format({ device, fsType: "ntfs", uuid }, never));
      valueOf(await world.host.eraseFormatMark({ device, diskUri: mark.diskUri }, never));
      valueOf(await world.host.checkFileSystem({ device, fsType: "ntfs" }, never));
    });

    it("mounts and publishes it, and counts what is written", async () => {
      valueOf(await world.host.whileHolding(device, () => world.host.mountDevice(mount(), never), never));
      const bind = { stagingPath: world.pathOf("staging"), targetPath: world.pathOf("target") };
      valueOf(await world.host.bindMount({ ...bind, readOnly: false, mountFlags }, never));
      const writtenBefore = valueOf(await world.host.writeProgress(device.majorMinor, never));
      await writeFile(join(world.pathOf("target"), "file"), "text");
      valueOf(await world.host.flush(world.pathOf("staging"), never));
      assert.notEqual(valueOf(await world.host.writeProgress(device.majorMinor, never)), writtenBefore);
      const paths = valueOf(await world.host.mountsOf(device.majorMinor, never)).map(({ path }) => path);
      assert.deepEqual(paths, [world.pathOf("staging"), world.pathOf("target")]);
      const { totalBytes } = valueOf(await world.host.fileSystemStats(world.pathOf("target"), never));
      assert.ok(totalBytes > 0n && totalBytes <= device.sizeBytes, `${totalBytes} bytes`);
      assert.equal(await isClean(world, device), false);
    });

    it("grows it in use, and does nothing where the disk has not grown", async () => {
      const request = { device, mountPath: world.pathOf("staging"), fsType: "ntfs" } as const;
      valueOf(await world.host.growFileSystem(request, never));
      assert.equal(await readFile(join(world.pathOf("target"), "file"), "utf8"), "text");
    });

    it("refuses to unmount it while a file is open", async () => {
      const close = await world.keepFileOpen(join(world.pathOf("target"), "file"));
      const unmounted = await world.host.unmount(world.pathOf("staging"), never);
      await close();
      assert.equal(!unmounted.ok && unmounted.failure.kind, "DeviceBusy");
    });

    it("unmounts it, and is clean", async () => {
      for (const name of ["target", "staging"] as const) {
        valueOf(await world.host.unmount(world.pathOf(name), never));
        assert.equal(valueOf(await world.host.pathKind(world.pathOf(name), never)), "absent");
      }
      assert.equal(await isClean(world, device), true);
    });

    it("finds its file when it is staged again", async () => {
      valueOf(await world.host.dropCachedBlocks(device, never));
      valueOf(await world.host.mountDevice(mount(), never));
      assert.equal(await readFile(join(world.pathOf("staging"), "file"), "utf8"), "text");
      valueOf(await world.host.unmount(world.pathOf("staging"), never));
      valueOf(await world.host.eraseUnfinishedFormat({ device, fsType: "ntfs" }, never));
    });
  },
);

async function isClean({ host, lun }: WindowsNodeWorld, { majorMinor }: Device): Promise<boolean> {
  const request = { accessType: "mount", lun, lastMajorMinor: majorMinor, lunsOfOthers: [] } as const;
  return valueOf(await host.isClean(request, never)).clean;
}
