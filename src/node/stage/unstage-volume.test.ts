import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { aWriter } from "../../core/testing/objects.ts";
import { kindOf } from "../../core/testing/value-of.ts";
import { withNode, aStageRequest } from "../testing/a-node.ts";
import { stageVolume } from "./stage-volume.ts";
import { unstageVolume } from "./unstage-volume.ts";

const request = aStageRequest();
const granted = aWriter("node-a", { held: false });
const held = { ...granted, held: true };

describe("unstageVolume", () => {
  it("withdraws the request, unmounts, and releases the volume", () =>
    withNode({ writer: granted }, async (world) => {
      assert.equal((await world.stage()).ok, true);
      assert.deepEqual(world.record()?.writer, held);
      assert.deepEqual(await world.unstage(), {
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
      const unstaged = await world.unstage();
      assert.equal(unstaged.ok, false);
      assert.deepEqual(world.record()?.writer, { ...held, requested: false });

      await world.clock.advance(60_000);
      assert.deepEqual(await world.unstage(), {
        ok: true,
        value: undefined,
      });
      assert.deepEqual(world.record()?.writer, { ...held, held: false, requested: false });
    }));

  const notFlushed = { kind: "HostCommandFailed", command: "sync", exitCode: 1, stderr: "EIO" } as const;

  it("does not release a raw block volume whose last writes are not on the disk", () =>
    withNode({ writer: granted }, async (world) => {
      const block = { accessType: "block" } as const;
      assert.equal((await world.stage(block)).ok, true);
      world.machine.failNext("flush", notFlushed);
      const unstaged = await world.unstage(block);
      assert.equal(kindOf(unstaged), "DeviceBusy");
      assert.equal(world.record()?.writer?.held, true);
      assert.equal((await world.unstage(block)).ok, true);
      assert.equal(world.record()?.writer?.held, false);
    }));

  it("does not release a file system that was checked, never mounted, nor flushed", () =>
    withNode({ writer: granted }, async (world) => {
      world.machine.failNext("mountDevice", notFlushed);
      world.machine.failNext("flush", notFlushed);
      const staged = await world.stage();
      assert.deepEqual(staged, { ok: false, failure: notFlushed });
      assert.deepEqual([world.record()?.writer?.held, world.ports().checkpoints.volumes().length], [true, 1]);
      world.machine.failNext("flush", notFlushed);
      assert.equal((await world.unstage()).ok, false);
      assert.equal(world.record()?.writer?.held, true);
      assert.equal((await world.unstage()).ok, true);
      assert.equal(world.record()?.writer?.held, false);
    }));

  it("does not flush again what its unmount has flushed", () =>
    withNode({ writer: granted }, async (world) => {
      world.machine.failNext("flush", notFlushed);
      assert.equal((await world.stage()).ok, true);
      assert.equal((await world.unstage()).ok, true);
      assert.equal(world.record()?.writer?.held, false);
    }));

  const writesLost = { kind: "WritesLost", devicePath: "/dev/sdc", detail: "Input/output error" } as const;

  for (const [accessType, method] of [
    ["mount", "unmount"],
    ["block", "flush"],
  ] as const)
    it(`reports once what its ${method} shows to be lost, and continues (${accessType})`, () =>
      withNode({ writer: granted }, async (world) => {
        assert.equal((await world.stage({ accessType })).ok, true);
        world.machine.failNext(method, writesLost);
        assert.equal(
          kindOf(await world.unstage({ accessType })).replace("DeviceBusy", "WritesLost"),
          "WritesLost",
        );
        assert.equal(world.record()?.writer?.held, true);
        assert.equal((await world.unstage({ accessType })).ok, true);
        assert.equal(world.record()?.writer?.held, false);
        const about = { kind: "AzVolume", name: "pvc-1" };
        const message = "not all that was written to the volume on node-a is on its disk: Input/output error";
        assert.deepEqual(
          world.emitted.filter(({ reason }) => reason === "WritesLost"),
          [{ about, nodeName: "node-a", reason: "WritesLost", message }],
        );
      }));

  for (const [accessType, method] of [
    ["mount", "unmount"],
    ["block", "flush"],
  ] as const)
    it(`states what its ${method} shows to be lost before it answers (${accessType})`, () =>
      withNode({ writer: granted }, async (world) => {
        assert.equal((await world.stage({ accessType })).ok, true);
        world.machine.failNext(method, writesLost);
        assert.equal((await world.unstage({ accessType })).ok, false);
        const { name } = world.attachment()?.metadata ?? assert.fail("no attachment");
        const read = await world.ports().store.get("AzVolumeAttachment", name, new AbortController().signal);
        const [stated] = (read.ok ? read.value.status?.mountProblems : undefined) ?? [];
        assert.deepEqual(
          [stated?.reason, stated?.epoch, stated?.detail],
          ["WritesLost", 1, "not all that was written is on its disk: Input/output error"],
        );
        assert.equal((await world.unstage({ accessType })).ok, true, "it releases the volume next");
      }));

  it("says that a dead mount may have lost writes, which nothing flushes", () =>
    withNode({ writer: granted }, async (world) => {
      assert.equal((await world.stage()).ok, true);
      world.machine.detach(0);
      assert.equal((await world.unstage()).ok, true);
      assert.equal((await world.unstage()).ok, true);
      assert.deepEqual(
        world.emitted.map(({ reason, message }) => [reason, message]),
        [
          [
            "WritesLost",
            "what was written last to the volume on node-a may not be on its disk: " +
              "its mount is dead, and unmounted without a flush",
          ],
        ],
      );
      const stated = world.attachment()?.status?.mountProblems ?? [];
      assert.deepEqual(
        stated.map(({ reason, detail }) => [reason, detail]),
        [
          [
            "WritesLost",
            "what was written last may not be on its disk: its mount is dead, and unmounted without a flush",
          ],
        ],
      );
    }));

  it("says it of a dead mount also where the unmount is slower than its caller", () =>
    withNode({ writer: granted }, async (world) => {
      assert.equal((await world.stage()).ok, true);
      world.machine.detach(0);
      world.machine.setLatencyMs("unmount", 10_000);
      const caller = new AbortController();
      const unstaging = unstageVolume(world.ports(), aStageRequest(), caller.signal);
      const isUnmounting = (): boolean => world.machine.commandsInFlight().length > 0;
      assert.ok(await world.clock.runUntil(isUnmounting, 10_000));
      caller.abort();
      assert.equal(kindOf(await world.answerOf(unstaging)), "Cancelled");
      await world.clock.advance(10_000);
      assert.deepEqual(world.machine.mounts(), []);
      assert.equal((await world.unstage()).ok, true);
      const lost = world.emitted.map(({ reason }) => reason);
      const stated = (world.attachment()?.status?.mountProblems ?? []).map(({ reason }) => reason);
      assert.deepEqual([lost, stated], [["WritesLost"], ["WritesLost"]]);
    }));

  it("states it once of a mount, however often its unmount is tried", () =>
    withNode({ writer: granted }, async (world) => {
      const since = (): string | undefined => world.attachment()?.status?.mountProblems?.[0]?.since;
      const before: (string | undefined)[] = [];
      for (const _ of ["a mount", "the next"]) {
        assert.equal((await world.stage()).ok, true);
        world.machine.detach(0);
        for (const __ of ["a try", "another"]) {
          world.machine.failNext("unmount", { kind: "DeviceBusy", devicePath: "/dev/sdc", detail: "in use" });
          assert.equal((await world.unstage()).ok, false);
          before.push(since());
          await world.clock.advance(1_000);
        }
        assert.equal((await world.unstage()).ok, true);
        assert.equal(since(), before.at(-1));
        world.machine.attach({ lun: 0, disk: world.disk });
        await world.grantAgain();
      }
      assert.equal(new Set(before).size, 2, before.join());
    }));

  it("unmounts and releases also where the loss can't be stated", () =>
    withNode({ writer: granted }, async (world) => {
      assert.equal((await world.stage()).ok, true);
      await world.setAttachment((attachment) => ({ ...attachment, status: undefined }));
      world.machine.failNext("unmount", writesLost);
      assert.equal(kindOf(await world.unstage()), "WritesLost");
      assert.equal((await world.unstage()).ok, true);
      assert.equal(world.record()?.writer?.held, false);
    }));

  it("says so of no dead mount that took no writes", () =>
    withNode({ writer: granted }, async (world) => {
      // Formats it.
      assert.equal((await world.stage()).ok && (await world.unstage()).ok, true);
      await world.grantAgain();
      assert.equal((await world.stage({ mountFlags: ["ro"] })).ok, true);
      world.machine.detach(0);
      assert.equal((await world.unstage()).ok, true);
      assert.deepEqual(world.emitted, []);
    }));

  it("says so of none that only a read of its disk shows as dead, which is flushed", () =>
    withNode({ writer: granted }, async (world) => {
      assert.equal((await world.stage()).ok, true);
      const { host, ...ports } = world.ports();
      const mountAt: typeof host.mountAt = async (path, signal) => {
        const found = await host.mountAt(path, signal);
        return found.ok && found.value !== undefined
          ? { ...found, value: { ...found.value, isDead: true } }
          : found;
      };
      assert.equal((await world.unstage({}, { ...ports, host: { ...host, mountAt } })).ok, true);
      assert.deepEqual([world.emitted, world.record()?.writer?.held], [[], false]);
    }));

  it("reports it by its checkpoint where the AzVolume is lost", () =>
    withNode({ writer: granted }, async (world) => {
      assert.equal((await world.stage()).ok, true);
      await world.setVolume((volume) => ({ ...volume, metadata: { ...volume.metadata, finalizers: [] } }));
      const { store } = world.ports();
      assert.equal((await store.delete("AzVolume", "pvc-1", {}, new AbortController().signal)).ok, true);
      world.machine.failNext("unmount", writesLost);
      assert.equal(kindOf(await world.unstage()), "WritesLost");
      assert.deepEqual(
        world.emitted.map(({ about, reason }) => [about.name, reason]),
        [["pvc-1", "WritesLost"]],
      );
      assert.equal((await world.unstage()).ok, true);
    }));

  it("does not release a raw block volume while a process has the device open", () =>
    withNode({ writer: granted }, async (world) => {
      const block = { accessType: "block" } as const;
      assert.equal((await world.stage(block)).ok, true);
      const close = world.machine.openRaw(0);
      assert.equal((await world.unstage(block)).ok, false);
      assert.deepEqual(world.record()?.writer, { ...held, requested: false });
      close();
      assert.equal((await world.unstage(block)).ok, true);
      assert.deepEqual(world.record()?.writer, { ...held, held: false, requested: false });
    }));
});
