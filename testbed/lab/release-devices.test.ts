import assert from "node:assert/strict";
import { mkdtemp, realpath, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { boundLoopDevices } from "../../src/emulator/data-plane/bound-loop-devices.ts";
import { dataPlaneAvailable } from "../../src/emulator/data-plane/data-plane-available.ts";
import { releaseDevices } from "./release-devices.ts";
import { run } from "./units/run.ts";

const DISK_BYTES = 1024 * 1024;
const available = dataPlaneAvailable();

it(
  // Otherwise a lab that ends under such a pod leaves its disks behind.
  "also releases the device that a kubelet made on a raw block volume",
  { skip: available.available ? false : available.reason },
  async () => {
    const folder = await realpath(await mkdtemp(join(tmpdir(), "release-devices-")));
    try {
      const disk = join(folder, "volume.disk");
      await writeFile(disk, "");
      await truncate(disk, DISK_BYTES);
      const device = (await run(["losetup", "--find", "--show", disk])).trim();
      const onTop = (await run(["losetup", "--find", "--show", device])).trim();
      await releaseDevices(folder);
      assert.deepEqual(await boundLoopDevices(folder), []);
      // Another process may have got its number in the meantime.
      const bound = (
        await run(["losetup", "--list", "--noheadings", "--raw", "--output", "NAME,BACK-FILE"])
      ).split("\n");
      assert.ok(!bound.includes(`${onTop} ${device}`), `${onTop} is left`);
    } finally {
      await rm(folder, { recursive: true });
    }
  },
);
