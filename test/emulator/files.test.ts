import assert from "node:assert/strict";
import { mkdtemp, open, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { createFilesDataPlane } from "../../src/emulator/data-plane/files-data-plane.ts";
import { createDisk, startAzure, SUBSCRIPTION_ID } from "./azure-fixture.ts";

const GIB = 1024 ** 3;
const fast = { updateIntervalInMs: 5 };

it("snapshots and copies keep a disk's data as of their time; a resize keeps it", async () => {
  const directory = await mkdtemp(join(tmpdir(), "emulator-bytes-"));
  const dataPlane = await createFilesDataPlane({ directory });
  const failures: string[] = [];
  const azure = await startAzure({
    dataPlane,
    onDeviceFailure: (failure) => failures.push(failure),
    virtualMachines: [{ name: "node-a", zone: "1" }],
  });
  const write = async (id: string, bytes: string): Promise<void> => {
    const file = await open(dataPlane.filePath(id), "r+");
    await file.write(bytes, 4096);
    await file.close();
  };
  const read = async (id: string): Promise<string> => {
    const file = await open(dataPlane.filePath(id), "r");
    const { buffer } = await file.read(Buffer.alloc(5), 0, 5, 4096);
    await file.close();
    return buffer.toString();
  };
  const sizeGiB = async (id: string): Promise<number> => (await stat(dataPlane.filePath(id))).size / GIB;
  try {
    const { disks, snapshots, virtualMachines } = azure.client;
    const source = await createDisk(azure, "source", { diskSizeGB: 4 });
    await write(source, "first");
    const taken = {
      location: "eastus",
      incremental: true,
      creationData: { createOption: "Copy" as const, sourceResourceId: source },
    };
    const { id: snapshot = "" } = await snapshots.createOrUpdate("rg", "snap", taken, fast);
    await write(source, "later");
    const restored = await createDisk(azure, "restored", {
      diskSizeGB: 6,
      creationData: { createOption: "Copy", sourceResourceId: snapshot },
    });
    const copied = await createDisk(azure, "copied", {
      diskSizeGB: 4,
      creationData: { createOption: "Copy", sourceResourceId: source },
    });
    const far = {
      location: "westus",
      incremental: true,
      creationData: { createOption: "CopyStart" as const, sourceResourceId: snapshot },
    };
    const { id: abroad = "" } = await snapshots.createOrUpdate("rg", "abroad", far, fast);
    assert.deepEqual(await Promise.all([source, snapshot, restored, copied, abroad].map(read)), [
      "later",
      "first",
      "first",
      "later",
      "first",
    ]);
    assert.deepEqual(await Promise.all([source, snapshot, restored, copied].map(sizeGiB)), [4, 4, 6, 4]);

    await virtualMachines.attachDetachDataDisks(
      "rg",
      "node-a",
      { dataDisksToAttach: [{ diskId: source }] },
      fast,
    );
    await disks.update("rg", "source", { diskSizeGB: 8 }, fast);
    assert.deepEqual([await sizeGiB(source), await read(source)], [8, "later"]);
    await virtualMachines.attachDetachDataDisks(
      "rg",
      "node-a",
      { dataDisksToDetach: [{ diskId: source }] },
      fast,
    );
    await disks.delete("rg", "source", fast);
    await assert.rejects(
      stat(
        dataPlane.filePath(
          `/subscriptions/${SUBSCRIPTION_ID}/resourceGroups/rg/providers/Microsoft.Compute/disks/source`,
        ),
      ),
      {
        code: "ENOENT",
      },
    );
    assert.deepEqual(failures, []);
  } finally {
    await azure.close();
    await dataPlane.close();
    await rm(directory, { recursive: true });
  }
});
