import assert from "node:assert/strict";
import { statfs } from "node:fs/promises";
import { endWork, nothingLost, putToWork, release, start, untilAttached } from "../../demo/act-failovers.ts";
import type { LabNode } from "../../demo/lab/lab.ts";
import { committedByFsync, createVolume, type DemoVolume, targetPath } from "../../demo/volume-moves.ts";
import type { VolumeContentSource } from "../../src/csi/gen/csi/v1/csi.ts";
import { create, type Life, node, remove, snapshot, type Trial } from "./lives.ts";

const GIB = 1024 ** 3;
/** Of each copy. The source has half of it. */
const SIZE_GIB = 2n;
/** What a file system keeps of a disk for itself, at most. */
const OWN_SHARE = 0.1;

/**
 * A snapshot of it is restored to a larger volume, and deleted at once. node-b has all that was synced
 * before the snapshot, while node-a writes on.
 */
export const restored: Life = async (on, volumeName) => {
  const source = await written(on, volumeName);
  const { a, volume, work } = source;
  const { snapshotId } = await snapshot(on, volume, "eastus");
  await on.arm();
  const copy = await copyOf(on, volume, { type: { $case: "snapshot", value: { snapshotId } } });
  await on.timeline.measure("DeleteSnapshot", () =>
    on.lab.controller.deleteSnapshot({ snapshotId, secrets: {} }),
  );
  await assertCopied(on, copy, source, "what was synced before the snapshot is not on the restored volume");
  await endWork(work);
  await release(on, volume, a, "end");
  await remove(on, volume);
};

/**
 * It is cloned to a larger volume while node-a writes, and deleted once node-a has ended. node-b has all
 * that was synced before on the clone.
 */
export const cloned: Life = async (on, volumeName) => {
  const source = await written(on, volumeName);
  const { a, volume, work } = source;
  await on.arm();
  const { volumeId } = volume;
  const copy = await copyOf(on, volume, { type: { $case: "volume", value: { volumeId } } });
  await endWork(work);
  await release(on, volume, a, "source");
  await remove(on, volume);
  await assertCopied(on, copy, source, "what was synced before the copy is not on the clone");
};

/** A volume to copy, with a writer on node-a, and what that has synced by now. */
interface Source {
  readonly a: LabNode;
  readonly volume: DemoVolume;
  readonly work: Awaited<ReturnType<typeof putToWork>>;
  readonly lastSynced: number;
}

async function written(on: Trial, volumeName: string): Promise<Source> {
  const a = node(on, "node-a");
  const volume = await create(on, volumeName);
  await start(on, volume, a, "first");
  const work = await putToWork(on, volume, a);
  await on.timeline.measure("replicas", () => untilAttached(on, volume, ["node-b", "node-c"]));
  await work.writer.untilSynced(work.writer.lastSynced() + 1);
  return { a, volume, work, lastSynced: work.writer.lastSynced() };
}

/** node-b has all that its source had synced on the copy, which is larger, and can be deleted. */
async function assertCopied(
  on: Trial,
  copy: DemoVolume,
  { work, lastSynced }: Source,
  otherwise: string,
): Promise<void> {
  const b = node(on, "node-b");
  await start(on, copy, b, "copy");
  assert.ok(await nothingLost(b, copy, work.checksums, lastSynced), otherwise);
  await assertGrown(b, copy, Number(SIZE_GIB));
  await release(on, copy, b, "copy");
  await remove(on, copy);
}

/** The file system on the node fills the size that was requested. */
export async function assertGrown(node: LabNode, volume: DemoVolume, sizeGiB: number): Promise<void> {
  const { blocks, bsize } = await statfs(node.seenFromOutside(targetPath(node, volume)));
  const [bytes, wantedBytes] = [blocks * bsize, sizeGiB * GIB];
  assert.ok(
    bytes > wantedBytes * (1 - OWN_SHARE) && bytes <= wantedBytes,
    `the file system of the larger volume has ${bytes} of ${wantedBytes} bytes`,
  );
}

function copyOf(on: Trial, { name }: DemoVolume, source: VolumeContentSource): Promise<DemoVolume> {
  return on.timeline.measure("CreateVolume of a copy", () =>
    createVolume(on.lab, {
      name: `${name}-copy`,
      sizeGiB: SIZE_GIB,
      parameters: { skuName: "Premium_LRS", maxShares: "3" },
      zones: ["eastus-1"],
      capability: committedByFsync(on.fsType),
      source,
    }),
  );
}
