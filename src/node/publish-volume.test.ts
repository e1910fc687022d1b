import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { aWriter, diskUri } from "../core/plan/testing/objects.ts";
import { publishVolume } from "./publish-volume.ts";
import { stageVolume, type StageRequest } from "./stage-volume.ts";
import { stagingPath, withNode } from "./testing/a-node.ts";
import { unstageVolume } from "./unstage-volume.ts";

const never = new AbortController().signal;
const targetPath = "/var/lib/kubelet/pods/1/volumes/pvc-1/mount";
const request: StageRequest = { volumeId: diskUri, stagingPath, accessType: "mount", fsType: "ext4", mountFlags: [], readOnly: false, volumeContext: {} };
const granted = aWriter("node-a", { held: false });

describe("publishVolume", () => {
  it("stages again what was unmounted behind the orchestrator's back, read-only where nobody may write", () =>
    withNode({ writer: granted }, async (world) => {
      assert.equal((await world.answerOf(stageVolume(world.ports(), request, never))).ok, true);
      assert.equal((await world.answerOf(unstageVolume(world.ports(), request, never))).ok, true);
      await world.setRecord((record) => ({ ...record, writer: granted }));
      const published = await world.answerOf(publishVolume(world.ports(), { ...request, readOnly: true, targetPath, targetReadOnly: true }, never));
      assert.deepEqual(published, { ok: true, value: undefined });
      assert.deepEqual(
        world.machine.mounts().map(({ path, readOnly }) => [path, readOnly]),
        [
          [stagingPath, true],
          [targetPath, true],
        ],
      );
    }));

  it("stages a volume that was given back and forgotten: kubelet may still believe it staged, and would never call NodeStageVolume again", () =>
    withNode({}, async (world) => {
      const publishing = publishVolume(world.ports(), { ...request, targetPath, targetReadOnly: false }, never);
      await world.clock.advance(1_000);
      await world.setRecord((record) => ({ ...record, writer: granted, epoch: granted.epoch }));
      assert.deepEqual(await world.answerOf(publishing), { ok: true, value: undefined });
      assert.deepEqual(
        world.machine.mounts().map(({ path }) => path),
        [stagingPath, targetPath],
      );
    }));

  it("leaves the staging mount to the writers where only one target is read-only", () =>
    withNode({ writer: granted }, async (world) => {
      assert.equal((await world.answerOf(publishVolume(world.ports(), { ...request, targetPath, targetReadOnly: true }, never))).ok, true);
      assert.deepEqual(
        world.machine.mounts().map(({ path, readOnly }) => [path, readOnly]),
        [
          [stagingPath, false],
          [targetPath, true],
        ],
      );
    }));
});
