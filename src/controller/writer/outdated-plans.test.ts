import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  anAttachment,
  aVolumeWithRecord,
  aWriter,
  identity,
  instanceUriOf,
} from "../../core/testing/objects.ts";
import { planWriter } from "../../core/writer/plan-writer.ts";
import { acquire, reclaim, renew } from "../../core/writer/record/writer-steps.ts";
import type { WriterAction } from "../../core/writer/writer-action.ts";
import { observeVolume } from "../observe-volume.ts";
import { type ReconcileWorld, withControllerPorts } from "../testing/a-controller.ts";
import { aDriverNode } from "../testing/a-driver-node.ts";
import { executeWriterAction } from "./execute-writer-action.ts";

const never = new AbortController().signal;
const a = identity("node-a");
const earlier = { ...a, vmId: "vm-of-an-earlier-node-a", instanceUri: `${a.instanceUri}-earlier` };
const unrequested = aWriter("node-a", { requested: false });

function move(
  world: ReconcileWorld,
  step: (record: NonNullable<ReturnType<ReconcileWorld["record"]>>) => ReturnType<typeof renew>,
): Promise<void> {
  return world.setRecord((record) => {
    const next = step(record);
    assert.ok(next.ok, JSON.stringify(next));
    return next.value;
  });
}

describe("an action whose plan is outdated", () => {
  it("withdraws no request in the record once the mark is gone", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", aVolumeWithRecord({ writer: aWriter("node-a") }));
      await world.given("AzVolumeAttachment", anAttachment("node-a"));
      world.outOfService.add("node-a");
      const observed = observeVolume(world.ports, "pvc-1");
      assert.ok(observed !== undefined);
      const actions = planWriter(observed).filter(({ kind }) => kind === "Withdraw");
      const store = new Proxy(world.ports.store, {
        get: (target, key) => {
          const method = Reflect.get(target, key) as (...args: unknown[]) => Promise<unknown>;
          if (key !== "update") return method;
          return async (...args: unknown[]) => {
            const written = await method.apply(target, args);
            world.outOfService.delete("node-a");
            return written;
          };
        },
      });
      for (const action of actions)
        await world.answerOf(executeWriterAction({ ...world.ports, store }, observed, action, never));
      assert.equal(world.record()?.writer?.requested, true);
    }));

  it("fences no VM that the plan took for the present one, once it is renewed", () =>
    withControllerPorts(async (world) => {
      // Its AzDriverNode is lost: the Node alone says which VM has the name, and that is read again.
      await world.given("AzVolume", aVolumeWithRecord({ writer: unrequested }));
      world.outOfService.add("node-a");
      const observed = observeVolume(world.ports, "pvc-1");
      assert.ok(observed !== undefined);
      const actions = planWriter(observed);
      assert.deepEqual(
        actions.map(({ kind }) => kind),
        ["BeginFence"],
      );
      await move(world, (record) => renew(record, a));
      world.nodeNames.delete(instanceUriOf("node-a"));
      world.nodeNames.set(`${instanceUriOf("node-a")}-next`, "node-a");
      for (const action of actions)
        await world.answerOf(executeWriterAction(world.ports, observed, action, never));
      const { writer, fencing } = world.record() ?? {};
      assert.deepEqual([writer?.requested, fencing], [true, undefined]);
    }));

  for (const { because, again } of [
    {
      because: "and holds it under a new grant",
      again: aWriter("node-a", { epoch: 2 }),
    },
    {
      because: "and has released it again",
      again: aWriter("node-a", { epoch: 2, held: false, requested: false }),
    },
  ])
    it(`fences no VM that was granted the volume again since the plan, ${because}`, () =>
      withControllerPorts(async (world) => {
        await world.given("AzVolume", aVolumeWithRecord({ writer: unrequested }));
        const observed = observeVolume(world.ports, "pvc-1");
        assert.ok(observed !== undefined);
        await world.setRecord((record) => ({ ...record, writer: again, epoch: again.epoch }));
        for (const ground of ["off", "outOfService"] as const) {
          world.outOfService.add("node-a");
          const fence: WriterAction = { kind: "BeginFence", node: a, distrusts: true, ground, because: "" };
          assert.deepEqual(await world.answerOf(executeWriterAction(world.ports, observed, fence, never)), {
            ok: true,
            value: {},
          });
          const { writer, fencing } = world.record() ?? {};
          assert.deepEqual([writer, fencing], [again, undefined]);
        }
      }));

  it("fences no VM whose released grant was acquired again since the plan", () =>
    withControllerPorts(async (world) => {
      const released = aWriter("node-a", { held: false, requested: false });
      await world.given("AzVolume", aVolumeWithRecord({ writer: released }));
      const observed = observeVolume(world.ports, "pvc-1");
      assert.ok(observed !== undefined);
      await move(world, (record) => renew(record, a));
      await move(world, (record) => acquire(record, a, { isClean: true, storeIncarnation: 0 }));
      world.outOfService.add("node-a");
      for (const ground of ["off", "outOfService"] as const) {
        const fence: WriterAction = { kind: "BeginFence", node: a, distrusts: true, ground, because: "" };
        await world.answerOf(executeWriterAction(world.ports, observed, fence, never));
        const { writer, fencing } = world.record() ?? {};
        assert.deepEqual([writer, fencing], [{ ...released, held: true, requested: true }, undefined]);
      }
    }));

  it("fences no unverified VM that has reclaimed the volume since the plan", () =>
    withControllerPorts(async (world) => {
      await world.given("AzDriverNode", aDriverNode("node-a"));
      await world.given("AzVolume", aVolumeWithRecord({ unverified: [earlier] }));
      world.outOfService.add("node-a");
      const observed = observeVolume(world.ports, "pvc-1");
      assert.ok(observed !== undefined);
      const fences = planWriter(observed).filter(({ kind }) => kind === "BeginFence");
      assert.equal(fences.length, 1);
      await move(world, (record) => reclaim(record, earlier, 1));
      for (const action of fences)
        await world.answerOf(executeWriterAction(world.ports, observed, action, never));
      const { writer, fencing } = world.record() ?? {};
      assert.deepEqual([writer?.requested, fencing], [true, undefined]);
    }));

  it("fences no present writer whose request was renewed since the plan", () =>
    withControllerPorts(async (world) => {
      await world.given("AzDriverNode", aDriverNode("node-a"));
      await world.given("AzVolume", aVolumeWithRecord({ writer: unrequested }));
      world.outOfService.add("node-a");
      const observed = observeVolume(world.ports, "pvc-1");
      assert.ok(observed !== undefined);
      await move(world, (record) => renew(record, a));
      const fence: WriterAction = { kind: "BeginFence", node: a, ground: "outOfService", because: "" };
      await world.answerOf(executeWriterAction(world.ports, observed, fence, never));
      const { writer, fencing } = world.record() ?? {};
      assert.deepEqual([writer?.requested, fencing], [true, undefined]);
      assert.deepEqual(world.emitted, [], "a person would look after a node that nothing happens to");
    }));

  it("reports no fence of a stalled writer that a pod uses again", () =>
    withControllerPorts(async (world) => {
      await world.given("AzDriverNode", aDriverNode("node-a"));
      await world.given("AzVolume", aVolumeWithRecord({ writer: aWriter("node-a") }));
      const observed = observeVolume(world.ports, "pvc-1");
      assert.ok(observed !== undefined);
      const fence: WriterAction = { kind: "BeginFence", node: a, ground: "stalled", because: "" };
      world.use = { kind: "used", users: ["pod/one"] };
      await world.answerOf(executeWriterAction(world.ports, observed, fence, never));
      assert.deepEqual([world.record()?.fencing, world.emitted], [undefined, []]);
      world.use = { kind: "unused" };
      await world.answerOf(executeWriterAction(world.ports, observed, fence, never));
      assert.deepEqual(
        [world.record()?.fencing, world.emitted.map(({ reason }) => reason)],
        [a, ["Fencing"]],
      );
    }));

  it("reports nothing to a node whose attachment is leaving", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", aVolumeWithRecord({ writer: aWriter("node-a") }));
      await world.given("AzVolumeAttachment", anAttachment("node-b"));
      await world.given("AzVolumeAttachment", anAttachment("node-c"));
      await world.markDeleted("AzVolumeAttachment", anAttachment("node-c").metadata.name);
      const observed = observeVolume(world.ports, "pvc-1");
      assert.ok(observed !== undefined);
      const report: WriterAction = {
        kind: "Report",
        reason: "WriterSilent",
        message: "",
        nodeName: "node-a",
        localKey: "",
        retryAfterMs: 1,
      };
      await world.answerOf(executeWriterAction(world.ports, observed, report, never));
      assert.deepEqual(
        world.emitted.map(({ waitingOn }) => waitingOn),
        [["node-b"]],
      );
    }));
});
