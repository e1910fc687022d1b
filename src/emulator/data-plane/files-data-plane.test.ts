import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { createFilesDataPlane } from "./files-data-plane.ts";

const MIB = 1024n * 1024n;

// It needs no privileges, and makes no devices.
it("a data plane of files creates, grows, copies and deletes disks", async () => {
  const directory = await mkdtemp(join(tmpdir(), "emulator-files-"));
  try {
    const plane = await createFilesDataPlane({ directory });
    const [disk, snapshot] = ["/subscriptions/s/disks/PVC-1", "/subscriptions/s/snapshots/snap-1"];
    await plane.diskCreated({ diskId: disk, sizeBytes: 4n * MIB });
    await writeFile(plane.filePath(disk), "bytes", { flag: "r+" });
    await plane.diskCreated({ diskId: disk.toLowerCase(), sizeBytes: 4n * MIB });
    await plane.diskAttached({ diskId: disk, vmId: "/vm", vmName: "vm", lun: 0, controllerType: "SCSI" });
    await plane.diskResized({ diskId: disk, sizeBytes: 8n * MIB });
    await plane.diskCopied({ sourceId: disk, diskId: snapshot, sizeBytes: 8n * MIB });
    await plane.diskDetached({ diskId: disk, vmId: "/vm", vmName: "vm", lun: 0 });
    await plane.diskDeleted({ diskId: disk });
    assert.equal((await readFile(plane.filePath(snapshot))).subarray(0, 5).toString(), "bytes");
    assert.equal((await stat(plane.filePath(snapshot))).size, Number(8n * MIB));
    await assert.rejects(stat(plane.filePath(disk)), { code: "ENOENT" });
    await plane.close();
  } finally {
    await rm(directory, { recursive: true });
  }
});
