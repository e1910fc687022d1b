import assert from "node:assert/strict";
import { endWork, nothingLost, putToWork, release, start, untilAttached } from "../../demo/act-failovers.ts";
import { gibToBytes } from "../../src/core/primitives/units.ts";
import { assertGrown } from "./copied-lives.ts";
import { create, type Life, node, remove } from "./lives.ts";

/** Twice what it was created with. */
const SIZE_GIB = 2;

/**
 * Written on node-a, with replicas, and released. It grows without them, and starts on node-b with all that
 * was synced and a larger file system. Then its replicas return.
 */
export const grown: Life = async (on, volumeName) => {
  const [a, b] = [node(on, "node-a"), node(on, "node-b")];
  const volume = await create(on, volumeName);
  await start(on, volume, a, "first");
  const work = await putToWork(on, volume, a);
  await on.timeline.measure("replicas", () => untilAttached(on, volume, ["node-b", "node-c"]));
  const lastSynced = await endWork(work);
  await release(on, volume, a, "first");
  await on.arm();
  await on.timeline.measure("ControllerExpandVolume", () =>
    on.lab.controller.controllerExpandVolume({
      volumeId: volume.volumeId,
      capacityRange: { requiredBytes: gibToBytes(SIZE_GIB), limitBytes: 0n },
      secrets: {},
      volumeCapability: undefined,
    }),
  );
  const disk = (await on.lab.emulator.disks()).find(({ name }) => volume.volumeId.endsWith(`/${name}`));
  assert.deepEqual(disk?.attachedTo, [], "Azure grows a shared disk only while no VM has it");
  await start(on, volume, b, "grown");
  await assertGrown(b, volume, SIZE_GIB);
  assert.ok(
    await nothingLost(b, volume, work.checksums, lastSynced),
    "what was synced before the growth is not on node-b",
  );
  await on.timeline.measure("replicas again", () => untilAttached(on, volume, ["node-a", "node-c"]));
  await release(on, volume, b, "end");
  await remove(on, volume);
};
