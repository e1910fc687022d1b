import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { aWriter, diskUri, identity } from "../core/plan/testing/objects.ts";
import { runNode } from "./run-node.ts";
import { stageVolume } from "./stage-volume.ts";
import { stagingPath, withNode } from "./testing/a-node.ts";

const never = new AbortController().signal;
const LIMIT_MS = 60_000;

describe("ownVolumesReconciler", () => {
  it("stays in quarantine while a process has a raw device open that the fence has taken off", () =>
    withNode({ writer: aWriter("node-a", { held: false, takes: 0 }) }, async (world) => {
      const request = { volumeId: diskUri, stagingPath, accessType: "block", fsType: "ext4", mountFlags: [], readOnly: false, volumeContext: {} } as const;
      assert.equal((await world.answerOf(stageVolume(world.ports(), request, never))).ok, true);
      const close = world.machine.openRaw(0);
      world.machine.detach(0);
      await world.setRecord(({ writer: _writer, ...record }) => ({ ...record, quarantine: [identity("node-a")] }));
      const life = new AbortController();
      const running = runNode(world.ports(), life.signal);
      try {
        await world.clock.advance(LIMIT_MS);
        assert.equal(world.record()?.quarantine.length, 1);
        assert.equal(world.ports().notes.volumes().length, 1);
        close();
        assert.ok(await world.clock.runUntil(() => world.record()?.quarantine.length === 0, LIMIT_MS));
      } finally {
        life.abort();
        await world.answerOf(running);
      }
    }));
});
