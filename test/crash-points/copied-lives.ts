import assert from "node:assert/strict";
import { statfs } from "node:fs/promises";
import { endWork, nothingLost, putToWork, release, start, untilAttached } from "../../demo/act-failovers.ts";
import { createVolume, type DemoVolume, targetPath } from "../../demo/volume-moves.ts";
import type { VolumeContentSource } from "../../src/csi/gen/csi/v1/csi.ts";
import { create, type Life, node, remove, snapshot, type Trial } from "./lives.ts";

const SOURCE_BYTES = 1024 ** 3;

/**
 * A snapshot of it is restored to a larger volume, and deleted at once. node-b has all that was synced
 * before the snapshot, while node-a writes on.
 */
export const restored: Life = async (on, volumeName) => {
  const [a, b] = [node(on, "node-a"), node(on, "node-b")];
  const volume = await create(on, volumeName);
  await start(on, volume, a, "first");
  const work = await putToWork(on, volume, a);
  await on.timeline.measure("replicas", () => untilAttached(on, volume, ["node-b", "node-c"]));
  await work.writer.untilSynced(work.writer.lastSynced() + 1);
  const lastSynced = work.writer.lastSynced();
  const { snapshotId } = await snapshot(on, volume, "eastus");
  await on.arm();
  const copy = await copyOf(on, volume, { type: { $case: "snapshot", value: { snapshotId } } });
  await on.timeline.measure("DeleteSnapshot", () =>
    on.lab.controller.deleteSnapshot({ snapshotId, secrets: {} }),
  );
  await start(on, copy, b, "copy");
  assert.ok(
    await nothingLost(b, copy, work.checksums, lastSynced),
    "what was synced before the snapshot is not on the restored volume",
  );
  const { blocks, bsize } = await statfs(targetPath(b, copy));
  assert.ok(blocks * bsize > SOURCE_BYTES, "the file system of the larger volume has its source's size");
  await release(on, copy, b, "copy");
  await remove(on, copy);
  await endWork(work);
  await release(on, volume, a, "end");
  await remove(on, volume);
};

/** It is cloned while node-a has it, and deleted. node-b has all that was synced before on the clone. */
export const cloned: Life = async (on, volumeName) => {
  const [a, b] = [node(on, "node-a"), node(on, "node-b")];
  const volume = await create(on, volumeName);
  await start(on, volume, a, "first");
  const work = await putToWork(on, volume, a);
  await on.timeline.measure("replicas", () => untilAttached(on, volume, ["node-b", "node-c"]));
  const lastSynced = await endWork(work);
  await on.arm();
  const { volumeId } = volume;
  const copy = await copyOf(on, volume, { type: { $case: "volume", value: { volumeId } } });
  await release(on, volume, a, "source");
  await remove(on, volume);
  await start(on, copy, b, "copy");
  assert.ok(
    await nothingLost(b, copy, work.checksums, lastSynced),
    "what was synced before the copy is not on the clone",
  );
  await release(on, copy, b, "copy");
  await remove(on, copy);
};

function copyOf(on: Trial, { name }: DemoVolume, source: VolumeContentSource): Promise<DemoVolume> {
  return on.timeline.measure("CreateVolume of a copy", () =>
    createVolume(on.lab, {
      name: `${name}-copy`,
      sizeGiB: 2n,
      parameters: { skuName: "Premium_LRS", maxShares: "3" },
      zones: ["eastus-1"],
      source,
    }),
  );
}
