import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { it } from "node:test";
import { characterDevicesOf } from "./character-devices.ts";

it("knows the character devices of a disk's SCSI and NVMe, and of no other disk", async (t) => {
  const sysRoot = await mkdtemp(join(tmpdir(), "character-devices-"));
  t.after(() => rm(sysRoot, { recursive: true }));
  const put = async (path: string, text: string): Promise<void> => {
    await mkdir(dirname(join(sysRoot, path)), { recursive: true });
    await writeFile(join(sysRoot, path), text);
  };
  const disks = {
    "8:32": "devices/pci/target0:0:0/0:0:0:2/block/sdc",
    "8:48": "devices/pci/target0:0:0/0:0:0:3/block/sdd",
    "8:33": "devices/pci/target0:0:0/0:0:0:2/block/sdc/sdc1",
    "259:1": "devices/pci/nvme/nvme0/nvme0n2",
    "259:2": "devices/pci/nvme/nvme0/nvme0n2/nvme0n2p1",
    "7:0": "devices/virtual/block/loop0",
  };
  await mkdir(join(sysRoot, "dev/block"), { recursive: true });
  for (const [number, path] of Object.entries(disks)) {
    await put(join(path, "dev"), `${number}\n`);
    await symlink(join(sysRoot, path), join(sysRoot, "dev/block", number));
  }
  for (const [lun, disk] of [
    [2, "sdc"],
    [3, "sdd"],
  ] as const) {
    const address = `devices/pci/target0:0:0/0:0:0:${lun}`;
    await symlink(join(sysRoot, address), join(sysRoot, address, "block", disk, "device"));
    await put(join(address, `scsi_generic/sg${lun}/dev`), `21:${lun}\n`);
    await put(join(address, `bsg/0:0:0:${lun}/dev`), `248:${lun}\n`);
  }
  for (const partition of ["8:33", "259:2"] as const) await put(join(disks[partition], "partition"), "1\n");
  await put("class/nvme-generic/ng0n2/dev", "236:1\n");
  await put("class/nvme-generic/ng0n1/dev", "236:0\n");
  assert.deepEqual(await characterDevicesOf(sysRoot, new Set(["8:32", "8:33"])), ["21:2", "248:2"]);
  assert.deepEqual(await characterDevicesOf(sysRoot, new Set(["259:1", "259:2"])), ["236:1"]);
  // A checkpoint may know the partition only.
  assert.deepEqual(await characterDevicesOf(sysRoot, new Set(["8:33"])), ["21:2", "248:2"]);
  assert.deepEqual(await characterDevicesOf(sysRoot, new Set(["259:2"])), ["236:1"]);
  assert.deepEqual(await characterDevicesOf(sysRoot, new Set(["7:0", "8:99"])), []);
});
