import assert from "node:assert/strict";
import { closeSync, fsyncSync, openSync, readSync, realpathSync, writeSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { dataPlaneAvailable } from "../../src/emulator/data-plane/data-plane-available.ts";
import { createLinuxDataPlane } from "../../src/emulator/data-plane/linux-data-plane.ts";
import { createDisk, startAzure } from "./azure-fixture.ts";

const available = dataPlaneAvailable();
const fast = { updateIntervalInMs: 5 };

it(
  "shows an attached disk as a block device, moves its bytes, and fences the old VM",
  { skip: available.available ? false : available.reason },
  async () => {
    const directory = await mkdtemp(join(tmpdir(), "emulator-devices-"));
    const dataPlane = await createLinuxDataPlane({
      directory: join(directory, "disks"),
      deviceRoot: join(directory, "vms"),
      removeFilesOnClose: true,
    });
    const failures: string[] = [];
    const azure = await startAzure({
      dataPlane,
      onDeviceFailure: (failure) => failures.push(failure),
      virtualMachines: [
        { name: "node-a", zone: "1" },
        { name: "node-b", zone: "1", size: "Standard_D2s_v6" },
      ],
    });
    try {
      const id = await createDisk(azure, "pvc-1");
      const { virtualMachines } = azure.client;
      await virtualMachines.attachDetachDataDisks(
        "rg",
        "node-a",
        { dataDisksToAttach: [{ diskId: id, lun: 4 }] },
        fast,
      );
      const first = openSync(
        realpathSync(dataPlane.linkPath({ vmName: "node-a", controllerType: "SCSI", lun: 4 })),
        "r+",
      );
      writeSync(first, Buffer.alloc(4096, "a"), 0, 4096, 0);
      fsyncSync(first);
      await virtualMachines.update("rg", "node-a", { storageProfile: { dataDisks: [] } }, fast);
      try {
        // EIO while there are dirty pages, ENOSPC because the device has shrunk to nothing.
        assert.throws(() => {
          writeSync(first, Buffer.alloc(4096, "b"), 0, 4096, 0);
          fsyncSync(first);
        }, /EIO|ENOSPC/);
      } finally {
        closeSync(first);
      }
      await virtualMachines.attachDetachDataDisks(
        "rg",
        "node-b",
        { dataDisksToAttach: [{ diskId: id, lun: 0 }] },
        fast,
      );
      const second = openSync(
        realpathSync(dataPlane.linkPath({ vmName: "node-b", controllerType: "NVMe", lun: 0 })),
        "r",
      );
      const read = Buffer.alloc(4096);
      readSync(second, read, 0, 4096, 0);
      closeSync(second);
      assert.deepEqual(read, Buffer.alloc(4096, "a"));
      await virtualMachines.attachDetachDataDisks(
        "rg",
        "node-b",
        { dataDisksToDetach: [{ diskId: id }] },
        fast,
      );
      await azure.client.disks.delete("rg", "pvc-1", fast);
      assert.deepEqual(failures, []);
    } finally {
      await azure.close();
      await dataPlane.close();
      await rm(directory, { recursive: true });
    }
  },
);
