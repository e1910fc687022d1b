import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { putToWork, release, type Stage, start, untilAttached } from "../../demo/act-failovers.ts";
import type { LabNode } from "../../demo/lab/lab.ts";
import { type DemoVolume, targetPath } from "../../demo/volume-moves.ts";
import { waitUntil } from "../../demo/wait-until.ts";
import { readCheckpoints } from "../../src/compose/connect/open-checkpoints.ts";
import { create, type Life, node, remove } from "./lives.ts";

const run = promisify(execFile);

/** Longer than a plug-in or controller takes to be restarted on a busy machine. */
const FREEZE_SECONDS = 60;
const READY_MAX_MS = 120_000;
const END_MAX_MS = 120_000;
const RECORDS_AFTER = 3;

/**
 * Written on node-a while a snapshot of its frozen file system is taken. The snapshot has also what was
 * never synced and needs no recovery, and the writer continues.
 */
export const frozen: Life = async (on, volumeName) => {
  const { lab, timeline } = on;
  const a = node(on, "node-a");
  const volume = await create(on, volumeName);
  await start(on, volume, a, "first");
  const { writer } = await putToWork(on, volume, a);
  await timeline.measure("replicas", () => untilAttached(on, volume, ["node-b", "node-c"]));
  await on.arm();
  const unsynced = `not synced in ${volumeName}\n`;
  await writeFile(a.seenFromOutside(`${targetPath(a, volume)}/unsynced`), unsynced);
  const lastSynced = writer.lastSynced();

  const snapshotId = await timeline.measure("CreateSnapshot of a frozen file system", () =>
    snapshotFrozen(on, volume),
  );
  assert.deepEqual(await lab.emulator.snapshots(), [snapshotId]);
  await timeline.measure("the writer continues", () =>
    writer.untilSynced(writer.lastSynced() + RECORDS_AFTER),
  );
  await timeline.measure("no freeze is marked any more", () =>
    waitUntil("the freeze to be over on node-a", END_MAX_MS, async () =>
      (await markedFreezes(a)) === 0 ? true : undefined,
    ),
  );
  const image = await fileOf(on, volume);
  const { stdout: features } = await run("dumpe2fs", ["-h", image]);
  assert.doesNotMatch(features, /needs_recovery/u, "the snapshot's journal has to be replayed");
  assert.equal(await contentOf(image, "/unsynced"), unsynced, "what was not synced is not in the snapshot");
  const records = (await contentOf(image, "/log")).split("\n");
  assert.ok(
    records.some((record) => record.startsWith(`record ${lastSynced} `)),
    "what was synced before the snapshot is not in it",
  );

  await timeline.measure("DeleteSnapshot", () => lab.controller.deleteSnapshot({ snapshotId, secrets: {} }));
  await writer.process.stop(END_MAX_MS);
  await release(on, volume, a, "end");
  await remove(on, volume);
};

async function snapshotFrozen(on: Stage, volume: DemoVolume): Promise<string> {
  return waitUntil("the snapshot to be ready", READY_MAX_MS, async () => {
    const { snapshot } = await on.lab.controller.createSnapshot({
      name: `${volume.name}-frozen`,
      sourceVolumeId: volume.volumeId,
      parameters: { fileSystemFreezeSeconds: `${FREEZE_SECONDS}` },
      secrets: {},
      accessibilityRequirements: undefined,
    });
    return snapshot?.readyToUse === true ? snapshot.snapshotId : undefined;
  });
}

/** How many freezes a node's checkpoints name. */
async function markedFreezes({ stateDirectory, seenFromOutside }: LabNode): Promise<number> {
  return (await readCheckpoints(seenFromOutside(stateDirectory))).freezes?.length ?? 0;
}

/** The file in which the emulator keeps the snapshot's bytes. */
async function fileOf(on: Stage, volume: DemoVolume): Promise<string> {
  const folder = join(on.lab.directory, "disks");
  const name = (await readdir(folder)).find((file) => file.startsWith(`${volume.name}-frozen-`));
  assert.ok(name !== undefined, `there is no file of the snapshot of ${volume.name}`);
  return join(folder, name);
}

/** A file in an image as it is on the disk: nothing is replayed. */
async function contentOf(image: string, path: string): Promise<string> {
  const { stdout } = await run("debugfs", ["-R", `cat ${path}`, image], { maxBuffer: 64 * 1024 * 1024 });
  return stdout;
}
