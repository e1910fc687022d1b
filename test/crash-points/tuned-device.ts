import assert from "node:assert/strict";
import { endWork, nothingLost, putToWork, release, start, untilAttached } from "../../demo/act-failovers.ts";
import type { LabNode } from "../../demo/lab/lab.ts";
import { committedByFsync, createVolume, type DemoVolume } from "../../demo/volume-moves.ts";
import { deviceSettingsOf } from "../workflows/device-settings-of.ts";
import { type Life, node, remove, type Trial } from "./lives.ts";

/** Two, so that a plug-in dies between them. */
const SETTINGS = { "queue/max_sectors_kb": "64", "queue/read_ahead_kb": "16" } as const;
const NAMES = ["queue/max_sectors_kb", "queue/read_ahead_kb"] as const;

/**
 * A class with settings of the device. Written on node-a, moved to node-b: a device has them while the volume
 * is staged there, and has the kernel's own again before the other node becomes the writer.
 */
export const tuned: Life = async (on, volumeName) => {
  await on.arm();
  const [a, b] = [node(on, "node-a"), node(on, "node-b")];
  const volume = await createTuned(on, volumeName);
  await start(on, volume, a, "first");
  assert.deepEqual(await settingsOn(on, volume, a), SETTINGS, "node-a's device while the volume is staged");
  const work = await putToWork(on, volume, a);
  await on.timeline.measure("replicas", () => untilAttached(on, volume, ["node-b", "node-c"]));
  const kernels = await settingsOn(on, volume, b);
  assert.notDeepEqual(kernels, SETTINGS, "a replica's device has the kernel's settings");
  const lastSynced = await endWork(work);
  await release(on, volume, a, "move");
  assert.deepEqual(await settingsOn(on, volume, a), kernels, "node-a's device after the unstage");
  await start(on, volume, b, "move");
  assert.deepEqual(await settingsOn(on, volume, b), SETTINGS, "node-b's device while the volume is staged");
  assert.ok(
    await nothingLost(b, volume, work.checksums, lastSynced),
    "what was synced on node-a is not on node-b",
  );
  await release(on, volume, b, "end");
  await remove(on, volume);
};

function createTuned(on: Trial, name: string): Promise<DemoVolume> {
  const settings = Object.entries(SETTINGS).map(([path, value]) => [`device-setting/${path}`, value]);
  return on.timeline.measure("CreateVolume with settings of the device", () =>
    createVolume(on.lab, {
      name,
      sizeGiB: 1n,
      parameters: {
        skuName: "Premium_LRS",
        maxShares: "3",
        perfProfile: "advanced",
        ...Object.fromEntries(settings),
      },
      zones: ["eastus-1"],
      capability: committedByFsync(on.fsType),
    }),
  );
}

function settingsOn(on: Trial, volume: DemoVolume, at: LabNode): Promise<unknown> {
  return deviceSettingsOf({ lab: on.lab, volume, node: at }, NAMES, on.signal);
}
