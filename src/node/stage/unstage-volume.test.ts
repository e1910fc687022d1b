import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { aWriter } from "../../core/testing/objects.ts";
import { withNode, aStageRequest } from "../testing/a-node.ts";
import type { StageRequest } from "./stage-request.ts";
import { stageVolume } from "./stage-volume.ts";
import { unstageVolume } from "./unstage-volume.ts";

const never = new AbortController().signal;
const request = aStageRequest();
const granted = aWriter("node-a", { held: false });
const held = { ...granted, held: true };

describe("unstageVolume", () => {
  it("withdraws the request, unmounts, and releases the volume", () =>
    withNode({ writer: granted }, async (world) => {
      assert.equal((await world.answerOf(stageVolume(world.ports(), request, never))).ok, true);
      assert.deepEqual(world.record()?.writer, held);
      assert.deepEqual(await world.answerOf(unstageVolume(world.ports(), request, never)), {
        ok: true,
        value: undefined,
      });
      assert.deepEqual(world.record()?.writer, { ...held, held: false, requested: false });
      assert.deepEqual(world.machine.mounts(), []);
      assert.deepEqual(world.ports().checkpoints.volumes(), []);
    }));

  it("does not release the volume while an earlier plug-in's command may write to it", () =>
    withNode({ writer: granted }, async (world) => {
      world.machine.setLatencyMs("format", 60_000);
      const left = new AbortController();
      const staging = stageVolume(world.ports(), request, left.signal);
      await world.clock.runUntil(() => world.machine.commandsInFlight().length > 0, 10_000);
      world.restartPlugin();
      left.abort();
      await world.answerOf(staging);
      const unstaged = await world.answerOf(unstageVolume(world.ports(), request, never));
      assert.equal(unstaged.ok, false);
      assert.deepEqual(world.record()?.writer, { ...held, requested: false });

      await world.clock.advance(60_000);
      assert.deepEqual(await world.answerOf(unstageVolume(world.ports(), request, never)), {
        ok: true,
        value: undefined,
      });
      assert.deepEqual(world.record()?.writer, { ...held, held: false, requested: false });
    }));

  const notFlushed = { kind: "HostCommandFailed", command: "sync", exitCode: 1, stderr: "EIO" } as const;

  it("does not release a raw block volume whose last writes are not on the disk", () =>
    withNode({ writer: granted }, async (world) => {
      const block: StageRequest = { ...request, accessType: "block" };
      assert.equal((await world.answerOf(stageVolume(world.ports(), block, never))).ok, true);
      world.machine.failNext("flush", notFlushed);
      const unstaged = await world.answerOf(unstageVolume(world.ports(), block, never));
      assert.equal(unstaged.ok ? "ok" : unstaged.failure.kind, "DeviceBusy");
      assert.equal(world.record()?.writer?.held, true);
      assert.equal((await world.answerOf(unstageVolume(world.ports(), block, never))).ok, true);
      assert.equal(world.record()?.writer?.held, false);
    }));

  it("does not release a file system that was checked, never mounted, nor flushed", () =>
    withNode({ writer: granted }, async (world) => {
      world.machine.failNext("mountDevice", notFlushed);
      world.machine.failNext("flush", notFlushed);
      const staged = await world.answerOf(stageVolume(world.ports(), request, never));
      assert.deepEqual(staged, { ok: false, failure: notFlushed });
      assert.deepEqual([world.record()?.writer?.held, world.ports().checkpoints.volumes().length], [true, 1]);
      world.machine.failNext("flush", notFlushed);
      assert.equal((await world.answerOf(unstageVolume(world.ports(), request, never))).ok, false);
      assert.equal(world.record()?.writer?.held, true);
      assert.equal((await world.answerOf(unstageVolume(world.ports(), request, never))).ok, true);
      assert.equal(world.record()?.writer?.held, false);
    }));

  it("does not flush again what its unmount has flushed", () =>
    withNode({ writer: granted }, async (world) => {
      world.machine.failNext("flush", notFlushed);
      assert.equal((await world.answerOf(stageVolume(world.ports(), request, never))).ok, true);
      assert.equal((await world.answerOf(unstageVolume(world.ports(), request, never))).ok, true);
      assert.equal(world.record()?.writer?.held, false);
    }));

  it("does not release a raw block volume while a process has the device open", () =>
    withNode({ writer: granted }, async (world) => {
      const block: StageRequest = { ...request, accessType: "block" };
      assert.equal((await world.answerOf(stageVolume(world.ports(), block, never))).ok, true);
      const close = world.machine.openRaw(0);
      assert.equal((await world.answerOf(unstageVolume(world.ports(), block, never))).ok, false);
      assert.deepEqual(world.record()?.writer, { ...held, requested: false });
      close();
      assert.equal((await world.answerOf(unstageVolume(world.ports(), block, never))).ok, true);
      assert.deepEqual(world.record()?.writer, { ...held, held: false, requested: false });
    }));
});
