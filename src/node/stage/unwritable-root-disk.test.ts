import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Failure } from "../../core/failure/failure.ts";
import { aWriter } from "../../core/testing/objects.ts";
import { kindOf } from "../../core/testing/value-of.ts";
import { heartbeatReconciler } from "../lifecycle/heartbeat.ts";
import { memoryCheckpoints, withNode, targetPath } from "../testing/a-node.ts";

const never = new AbortController().signal;
const granted = aWriter("node-a", { held: false });
const held = aWriter("node-a");
const released = { ...held, held: false, requested: false };
const fault: Failure = { kind: "HostNotReady", detail: "EROFS" };
const refused = { ok: false, failure: fault };
const done = { ok: true, value: undefined };

/** The first write of a checkpoint finds the root disk broken: no heartbeat has tried it before. */
describe("a node whose root disk takes no change", () => {
  for (const accessType of ["mount", "block"] as const)
    it(`unpublishes, unstages and releases a ${accessType} volume, and keeps nothing of it`, () =>
      withNode({ writer: granted }, async (world) => {
        assert.deepEqual(await world.publish({ accessType }), done);
        world.rootDisk.fault = fault;
        assert.deepEqual(await world.unpublish(), done);
        assert.deepEqual(world.ports().checkpoints.volumes()[0]?.targetPaths, []);
        assert.deepEqual(await world.unstage(), done);
        assert.deepEqual(
          [world.record()?.writer, world.machine.mounts(), world.ports().checkpoints.volumes()],
          [released, [], []],
        );
        assert.deepEqual(world.ports().checkpoints.unwritten(), fault);
        assert.deepEqual(await world.unstage(), done);
      }));

  it("releases a recalled volume once, and leaves no placeholder of an ended pod", () =>
    withNode({ writer: granted }, async (world) => {
      assert.deepEqual(await world.publish(), done);
      world.rootDisk.fault = fault;
      assert.deepEqual(await world.unpublish(), done);
      // No folder can be removed there either.
      world.machine.makeDirectory(targetPath);
      await world.setRecord((record) => ({ ...record, writer: { ...held, requested: false } }));
      assert.deepEqual(await world.reconcile(), { ok: true, value: {} });
      assert.deepEqual(
        [world.record()?.writer, world.machine.mounts(), world.machine.placeholders()],
        [released, [], []],
      );
      assert.deepEqual(world.ports().checkpoints.volumes(), []);
      assert.deepEqual(
        world.emitted.map(({ reason }) => reason),
        [],
      );
      assert.deepEqual(await world.reconcile(), { ok: true, value: {} });
    }));

  it("publishes and stages again what it has, for the same pod alone", () =>
    withNode({ writer: granted }, async (world) => {
      assert.deepEqual(await world.publish(), done);
      world.rootDisk.fault = fault;
      assert.equal(kindOf(await world.stage()), "ok");
      assert.deepEqual(await world.publish(), done);
      assert.deepEqual(await world.publish({ targetPath: `${targetPath}-2` }), refused);
      assert.deepEqual([world.record()?.writer, world.machine.mounts().length], [held, 2]);
    }));

  it("acquires nothing once it knows that, until the disk takes a change", () =>
    withNode({ writer: granted }, async (world) => {
      world.rootDisk.fault = fault;
      const { checkpoints } = world.ports();
      assert.deepEqual(await checkpoints.putHeartbeat({ heartbeat: 1, vmId: "vm-1" }, never), refused);
      assert.equal(kindOf(await world.stage()), "HostNotReady");
      assert.deepEqual([world.record()?.writer, world.steps, world.machine.mounts()], [granted, [], []]);
      world.rootDisk.fault = undefined;
      assert.equal(kindOf(await world.stage()), "ok");
      assert.deepEqual([world.record()?.writer, checkpoints.unwritten()], [held, undefined]);
    }));

  it("returns what it has acquired before it knew that, unmounted", () =>
    withNode({ writer: granted }, async (world) => {
      world.rootDisk.fault = fault;
      assert.equal(kindOf(await world.stage()), "HostNotReady");
      assert.equal(world.record()?.writer?.held, false);
      assert.deepEqual([world.machine.mounts(), world.ports().checkpoints.volumes()], [[], []]);
    }));

  it("writes no settings to the device of a volume that it has released", () =>
    withNode({ writer: granted }, async (world) => {
      const volumeContext = { perfProfile: "Advanced", "device-setting/queue/read_ahead_kb": "8" };
      const restored = (): number => world.steps.filter((step) => step === "restore-settings").length;
      assert.equal(kindOf(await world.stage({ volumeContext })), "ok");
      world.rootDisk.fault = fault;
      assert.deepEqual([await world.unstage(), restored()], [done, 1]);
      assert.deepEqual([await world.unstage(), restored()], [done, 1]);
    }));

  it("reports a rollback that only a pod's mount shows, with its next heartbeat", () =>
    withNode({ writer: granted }, async (world) => {
      assert.deepEqual(await world.publish(), done);
      const { checkpoints } = world.ports();
      const [own] = checkpoints.volumes();
      assert.ok(own !== undefined);
      // A backup lacks the object by which it was mounted.
      assert.deepEqual(await checkpoints.put({ ...own, uid: "uid-of-a-later-object" }, never), done);
      await world.setRecord((record) => ({ ...record, writer: aWriter("node-b") }));
      world.rootDisk.fault = fault;
      assert.deepEqual(await world.reconcile(), refused);
      assert.equal(world.machine.mounts().length, 2);
      const beaten = await world.answerOf(heartbeatReconciler(world.ports()).reconcile("node", never));
      assert.equal(beaten.ok, true);
      const node = await world.answerOf(world.store.get("AzDriverNode", "node-a", never));
      const conditions = node.ok ? (node.value.status?.conditions ?? []) : [];
      assert.deepEqual(
        conditions.map(({ type }) => type),
        ["StoreRolledBack", "CheckpointsUnwritten"],
      );
    }));

  it("only drops what is left of a checkpoint in its next boot", () =>
    withNode({ writer: granted }, async (world) => {
      assert.deepEqual(await world.publish(), done);
      const [stale] = world.ports().checkpoints.volumes();
      assert.ok(stale !== undefined);
      assert.deepEqual([await world.unpublish(), await world.unstage()], [done, done]);
      const writer = aWriter("node-b", { epoch: 2 });
      await world.setRecord((record) => ({ ...record, writer, epoch: 2 }));
      // What the file still has, as a plug-in reads it once the machine has booted.
      const checkpoints = memoryCheckpoints();
      await checkpoints.put({ ...stale, majorMinor: undefined }, never);
      world.restartPlugin();
      const ports = { ...world.ports(), checkpoints };
      assert.deepEqual(await world.reconcile(ports), { ok: true, value: {} });
      assert.deepEqual(
        [world.record()?.writer, checkpoints.volumes(), checkpoints.rollbackIncarnation(), world.emitted],
        [writer, [], undefined, []],
      );
    }));
});
